"""Histograms that add up, and which crossings of dimensions can be asked for."""

from datetime import date, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.counting.aggregate import (
    ACK_BOUNDS,
    CUBES,
    DAILY,
    SEEN_WITHIN_S,
    TIME_BOUNDS,
    Histogram,
    combinations_of,
    marginals,
    seen_within_target,
    source_of,
    time_bucket,
)
from services.analytics.releases.calendar import parse
from services.intake.receipts.promise import AT_THE_LATEST
from shared.events.vocabulary import UNKNOWN, Urgency

SECONDS = st.lists(st.floats(0, 10**8, allow_nan=False), max_size=30)


def histogram(seconds: list[float]) -> Histogram:
    buckets = [time_bucket(each) for each in seconds]
    return Histogram.of({bucket: buckets.count(bucket) for bucket in buckets})


@given(SECONDS, SECONDS)
def test_merged_histograms_are_the_histogram_of_all_times(some: list[float], others: list[float]) -> None:
    assert histogram(some) + histogram(others) == histogram([*others, *some])


@given(SECONDS, st.sampled_from(TIME_BOUNDS))
def test_how_many_are_within_a_bound_is_exact(seconds: list[float], bound: int) -> None:
    assert histogram(seconds).within(bound) == sum(each <= bound for each in seconds)


def test_a_bound_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="7 s is no bucket's bound; bounds are 1, 2, 5"):
        Histogram().within(7)


def test_bounds_once_used_stay() -> None:
    assert (TIME_BOUNDS[:21], TIME_BOUNDS[21:]) == (
        ACK_BOUNDS,
        (1209600, 2592000, 5184000, 7776000, 15552000, 31536000),
    )


@pytest.mark.parametrize("cube", [*CUBES, DAILY])
def test_what_a_cube_keeps_can_be_asked_for_in_any_order(cube: tuple[str, ...]) -> None:
    for kept in combinations_of(cube):
        for order in permutations(kept):
            assert set(order) <= set(source_of(order, whole_months=True))
    assert source_of(cube, whole_months=True) == cube


@pytest.mark.parametrize(
    ("dimensions", "whole_months"),
    [
        (("center", "gender"), True),
        (("harm", "support"), True),
        (("person",), True),
        (("center", "center"), True),
        (("gender",), False),
        (("day", "role"), False),
    ],
)
def test_a_crossing_that_is_not_kept_is_refused_with_those_that_are(
    dimensions: tuple[str, ...], whole_months: bool
) -> None:
    with pytest.raises(ValueError, match="is not counted for") as refused:
        source_of(dimensions, whole_months=whole_months)
    assert "center × harm" in str(refused.value)
    assert ("age_band × gender" in str(refused.value)) == whole_months


def test_a_report_of_two_harm_types_is_one_report_where_harm_is_not_asked_for() -> None:
    cells = [(("busan", "all"), 3), (("busan", "other"), 2), (("busan", "synthesis"), 3), (("daegu", "all"), 0)]
    assert marginals(("center", "harm"), (), cells) == {(): 3}
    assert marginals(("center", "harm"), ("center",), cells) == {("busan",): 3}
    assert marginals(("center", "harm"), ("harm", "center"), cells) == {
        ("other", "busan"): 2,
        ("synthesis", "busan"): 3,
    }


def test_support_is_never_summed_to_reports() -> None:
    assert combinations_of(("support",)) == [("support",)]


def test_the_target_is_what_intake_promises() -> None:
    targets = {urgency: timedelta(seconds=s) for urgency, s in SEEN_WITHIN_S.items()}
    assert targets.pop(UNKNOWN) == AT_THE_LATEST[Urgency.CRITICAL]
    assert targets == dict(AT_THE_LATEST)
    waited = {"critical": histogram([3600, 3601]), "normal": histogram([90_000, 259_201])}
    assert seen_within_target(waited) == 2


def test_years_are_periods_of_whole_months_and_weeks_are_not() -> None:
    names = ("2026", "2026-Q4", "2026-11", "2026-W44")
    periods = [period for period in map(parse, names) if period is not None]
    assert [period.whole_months for period in periods] == [True, True, True, False]
    assert [len(period.months) for period in periods] == [12, 3, 1, 2]
    assert (periods[0].first, periods[0].last) == (date(2026, 1, 1), date(2026, 12, 31))
