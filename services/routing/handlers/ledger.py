"""The part of the `routings` log a worker looks after, and the one way to write to it.

Memory is a fold of a log prefix, never of intentions. After each acknowledgement the offset is compared with the end
this worker expected. Equal: nobody wrote in between, so the drafts are what the log holds. Greater: somebody did (a
worker that was paused and woke up), so the log is read from there and *it* says what is true. Smaller: the log is not
the one we know, and the process ends. Without this comparison the prototype lost one transfer in eighty under fire.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Protocol

from services.routing import measures
from services.routing.model import Draft
from services.routing.projection import PartitionState, RoutingEvent
from services.routing.rendering import Message
from shared import log
from shared.bus.records import RawRecord, receive
from shared.errors import FatalError, PermanentError, TransientError, UnknownTypeError
from shared.events.base import Event
from shared.events.cases import CaseAcknowledged

_log = log.get(__name__)


class Reader(Protocol):
    """Bounded reads of one topic; ``shared.follow.PartitionReader``."""

    async def ends(self, partitions: Iterable[int]) -> dict[int, int]:
        """The end offset of each partition now."""

    def read(self, wanted: Mapping[int, tuple[int, int]]) -> AsyncGenerator[RawRecord, None]:
        """Records from start to end (exclusive) of each partition."""


class Writer(Protocol):
    """``shared.bus.publisher.Publisher``, as far as routing needs it."""

    async def send(self, name: str, partition: int, messages: Sequence[Message], *, one_batch: bool) -> int:
        """One batch; returns the offset of its first record, or -1 where Kafka only confirms that it has it."""


class Ledger:
    """The states of this worker's partitions, one lock each, and reading and writing that keep them true.

    Whoever decides for a partition holds its lock from reading the state to the end of ``publish``.
    """

    def __init__(self, writer: Writer, topic: str, routings: Reader, cases: Reader) -> None:
        """``topic`` is the name of `routings` on the cluster."""
        self._writer = writer
        self._topic = topic
        self._routings = routings
        self._cases = cases
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
        """Read everything the log holds about these partitions. What is remembered from before is continued."""
        wanted = sorted(partitions)
        for partition in wanted:
            self.states.setdefault(partition, PartitionState())
        await self.read_on(wanted)
        await self._read_acknowledgements(wanted)

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
        state.position += len(drafts)

    async def _fold(self, ends: Mapping[int, int]) -> None:
        wanted = {p: (self.states[p].position, end) for p, end in ends.items()}
        if not wanted:
            return
        # Closed at once when folding raises: the iterator holds the reader.
        async with aclosing(self._routings.read(wanted)) as records:
            async for raw in records:
                state = self.states[raw.partition]
                if raw.offset < state.position:
                    continue
                event = _readable(raw)
                if isinstance(event, RoutingEvent):
                    state.fold(event)
                state.position = raw.offset + 1
        for partition, end in ends.items():
            if self.states[partition].position < end:
                raise FatalError(f"routings/{partition} could not be read to {end}")

    async def _read_acknowledgements(self, partitions: Iterable[int]) -> None:
        """Who has acknowledged is in `cases`, not in `routings`: fold it from there, as far as it goes.

        Reading past what this group has committed is sound: an acknowledgement is true whenever it is read, and folding
        it again changes nothing.
        """
        async with self._reading:
            ends = await self._cases.ends(partitions)
            wanted = {p: (self.states[p].cases_position, end) for p, end in ends.items()}
            wanted = {p: (start, end) for p, (start, end) in wanted.items() if end > start}
            if not wanted:
                return
            async with aclosing(self._cases.read(wanted)) as records:
                async for raw in records:
                    state = self.states[raw.partition]
                    if _type_of(raw) == CaseAcknowledged.TYPE.encode():
                        event = _readable(raw)
                        if isinstance(event, CaseAcknowledged):
                            state.acknowledge(event)
                    state.cases_position = raw.offset + 1


def _type_of(raw: RawRecord) -> bytes | None:
    return next((value for name, value in raw.headers if name.lower() == "ce_type"), None)


def _readable(raw: RawRecord) -> Event | None:
    """The event, or nothing where the record is garbage: every reader of the topic passes over the same records."""
    try:
        return receive(raw, raw.topic).event
    except PermanentError as error:
        measures.GARBAGE.inc()
        _log.error("routing.garbage", topic=raw.topic, partition=raw.partition, offset=raw.offset, reason=error.reason)
        return None
    except UnknownTypeError as error:
        # A newer writer is at work. Deciding without knowing what it wrote could make a second owner.
        raise TransientError(f"{raw.topic}/{raw.partition} at {raw.offset}: {error}") from error
