"""Retry of one consumer: with back-off, without end, and given up only when its partitions are revoked."""

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


class AssignmentLostError(IeumError):
    """The partitions are revoked: what was not finished is left to their next consumer."""


class Retry:
    """The retry of one subscription. ``failure`` is what readiness shows while a call keeps failing."""

    def __init__(self, group: str) -> None:
        self.failure: str | None = None
        self._group = group
        self._interrupt = asyncio.Event()
        self._leaving = False

    @property
    def interrupted(self) -> bool:
        """True from the start of a revocation to the next assignment."""
        return self._interrupt.is_set()

    @property
    def leaving(self) -> bool:
        """True from the moment on at which the process stops."""
        return self._leaving

    def interrupt(self, *, for_good: bool = False) -> None:
        """End every wait; ``for_good`` when the process is leaving."""
        self._leaving |= for_good
        self._interrupt.set()

    def resume(self) -> None:
        """Begin anew with newly assigned partitions."""
        self.failure = None
        if not self._leaving:
            self._interrupt.clear()

    async def repeat(self, call: Callable[[], Awaitable[T]], operation: str) -> T:
        """Call until it does not raise ``TransientError``; ``AssignmentLostError`` once the partitions are revoked."""
        attempt = 0
        while True:
            try:
                result = await call()
            except TransientError as error:
                attempt += 1
                metrics.RETRIES.labels(self._group).inc()
                _log.warning("kafka.retried", group=self._group, operation=operation, attempt=attempt, error=str(error))
                if attempt >= RED_AFTER_ATTEMPTS:
                    self.failure = f"{operation} failed {attempt} times: {error}"
                if await self.pause(backoff(attempt, random.random())):  # noqa: S311  # spreads waits, decides nothing
                    raise AssignmentLostError(operation) from error
            else:
                self.failure = None
                return result

    async def pause(self, seconds: float) -> bool:
        """Wait, at most until the partitions are revoked; True when they are."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._interrupt.wait()
        return self._interrupt.is_set()
