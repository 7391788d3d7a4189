"""Content of the monthly report, from published tables alone. The layout stands in ``typst/monthly.typ``.

It is Korean, for the ministry's own readers. A hidden figure is null and nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from markupsafe import Markup

from services.analytics.exports.words import percent, within
from services.analytics.releases.calendar import after
from services.analytics.releases.derived import LEVELS, by_division, level, most_reports, percentile, within_target
from services.analytics.releases.hierarchies import days_of
from services.analytics.releases.published import Table, TableRow
from services.analytics.releases.suppression import Figure
from services.analytics.releases.tables import BY_CENTER, BY_WEEK, GENERAL, OUTCOME_TABLE, TIME_TABLE
from shared.clock import SEOUL
from shared.web.korea import MERGER, divisions_map

Name = Callable[[str], str]
_COLOURS: Final = ("#e6f0f2", "#b9d6db", "#7fb3bd", "#3d8593", "#0b5a6b")
"""Of the map's bands, as on the dashboard; the darkest carry white letters."""
_DARK: Final = 3
_WEEK: Final = 7
_DRAWN: Final = (BY_CENTER, BY_WEEK, TIME_TABLE, OUTCOME_TABLE)
"""Tables that have a place of their own; others follow as bars."""
_HATCH: Final = "url(#hidden)"


def report(
    tables: Mapping[str, Table],
    earlier: Sequence[Table],
    harms: Table | None,
    name: Name,
    text: Callable[[str], str],
    *,
    begun_within: str = "",
    begun_within_week: str = "",
) -> dict[str, Any]:
    """``tables``: the month's by name; ``earlier``: of months before, oldest first; ``harms``: of the last quarter.

    ``begun_within``: the month that counting may have begun within, and the week; none is compared with that month.
    """
    centers, times = tables[BY_CENTER], tables[TIME_TABLE]
    before = next((each for each in earlier if after(each.period.name) == centers.period.name), None)
    year, month = centers.period.name.split("-")
    return {
        "title": f"{year}년 {int(month)}월",
        "released": datetime.fromisoformat(centers.as_of).astimezone(SEOUL).strftime("%Y년 %-m월 %-d일"),
        "total": total(centers),
        "before": total(before) if before and before.period.name != begun_within else None,
        "within": None if (share := within_target(times)) is None else percent(share),
        "half": _within(percentile(times, 0.5), text),
        "most": _within(percentile(times, 0.9), text),
        "largest": _largest(centers, name),
        "centers": sorted(_rows(centers.rows[:-1], name), key=lambda row: -(row["value"] or 0)),
        "map": map_svg(centers),
        "merged": merged(centers),
        "bands": [{"least": least, "fill": fill} for least, fill in zip(LEVELS, _COLOURS, strict=True)],
        "weeks": _weeks(tables[BY_WEEK], begun_within_week),
        "times": _rows(times.rows[:-1], name),
        "outcomes": _rows(tables[OUTCOME_TABLE].rows[:-1], name),
        "further": [
            {"title": text(each.definition.question), "rows": _rows(each.rows[:-1], name)}
            for key, each in tables.items()
            if each.definition.in_report and key not in _DRAWN
        ],
        "months": [
            {"label": each.period.name, "value": total(each), "begun": each.period.name == begun_within}
            for each in (*earlier, centers)
        ],
        "harms": _harms(harms, name) if harms else [],
        "quarter": _quarter(harms) if harms else None,
        "hidden": centers.cost.hidden,
        "cells": centers.cost.cells,
        "errata": [
            {"period": each.period.name, "why": each.erratum["ko"]}
            for each in (centers, *([harms] if harms else []), *reversed(earlier))
            if each.erratum
        ],
        "rules": [text(rule) for rule in GENERAL],
    }


def _quarter(harms: Table) -> str:
    covered, months = harms.coverage
    return f"{harms.period.name} ({months}개월 중 {covered}개월)" if harms.partial else harms.period.name


def total(table: Table) -> int | None:
    """The whole country's number."""
    return table.rows[-1].figures[0].low


def _largest(centers: Table, name: Name) -> dict[str, Any] | None:
    """The centre with the largest number that is shown. ``sure``: no hidden one can have more."""
    found = most_reports(centers)
    if found is None:
        return None
    row, sure = found
    return {"label": name(row.key), "value": row.figures[0].low, "sure": sure}


def _within(key: str | None, text: Callable[[str], str]) -> str | None:
    return within(key, text) if key else None


def _rows(rows: Sequence[TableRow], name: Name) -> list[dict[str, Any]]:
    return [{"label": name(row.key), "value": row.figures[0].low, "together": bool(row.of)} for row in rows]


def _weeks(table: Table, begun: str) -> list[dict[str, Any]]:
    """By their days; how many these are where the month cuts the week."""
    found = []
    for row in table.rows[:-1]:
        first, last = days_of(row.key, table.period.first, table.period.last)
        number = (last - first).days + 1
        cut = f" ({number}일)" if number < _WEEK else ""
        label = f"{first.month}.{first.day}.~{last.month}.{last.day}.{cut}"
        found.append({"label": label, "value": row.figures[0].low, "together": False, "begun": row.key == begun})
    return found


def _harms(table: Table, name: Name) -> list[dict[str, Any]]:
    pairs: list[tuple[str, Figure]] = list(zip(table.columns[1:], table.rows[-1].figures[1:], strict=True))
    found = [{"label": name(key), "value": figure.low, "together": False} for key, figure in pairs]
    return sorted(found, key=lambda row: -(row["value"] or 0))


def map_svg(table: Table) -> str:
    """The map of the divisions on the period's last day. Hidden is hatched; Seoul, without a centre, is left white."""
    shape = divisions_map(table.period.last)
    own = by_division(table, merged=merged(table))
    parts = [
        Markup('<svg xmlns="http://www.w3.org/2000/svg" viewBox="{}">').format(shape.view_box),
        Markup(
            '<defs><pattern id="hidden" width="7" height="7" patternUnits="userSpaceOnUse" '
            'patternTransform="rotate(45)"><rect width="7" height="7" fill="#ffffff"/>'
            '<rect width="3" height="7" fill="#6f7783"/></pattern></defs>'
        ),
    ]
    path = Markup('<path d="{}" fill="{}" stroke="#6f7783" stroke-width="0.8"/>')
    parts += [path.format(place.path, _fill(own.get(place.slug))) for place in shape.shapes]
    for place in shape.shapes:
        band = level(own[place.slug]) if place.slug in own else None
        dark = band is not None and band >= _DARK and place.anchor == "middle"
        ink, edge = ("#ffffff", "#0b5a6b") if dark else ("#1d2530", "#ffffff")
        letters = Markup(
            'x="{}" y="{}" text-anchor="{}" font-family="Noto Sans CJK KR" font-size="17" font-weight="700"'
        )
        at = letters.format(place.x, place.y + 6, place.anchor)
        parts.append(
            Markup(
                '<text {at} stroke="{edge}" stroke-width="4" stroke-linejoin="round">{name}</text>'
                '<text {at} fill="{ink}">{name}</text>'
            ).format(at=at, edge=edge, ink=ink, name=place.name_ko)
        )
    return "".join(map(str, (*parts, "</svg>")))


def merged(table: Table) -> bool:
    """Return whether Gwangju and Jeonnam are one division on the map."""
    return table.period.last >= MERGER


def _fill(figure: Figure | None) -> str:
    if figure is None:
        return "#ffffff"
    band = level(figure)
    return _HATCH if band is None else _COLOURS[band]
