"""What a year says of counts that a month hides: bounds that hold, and that leave every hidden month open."""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import pytest

from services.analytics.releases.audit import prove
from services.analytics.releases.calendar import period_of
from services.analytics.releases.hierarchies import CENTERS, group, whole
from services.analytics.releases.intervals import Bounds, intervals, of_class, read
from services.analytics.releases.intruder_model import system
from services.analytics.releases.release import lower, of_month, of_year
from services.analytics.releases.suppression import SMALL, MonthCounts, joined, split
from services.analytics.releases.tables import TABLE_SPECS, WITHHELD, Split
from tests.unit.analytics import worlds

APART = [f"{n}" for n in range(13)]
"""As if each month were a quarter of its own."""
QUARTERS = [f"Q{month // 3}" for month in range(12)]
PAIR = whole("rest", group("small", "large"))


def possible(top: int) -> list[int]:
    """What the first of two parts that were not shown may count in a month: one of the two is small."""
    return [n for n in range(top + 1) if n < SMALL or top - n < SMALL]


def sums(tops: Sequence[int]) -> set[int]:
    """What the first part may count in all these months."""
    found = {0}
    for top in tops:
        found = {done + n for done in found for n in possible(top)}
    return found


@pytest.mark.parametrize("months", [1, 2, 3])
def test_every_class_leaves_every_hidden_month_open(months: int) -> None:
    """By enumeration: of both parts each month may be 0 and may be 5 or more, whichever class was published."""
    for tops in product((5, 6, 9, 14, 23), repeat=months):
        for total in sorted(sums(tops)):
            bounds = of_class(tops, total)
            assert bounds.low <= total <= bounds.high <= sum(tops)
            for at, top in enumerate(tops):
                others = sums([*tops[:at], *tops[at + 1 :]])
                fits = {n for n in possible(top) if any(bounds.low <= n + other <= bounds.high for other in others)}
                assert min(fits) == 0, (tops, total, at)
                assert max(fits) == top, (tops, total, at)


def test_every_class_leaves_a_quarter_open_of_which_all_months_are_hidden() -> None:
    """By enumeration: a quarter of three months, one of two, and a month of another."""
    for tops in product((5, 14), repeat=6):
        quarters = [sum(tops[:3]), sum(tops[3:5])]
        for total in sorted(sums(tops)):
            bounds = of_class(tops, total, quarters)
            assert bounds.low <= total <= bounds.high <= sum(tops)
            for own, others in ((tops[:3], tops[3:]), (tops[3:5], (*tops[:3], tops[5]))):
                rest = sums(others)
                fits = {n for n in sums(own) if any(bounds.low <= n + other <= bounds.high for other in rest)}
                assert min(fits) == 0, (tops, total)
                assert max(fits) == sum(own), (tops, total)


def test_a_quarter_that_hides_a_part_in_all_its_months_widens_the_class_and_no_other_does() -> None:
    counts = [{"rest": 90, "small": 8, "large": 33}] * 8 + [{"rest": 90, "small": 3, "large": 30}] * 4
    months = [split(PAIR, each) for each in counts]
    apart, last = (read(intervals(PAIR, months, counts, quarters)) for quarters in (APART, QUARTERS))
    assert last["large"].high - last["large"].low > apart["large"].high - apart["large"].low
    order = [0, 8, 1, 2, 9, 3, 4, 10, 5, 6, 11, 7]  # each quarter has months that show it
    mixed = intervals(PAIR, [months[at] for at in order], [counts[at] for at in order], QUARTERS)
    assert read(mixed) == apart


def test_the_audit_looks_at_quarters_that_hide_a_centre_in_all_their_months() -> None:
    """Sejong and the desk own 12 in each of three months, and the year says that 14 at least are Sejong's."""
    centers = {**dict.fromkeys(worlds.SHARES, 30), "sejong": 9, "central": 3}
    n = sum(centers.values())
    names = ("2025-01", "2025-02", "2025-04")
    counts = [MonthCounts(name, {f"{name}-05": n}, centers, {}, {"longer": n}, {"in_care": n}) for name in names]
    months = [of_month(each, worlds.AS_OF, "full") for each in counts]
    year = of_year("2025", months, counts, worlds.AS_OF, {}, {})
    for low, narrow in ((12, ()), (14, ("2025/reports-by-center/2025-Q1/sejong",))):
        shown = {**year.tables.get("reports-by-center", {}), "sejong>=": low, "sejong<=": 28}
        told = replace(year, tables={**year.tables, "reports-by-center": shown})
        assert prove(system([*months, told]), 60).cells == narrow


def test_a_class_follows_from_published_numbers_and_tells_nothing_else() -> None:
    tops = [20, 14, 31, 11]
    classes = {total: of_class(tops, total) for total in range(sum(tops) + 1)}
    edges = sorted({(each.low, each.high) for each in classes.values()})
    assert edges == [(0, 31), (32, 76)], "one behind the other, without a gap"
    assert all(low <= total <= high for total, (low, high) in ((t, (b.low, b.high)) for t, b in classes.items()))
    assert of_class([17], 3) == Bounds(0, 17), "of one month nothing is said"


def test_a_large_year_with_two_small_months_of_its_sibling_says_between_what_it_lies() -> None:
    counts = [{"rest": 90, "small": 8, "large": 33}] * 10 + [{"rest": 90, "small": n, "large": 30} for n in (3, 4, 2)]
    months = [split(PAIR, each) for each in counts]
    assert "large" not in joined(months)
    found = read(intervals(PAIR, months, counts, APART))
    assert found["small"] == Bounds(80, 80 + 34), "80 in the others; of 33, 34 and 32 together 0 to 34"
    assert found["large"] == Bounds(330 + 99 - 34, 330 + 99)


def test_what_is_far_from_exact_is_not_published() -> None:
    counts = [{"rest": 90, "small": 1, "large": 21}] * 12
    found = read(intervals(PAIR, [split(PAIR, each) for each in counts], counts, APART))
    assert set(found) == {"large"}, "of the small one it would only say that it is from 0 to 22"


def test_bounds_hold_and_say_nothing_of_a_year_with_a_month_left_out() -> None:
    rnd, said = random.Random(5), 0
    for _ in range(20):
        counts = [{key: rnd.randrange(40) for key in CENTERS.leaves()} for _ in range(12)]
        months = [split(CENTERS, each) for each in counts]
        for key, bounds in read(intervals(CENTERS, months, counts, QUARTERS)).items():
            assert bounds.low <= sum(each[key] for each in counts) <= bounds.high
            said += 1
        assert intervals(CENTERS, [*months[1:], {}], counts, QUARTERS) == {}
    assert said > 20, "bounds that are never said always hold"


def test_a_narrow_month_takes_the_intervals_of_its_table_out_of_the_year_and_nothing_else() -> None:
    lowered = lower({}, ["2026-03/reports-by-center/jeju"], {each: {} for each in ("reports-by-center", "corrections")})
    assert lowered == {"reports-by-center": WITHHELD}
    assert lower({}, ["2026-Q1/harms/jeju|synthesis"], {each: {} for each in TABLE_SPECS}) == {"synthesis": "regions"}


def test_where_time_runs_out_intervals_go_first_and_then_places_until_nothing_is_left() -> None:
    steps = [lower({}, [], {each: {} for each in ("reports-by-center", "corrections")})]
    assert steps == [{"reports-by-center": WITHHELD}], "withheld whole, a year would tell less than without intervals"
    while (last := steps[-1]) is not None and len(steps) < 9:
        steps.append(lower(last, [], {each: {} for each in ("reports-by-center", "corrections")}))
    assert [set(step.values()) for step in steps[1:] if step] == [
        {WITHHELD, "regions"},
        {WITHHELD, "whole"},
        {WITHHELD},
    ]
    assert steps[-1] is None


def test_a_release_is_read_in_the_shape_it_was_made_in() -> None:
    how = TABLE_SPECS["reports-by-role-and-channel"].protection
    assert isinstance(how, Split)
    [former], period = how.former, period_of("2026")
    counts = {
        f"{role}/{channel}": n
        for role, n in (("victim", 90), ("representative", 40), ("third_party", 4))
        for channel in ("web", "phone", "api")
    }
    then, now = split(former, counts), split(how.hierarchy(period), counts)
    assert "third_party" in then, "split by role first"
    assert "third_party/web" not in then
    assert how.made_in(period, then) == former
    assert how.made_in(period, now) == how.hierarchy(period)
