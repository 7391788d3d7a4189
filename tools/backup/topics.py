"""The topics of a backup: records with key, headers, time and place, and how far each group had read."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from shared.errors import TransientError
from shared.kafka.access import BY_NAME
from shared.kafka.connection import Stall, bare_name, bounded, client_options, group_name
from shared.kafka.decoding import RawRecord, to_raw_record
from shared.kafka.patches import partitions_of
from shared.settings import KafkaSettings
from shared.topics import TOPICS
from tools.backup.archive import ArchiveError
from tools.backup.cut import Place

PART: Final = "topic/"
OFFSETS: Final = "offsets"
KEPT: Final = tuple(topic.name for topic in TOPICS if not topic.compacted)
"""Not ``loads``: routing tells its sums anew every two seconds."""
DEAD: Final = tuple(topic.dead for topic in TOPICS)
GROUPS: Final = BY_NAME["backup"].sees_groups
"""What a backup may see: how far we have read. Other agencies keep their own place."""
_POLL_MS: Final = 1000
_CLOSE_S: Final = 5.0
_FLUSH: Final = 1 << 19
"""Bytes of a batch: well below what a broker takes."""


def ordered(places: Iterable[Place]) -> list[Place]:
    """Places in the order in which ``Cut`` wants them: routings after what they follow from, dead letters last."""
    rank = {name: number for number, name in enumerate((*(n for n in KEPT if n != "routings"), "routings", *DEAD))}
    return sorted(places, key=lambda place: (rank[place[0]], place[1]))


class TopicReader:
    """Reads a running cluster; ``async with``."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._limit = settings.call_timeout_s
        self._consumer = AIOKafkaConsumer(
            **client_options(settings),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=100,
        )

    async def __aenter__(self) -> "TopicReader":
        await bounded(self._consumer.start(), self._limit, "connecting")
        return self

    async def __aexit__(self, *_: object) -> None:
        await _closed(self._consumer.stop())

    async def ends(self, names: Iterable[str] = (*KEPT, *DEAD)) -> dict[Place, int]:
        """Return the end of each partition of these topics; ArchiveError if one has lost its beginning."""
        tps = []
        for name in names:
            numbers = await bounded(
                partitions_of(self._consumer, self._settings.topic_prefix + name), self._limit, f"looking for {name}"
            )
            tps += [TopicPartition(self._settings.topic_prefix + name, number) for number in sorted(numbers)]
        starts = await bounded(self._consumer.beginning_offsets(tps), self._limit, "asking for the beginnings")
        for tp, start in starts.items():
            if start:
                raise ArchiveError(
                    f"{tp.topic}/{tp.partition} begins at offset {start}, expected 0: it has lost its beginning and"
                    " cannot be restored offset by offset; see retention.ms of the topic"
                )
        found = await bounded(self._consumer.end_offsets(tps), self._limit, "asking for the ends")
        return {(bare_name(self._settings, tp.topic), tp.partition): end for tp, end in found.items()}

    async def read(self, place: Place, end: int) -> AsyncIterator[RawRecord]:
        """Every record of one partition up to an offset, without a gap."""
        name, number = place
        tp = TopicPartition(self._settings.topic_prefix + name, number)
        self._consumer.assign([tp])
        self._consumer.seek(tp, 0)
        expected, stall = 0, Stall(self._limit, f"reading {name}")
        while expected < end:
            stall.check(expected)
            polled = await bounded(self._consumer.getmany(tp, timeout_ms=_POLL_MS), self._limit, f"reading {name}")
            for record in polled.get(tp, ()):
                if expected == end:
                    break
                if record.offset != expected:
                    raise ArchiveError(f"{name}/{number} has no record {expected}: it cannot be restored as it was")
                expected += 1
                yield to_raw_record(record, name)


async def committed(settings: KafkaSettings) -> dict[str, dict[str, dict[str, int]]]:
    """Return how far each group has committed: offset by partition, by topic, by group."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    async with _admin(settings) as admin:
        for group in GROUPS:
            listing = admin.list_consumer_group_offsets(group_name(settings, group))
            for tp, at in (await bounded(listing, settings.call_timeout_s, f"asking how far {group} is")).items():
                topic = bare_name(settings, tp.topic)
                if at.offset >= 0 and topic in (*KEPT, *DEAD):
                    found.setdefault(group, {}).setdefault(topic, {})[str(tp.partition)] = at.offset
    return found


def clamped(
    offsets: Mapping[str, Mapping[str, Mapping[str, int]]], ends: Mapping[Place, int]
) -> dict[str, dict[str, dict[str, int]]]:
    """The same, and none behind the end of what was kept."""
    return {
        group: {
            topic: {number: min(at, ends.get((topic, int(number)), 0)) for number, at in numbers.items()}
            for topic, numbers in topics.items()
        }
        for group, topics in offsets.items()
    }


def record_document(record: RawRecord) -> dict[str, Any]:
    """A record as the archive holds it."""
    return {
        "offset": record.offset,
        "timestamp": record.timestamp_ms,
        "key": record.key,
        "value": record.value,
        "headers": [[name, value] for name, value in record.headers],
    }


class TopicLoader:
    """Writes records back, each at the offset it had; ``async with``. The topics exist and are empty."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer = AIOKafkaProducer(
            **client_options(settings),
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            max_batch_size=1 << 20,
            request_timeout_ms=int(settings.call_timeout_s * 1000),
        )
        self._place: Place = ("", 0)
        self._next = 0
        self._waiting: list[Mapping[str, Any]] = []
        self._bytes = 0

    async def __aenter__(self) -> "TopicLoader":
        await bounded(self._producer.start(), self._settings.call_timeout_s, "connecting")
        return self

    async def __aexit__(self, *_: object) -> None:
        await _closed(self._producer.stop())

    async def add(self, part: str, record: Mapping[str, Any]) -> None:
        """Take one record; it is there after ``flush`` at the latest."""
        name, _, number = part.removeprefix(PART).rpartition("/")
        place = (name, int(number))
        if place != self._place or self._bytes >= _FLUSH:
            await self.flush()
        if place != self._place:
            self._place, self._next = place, 0
        self._waiting.append(record)
        self._bytes += sum(len(record[part] or b"") for part in ("key", "value"))

    async def flush(self) -> None:
        """Write what waits; ArchiveError where a record would not get the offset it had."""
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        while waiting:
            batch, taken = self._producer.create_batch(), 0
            for record in waiting:
                headers = [(name, value) for name, value in record["headers"]]
                stamp, key, value = record["timestamp"], record["key"], record["value"]
                if batch.append(timestamp=stamp, key=key, value=value, headers=headers) is None:
                    break
                taken += 1
            name, number = self._place
            sending = await self._producer.send_batch(batch, self._settings.topic_prefix + name, partition=number)
            at = await bounded(sending, self._settings.call_timeout_s, f"writing to {name}")
            if at.offset != self._next or waiting[0]["offset"] != self._next:
                raise ArchiveError(
                    f"{name}/{number} got offset {at.offset} where {self._next} is due: it was not empty"
                )
            self._next += taken
            waiting = waiting[taken:]


async def commit(settings: KafkaSettings, offsets: Mapping[str, Mapping[str, Mapping[str, int]]]) -> None:
    """Let each group begin where it was."""
    for group, topics in offsets.items():
        consumer = AIOKafkaConsumer(
            **client_options(settings), group_id=group_name(settings, group), enable_auto_commit=False
        )
        await bounded(consumer.start(), settings.call_timeout_s, "connecting")
        try:
            places = {
                TopicPartition(settings.topic_prefix + topic, int(number)): OffsetAndMetadata(at, "")
                for topic, numbers in topics.items()
                for number, at in numbers.items()
            }
            consumer.assign(list(places))
            await bounded(consumer.commit(places), settings.call_timeout_s, f"setting the offsets of {group}")
        finally:
            await _closed(consumer.stop())


@asynccontextmanager
async def _admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**client_options(settings))
    await bounded(admin.start(), settings.call_timeout_s, "connecting")
    try:
        yield admin
    finally:
        await _closed(admin.close())


async def _closed(closing: Awaitable[object]) -> None:
    """Disconnect; a client that hangs in it, as aiokafka's sometimes do, is left behind."""
    with contextlib.suppress(TransientError, KafkaError):
        await bounded(closing, _CLOSE_S, "disconnecting")
