"""The rows of work lists as pages and streams show them, made once for all who may see the same."""

from collections import OrderedDict
from typing import Final

import orjson
from fastapi import Request

from services.notify.cases.attention import states_of
from services.notify.cases.models import CENTRAL_DESK, Case
from services.notify.console.problems import center_name
from services.notify.console.stream_views import Section, entry_of
from services.notify.team.people import People
from shared import centers
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.pages import Pages

_KEPT: Final = 4096
_FRESH_S: Final = 1.0
"""Rows say how long ago something was; a second old is not noticed, and a burst meets every console within it."""


def center_names(pages: Pages, request: Request) -> dict[str, str]:
    """Every centre's short name in the reader's language."""
    language = pages.language(request)
    return {i: center_name(i, language) for i in (*centers.CENTER_IDS, CENTRAL_DESK)}


class Rows:
    """Rows as the stream sends them. What one shows depends on its list, the language and what its reader may do."""

    def __init__(self, pages: Pages, people: People) -> None:
        """``people`` knows the names as far as they were learnt."""
        self._pages = pages
        self._people = people
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
        seen = (self._pages.language(request), may, self._people.name(case.assignee)) if html else ()
        named = self._people.name(case.acknowledged_by) if html else ""
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
            who=self._people.name,
            may=principal.may,
            states_of=states_of,
            shown=True,
        )
