"""Keeps memory small and restarts short: forgets what the store's copy holds, and writes snapshots.

Behind the hot path. While the store is away nothing is forgotten and no snapshot is written; deciding goes on.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from services.routing import measures
from services.routing.handlers.ledger import Ledger
from services.routing.handlers.worker import Worker
from services.routing.projection.snapshot import Snapshot, taken
from services.routing.store import Copied
from shared import log
from shared.clock import Clock

_log = log.get(__name__)

LOOK_EVERY_S: Final = 1.0
_NOTHING: Final = Copied()


class Copies(Protocol):
    """``services.routing.store.DecisionStore``, as far as keeping needs it."""

    async def copied(self, partitions: Iterable[int]) -> Mapping[int, Copied]:
        """How far the copy of each partition goes."""


class SnapshotWriter(Protocol):
    """``services.routing.store.SnapshotStore``, as far as keeping needs it."""

    async def save(self, snapshot: Snapshot) -> None:
        """Write it down; one further on in the log stays."""

    async def drop(self, partition: int) -> None:
        """Forget the snapshot of a partition."""


class Keeper:
    """Looks after the memory of every partition this worker decides for."""

    def __init__(
        self,
        worker: Worker,
        ledger: Ledger,
        copies: Copies,
        snapshots: SnapshotWriter,
        clock: Clock,
        *,
        remembered: int,
        snapshot_every_s: float,
    ) -> None:
        """``remembered`` is how many reports this worker's partitions may hold together."""
        self._worker = worker
        self._ledger = ledger
        self._copies = copies
        self._snapshots = snapshots
        self._clock = clock
        self._remembered = remembered
        self._every_s = snapshot_every_s
        self._taken: dict[int, Snapshot] = {}
        """Taken and not yet written: the copy does not reach so far."""
        self._writing = asyncio.Lock()
        self._written: dict[int, tuple[int, float]] = {}
        """By partition: the position last written, and when."""

    async def look(self) -> None:
        """Once: forget what may be forgotten, write what is due. Partitions given away are kept small too."""
        owned, known = self._worker.owned(), list(self._ledger.states)
        copied = await self._copies.copied(known)
        lag = remembered = 0
        for partition in known:
            upto = copied.get(partition, _NOTHING).upto
            async with self._ledger.locks[partition]:
                state = self._ledger.states[partition]
                state.forget(upto, self._remembered // len(known))
                remembered += len(state.standings)
                if partition in owned:
                    lag += max(0, state.position - upto)
                    if partition not in self._taken and self._due(partition, state.position):
                        self._taken[partition] = taken(partition, state)
            await self._write(partition, upto)
        measures.COPY_LAG.set(lag)
        measures.REMEMBERED.set(remembered)

    def _due(self, partition: int, position: int) -> bool:
        written = self._written.get(partition)
        if written is None:
            return position > 0
        return position > written[0] and self._clock.monotonic() - written[1] >= self._every_s

    async def _write(self, partition: int, upto: int) -> None:
        """A snapshot may only be read back where the copy holds every record it stands for."""
        async with self._writing:
            snapshot = self._taken.get(partition)
            if snapshot is None or upto < snapshot.position or self._worker.surging():
                return
            await self._snapshots.save(snapshot)
            del self._taken[partition]
            self._written[partition] = (snapshot.position, self._clock.monotonic())
        measures.SNAPSHOTS.inc()

    async def drop(self, partition: int) -> None:
        """Forget the snapshot of a partition, written or not: what it was taken of was wrong."""
        async with self._writing:
            self._taken.pop(partition, None)
            self._written.pop(partition, None)
            await self._snapshots.drop(partition)
