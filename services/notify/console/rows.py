"""The rows of work lists as pages and streams show them, made once for all who may see the same."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Final, Literal, NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict

from services.notify.cases.attention import states_of
from services.notify.cases.models import CENTRAL_DESK, Case
from services.notify.console.broadcaster import ConsoleSubscriber
from services.notify.console.problems import center_name
from services.notify.console.views import ROW, CaseRow, shown_of
from services.notify.team.directory import StaffDirectory
from shared import centers
from shared.events.base import Moment
from shared.events.vocabulary import EndReason
from shared.identity.principal import Principal
from shared.identity.roles import NOBODY, Action
from shared.web.language import Language
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
    return StreamRow(**shown_of(case), section=section).model_dump(mode="json")


def message(
    subscriber: ConsoleSubscriber, cases: list[Case], now: datetime, entry: Entry, place: dict[str, bool]
) -> bytes:
    """A ``StreamRows`` for one console as JSON, with ``place`` beside it; rows come ready from ``entry``."""
    rows: list[bytes] = []
    gone: list[dict[str, str]] = []
    for case in cases:
        if subscriber.holds(case):
            rows.append(entry(case, "cases"))
        elif subscriber.offered(case):
            rows.append(entry(case, "offers"))
        else:
            gone.append({"report_id": case.report_id, "alias": case.alias, "why": _why_gone(subscriber, case)})
    rest = orjson.dumps({"gone": gone, "sent_at": now, **place}, option=orjson.OPT_UTC_Z)
    return b'{"rows":[' + b",".join(rows) + b"]," + rest[1:]


def _why_gone(subscriber: ConsoleSubscriber, case: Case) -> Literal["withdrawn", "closed", "moved", "answered"]:
    if subscriber.center_id in case.former and subscriber.center_id != case.center_id:
        return "moved"
    if case.ended is not None and not case.needs_attention:
        return "withdrawn" if case.ended is EndReason.WITHDRAWN else "closed"
    return "answered"


_KEPT: Final = 4096


_FRESH_S: Final = 1.0
"""Rows say how long ago something was; a second old is not noticed, and a burst meets every console within it."""


@cache
def center_names(language: Language) -> dict[str, str]:
    """Every centre's short name in a language."""
    return {i: center_name(i, language) for i in (*centers.CENTER_IDS, CENTRAL_DESK)}


_ON_ROWS: Final = (Action.CASES_ACKNOWLEDGE, Action.DETAILS_OPEN, Action.TRANSFERS_ANSWER)
"""What a row offers to whoever may do it."""


class RowView(NamedTuple):
    """What the look of a row depends on beside its case: whoever has the same view is sent the same row."""

    center_id: str
    """Whose list it stands on."""
    language: Language | None = None
    """None: without HTML, and so the same for everybody."""
    organisation: str = ""
    own: tuple[Action, ...] = ()
    """What the reader may do with cases of their organisation."""
    others: tuple[Action, ...] = ()
    """And with those of any other."""

    def may(self, action: str, organisation: str) -> bool:
        """Return whether the reader may do this with a case of an organisation."""
        return action in (self.own if organisation == self.organisation else self.others)


def view_of(principal: Principal, center_id: str, language: Language) -> RowView:
    """The view somebody has of a centre's list, as pages show it."""
    organisation = principal.organisation
    own, others = (
        tuple(action for action in _ON_ROWS if principal.may(action, whose)) for whose in (organisation, NOBODY)
    )
    return RowView(center_id, language, organisation, own, others)


class Rows:
    """Rows as the stream sends them. What one shows depends on its list, the language and what its reader may do."""

    def __init__(self, pages: Pages, staff: StaffDirectory) -> None:
        """``staff`` knows the names."""
        self._pages = pages
        self._staff = staff
        self._made: OrderedDict[tuple[object, ...], tuple[bytes, float]] = OrderedDict()

    def entry(self, view: RowView, case: Case, section: Section) -> bytes:
        """One row of a work list, or of the offers above it, as JSON; in a language as the page shows it, too."""
        name = self._staff.name
        key = (view, case.report_id, case.rev, section, name(case.assignee), name(case.acknowledged_by))
        now = self._pages.clock.monotonic()
        known = self._made.get(key)
        if known is not None and now - known[1] < _FRESH_S:
            return known[0]
        body = entry_of(case, section)
        if view.language is not None:
            body["html"] = self._html(view, view.language, case)
        made = orjson.dumps(body)
        self._made[key] = (made, now)
        self._made.move_to_end(key)
        # Oldest first; what is not fresh any more is of no use to anybody.
        while self._made and (len(self._made) > _KEPT or now - next(iter(self._made.values()))[1] > _FRESH_S):
            self._made.popitem(last=False)
        return made

    def _html(self, view: RowView, language: Language, case: Case) -> str:
        return self._pages.fragment(
            language,
            "row.html",
            case=case,
            names=center_names(language),
            view=view.center_id,
            who=self._staff.name,
            may=view.may,
            states_of=states_of,
            shown=True,
        )
