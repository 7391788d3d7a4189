"""Publications are tried against who knows the rules: whole families of true tables are enumerated, those that give the
same publication are put together, and no hidden count from 1 to 4 may be the same in all of them.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from itertools import product

import pytest

from services.analytics.policy.disclosure import (
    HIDDEN,
    SMALL,
    Figure,
    MonthCounts,
    Release,
    close,
    picture,
    suppress,
    together,
)

Cells = tuple[int, ...]


def given_away(tables: Iterable[tuple[Hashable, Cells]]) -> list[tuple[Hashable, int, int]]:
    """(publication, cell, value) wherever the publication leaves exactly one value for a cell, and that is 1 to 4."""
    alike: dict[Hashable, list[set[int]]] = {}
    for publication, cells in tables:
        sets = alike.setdefault(publication, [set() for _ in cells])
        for values, value in zip(sets, cells, strict=True):
            values.add(value)
    return [
        (publication, index, next(iter(values)))
        for publication, sets in alike.items()
        for index, values in enumerate(sets)
        if len(values) == 1 and 0 < next(iter(values)) < SMALL
    ]


def named(cells: Cells) -> dict[str, int]:
    return {str(index): value for index, value in enumerate(cells)}


def line_publication(cells: Cells) -> Hashable:
    hidden = suppress(named(cells))
    return sum(cells), tuple(None if str(index) in hidden else value for index, value in enumerate(cells))


@pytest.mark.parametrize(("length", "top"), [(3, 16), (4, 10), (5, 6)])
def test_no_line_gives_a_small_count_away(length: int, top: int) -> None:
    """Full enumeration. Excused: a line whose total itself is 1 to 4 (hidden), or where every cell is 4."""
    lines = (cells for cells in product(range(top + 1), repeat=length) if sum(cells) >= SMALL)
    found = given_away((line_publication(cells), cells) for cells in lines)
    full = {length * (SMALL - 1)}
    assert [hit for hit in found if hit[0][0] not in full] == []  # type: ignore[index]  # a publication is (total, cells)


def test_the_line_of_what_became_of_reports_is_published_like_the_others() -> None:
    """Whatever became of a month's reports: what is published of it gives no small number away."""
    tables = []
    for cells in product(range(17), repeat=3):
        if sum(cells) >= SMALL:
            counts = MonthCounts("2026-10", {}, {"c": sum(cells)}, {"c": {}}, {}, dict(zip("iwc", cells, strict=True)))
            release = close(counts, "t")
            tables.append(((release.total, tuple(release.ends.items())), cells))
    assert [hit for hit in given_away(tables) if hit[0][0] != Figure(12, 12)] == []  # type: ignore[index]  # as above


def test_the_enumeration_sees_a_bad_rule() -> None:
    """Primary suppression alone beside a known total is found out."""
    lines = product(range(9), repeat=3)
    bad = ((sum(c), tuple(None if 0 < v < SMALL else v for v in c)) for c in lines)
    assert given_away(zip(bad, product(range(9), repeat=3), strict=True))


@pytest.mark.parametrize(
    ("values", "hidden"),
    [
        ({"a": 0, "b": 7, "c": 12}, set()),
        ({"a": 3, "b": 7, "c": 12}, {"a", "b"}),
        ({"a": 3, "b": 7, "c": 7, "d": 12, "z": 0}, {"a", "b", "c"}),
        ({"a": 1, "b": 5, "c": 9, "d": 30}, {"a", "b", "c"}),
        ({"a": 4, "b": 4, "z": 0}, {"a", "b", "z"}),
    ],
)
def test_what_is_hidden_beside_a_known_total(values: dict[str, int], hidden: set[str]) -> None:
    assert suppress(values) == hidden


# --- centre by harm type, with the numbers of reports per centre and in all ---------------------------------------


def counts(rows: tuple[tuple[int, ...], ...], reports: tuple[int, ...]) -> MonthCounts:
    return MonthCounts(
        month="2026-10",
        days={},
        centers={f"c{n}": value for n, value in enumerate(reports)},
        harms={f"c{n}": {f"h{m}": value for m, value in enumerate(row)} for n, row in enumerate(rows)},
        times={},
    )


def everything(release: Release) -> Hashable:
    """All that a release says about centres and harm types."""
    return (
        release.total,
        tuple(release.centers.items()),
        tuple((center, tuple(row.items())) for center, row in release.harms.items()),
        tuple(release.harm_totals.items()),
    )


def possible(cells: tuple[int, ...], reports: int) -> bool:
    """Whether so many reports, each of at least one harm type, can add up to these cells."""
    return max(cells) <= reports <= sum(cells)


def two_by_two(top: int) -> Iterable[tuple[MonthCounts, Cells]]:
    rows = [
        (cells, reports)
        for cells in product(range(top + 1), repeat=2)
        for reports in range(2 * top + 1)
        if possible(cells, reports)
    ]
    for (first, a), (second, b) in product(rows, repeat=2):
        yield counts((first, second), (a, b)), (*first, *second, a, b)


def test_no_centre_by_harm_table_gives_a_small_count_away() -> None:
    """Two centres, two harm types, everything published: the table, its totals, the centres' and the national number.

    Excused: both centres with four reports each (total 8), where no larger cell exists to hide behind.
    """
    tables = [(everything(close(c, "t")), cells, c.total) for c, cells in two_by_two(7)]
    found = given_away((publication, cells) for publication, cells, total in tables if total != 8)
    assert found == []


def test_no_running_picture_gives_a_small_count_away() -> None:
    tables = [(everything(picture(c, "t")), cells) for c, cells in two_by_two(9)]
    assert given_away(tables) == []


@pytest.mark.parametrize("step", range(1, 26))
def test_the_way_from_one_picture_to_the_next_or_to_the_closed_month_stays_open(step: int) -> None:
    """How many came in between cannot be worked out from a cell of the picture and the later cell."""
    differences: dict[Hashable, set[int]] = defaultdict(set)
    for before in range(60):
        for after in range(before, before + 40):
            one = picture(counts(((before,),), (before,)), "t").centers["c0"]
            later = picture(counts(((after,),), (after,)), "t").centers["c0"]
            final = Figure(after, after) if after == 0 or after >= SMALL else HIDDEN
            differences["picture", one, later].add(after - before)
            differences["closed", one, final].add(after - before)
    assert [k for k, v in differences.items() if v == {step} and step < SMALL] == []


def test_a_centre_whose_number_binds_its_hidden_cells_is_withheld() -> None:
    """Eight reports and two hidden harm types: both would be four."""
    release = close(counts(((4, 4), (20, 9)), (8, 25)), "t")
    assert set(release.harms["c0"].values()) == {HIDDEN}
    assert release.centers["c0"] == Figure(8, 8)
    assert release.harm_totals["h0"] == Figure(20, 28)


def test_a_national_number_of_one_to_four_hides_everything() -> None:
    release = close(counts(((2, 0), (0, 0)), (2, 0)), "t")
    assert release.total == HIDDEN
    assert set(release.centers.values()) == {HIDDEN}
    assert set(release.harm_totals.values()) == {HIDDEN}


def test_totals_hold_the_truth() -> None:
    for c, cells in two_by_two(6):
        for release in (close(c, "t"), picture(c, "t")):
            for harm, truth in (("h0", cells[0] + cells[2]), ("h1", cells[1] + cells[3])):
                figure = release.harm_totals[harm]
                assert figure.low is None or figure.high is None or figure.low <= truth <= figure.high


def test_sums_of_published_figures() -> None:
    assert together([Figure(5, 9), Figure(10, 10)]) == Figure(15, 19)
    assert together([Figure(5, 9), HIDDEN]) == HIDDEN
    assert together([]).exact
