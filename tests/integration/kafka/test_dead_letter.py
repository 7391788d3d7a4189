"""Dead letters looked at and sent back, through the command a person uses."""

import asyncio

from aiokafka import AIOKafkaProducer

from shared.kafka.connection import client_options, dead_topic_name, topic_name
from shared.kafka.inspector import ClusterInspector
from shared.kafka.publisher import MAX_BATCH_BYTES, Message
from shared.kafka.redrive import redrive
from shared.settings import KafkaSettings
from shared.topics import REPORTS
from tests.integration.kafka.tools import (
    Seen,
    dead_letters,
    id_in,
    log_of,
    message_left,
    new_bus,
    running,
    until_committed,
)
from tests.support import forking
from tests.support.subscribing import subscribe
from tests.support.waiting import DEADLINE_S
from tools.local.settings import AS_GIVEN

SECRET = b"not for anybody's eyes"


async def command(settings: KafkaSettings, *arguments: str) -> str:
    environment = {
        AS_GIVEN: "1",
        "KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": settings.topic_prefix,
        "KAFKA_TOPIC_PARTITIONS": str(settings.topic_partitions),
    }
    status, said = await forking.run(("tools.command", "redrive", "reports", *arguments), env=environment)
    assert status == 0, said
    return said


async def test_dead_letters_are_listed_without_their_content_and_sent_back_once(bus_settings: KafkaSettings) -> None:
    good = message_left(id_in(1, 3), 1)
    bus, _ = new_bus(bus_settings)
    subscribe(bus, REPORTS, group="first", handler=Seen())
    name = topic_name(bus_settings, REPORTS)
    headers = [*good.headers, ("note", None)]
    async with running(bus):
        await bus.publisher.send(name, 1, [(b"mistaken key", SECRET, headers), (b"k", b"bad", [])])
        await until_committed(bus_settings, "first")
    listed = await command(bus_settings, "--list")
    assert "2 dead letters" in listed
    assert "reports/1/0" in listed
    assert "invalid" in listed
    assert "by test:first" in listed
    assert SECRET.decode() not in listed
    assert "mistaken key" not in listed

    tried = await command(bus_settings, "--dry-run")
    assert "2 dead letters would be sent back" in tried
    assert len(await log_of(bus_settings, name)) == 2

    assert "1 dead letters sent back" in await command(bus_settings, "--limit", "1")
    assert "1 dead letters sent back" in await command(bus_settings)
    assert "0 dead letters sent back" in await command(bus_settings)
    found = await log_of(bus_settings, name)
    assert [(r.partition, r.key, r.value) for r in found[2:]] == [(1, b"mistaken key", SECRET), (1, b"k", b"bad")]
    assert list(found[2].headers) == headers

    again = await command(bus_settings, "--from", "1")
    assert "1 dead letters sent back" in again
    assert len(await dead_letters(bus_settings)) == 2


async def test_a_run_that_begins_elsewhere_leaves_what_lies_before_and_repeats_nothing(
    bus_settings: KafkaSettings,
) -> None:
    bus, _ = new_bus(bus_settings)
    subscribe(bus, REPORTS, group="first", handler=Seen())
    name = topic_name(bus_settings, REPORTS)
    async with running(bus):
        await bus.publisher.send(name, 1, [(b"k", value, []) for value in (b"0", b"1", b"2")])
        await until_committed(bus_settings, "first")

    async def sent_back(start: int | None = None, limit: int | None = None) -> list[bytes | None]:
        before = len(await log_of(bus_settings, name))
        await redrive(bus_settings, REPORTS, start=start, limit=limit)
        return [record.value for record in (await log_of(bus_settings, name))[before:]]

    async def waiting() -> int:
        async with ClusterInspector(bus_settings) as inspector:
            return (await inspector.dead_letters(REPORTS, 10)).waiting

    assert await sent_back(start=2) == [b"2"]
    assert await waiting() == 3, "those before it were not sent back"
    assert await sent_back(limit=2) == [b"0", b"1"]
    assert await sent_back() == [b"2"]
    assert await waiting() == 0
    assert await sent_back(start=0, limit=1) == [b"0"]
    assert await waiting() == 0, "those behind it were sent back before"
    assert await sent_back() == []


async def test_offsets_without_a_record_hold_up_nothing(bus_settings: KafkaSettings) -> None:
    """As compaction and the end of a transaction leave them, between two letters and behind the last."""
    bus, _ = new_bus(bus_settings)
    name = topic_name(bus_settings, REPORTS)
    async with running(bus):
        await bus.publisher.send(name, 1, [(b"k", value, []) for value in (b"0", b"1")])
    producer = AIOKafkaProducer(**client_options(bus_settings), transactional_id="gaps")
    await producer.start()
    try:
        for offset, value in enumerate((b"0", b"1")):
            told = {"topic": "reports", "partition": "1", "offset": str(offset)}
            headers = [(f"dead_{part}", text.encode()) for part, text in told.items()]
            async with producer.transaction():
                dead = dead_topic_name(bus_settings, REPORTS)
                await producer.send_and_wait(dead, value, b"k", partition=1, headers=headers)
    finally:
        await producer.stop()
    async with asyncio.timeout(DEADLINE_S):
        assert await redrive(bus_settings, REPORTS, limit=1) == 1
        assert await redrive(bus_settings, REPORTS) == 1
        assert await redrive(bus_settings, REPORTS) == 0
    assert [record.value for record in await log_of(bus_settings, name)] == [b"0", b"1"] * 2
    async with ClusterInspector(bus_settings) as inspector:
        assert (await inspector.dead_letters(REPORTS, 10)).waiting == 0


async def test_only_what_equals_the_record_at_its_origin_is_sent_back(bus_settings: KafkaSettings) -> None:
    """Whoever may write dead letters, and no more, cannot make records by having them sent back."""
    bus, _ = new_bus(bus_settings)
    dead = dead_topic_name(bus_settings, REPORTS)
    name = topic_name(bus_settings, REPORTS)

    def letter(value: bytes, partition: int, offset: str, topic: str = "reports", kind: bytes = b"t") -> Message:
        origin = {"topic": topic, "partition": str(partition), "offset": offset}
        said = [(f"dead_{part}", text.encode()) for part, text in origin.items()]
        return b"k", value, [("ce_type", kind), *said]

    async with running(bus):
        await bus.publisher.send(name, 1, [(b"k", b"original", [("ce_type", b"t")])])
        forged = [
            letter(b"forged", 1, "0"),
            letter(b"original", 1, "0", kind=b"another"),
            letter(b"original", 1, "7"),
            letter(b"original", 0, "0"),
            letter(b"original", 1, "0", topic="cases"),
            letter(b"original", 1, "zero"),
            (b"k", b"original", [("ce_type", b"t")]),
        ]
        await bus.publisher.send(dead, 1, [*forged, letter(b"original", 1, "0")])
    said = await command(bus_settings)
    assert said.count("not sent back, ") == len(forged)
    assert "1 dead letters sent back" in said
    for why in (
        "it differs from the record reports/1/0",
        "there is no record reports/1/7",
        "its origin is no record of",
    ):
        assert why in said
    assert [(r.partition, r.value) for r in await log_of(bus_settings, name)] == [(1, b"original")] * 2


async def test_a_record_as_large_as_a_batch_is_dead_without_its_value_and_stays_where_it_is(
    bus_settings: KafkaSettings,
) -> None:
    bus, _ = new_bus(bus_settings)
    seen = Seen()
    subscribe(bus, REPORTS, group="large", handler=seen)
    name = topic_name(bus_settings, REPORTS)
    async with running(bus):
        await bus.publisher.send(name, 1, [(b"k", b"x" * (MAX_BATCH_BYTES - 200), [])])
        await bus.publisher.publish([message_left(id_in(1, 3), 1)])
        await until_committed(bus_settings, "large")
    assert len(seen.received) == 1
    [letter] = await dead_letters(bus_settings)
    assert (letter.key, letter.value) == (b"k", None)
    assert dict(letter.headers)["dead_value_left_out"] == str(MAX_BATCH_BYTES - 200).encode()
    said = await command(bus_settings)
    assert "0 dead letters sent back" in said
    assert "not sent back" in said
    assert "from reports/1/0" in said
