"""Where every service takes its time from, so that tests can jump and decisions get ``now`` as an argument."""

import asyncio
import time
from datetime import UTC, date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

SEOUL = ZoneInfo("Asia/Seoul")


class Clock(Protocol):
    """A source of time. ``now`` is wall time in UTC; ``monotonic`` is seconds that never run backwards."""

    def now(self) -> datetime:
        """Wall time, timezone-aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; for measuring spans."""

    async def sleep(self, seconds: float) -> None:
        """Wait until ``seconds`` have passed on this clock."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Wall time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds of the machine's monotonic clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep on the event loop."""
        await asyncio.sleep(seconds)


def seoul_date(moment: datetime) -> date:
    """The calendar day in Korea of a moment. Days in every count are days in Asia/Seoul."""
    return moment.astimezone(SEOUL).date()


def seoul_day(moment: datetime) -> str:
    """The same as ``YYYY-MM-DD``."""
    return seoul_date(moment).isoformat()


def whole_milliseconds(moment: datetime) -> datetime:
    """A time with the precision of the store and the log; truncate before comparing with stored times."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
