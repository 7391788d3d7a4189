"""The rows of work lists as pages and streams show them, made once for all who may see the same."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal

import orjson
from fastapi import Request
from pydantic import BaseModel, ConfigDict

from services.notify.cases.attention import states_of
from services.notify.cases.models import CENTRAL_DESK, Case
from services.notify.console.broadcaster import ConsoleSubscriber
from services.notify.console.problems import center_name
from services.notify.console.views import ROW, CaseRow, row_of
from services.notify.team.directory import StaffDirectory
from shared import centers
from shared.events.base import Moment
from shared.events.vocabulary import EndReason
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.pages import Pages

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
    """One message of the stream: rows to put in, cases to take out."""

    rows: list[StreamRow]
    gone: list[Left] = []
    sent_at: Moment


def entry_of(case: Case, section: Section) -> dict[str, object]:
    """A row of the message."""
    return StreamRow(**row_of(case).model_dump(), section=section).model_dump(mode="json")


def message(
    listener: ConsoleSubscriber, cases: list[Case], now: datetime, entry: Entry, place: dict[str, bool]
) -> bytes:
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


def _why_gone(listener: ConsoleSubscriber, case: Case) -> Literal["withdrawn", "closed", "moved", "answered"]:
    if listener.center_id in case.former and listener.center_id != case.center_id:
        return "moved"
    if case.ended is not None and not case.needs_attention:
        return "withdrawn" if case.ended is EndReason.WITHDRAWN else "closed"
    return "answered"


_KEPT: Final = 4096


_FRESH_S: Final = 1.0
"""Rows say how long ago something was; a second old is not noticed, and a burst meets every console within it."""


def center_names(pages: Pages, request: Request) -> dict[str, str]:
    """Every centre's short name in the reader's language."""
    language = pages.language(request)
    return {i: center_name(i, language) for i in (*centers.CENTER_IDS, CENTRAL_DESK)}


class Rows:
    """Rows as the stream sends them. What one shows depends on its list, the language and what its reader may do."""

    def __init__(self, pages: Pages, staff: StaffDirectory) -> None:
        """``staff`` knows the names."""
        self._pages = pages
        self._staff = staff
        self._made: OrderedDict[tuple[object, ...], tuple[bytes, float]] = OrderedDict()

    def entry(
        self, request: Request, principal: Principal, case: Case, center_id: str, section: Section, *, html: bool
    ) -> bytes:
        """One row of a work list, or of the offers above it, as JSON; with ``html`` as the page shows it, too."""
        may = (
            principal.may(Action.CASES_ACKNOWLEDGE, case.center_id),
            principal.may(Action.DETAILS_OPEN, case.center_id),
            principal.may(Action.TRANSFERS_ANSWER, center_id),
        )
        seen = (self._pages.language(request), may, self._staff.name(case.assignee)) if html else ()
        named = self._staff.name(case.acknowledged_by) if html else ""
        key = (case.report_id, case.rev, center_id, section, html, seen, named)
        now = self._pages.clock.monotonic()
        known = self._made.get(key)
        if known is not None and now - known[1] < _FRESH_S:
            return known[0]
        body = entry_of(case, section)
        if html:
            body["html"] = self._html(request, principal, case, center_id)
        made = orjson.dumps(body)
        self._made[key] = (made, now)
        self._made.move_to_end(key)
        # Oldest first; what is not fresh any more is of no use to anybody.
        while self._made and (len(self._made) > _KEPT or now - next(iter(self._made.values()))[1] > _FRESH_S):
            self._made.popitem(last=False)
        return made

    def _html(self, request: Request, principal: Principal, case: Case, center_id: str) -> str:
        return self._pages.fragment(
            request,
            "row.html",
            case=case,
            names=center_names(self._pages, request),
            view=center_id,
            who=self._staff.name,
            may=principal.may,
            states_of=states_of,
            shown=True,
        )
