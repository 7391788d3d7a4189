"""What the bus tests share: events to send, a handler that remembers, and waiting for a condition with a deadline."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared import trace
from shared.clock import SystemClock
from shared.errors import TransientError
from shared.events.base import Record, encode
from shared.events.reports import ReportMessageLeft
from shared.health import Health
from shared.kafka.broker import KafkaClient
from shared.kafka.connection import client_options, dead_topic_name, group_name, topic_name
from shared.kafka.decoding import Received
from shared.kafka.publisher import partition_of
from shared.settings import KafkaSettings
from shared.topics import REPORTS
from tests.support.waiting import DEADLINE_S, eventually

NOW = datetime(2026, 11, 24, 3, 12, tzinfo=UTC)


def report_id(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"report-{number}"))


def id_in(partition: int, partitions: int) -> str:
    """A report id whose records go to this partition."""
    return next(i for i in map(report_id, range(10_000)) if partition_of(i.encode(), partitions) == partition)


def message_left(report: str, version: int) -> Record:
    event = ReportMessageLeft(report_id=report, intake_version=version, left_at=NOW)
    return encode(event, source="intake", time=NOW, traceparent=trace.new_traceparent())


def messages(reports: Sequence[str], versions: range) -> list[Record]:
    return [message_left(report, version) for version in versions for report in reports]


class Seen:
    """A handler that remembers what it was given, and fails as often as it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[Received]] = []
        self.failures = 0
        self.attempts = 0

    async def __call__(self, batch: list[Received]) -> None:
        self.attempts += 1
        if self.failures > 0:
            self.failures -= 1
            raise TransientError("told to fail")
        self.batches.append(batch)

    @property
    def received(self) -> list[Received]:
        return [received for batch in self.batches for received in batch]

    @property
    def keys(self) -> list[tuple[str, int]]:
        return [(r.event.key, r.event.sequence) for r in self.received]

    @property
    def places(self) -> list[tuple[int, int]]:
        return [(r.partition, r.offset) for r in self.received]


def new_bus(settings: KafkaSettings) -> tuple[KafkaClient, Health]:
    health = Health()
    return KafkaClient(settings, "test", health, SystemClock()), health


@asynccontextmanager
async def running(bus: KafkaClient) -> AsyncIterator[KafkaClient]:
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


async def committed(settings: KafkaSettings, group: str) -> dict[int, int]:
    """The group's committed offset of every partition that has one."""
    consumer = AIOKafkaConsumer(
        **client_options(settings), group_id=group_name(settings, group), enable_auto_commit=False
    )
    await consumer.start()
    try:
        found = {}
        for number in range(settings.topic_partitions):
            offset = await consumer.committed(TopicPartition(topic_name(settings, REPORTS), number))
            if offset is not None:
                found[number] = offset
        return found
    finally:
        await consumer.stop()


async def log_of(settings: KafkaSettings, name: str) -> list[ConsumerRecord[bytes, bytes]]:
    """Everything in a topic now, by its name on the cluster, in order within each partition."""
    consumer = AIOKafkaConsumer(**client_options(settings), auto_offset_reset="earliest", fetch_max_wait_ms=50)
    await consumer.start()
    try:
        places = [TopicPartition(name, number) for number in range(settings.topic_partitions)]
        consumer.assign(places)
        for place in places:
            consumer.seek(place, 0)
        ends = await consumer.end_offsets(places)
        found: list[ConsumerRecord[bytes, bytes]] = []
        async with asyncio.timeout(DEADLINE_S):
            while any([await consumer.position(place) < ends[place] for place in places]):
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    found += records
        return sorted(found, key=lambda r: (r.partition, r.offset))
    finally:
        await consumer.stop()


async def dead_letters(settings: KafkaSettings) -> list[ConsumerRecord[bytes, bytes]]:
    return await log_of(settings, dead_topic_name(settings, REPORTS))


async def ends_of(settings: KafkaSettings) -> dict[int, int]:
    """The end of every partition that is not empty."""
    found: dict[int, int] = {}
    for record in await log_of(settings, topic_name(settings, REPORTS)):
        found[record.partition] = record.offset + 1
    return found


async def until_committed(settings: KafkaSettings, group: str, offsets: dict[int, int] | None = None) -> None:
    """Wait until the group's offsets in `reports` are these, or the ends of the partitions.

    The ends are asked for again each time: a batch that was given up may still arrive.
    """

    async def there() -> bool:
        return await committed(settings, group) == (await ends_of(settings) if offsets is None else offsets)

    await eventually(there, f"{group} commits {offsets or 'all there is'}")
