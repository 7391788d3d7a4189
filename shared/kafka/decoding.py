"""Decode a batch of Kafka records to validated events and dead letters. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from aiokafka import ConsumerRecord, TopicPartition

from shared.errors import PermanentError, UnknownTypeError
from shared.events.base import Event
from shared.events.catalog import parse_event
from shared.events.envelope import Envelope

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record as it is in the log; ``topic`` is the bare name, ``timestamp_ms`` is Kafka's, since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Received(NamedTuple):
    """One validated event and its place in the log; ``topic`` is the bare name.

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


class Blocked(NamedTuple):
    """A record before which a handler stops its partition; all others go on.

    Nothing of it or after it took effect, or doing it again changes nothing.
    """

    topic: str
    partition: int
    offset: int
    reason: str
    passes: bool = False
    """Whether it is tried again in a second, and not only by a newer build or once a person has restarted this one."""


def to_raw_record(record: ConsumerRecord[bytes, bytes], topic: str) -> RawRecord:
    """Copy aiokafka's ``ConsumerRecord``; ``topic`` is the bare name."""
    return RawRecord(
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp,
        key=record.key,
        value=record.value,
        headers=record.headers,
    )


def decode_record(record: ConsumerRecord[bytes, bytes] | RawRecord, topic: str) -> Received:
    """Validate one record from its bytes (aiokafka's ``ConsumerRecord`` or a ``RawRecord``).

    Raises ``PermanentError`` where it can never be read and ``UnknownTypeError`` where a newer build may read it.
    """
    try:
        event, envelope = parse_event(topic, record.key, record.headers, record.value)
    except (PermanentError, UnknownTypeError):
        raise
    except Exception as error:
        # Parsing is pure: the same record would fail again.
        raise PermanentError("unreadable", type(error).__name__) from error
    stamp = record.timestamp_ms if isinstance(record, RawRecord) else record.timestamp
    return Received(event, envelope, topic, record.partition, record.offset, stamp)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A raw record and why it cannot be handled."""

    record: RawRecord
    reason: str
    detail: str


@dataclass(slots=True)
class DecodedBatch:
    """A decoded batch. ``next_offsets`` may be committed once effects and dead letters are durable."""

    accepted: list[Received] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    next_offsets: dict[TopicPartition, int] = field(default_factory=dict)
    blocked: dict[TopicPartition, tuple[int, str]] = field(default_factory=dict)
    """Partitions that must wait at an offset, and for what."""
    passing: set[TopicPartition] = field(default_factory=set)
    """Those of them that are tried again soon."""
    left: dict[TopicPartition, int] = field(default_factory=dict)
    """Partitions whose records were not decoded because too many in a row were dead, and the first such offset."""

    def stop_before(self, stop: Blocked, tp: TopicPartition) -> None:
        """A handler left this record and all after it: they are not done, and no offset or dead letter of them is due.

        ``tp`` is the partition by its name on the cluster. Of several stops in one partition the first record's counts.
        """
        if tp in self.blocked and self.blocked[tp][0] <= stop.offset:
            return
        self.blocked[tp] = (stop.offset, stop.reason)
        if stop.passes:
            self.passing.add(tp)
        self.next_offsets[tp] = stop.offset
        place = (stop.topic, stop.partition)
        self.accepted = [
            one for one in self.accepted if (one.topic, one.partition) != place or one.offset < stop.offset
        ]
        self.dead = [
            one
            for one in self.dead
            if (one.record.topic, one.record.partition) != place or one.record.offset < stop.offset
        ]


def decode_batch(
    records: Sequence[ConsumerRecord[bytes, bytes]], bare: Callable[[str], str], dead_run_before: int, dead_cap: int
) -> DecodedBatch:
    """Validate a batch record by record.

    ``bare`` strips the deployment's prefix from a topic. Decoding stops when ``dead_cap`` records in a row are dead,
    counting the ``dead_run_before`` of earlier batches: that is a bad deployment, not bad records.
    """
    done = DecodedBatch()
    run = dead_run_before
    tp, topic = TopicPartition("", -1), ""
    for record in records:
        if record.partition != tp.partition or record.topic != tp.topic:  # records of a partition are adjacent
            tp, topic = TopicPartition(record.topic, record.partition), bare(record.topic)
        if tp in done.blocked:
            continue
        if run >= dead_cap:
            done.left.setdefault(tp, record.offset)
            continue
        try:
            done.accepted.append(decode_record(record, topic))
            run = 0
        except UnknownTypeError as error:
            done.blocked[tp] = (record.offset, str(error))
            continue
        except PermanentError as error:
            done.dead.append(DeadLetter(to_raw_record(record, topic), error.reason, error.detail))
            run += 1
        done.next_offsets[tp] = record.offset + 1
    return done


def rejected_letters(
    rejected: Sequence[Rejected], records: Sequence[ConsumerRecord[bytes, bytes]], bare: Callable[[str], str]
) -> list[DeadLetter]:
    """The dead letters of the records a handler rejected; every one must be of this batch."""
    if not rejected:
        return []
    found = {(bare(record.topic), record.partition, record.offset): record for record in records}
    return [
        DeadLetter(to_raw_record(found[r.topic, r.partition, r.offset], r.topic), reason, detail)
        for r, reason, detail in rejected
    ]


def count_dead_run(
    records: Sequence[ConsumerRecord[bytes, bytes]],
    next_offsets: dict[TopicPartition, int],
    dead: set[tuple[str, int, int]],
    before: int,
) -> tuple[int, int]:
    """Count the consecutive dead letters: at the end of the batch, and the longest run within it.

    ``dead`` holds (topic as on the cluster, partition, offset); ``before`` is the count the batch began with.
    """
    run = most = before
    for record in records:
        if record.offset >= next_offsets.get(TopicPartition(record.topic, record.partition), -1):
            continue
        run = run + 1 if (record.topic, record.partition, record.offset) in dead else 0
        most = max(most, run)
    return run, most
