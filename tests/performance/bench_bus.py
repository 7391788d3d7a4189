"""What the bus costs beside its alternatives: same broker, same records, alternated in one run, medians.

``python -m tests.performance.bench_bus``. Uses KAFKA_BOOTSTRAP_SERVERS if set, else starts Kafka for itself. Prints
rates and ratios; ratios are what travels from one machine to another.
"""

import asyncio
import os
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from faststream.kafka import KafkaBroker

from shared.clock import SystemClock
from shared.events.base import Record
from shared.events.catalog import parse_event
from shared.events.reports import ReportMessageLeft
from shared.health import Health
from shared.kafka.admin import ensure_topics
from shared.kafka.broker import KafkaClient
from shared.kafka.connection import client_options, topic_name
from shared.kafka.decoding import Received
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings
from shared.topics import REPORTS
from tests.integration.kafka.tools import message_left, report_id
from tests.support.subscribing import subscribe
from tools.local.engines import Engines

RECORDS: Final = 10_000
CHUNK: Final = 1_000
ROUNDS: Final = 5
FASTSTREAM_RECORDS: Final = 2_000

Timed = Callable[[], Awaitable[float]]
Validate = Callable[[ConsumerRecord[bytes, bytes]], None]


async def publish_in_batches(settings: KafkaSettings, records: Sequence[Record]) -> float:
    publisher = Publisher(settings)
    await publisher.start()
    began = time.perf_counter()
    for start in range(0, len(records), CHUNK):
        await publisher.publish(records[start : start + CHUNK])
    spent = time.perf_counter() - began
    await publisher.stop()
    return len(records) / spent


async def publish_one_by_one(settings: KafkaSettings, records: Sequence[Record]) -> float:
    """aiokafka's own ``send``, a thousand at once, the straightforward way to publish by key."""
    producer = AIOKafkaProducer(**client_options(settings), enable_idempotence=True, acks="all", linger_ms=0)
    await producer.start()
    name = topic_name(settings, REPORTS)
    began = time.perf_counter()
    for start in range(0, len(records), CHUNK):
        sent = [
            await producer.send(name, r.value, key=r.key.encode(), headers=list(r.headers))
            for r in records[start : start + CHUNK]
        ]
        await asyncio.gather(*sent)
    spent = time.perf_counter() - began
    await producer.stop()
    return len(records) / spent


async def publish_by_faststream(settings: KafkaSettings, records: Sequence[Record]) -> float:
    broker = KafkaBroker(settings.bootstrap_servers, enable_idempotence=True, acks="all", logger=None)
    await broker.start()
    name = topic_name(settings, REPORTS)
    few = records[:FASTSTREAM_RECORDS]
    began = time.perf_counter()
    for start in range(0, len(few), CHUNK):
        await asyncio.gather(
            *(
                broker.publish(r.value, name, key=r.key.encode(), headers={k: v.decode() for k, v in r.headers})
                for r in few[start : start + CHUNK]
            )
        )
    spent = time.perf_counter() - began
    await broker.stop()
    return len(few) / spent


async def consume_by_the_bus(settings: KafkaSettings, expected: int) -> float:
    """Validated events in batches, offsets committed after each."""
    count, first, began, last = 0, 0, 0.0, 0.0
    done = asyncio.Event()

    async def handler(batch: list[Received]) -> None:
        nonlocal count, first, began, last
        last = time.perf_counter()
        if not began:
            began, first = last, len(batch)
        count += len(batch)
        if count >= expected:
            done.set()

    bus = KafkaClient(settings, "bench", Health(), SystemClock())
    subscribe(bus, REPORTS, group=f"bus-{uuid.uuid4().hex[:8]}", handler=handler)
    await bus.start()
    await done.wait()
    await bus.stop()
    return (count - first) / (last - began)


def body_only(record: ConsumerRecord[bytes, bytes]) -> None:
    """What a straightforward consumer checks."""
    ReportMessageLeft.model_validate_json(record.value or b"")


def whole_event(record: ConsumerRecord[bytes, bytes]) -> None:
    """What ours checks: type, key, envelope and body."""
    parse_event("reports", record.key, record.headers, record.value)


async def consume_by_hand(settings: KafkaSettings, expected: int, validate: Validate) -> float:
    """aiokafka alone, offsets committed after each batch."""
    consumer = AIOKafkaConsumer(
        topic_name(settings, REPORTS),
        **client_options(settings),
        group_id=f"raw-{uuid.uuid4().hex[:8]}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    count, first, began = 0, 0, 0.0
    while count < expected:
        for records in (await consumer.getmany(timeout_ms=500, max_records=CHUNK)).values():
            for record in records:
                validate(record)
            count += len(records)
        last = time.perf_counter()
        if not began and count:
            began, first = last, count
        await consumer.commit()
    await consumer.stop()
    return (count - first) / (last - began)


async def compare(title: str, ways: Mapping[str, Timed]) -> None:
    """Alternate the ways; print each one's median and its ratio to the first."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            rates[name].append(await way())
    medians = {name: statistics.median(values) for name, values in rates.items()}
    base = next(iter(medians.values()))
    print(f"\n{title} (median of {ROUNDS}, alternated)")
    for name, median in medians.items():
        spread = f"{min(rates[name]):,.0f} to {max(rates[name]):,.0f}"
        print(f"  {name:<44} {median:>10,.0f}/s   ratio {median / base:5.2f}   ({spread})")


async def run(bootstrap: str) -> None:
    settings = KafkaSettings(bootstrap_servers=bootstrap, topic_prefix=f"b{uuid.uuid4().hex[:8]}.", topic_partitions=6)
    await ensure_topics(settings)
    records = [message_left(report_id(n), 1) for n in range(RECORDS)]
    await compare(
        "publishing keyed records of 0.5 KB, acknowledged by all, a thousand in flight",
        {
            "aiokafka send, one by one": lambda: publish_one_by_one(settings, records),
            "Publisher.publish, a batch per partition": lambda: publish_in_batches(settings, records),
            "FastStream publish, gathered": lambda: publish_by_faststream(settings, records),
        },
    )
    settings = settings.model_copy(update={"topic_prefix": f"b{uuid.uuid4().hex[:8]}."})
    await ensure_topics(settings)
    publisher = Publisher(settings)
    await publisher.start()
    for start in range(0, 5 * RECORDS, CHUNK):
        some = records[start % RECORDS : start % RECORDS + CHUNK]
        await publisher.publish(some)
    await publisher.stop()
    await compare(
        "consuming 50,000 of them, validated, offsets committed after each batch of 1,000, once joined",
        {
            "aiokafka by hand, body by pydantic": lambda: consume_by_hand(settings, 5 * RECORDS, body_only),
            "aiokafka by hand, whole event": lambda: consume_by_hand(settings, 5 * RECORDS, whole_event),
            "KafkaClient.subscribe": lambda: consume_by_the_bus(settings, 5 * RECORDS),
        },
    )


def main() -> None:
    """Run against the given broker, or one of our own."""
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given:
        asyncio.run(run(given))
        return
    engines = Engines()
    try:
        engines.start()
        asyncio.run(run(engines.kafka))
    finally:
        engines.stop()


if __name__ == "__main__":
    main()
