"""Reads the topics from their first record with a consumer of its own, in no group, and folds them into one table.

It trusts no service: what was accepted it knows from the HTTP answers, everything else from the log.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared.kafka.connection import client_options
from shared.settings import KafkaSettings
from shared.topics import TOPICS
from tools.demo.ledger import Ledger, LogRecord

_CALL_SECONDS = 15.0
"""Limit of one call to Kafka: aiokafka waits for ever on some while the broker is away."""


Place = tuple[str, int, int]
"""A record's topic (without prefix), partition and offset."""


class DemoAuditor:
    """Folds the log; call ``catch_up`` as often as wanted, always from one task at a time."""

    def __init__(
        self,
        kafka: KafkaSettings,
        prefix: str = "",
        garbage: Collection[Place] = frozenset(),
    ) -> None:
        """``prefix`` stands before every topic name. ``garbage``, records a test put there, counts as nothing."""
        self.ledger = Ledger()
        self.buried: set[Place] = set()
        """Garbage that lies in a dead-letter topic, as it should."""
        self._garbage = garbage
        self._kafka = kafka
        self._prefix = prefix
        self._consumer: AIOKafkaConsumer | None = None
        self._next: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        """Connect and stand before the first record of every partition; waits for the topics to exist."""
        logging.getLogger("aiokafka").setLevel(logging.ERROR)
        names = [self._prefix + name for topic in TOPICS for name in (topic.name, topic.dead)]
        consumer = AIOKafkaConsumer(
            *names,
            **client_options(self._kafka),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
            max_poll_records=2000,
            metadata_max_age_ms=1000,
        )
        self._consumer = consumer
        async with asyncio.timeout(_CALL_SECONDS):
            await consumer.start()
        async with asyncio.timeout(_CALL_SECONDS):
            while {p.topic for p in consumer.assignment()} != set(names):  # noqa: ASYNC110  # no signal to wait for
                await asyncio.sleep(0.05)
        self._next = dict.fromkeys(consumer.assignment(), 0)

    async def stop(self) -> None:
        """Let go of the broker."""
        if self._consumer is not None:
            async with asyncio.timeout(_CALL_SECONDS):
                await self._consumer.stop()
            self._consumer = None

    async def catch_up(self) -> Ledger:
        """Read to the ends seen at the call. Raises ``TimeoutError`` or ``KafkaError`` while the broker is away."""
        consumer = self._consumer
        if consumer is None:
            raise RuntimeError("the auditor was not started")
        # Not `asyncio.wait_for`, which in Python 3.11 loses a cancellation that comes together with the answer.
        async with asyncio.timeout(_CALL_SECONDS):
            ends: Mapping[TopicPartition, int] = await consumer.end_offsets(list(self._next))
        while any(self._next[partition] < end for partition, end in ends.items()):
            async with asyncio.timeout(_CALL_SECONDS):
                batches = await consumer.getmany(timeout_ms=200)
            for partition, records in batches.items():
                for record in records:
                    self._fold(partition.topic.removeprefix(self._prefix), record)
            async with asyncio.timeout(_CALL_SECONDS):
                for partition in self._next:
                    # The position also passes what compaction has taken away.
                    self._next[partition] = await consumer.position(partition)
        return self.ledger

    def _fold(self, topic: str, record: ConsumerRecord) -> None:
        if (topic, record.partition, record.offset) in self._garbage:
            return
        if topic.endswith(".dead") and (place := _origin(record)) in self._garbage:
            self.buried.add(place)
            return
        self.ledger.add(_read(topic, record))


def _origin(record: ConsumerRecord) -> Place:
    """Return the origin that a dead letter names."""
    told = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    partition, offset = (told.get(f"dead_{name}", "") for name in ("partition", "offset"))
    return told.get("dead_topic", ""), int(partition) if partition else -1, int(offset) if offset else -1


def _read(topic: str, record: object) -> LogRecord:
    headers = {name: value for name, value in getattr(record, "headers", ()) if value is not None}
    kind = headers.get("ce_type", b"").decode("utf-8", "replace")
    try:
        body = orjson.loads(getattr(record, "value", None) or b"{}")
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        # Garbage a test put there; it counts as nothing, and its dead letter is counted on its own.
        body, kind = {}, "garbage"
    return LogRecord(
        topic=topic,
        partition=int(getattr(record, "partition", 0)),
        offset=int(getattr(record, "offset", 0)),
        type=kind,
        body=body,
        timestamp_ms=int(getattr(record, "timestamp", 0)),
    )
