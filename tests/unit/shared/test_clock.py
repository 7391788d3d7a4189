import asyncio
from datetime import UTC, date, datetime

from shared.clock import SystemClock, seoul_date, seoul_day
from tests.support.clock import ManualClock

START = datetime(2026, 11, 24, 14, 59, 59, tzinfo=UTC)


async def test_manual_clock_wakes_sleepers_only_when_their_time_has_come() -> None:
    clock = ManualClock(START)
    early, late = asyncio.create_task(clock.sleep(10)), asyncio.create_task(clock.sleep(20))
    await asyncio.sleep(0)
    await clock.advance(10)
    await early
    assert not late.done()
    await clock.advance(10)
    await late
    assert (clock.now() - START).total_seconds() == clock.monotonic() == 20


def test_system_clock_is_in_utc_and_monotonic() -> None:
    clock = SystemClock()
    assert clock.now().utcoffset() is not None
    assert clock.monotonic() <= clock.monotonic()


def test_a_day_is_a_day_in_seoul() -> None:
    assert (seoul_date(START), seoul_day(START)) == (date(2026, 11, 24), "2026-11-24")
    assert seoul_day(START.replace(hour=15, minute=0)) == "2026-11-25"
