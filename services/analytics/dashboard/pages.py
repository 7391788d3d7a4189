"""The dashboard for analysts: four pages of one period, made from releases. Server-made, without script."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse

from services.analytics.counting.watch import Watch
from services.analytics.dashboard.history import PublishedFigure
from services.analytics.dashboard.panels import centers, course, front, people, trends
from services.analytics.dashboard.panels.parts import Panel, lines
from services.analytics.dashboard.period_releases import PeriodReleases
from services.analytics.dashboard.wording import Wording
from services.analytics.releases.calendar import Kind, period_of
from services.analytics.releases.catalogue import ReleaseSource, SampleReleases, periods_of, published
from services.analytics.releases.sample import MONTH
from services.analytics.releases.service import HeldBack, ReleaseService
from services.analytics.releases.tables import BY_CENTER, GENERAL, TABLE_SPECS, Marks, Split
from shared.errors import TransientError
from shared.identity.principal import Principal
from shared.identity.roles import MINISTRY, Action
from shared.web.authorization import Authorizer
from shared.web.korea import MERGER
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

History = Callable[[], Awaitable[Sequence[PublishedFigure]]]
"""Reads the published yearly figures that were loaded."""

PAGES: Final = {
    "/": gettext_noop("Overview"),
    "/centers": gettext_noop("Centre by centre"),
    "/people": gettext_noop("People"),
    "/trends": gettext_noop("Over time"),
}
_DRAWN: Final = ("where",)
"""Panels that the overview's template draws."""


async def nothing_loaded() -> Sequence[PublishedFigure]:
    """Return no figures: none are kept."""
    return ()


def router(
    source: ReleaseService,
    sample: SampleReleases,
    watch: Watch,
    pages: Pages,
    authorize: Authorizer,
    history: History = nothing_loaded,
) -> APIRouter:
    """The pages of `PAGES`; and the same of the sample under ``/sample``, until there is a release."""
    routes = APIRouter(include_in_schema=False)
    released = _Dashboard(source, watch, pages, history, held_back=lambda: source.held_back, late=source.late)
    shown = _Dashboard(sample, watch, pages, nothing_loaded, base="/sample")
    TablesReader = Annotated[Principal, Depends(authorize(Action.TABLES_READ))]  # noqa: N806  # a type

    def add(path: str, answer: Callable[[_Dashboard, Request, Principal, str], Awaitable[HTMLResponse]]) -> None:
        async def of_release(request: Request, principal: TablesReader, period: str = "") -> HTMLResponse:
            return await answer(released, request, principal, period)

        async def of_sample(request: Request, principal: TablesReader, period: str = MONTH) -> HTMLResponse:
            return await answer(shown, request, principal, period)

        routes.get(path)(of_release)
        routes.get(_under("/sample", path), dependencies=[Depends(sample.demand)])(of_sample)

    add("/", _Dashboard.overview)
    add("/centers", _Dashboard.by_center)
    add("/people", _Dashboard.of_people)
    add("/trends", _Dashboard.over_time)
    return routes


def _under(base: str, path: str) -> str:
    return f"{base}{path}".rstrip("/") or "/"


class _Dashboard:
    """The pages of one catalogue: of what was released, or of the sample, which mixes with nothing that is real."""

    def __init__(
        self,
        source: ReleaseSource,
        watch: Watch,
        pages: Pages,
        history: History,
        *,
        base: str = "",
        held_back: Callable[[], HeldBack | None] = lambda: None,
        late: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._source = source
        self._watch = watch
        self._pages = pages
        self._history = history
        self._base = base
        self._held_back = held_back
        self._late = late

    async def overview(self, request: Request, principal: Principal, period: str) -> HTMLResponse:
        """The front page."""
        found = await self._general(request, principal, period)
        if not found["periods"]:
            return self._nothing_yet(request, found)
        releases, words, table = found["releases"], found["words"], found["table"]
        suppressed = [spec.name for spec in TABLE_SPECS.values() if isinstance(spec.protection, Split | Marks)]
        costs = [each for name in suppressed if (each := releases.table(name))]
        panels = front.panels(releases, words)
        drawn = (*_DRAWN, *(panel.id for panel in panels))
        answers = front.answers(releases, words, accounted=self._watch.accounted())
        return self._shown(
            request,
            found,
            "dashboard.html",
            # What is unaccounted for is looked at now: nothing of it stands beside made-up figures.
            answers=[each for each in answers if not (self._base and each.id == "accounted")],
            map_cells=front.map_cells(table, words),
            map_day=table.period.last,
            merged=table.period.last >= MERGER,
            bands=list(enumerate(front.band_words(table))),
            center_lines=lines(table, words),
            panels=[*panels, *people.registered("/", releases, words, drawn)],
            **front.harm_table(releases, words),
            tables=costs,
        )

    async def by_center(self, request: Request, principal: Principal, period: str) -> HTMLResponse:
        """Centre by centre."""
        return await self._panelled(request, principal, period, "/centers", centers.panels)

    async def of_people(self, request: Request, principal: Principal, period: str) -> HTMLResponse:
        """The yearly tables: of a year, whatever period was chosen on another page."""
        return await self._panelled(request, principal, period, "/people", people.panels, kind="year")

    async def over_time(self, request: Request, principal: Principal, period: str) -> HTMLResponse:
        """Over time."""
        rows = await _loaded(self._history)
        return await self._panelled(
            request, principal, period, "/trends", lambda releases, words: trends.panels(releases, words, rows)
        )

    async def _panelled(
        self,
        request: Request,
        principal: Principal,
        period: str,
        path: str,
        made: Callable[[PeriodReleases, Wording], Sequence[Panel]],
        *,
        kind: Kind | None = None,
    ) -> HTMLResponse:
        found = await self._general(request, principal, period, kind)
        if not found["periods"]:
            return self._nothing_yet(request, found)
        releases, words = found["releases"], found["words"]
        panels = made(releases, words)
        more = people.registered(path, releases, words, [panel.id for panel in panels])
        return self._shown(request, found, "panels.html", panels=[*panels, *more])

    def _nothing_yet(self, request: Request, found: dict[str, Any]) -> HTMLResponse:
        """Before the first month: the weeks told so far, what comes next and when, and the way to the sample."""
        weeks, coming = course.first_weeks(self._source.catalogue, found["words"]), self._source.calendar()
        return self._shown(
            request,
            found,
            "nothing_yet.html",
            weeks=weeks,
            next_week=next((each for each in coming if each.period.kind == "week"), None),
            next_month=next(each.period.name for each in coming if each.period.kind == "month"),
        )

    def _held(self) -> dict[str, Any] | None:
        if (held := self._held_back()) is None:
            return None
        return {"period": held.period, "titles": [TABLE_SPECS[name].title for name in held.tables]}

    async def _general(
        self, request: Request, principal: Principal, period: str, kind: Kind | None = None
    ) -> dict[str, Any]:
        """Return the values of every page: the words, the periods there are, and the releases of the one asked for.

        With ``kind`` the page is of such a period where one is released: that in which the one asked for ends.
        """
        periods = await periods_of(self._source, TABLE_SPECS[BY_CENTER])
        found: dict[str, Any] = {
            "words": Wording(self._pages, request),
            "general": GENERAL,
            "next_release": self._source.next_release(),
            "operations": principal.may(Action.OPERATIONS_READ, MINISTRY),
            "periods": periods,
            "instead_of": "",
            "held_back": self._held(),
            "late": self._late(),
            "stopped_since": None if self._base else self._watch.stopped_since(),
            "base": self._base,
            "sample": bool(self._base),
            "sections": {_under(self._base, path): name for path, name in PAGES.items()},
        }
        if periods:
            table = await published(self._source, BY_CENTER, period[:20])
            fitting = [name for name in periods if kind in (None, period_of(name).kind)] or periods
            if table.period.name not in fitting:
                found["instead_of"] = table.period.name
                around = [name for name in fitting if period_of(name).first <= table.period.last]
                table = await published(self._source, BY_CENTER, (around or fitting)[0])
            found |= {"periods": fitting}
            found |= {"table": table, "releases": PeriodReleases(self._source.catalogue, table.period)}
        return found

    def _shown(self, request: Request, found: dict[str, Any], template: str, **more: object) -> HTMLResponse:
        context: dict[str, Any] = {**found, **more}
        return self._pages.render(request, template, **context)


async def _loaded(history: History) -> Sequence[PublishedFigure] | None:
    try:
        return await history()
    except TransientError:
        return None
