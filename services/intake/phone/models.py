"""A call an operator is in: whose it is, how far it is, and what was said so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class CallState(StrEnum):
    """How far a call is. Values are stored: never rename one."""

    OPEN = "open"
    SENDING = "sending"
    """Its answers are fixed and become a report; any process that finds it so finishes it."""
    SENT = "sent"
    """It is a report; the receipt can be read out until the call ends."""
    ENDED = "ended"


class CallEnding(StrEnum):
    """How a call ended. Values are stored and a metric's label."""

    SENT = "sent"
    STOPPED = "stopped"
    """The operator ended it without a report."""
    ABANDONED = "abandoned"
    """No operator came back to it in time."""


class Assent(BaseModel):
    """Record that the texts of consent were read to the caller: by whom, when, and which wording in which language."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: str
    language: str
    by: str
    """The operator's staff reference."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Notes:
    """Answers so far, sealed wherever they are stored."""

    answers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    assent: Assent | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One call. Times and references only; what was said is beside it (``Notes``)."""

    call_id: str
    state: CallState
    holder: str
    """The staff reference of the operator who has it."""
    organisation: str
    started_at: datetime
    until: datetime
    """Until when it is kept without anybody looking at it."""
    version: int = 1
    """Goes up with every change; two that race are told apart by it."""
    saved_at: datetime | None = None
    offered_at: datetime | None = None
    """Since when it is offered to other operators."""
    taken: int = 0
    """How often another operator took it over."""
    sending_at: datetime | None = None
    ending: CallEnding | None = None

    def after(self, **reports: Any) -> Self:  # noqa: ANN401  # its own fields
        """The call after a change."""
        return replace(self, version=self.version + 1, **reports)
