"""What notify knows of a case: whose it is, who was told, when the next step is due. Nothing here names a person."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from shared.events.vocabulary import CenterState, Channel, EndReason, HarmType, RoutingReason, Urgency

CENTRAL_DESK = "central"
SEOUL = ZoneInfo("Asia/Seoul")


def _in_utc(value: object) -> object:
    """A store may hand back times without a zone; they were written in UTC."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


Instant = Annotated[datetime, BeforeValidator(_in_utc)]


class Model(BaseModel):
    """A frozen part of what notify stores; fields of other builds and of the outbox are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class CaseState(StrEnum):
    """Where a case stands for its centre."""

    WAITING = "waiting"
    ACKNOWLEDGED = "acknowledged"
    ENDED = "ended"


class Target(StrEnum):
    """Whom a step of the ladder reaches."""

    DUTY = "duty"
    LEAD = "lead"
    CENTRAL = "central"


class EntryKind(StrEnum):
    """What a line of a case's timeline tells."""

    ROUTED = "routed"
    MOVED = "moved"
    AMENDED = "amended"
    MESSAGE_LEFT = "message_left"
    REOPENED = "reopened"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"
    ACKNOWLEDGED = "acknowledged"
    READ = "read"
    VOID = "void"
    NOBODY_ON_DUTY = "nobody_on_duty"
    ESCALATED = "escalated"
    SENT = "sent"
    FAILED = "failed"


class Entry(Model):
    """One line of the timeline."""

    at: Instant
    kind: EntryKind
    center_id: str
    step: int | None = None
    target: Target | None = None
    attempt: int | None = None
    reason: str | None = None
    by: str | None = None
    other_center_id: str | None = None
    alert_id: str | None = None


class Ladder(Model):
    """A run of the escalation ladder that is still going."""

    run: int
    step: int
    """Rung, from 1."""
    round: int
    """How often the rung was started; grows only on the last rung."""
    attempt: int
    """Sendings tried on this rung so far."""
    tries: int
    """Failures in a row, for the back-off."""
    pending: tuple[Target, ...]
    """Whom this round has not reached yet."""
    next_step_at: Instant | None
    """When the next rung or round begins; none until the rung was tried once."""
    due_at: Instant
    """When somebody has to look at this ladder next."""
    held: bool = False
    """Quiet hours moved ``due_at``."""


class Case(Model):
    """One report as its owning centre sees it."""

    report_id: str = Field(alias="_id")
    rev: int
    """Number of this state in the store; every write is guarded by the one before."""
    version: int
    """Newest record of routing's stream that is in here."""
    ownership: int
    center_id: str
    alias: str
    urgency: Urgency
    harm_types: tuple[HarmType, ...]
    channel: Channel
    language: str
    synthetic: bool
    reason: RoutingReason
    over_capacity: bool
    copy_central: bool
    received_at: Instant
    decided_at: Instant
    """When the present owner became the owner."""
    state: CaseState
    unread: bool = False
    """Something reached the report after the centre had seen it."""
    acknowledged_at: Instant | None = None
    acknowledged_by: str | None = None
    ended: EndReason | None = None
    case_version: int = 0
    alert_version: int = 0
    runs: int = 0
    ladder: Ladder | None = None
    wake_at: Instant | None = None
    """When a worker may claim this case: the ladder's due time, or the end of a lease."""
    lease_by: str | None = None
    entries: tuple[Entry, ...] = ()
    entries_dropped: int = 0
    sort_key: str = ""
    traceparent: str

    @property
    def needs_attention(self) -> bool:
        """Whether somebody still has to look."""
        return self.state is CaseState.WAITING or (self.unread and self.ended is not EndReason.WITHDRAWN)


class Center(Model):
    """What a centre can do now, as its staff last said."""

    center_id: str = Field(alias="_id")
    rev: int
    center_version: int
    state: CenterState
    staff_on_duty: int
    cases_per_person: int
    changed_at: Instant | None = None
    """None: nobody has said anything yet, the nominal staff counts."""

    @property
    def nobody(self) -> bool:
        """Whether an alert to the staff on duty would reach nobody."""
        return self.state is CenterState.CLOSED or self.staff_on_duty == 0


class DeadRecord(Model):
    """A record some consumer could not read; the first one per origin counts."""

    origin: str = Field(alias="_id")
    topic: str
    reason: str
    seen_at: Instant
    told_at: Instant | None = None
    read_at: Instant | None = None
