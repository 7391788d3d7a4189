"""From a report in the log to its decision at a reader, at 50 a second, beside a raw round trip of the same size.

Both in turns on one broker. Routing's is timed from the acknowledgement of the report (it is in the log) to the arrival
of its routing record at a reader; the raw one from handing a record to the producer to its arrival at a reader.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from shared.kafka.publisher import Publisher
from tests.integration.routing.running import Traffic
from tests.performance.routing_stage import Stage, Workers, reading, received
from tools.demo.summary import percentile

PER_SECOND: Final = 50.0
_RECORD_BYTES: Final = 3_000
"""About what a routing record weighs."""
_WARM_UP: Final = 50
"""So many of the first are not counted."""
_LATE_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds of one round."""

    p50: float
    p99: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of a round's samples."""
        p50, p99 = percentile(values, 0.50), percentile(values, 0.99)
        if p50 is None or p99 is None:
            raise RuntimeError("a round measured nothing")
        return cls(p50, p99)


async def measure(stage: Stage, rounds: int, samples: int) -> tuple[list[Spread], list[Spread]]:
    """Routing and the raw round trip, in turns: one spread of each per round."""
    workers = Workers(stage, 1)
    traffic = Traffic(Publisher(stage.bus), seed=50)
    raw_topic = await stage.extra_topic("raw.trip")
    ours, theirs = [], []
    try:
        await workers.start()
        async with stage.publisher() as publisher:
            for _ in range(rounds):
                ours.append(await _routing(stage, publisher, traffic, samples))
                theirs.append(await raw_trip(stage, raw_topic, samples))
    finally:
        workers.kill()
    return ours, theirs


async def _routing(stage: Stage, publisher: Publisher, traffic: Traffic, samples: int) -> Spread:
    records = received(traffic, samples + _WARM_UP)
    keys = [record.key.encode() for record in records]
    lodged: dict[bytes, float] = {}

    async def send(number: int) -> None:
        await publisher.publish([records[number]])
        lodged[keys[number]] = time.perf_counter()

    arrived = await _timed(stage, stage.routings, len(records), send, PER_SECOND)
    return Spread.of([(arrived[key] - lodged[key]) * 1000 for key in keys[_WARM_UP:]])


async def raw_trip(stage: Stage, topic: str, samples: int, per_second: float = PER_SECOND) -> Spread:
    """The same rate and about the same size, by the shortest way there is."""
    keys = [uuid.uuid4().bytes for _ in range(samples + _WARM_UP)]
    sent: dict[bytes, float] = {}
    producer = AIOKafkaProducer(
        bootstrap_servers=stage.bus.bootstrap_servers, acks="all", enable_idempotence=True, linger_ms=0
    )
    await producer.start()

    async def send(number: int) -> None:
        sent[keys[number]] = time.perf_counter()
        await producer.send_and_wait(topic, b"x" * _RECORD_BYTES, key=keys[number])

    try:
        arrived = await _timed(stage, topic, len(keys), send, per_second)
    finally:
        await producer.stop()
    return Spread.of([(arrived[key] - sent[key]) * 1000 for key in keys[_WARM_UP:]])


async def _timed(
    stage: Stage, topic: str, count: int, send: Callable[[int], Coroutine[None, None, None]], per_second: float
) -> dict[bytes, float]:
    """Send one after the other at the rate, each when it is due; when each key arrived at a reader."""
    arrived: dict[bytes, float] = {}
    async with reading(stage.bus, topic) as (consumer, places):
        await _to_the_end(consumer, places)
        async with asyncio.timeout(count / per_second + _LATE_S), asyncio.TaskGroup() as tasks:
            tasks.create_task(_receive(consumer, count, arrived))
            start = time.monotonic()
            for number in range(count):
                await asyncio.sleep(max(0.0, start + number / per_second - time.monotonic()))
                tasks.create_task(send(number))
    return arrived


async def _to_the_end(consumer: AIOKafkaConsumer, places: list[TopicPartition]) -> None:
    for place, end in (await consumer.end_offsets(places)).items():
        consumer.seek(place, end)


async def _receive(consumer: AIOKafkaConsumer, count: int, arrived: dict[bytes, float]) -> None:
    while len(arrived) < count:
        record = await consumer.getone()
        arrived.setdefault(record.key or b"", time.perf_counter())
