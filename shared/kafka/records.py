"""What travels between Kafka and the rest of the project: raw records, validated ones, and refused ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aiokafka import ConsumerRecord

from shared.errors import PermanentError, UnknownTypeError
from shared.events.base import Event
from shared.events.catalog import parse_event
from shared.events.envelope import Envelope

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record as it lies in the log; ``topic`` is the bare name, ``timestamp_ms`` is Kafka's, since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Received(NamedTuple):
    """One validated event and where it lay in the log; ``topic`` is the bare name.

    A tuple, because one is made for every record read: a frozen dataclass takes five times as long.
    """

    event: Event
    envelope: Envelope
    topic: str
    partition: int
    offset: int
    timestamp_ms: int


class Rejected(NamedTuple):
    """A record a handler cannot act upon; ``reason`` is a stable code, ``detail`` holds nothing personal."""

    received: Received
    reason: str
    detail: str


def raw(record: ConsumerRecord[bytes, bytes], topic: str) -> RawRecord:
    """Take what is ours from aiokafka's ``ConsumerRecord``; ``topic`` is the bare name."""
    return RawRecord(
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp,
        key=record.key,
        value=record.value,
        headers=record.headers,
    )


def receive(record: ConsumerRecord[bytes, bytes] | RawRecord, topic: str) -> Received:
    """Validate one record from its bytes (aiokafka's ``ConsumerRecord`` or a ``RawRecord``).

    Raises ``PermanentError`` where it can never be read and ``UnknownTypeError`` where a newer build may read it.
    """
    try:
        event, envelope = parse_event(topic, record.key, record.headers, record.value)
    except (PermanentError, UnknownTypeError):
        raise
    except Exception as error:
        # Parsing is pure: whatever it trips over, it would trip over again.
        raise PermanentError("unreadable", type(error).__name__) from error
    stamp = record.timestamp_ms if isinstance(record, RawRecord) else record.timestamp
    return Received(event, envelope, topic, record.partition, record.offset, stamp)
