"""Restart back-off: quick at first, bounded, forgotten after health."""

from hypothesis import given
from hypothesis import strategies as st

from shared.backoff import backoff
from tools.local.supervisor import FIRST_S, HEALTHY_AFTER_S, LONGEST_S, next_failures


def delay(failures: int) -> float:
    return backoff(failures, 1.0, LONGEST_S, FIRST_S)


def test_it_doubles_up_to_the_limit() -> None:
    assert [delay(n) for n in range(1, 5)] == [0.2, 0.4, 0.8, 1.6]
    assert delay(50) == LONGEST_S


@given(st.integers(1, 10_000))
def test_it_never_shrinks_and_never_passes_the_limit(failures: int) -> None:
    assert FIRST_S <= delay(failures) <= delay(failures + 1) <= LONGEST_S


def test_a_healthy_run_starts_the_count_anew() -> None:
    assert next_failures(5, ran_s=HEALTHY_AFTER_S) == 1
    assert next_failures(5, ran_s=HEALTHY_AFTER_S - 0.1) == 6
