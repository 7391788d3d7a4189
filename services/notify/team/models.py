"""Centers as their staff last said they are, and rotas."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import Field

from services.notify.cases.models import StoredModel
from shared.events.vocabulary import (
    CenterState,
    EndReason,
    HarmType,
)


class CenterDuty(StoredModel):
    """A centre's duty, as its staff last said."""

    center_id: str = Field(alias="_id")
    rev: int
    center_version: int
    state: CenterState
    staff_on_duty: int
    cases_per_person: int
    changed_at: datetime | None = None
    """None: nobody has said anything yet, the nominal staff counts."""

    @property
    def nobody(self) -> bool:
        """Whether an alert to the staff on duty would reach nobody."""
        return self.state is CenterState.CLOSED or self.staff_on_duty == 0


SHIFTS: Final = 60
"""Of one centre at most: three people have a handful each."""


class Shift(StoredModel):
    """When somebody works, every week."""

    subject: str
    days: tuple[int, ...]
    """Days of the week, 0 for Monday."""
    holidays: bool
    """Whether it takes place on every public holiday as well; without this it takes place on none."""
    start: str = Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    end: str = Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    """The same as ``start``: round the clock."""


class Rota(StoredModel):
    """A centre's shifts."""

    center_id: str = Field(alias="_id")
    rev: int
    shifts: tuple[Shift, ...] = ()


@dataclass(frozen=True, slots=True)
class Counted:
    """The counted fields of a case."""

    received_at: datetime
    harm_types: tuple[HarmType, ...]
    acknowledged_at: datetime | None
    contacted_at: datetime | None
    ended: EndReason | None
