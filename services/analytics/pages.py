"""The dashboard for analysts. Server-made, without script."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse

from services.analytics.catalogue import periods_of, published
from services.analytics.policy.definitions import DEFINITIONS, GENERAL
from services.analytics.policy.derived import per_100000, percentile, within_target
from services.analytics.policy.disclosure import Figure
from services.analytics.policy.periods import Period
from services.analytics.policy.releasing import HARM_TABLE, period_of
from services.analytics.policy.tables import Row, Table
from services.analytics.rendering.charts import LEVELS, bar_chart, level
from services.analytics.store.publications import Publications
from services.analytics.wording import Wording
from shared.identity.principal import Principal
from shared.identity.roles import MINISTRY, Action
from shared.web.gate import Gate
from shared.web.korea import MapCell
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

_BAND_WORDS: Final = tuple(
    f"{least}–{LEVELS[index + 1] - 1}" if index + 1 < len(LEVELS) else f"{least}+" for index, least in enumerate(LEVELS)
)


def router(publications: Publications, pages: Pages, gate: Gate) -> APIRouter:
    """``/``."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def dashboard(
        request: Request, principal: Annotated[Principal, Depends(gate(Action.TABLES_READ))], period: str = ""
    ) -> HTMLResponse:
        words = Wording(pages, request)
        operations = principal.may(Action.OPERATIONS_READ, MINISTRY)
        general: dict[str, Any] = {
            "words": words,
            "general": GENERAL,
            "next_release": publications.next_release(),
            "operations": operations,
        }
        periods = await periods_of(publications, DEFINITIONS["reports-by-center"])
        if not periods:
            return pages.render(request, "nothing_yet.html", **general)
        centers = await published(publications, "reports-by-center", period[:20])
        times = await published(publications, "acknowledgement-times", centers.period.name)
        weeks = await published(publications, "reports-by-week", centers.period.name)
        harms = await _harms(publications, centers.period)
        return pages.render(
            request,
            "dashboard.html",
            **general,
            periods=periods,
            table=centers,
            times=times,
            harms=harms,
            tables=[table for table in (centers, harms, times, weeks) if table],
            total=centers.rows[-1].figures[0],
            rate=per_100000(centers),
            half=percentile(times, 0.5),
            nine_of_ten=percentile(times, 0.9),
            within=within_target(times),
            map_cells=_map_cells(centers, words),
            bands=list(enumerate(_BAND_WORDS)),
            harm_rows=_harm_rows(harms) if harms else [],
            harm_chart=_harm_chart(harms, words) if harms else "",
            time_chart=_time_chart(times, words),
            week_chart=_week_chart(weeks, words),
            definitions=DEFINITIONS,
            yearly=[d for d in DEFINITIONS.values() if d.kinds == ("year",)],
        )

    return routes


async def _harms(publications: Publications, period: Period) -> Table | None:
    """The table by harm type of the quarter a period lies in or ends with; None before that was released."""
    definition = DEFINITIONS[HARM_TABLE]
    last = period.months[-1]
    fitting = [name for name in await periods_of(publications, definition) if last in period_of(name).months]
    return await published(publications, definition.name, fitting[0]) if fitting else None


def _map_cells(table: Table, words: Wording) -> dict[str, MapCell]:
    cells: dict[str, MapCell] = {}
    for row in (row for row in table.rows[:-1] if not row.of):
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


def _week_chart(table: Table, words: Wording) -> str:
    return bar_chart(
        words.bars([(row.key, row.figures[0]) for row in table.rows[:-1]]),
        chart_id="weeks",
        title=words.text(gettext_noop("Reports by week, nationwide")),
        description=words.text(gettext_noop("Bars, earliest week first; the same numbers stand in the file.")),
    )
