"""Drive a service's consumers without Kafka: FastStream's test broker, and records as they are on the wire."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from faststream.kafka import KafkaBroker, TestKafkaBroker

from shared.events.base import Event, Record, encode
from shared.events.catalog import types_of
from shared.kafka.router import KafkaRouter
from shared.topics import BY_NAME, Topic

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
GOLDEN = Path(__file__).parents[1] / "golden" / "events"


@asynccontextmanager
async def driving(router: KafkaRouter) -> AsyncIterator[KafkaBroker]:
    """A broker that hands what is published straight to the router's handlers, and raises what they raise."""
    broker = KafkaBroker(apply_types=False)
    broker.include_router(router)
    async with TestKafkaBroker(broker) as driven:
        yield driven


async def publish(broker: KafkaBroker, *records: Record) -> None:
    """Publish records as they lie in the log."""
    for record in records:
        headers = {name: value.decode() for name, value in record.headers}
        await broker.publish(record.value, record.topic, key=record.key.encode(), headers=headers)


def record_of(event: Event, time: datetime) -> Record:
    """Return the record that the topic's writer makes of an event at this time."""
    return encode(event, source=BY_NAME[event.TOPIC].writer, time=time, traceparent=TRACEPARENT)


def golden(*topics: Topic) -> list[Record]:
    """The golden example of every event of these topics."""
    found = []
    for name in (name for topic in topics for name in types_of(topic.name)):
        one = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
        headers = tuple((header, value.encode()) for header, value in one["headers"].items())
        found.append(
            Record(topic=one["topic"], key=one["key"], headers=headers, value=json.dumps(one["body"]).encode())
        )
    return found


class Heard:
    """Stands for what a consumer calls; remembers the types of the events it was given."""

    def __init__(self) -> None:
        self.types: list[str] = []

    async def __call__(self, batch: list) -> None:  # type: ignore[type-arg]  # any service's batch
        self.types += [received.event.TYPE for received in batch]

    handle = __call__

    async def on_assigned(self, places: object) -> dict[tuple[str, int], int]:
        del places
        return {}

    assigned = on_assigned

    async def on_revoked(self, places: object) -> None:
        del places


def types(records: list[Record]) -> list[str]:
    """The types of records, in order."""
    return [dict(record.headers)["ce_type"].decode() for record in records]
