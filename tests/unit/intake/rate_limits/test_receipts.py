from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.caller import Caller
from services.intake.rate_limits.receipts import ReceiptRateLimiter
from shared.rate_limit import RateLimit
from shared.web.networks import network_of
from tests.support.clock import ManualClock

LIMIT = RateLimit(capacity=10, per_second=0.5)


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 3)), max_size=30))
def test_no_more_is_given_than_allowed(draws: list[tuple[float, float]]) -> None:
    now, given_out = 0.0, 0.0
    bucket = LIMIT.full(now)
    for pause, cost in draws:
        now += pause
        if LIMIT.wait(bucket, now) == 0:
            bucket = LIMIT.consume(bucket, cost, now)
            given_out += cost
    assert given_out <= 10 + now * 0.5 + 3


def test_waiting_as_long_as_told_is_enough() -> None:
    bucket = LIMIT.consume(LIMIT.full(0), 12, 0)
    wait = LIMIT.wait(bucket, 0)
    assert wait == pytest.approx(6)
    assert LIMIT.wait(bucket, wait) == pytest.approx(0)


async def test_a_network_waits_while_others_ask_on() -> None:
    clock = ManualClock(datetime(2026, 11, 24, tzinfo=UTC))
    gate = ReceiptRateLimiter(6, clock)
    assert [gate.wait("203.0.113.0/24") for _ in range(7)] == [0] * 6 + [10]
    assert gate.wait("198.51.100.0/24") == 0
    await clock.advance(10)
    assert gate.wait("203.0.113.0/24") == 0


def test_wrong_receipts_use_up_three_times_as_much() -> None:
    gate = ReceiptRateLimiter(6, ManualClock(datetime(2026, 11, 24, tzinfo=UTC)))
    asked = 0
    while gate.wait("203.0.113.0/24") == 0:
        gate.was_wrong(Caller("203.0.113.0/24"), "receipt")
        asked += 1
    assert asked == 2


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("203.0.113.5", "203.0.113.0/24"),
        ("::ffff:203.0.113.5", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("testclient", "unknown"),
        (None, "unknown"),
    ],
)
def test_callers_are_counted_by_network(host: str | None, network: str) -> None:
    assert network_of(host) == network


def test_no_address_is_kept() -> None:
    gate = ReceiptRateLimiter(6, ManualClock(datetime(2026, 11, 24, tzinfo=UTC)))
    gate.wait("203.0.113.0/24")
    assert b"203.0.113" not in b"".join(gate._networks._buckets)
