"""Restores partitions whose sums cannot be true from the log, while deciding goes on elsewhere."""

import asyncio
from collections.abc import Iterable
from typing import Final

from services.routing.state.changelog import Changelog
from shared import log
from shared.clock import Clock

_log = log.get(__name__)

AGAIN_S: Final = 3600.0
"""A partition is restored at most so often: if its sums are wrong again, the fold itself is, and reading helps not."""


class Restorer:
    """Reads suspected partitions anew."""

    def __init__(self, changelog: Changelog, clock: Clock) -> None:
        self._changelog = changelog
        self._clock = clock
        self._suspected: set[int] = set()
        self._restored: dict[int, float] = {}
        """By partition, when it was read anew last."""
        self.suspected: Final = asyncio.Event()
        """Set when there is something to restore."""

    def suspect(self, partitions: Iterable[int]) -> None:
        """Distrust the state of these partitions: it cannot be true."""
        self._suspected.update(partitions)
        self.suspected.set()

    async def restore_suspected(self) -> None:
        """Read every suspected partition anew.

        Raises ``TransientError`` where Kafka does not answer: then it is read anew when this is called again.
        """
        while self._suspected:
            partition, now = next(iter(self._suspected)), self._clock.monotonic()
            if now - self._restored.get(partition, -AGAIN_S) >= AGAIN_S:
                async with self._changelog.locks[partition]:
                    with self._changelog.guarded():
                        await self._changelog.restore_from_start(partition)
                self._restored[partition] = now
                _log.info("routing.restored", partition=partition)
            self._suspected.discard(partition)
