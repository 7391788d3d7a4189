"""What is used of aiokafka without being public: each test fails once its part is not needed any more."""

import inspect
import time
from collections.abc import Sequence

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError

from shared.kafka import patches
from shared.kafka import publisher as publishing
from shared.kafka.admin import ensure_topics
from shared.kafka.connection import bounded, client_options, forget, topic_name
from shared.kafka.liveness import ended_task
from shared.kafka.patches import (
    abandon,
    ask_for_all,
    background_tasks,
    fetch_apart,
    partitions_of,
    wait_for_records,
)
from shared.settings import KafkaSettings
from shared.topics import REPORTS
from tests.integration.kafka.tools import note_fetches
from tests.support.waiting import eventually

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


async def test_nothing_public_changes_how_long_a_started_consumer_lets_the_broker_wait(
    bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = note_fetches(monkeypatch)
    await ensure_topics(bus_settings)
    consumer = AIOKafkaConsumer(**client_options(bus_settings), fetch_max_wait_ms=10)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic_name(bus_settings, REPORTS), 0)])
        await eventually(lambda: 10 in [each._max_wait_ms for each in asked], "the first question")
        wait_for_records(consumer, 20)
        await eventually(lambda: 20 in [each._max_wait_ms for each in asked], "a question that waits longer")
    finally:
        await consumer.stop()
    public = [name for name, _ in inspect.getmembers(AIOKafkaConsumer) if not name.startswith("_")]
    assert [name for name in public if "wait" in name or "fetch" in name] == []


async def _waits(settings: KafkaSettings, asked: Sequence[object], *, apart: bool) -> tuple[bool, bool]:
    """Whether questions for an end and for records of another partition wait behind one for records of the first."""
    name = topic_name(settings, REPORTS)
    consumer = AIOKafkaConsumer(
        **client_options(settings), fetch_max_wait_ms=int(WAIT_S * 1000), auto_offset_reset="earliest"
    )
    if apart:
        fetch_apart(consumer)
    await consumer.start()
    try:
        before = len(asked)
        consumer.assign([TopicPartition(name, 0)])
        await eventually(lambda: len(asked) > before, "a question that waits")
        began = time.monotonic()
        await consumer.end_offsets([TopicPartition(name, 0)])
        for_the_end_s = time.monotonic() - began
        await eventually(lambda: len(asked) > before + (not apart), "the next one, where that was answered")
        began = time.monotonic()
        consumer.assign([TopicPartition(name, 1)])
        while not await consumer.getmany(timeout_ms=1000):
            pass
        for_another_s = time.monotonic() - began
    finally:
        await consumer.stop()
    return for_the_end_s > WAIT_S / 2, for_another_s > WAIT_S / 2


async def test_what_else_is_asked_waits_behind_a_question_for_records_unless_that_has_its_own_connection(
    bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = note_fetches(monkeypatch)
    await ensure_topics(bus_settings)
    producer = AIOKafkaProducer(**client_options(bus_settings))
    await producer.start()
    try:
        await producer.send_and_wait(topic_name(bus_settings, REPORTS), b"x", partition=1)
    finally:
        await producer.stop()
    assert await _waits(bus_settings, asked, apart=False) == (True, True)
    assert await _waits(bus_settings, asked, apart=True) == (False, False)


async def test_records_that_nobody_took_make_a_consumer_ask_for_the_others_alone_unless_it_is_told(
    bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = note_fetches(monkeypatch)
    monkeypatch.setattr(patches, "_LEFT_S", 3600.0)
    await ensure_topics(bus_settings)
    name = topic_name(bus_settings, REPORTS)
    consumer = AIOKafkaConsumer(**client_options(bus_settings), fetch_max_wait_ms=10)
    producer = AIOKafkaProducer(**client_options(bus_settings))
    await consumer.start()
    await producer.start()

    async def lies_there() -> None:
        """A record is fetched and not taken."""
        await producer.send_and_wait(name, b"x", partition=0)
        await eventually(lambda: consumer._fetcher._records, "the record")
        asked.clear()

    def partitions() -> list[int]:
        return sorted(partition for each in asked for topic in each._topics for partition, *_ in topic[1])

    try:
        consumer.assign([TopicPartition(name, 0), TopicPartition(name, 1)])
        await eventually(lambda: 0 in partitions() and 1 in partitions(), "the first questions")
        await lies_there()
        await eventually(lambda: partitions()[:2] == [1, 1], "questions for the other partition alone")
        ask_for_all(consumer)
        assert await consumer.getmany(timeout_ms=1000)
        await lies_there()
        left = consumer._fetcher._records[TopicPartition(name, 0)]
        assert left.calculate_backoff() > 3000, "so many seconds no question goes to its broker"
        assert asked == []
        assert await consumer.getmany(timeout_ms=1000)
        await eventually(lambda: {0, 1} <= set(partitions()), "a question for both")
    finally:
        await producer.stop()
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
