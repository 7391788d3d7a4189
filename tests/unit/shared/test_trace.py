import pytest

from shared import trace

GOOD = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_records_trace_is_kept() -> None:
    assert trace.accept(GOOD) == GOOD
    assert trace.trace_id(GOOD) == "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    "header", [None, "", "00-x", GOOD.upper(), f"{GOOD}\n", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", GOOD + "-extra"]
)
def test_a_malformed_trace_is_replaced_not_refused(header: str | None) -> None:
    made = trace.accept(header)
    assert made != header
    assert trace.accept(made) == made


def test_bound_trace_is_the_current_one() -> None:
    trace.bind(GOOD)
    assert trace.current() == GOOD
