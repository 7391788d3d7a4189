"""Restart back-off: quick at first, bounded, forgotten after health."""

from hypothesis import given
from hypothesis import strategies as st

from tools.local import backoff


def test_it_doubles_up_to_the_limit() -> None:
    assert [backoff.delay(n) for n in range(1, 5)] == [0.2, 0.4, 0.8, 1.6]
    assert backoff.delay(50) == backoff.LONGEST_S
    assert backoff.delay(0) == 0


@given(st.integers(1, 10_000))
def test_it_never_shrinks_and_never_passes_the_limit(failures: int) -> None:
    assert backoff.FIRST_S <= backoff.delay(failures) <= backoff.delay(failures + 1) <= backoff.LONGEST_S


def test_a_healthy_run_starts_the_count_anew() -> None:
    assert backoff.next_failures(5, ran_s=backoff.HEALTHY_AFTER_S) == 1
    assert backoff.next_failures(5, ran_s=backoff.HEALTHY_AFTER_S - 0.1) == 6
