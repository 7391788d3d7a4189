"""Charts as SVG, made here, without script and without style attributes (the content policy forbids both).

What a shape shows is what was published: solid up to the least, hatched up to the most, a hatched box of one size and
the mark where it is hidden, an empty one where nobody knows. The words carry everything the shapes say, so that colour
says nothing alone; each chart stands beside its table. Why not a charting library: decision 19.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from services.analytics.releases.suppression import Figure

_ROW = 52
"""Pixels per bar: its label above it, itself below."""
_LABEL_BASE = 18
_BAR_TOP = 25
_BAR_HEIGHT = 16
_FULL = 74.0
"""Percent of the chart's width that the longest bar takes; the rest is for its number."""
_LINE = 19
_LINE_LETTERS = 36
_HANGUL = "\u1100"
"""Pixels and Latin letters of a line of a label; from where letters are wide."""
_NUMBER_LETTER = 2.6
_LEAST_FULL = 30.0
"""Percent that a letter beside a bar takes on a telephone, so that bar and words fit; the longest bar at least."""
_HIDDEN = 6.0
"""Percent of the width of the hatched box in place of a hidden bar."""
_HEADING = 30
_PART = 24
"""Pixels per heading and per bar in a grouped chart."""
_PART_NAME = 30.0
_PART_LETTER = 2.5
"""Percent of the width left of a bar in a grouped chart, for what it is: at least, and for each Latin letter."""
_LONG = 1100
"""Pixels from which a chart must be drawn smaller to fit on a sheet of paper."""
_STRIP = 84
_COLUMN = 40
"""Pixels per row of columns, and of its tallest column."""
_COLUMN_HIDDEN = 10
_COLUMNS = 88.0
_COLUMN_SPACE = 20.0
_COLUMN_SHARE = 0.64
"""Percent of the width that all columns have, and one at most; how much of its own a column fills."""
STRIP_PERIODS: Final = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, its figure, and the figure in words."""

    label: str
    figure: Figure
    text: str
    unknown: bool = False
    """Not hidden: nobody knows."""
    short: str = ""
    """The label where its group is named above it."""


@dataclass(frozen=True, slots=True)
class Group:
    """Bars under one heading, or columns in one row."""

    label: str
    bars: tuple[Bar, ...]


def bar_chart(bars: Sequence[Bar], *, chart_id: str, title: str, description: str, top: int | None = None) -> Markup:
    """A horizontal bar chart as wide as its box. Widths are percentages, so that text keeps its size on any screen.

    ``top`` is the number of the longest bar; without it the highest there is.
    """
    top = top or _top(bars)
    beside = _NUMBER_LETTER * max((_wide(bar.text) for bar in bars), default=0)
    full = max(_LEAST_FULL, min(_FULL, 97 - beside))
    drawn, y = [], 0
    for bar in bars:
        further = _LINE * (len(_lines(bar.label)) - 1)
        drawn.append(_bar(bar, y, further, full / top, chart_id))
        y += _ROW + further
    return _svg(y, drawn, chart_id, title, description)


def grouped_chart(groups: Sequence[Group], *, chart_id: str, title: str, description: str) -> Markup:
    """Bars under headings, all of one scale; each says what it is."""
    bars = [bar for group in groups for bar in group.bars]
    top = _top(bars)
    start = max([_PART_NAME, *(_PART_LETTER * _wide(bar.short or bar.label) for bar in bars)])
    drawn, y = [], 0
    for group in groups:
        drawn.append(Markup("<g>{}</g>").format(_label(group.label, y + _HEADING - 8, "chart-label chart-heading")))
        y += _HEADING + _LINE * (len(_lines(group.label)) - 1)
        for bar in group.bars:
            drawn.append(_part(bar, y, start, top, chart_id))
            y += _PART
    return _svg(y, drawn, chart_id, title, description)


def strips_chart(
    strips: Sequence[Group], periods: Sequence[str], *, chart_id: str, title: str, description: str
) -> Markup:
    """One row of columns for each strip, all of one scale; the periods (``2026-Q4``) stand below the last."""
    top = _top([bar for strip in strips for bar in strip.bars])
    space = min(_COLUMN_SPACE, _COLUMNS / max(1, len(periods)))
    drawn = [_strip(strip, index * _STRIP, space, top, chart_id) for index, strip in enumerate(strips)]
    foot = _STRIP * len(strips)
    drawn += [_tick(period, index, space, foot) for index, period in enumerate(periods)]
    return _svg(foot + 36, drawn, chart_id, title, description)


def _tick(period: str, index: int, space: float, y: int) -> Markup:
    """The part of the year, and below the first of each year the year."""
    year, _, part = period.partition("-")
    texts = [(part, 14)] + ([(year, 30)] if index == 0 or part.endswith("1") else [])
    lines = [
        Markup('<text class="chart-small" x="{}%" y="{}">{}</text>').format(round(index * space, 2), y + down, text)
        for text, down in texts
    ]
    return Markup("<g>{}</g>").format(Markup("").join(lines))


def _top(bars: Sequence[Bar]) -> int:
    return max((bar.figure.high or 0 for bar in bars), default=0) or 1


def _svg(height: int, drawn: Sequence[Markup], chart_id: str, title: str, description: str) -> Markup:
    head = Markup(
        '<svg class="chart{long}" width="100%" height="{h}" role="img" aria-labelledby="{id}-title {id}-desc">'
        '<title id="{id}-title">{title}</title><desc id="{id}-desc">{desc}</desc><defs><pattern id="{id}-hatch" '
        'width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<rect class="chart-ground" width="6" height="6"/><rect class="chart-line" width="2" height="6"/>'
        "</pattern></defs>"
    ).format(long=" long" if height > _LONG else "", h=height, id=chart_id, title=title, desc=description)
    return Markup("").join([head, *drawn, Markup("</svg>")])


def _bar(bar: Bar, y: int, further: int, scale: float, chart_id: str) -> Markup:
    """``further``: pixels that a label of several lines takes more."""
    base = y + further + _BAR_TOP
    shapes, end = _shapes(bar, 0.0, base, scale, chart_id)
    return Markup('<g>{}{}<text class="{}" x="{}%" dx="8" y="{}">{}</text></g>').format(
        _label(bar.label, y + _LABEL_BASE, "chart-label"), shapes, _text_class(bar), end, base + 13, bar.text
    )


def _label(text: str, y: int, css: str) -> Markup:
    first, *others = _lines(text)
    more = Markup("").join(Markup(' <tspan x="0" dy="{}">{}</tspan>').format(_LINE, line) for line in others)
    return Markup('<text class="{}" x="0" y="{}">{}{}</text>').format(css, y, first, more)


def _lines(text: str) -> list[str]:
    """A label in lines that fit on a telephone."""
    found = [""]
    for part in text.split(" "):
        longer = f"{found[-1]} {part}".strip()
        if found[-1] and _wide(longer) > _LINE_LETTERS:
            found.append(part)
        else:
            found[-1] = longer
    return found


def _wide(text: str) -> int:
    """In Latin letters; Hangul is twice as wide."""
    return sum(2 if letter >= _HANGUL else 1 for letter in text)


def _part(bar: Bar, y: int, start: float, top: int, chart_id: str) -> Markup:
    shapes, end = _shapes(bar, start, y + 2, (_FULL - start) / top, chart_id)
    return Markup(
        '<g><title>{}</title><text class="chart-part" x="0" y="{}">{}</text>{}'
        '<text class="{}" x="{}%" dx="8" y="{}">{}</text></g>'
    ).format(bar.label, y + 15, bar.short or bar.label, shapes, _text_class(bar), end, y + 15, bar.text)


def _shapes(bar: Bar, start: float, y: int, scale: float, chart_id: str) -> tuple[Markup, float]:
    """The bar, from ``start`` percent on, and where it ends; ``scale`` is percent per report."""
    low = round(scale * (bar.figure.low or 0), 2)
    high = _HIDDEN if bar.figure.hidden else round(scale * (bar.figure.high or 0), 2)
    shapes = Markup("")
    if low:
        shapes += Markup('<rect class="chart-bar" x="{}%" y="{}" width="{}%" height="{}"/>').format(
            start, y, low, _BAR_HEIGHT
        )
    if high > low:
        look = Markup('class="chart-unknown"') if bar.unknown else _hatched(chart_id)
        shapes += Markup('<rect {} x="{}%" y="{}" width="{}%" height="{}"/>').format(
            look, round(start + low, 2), y, round(high - low, 2), _BAR_HEIGHT
        )
    return shapes, round(start + high, 2)


def _strip(strip: Group, y: int, space: float, top: int, chart_id: str) -> Markup:
    columns = [
        _column(bar, index * space, space * _COLUMN_SHARE, y + 34 + _COLUMN, top, chart_id)
        for index, bar in enumerate(strip.bars)
    ]
    return Markup('<g><text class="chart-label" x="0" y="{}">{}</text>{}</g>').format(
        y + 16, strip.label, Markup("").join(columns)
    )


def _column(bar: Bar, x: float, width: float, base: int, top: int, chart_id: str) -> Markup:
    height, look = round(_COLUMN * (bar.figure.high or 0) / top, 1), Markup('class="chart-bar"')
    if bar.figure.hidden:
        width, height = _HIDDEN, _COLUMN_HIDDEN
        look = Markup('class="chart-unknown"') if bar.unknown else _hatched(chart_id)
    return Markup(
        '<rect {} x="{}%" y="{}" width="{}%" height="{}"/><text class="{} chart-small" x="{}%" y="{}">{}</text>'
    ).format(
        look, round(x, 2), base - height, width, height, _text_class(bar), round(x, 2), base - height - 3, bar.text
    )


def _hatched(chart_id: str) -> Markup:
    return Markup('class="chart-open" fill="url(#{}-hatch)"').format(chart_id)


def _text_class(bar: Bar) -> str:
    return "chart-number chart-hidden" if bar.figure.hidden else "chart-number"
