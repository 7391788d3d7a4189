"""The local engines as they are: acknowledged work survives SIGKILL, and the same ports answer again."""

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError
from pymongo import MongoClient

from shared.settings import KafkaSettings, StoreSettings
from tests.support.waiting import DEADLINE_S
from tools.local import engines, kafka
from tools.local.engines import Engines
from tools.local.ports import PortTakenError


async def test_acknowledged_records_survive_a_kill_of_kafka(own_engines: Engines, unique: str) -> None:
    await _create(own_engines.kafka, unique)
    await _produce(own_engines.kafka, unique, [b"one", b"two"])
    before = own_engines.pids["kafka"]

    await asyncio.to_thread(own_engines.kill_kafka)
    assert "kafka" not in own_engines.pids
    await asyncio.to_thread(own_engines.start_kafka)

    assert own_engines.pids["kafka"] != before
    assert await _read(own_engines.kafka, unique, 2) == [b"one", b"two"]
    await _produce(own_engines.kafka, unique, [b"three"])
    assert await _read(own_engines.kafka, unique, 3) == [b"one", b"two", b"three"]


def test_acknowledged_writes_survive_a_kill_of_the_store(own_engines: Engines, unique: str) -> None:
    uri = f"{own_engines.mongodb}&w=majority&journal=true"
    client: MongoClient[dict[str, object]] = MongoClient(uri)
    with client:
        collection = client[unique]["things"]
        for number in range(50):
            collection.insert_one({"_id": number})
        own_engines.kill_store()
        own_engines.start_store()
        assert sorted(collection.distinct("_id")) == list(range(50))


async def test_a_misspelt_topic_is_not_created(own_engines: Engines, unique: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=own_engines.kafka)
    await admin.start()
    try:
        described = await admin.describe_topics([unique])
        assert described[0]["error_code"] == UnknownTopicOrPartitionError.errno
        assert unique not in await admin.list_topics()
    finally:
        await admin.close()


async def test_broker_errors_reach_the_log(own_engines: Engines) -> None:
    await asyncio.to_thread(own_engines.kill_kafka)
    await asyncio.to_thread(own_engines.start_kafka)
    log = (own_engines.folder / "kafka.log").read_text(encoding="utf-8")
    assert "Kafka Server started" in log
    assert "No SLF4J providers" not in log
    assert "StaticLoggerBinder" not in log


def test_settings_keep_tests_apart(bus_settings: KafkaSettings, store_settings: StoreSettings, unique: str) -> None:
    assert bus_settings.topic_prefix.startswith(unique)
    assert store_settings.database_prefix.startswith(unique)


async def _create(kafka: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def _produce(kafka: str, topic: str, values: list[bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True) as producer:
        async with asyncio.timeout(DEADLINE_S):
            for value in values:
                await producer.send_and_wait(topic, value)


async def _read(kafka: str, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=kafka, auto_offset_reset="earliest", group_id=f"{topic}-{count}"
    )
    async with consumer, asyncio.timeout(DEADLINE_S):
        return [(await consumer.getone()).value for _ in range(count)]


def test_somebody_elses_engine_is_not_taken_for_ones_own(own_engines: Engines, tmp_path: Path) -> None:
    port = int(own_engines.kafka.rpartition(":")[2])
    second = Engines(tmp_path, kafka_port=port)
    try:
        with pytest.raises(PortTakenError, match=f"port {port} is in use"):
            second.start()
        assert second.pids == {}
    finally:
        second.stop()


def test_a_broker_uses_the_classes_that_one_before_it_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "kept.jsa"
    monkeypatch.setattr(kafka, "kept_classes", lambda _: kept)
    # It writes them as it ends: on a busy machine that takes longer than it is given elsewhere.
    monkeypatch.setattr(engines, "_STOP_LIMIT_S", DEADLINE_S)

    def maps_them() -> bool:
        engines = Engines(tmp_path / "engines").start()
        try:
            return str(kept) in Path(f"/proc/{engines.pids['kafka']}/maps").read_text(encoding="utf-8")
        finally:
            engines.stop()

    assert not maps_them()
    assert kept.exists()
    assert maps_them()
