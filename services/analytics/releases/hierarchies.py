"""The fixed shapes counts are published in: how a total splits into parts, and these into smaller ones.

A shape never follows from the counts: whoever knows it learns nothing from it. Parts that are small as a rule stand
deep and beside each other, so that hiding one of them costs as little as can be. A release keeps the numbers of its
own shape; another shape is for releases to come, and never for some months of a year only.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

TOTAL: Final = "total"
_TOGETHER: Final = "+"
"""Between the names of leaves that are shown together."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A count and the parts it splits into; without parts it is a leaf."""

    key: str
    parts: tuple["Tree", ...] = ()
    _leaves: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """Kept, for one proof asks for them tens of thousands of times."""

    def __post_init__(self) -> None:
        """Collect the leaves."""
        own = tuple(key for part in self.parts for key in part.leaves()) if self.parts else (self.key,)
        object.__setattr__(self, "_leaves", own)

    def leaves(self) -> tuple[str, ...]:
        """Keys of the leaves under it; its own where it is one."""
        return self._leaves

    def nodes(self) -> Iterator["Tree"]:
        """Itself and everything below, parents first."""
        yield self
        for part in self.parts:
            yield from part.nodes()

    def down_to(self, depth: int) -> "Tree":
        """The same, with what lies deeper than ``depth`` cut off."""
        return Tree(self.key, tuple(part.down_to(depth - 1) for part in self.parts) if depth else ())


def leaf(key: str) -> Tree:
    """A part that splits no further."""
    return Tree(key)


def group(*parts: Tree | str) -> Tree:
    """Parts that are shown apart or together; named by its leaves."""
    trees = tuple(leaf(str(part)) if isinstance(part, str) else part for part in parts)
    return Tree(_TOGETHER.join(key for tree in trees for key in tree.leaves()), trees)


def whole(*parts: Tree | str) -> Tree:
    """A table's root."""
    return Tree(TOTAL, group(*parts).parts)


def members(key: str) -> tuple[str, ...]:
    """The leaves a key stands for."""
    return tuple(key.split(_TOGETHER))


CENTRAL_LEAF: Final = "central"
"""Also stands for owners that are in no shape: a centre that no longer exists keeps its reports."""

CENTERS: Final = whole(
    group("gyeonggi", group("incheon", "gangwon")),
    group(group("chungnam", "chungbuk"), group("daejeon", group("sejong", CENTRAL_LEAF))),
    group(group("gwangju", "jeonnam"), group("jeonbuk", "jeju")),
    group(group("busan", "gyeongnam"), group("daegu", group("gyeongbuk", "ulsan"))),
)
"""Four regions. Sejong and the central desk own the fewest reports and stand together."""

TIMES: Final = whole(
    group(group("within_5_min", "within_15_min"), "within_1_hour"),
    group(
        group("within_4_hours", group("within_12_hours", "within_1_day")),
        group("within_3_days", group("longer", "unanswered")),
    ),
)

ENDS: Final = whole("in_care", group("closed", "withdrawn"))


_SHAPES_KEPT: Final = 512
"""Shapes of months held ready: forty years, of 1 KB each."""


@lru_cache(maxsize=_SHAPES_KEPT)
def weeks(first: date, last: date) -> Tree:
    """The ISO weeks of a month, cut at its ends: a week that spans two months is in both with its part."""
    names = [_week(first + timedelta(days=n)) for n in range((last - first).days + 1)]
    return whole(*dict.fromkeys(names))


def week_of(day: str) -> str:
    """The ISO week of a day, as ``2026-W47``."""
    return _week(date.fromisoformat(day))


def _week(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def days_of(week: str, first: date, last: date) -> tuple[date, date]:
    """The first and last day of the part of an ISO week that lies between two days."""
    year, number = week.split("-W")
    begins = date.fromisocalendar(int(year), int(number), 1)
    return max(first, begins), min(last, begins + timedelta(days=6))


def crossed(first: Tree, second: Tree) -> Tree:
    """The first dimension's shape, each leaf of it split as the second is; leaves are named ``second/first``.

    The first is the one with the rarer values: what is small then stands deep, and beside what is small too.
    """
    if first.parts:
        return Tree(first.key, tuple(crossed(part, second) for part in first.parts))
    return Tree(first.key, tuple(_under(first.key, part) for part in second.parts))


def _under(value: str, second: Tree) -> Tree:
    return group(*(_under(value, part) for part in second.parts)) if second.parts else leaf(f"{second.key}/{value}")
