"""Reading from the log what a state store does not know yet, and finding out whether the two belong together."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Final, Protocol

from services.routing import metrics
from services.routing.assignment.rules import RULE_VERSION
from services.routing.state.store import Checkpoint, digest
from shared import log
from shared.errors import FatalError, PermanentError, TransientError, UnknownTypeError
from shared.events.base import Event
from shared.kafka.decoding import RawRecord, decode_record

_log = log.get(__name__)

FOLDED_AT_ONCE: Final = 500
"""Records folded and committed together: the pages they change are held in memory until then, some megabytes."""


class Reader(Protocol):
    """Bounded reads of one topic; ``shared.kafka.reader.PartitionReader``."""

    async def ends(self, partitions: Iterable[int]) -> dict[int, int]:
        """The end offset of each partition now."""

    def read(self, wanted: Mapping[int, tuple[int, int]]) -> AsyncGenerator[RawRecord, None]:
        """Records from start to end (exclusive) of each partition."""


async def unfit(routings: Reader, cases: Reader, partition: int, checkpoint: Checkpoint) -> str | None:
    """Return why a store cannot be continued from its checkpoint; None if the log goes on from there.

    The log may be another one, may have been cut, or may have lost its newest records.
    """
    if checkpoint.rule_version != RULE_VERSION:
        return f"its sums were made with rule {checkpoint.rule_version}"
    for reader, name, position in (
        (routings, "routings", checkpoint.position),
        (cases, "cases", checkpoint.cases_position),
    ):
        end = (await reader.ends([partition]))[partition]
        if end < position:
            return f"{name} ends at {end}, it stands at {position}"
        if position == 0:
            continue
        try:
            async with aclosing(reader.read({partition: (position - 1, position)})) as records:
                found = [digest(raw.value) async for raw in records]
        except FatalError as error:
            return str(error)
        if name == "routings" and found != [checkpoint.last]:
            return f"another record lies before {position}"
    return None


async def in_pieces(
    reader: Reader,
    wanted: Mapping[int, tuple[int, int]],
    take: Callable[[int, Sequence[RawRecord]], None],
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
        metrics.GARBAGE.inc()
        _log.error("routing.garbage", topic=raw.topic, partition=raw.partition, offset=raw.offset, reason=error.reason)
        return None
    except UnknownTypeError as error:
        # A newer writer is at work. Deciding without knowing what it wrote could make a second owner.
        raise TransientError(f"{raw.topic}/{raw.partition} at {raw.offset}: {error}") from error
