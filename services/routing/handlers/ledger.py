"""The part of the `routings` log a worker looks after, and the one way to write to it.

Memory is a fold of a log prefix, never of intentions. After each acknowledgement the offset is compared with the end
this worker expected. Equal: nobody wrote in between, so the drafts are what the log holds. Greater: somebody did (a
worker that was paused and woke up), so the log is read from there and *it* says what is true. Smaller: the log is not
the one we know, and the process ends. Without this comparison the prototype lost one transfer in eighty under fire.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Final, Protocol

from services.routing import measures
from services.routing.handlers.recalling import Archive, Reader, Recalling, readable, record_id
from services.routing.model import Draft
from services.routing.projection import PartitionState, RoutingEvent
from services.routing.rendering import Message
from services.routing.store import Copied
from shared import log
from shared.errors import FatalError, TransientError
from shared.events.base import Event
from shared.events.cases import CaseAcknowledged
from shared.events.routings import ReportRouted
from shared.kafka.decoding import RawRecord

_log = log.get(__name__)


RESTORE_SECONDS: Final = 5.0
"""Longest wait for the snapshots of all partitions; the log alone is enough."""
FOLDED_AT_ONCE: Final = 500
"""Records read on together: what they speak of and memory has let go of is looked up in one go."""


class Snapshots(Protocol):
    """``services.routing.store.SnapshotStore``, as far as taking over needs it."""

    async def restore(self, partition: int) -> PartitionState | None:
        """The state as it was written last, or none that can be used. Raises ``ValueError`` if it is damaged."""

    async def drop(self, partition: int) -> None:
        """Forget the snapshot of a partition."""


class Writer(Protocol):
    """``shared.kafka.publisher.Publisher``, as far as routing needs it."""

    async def send(self, name: str, partition: int, messages: Sequence[Message], *, one_batch: bool) -> int:
        """One batch; returns the offset of its first record, or -1 where Kafka only confirms that it has it."""


class Ledger:
    """The states of this worker's partitions, one lock each, and reading and writing that keep them true.

    Whoever decides for a partition holds its lock from reading the state to the end of ``publish``.
    """

    def __init__(
        self,
        writer: Writer,
        topic: str,
        routings: Reader,
        cases: Reader,
        *,
        recalling: Recalling,
        archive: Archive,
        snapshots: Snapshots,
    ) -> None:
        """``topic`` is the name of `routings` on the cluster."""
        self._writer = writer
        self._topic = topic
        self._routings = routings
        self._cases = cases
        self._recalling = recalling
        self._archive = archive
        self._snapshots = snapshots
        self._reading = asyncio.Lock()
        self._stale: set[int] = set()
        self.states: dict[int, PartitionState] = {}
        self.locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    def state(self, partition: int) -> PartitionState:
        """What is known of a partition. Raises ``FatalError`` if it was never read: nothing may be decided then."""
        found = self.states.get(partition)
        if found is None:
            raise FatalError(f"partition {partition} has records to decide and was never taken over")
        return found

    async def take_over(self, partitions: Iterable[int]) -> None:
        """Know what the log holds of these partitions: go on from memory, a snapshot, or the very start."""
        wanted = sorted(partitions)
        async with AsyncExitStack() as held:
            # Nobody may forget, move or count in between: what is read rests on what is known before it.
            for partition in wanted:
                await held.enter_async_context(self.locks[partition])
            new = [partition for partition in wanted if partition not in self.states]
            self.states.update(zip(new, await asyncio.gather(*map(self._begun, new)), strict=True))
            await self.read_on(wanted)
            await self._read_acknowledgements(wanted)

    async def rebuild(self, partition: int) -> None:
        """Read a partition from its first record on, as if nothing were known of it. The caller holds its lock.

        All of it or nothing: half a state would refuse what it does not know.
        """
        before, self.states[partition] = self.state(partition), PartitionState()
        try:
            await self.read_on([partition])
            await self._read_acknowledgements([partition])
        except BaseException:
            self.states[partition] = before
            raise

    async def recall(self, partition: int, report_ids: Iterable[str]) -> None:
        """Remember reports again that memory has let go of; nothing happens to those it holds or nobody knows."""
        await self._recalling.recall(partition, self.state(partition), report_ids)

    async def _begun(self, partition: int) -> PartitionState:
        """The state of the last snapshot that fits the log and the copy, or of nothing at all."""
        try:
            async with asyncio.timeout(RESTORE_SECONDS):
                found = await self._snapshots.restore(partition)
                why = None if found is None else await self._unfit(partition, found)
                if found is not None and why is None:
                    measures.RESTORED.inc()
                    return found
                if why is not None:
                    _log.error("routing.snapshot_unfit", partition=partition, why=why)
                    await self._snapshots.drop(partition)
        except (TransientError, TimeoutError, ValueError) as error:
            # The store is no condition for deciding: the log alone is enough. The next snapshot replaces a damaged one.
            _log.warning("routing.snapshot_not_read", partition=partition, error=str(error)[:200])
        return PartitionState()

    async def _unfit(self, partition: int, found: PartitionState) -> str | None:
        """Why a snapshot cannot be used: it must stand for the very record that lies there in this log."""
        copied = (await self._archive.copied([partition])).get(partition, Copied())
        if copied.upto < found.position:
            return f"the copy ends at {copied.upto}, the snapshot stands at {found.position}"
        end = (await self._routings.ends([partition]))[partition]
        if end < found.position:
            return f"the log ends at {end}, the snapshot stands at {found.position}"
        if found.position == 0:
            return None
        async with self._reading, aclosing(self._routings.read({partition: _last(found.position)})) as records:
            async for raw in records:
                if record_id(raw.headers) != found.last_id:
                    return f"another record lies at {raw.offset}"
        return None

    async def read_on(self, partitions: Iterable[int]) -> None:
        """Fold `routings` up to its present end."""
        # One reader serves all partitions; reads take milliseconds and are rare.
        async with self._reading:
            ends = await self._routings.ends(partitions)
            await self._fold({p: end for p, end in ends.items() if end > self.states[p].position})
            self._stale.difference_update(ends)

    async def catch_up(self, partition: int) -> None:
        """Read on if a gap was seen and could not be read: deciding from before it would publish the same again."""
        if partition in self._stale:
            await self.read_on([partition])

    async def publish(self, partition: int, drafts: Sequence[Draft], messages: Sequence[Message]) -> bool:
        """Write one batch and learn from the log what became of it.

        False: somebody had written in between. The log has been read since, some drafts may have come second, and
        whoever made them must decide again from what is now known.

        Raises ``TransientError`` if the batch is not acknowledged (it may be in the log all the same; the next publish
        will notice), ``FatalError`` if the log is shorter than it was.
        """
        state = self.state(partition)
        expected = state.position
        first = await self._writer.send(self._topic, partition, messages, one_batch=True)
        measures.RECORDS.inc(len(messages))
        if first == expected:
            self._remember(state, drafts)
            state.last_id = record_id(messages[-1][2])
            return True
        if 0 <= first < expected:
            raise FatalError(f"routings/{partition} is shorter than before: expected {expected}, found {first}")
        measures.GAPS.inc()
        _log.warning("routing.gap", partition=partition, expected=expected, found=first, records=len(messages))
        self._stale.add(partition)
        await self.read_on([partition])
        return False

    def _remember(self, state: PartitionState, drafts: Sequence[Draft]) -> None:
        for draft in drafts:
            if not state.accept(draft.report_id, draft.standing):
                raise FatalError(f"report {draft.report_id}: decided on a version that is already known")
            state.position += 1

    async def _fold(self, ends: Mapping[int, int]) -> None:
        await _in_pieces(self._routings, {p: (self.states[p].position, end) for p, end in ends.items()}, self._take)
        for partition, end in ends.items():
            if self.states[partition].position < end:
                raise FatalError(f"routings/{partition} could not be read to {end}")

    async def _take(self, partition: int, read: Sequence[RawRecord]) -> None:
        state = self.states[partition]
        events = [readable(raw) for raw in read]
        await self._recalling.recall(partition, state, _may_be_forgotten(events, state))
        for raw, event in zip(read, events, strict=True):
            state.position = raw.offset
            if isinstance(event, RoutingEvent):
                state.fold(event)
            state.position, state.last_id = raw.offset + 1, record_id(raw.headers)

    async def _read_acknowledgements(self, partitions: Iterable[int]) -> None:
        """Who has acknowledged is in `cases`, not in `routings`: fold it from there, as far as it goes.

        Reading past what this group has committed is sound: an acknowledgement is true whenever it is read, and folding
        it again changes nothing.
        """
        async with self._reading:
            ends = await self._cases.ends(partitions)
            wanted = {p: (self.states[p].cases_position, end) for p, end in ends.items()}
            await _in_pieces(self._cases, wanted, self._take_acknowledgements)
            for partition, (_, end) in wanted.items():
                self.states[partition].cases_position = max(self.states[partition].cases_position, end)

    async def _take_acknowledgements(self, partition: int, read: Sequence[RawRecord]) -> None:
        state = self.states[partition]
        events = [event for raw in read if _type_of(raw) == _ACKNOWLEDGED and (event := readable(raw)) is not None]
        # What it acknowledges must be known: the same person may have looked at an earlier ownership.
        said = [event for event in events if isinstance(event, CaseAcknowledged)]
        await self._recalling.recall(partition, state, [event.report_id for event in said])
        for event in said:
            state.acknowledge(event)


_ACKNOWLEDGED: Final = CaseAcknowledged.TYPE.encode()


async def _in_pieces(
    reader: Reader,
    wanted: Mapping[int, tuple[int, int]],
    take: Callable[[int, Sequence[RawRecord]], Awaitable[None]],
) -> None:
    """Read all partitions at once, and hand the records of each on some hundreds at a time, in order."""
    spans = {partition: span for partition, span in wanted.items() if span[0] < span[1]}
    if not spans:
        return
    pieces: dict[int, list[RawRecord]] = {partition: [] for partition in spans}
    # Closed at once when taking raises: the iterator holds the reader.
    async with aclosing(reader.read(spans)) as records:
        async for raw in records:
            piece = pieces[raw.partition]
            piece.append(raw)
            if len(piece) == FOLDED_AT_ONCE:
                pieces[raw.partition] = []
                await take(raw.partition, piece)
    for partition, piece in pieces.items():
        await take(partition, piece)


def _last(position: int) -> tuple[int, int]:
    return position - 1, position


def _may_be_forgotten(events: Iterable[Event | None], state: PartitionState) -> list[str]:
    """Reports these records speak of that may be known though they are not remembered."""
    return [
        event.report_id
        for event in events
        if isinstance(event, RoutingEvent)
        and (not isinstance(event, ReportRouted) or state.may_have_forgotten(event.received_at))
    ]


def _type_of(raw: RawRecord) -> bytes | None:
    return next((value for name, value in raw.headers if name.lower() == "ce_type"), None)
