"""The live page: the same parts at once and, as they change, over the stream."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from services.routing.assignment.bands import Band
from services.routing.assignment.explain import Translate
from services.routing.console import words
from services.routing.console.live import LiveCenter, Order, SharedRows, ordered, totals
from services.routing.console.live_stream import STAMP
from services.routing.models import LiveLoads
from shared.centers import CENTER_IDS, CENTRAL, Fault, center
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.labels import CENTER_STATES
from shared.web.authorization import Authorizer
from shared.web.formats import percent
from shared.web.korea import MapCell
from shared.web.language import Language
from shared.web.pages import Pages

CLASSES: Final = {
    Band.FREE: "level-1",
    Band.BUSY: "level-2",
    Band.NEARLY_FULL: "level-3",
    Band.FULL: "level-4",
    Band.CLOSED: "hidden",
    Band.UNSTAFFED: "unstaffed",
}
"""Bands on the map: light to dark, and patterns for where nobody is."""


class Painter:
    """Makes the parts of the page. What all readers of a language are shown is made once a change."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._shared = SharedRows()
        self._stamps: dict[Language, tuple[LiveLoads, str]] = {}
        self._made: dict[Language, tuple[tuple[object, ...], dict[str, Any]]] = {}
        self._rows: dict[tuple[Language, str], tuple[LiveCenter, int, str]] = {}

    def parts(self, request: Request, live_loads: LiveLoads, order: Order) -> dict[str, Any]:
        """Every part by name: ``row:busan`` and ``place:busan`` for each centre, ``order``, and those with an id."""
        language = self._pages.language(request)
        rows = self._shared.of(live_loads)
        return {
            **self._common(language, live_loads, rows),
            "order": [row.center_id for row in ordered(rows, order, language)],
            STAMP: self._stamp(language, live_loads),
        }

    def page(self, request: Request, live_loads: LiveLoads, order: Order, refused: Sequence[Fault]) -> Response:
        """The whole page."""
        language, translate = self._pages.language(request), self._pages.gettext(request)
        rows = self._shared.of(live_loads)
        return self._pages.render(
            request,
            "live.html",
            **self._texts(language, translate),
            rows=ordered(rows, order, language),
            cells={row.center_id: cell(row, language, translate) for row in rows},
            bands=legend(translate),
            captions={code.value: translate(word) for code, word in words.ORDERS.items()},
            sort=order.value,
            totals=totals(rows),
            refused=[fault.translated(translate) for fault in refused],
            taken_at=live_loads.taken_at,
            oldest=live_loads.oldest,
            silent=live_loads.silent,
            partitions=live_loads.partitions,
        )

    def _stamp(self, language: Language, live_loads: LiveLoads) -> str:
        known = self._stamps.get(language)
        if known is None or known[0] is not live_loads:
            known = (live_loads, self._pages.fragment(language, "live-stamp.html", taken_at=live_loads.taken_at))
            self._stamps[language] = known
        return known[1]

    def _common(self, language: Language, live_loads: LiveLoads, rows: list[LiveCenter]) -> dict[str, Any]:
        # "Three minutes ago" becomes four without any change: made anew each minute.
        trust = (live_loads.silent, live_loads.oldest if live_loads.silent else None, live_loads.partitions)
        key = (live_loads.centers, trust, _minute(live_loads))
        known = self._made.get(language)
        if known is None or known[0] != key:
            known = (key, self._paint(language, live_loads, rows))
            self._made[language] = known
        return known[1]

    def _paint(self, language: Language, live_loads: LiveLoads, rows: list[LiveCenter]) -> dict[str, Any]:
        translate, made = self._pages.translator(language).gettext, self._pages.fragment
        minute = _minute(live_loads)
        texts = self._texts(language, translate)
        parts: dict[str, Any] = {
            "summary": made(language, "live-summary.html", totals=totals(rows)),
            "trust": made(
                language,
                "live-trust.html",
                oldest=live_loads.oldest,
                silent=live_loads.silent,
                partitions=live_loads.partitions,
            ),
        }
        for row in rows:
            shown = cell(row, language, translate)
            place = center(row.center_id).short_name(language)
            parts[f"row:{row.center_id}"] = self._row(language, row, minute, texts)
            parts[f"place:{row.center_id}"] = {
                "css": shown.css_class,
                "title": f"{place}: {shown.label}",
                "note": shown.note,
            }
        return parts

    def _row(self, language: Language, row: LiveCenter, minute: int, texts: Mapping[str, Any]) -> str:
        """A row of the table. One takes most of a millisecond, which those who decide wait for: only what changed."""
        known = self._rows.get((language, row.center_id))
        if known is None or known[:2] != (row, minute):
            known = (row, minute, self._pages.fragment(language, "live-row.html", row=row, **texts))
            self._rows[language, row.center_id] = known
        return known[2]

    @staticmethod
    def _texts(language: Language, translate: Translate) -> dict[str, Any]:
        return {
            "names": {center_id: center(center_id).short_name(language) for center_id in CENTER_IDS},
            "state_words": {str(state): translate(word) for state, word in CENTER_STATES.items()},
        }


def _minute(live_loads: LiveLoads) -> int:
    return int(live_loads.taken_at.timestamp() // 60)


def legend(translate: Translate) -> list[tuple[str, str]]:
    """The classes of the map with their words."""
    return [(css, translate(words.BANDS[band])) for band, css in CLASSES.items()]


def cell(row: LiveCenter, language: Language, translate: Translate) -> MapCell:
    """A centre on the map: colour or pattern, its band and load in words, and a few letters below its name."""
    word = translate(words.BANDS[row.band])
    load = percent(row.load_percent / 100, language) if row.load_percent is not None else "–"
    if row.band in words.BAND_NOTES:
        return MapCell(CLASSES[row.band], word, translate(words.BAND_NOTES[row.band]))
    return MapCell(CLASSES[row.band], f"{word}, {load}", load)


def live_router(
    live_loads: Callable[[], LiveLoads], painter: Painter, authorize: Authorizer, refused: Callable[[], Sequence[Fault]]
) -> APIRouter:
    """``/live``. ``refused`` are the tables of centres that were refused at the start, in words."""
    router = APIRouter(include_in_schema=False)

    @router.get("/live")
    async def live(
        request: Request,
        principal: Annotated[Principal, Depends(authorize(Action.CENTERS_LIVE))],
        sort: Annotated[Order, Query()] = Order.WAITING,
    ) -> Response:
        authorize.require(request, principal, Action.CENTERS_LIVE, CENTRAL)
        return painter.page(request, live_loads(), sort, refused())

    return router
