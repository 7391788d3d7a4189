"""What is worked out from published tables: changes, shares, loads, divisions; nothing where a number is hidden."""

from dataclasses import replace

import pytest

from services.analytics.releases.derived import (
    MERGED,
    FigureChange,
    by_division,
    change,
    change_of_share,
    loads,
    most_reports,
    rounded,
    share_of,
    shares,
)
from services.analytics.releases.published import Table, TableRow
from services.analytics.releases.suppression import HIDDEN, Figure
from tests.unit.analytics.releases.test_published import made


def of(number: int | None) -> Figure:
    return HIDDEN if number is None else Figure(number, number)


def table(rows: dict[str, int | None]) -> Table:
    lines = tuple(TableRow(key, (of(n),), tuple(key.split("+")) if "+" in key else ()) for key, n in rows.items())
    return replace(made("reports-by-center", "2026-10"), rows=(*lines, TableRow("total", (of(999),))))


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        (120, 100, FigureChange(20, 0.2)),
        (90, 100, FigureChange(-10, -0.1)),
        # A page rounds it to tenths of a percent: it is not rounded before, else this would be 0.4.
        (865, 868, FigureChange(-3, -3 / 868)),
        (12, 9, FigureChange(3, None)),
        (10, 10, FigureChange(0, 0.0)),
        (None, 100, None),
        (100, None, None),
    ],
)
def test_a_change_needs_both_numbers_and_percent_needs_ten(
    now: int | None, before: int | None, expected: FigureChange | None
) -> None:
    assert change(of(now), of(before)) == expected


@pytest.mark.parametrize(
    ("value", "places", "expected"),
    [(6.25, 1, 6.3), (-6.25, 1, -6.3), (0.03125, 4, 0.0313), (1.005, 2, 1.01), (0, 1, 0)],
)
def test_half_of_the_last_place_goes_away_from_0(value: float, places: int, expected: float) -> None:
    assert rounded(value, places) == expected


def test_shares_change_by_points() -> None:
    assert change_of_share(0.75, 0.5) == FigureChange(0.25, of_shares=True)
    assert change_of_share(None, 0.5) is None
    assert change_of_share(0.5, None) is None


def test_a_share_of_what_is_hidden_is_hidden() -> None:
    assert share_of(of(30), of(40)) == 0.75
    assert share_of(of(None), of(40)) is None
    assert share_of(of(30), of(None)) is None
    rows = (
        TableRow("busan", (of(40), of(30))),
        TableRow("sejong", (HIDDEN, HIDDEN)),
        TableRow("total", (of(50), of(45))),
    )
    assert shares(replace(made("reports-by-center", "2026-10"), rows=rows)) == [
        ("busan", 0.75),
        ("sejong", None),
        ("total", 0.9),
    ]


def test_load_is_a_band_of_reports_per_full_time_month() -> None:
    reports = table({"busan": 60, "ulsan": 30, "daegu": 29, "jeju": None, "daejeon+sejong": 90, "jeonbuk": 25})
    hours = {"busan": 240, "ulsan": 240, "daegu": 480, "jeju": 480, "daejeon": 160, "sejong": 160, "jeonbuk": 0}
    found = dict(loads(reports, table(dict(hours))))
    assert found == {"busan": 3, "ulsan": 2, "daegu": 0, "jeju": None, "daejeon+sejong": 3, "jeonbuk": None}


@pytest.mark.parametrize(
    ("rows", "total", "expected"),
    [
        ({"busan": of(40), "daegu": of(39)}, 79, ("busan", True)),
        ({"busan": of(40), "daegu": of(40)}, 80, ("busan", False)),
        ({"busan": of(40), "daegu": Figure(30, 39)}, 79, ("busan", True)),
        ({"busan": of(40), "daegu": Figure(30, 60)}, 100, ("busan", False)),
        ({"busan": Figure(40, 50), "daegu": Figure(30, 39)}, 89, ("busan", True)),
        ({"busan": of(40), "daegu": HIDDEN, "ulsan": HIDDEN, "daegu+ulsan": of(39)}, 79, ("busan", True)),
        ({"busan": of(40), "daegu": HIDDEN, "ulsan": HIDDEN, "daegu+ulsan": of(41)}, 81, ("busan", False)),
        ({"busan": of(40), "daegu": HIDDEN, "ulsan": Figure(9, 9), "daegu+ulsan": of(48)}, 200, ("busan", True)),
        ({"busan": of(40), "daegu": HIDDEN}, 79, ("busan", True)),
        ({"busan": of(40), "daegu": HIDDEN}, 80, ("busan", False)),
        ({"busan": HIDDEN}, 80, None),
    ],
)
def test_the_most_reports_are_known_where_no_other_centre_can_have_as_many(
    rows: dict[str, Figure], total: int, expected: tuple[str, bool] | None
) -> None:
    lines = tuple(TableRow(key, (n,), tuple(key.split("+")) if "+" in key else ()) for key, n in rows.items())
    found = most_reports(replace(made("reports-by-center", "2026-10"), rows=(*lines, TableRow("total", (of(total),)))))
    assert (found and (found[0].key, found[1])) == expected


def test_two_centres_stand_for_one_division_since_the_merger() -> None:
    both = table({"gwangju": 20, "jeonnam": 12, "busan": 8, "central": 7})
    assert by_division(both, merged=False) == {"gwangju": of(20), "jeonnam": of(12), "busan": of(8)}
    assert by_division(both, merged=True) == {"busan": of(8), MERGED: of(32)}
    apart = {"gwangju": None, "jeonnam": None, "busan": 8}
    assert by_division(table({**apart, "gwangju+jeonnam": 14}), merged=True)[MERGED] == of(14)
    assert by_division(table(dict(apart)), merged=True)[MERGED] == HIDDEN
    assert by_division(table({"gwangju": 20, "jeonnam": None}), merged=True)[MERGED] == HIDDEN
    assert by_division(table({**apart, "gwangju+jeonnam+jeonbuk+jeju": 40}), merged=True)[MERGED] == HIDDEN
