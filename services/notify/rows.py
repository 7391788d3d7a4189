"""The rows of work lists as pages and streams show them, made once for all who may see the same."""

from collections import OrderedDict
from typing import Final

from fastapi import Request

from services.notify.attention import states_of
from services.notify.explaining import center_name
from services.notify.model import CENTRAL_DESK, Case
from services.notify.people import People
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
    """Renders rows. What a row may show depends on the list, the language and what its reader may do, no more."""

    def __init__(self, pages: Pages, people: People) -> None:
        """``people`` knows the names as far as they were learnt."""
        self._pages = pages
        self._people = people
        self._made: OrderedDict[tuple[object, ...], tuple[str, float]] = OrderedDict()

    def html(self, request: Request, principal: Principal, case: Case, center_id: str) -> str:
        """One row of a work list, or of the offers above it."""
        may = (
            principal.may(Action.CASES_ACKNOWLEDGE, case.center_id),
            principal.may(Action.TRANSFERS_ANSWER, center_id),
        )
        names = (self._people.name(case.assignee), self._people.name(case.acknowledged_by))
        key = (case.report_id, case.rev, center_id, self._pages.language(request), may, names)
        now = self._pages.clock.monotonic()
        known = self._made.get(key)
        if known is not None and now - known[1] < _FRESH_S:
            return known[0]
        made = self._pages.fragment(
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
        self._made[key] = (made, now)
        self._made.move_to_end(key)
        while len(self._made) > _KEPT:
            self._made.popitem(last=False)
        return made
