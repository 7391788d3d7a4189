"""What is used of aiokafka without being public: each test fails once its part is not needed any more."""

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from shared.kafka import publisher as publishing
from shared.kafka.admin import ensure_topics
from shared.kafka.connection import bounded, client_options, forget, topic_name
from shared.kafka.liveness import ended_task
from shared.kafka.patches import (
    abandon,
    background_tasks,
    partitions_of,
)
from shared.settings import KafkaSettings
from shared.topics import REPORTS

WAIT_S = 4.0
"""How long the broker waits for records."""


async def test_nothing_public_asks_for_the_partitions_of_a_topic(bus_settings: KafkaSettings) -> None:
    await ensure_topics(bus_settings)
    name = topic_name(bus_settings, REPORTS)
    consumer = AIOKafkaConsumer(**client_options(bus_settings))
    await consumer.start()
    try:
        assert consumer.partitions_for_topic(name) is None
        assert set(await partitions_of(consumer, name)) == set(range(bus_settings.topic_partitions))
    finally:
        await consumer.stop()


async def test_nothing_public_says_that_a_background_task_has_ended(bus_settings: KafkaSettings) -> None:
    await ensure_topics(bus_settings)
    consumer = AIOKafkaConsumer(topic_name(bus_settings, REPORTS), **client_options(bus_settings))
    await consumer.start()
    try:
        assert ended_task(consumer) is None
        consumer._client._sync_task.cancel()
        assert await consumer.getmany(timeout_ms=200) == {}
        assert ended_task(consumer) == "looking after metadata has ended: without an error"
    finally:
        await consumer.stop()


async def test_a_producer_whose_stop_was_given_up_lives_on_unless_it_is_ended(
    bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ensure_topics(bus_settings)
    monkeypatch.setattr(publishing, "STOP_SECONDS", 2.0)  # within which it is ended, on a busy machine too
    ended = []
    for mended in (True, False):
        producer = AIOKafkaProducer(**client_options(bus_settings), enable_idempotence=True, acks="all")
        await producer.start()
        with monkeypatch.context() as patched:
            patched.setattr(producer.client, "send", away)
            if not mended:
                patched.setattr(publishing, "abandon", nothing)
            batch = producer.create_batch()
            assert batch.append(timestamp=None, key=b"k", value=b"v") is not None
            sent = await producer.send_batch(batch, topic_name(bus_settings, REPORTS), partition=0)
            sent.add_done_callback(forget)
            await publishing._stop(producer)
            ended.append([task is None or task.done() for task in background_tasks(producer).values()])
            await bounded(abandon(producer), 10, "ending the producer")
    assert ended == [[True, True], [False, False]]


async def away(*_: object, **__: object) -> None:
    raise KafkaConnectionError("the broker is away")


async def nothing(_: object) -> None:
    pass
