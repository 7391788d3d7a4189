"""Records that nobody should have written: bytes, events of the wrong shape, and old records once more."""

import asyncio
import random
from collections.abc import Callable
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from shared.kafka.connection import bounded, client_options
from shared.settings import KafkaSettings
from tests.support.waiting import DEADLINE_S
from tools.demo.auditor import Place

TYPES: Final = {
    "reports": "report.received.v1",
    "routings": "report.routed.v1",
    "cases": "case.acknowledged.v1",
    "centers": "center.changed.v1",
    "alerts": "alert.sent.v1",
}
"""A type of each topic."""
_OLD: Final = 3
Headers = list[tuple[str, bytes | None]]


def bad_records(topic: str) -> list[tuple[bytes | None, bytes | None, Headers]]:
    """Key, value and headers that no reader of the topic can take for an event."""
    named: Headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"garbage"),
        ("ce_source", b"/garbage"),
        ("ce_type", TYPES[topic].encode()),
        ("ce_time", b"yesterday"),
    ]
    return [
        (b"\xff\xfe", b"\x00\xffnot an event\x80", []),
        (b"garbage", b'{"report_id": 7, "version": "one", "ownership": []}', named),
        (b"", None, [("ce_type", b"\xff"), ("ce_id", None)]),
    ]


class GarbageWriter:
    """Writes as the administrator, whom no ACL stops. ``places``: where what is no event lies."""

    def __init__(self, kafka: Callable[[], KafkaSettings], draw: random.Random) -> None:
        """``kafka``: how to connect now; a broker that was started again has other ports for its administrator."""
        self.places: set[Place] = set()
        self.writing = asyncio.Lock()
        """Held until all places are known: who reads meanwhile would take garbage for events."""
        self._kafka = kafka
        self._draw = draw

    async def write(self) -> None:
        """Bad records on every topic, and the first records of a partition of each once more."""
        async with self.writing:
            await self._write()

    async def _write(self) -> None:
        options = client_options(self._kafka())
        producer = AIOKafkaProducer(**options)
        await bounded(producer.start(), DEADLINE_S, "starting a producer")
        try:
            for topic in TYPES:
                partitions = await producer.partitions_for(topic)
                for key, value, headers in bad_records(topic):
                    partition = self._draw.choice(sorted(partitions))
                    sent = producer.send_and_wait(topic, value, key=key, partition=partition, headers=headers)
                    written = await bounded(sent, DEADLINE_S, "writing garbage")
                    self.places.add((topic, partition, written.offset))
                await self._once_more(producer, TopicPartition(topic, self._draw.choice(sorted(partitions))))
        finally:
            await bounded(producer.stop(), DEADLINE_S, "stopping a producer")

    async def _once_more(self, producer: AIOKafkaProducer, tp: TopicPartition) -> None:
        consumer = AIOKafkaConsumer(**client_options(self._kafka()), auto_offset_reset="earliest", group_id=None)
        await bounded(consumer.start(), DEADLINE_S, "starting a consumer")
        try:
            consumer.assign([tp])
            consumer.seek(tp, 0)
            found = await consumer.getmany(tp, timeout_ms=2000, max_records=_OLD)
        finally:
            await bounded(consumer.stop(), DEADLINE_S, "stopping a consumer")
        for record in found.get(tp, ()):
            if (tp.topic, tp.partition, record.offset) in self.places:
                continue
            headers = list(record.headers)
            sent = producer.send_and_wait(
                tp.topic, record.value, key=record.key, partition=tp.partition, headers=headers
            )
            await bounded(sent, DEADLINE_S, "writing an old record")
