"""What the model is made of: times, whom a step reaches, and a run of the ladder."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict

SEOUL = ZoneInfo("Asia/Seoul")


def _in_utc(value: object) -> object:
    """A store may hand back times without a zone; they were written in UTC."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


Instant = Annotated[datetime, BeforeValidator(_in_utc)]


class Model(BaseModel):
    """A frozen part of what notify stores; fields of other builds and of the outbox are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Target(StrEnum):
    """Whom a step of the ladder reaches."""

    DUTY = "duty"
    COLLEAGUES = "colleagues"
    """The others at the centre."""
    LEAD = "lead"
    CENTRAL = "central"


class RunCause(StrEnum):
    """What a run of the ladder waits for."""

    ANSWER = "answer"
    """That somebody takes the case."""
    CONTACT = "contact"
    """That whoever took it reaches the reporter."""
    MESSAGE = "message"
    """That somebody reads what the reporter left since."""


class Ladder(Model):
    """A run of the escalation ladder that is still going."""

    run: int
    cause: RunCause = RunCause.ANSWER
    step: int
    """Rung, from 1."""
    round: int
    """How often the rung was started."""
    attempt: int
    """Sendings tried on this rung so far."""
    tries: int
    """Failures in a row, for the back-off."""
    pending: tuple[Target, ...]
    """Whom this round has not reached yet by any channel."""
    again: tuple[str, ...] = ()
    """Endpoints that failed, or were left for a bundle, of those whom another channel has reached."""
    next_step_at: Instant | None
    """When the next rung or round begins; none until the rung was tried once."""
    due_at: Instant
    """When somebody has to look at this ladder next."""
    held: bool = False
    """Quiet hours moved ``due_at``."""
    gathered: bool = False
    """What is due was left for a bundle once: now it goes, whatever else its place has got meanwhile."""
