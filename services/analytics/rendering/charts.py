"""Bar charts as SVG, made here, without script and without style attributes (the content policy forbids both).

What a bar shows is what was published: solid up to the least, hatched up to the most, hatched and the word where it is
hidden. The words carry everything the shapes say; each chart stands beside its table.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from services.analytics.policy.disclosure import Figure

_ROW = 52
"""Pixels per bar: its label above it, itself below."""
_LABEL_BASE = 18
_BAR_TOP = 25
_BAR_HEIGHT = 16
_FULL = 74.0
"""Percent of the chart's width that the longest bar takes; the rest is for its number."""
_HIDDEN = 6.0
"""Percent of the width of the hatched box in place of a hidden bar."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, its figure, and the figure in words."""

    label: str
    figure: Figure
    text: str


def bar_chart(bars: Sequence[Bar], *, chart_id: str, title: str, description: str) -> Markup:
    """A horizontal bar chart as wide as its box. Widths are percentages, so that text keeps its size on any screen."""
    top = max((bar.figure.high or 0 for bar in bars), default=0) or 1
    height = _ROW * len(bars)
    parts = [
        Markup(
            '<svg class="chart" width="100%" height="{h}" role="img" aria-labelledby="{id}-title {id}-desc">'
            '<title id="{id}-title">{title}</title><desc id="{id}-desc">{desc}</desc><defs><pattern id="{id}-hatch" '
            'width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
            '<rect class="chart-ground" width="6" height="6"/><rect class="chart-line" width="2" height="6"/>'
            "</pattern></defs>"
        ).format(h=height, id=chart_id, title=title, desc=description),
        *(_bar(bar, index * _ROW, top, chart_id) for index, bar in enumerate(bars)),
        Markup("</svg>"),
    ]
    return Markup("").join(parts)


def _bar(bar: Bar, y: int, top: int, chart_id: str) -> Markup:
    low = _percent(bar.figure.low or 0, top)
    high = _HIDDEN if bar.figure.hidden else _percent(bar.figure.high or 0, top)
    shapes = Markup("")
    if low:
        shapes += Markup('<rect class="chart-bar" x="0" y="{}" width="{}%" height="{}"/>').format(
            y + _BAR_TOP, low, _BAR_HEIGHT
        )
    if high > low:
        shapes += Markup(
            '<rect class="chart-open" x="{}%" y="{}" width="{}%" height="{}" fill="url(#{}-hatch)"/>'
        ).format(low, y + _BAR_TOP, round(high - low, 2), _BAR_HEIGHT, chart_id)
    return Markup(
        '<g><text class="chart-label" x="0" y="{}">{}</text>{}<text class="{}" x="{}%" dx="8" y="{}">{}</text></g>'
    ).format(
        y + _LABEL_BASE,
        escape(bar.label),
        shapes,
        "chart-number chart-hidden" if bar.figure.hidden else "chart-number",
        high,
        y + _BAR_TOP + 13,
        escape(bar.text),
    )


def _percent(value: int, top: int) -> float:
    return round(_FULL * value / top, 2)


LEVELS: tuple[int, ...] = (5, 10, 25, 50, 100)
"""Least numbers of the map's bands; below the first nothing was reported. Chosen for a month of one centre."""


def level(figure: Figure) -> int | None:
    """The band of a published figure, from 0, by its least value; None where it is hidden."""
    if figure.low is None:
        return None
    return max(0, sum(figure.low >= least for least in LEVELS) - 1)
