"""The two rules are tried against who knows them: whole families of true tables are enumerated and those that give the
same publication put together. Every hidden number must be able to be 0 and to be 5 or more, or be known to be large.
"""

from collections.abc import Hashable, Iterable, Mapping
from itertools import product

import pytest

from services.analytics.releases.hierarchies import CENTERS, TOTAL, Tree, group, whole
from services.analytics.releases.suppression import LEAST, SMALL, Shown, fits, joined, mark, places, split, subtotal

Worlds = dict[Hashable, dict[str, set[int]]]


def seen(tables: Iterable[tuple[Hashable, Mapping[str, int]]]) -> Worlds:
    """By publication, the values each cell has in the worlds that give it."""
    found: Worlds = {}
    for publication, cells in tables:
        values = found.setdefault(publication, {key: set() for key in cells})
        for key, value in cells.items():
            values[key].add(value)
    return found


def too_narrow(worlds: Worlds) -> list[tuple[Hashable, str, set[int]]]:
    """Hidden cells that can be below 5 and cannot be both 0 and 5 or more."""
    return [
        (publication, key, values)
        for publication, cells in worlds.items()
        for key, values in cells.items()
        if any(value < SMALL for value in values) and not (0 in values and max(values) >= SMALL)
    ]


TREES = (
    whole("a", "b"),
    whole("a", "b", "c"),
    whole(group("a", "b"), "c"),
    whole(group("a", "b"), group("c", "d")),
    whole("a", group("b", group("c", "d"))),
)


def every_split(tree: Tree, top: int) -> Iterable[tuple[Hashable, dict[str, int]]]:
    for values in product(range(top + 1), repeat=len(tree.leaves())):
        if sum(values) > top:  # then worlds with one larger cell would be missing
            continue
        counts = dict(zip(tree.leaves(), values, strict=True))
        yield (
            frozenset(split(tree, counts).items()),
            {node.key: subtotal(tree=node, counts=counts) for node in tree.nodes()},
        )


@pytest.mark.parametrize(("tree", "top"), [(tree, 24) for tree in TREES])
def test_no_split_gives_a_small_count_away(tree: Tree, top: int) -> None:
    worlds = seen(every_split(tree, top))
    assert len(worlds) > top
    assert too_narrow(worlds) == []


def test_the_enumeration_sees_a_rule_that_hides_the_small_ones_alone() -> None:
    tree = whole("a", "b", "c")
    tables = []
    for publication, cells in every_split(tree, 9):
        del publication
        bad = tuple((key, value) for key, value in cells.items() if value >= SMALL)
        tables.append((bad, cells))
    assert too_narrow(seen(tables))


def test_a_root_that_is_not_shown_may_be_nothing_and_may_be_five() -> None:
    tree = whole("a", "b")
    assert {LEAST - 1, 0, SMALL} <= seen(every_split(tree, 12))[frozenset()][TOTAL]
    assert split(tree, {"a": LEAST}) == {TOTAL: LEAST}


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ({"a": 5, "b": 5, "c": 9, "d": 8}, {"total": 27, "a+b": 10, "c+d": 17, "a": 5, "b": 5, "c": 9, "d": 8}),
        ({"a": 4, "b": 30, "c": 9, "d": 8}, {"total": 51, "a+b": 34, "c+d": 17, "c": 9, "d": 8}),
        ({"a": 2, "b": 2, "c": 9, "d": 8}, {"total": 21}),
        ({"a": 0, "b": 9, "c": 0, "d": 0}, {}),
    ],
)
def test_what_is_shown(counts: dict[str, int], shown: dict[str, int]) -> None:
    assert split(TREES[3], counts) == shown


# --- marks


def every_mark(place: Tree, reports: Shown) -> Iterable[tuple[Hashable, dict[str, int]]]:
    leaves = place.leaves()
    for values in product(*(range(reports[key] + 1) for key in leaves)):
        found = dict(zip(leaves, values, strict=True))
        counts = {node.key: subtotal(node, found) for node in place.nodes()}
        yield frozenset(mark(place, reports, counts).items()), counts


PLACES = (
    (whole("a", "b"), {"total": 24, "a": 12, "b": 12}),
    (whole("a", "b"), {"total": 31, "a": 25, "b": 6}),
    (whole("a", "b", "c"), {"total": 34, "a": 16, "b": 11, "c": 7}),
    (whole(group("a", "b"), "c"), {"total": 33, "a+b": 21, "a": 14, "b": 7, "c": 12}),
    (whole(group("a", "b"), group("c", "d")), {"total": 38, "a+b": 22, "a": 12, "b": 10, "c+d": 16, "c": 11, "d": 5}),
)


@pytest.mark.parametrize(("place", "reports"), PLACES)
def test_no_mark_gives_a_small_count_away_neither_of_those_with_it_nor_of_those_without(
    place: Tree, reports: dict[str, int]
) -> None:
    worlds = seen(every_mark(place, reports))
    assert len(worlds) >= 3
    assert too_narrow(worlds) == []
    for cells in worlds.values():
        for key, values in cells.items():
            assert not {reports[key] - n for n in values} <= {1, 2, 3, 4}


def test_the_enumeration_sees_a_mark_whose_number_does_not_fit_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without that part of the rule, 13 of 31 reports with 6 in the smaller place leave 7 at least for the larger."""
    place, reports = whole("a", "b"), {"total": 20, "a": 12, "b": 8}
    monkeypatch.setattr("services.analytics.releases.suppression.fits", lambda *_: 99)
    assert too_narrow(seen(every_mark(place, reports)))


def test_what_fits_into_the_others() -> None:
    assert fits(PLACES[2][0], PLACES[2][1]) == 34 - 16


# --- periods and places


def test_a_longer_period_shows_only_what_all_its_months_show() -> None:
    """Sejong with 3 reports in each of three months is not 9 in the quarter: that would say 1 to 4 of each."""
    counts = dict.fromkeys(CENTERS.leaves(), 20)
    small = {**counts, "sejong": 3, "central": 0}
    months = [split(CENTERS, {**small, "sejong": 9}), split(CENTERS, small), split(CENTERS, small)]
    quarter = joined(months)
    assert "sejong+central" in months[0]
    assert not {"sejong", "sejong+central", "daejeon"} & set(quarter)
    assert quarter["daejeon+sejong+central"] == 23 + 29 + 23
    assert quarter[TOTAL] == sum(month[TOTAL] for month in months)
    assert joined([]) == {}


def test_places_of_marks_are_what_is_shown() -> None:
    counts = {**dict.fromkeys(CENTERS.leaves(), 20), "sejong": 3, "central": 0}
    shown = split(CENTERS, counts)
    shape = places(CENTERS, shown)
    assert set(shape.leaves()) == {*CENTERS.leaves()} - {"daejeon", "sejong", "central"} | {"daejeon+sejong+central"}
    assert all(node.key in shown for node in shape.nodes())
    assert [len(places(CENTERS, shown, depth=depth).leaves()) for depth in (0, 1)] == [1, 4]
    assert places(CENTERS, {TOTAL: 12}) == Tree(TOTAL)
