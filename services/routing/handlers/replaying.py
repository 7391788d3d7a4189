"""Reads all decisions of a span from the log, without a group, up to its present end, and decides each again."""

from contextlib import aclosing
from datetime import datetime
from typing import Final

from services.routing.assignment.replay import Decided, Replay, Span
from shared.errors import PermanentError, UnknownTypeError
from shared.events.envelope import header_map
from shared.events.routings import ReportEnded, ReportRerouted, ReportRouted, ReportUpdated
from shared.kafka.decoding import RawRecord, decode_record
from shared.kafka.reader import PartitionReader

_DECIDED: Final = frozenset({ReportRouted.TYPE.encode(), ReportRerouted.TYPE.encode()})
_NOT_DECIDED: Final = frozenset({ReportUpdated.TYPE.encode(), ReportEnded.TYPE.encode()})
UNREADABLE: Final = "records nobody can read"
UNKNOWN_TYPE: Final = "records of a newer build"


async def replay(reader: PartitionReader, span: Span, into: Replay) -> None:
    """Decide every decision of the span again, also those that came second: they were decided all the same.

    Raises ``TransientError`` when Kafka does not answer, ``FatalError`` where the log was cut.
    """
    ends = await reader.ends(await reader.partitions())
    # Closed at once when anything raises: the iterator holds the reader.
    async with aclosing(reader.read({partition: (0, end) for partition, end in ends.items()})) as records:
        async for raw in records:
            if not _may_be_meant(raw, span):
                continue
            event = _event(raw, into)
            if isinstance(event, Decided) and span.holds(event.decided_at):
                into.take(event, f"{raw.topic}/{raw.partition}/{raw.offset}")


def _may_be_meant(raw: RawRecord, span: Span) -> bool:
    """By the headers alone: most of a log that holds years is passed over unread. In doubt it is read."""
    headers = header_map(raw.headers)
    kind = headers.get("ce_type")
    if kind not in _DECIDED:
        return kind not in _NOT_DECIDED
    try:
        return span.holds(datetime.fromisoformat(headers["ce_time"].decode()))
    except (KeyError, ValueError, TypeError):
        return True


def _event(raw: RawRecord, into: Replay) -> object:
    try:
        return decode_record(raw, raw.topic).event
    except PermanentError:
        into.not_comparable[UNREADABLE] += 1
    except UnknownTypeError:
        into.not_comparable[UNKNOWN_TYPE] += 1
    return None
