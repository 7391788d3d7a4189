"""Adds the whole log up again and compares: the running sums must agree with it to the last case.

Once an hour, and at once where sums cannot be true.

If they do not, somebody on call is told (metric and log), the snapshot is thrown away and the partition is read anew:
what the next decisions rest on is right again.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final, Protocol

from services.routing import measures
from services.routing.handlers.ledger import Ledger
from services.routing.handlers.recalling import Reader, readable
from services.routing.handlers.worker import Worker
from services.routing.model import Tally
from services.routing.projection import RoutingEvent
from services.routing.projection.recount import Recount, difference
from shared import log
from shared.clock import Clock
from shared.errors import TransientError

_log = log.get(__name__)

PIECE: Final = 200
"""Records counted before others get their turn: a few milliseconds."""
_LOOK_EVERY_S: Final = 0.1


class Droppable(Protocol):
    """``services.routing.handlers.keeping.Keeper``, as far as recounting needs it."""

    async def drop(self, partition: int) -> None:
        """Forget the snapshot of a partition."""


class Recounter:
    """Recounts every partition this worker decides for."""

    def __init__(self, worker: Worker, ledger: Ledger, reader: Reader, snapshots: Droppable, clock: Clock) -> None:
        """``reader`` reads `routings` and is nobody else's: it is busy for long."""
        self._worker = worker
        self._ledger = ledger
        self._reader = reader
        self._snapshots = snapshots
        self._clock = clock
        self.suspected: Final = asyncio.Event()
        """Recount at once, not only when it is time."""

    async def recount_all(self) -> int:
        """Recount each partition, and return how many centres' sums were wrong."""
        started, wrong = self._clock.monotonic(), 0
        for partition in list(self._worker.owned()):
            found = await self._recount(partition)
            if found:
                wrong += len(found)
                measures.RECOUNT_DIFFERENCE.set(wrong)
                shown = {center: [list(known), list(counted)] for center, (known, counted) in found.items()}
                _log.error("routing.sums_wrong", partition=partition, known_and_counted=shown)
                await self._begin_anew(partition)
        measures.RECOUNT_DIFFERENCE.set(wrong)
        measures.RECOUNTED_AT.set(self._clock.now().timestamp())
        _log.info("routing.recounted", wrong=wrong, ms=round((self._clock.monotonic() - started) * 1000))
        return wrong

    async def _recount(self, partition: int) -> Mapping[str, tuple[Tally, Tally]]:
        async with self._ledger.locks[partition]:
            state = self._ledger.state(partition)
            position, known = state.position, dict(state.tallies)
        recount, number = Recount(), 0
        async with contextlib.aclosing(self._reader.read({partition: (0, position)})) as records:
            async for raw in records:
                event = readable(raw)
                if isinstance(event, RoutingEvent):
                    recount.take(event)
                number += 1
                if number % PIECE == 0:
                    await self._give_way()
        return difference(known, recount.tallies())

    async def _give_way(self) -> None:
        await self._clock.sleep(0)
        while self._worker.surging():
            await self._clock.sleep(_LOOK_EVERY_S)

    async def _begin_anew(self, partition: int) -> None:
        async with self._ledger.locks[partition]:
            try:
                await self._ledger.rebuild(partition)
            except TransientError as error:
                # What was known is kept, wrong as it is, and looked at again: half a state would be worse.
                _log.warning("routing.not_rebuilt", partition=partition, error=str(error))
            try:
                await self._snapshots.drop(partition)
            except TransientError as error:
                _log.warning("routing.snapshot_not_dropped", partition=partition, error=str(error))
