"""An independent reader of the log: raw records as they come, by report. Knows neither the bus nor any service."""

import asyncio
import json
from collections import defaultdict
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.integration.routing.verifier import Line

TOPICS = ("reports", "routings", "cases", "centers")


class Tape:
    """Every record of the four topics since it was started."""

    def __init__(self, bootstrap: str, prefix: str, partitions: int) -> None:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest", fetch_max_wait_ms=50
        )
        self._prefix = prefix
        self.places = [
            TopicPartition(f"{prefix}{topic}", number) for topic in TOPICS for number in range(_many(topic, partitions))
        ]
        self._task: asyncio.Task[None] | None = None
        self.read: dict[TopicPartition, int] = dict.fromkeys(self.places, 0)
        self.of: defaultdict[str, list[Line]] = defaultdict(list)
        """By key (a report, or a centre), in log order within a topic."""
        self.raw: defaultdict[str, list[Any]] = defaultdict(list)
        """The same, as Kafka holds them."""

    async def start(self) -> None:
        await self._consumer.start()
        self._consumer.assign(self.places)
        await self._consumer.seek_to_beginning(*self.places)
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._consumer.stop()

    async def ends(self) -> dict[TopicPartition, int]:
        """Where the log ends now."""
        return dict(await self._consumer.end_offsets(self.places))

    def lines(self, key: str, topic: str) -> list[Line]:
        """What one topic holds about a report or a centre."""
        return [line for line in self.of[key] if line.topic == topic]

    async def _follow(self) -> None:
        while True:
            for place, records in (await self._consumer.getmany(timeout_ms=50)).items():
                for record in records:
                    self._keep(place, record)

    def _keep(self, place: TopicPartition, record: Any) -> None:
        headers = {name: value for name, value in record.headers if value is not None}
        topic, key = place.topic.removeprefix(self._prefix), record.key.decode()
        kind, ident = headers["ce_type"].decode(), headers["ce_id"].decode()
        self.of[key].append(Line(topic, place.partition, record.offset, kind, ident, json.loads(record.value)))
        self.raw[key].append((topic, record))
        self.read[place] = record.offset + 1


def _many(topic: str, partitions: int) -> int:
    return 1 if topic == "centers" else partitions
