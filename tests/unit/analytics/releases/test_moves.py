"""Moves between centres: two figures of a year, each a total of its own."""

from dataclasses import replace

import pytest

from services.analytics.releases.audit import prove
from services.analytics.releases.errata import revised
from services.analytics.releases.intruder_model import system
from services.analytics.releases.plausibility import implausible
from services.analytics.releases.release import Release, of_month, of_year
from services.analytics.releases.suppression import MonthCounts
from services.analytics.releases.tables import MOVES_TABLE, TABLE_SPECS, Decisions
from tests.unit.analytics import worlds


def month(number: int, **moves: int) -> MonthCounts:
    name = f"2025-{number:02d}"
    centers = {**dict.fromkeys(worlds.SHARES, 0), "gyeonggi": 40}
    return MonthCounts(name, {f"{name}-05": 40}, centers, {}, {"longer": 40}, {"in_care": 40}, {MOVES_TABLE: moves})


def year_of(*counts: MonthCounts) -> tuple[list[Release], Release]:
    months = [of_month(each, worlds.AS_OF, "full") for each in counts]
    return months, of_year("2025", months, counts, worlds.AS_OF, {}, {})


def test_a_figure_is_shown_from_ten_on_and_months_tell_none() -> None:
    counts = month(1, handed_on=6, moved_otherwise=5), month(2, handed_on=5, moved_otherwise=4)
    assert [implausible(each) for each in counts] == [(), ()]
    months, year = year_of(*counts)
    assert year.tables[MOVES_TABLE] == {"handed_on": 11}
    assert all(MOVES_TABLE not in each.tables for each in months)
    assert prove(system([*months, year]), 60).verdict == "open"


def test_more_moves_than_reports_are_plausible_and_fewer_than_none_are_not() -> None:
    assert implausible(month(1, handed_on=90)) == ()
    assert implausible(month(1, handed_on=-1)) == (f"{MOVES_TABLE}: does not add up to the month's reports",)


def test_a_month_closed_before_they_were_counted_leaves_the_year_without_them() -> None:
    _, year = year_of(month(1, handed_on=60), replace(month(2), crossings={}))
    assert MOVES_TABLE not in year.tables


def test_a_corrected_figure_that_differs_by_few_is_hidden() -> None:
    first, again = (year_of(month(1, handed_on=n, moved_otherwise=12))[1] for n in (20, 23))
    assert revised(again, [first], {"en": "Counted twice."}).tables[MOVES_TABLE] == {"moved_otherwise": 12}


@pytest.mark.parametrize(
    ("reason", "group"),
    [
        ("transfer_accepted", "handed_on"),
        ("returned_home", "handed_on"),
        ("home_closed", "moved_otherwise"),
        ("a word of a later version", "moved_otherwise"),
    ],
)
def test_every_later_decision_is_a_move_and_no_first_one_is(reason: str, group: str) -> None:
    source = TABLE_SPECS[MOVES_TABLE].source
    assert isinstance(source, Decisions)
    assert source.grouped({("later", reason): 3, ("first", reason): 80}) == {group: 3}
