"""Reading from the log what a state store does not know yet, and finding out whether the two belong together."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Final, Protocol

from services.routing.assignment.rules import RULE_VERSION
from services.routing.state.store import Checkpoint, digest
from shared import log
from shared.errors import FatalError, PermanentError, TransientError, UnknownTypeError
from shared.events.base import Event
from shared.kafka.decoding import RawRecord, decode_record

_log = log.get(__name__)

FOLDED_AT_ONCE: Final = 100
"""Records folded and committed together. Until then LMDB holds the pages they change, in a large store one for each
record, and it keeps their memory as long as it is open: 500 at once were 2 MB for each partition."""


class Reader(Protocol):
    """Bounded reads of one topic; ``shared.kafka.reader.PartitionReader``."""

    async def without_leader(self, partitions: Iterable[int]) -> frozenset[int]:
        """Those of these partitions of which nothing can be read now."""

    async def ends(self, partitions: Iterable[int]) -> dict[int, int]:
        """The end offset of each partition now."""

    def read(self, wanted: Mapping[int, tuple[int, int]]) -> AsyncGenerator[RawRecord, None]:
        """Records from start to end (exclusive) of each partition."""


async def unfit(routings: Reader, cases: Reader, checkpoints: Mapping[int, Checkpoint]) -> dict[int, str]:
    """Return by partition why its store cannot be continued; from every other checkpoint the log goes on.

    The log may be another one, may have been cut, or may have lost its newest records. All partitions are asked for at
    once: one after the other, each question waited for the answer to the one before, in every start.
    """
    found = {
        partition: f"its sums were made with rule {checkpoint.rule_version}"
        for partition, checkpoint in checkpoints.items()
        if checkpoint.rule_version != RULE_VERSION
    }
    for reader, name, positions in (
        (routings, "routings", {partition: one.position for partition, one in checkpoints.items()}),
        (cases, "cases", {partition: one.cases_position for partition, one in checkpoints.items()}),
    ):
        left = {partition: position for partition, position in positions.items() if partition not in found}
        for partition, end in (await reader.ends(left)).items():
            if end < left[partition]:
                found[partition] = f"{name} ends at {end}, it stands at {left.pop(partition)}"
        last, unreadable = await _last_records(reader, {p: (at - 1, at) for p, at in left.items() if at > 0})
        found |= unreadable
        if name == "routings":
            for partition, record in last.items():
                if record != checkpoints[partition].last:
                    found[partition] = f"another record lies before {left[partition]}"
    return found


async def _last_records(reader: Reader, wanted: Mapping[int, tuple[int, int]]) -> tuple[dict[int, str], dict[int, str]]:
    """The digest of the one record of each partition, and of the others why it cannot be read."""
    if not wanted:
        return {}, {}
    try:
        async with aclosing(reader.read(wanted)) as records:
            return {raw.partition: digest(raw.value) async for raw in records}, {}
    except FatalError as error:
        if len(wanted) == 1:
            return {}, dict.fromkeys(wanted, str(error))
    # Which partition cannot be read is not said: each is read alone, and only its own store is thrown away.
    last: dict[int, str] = {}
    unreadable: dict[int, str] = {}
    for partition, span in wanted.items():
        read, not_read = await _last_records(reader, {partition: span})
        last |= read
        unreadable |= not_read
    return last, unreadable


async def in_pieces(
    reader: Reader,
    wanted: Mapping[int, tuple[int, int]],
    take: Callable[[int, Sequence[RawRecord]], None],
) -> None:
    """Read all partitions at once, and hand the records of each on a hundred at a time, in order."""
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
                take(raw.partition, piece)
                # Whoever decides for other partitions, and the health checks, go on meanwhile.
                await asyncio.sleep(0)
    for partition, piece in pieces.items():
        take(partition, piece)


def readable(raw: RawRecord) -> Event | None:
    """The event, or nothing where the record is garbage: every reader of the topic passes over the same records."""
    try:
        return decode_record(raw, raw.topic).event
    except PermanentError as error:
        _log.error("routing.garbage", topic=raw.topic, partition=raw.partition, offset=raw.offset, reason=error.reason)
        return None
    except UnknownTypeError as error:
        # A newer writer is at work. Deciding without knowing what it wrote could make a second owner.
        raise TransientError(f"{raw.topic}/{raw.partition} at {raw.offset}: {error}") from error
