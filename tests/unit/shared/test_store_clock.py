"""This process's clock compared with the store's: agreement, and what is said where there is none."""

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from shared.errors import TransientError
from shared.metrics import REGISTRY
from shared.store_clock import MOST_APART, ClocksApartError, StoreClock
from tests.support.clock import ManualClock, StillClock, agreeing

NOW = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def told() -> float | None:
    return REGISTRY.get_sample_value("ieum_clock_ahead_of_store_seconds")


@pytest.mark.parametrize("ahead", [timedelta(), MOST_APART, -MOST_APART])
async def test_clocks_that_differ_by_minutes_agree(ahead: timedelta) -> None:
    clock = agreeing(ManualClock(NOW), ahead=ahead)
    assert await clock.agreed_now() == NOW
    assert await clock.correction() == timedelta()
    assert told() == ahead.total_seconds()


@pytest.mark.parametrize("ahead", [MOST_APART + _SECOND, -MOST_APART - _SECOND, timedelta(days=400)])
async def test_clocks_that_are_apart_do_not_and_it_is_said_once(ahead: timedelta) -> None:
    clock = agreeing(ManualClock(NOW), ahead=ahead)
    with capture_logs() as lines:
        for _ in range(2):
            with pytest.raises(ClocksApartError):
                await clock.agreed_now()
        assert await clock.correction() == -ahead
    assert [line["event"] for line in lines] == ["clock.apart"]
    assert told() == ahead.total_seconds()


@pytest.mark.parametrize("ahead", [timedelta(days=400), timedelta(hours=-25)])
async def test_what_goes_by_the_store_is_set_once_they_were_compared(ahead: timedelta) -> None:
    clock = ManualClock(NOW)
    store_clock = agreeing(clock, ahead=ahead)
    assert store_clock.corrected.now() == NOW, "nobody has asked yet"
    await store_clock.look()
    assert store_clock.corrected.now() == NOW - ahead
    await clock.advance(60)
    assert store_clock.corrected.now() == NOW - ahead + timedelta(minutes=1)
    assert store_clock.corrected.monotonic() == 60


@pytest.mark.parametrize("hours", [400, -25])
async def test_one_that_was_set_since_counts_as_it_is(hours: int) -> None:
    """Set right, it would be wrong by as much the other way until the next look: calls would end at once."""
    clock = StillClock(NOW)
    store_clock = agreeing(clock, ahead=timedelta(hours=hours))
    await store_clock.look()
    assert store_clock.corrected.now() == NOW - timedelta(hours=hours)
    clock.jump(hours=-hours)
    assert store_clock.corrected.now() == NOW - timedelta(hours=hours)


async def test_clocks_that_differ_by_minutes_are_not_set() -> None:
    store_clock = agreeing(ManualClock(NOW), ahead=MOST_APART)
    await store_clock.look()
    assert store_clock.corrected.now() == NOW


async def test_once_they_agree_again_work_goes_on() -> None:
    clock, behind = ManualClock(NOW), timedelta(days=1)
    store_clock = StoreClock(lambda: _said(NOW + behind), clock)
    with pytest.raises(ClocksApartError):
        await store_clock.agreed_now()
    await clock.advance(behind.total_seconds())
    with capture_logs() as lines:
        assert await store_clock.agreed_now() == NOW + behind
    assert [line["event"] for line in lines] == ["clock.agrees"]


async def test_a_store_that_takes_long_to_answer_is_no_clock_that_is_wrong() -> None:
    clock = ManualClock(NOW)

    async def slow() -> datetime:
        await clock.advance(400)
        said = clock.now()
        await clock.advance(400)
        return said

    assert await StoreClock(slow, clock).look() == timedelta()


async def test_while_the_store_does_not_answer_there_is_no_time() -> None:
    async def away() -> datetime:
        raise TransientError("away")

    store_clock = StoreClock(away, ManualClock(NOW))
    with pytest.raises(TransientError):
        await store_clock.agreed_now()
    with pytest.raises(TransientError):
        await store_clock.correction()


async def _said(moment: datetime) -> datetime:
    return moment
