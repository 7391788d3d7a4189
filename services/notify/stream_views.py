"""What the live stream carries: rows to put into a work list, and cases that left it with the reason."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.notify.hub import Listener
from services.notify.model import Case
from services.notify.views import ROW, CaseRow, row_of
from shared.events.base import Moment
from shared.events.vocabulary import EndReason


class StreamRow(CaseRow):
    """A row and which list of the console it belongs to."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**ROW, "section": "cases"}]})

    section: Literal["cases", "offers"]


class Left(BaseModel):
    """A case that left a list, and why: it ended, it moved, or it only needs nobody any more."""

    report_id: str
    alias: str
    why: Literal["withdrawn", "closed", "moved", "answered"]


class StreamRows(BaseModel):
    """What one message of the stream carries: rows to put in, cases to take out."""

    rows: list[StreamRow]
    gone: list[Left] = []
    sent_at: Moment


def stream_rows(listener: Listener, cases: list[Case], now: datetime) -> StreamRows:
    """The message for one console."""
    rows: list[StreamRow] = []
    gone: list[Left] = []
    for case in cases:
        if listener.holds(case) or listener.offered(case):
            section: Literal["cases", "offers"] = "cases" if listener.holds(case) else "offers"
            rows.append(StreamRow(**row_of(case).model_dump(), section=section))
        else:
            gone.append(Left(report_id=case.report_id, alias=case.alias, why=_why_gone(listener, case)))
    return StreamRows(rows=rows, gone=gone, sent_at=now)


def _why_gone(listener: Listener, case: Case) -> Literal["withdrawn", "closed", "moved", "answered"]:
    if listener.center_id in case.former and listener.center_id != case.center_id:
        return "moved"
    if case.ended is not None and not case.needs_attention:
        return "withdrawn" if case.ended is EndReason.WITHDRAWN else "closed"
    return "answered"
