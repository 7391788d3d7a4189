"""Intervals: what a longer period says of a count that was hidden in one of its months. Pure.

A year's count is the sum of its months, so an exact one would tell a month that was hidden. Take a count that splits
into two parts, q and s, and the months in which it was shown and they were not: n months with published counts v. Of
the parts' sums over these months everybody knows that they add up to the sum of v. Published is one thing more: in
which class the sum of q lies. The first class is ``widest`` + 1 wide and begins at 0; those behind it are max(v) + 1
wide; the last one begins at or below sum(v) - widest and holds all that is left. ``widest`` is the largest v, or the
largest sum of v over a quarter of which all months hide the parts: then the quarter hides them, too. Classes follow
from published numbers alone, so the class says nothing but itself.

Why every hidden month and quarter stays open: in a month some part is below 5, so q's count may be 0 or v, which is 5
or more. Count the months up one by one, each as 0 or v: the sum rises from 0 in steps no wider than max(v), so it
cannot jump over a class. With one month or quarter held at 0 the others still reach the beginning of every class; with
it held at v the sum has not passed the end of the first. Both hold for s, which is the rest. Other months and other
counts share no unknown with these. The unit tests enumerate it, and the audit tries it together with everything else.

What is far from exact says little and is not published: that too follows from the class.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.analytics.releases.hierarchies import TOTAL, Tree, members
from services.analytics.releases.suppression import LEAST, Shown, subtotal

AT_LEAST: Final = ">="
AT_MOST: Final = "<="
"""After the key, in what is published of an interval."""
_CLOSE_ENOUGH: Final = 2
"""An interval is published where its end is at most twice its beginning."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the most of a count."""

    low: int
    high: int

    def __add__(self, other: "Bounds") -> "Bounds":
        """Of a sum of two."""
        return Bounds(self.low + other.low, self.high + other.high)


def of_class(tops: Sequence[int], total: int, quarters: Sequence[int] = ()) -> Bounds:
    """The class a part's sum lies in. ``tops``: by month, the published count that the part and its sibling share.

    ``quarters``: the same of each quarter that hides the part in all its months.
    """
    width, widest, whole = max(tops) + 1, max((*tops, *quarters)), sum(tops)
    last = (whole - widest - (widest + 1)) // width
    if last < 0:
        return Bounds(0, whole)
    if total <= widest:
        return Bounds(0, widest)
    number = min((total - (widest + 1)) // width, last)
    begin = widest + 1 + number * width
    return Bounds(begin, whole if number == last else begin + width - 1)


def intervals(
    tree: Tree, months: Sequence[Shown], counts: Sequence[Mapping[str, int]], quarters: Sequence[str]
) -> dict[str, int]:
    """By leaf that some month hides, its bounds where they are close enough. ``counts``: of the leaves, by month.

    ``quarters``: the quarter of each month. Nothing where a month says nothing at all.
    """
    if not months or any(tree.key not in shown for shown in months):
        return {}
    found: dict[str, int] = {}
    for node in tree.nodes():
        for leaf, bounds in _of_leaves(node, months, counts, quarters):
            if LEAST <= bounds.low and bounds.high <= bounds.low * _CLOSE_ENOUGH:
                found |= {f"{leaf}{AT_LEAST}": bounds.low, f"{leaf}{AT_MOST}": bounds.high}
    return found


def read(shown: Shown) -> dict[str, Bounds]:
    """The published intervals by leaf."""
    keys = [key.removesuffix(AT_LEAST) for key in shown if key.endswith(AT_LEAST)]
    return {key: Bounds(shown[f"{key}{AT_LEAST}"], shown[f"{key}{AT_MOST}"]) for key in keys}


def _of_leaves(
    node: Tree, months: Sequence[Shown], counts: Sequence[Mapping[str, int]], quarters: Sequence[str]
) -> Iterator[tuple[str, Bounds]]:
    """A node's parts that are leaves and that some month hides."""
    leaves = [part for part in node.parts if not part.parts]
    if not leaves or all(leaf.key in shown for leaf in leaves for shown in months):
        return
    hiding = [at for at, shown in enumerate(months) if leaves[0].key not in shown]
    shared = {at: months[at][node.key] for at in hiding if node.key in months[at]}
    silent = {*quarters} - {quarters[at] for at in range(len(months)) if at not in hiding}
    sums = [sum(top for at, top in shared.items() if quarters[at] == each) for each in silent]
    classes = _classes(node, [*shared.values()], [counts[at] for at in shared], sums)
    above = Bounds(0, sum(_nearest(node, shown) for shown in months if node.key not in shown))
    for part, of_class_ in zip(node.parts, classes, strict=True):
        if not part.parts:
            exact = sum(shown.get(part.key, 0) for shown in months)
            yield part.key, Bounds(exact, exact) + of_class_ + above


def _classes(
    node: Tree, tops: Sequence[int], counts: Sequence[Mapping[str, int]], quarters: Sequence[int]
) -> list[Bounds]:
    if not tops:
        return [Bounds(0, 0)] * len(node.parts)
    if len(node.parts) != 2:  # noqa: PLR2004  # q and s
        return [Bounds(0, sum(tops))] * len(node.parts)
    first = of_class(tops, sum(subtotal(node.parts[0], month) for month in counts), quarters)
    return [first, Bounds(sum(tops) - first.high, sum(tops) - first.low)]


def _nearest(node: Tree, shown: Shown) -> int:
    """The least shown count that a hidden node is part of."""
    own = set(node.leaves())
    return min(n for key, n in shown.items() if key == TOTAL or own <= set(members(key)))
