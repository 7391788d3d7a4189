"""Whether the clocks of this process and of the store agree: asked before what cannot be undone.

Nothing tells which of two clocks is right. Where they are apart, what cannot be undone waits until somebody sets them.
All processes of a service ask one store, so that two of its machines are compared with each other too. Two clocks that
are wrong alike, as where the store runs on the same machine, are not seen (decision 38).
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Self

from motor.motor_asyncio import AsyncIOMotorDatabase
from prometheus_client import Gauge

from shared import log, mongo
from shared.clock import Clock
from shared.errors import TransientError
from shared.metrics import REGISTRY
from shared.mongo import Document

_log = log.get(__name__)

MOST_APART: Final = timedelta(minutes=5)
"""As far as identity's clock and a service's may be apart. What cannot be undone waits for a day at least."""
LOOK_S: Final = 60.0

AHEAD: Final = Gauge(
    "ieum_clock_ahead_of_store_seconds",
    "How far this process's clock is ahead of its store's; below 0 where it is behind.",
    registry=REGISTRY,
)


class ClocksApartError(TransientError):
    """The process's clock and the store's differ by more than ``MOST_APART``."""


class CorrectedClock:
    """A clock that is corrected by how far it was found to be ahead. Reading it asks nobody.

    A clock that was set since counts as it is: most are set to be right, and a correction would make them wrong.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead, self._begun = timedelta(), self._begin(clock.now())
        self.monotonic = clock.monotonic
        self.sleep = clock.sleep

    def now(self) -> datetime:
        """Wall time in UTC, corrected."""
        now = self._clock.now()
        was_set = abs(self._begin(now) - self._begun) > MOST_APART
        return now if was_set else now - self._ahead

    def correct(self, ahead: timedelta) -> None:
        """Take off what the clock is ahead now."""
        self._ahead, self._begun = ahead, self._begin(self._clock.now())

    def _begin(self, now: datetime) -> datetime:
        """When the clock's seconds began to count, by what it says now: another moment once it is set."""
        return now - timedelta(seconds=self._clock.monotonic())


class StoreClock:
    """Compares this process's clock with the store's."""

    def __init__(self, ask: Callable[[], Awaitable[datetime]], clock: Clock) -> None:
        """``ask`` returns the store's time, and raises ``TransientError`` while the store is away."""
        self._ask = ask
        self._clock = clock
        self._apart = False
        self.corrected: Final = CorrectedClock(clock)
        """Goes by the store's time where the two were apart when they were last compared."""

    @classmethod
    def of(cls, database: AsyncIOMotorDatabase[Document], clock: Clock) -> Self:
        """Compares a process's clock with that of the store of a database."""
        return cls(partial(mongo.store_time, database), clock)

    async def look(self) -> timedelta:
        """Return how far this process's clock is ahead, and say so; 0 where the time the answer took may explain it.

        Raises ``TransientError``.
        """
        before = self._clock.now()
        said = await self._ask()
        after = self._clock.now()
        ahead = max(before - said, timedelta()) or min(after - said, timedelta())
        AHEAD.set(ahead.total_seconds())
        apart = abs(ahead) > MOST_APART
        self.corrected.correct(ahead if apart else timedelta())
        if apart != self._apart:
            self._apart = apart
            if apart:
                hint = "nothing that cannot be undone is done until both clocks are right"
                _log.error("clock.apart", ahead_s=round(ahead.total_seconds()), hint=hint)
            else:
                _log.info("clock.agrees", ahead_s=round(ahead.total_seconds()))
        return ahead

    async def agreed_now(self) -> datetime:
        """Return the time by this process's clock, where the store's agrees. Raises ``ClocksApartError``.

        Raises ``TransientError`` while the store does not answer.
        """
        ahead = await self.look()
        if abs(ahead) > MOST_APART:
            raise ClocksApartError(f"this clock is ahead of the store's by {ahead.total_seconds():.0f} s")
        return self._clock.now()

    async def correction(self) -> timedelta:
        """Return what makes this process's time the store's where they are apart; else 0. Raises ``TransientError``."""
        ahead = await self.look()
        return -ahead if abs(ahead) > MOST_APART else timedelta()
