"""Followers and bounded reads, on the real broker."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from shared.clock import SystemClock
from shared.errors import FatalError
from shared.events.base import Record, encode
from shared.events.loads import LoadSummarized
from shared.kafka import reader
from shared.kafka.admin import ensure_topics
from shared.kafka.connection import client_options, topic_name
from shared.kafka.decoding import Received
from shared.kafka.publisher import Publisher
from shared.kafka.reader import Follower, PartitionReader
from shared.settings import KafkaSettings
from shared.topics import CASES, LOADS, REPORTS
from shared.trace import new_traceparent
from tests.integration.kafka.tools import id_in, message_left, messages, new_bus, report_id, running
from tests.support.waiting import eventually

IDS = [report_id(n) for n in range(20)]


async def test_started_it_has_applied_what_was_there_and_goes_on(bus_settings: KafkaSettings) -> None:
    bus, _ = new_bus(bus_settings)
    async with running(bus):
        await bus.publisher.publish(messages(IDS, range(1, 51)))
        applied: list[Received] = []
        follower = Follower(bus_settings, [REPORTS, CASES], applied.append, from_start=True, clock=SystemClock())
        await follower.start()
        try:
            assert len(applied) == 1000
            assert follower.check() is None
            await bus.publisher.publish(messages(IDS, range(51, 52)))
            await eventually(lambda: len(applied) == 1020, "the new ones")
        finally:
            await follower.stop()
    for partition in range(3):
        offsets = [r.offset for r in applied if r.partition == partition]
        assert offsets == list(range(len(offsets)))


async def test_from_the_end_it_sees_only_what_comes(bus_settings: KafkaSettings) -> None:
    bus, _ = new_bus(bus_settings)
    async with running(bus):
        await bus.publisher.publish(messages(IDS, range(1, 3)))
        applied: list[Received] = []
        follower = Follower(bus_settings, [REPORTS], applied.append, from_start=False, clock=SystemClock())
        await follower.start()
        try:
            await bus.publisher.publish(messages(IDS, range(3, 4)))
            await eventually(lambda: len(applied) == 20, "the new ones")
            assert {r.event.sequence for r in applied} == {3}
        finally:
            await follower.stop()


async def test_of_a_compacted_topic_only_the_end_is_read_and_no_key_is_missed(
    bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "NEWEST", 10)

    def told(partition: int, upto: int) -> Record:
        at = datetime(2026, 11, 24, tzinfo=UTC)
        event = LoadSummarized(partition=partition, upto=upto, loads={}, summarized_at=at, worker="w")
        return encode(event, source="routing", time=at, traceparent=new_traceparent())

    bus, _ = new_bus(bus_settings)
    async with running(bus):
        for upto in range(200):
            await bus.publisher.publish([told(0, upto), told(1, upto)] + ([told(2, upto)] if upto == 175 else []))
        applied: list[Received] = []
        follower = Follower(
            bus_settings, [LOADS], applied.append, from_start=True, clock=SystemClock(), newest_of=["0", "1", "2"]
        )
        await follower.start()
        try:
            assert [r.offset for r in applied] == list(range(301, 401))
            newest = {event.partition: event.upto for r in applied if isinstance(event := r.event, LoadSummarized)}
            assert newest == {0: 199, 1: 199, 2: 175}
            await bus.publisher.publish([told(2, 176)])
            await eventually(lambda: applied[-1].offset == 401, "the new one")
        finally:
            await follower.stop()


async def test_garbage_is_passed_over_and_an_unknown_type_stops_its_partition(bus_settings: KafkaSettings) -> None:
    bus, _ = new_bus(bus_settings)
    name = topic_name(bus_settings, REPORTS)
    newer = message_left(id_in(0, 3), 1)
    headers = [(k, b"report.message_left.v9" if k == "ce_type" else v) for k, v in newer.headers]
    async with running(bus):
        await bus.publisher.send(name, 1, [(b"k", b"bad", [("h", None)])])
        await bus.publisher.send(name, 0, [(newer.key.encode(), newer.value, headers)])
        await bus.publisher.publish(messages([id_in(0, 3), id_in(1, 3)], range(2, 4)))
        applied: list[Received] = []
        follower = Follower(bus_settings, [REPORTS], applied.append, from_start=True, clock=SystemClock())
        await follower.start()
        try:
            assert [(r.partition, r.event.sequence) for r in applied] == [(1, 2), (1, 3)]
            assert "report.message_left.v9" in str(follower.check())
        finally:
            await follower.stop()


async def test_what_apply_raises_ends_the_process(bus_settings: KafkaSettings, ends: list[str]) -> None:
    def apply(received: Received) -> None:
        raise FatalError(f"a hole before {received.offset}")

    bus, _ = new_bus(bus_settings)
    async with running(bus):
        await bus.publisher.publish(messages(IDS, range(1, 2)))
        follower = Follower(bus_settings, [REPORTS], apply, from_start=True, clock=SystemClock())
        starting = asyncio.create_task(follower.start())
        await eventually(lambda: ends, "it wants to end")
        starting.cancel()
        await follower.stop()
    assert ends[0].startswith("reader.failed")
    ends.clear()


async def fails(*_: object) -> None:
    raise RuntimeError("a fault in the client")


@pytest.mark.parametrize("with_an_error", [False, True])
async def test_a_follower_whose_client_is_dead_inside_takes_a_new_one(
    bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch, *, with_an_error: bool
) -> None:
    clients: list[AIOKafkaConsumer] = []
    made_by = reader._reader

    def made(settings: KafkaSettings, **more: Any) -> AIOKafkaConsumer:
        clients.append(made_by(settings, **more))
        return clients[-1]

    monkeypatch.setattr(reader, "_reader", made)
    bus, _ = new_bus(bus_settings)
    async with running(bus):
        applied: list[Received] = []
        follower = Follower(bus_settings, [REPORTS], applied.append, from_start=True, clock=SystemClock())
        await follower.start()
        try:
            if with_an_error:
                monkeypatch.setattr(clients[0]._client, "_metadata_update", fails)
                clients[0]._client.force_metadata_update()
            else:
                clients[0]._client._sync_task.cancel()
            await eventually(lambda: len(clients) > 1 and follower.check() is None, "a new client")
            await bus.publisher.publish(messages(IDS, range(1, 2)))
            await eventually(lambda: len(applied) == len(IDS), "records flow")
        finally:
            await follower.stop()


async def test_a_reader_whose_client_is_dead_inside_is_fatal(bus_settings: KafkaSettings) -> None:
    await ensure_topics(bus_settings)
    reader = PartitionReader(bus_settings, REPORTS)
    await reader.start()
    try:
        assert reader._consumer is not None
        reader._consumer._client._sync_task.cancel()
        await asyncio.sleep(0)
        with pytest.raises(FatalError, match="looking after metadata has ended"):
            await reader.ends([0])
    finally:
        await reader.stop()


@pytest.fixture
async def published(bus_settings: KafkaSettings) -> KafkaSettings:
    await ensure_topics(bus_settings)
    publisher = Publisher(bus_settings)
    await publisher.start()
    await publisher.publish(messages(IDS, range(1, 11)))
    await publisher.stop()
    return bus_settings


async def test_a_reader_yields_exactly_the_stretch_that_was_asked_for(published: KafkaSettings) -> None:
    reader = PartitionReader(published, REPORTS)
    await reader.start()
    try:
        ends = await reader.ends(range(3))
        assert sum(ends.values()) == 200
        wanted = {0: (3, ends[0]), 1: (0, 5), 2: (ends[2], ends[2])}
        for _ in range(2):
            got = [(r.partition, r.offset) async for r in reader.read(wanted)]
            assert [o for p, o in got if p == 0] == list(range(3, ends[0]))
            assert [o for p, o in got if p == 1] == [0, 1, 2, 3, 4]
            assert [o for p, o in got if p == 2] == []
        assert [r async for r in reader.read({})] == []
    finally:
        await reader.stop()


async def test_a_hole_in_the_log_is_fatal(published: KafkaSettings) -> None:
    # A transaction's end takes an offset that holds no record: a hole, as a cut log would have.
    reader = PartitionReader(published, REPORTS)
    await reader.start()
    publisher = Publisher(published)
    await publisher.start()
    producer = AIOKafkaProducer(**client_options(published), transactional_id=f"{published.topic_prefix}hole")
    await producer.start()
    place = TopicPartition(topic_name(published, REPORTS), 0)
    try:
        before = (await reader.ends([0]))[0] + 2
        try:
            async with producer.transaction():
                await producer.send_and_wait(place.topic, b"x", partition=0)
        finally:
            await producer.stop()

        async def ended() -> bool:
            return (await reader.ends([0]))[0] == before

        await eventually(ended, "the broker writes the end of the transaction after it has answered")
        await publisher.publish([message_left(id_in(0, 3), 99)])
        with pytest.raises(FatalError, match=f"has {before} where {before - 1} is due"):
            _ = [r async for r in reader.read({0: (0, before + 1)})]
        assert len([r async for r in reader.read({0: (0, before - 1)})]) == before - 1
    finally:
        await publisher.stop()
        await reader.stop()


async def test_a_log_shorter_than_remembered_is_fatal(published: KafkaSettings) -> None:
    reader = PartitionReader(published, REPORTS)
    await reader.start()
    try:
        end = (await reader.ends([1]))[1]
        with pytest.raises(FatalError):
            _ = [r async for r in reader.read({1: (end + 5, end + 7)})]
    finally:
        await reader.stop()
