"""The map of Korea by first-level division, as SVG paths for the templates (macro ``korea_map`` in ``korea.html``).

Shapes: see ``data/MAP-ATTRIBUTION.txt``. Adjacency is never taken from them.
"""

import json
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

from shared.web.language import Language

_DATA: Final = Path(__file__).parent / "data"

MERGER: Final = date(2026, 7, 1)
"""Since this day Gwangju and Jeonnam are one division (Act on the integrated special city, art. 7)."""


_HALF_LINE: Final = 9
_APART: Final[dict[str, tuple[float, float]]] = {
    "sejong": (-4, -6),
    "daejeon": (4, 12),
    "chungnam": (-12, 6),
    "chungbuk": (24, 0),
    "gyeonggi": (12, -10),
    "seoul": (0, 9),
    "incheon": (-4, -4),
    "jeju": (0, -4),
    "busan": (0, 8),
    "ulsan": (0, -2),
}
"""In map units, by eye."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One division: its slug, everyday names, outline, and where its label stands, in map units.

    ``anchor`` is SVG's ``text-anchor``: crowded coastal labels stand in the sea.
    """

    slug: str
    name_ko: str
    name_en: str
    path: str
    x: float
    y: float
    anchor: str

    def name(self, language: Language) -> str:
        """The everyday name."""
        return self.name_ko if language == "ko" else self.name_en

    def noted_at(self) -> tuple[float, float]:
        """Return the label's place if a note stands below it: half a line higher, and apart where it is crowded."""
        right, down = _APART.get(self.slug, (0, 0))
        return self.x + right, self.y + down - _HALF_LINE


@dataclass(frozen=True, slots=True)
class KoreaMap:
    """All shapes of one time, and the view box they are drawn in."""

    view_box: str
    shapes: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class MapCell:
    """How one division is shown: a class of the style sheet and a word.

    Classes: ``level-0`` … ``level-4`` (light to dark), ``hidden`` (hatched), ``unstaffed`` (dotted), ``none`` (no
    value).
    """

    css_class: str
    label: str
    note: str = ""
    """A few letters to stand on the map itself, below the name."""


def divisions_map(day: date) -> KoreaMap:
    """The divisions in force on a day: 16 since 2026-07-01, 17 before."""
    return _read("korea-16.json" if day >= MERGER else "korea-17.json")


def centers_map() -> KoreaMap:
    """The 16 catchments: Gwangju and Jeonnam apart, and Seoul, which has no centre, for orientation."""
    return _read("korea-17.json")


def shapes(day: date | None = None) -> KoreaMap:
    """For templates: the divisions of a day, or the catchments where no day is given."""
    return centers_map() if day is None else divisions_map(day)


@cache
def _read(name: str) -> KoreaMap:
    data = json.loads((_DATA / name).read_text(encoding="utf-8"))
    return KoreaMap(data["viewBox"], tuple(Shape(**shape) for shape in data["shapes"]))
