"""What a year says of counts that a month hides: bounds that hold, and that leave every hidden month open."""

import random
from collections.abc import Sequence
from itertools import product

import pytest

from services.analytics.releases.hierarchies import CENTERS, group, whole
from services.analytics.releases.intervals import Bounds, intervals, of_class, read
from services.analytics.releases.release import lower, period_of
from services.analytics.releases.suppression import SMALL, joined, split
from services.analytics.releases.tables import TABLE_SPECS, WITHHELD, Split

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
    found = read(intervals(PAIR, months, counts))
    assert found["small"] == Bounds(80, 80 + 34), "80 in the others; of 33, 34 and 32 together 0 to 34"
    assert found["large"] == Bounds(330 + 99 - 34, 330 + 99)


def test_what_is_far_from_exact_is_not_published() -> None:
    counts = [{"rest": 90, "small": 1, "large": 21}] * 12
    found = read(intervals(PAIR, [split(PAIR, each) for each in counts], counts))
    assert set(found) == {"large"}, "of the small one it would only say that it is from 0 to 22"


def test_bounds_hold_and_say_nothing_of_a_year_with_a_month_left_out() -> None:
    rnd = random.Random(5)
    for _ in range(20):
        counts = [{key: rnd.randrange(40) for key in CENTERS.leaves()} for _ in range(12)]
        months = [split(CENTERS, each) for each in counts]
        for key, bounds in read(intervals(CENTERS, months, counts)).items():
            assert bounds.low <= sum(each[key] for each in counts) <= bounds.high
        assert intervals(CENTERS, [*months[1:], {}], counts) == {}


def test_a_narrow_month_takes_the_intervals_of_its_table_out_of_the_year_and_nothing_else() -> None:
    lowered = lower({}, ["2026-03/reports-by-center/jeju"], ["reports-by-center", "corrections"])
    assert lowered == {"reports-by-center": WITHHELD}
    assert lower({}, ["2026-Q1/harms/jeju|synthesis"], TABLE_SPECS) == {"synthesis": "regions"}


def test_where_time_runs_out_intervals_go_first_and_then_places_until_nothing_is_left() -> None:
    steps = [lower({}, [], ["reports-by-center", "corrections"])]
    assert steps == [{"reports-by-center": WITHHELD}], "withheld whole, a year would tell less than without intervals"
    while (last := steps[-1]) is not None and len(steps) < 9:
        steps.append(lower(last, [], ["reports-by-center", "corrections"]))
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
