"""Bar charts as SVG, made here, without script and without style attributes (the content policy forbids both).

What a bar shows is what was published: solid up to the least, hatched up to the most, hatched and the word where it is
hidden. The words carry everything the shapes say; each chart stands beside its table.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from services.analytics.policy.disclosure import Figure

_WIDTH = 640
_ROW = 36
_LABEL = 196
_NUMBER = 88
_BAR_HEIGHT = 18
_HIDDEN_WIDTH = 26
_SPACE = _WIDTH - _LABEL - _NUMBER


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, its figure, and the figure in words."""

    label: str
    figure: Figure
    text: str


def bar_chart(bars: Sequence[Bar], *, chart_id: str, title: str, description: str) -> Markup:
    """A horizontal bar chart, ``_WIDTH`` units wide; it scales with its box. Hatching needs no colour to be seen."""
    top = max((bar.figure.high or 0 for bar in bars), default=0) or 1
    height = _ROW * len(bars) + 8
    parts = [
        Markup(
            '<svg class="chart" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" '
            'aria-labelledby="{id}-title {id}-desc"><title id="{id}-title">{title}</title>'
            '<desc id="{id}-desc">{desc}</desc><defs><pattern id="{id}-hatch" width="6" height="6" '
            'patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="chart-ground" width="6" '
            'height="6"/><rect class="chart-line" width="2.5" height="6"/></pattern></defs>'
        ).format(w=_WIDTH, h=height, id=chart_id, title=title, desc=description),
        *(_bar(bar, index, top, chart_id) for index, bar in enumerate(bars)),
        Markup('<line class="chart-axis" x1="{x}" y1="0" x2="{x}" y2="{h}"/></svg>').format(x=_LABEL, h=height),
    ]
    return Markup("").join(parts)


def _bar(bar: Bar, index: int, top: int, chart_id: str) -> Markup:
    y = 4 + index * _ROW
    middle = y + _ROW / 2
    low = _length(bar.figure.low or 0, top)
    high = _HIDDEN_WIDTH if bar.figure.hidden else _length(bar.figure.high or 0, top)
    edge = y + (_ROW - _BAR_HEIGHT) / 2
    shapes = Markup("")
    if low:
        shapes += Markup('<rect class="chart-bar" x="{}" y="{}" width="{}" height="{}"/>').format(
            _LABEL, edge, low, _BAR_HEIGHT
        )
    if high > low:
        shapes += Markup(
            '<rect class="chart-open" x="{}" y="{}" width="{}" height="{}" fill="url(#{}-hatch)"/>'
        ).format(_LABEL + low, edge, round(high - low, 1), _BAR_HEIGHT, chart_id)
    return Markup(
        '<g><text class="chart-label" x="{}" y="{}" text-anchor="end">{}</text>{}'
        '<text class="{}" x="{}" y="{}">{}</text></g>'
    ).format(
        _LABEL - 10,
        middle + 5,
        escape(bar.label),
        shapes,
        "chart-number chart-hidden" if bar.figure.hidden else "chart-number",
        _LABEL + high + 8,
        middle + 5,
        escape(bar.text),
    )


def _length(value: int, top: int) -> float:
    return round(_SPACE * value / top, 1)


LEVELS: tuple[int, ...] = (1, 10, 25, 50, 100)
"""Least numbers of the map's bands; below the first nothing was reported. Chosen for a month of one centre."""


def level(figure: Figure) -> int | None:
    """The band of a published figure, from 0, by its least value; None where it is hidden."""
    if figure.low is None:
        return None
    return max(0, sum(figure.low >= least for least in LEVELS) - 1)
