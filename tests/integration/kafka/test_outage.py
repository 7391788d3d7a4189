"""Kafka away at the start and in the middle, and back. Engines of this module alone: they are killed."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.errors import TransientError
from shared.kafka.admin import ensure_topics
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings
from shared.topics import REPORTS
from tests.integration.kafka.tools import (
    Seen,
    committed,
    ends_of,
    id_in,
    messages,
    new_bus,
    report_id,
    running,
    until_committed,
)
from tests.integration.kafka.workers import workers
from tests.support.engine_settings import kafka_settings
from tests.support.subscribing import subscribe
from tests.support.waiting import DEADLINE_S, eventually
from tools.local.engines import Engines


@pytest.fixture
def settings(own_engines: Engines, unique: str) -> Iterator[KafkaSettings]:
    own_engines.start_kafka()
    yield kafka_settings(own_engines, unique, call_timeout_s=4)
    own_engines.start_kafka()


async def made(settings: KafkaSettings) -> None:
    """Make the topics, which on a busy machine takes longer than any single call may here."""
    await ensure_topics(settings.model_copy(update={"call_timeout_s": DEADLINE_S}))


async def test_away_at_the_start_it_waits_and_says_so(
    settings: KafkaSettings, own_engines: Engines, capsys: pytest.CaptureFixture[str]
) -> None:
    await asyncio.to_thread(own_engines.kill_kafka)
    seen = Seen()
    bus, health = new_bus(settings)
    subscribe(bus, REPORTS, group="early", handler=seen)
    starting = asyncio.create_task(bus.start())
    try:
        await eventually(lambda: "waiting for kafka" in str(health.ready["kafka"]()), "ready says what it waits for")
        assert settings.bootstrap_servers in str(health.ready["kafka"]())
        assert health.live_report()[0]
        await asyncio.to_thread(own_engines.start_kafka)
        async with asyncio.timeout(DEADLINE_S):
            await starting
        await bus.publisher.publish(messages([report_id(1)], range(1, 6)))
        await eventually(lambda: len(seen.received) == 5, "records flow")
        assert health.ready["kafka"]() is None
    finally:
        starting.cancel()
        await bus.stop()
    said = capsys.readouterr().out
    assert "kafka.connect_failed" in said
    assert "KAFKA_BOOTSTRAP_SERVERS" in said


async def test_publishing_while_away_fails_in_time_and_works_afterwards(
    settings: KafkaSettings, own_engines: Engines
) -> None:
    await made(settings)
    publisher = Publisher(settings)
    await publisher.start()
    mine = id_in(0, 3)
    await publish_until_acknowledged(publisher, mine, range(1, 3))
    await asyncio.to_thread(own_engines.kill_kafka)
    with pytest.raises(TransientError):
        async with asyncio.timeout(DEADLINE_S):
            await publisher.publish(messages([mine], range(3, 5)))
    await asyncio.to_thread(own_engines.start_kafka)
    await publish_until_acknowledged(publisher, mine, range(3, 7))
    await publisher.stop()
    seen = Seen()
    bus, _ = new_bus(settings)
    subscribe(bus, REPORTS, group="after", handler=seen)
    async with running(bus):
        await until_committed(settings, "after")
    # The batch that timed out may be there too, before or beside its repetition; first occurrences are in order.
    assert list(dict.fromkeys(sequence for _, sequence in seen.keys)) == [1, 2, 3, 4, 5, 6]


async def publish_until_acknowledged(publisher: Publisher, report: str, versions: range) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                await publisher.publish(messages([report], versions))
            except TransientError:
                await asyncio.sleep(0.2)
            else:
                return


async def test_stopping_while_away_does_not_hang(settings: KafkaSettings, own_engines: Engines) -> None:
    bus, _ = new_bus(settings)
    subscribe(bus, REPORTS, group="stopping", handler=Seen())
    await bus.start()
    await asyncio.to_thread(own_engines.kill_kafka)
    with pytest.raises(TransientError):
        await bus.publisher.publish(messages([report_id(1)], range(1, 3)))
    async with asyncio.timeout(DEADLINE_S):
        await bus.stop()


async def test_away_in_the_middle_and_back_nothing_is_lost(
    settings: KafkaSettings, own_engines: Engines, tmp_path: Path
) -> None:
    await made(settings)
    publisher = Publisher(settings)
    await publisher.start()
    with workers(settings, tmp_path) as some:
        worker = some.start(max_records=5)
        await publish_until_acknowledged(publisher, id_in(0, 3), range(1, 201))
        await eventually(lambda: some.effects, "some effects")
        await asyncio.to_thread(own_engines.kill_kafka)
        stuck = len(some.effects)
        # Away for longer than any single call may take; the worker waits it out.
        with pytest.raises(TransientError):
            await publisher.publish(messages([id_in(1, 3)], range(1, 3)))
        await asyncio.to_thread(own_engines.start_kafka)
        await publish_until_acknowledged(publisher, id_in(2, 3), range(1, 101))
        await until_committed(settings, "workers")
        assert worker.poll() is None
        everything = {
            (partition, offset) for partition, end in (await ends_of(settings)).items() for offset in range(end)
        }
        assert set(some.effects) == everything
        assert len(some.effects) > stuck
        assert await committed(settings, "workers") == await ends_of(settings)
    await publisher.stop()
