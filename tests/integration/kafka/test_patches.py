"""What is used of aiokafka without being public: each test fails once its part is not needed any more."""

from aiokafka import AIOKafkaConsumer

from shared.kafka.admin import ensure_topics
from shared.kafka.connection import client_options, topic_name
from shared.kafka.liveness import ended_task
from shared.kafka.patches import partitions_of
from shared.settings import KafkaSettings
from shared.topics import REPORTS


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
