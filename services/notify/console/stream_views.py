"""What the live stream carries: rows to put into a work list, and cases that left it with the reason."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict

from services.notify.cases.models import Case
from services.notify.console.broadcaster import Listener
from services.notify.console.views import ROW, CaseRow, row_of
from shared.events.base import Moment
from shared.events.vocabulary import EndReason

Section = Literal["cases", "offers"]
Entry = Callable[[Case, Section], bytes]
"""A row of the message as JSON. The same for all who may see the same, so that it is made once for them."""


class StreamRow(CaseRow):
    """A row and which list of the console it belongs to."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**ROW, "section": "cases"}]})

    section: Section


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


def entry_of(case: Case, section: Section) -> dict[str, object]:
    """A row of the message."""
    return StreamRow(**row_of(case).model_dump(), section=section).model_dump(mode="json")


def message(listener: Listener, cases: list[Case], now: datetime, entry: Entry, place: dict[str, bool]) -> bytes:
    """A ``StreamRows`` for one console as JSON, with ``place`` beside it; rows come ready from ``entry``."""
    rows: list[bytes] = []
    gone: list[dict[str, str]] = []
    for case in cases:
        if listener.holds(case):
            rows.append(entry(case, "cases"))
        elif listener.offered(case):
            rows.append(entry(case, "offers"))
        else:
            gone.append({"report_id": case.report_id, "alias": case.alias, "why": _why_gone(listener, case)})
    rest = orjson.dumps({"gone": gone, "sent_at": now, **place}, option=orjson.OPT_UTC_Z)
    return b'{"rows":[' + b",".join(rows) + b"]," + rest[1:]


def _why_gone(listener: Listener, case: Case) -> Literal["withdrawn", "closed", "moved", "answered"]:
    if listener.center_id in case.former and listener.center_id != case.center_id:
        return "moved"
    if case.ended is not None and not case.needs_attention:
        return "withdrawn" if case.ended is EndReason.WITHDRAWN else "closed"
    return "answered"
