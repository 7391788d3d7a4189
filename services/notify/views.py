"""The shapes the API answers with."""

import re
from datetime import datetime
from typing import Final

from pydantic import BaseModel, Field, field_validator

from services.notify.hub import Listener
from services.notify.model import Case, CaseState, Center
from shared.events.base import CenterId, Moment, StaffRef
from shared.events.vocabulary import CenterState, Channel, EndReason, HarmType, Urgency

_LONG_NUMBER: Final = re.compile(r"\d{6}")
"""Six digits are a date of birth or part of a telephone number."""


class CaseRow(BaseModel):
    """One case on a work list. ``rev`` grows with every change: of two rows the higher one is true."""

    report_id: str
    alias: str
    center_id: str
    ownership: int
    urgency: Urgency
    harm_types: tuple[HarmType, ...]
    channel: Channel
    language: str
    state: CaseState
    unread: bool
    received_at: Moment
    owned_since: Moment
    acknowledged_at: Moment | None
    acknowledged_by: str | None
    ended: EndReason | None
    step: int | None = Field(description="Rung of the ladder that was reached last; none when no alert is running.")
    next_alert_at: Moment | None
    held: bool = Field(description="Quiet hours hold the next alert back.")
    over_capacity: bool
    synthetic: bool
    sort_key: str
    rev: int


def row_of(case: Case) -> CaseRow:
    """The row of a case."""
    ladder = case.ladder
    shared = case.model_dump(include=CaseRow.model_fields.keys() & Case.model_fields.keys())
    return CaseRow(
        **shared,
        owned_since=case.decided_at,
        step=ladder.step if ladder is not None else None,
        next_alert_at=ladder.due_at if ladder is not None else None,
        held=ladder is not None and ladder.held,
    )


class CaseList(BaseModel):
    """A page of a work list, the most urgent and longest waiting first. ``next`` is the cursor of the page after it."""

    cases: list[CaseRow]
    next: str | None


class AcknowledgeRequest(BaseModel):
    """Who takes the case, for which centre."""

    center_id: CenterId
    by: StaffRef = Field(description="An opaque reference to a member of staff; never a name or a number of a person.")

    @field_validator("by")
    @classmethod
    def _opaque(cls, value: str) -> str:
        if _LONG_NUMBER.search(value):
            raise ValueError("a reference holds no long number: it could be a person's")
        return value


class DutyRequest(BaseModel):
    """What a centre can do from now on."""

    state: CenterState
    staff_on_duty: int = Field(ge=0, le=999)
    cases_per_person: int | None = Field(default=None, ge=1, le=999)


class CenterView(BaseModel):
    """A centre as its staff last said it is; ``changed_at`` none: nobody has said anything yet."""

    center_id: str
    center_version: int
    state: CenterState
    staff_on_duty: int
    cases_per_person: int
    changed_at: Moment | None
    waiting: int
    acknowledged: int


def center_view(center: Center, counts: dict[CaseState, int]) -> CenterView:
    """The view of a centre."""
    return CenterView(
        **center.model_dump(exclude={"rev"}),
        waiting=counts[CaseState.WAITING],
        acknowledged=counts[CaseState.ACKNOWLEDGED],
    )


class StreamRows(BaseModel):
    """What one message of the stream carries: rows to put in, ids to take out."""

    rows: list[CaseRow]
    gone: list[str] = []
    sent_at: Moment


def stream_rows(listener: Listener, cases: list[Case], now: datetime) -> StreamRows:
    """The message for one console."""
    held = [row_of(case) for case in cases if listener.holds(case)]
    return StreamRows(rows=held, gone=[case.report_id for case in cases if not listener.holds(case)], sent_at=now)
