"""The dashboard for analysts and the operators' page. Server-made, without script."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse

from services.analytics.catalogue import published
from services.analytics.policy.counts import UNANSWERED
from services.analytics.policy.disclosure import REFRESH_EVERY, SMALL, Figure
from services.analytics.policy.tables import DEFINITIONS, GENERAL, Row, Table, answered_within
from services.analytics.rendering.charts import LEVELS, bar_chart, level
from services.analytics.store.publications import Publications
from services.analytics.store.reading import Reader
from services.analytics.watch import Watch
from services.analytics.wording import Wording
from shared.clock import Clock
from shared.identity.principal import Principal
from shared.identity.roles import MINISTRY, Action
from shared.web.gate import Gate
from shared.web.korea import MapCell
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

_BAND_WORDS: Final = tuple(
    f"{least}–{LEVELS[index + 1] - 1}" if index + 1 < len(LEVELS) else f"{least}+" for index, least in enumerate(LEVELS)
)


def router(
    publications: Publications, reader: Reader, watch: Watch, pages: Pages, gate: Gate, clock: Clock
) -> APIRouter:
    """``/`` and ``/operations``."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def dashboard(
        request: Request, principal: Annotated[Principal, Depends(gate(Action.TABLES_READ))], period: str = ""
    ) -> HTMLResponse:
        words = Wording(pages, request)
        wanted = period[:20]
        by_harm = await published(publications, "reports-by-center-and-harm", wanted)
        times = await published(publications, "acknowledgement-times", wanted)
        days = await published(publications, "reports-by-day", by_harm.period.months[-1])
        return pages.render(
            request,
            "dashboard.html",
            words=words,
            periods=[*await publications.periods("month"), *await publications.periods("quarter")],
            table=by_harm,
            times=times,
            days=days,
            total=by_harm.rows[-1].figures[0],
            answered=_answered(times),
            half=answered_within(times),
            map_cells=_map_cells(by_harm, words),
            bands=list(enumerate(_BAND_WORDS)),
            harm_rows=_harm_rows(by_harm),
            harm_chart=_harm_chart(by_harm, words),
            time_chart=_time_chart(times, words),
            definitions=DEFINITIONS,
            general=GENERAL,
            refresh_every=REFRESH_EVERY,
            small=SMALL,
            operations=principal.may(Action.OPERATIONS_READ, MINISTRY),
        )

    @routes.get("/operations")
    async def operations(
        request: Request, principal: Annotated[Principal, Depends(gate(Action.OPERATIONS_READ))]
    ) -> HTMLResponse:
        gate.demand(request, principal, Action.OPERATIONS_READ, MINISTRY)
        centers = await reader.centers()
        return pages.render(
            request,
            "operations.html",
            numbers=await watch.reconcile(),
            caught_up=watch.caught_up(),
            closed=sum(center.state == "closed" for center in centers),
            known=len(centers),
            looked_at=clock.now(),
        )

    return routes


def _answered(times: Table) -> Figure:
    """Reports answered by a person: all but those not answered, from published figures."""
    total, waiting = times.rows[-1].figures[0], next(r.figures[0] for r in times.rows if r.key == UNANSWERED)
    if total.low is None or total.high is None or waiting.low is None or waiting.high is None:
        return Figure(None, None)
    return Figure(max(0, total.low - waiting.high), total.high - waiting.low)


def _map_cells(table: Table, words: Wording) -> dict[str, MapCell]:
    cells: dict[str, MapCell] = {}
    for row in table.rows[:-1]:
        band = level(row.figures[0])
        css = "hidden" if band is None else "none" if row.figures[0].high == 0 else f"level-{band}"
        cells[row.key] = MapCell(css, words.figure(row.figures[0]))
    return cells


def _harm_rows(table: Table) -> list[tuple[str, Figure]]:
    total: Row = table.rows[-1]
    pairs = list(zip(table.columns[1:], total.figures[1:], strict=True))
    return sorted(pairs, key=lambda pair: (-(pair[1].high or -1), -(pair[1].low or -1)))


def _harm_chart(table: Table, words: Wording) -> str:
    return bar_chart(
        words.bars(_harm_rows(table)),
        chart_id="harms",
        title=words.text(gettext_noop("Reports by harm type, nationwide")),
        description=words.text(gettext_noop("Bars, longest first; the same numbers stand in the table beside.")),
    )


def _time_chart(table: Table, words: Wording) -> str:
    return bar_chart(
        words.bars([(row.key, row.figures[0]) for row in table.rows[:-1]]),
        chart_id="times",
        title=words.text(gettext_noop("Reports by time to acknowledgement, nationwide")),
        description=words.text(gettext_noop("Bars, shortest time first; the same numbers stand in the table beside.")),
    )
