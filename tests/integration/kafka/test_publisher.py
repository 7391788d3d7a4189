"""What the publisher promises, on the real broker."""

import asyncio

import pytest

from shared.errors import FatalError, PermanentError, TransientError
from shared.kafka.admin import ensure_topics
from shared.kafka.connection import dead_topic_name, topic_name
from shared.kafka.publisher import Message, Publisher, partition_of
from shared.settings import KafkaSettings
from shared.topics import LOADS, REPORTS
from tests.integration.kafka.tools import id_in, log_of, message_left, messages, report_id


async def test_every_record_lies_where_kafkas_partitioner_puts_its_key(
    publisher: Publisher, bus_settings: KafkaSettings
) -> None:
    await publisher.publish(messages([report_id(n) for n in range(50)], range(1, 3)))
    found = await log_of(bus_settings, topic_name(bus_settings, REPORTS))
    assert len(found) == 100
    assert {r.partition for r in found} == {0, 1, 2}
    assert all(r.partition == partition_of(r.key or b"", 3) for r in found)


async def test_more_than_a_batch_holds_is_split_and_stays_in_order(
    publisher: Publisher, bus_settings: KafkaSettings
) -> None:
    many: list[Message] = [(b"k", b"%06d" % n + b"x" * 2_000, []) for n in range(1_500)]
    name = topic_name(bus_settings, REPORTS)
    assert await publisher.send(name, 0, many) == 0
    assert [r.value for r in await log_of(bus_settings, name)] == [value for _, value, _ in many]
    with pytest.raises(ValueError, match="one batch"):
        await publisher.send(name, 0, many, one_batch=True)


async def test_a_record_too_large_for_any_batch_is_a_permanent_error(
    publisher: Publisher, bus_settings: KafkaSettings
) -> None:
    with pytest.raises(PermanentError, match="too_large"):
        await publisher.send(topic_name(bus_settings, REPORTS), 0, [(b"k", b"x" * 2_000_000, [])])
    await publisher.publish([message_left(report_id(1), 1)])


async def test_concurrent_calls_for_one_key_keep_the_order_they_were_made_in(
    publisher: Publisher, bus_settings: KafkaSettings
) -> None:
    mine = id_in(0, 3)
    await asyncio.gather(*(publisher.publish([message_left(mine, n)]) for n in range(1, 201)))
    found = await log_of(bus_settings, topic_name(bus_settings, REPORTS))
    sequences = [r.value for r in found]
    assert sequences == [message_left(mine, n).value for n in range(1, 201)]


async def test_before_start_and_after_stop_it_says_so(bus_settings: KafkaSettings) -> None:
    publisher = Publisher(bus_settings)
    with pytest.raises(TransientError, match="not connected"):
        await publisher.publish([message_left(report_id(1), 1)])


async def test_another_number_of_partitions_than_set_is_fatal(
    publisher: Publisher, bus_settings: KafkaSettings
) -> None:
    del publisher
    other = Publisher(bus_settings.model_copy(update={"topic_partitions": 4}))
    await other.start()
    try:
        with pytest.raises(FatalError, match="found 3; expected 4"):
            await other.publish([message_left(report_id(1), 1)])
    finally:
        await other.stop()


async def test_topics_are_made_from_the_table_and_differences_told(bus_settings: KafkaSettings) -> None:
    assert await ensure_topics(bus_settings) == []
    assert await ensure_topics(bus_settings) == []
    differences = await ensure_topics(bus_settings.model_copy(update={"topic_partitions": 4, "replication_factor": 3}))
    reports = topic_name(bus_settings, REPORTS)
    told = "\n".join(differences)
    another = "has another number of partitions; found"
    assert f"KAFKA_TOPIC_PARTITIONS: {reports} {another} 3; expected 4; example: KAFKA_TOPIC_PARTITIONS=3" in told
    assert f"KAFKA_REPLICATION_FACTOR: {reports} is kept too seldom; found 1 copies; expected 3" in told
    assert f"{reports} has another min.insync.replicas; found 1; expected 2" in told
    assert f"{dead_topic_name(bus_settings, REPORTS)} {another} 3" in told
    assert f"{topic_name(bus_settings, LOADS)} {another}" not in told
