"""Connections reset by the broker: no background task of aiokafka may end for it.

The services run on plain asyncio, as these tests do. Under uvloop one consumer in a hundred is stuck after a cut, for
ever (aiokafka issue 1038; record 2).
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka import client as aiokafka_client

from shared.kafka.admin import ensure_topics
from shared.kafka.connection import client_options, group_name, topic_name
from shared.kafka.liveness import ended_task
from shared.settings import KafkaSettings
from shared.topics import REPORTS
from tests.support.waiting import eventually

CONSUMERS = 10
CUTS = 15
AWAY_SECONDS = 0.3


@pytest.fixture
def relay(bus_settings: KafkaSettings) -> Iterator[subprocess.Popen[str]]:
    """Every connection this process makes leads through it."""
    command = [sys.executable, "-m", "tests.integration.kafka.resets", bus_settings.bootstrap_servers]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as relaying:
        assert relaying.stdout is not None
        port = int(relaying.stdout.readline())
        connect = aiokafka_client.create_conn

        async def through_the_relay(host: str, _: int, **options: object) -> object:
            return await connect(host, port, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(aiokafka_client, "create_conn", through_the_relay)
            yield relaying
        relaying.kill()


def cut(relay: subprocess.Popen[str], seconds: float) -> None:
    assert relay.stdin is not None
    relay.stdin.write(f"{seconds}\n")
    relay.stdin.flush()


async def keep_committing(consumer: AIOKafkaConsumer, done: list[float]) -> None:
    offset = 0
    while True:
        await asyncio.sleep(0.01)  # how often it commits is the load
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


@pytest.mark.timeout(480)
async def test_commits_go_on_however_often_connections_are_reset(
    bus_settings: KafkaSettings, relay: subprocess.Popen[str]
) -> None:
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

    async def cut_and_wait(done: Sequence[list[float]]) -> None:
        cut(relay, AWAY_SECONDS)
        await asyncio.sleep(1.5 * AWAY_SECONDS)  # the relay is away for so long: that is the fault
        back = time.monotonic()
        await eventually(lambda: all(last > back for [last] in done), "every consumer commits again")

    await asyncio.gather(*(consumer.start() for consumer in consumers))
    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(keep_committing(*one)) for one in zip(consumers, done, strict=True)]
        for _ in range(CUTS):
            await cut_and_wait(done)
            assert [ended_task(consumer) for consumer in consumers] == [None] * CONSUMERS
        for worker in workers:
            worker.cancel()
    await asyncio.gather(*(consumer.stop() for consumer in consumers))
