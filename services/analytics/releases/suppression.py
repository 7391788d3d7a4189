"""Disclosure control: what of the true counts may leave. Nobody may work out a count from 1 to 4 (promise 9).

Everything rests on two rules whose outcome says no more than itself, even to whoever knows them by heart:

*Splitting.* A count that is shown splits into its parts only if every part is 5 or more; otherwise none of the parts
is shown, nor anything below them. The shape is fixed (``hierarchies``). If a total is not broken down, readers learn
only that some part is below 5: each part may be 0 (the others hold everything), and each may be all of it, which is 5
or more.
A root below 10 is not shown; not shown, it may be anything from 0 to 9.

*Marks.* A report carries any number of marks (harm types). A mark is shown for a place only if at least 5 of the
place's reports carry it and at least 5 do not. It is shown for the parts of a place only if it may be shown for all
of them; and where it is not, the place's own number stays only if it fits into the other parts without any one.
Harm types are shown by region in a quarter and by centre in a year: a region's year is the sum of its quarters, and
the centres split that sum.

Everything that overlaps in time or between tables has a *published* number in common and is independent of each other
given that number: a month's tables share the month's total, a quarter's rows are the groups of centres that are
shown in all its months, and later periods are made of the counts that were frozen when a month closed. Sums over
periods are sums of published numbers. ``audit`` tries each release, with all before it, against a solver.
Source: Hundepool et al., Statistical Disclosure Control (2012), chapter 4; domain facts, section 4.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.analytics.releases.hierarchies import Tree

SMALL: Final = 5
"""Counts from 0 to one below this are hidden (the k of the domain facts)."""
LEAST: Final = 10
"""A total below this is not shown: hidden, it can be 0 and can be 5."""
LEAST_OF_WEEK: Final = 2 * LEAST
"""From so many reports on a week is told before any month: the rest of that month, at least a week, has hardly ever
fewer than 10."""

Shown = Mapping[str, int]
"""The published part of one table: true numbers by key. A key that is absent is hidden."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A published number, or one mark for every hidden one (both None). A range where no more is said."""

    low: int | None
    high: int | None

    @property
    def hidden(self) -> bool:
        """Whether it is hidden."""
        return self.low is None

    @property
    def exact(self) -> bool:
        """It is one number."""
        return self.low is not None and self.low == self.high


HIDDEN: Final = Figure(None, None)


def figure(shown: Shown, key: str) -> Figure:
    """The figure a key has in a publication."""
    return Figure(shown[key], shown[key]) if key in shown else HIDDEN


@dataclass(frozen=True, slots=True)
class MonthCounts:
    """True counts of the reports of one month that have an owner. Never leaves the service."""

    month: str
    days: Mapping[str, int]
    centers: Mapping[str, int]
    harms: Mapping[str, Mapping[str, int]]
    """By centre, then by harm type; a report counts once in each of its harm types."""
    times: Mapping[str, int]
    """By group of the time to acknowledgement; adds up to the total."""
    ends: Mapping[str, int] = field(default_factory=dict)
    """By what became of the report; adds up to the total."""
    crossings: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By yearly table, then by ``value`` or ``value/value``; only what the cubes offered when the month closed."""
    seen: Mapping[str, int] = field(default_factory=dict)
    """By centre, the reports somebody saw within the target of their urgency."""
    alerts: Mapping[str, int] = field(default_factory=dict)
    """Alerts sent, failed and escalated."""
    staff: Mapping[str, float] = field(default_factory=dict)
    """By centre, hours of people on duty, not rounded; whole ones in months that closed before November 2026."""

    @property
    def total(self) -> int:
        """Reports of the month."""
        return sum(self.centers.values())


def split(tree: Tree, counts: Mapping[str, int]) -> dict[str, int]:
    """Return what is shown of the leaves' counts and their sums, by the rule of splitting."""
    total = subtotal(tree, counts)
    return {} if total < LEAST else {tree.key: total, **_parts(tree, counts)}


def figures_shown(counts: Mapping[str, int]) -> dict[str, int]:
    """Return what is shown of totals of their own: each from `LEAST` on."""
    return {name: n for name, n in counts.items() if n >= LEAST}


def _parts(tree: Tree, counts: Mapping[str, int]) -> dict[str, int]:
    sums = {part.key: subtotal(part, counts) for part in tree.parts}
    if not sums or min(sums.values()) < SMALL:
        return {}
    return sums | {key: n for part in tree.parts for key, n in _parts(part, counts).items()}


def subtotal(tree: Tree, counts: Mapping[str, int]) -> int:
    """The sum of the leaves under a node."""
    return sum(counts.get(key, 0) for key in tree.leaves())


def joined(publications: Sequence[Shown]) -> dict[str, int]:
    """A longer period from its parts: what is shown in all of them, added up."""
    keys = set.intersection(*(set(shown) for shown in publications)) if publications else set()
    first = publications[0] if publications else {}
    return {key: sum(shown[key] for shown in publications) for key in first if key in keys}


def places(tree: Tree, shown: Shown, *, depth: int = 2) -> Tree:
    """The shape for marks: the whole, its regions, and in each the finest groups of centres that are shown.

    ``depth`` 1 ends at the regions, 0 at the whole.
    """
    regions = [part for part in tree.parts if part.key in shown] if depth else []
    return Tree(tree.key, tuple(_region(part, shown, depth) for part in regions))


def _region(region: Tree, shown: Shown, depth: int) -> Tree:
    finest = _finest(region, shown)
    return Tree(region.key, finest if depth > 1 and len(finest) > 1 else ())


def _finest(node: Tree, shown: Shown) -> tuple[Tree, ...]:
    if node.parts and node.parts[0].key in shown:
        return tuple(each for part in node.parts for each in _finest(part, shown))
    return (Tree(node.key),)


def mark(place: Tree, reports: Shown, counts: Mapping[str, int], told: Sequence[Shown] = ()) -> dict[str, int]:
    """Return what is shown of one mark, by place. ``counts``: reports that carry it, of every place of the shape.

    ``told``: what the shorter periods show of it that this one is made of. What all of them show is added up. What
    only some show is left out, for what the others hide would follow. What none shows is decided by the rule.
    """
    if not _shows((place,), reports, counts, told):
        return {}
    return {place.key: counts[place.key], **_marked(place, reports, counts, told)}


def _marked(place: Tree, reports: Shown, counts: Mapping[str, int], told: Sequence[Shown]) -> dict[str, int]:
    if not place.parts or not _shows(place.parts, reports, counts, told):
        return {}
    own = {part.key: counts[part.key] for part in place.parts}
    return own | {key: n for part in place.parts for key, n in _marked(part, reports, counts, told).items()}


def _shows(places: Sequence[Tree], reports: Shown, counts: Mapping[str, int], told: Sequence[Shown]) -> bool:
    before = [place.key in shown for shown in told for place in places]
    if any(before):
        return all(before)
    return all(_open(place, reports, counts) for place in places)


def _open(place: Tree, reports: Shown, counts: Mapping[str, int]) -> bool:
    count, of = counts[place.key], reports[place.key]
    if not SMALL <= count <= of - SMALL:
        return False
    if not place.parts or all(_open(part, reports, counts) for part in place.parts):
        return True
    return count <= fits(place, reports)


def fits(place: Tree, reports: Shown) -> int:
    """The most that the parts of a place hold without any one of them."""
    return reports[place.key] - max(reports[part.key] for part in place.parts)
