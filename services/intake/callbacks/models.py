"""What is kept of a callback about one report, and what is sent. Nothing in it names a person or the report."""

from datetime import datetime
from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, Field

from services.intake.reports.lifecycle import FrozenModel
from services.intake.reports.models import State

EVENT_TYPE: Final = "report.status_changed"


class StatusChange(FrozenModel):
    """One change that is to be told."""

    id: str
    """``webhook-id``: random, and the same whenever it is sent again."""
    sequence: int
    state: str
    """A ``State``, perhaps one of a later build; so everywhere here."""
    since: datetime
    noticed_at: datetime
    code: bytes = b""
    """Authenticates all of it, see ``callbacks.rules.change_code``."""


class Attempt(FrozenModel):
    """One sending and what the receiver answered."""

    sequence: int
    state: str
    at: datetime
    answer: str
    """The HTTP status, or a short code of why there was none."""


class CallbackSubscription(FrozenModel):
    """What is told about one report, as stored."""

    report_id: str = Field(alias="_id")
    client: str
    reference: str
    code: bytes = b""
    """Authenticates the three, see ``callbacks.rules.reference_code``."""
    state: str
    """What was noticed last."""
    sequence: int
    pending: tuple[StatusChange, ...] = ()
    tries: int = 0
    due_at: datetime | None = None
    lease_until: datetime | None = None
    over: bool = False
    """Nothing more will change: once the last change is told, this goes."""
    attempts: tuple[Attempt, ...] = ()


class StatusChanged(BaseModel):
    """What `data` holds."""

    reference: str = Field(
        description="What the front end sent as `Ieum-Callback` with the report.", examples=["k3J9-fQ27"]
    )
    sequence: int = Field(ge=1, description="Counts this report's changes from 1, without gaps, in their order.")
    state: State = Field(description="As `state` of the status; new words may come.", examples=["seen"])
    since: AwareDatetime = Field(description="Since when.", examples=["2026-11-24T12:00:00.000Z"])


class CallbackBody(BaseModel):
    """The body of a callback, signed as Standard Webhooks has it."""

    type: Literal["report.status_changed"]
    timestamp: AwareDatetime = Field(description="When the change was noticed.", examples=["2026-11-24T12:00:01.000Z"])
    data: StatusChanged
