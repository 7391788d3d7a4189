"""The part of the `routings` log a worker looks after, and the one way to write to it.

What is known of a partition is a fold of a log prefix, never of intentions. After each acknowledgement the offset is
compared with the end this worker expected. Equal: nobody wrote in between, so the drafts are what the log holds.
Greater: somebody did (a worker that was paused and woke up), so the log is read from there and *it* says what is true.
Smaller: the log is not the one we know, and the process ends. Without this comparison the prototype lost one transfer
in eighty under fire.

The fold is kept on disk, and written there only after the log has it: ``services.routing.state.store`` has the order.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import Final, Protocol

from services.routing import metrics
from services.routing.models import Draft
from services.routing.record_encoding import Message
from services.routing.state.folder import StateFolder
from services.routing.state.partition import PartitionState
from services.routing.state.report_states import RoutingEvent
from services.routing.state.restore import FOLDED_AT_ONCE, Reader, in_pieces, readable, unfit
from services.routing.state.store import StateStore, checkpoint_of, digest, state_of
from shared import log
from shared.errors import FatalError, OutOfSequenceError
from shared.events.cases import CaseAcknowledged
from shared.events.envelope import header
from shared.kafka.decoding import RawRecord

_log = log.get(__name__)

_ACKNOWLEDGED: Final = CaseAcknowledged.TYPE.encode()


class Writer(Protocol):
    """``shared.kafka.publisher.Publisher``, as far as routing needs it."""

    async def send(self, name: str, partition: int, messages: Sequence[Message], *, one_batch: bool) -> int:
        """One batch; returns the offset of its first record, or -1 where Kafka only confirms that it has it."""


class Changelog:
    """The states of this worker's partitions, one lock each, and reading and writing that keep them true.

    Whoever decides for a partition holds its lock from reading the state to ``commit``.
    """

    def __init__(
        self,
        writer: Writer,
        topic: str,
        routings: Reader,
        cases: Reader,
        folder: StateFolder,
        *,
        given_up: Collection[str] = frozenset(),
    ) -> None:
        """``topic`` is the name of `routings` on the cluster.

        ``given_up``: reports of which a record that does not follow is passed over.
        """
        self._writer = writer
        self._topic = topic
        self._routings = routings
        self._cases = cases
        self._folder = folder
        self._reading = asyncio.Lock()
        self._stores: dict[int, StateStore] = {}
        self._stale: set[int] = set()
        """Partitions somebody else has written to since they were read."""
        self._restoring: set[int] = set()
        """Partitions not read to the end of both topics since they were opened."""
        self._given_up = given_up
        self.gaps: dict[int, tuple[int, OutOfSequenceError]] = {}
        """Partitions of `routings` that stopped, at which offset, and why: nothing is decided for them."""
        self.states: dict[int, PartitionState] = {}
        self.locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    def state(self, partition: int) -> PartitionState:
        """Return the state of a partition. Raises ``FatalError`` if it was never read: nothing may be decided then."""
        found = self.states.get(partition)
        if found is None:
            raise FatalError(f"partition {partition} has records to decide and was never restored")
        return found

    def is_restored(self, partition: int) -> bool:
        """Return whether a partition was read to the end since it was opened; until then its sums are too small."""
        return partition in self.states and partition not in self._restoring

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Whatever a state store raises in here ends the process, and the next one begins with empty stores."""
        with self._folder.guarded():
            yield

    async def without_leader(self, partitions: Collection[int]) -> frozenset[int]:
        """Those of these partitions that cannot be restored now: `routings` or `cases` has no leader there."""
        return await self._routings.without_leader(partitions) | await self._cases.without_leader(partitions)

    async def restore(self, partitions: Iterable[int]) -> None:
        """Restore these partitions: go on from their state stores, and read the log from there to its end."""
        wanted = sorted(partitions)
        async with AsyncExitStack() as held:
            # Nobody may move anything in between: what is read rests on what is known before it.
            for partition in wanted:
                await held.enter_async_context(self.locks[partition])
            await self._open([partition for partition in wanted if partition not in self.states])
            await self.read_on(wanted)
            await self._read_acknowledgements(wanted)

    async def restore_from_start(self, partition: int) -> None:
        """Read a partition from its first record on, as if nothing were known of it. The caller holds its lock.

        If that fails half-way, ``catch_up`` goes on with it before anything is decided.
        """
        self._begin(partition, self._folder.anew(partition))
        await self._catch_up(partition)

    async def _open(self, partitions: Iterable[int]) -> None:
        """Go on from each checkpoint from which the log goes on, else from nothing."""
        stores = {partition: self._folder.open(partition) for partition in partitions}
        checkpoints = {p: store.checkpoint for p, store in stores.items() if store.checkpoint is not None}
        reasons = await unfit(self._routings, self._cases, checkpoints)
        for partition, store in stores.items():
            if (why := reasons.get(partition)) is not None:
                _log.error("routing.checkpoint_unfit", partition=partition, reason=why)
                metrics.RESTORED.inc()
                self._begin(partition, self._folder.anew(partition))
                continue
            self._begin(partition, store)

    def _begin(self, partition: int, store: StateStore) -> None:
        self._stores[partition] = store
        self.states[partition] = state_of(store)
        self._restoring.add(partition)
        self.gaps.pop(partition, None)

    async def read_on(self, partitions: Iterable[int]) -> None:
        """Fold `routings` up to its present end."""
        # One reader serves all partitions; reads take milliseconds and are rare.
        async with self._reading:
            ends = await self._routings.ends(partitions)
            await self._fold({p: end for p, end in ends.items() if end > self.states[p].position})
            self._stale.difference_update(ends)

    async def catch_up(self, partition: int) -> None:
        """Read on if a read failed before: deciding from what was known then would publish the same again.

        Raises ``OutOfSequenceError`` where the partition has stopped.
        """
        await self._catch_up(partition)
        self.refuse_at_gap(partition)

    def refuse_at_gap(self, partition: int) -> None:
        """Raise ``OutOfSequenceError`` where the partition has stopped."""
        if partition in self.gaps:
            raise self.gaps[partition][1]

    async def _catch_up(self, partition: int) -> None:
        if partition in self._restoring:
            await self.read_on([partition])
            await self._read_acknowledgements([partition])
        elif partition in self._stale:
            await self.read_on([partition])

    async def publish(self, partition: int, drafts: Sequence[Draft], messages: Sequence[Message]) -> bool:
        """Write one batch and learn from the log what became of it.

        False: somebody had written in between. The log has been read since, some drafts may have come second, and
        whoever made them must decide again from what is now known.

        Raises ``TransientError`` if the batch is not acknowledged (it may be in the log all the same; the next publish
        will notice), ``FatalError`` if the log is shorter than it was, ``OutOfSequenceError`` if the partition stopped.
        """
        state = self.state(partition)
        expected = state.position
        first = await self._writer.send(self._topic, partition, messages, one_batch=True)
        if first == expected:
            for start in range(0, len(drafts), FOLDED_AT_ONCE):
                piece = slice(start, start + FOLDED_AT_ONCE)
                self._remember(state, drafts[piece])
                state.last = digest(messages[piece][-1][1])
                self.commit(partition)
            return True
        if 0 <= first < expected:
            raise FatalError(f"routings/{partition} is shorter than before: expected {expected}, found {first}")
        metrics.GAPS.inc()
        _log.warning("routing.gap", partition=partition, expected=expected, found=first, records=len(messages))
        self._stale.add(partition)
        await self.read_on([partition])
        self.refuse_at_gap(partition)
        return False

    def commit(self, partition: int) -> None:
        """Keep what is known of a partition, together with the position in the log it stands for."""
        self._stores[partition].commit(checkpoint_of(self.state(partition)))

    def _remember(self, state: PartitionState, drafts: Sequence[Draft]) -> None:
        for draft in drafts:
            if not state.accept(draft.report_id, draft.report_state):
                raise FatalError(f"report {draft.report_id}: decided on a version that is already known")
            state.position += 1

    async def _fold(self, ends: Mapping[int, int]) -> None:
        await in_pieces(self._routings, {p: (self.states[p].position, end) for p, end in ends.items()}, self._take)
        for partition, end in ends.items():
            if self.states[partition].position < end and partition not in self.gaps:
                raise FatalError(f"routings/{partition} could not be read to {end}")

    def _take(self, partition: int, read: Sequence[RawRecord]) -> None:
        state = self.states[partition]
        for raw in read if partition not in self.gaps else ():
            event = readable(raw)
            if isinstance(event, RoutingEvent):
                try:
                    state.fold(event)
                except OutOfSequenceError as error:
                    if event.report_id not in self._given_up:
                        self.gaps[partition] = raw.offset, error
                        _log.critical(
                            "routing.partition_stopped", partition=partition, offset=raw.offset, reason=str(error)
                        )
                        break
            state.position, state.last = raw.offset + 1, digest(raw.value)
        self.commit(partition)

    async def _read_acknowledgements(self, partitions: Iterable[int]) -> None:
        """Fold acknowledgements from `cases`, as far as it goes: `routings` does not have them.

        Reading past what this group has committed is sound: an acknowledgement is true whenever it is read, and folding
        it again changes nothing.
        """
        async with self._reading:
            ends = await self._cases.ends(partitions)
            wanted = {p: (self.states[p].cases_position, end) for p, end in ends.items()}
            await in_pieces(self._cases, wanted, self._take_acknowledgements)
            self._restoring.difference_update(ends)

    def _take_acknowledgements(self, partition: int, read: Sequence[RawRecord]) -> None:
        state = self.states[partition]
        for raw in read:
            if header(raw.headers, "ce_type") == _ACKNOWLEDGED and isinstance(event := readable(raw), CaseAcknowledged):
                state.acknowledge(event)
            state.cases_position = raw.offset + 1
        self.commit(partition)
