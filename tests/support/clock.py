"""Clocks for tests: one that stands still until it is moved, and the machine's own, which may jump."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.clock import Clock, SystemClock
from shared.mongo import store_time
from shared.store_clock import StoreClock


class ManualClock:
    """A clock that stands still until a test moves it; sleepers wake when it passes their time."""

    def __init__(self, start: datetime) -> None:
        """``start`` must be timezone-aware."""
        self._start = start.astimezone(UTC)
        self._elapsed = 0.0
        self._moved = asyncio.Condition()

    def now(self) -> datetime:
        """Start time plus everything advanced so far."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Seconds advanced so far."""
        return self._elapsed

    async def advance(self, seconds: float) -> None:
        """Move time forward and wake the sleepers that are due."""
        async with self._moved:
            self._elapsed += seconds
            self._moved.notify_all()

    async def sleep(self, seconds: float) -> None:
        """Wait until ``advance`` has moved the clock by ``seconds``."""
        until = self._elapsed + seconds
        async with self._moved:
            await self._moved.wait_for(lambda: self._elapsed >= until)


class JumpClock(SystemClock):
    """``now`` is real time plus every jump so far; sleeping stays real, and so does measuring unless told otherwise."""

    def __init__(self, *, monotonic: bool = False) -> None:
        """With ``monotonic``, ``monotonic()`` jumps too."""
        self._jumped = timedelta()
        self._both = monotonic

    def now(self) -> datetime:
        """Wall time in UTC, as far as the jumps have gone."""
        return super().now() + self._jumped

    def monotonic(self) -> float:
        """Seconds of the machine's monotonic clock, with the jumps if the clock was made so."""
        return super().monotonic() + (self._jumped.total_seconds() if self._both else 0.0)

    def jump(self, **span: float) -> None:
        """Let days, hours, … pass."""
        self._jumped += timedelta(**span)


class StillClock(JumpClock):
    """``now`` moves by jumps alone: no second, and no midnight, passes between two lines of a test."""

    def __init__(self, start: datetime, *, monotonic: bool = False) -> None:
        """With ``monotonic``, ``monotonic()`` counts the seconds of the jumps and nothing else."""
        super().__init__(monotonic=monotonic)
        self._start = start

    def now(self) -> datetime:
        """The start and every jump so far."""
        return self._start + self._jumped

    def monotonic(self) -> float:
        """Seconds jumped, or the machine's where the clock was not made to measure."""
        return self._jumped.total_seconds() if self._both else super().monotonic()


def store_time_by(clock: Clock) -> Callable[[Any], Awaitable[datetime]]:
    """In the place of ``mongo.store_time``: where time passes by a test's clock it passes for the store too.

    The store is asked all the same: one that is away tells no time.
    """

    async def asked(database: Any) -> datetime:
        await store_time(database)
        return clock.now()

    return asked


def agreeing(clock: Clock, *, ahead: timedelta = timedelta()) -> StoreClock:
    """What compares this clock with the store's, which is right unless the clock is ``ahead`` of it."""

    async def asked() -> datetime:
        return clock.now() - ahead

    return StoreClock(asked, clock)
