"""Connections reset by the broker, under uvloop as in production: no background task of aiokafka may end for it."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence

import pytest
import uvloop
from aiokafka import AIOKafkaConsumer
from aiokafka import client as aiokafka_client
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from shared.kafka.admin import ensure_topics
from shared.kafka.connection import client_options, group_name, topic_name
from shared.kafka.vitals import ended_part
from shared.settings import BusSettings
from shared.topics import REPORTS
from tests.support.waiting import eventually

CONSUMERS = 10
CUTS = 30
AWAY_SECONDS = 0.3


def under_uvloop(main: Callable[[], Awaitable[None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())  # type: ignore[arg-type]  # the functions below are coroutines


@pytest.fixture
def relay(bus_settings: BusSettings) -> Iterator[subprocess.Popen[str]]:
    """Every connection this process makes leads through it."""
    command = [sys.executable, "-m", "tests.integration.kafka.resets", bus_settings.bootstrap_servers]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        connect = aiokafka_client.create_conn

        async def through_the_relay(host: str, _: int, **options: object) -> object:
            return await connect(host, port, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(aiokafka_client, "create_conn", through_the_relay)
            yield process
        process.kill()


def cut(relay: subprocess.Popen[str], seconds: float) -> None:
    assert relay.stdin is not None
    relay.stdin.write(f"{seconds}\n")
    relay.stdin.flush()


async def reset_connection(client: AIOKafkaClient, relay: subprocess.Popen[str]) -> AIOKafkaConnection:
    """A connection whose transport has ended, in the moment before its reader hears of it."""
    connection = await client._get_conn(client.get_random_node())
    cut(relay, 0)
    async with asyncio.timeout(10):
        while connection._reader.exception() is None:  # noqa: ASYNC110  # the moment is shorter than an event takes
            await asyncio.sleep(0)
    assert connection.connected()
    return connection


def test_a_connection_that_is_closed_already_is_lost_and_the_metadata_are_asked_for_again(
    bus_settings: BusSettings, relay: subprocess.Popen[str]
) -> None:
    async def main() -> None:
        client = AIOKafkaClient(**client_options(bus_settings))
        await client.bootstrap()
        try:
            connection = await reset_connection(client, relay)
            with pytest.raises(KafkaConnectionError):
                await connection.send(MetadataRequest([]))
            assert not connection.connected()

            await reset_connection(client, relay)
            assert await client._metadata_update(client.cluster, []) is False
            await eventually(client.force_metadata_update, "metadata are brought up to date again")
            assert not client._sync_task.done()
        finally:
            await client.close()

    under_uvloop(main)


async def keep_committing(consumer: AIOKafkaConsumer, done: list[float]) -> None:
    offset = 0
    while True:
        await asyncio.sleep(0.01)
        places = consumer.assignment()
        if not places:
            continue
        offset += 1
        try:
            async with asyncio.timeout(5):
                await consumer.getmany(timeout_ms=10)
                await consumer.commit(dict.fromkeys(places, offset))
        except TimeoutError:
            continue
        done[0] = time.monotonic()


@pytest.mark.timeout(240)
def test_commits_go_on_however_often_connections_are_reset(
    bus_settings: BusSettings, relay: subprocess.Popen[str]
) -> None:
    """Without ``shared.kafka.lost`` one consumer in a hundred is stuck after a cut, for ever."""

    async def cut_and_wait(done: Sequence[list[float]]) -> None:
        cut(relay, AWAY_SECONDS)
        await asyncio.sleep(1.5 * AWAY_SECONDS)
        back = time.monotonic()
        await eventually(lambda: all(last > back for [last] in done), "every consumer commits again")

    async def main() -> None:
        await ensure_topics(bus_settings)
        consumers = [
            AIOKafkaConsumer(
                topic_name(bus_settings, REPORTS),
                **client_options(bus_settings),
                group_id=group_name(bus_settings, f"reset-{number}"),
                enable_auto_commit=False,
            )
            for number in range(CONSUMERS)
        ]
        done = [[0.0] for _ in consumers]
        await asyncio.gather(*(consumer.start() for consumer in consumers))
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(keep_committing(*one)) for one in zip(consumers, done, strict=True)]
            for _ in range(CUTS):
                await cut_and_wait(done)
                assert [ended_part(consumer) for consumer in consumers] == [None] * CONSUMERS
            for worker in workers:
                worker.cancel()
        await asyncio.gather(*(consumer.stop() for consumer in consumers))

    under_uvloop(main)
