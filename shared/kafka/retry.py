"""Trying again: with back-off, without end, and given up only when the partitions go to somebody else."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from shared import log
from shared.backoff import backoff
from shared.errors import IeumError, TransientError
from shared.kafka import metrics

_log = log.get(__name__)

T = TypeVar("T")

RED_AFTER_ATTEMPTS: Final = 5


class GivenUpError(IeumError):
    """The partitions are going away: what was not finished is left to their next owner."""


class Attempts:
    """The retry of one subscription. ``trouble`` is what health shows while something keeps failing."""

    def __init__(self, group: str) -> None:
        self.trouble: str | None = None
        self._group = group
        self._interrupt = asyncio.Event()
        self._leaving = False

    @property
    def interrupted(self) -> bool:
        """True from the moment the partitions are to be given back until new ones are assigned."""
        return self._interrupt.is_set()

    def interrupt(self, *, for_good: bool = False) -> None:
        """End every wait; ``for_good`` when the process is leaving."""
        self._leaving |= for_good
        self._interrupt.set()

    def resume(self) -> None:
        """New partitions are here."""
        self.trouble = None
        if not self._leaving:
            self._interrupt.clear()

    async def repeat(self, call: Callable[[], Awaitable[T]], what: str) -> T:
        """Call until it does not raise ``TransientError``. Raises ``GivenUpError`` once the partitions go away."""
        attempt = 0
        while True:
            try:
                result = await call()
            except TransientError as error:
                attempt += 1
                metrics.RETRIES.labels(self._group).inc()
                _log.warning("bus.retry", subscription=self._group, what=what, attempt=attempt, error=str(error))
                if attempt >= RED_AFTER_ATTEMPTS:
                    self.trouble = f"{what} failed {attempt} times: {error}"
                if await self.pause(backoff(attempt, random.random())):  # noqa: S311  # spreads waits, decides nothing
                    raise GivenUpError(what) from error
            else:
                self.trouble = None
                return result

    async def pause(self, seconds: float) -> bool:
        """Wait, but not longer than the partitions are ours; True when they are not."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._interrupt.wait()
        return self._interrupt.is_set()
