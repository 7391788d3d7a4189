"""The dashboard for analysts: four pages of one period, made from releases. Server-made, without script."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse

from services.analytics.catalogue import periods_of, published
from services.analytics.panels import centers, front, people, trends
from services.analytics.panels.parts import lines
from services.analytics.policy.definitions import DEFINITIONS, GENERAL
from services.analytics.policy.edition import Edition
from services.analytics.policy.history import Published
from services.analytics.policy.releasing import HARM_TABLE
from services.analytics.store.publications import Publications
from services.analytics.watch import Watch
from services.analytics.wording import Wording
from shared.errors import TransientError
from shared.identity.principal import Principal
from shared.identity.roles import MINISTRY, Action
from shared.web.gate import Gate
from shared.web.korea import MERGER
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

History = Callable[[], Awaitable[Sequence[Published]]]
"""Reads the published yearly figures that were loaded."""

PAGES: Final = {
    "/": gettext_noop("Overview"),
    "/centers": gettext_noop("Centre by centre"),
    "/people": gettext_noop("People"),
    "/trends": gettext_noop("Over time"),
}
_COSTS: Final = (
    *("reports-by-center", HARM_TABLE, "acknowledgement-times", "reports-by-week", "reports-by-outcome"),
    *("reports-seen-late", "reports-from-elsewhere", "reports-by-age-and-gender", "reports-by-role-and-channel"),
)


async def nothing_loaded() -> Sequence[Published]:
    """Where no published figures are kept."""
    return ()


def router(
    publications: Publications, watch: Watch, pages: Pages, gate: Gate, history: History = nothing_loaded
) -> APIRouter:
    """The pages of `PAGES`."""
    routes = APIRouter(include_in_schema=False)
    Reader = Annotated[Principal, Depends(gate(Action.TABLES_READ))]  # noqa: N806  # a type

    async def general(request: Request, principal: Principal, period: str) -> dict[str, Any]:
        """What every page needs: the words, the periods there are, and the edition of the one asked for."""
        periods = await periods_of(publications, DEFINITIONS["reports-by-center"])
        found: dict[str, Any] = {
            "words": Wording(pages, request),
            "general": GENERAL,
            "next_release": publications.next_release(),
            "operations": principal.may(Action.OPERATIONS_READ, MINISTRY),
            "periods": periods,
            "sections": PAGES,
        }
        if periods:
            table = await published(publications, "reports-by-center", period[:20])
            found |= {"table": table, "edition": Edition(publications.shelf, table.period)}
        return found

    def shown(request: Request, found: dict[str, Any], template: str, **more: object) -> HTMLResponse:
        context: dict[str, Any] = {**found, **more}
        return pages.render(request, template, **context)

    @routes.get("/")
    async def overview(request: Request, principal: Reader, period: str = "") -> HTMLResponse:
        found = await general(request, principal, period)
        if not found["periods"]:
            return shown(request, found, "nothing_yet.html")
        edition, words, table = found["edition"], found["words"], found["table"]
        costs = [each for name in _COSTS if (each := edition.table(name))]
        return shown(
            request,
            found,
            "dashboard.html",
            answers=front.answers(edition, words, accounted=watch.accounted()),
            map_cells=front.map_cells(table, words),
            map_day=table.period.last,
            merged=table.period.last >= MERGER,
            bands=list(enumerate(front.band_words(table))),
            center_lines=lines(table, words),
            panels=front.panels(edition, words),
            **front.harm_table(edition, words),
            tables=costs,
        )

    @routes.get("/centers")
    async def by_center(request: Request, principal: Reader, period: str = "") -> HTMLResponse:
        return await panelled(request, principal, period, centers.panels)

    @routes.get("/people")
    async def of_people(request: Request, principal: Reader, period: str = "") -> HTMLResponse:
        return await panelled(request, principal, period, people.panels)

    @routes.get("/trends")
    async def over_time(request: Request, principal: Reader, period: str = "") -> HTMLResponse:
        rows = await _loaded(history)
        return await panelled(request, principal, period, lambda edition, words: trends.panels(edition, words, rows))

    async def panelled(
        request: Request, principal: Principal, period: str, made: Callable[[Edition, Wording], Sequence[object]]
    ) -> HTMLResponse:
        found = await general(request, principal, period)
        if not found["periods"]:
            return shown(request, found, "nothing_yet.html")
        return shown(request, found, "panels.html", panels=made(found["edition"], found["words"]))

    return routes


async def _loaded(history: History) -> Sequence[Published] | None:
    try:
        return await history()
    except TransientError:
        return None
