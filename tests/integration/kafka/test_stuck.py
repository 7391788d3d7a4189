"""Clients that are dead inside while the broker lives: noticed and ended, and only they."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiokafka.client import ConnectionGroup
from aiokafka.protocol.commit import OffsetCommitRequest

from shared.kafka import broker as bus_module
from shared.kafka.broker import KafkaClient
from shared.kafka.consumer import Subscription
from shared.kafka.liveness import coordinator_answers
from shared.settings import KafkaSettings
from shared.topics import REPORTS
from tests.integration.kafka.tools import Seen, messages, new_bus, report_id, running, until_committed
from tests.support.engine_settings import kafka_settings
from tests.support.subscribing import subscribe
from tests.support.waiting import eventually
from tools.local.engines import Engines

LIMIT_S = 3.0
AWAY_S = 15.0
PATIENT_S = 12.0


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_module, "SAMPLE_SECONDS", 0.2)


@pytest.fixture
def settings(bus_settings: KafkaSettings) -> KafkaSettings:
    return bus_settings.model_copy(update={"call_timeout_s": 1.5})


def subscribed(settings: KafkaSettings, limit_s: float = LIMIT_S) -> tuple[KafkaClient, Subscription, Seen]:
    bus, _ = new_bus(settings)
    seen = Seen()
    subscription = subscribe(bus, REPORTS, group="stuck", handler=seen)
    subscription.coordinator.doubt_s, subscription.coordinator.limit_s = 1.5, limit_s
    return bus, subscription, seen


def leave_unanswered(subscription: Subscription, which: Callable[[object, int], bool]) -> None:
    """From now on these requests of the subscription's own client get no answer; everything else does."""
    client: Any = subscription.consumer._client
    send = client.send

    async def silent(node: object, request: object, *, group: int = ConnectionGroup.DEFAULT) -> object:
        if which(request, group):
            await asyncio.Event().wait()
        return await send(node, request, group=group)

    client.send = silent


async def test_who_asks_for_itself_is_answered(settings: KafkaSettings) -> None:
    bus, _, _ = subscribed(settings)
    async with running(bus):
        # Asked for a second and a half each time: a busy broker takes longer now and then.
        await eventually(lambda: coordinator_answers(settings, "stuck"), "its coordinator answers")
    nowhere = settings.model_copy(update={"bootstrap_servers": "127.0.0.1:1"})
    assert not await coordinator_answers(nowhere, "stuck")


@pytest.mark.parametrize("part", ["_sync_task", "_coordination_task", "_fetch_task", "of the producer"])
async def test_a_part_that_ends_ends_the_process(settings: KafkaSettings, ends: list[str], part: str) -> None:
    bus, subscription, _ = subscribed(settings)
    async with running(bus):
        consumer: Any = subscription.consumer
        producer: Any = bus.publisher._producer
        for holder in (consumer._client, consumer._coordinator, consumer._fetcher):
            if hasattr(holder, part):
                getattr(holder, part).cancel()
        if part == "of the producer":
            producer.client._sync_task.cancel()
        await eventually(lambda: ends, "the process wants to end")
    assert ends[0].startswith(("kafka.client_ended", "kafka.poll_hook_failed"))
    ends.clear()


async def test_a_silent_coordinator_that_answers_others_ends_the_process(
    settings: KafkaSettings, ends: list[str]
) -> None:
    bus, subscription, _ = subscribed(settings)
    async with running(bus):
        leave_unanswered(subscription, lambda _, group: group == ConnectionGroup.COORDINATION)
        await eventually(lambda: ends, "the process wants to end")
    assert ends[0].startswith("kafka.client_stuck")
    ends.clear()


async def test_commits_without_an_answer_end_the_process_though_heartbeats_are_answered(
    settings: KafkaSettings, ends: list[str]
) -> None:
    bus, subscription, seen = subscribed(settings)
    async with running(bus):
        leave_unanswered(subscription, lambda request, _: isinstance(request, OffsetCommitRequest))
        await bus.publisher.publish(messages([report_id(1)], range(1, 4)))
        await eventually(lambda: seen.received, "a batch waits for its commit")
        await eventually(lambda: ends, "the process wants to end")
    assert ends[0].startswith("kafka.client_stuck")
    ends.clear()


@pytest.fixture
def own_settings(own_engines: Engines, unique: str) -> Iterator[KafkaSettings]:
    yield kafka_settings(own_engines, unique, call_timeout_s=4)
    own_engines.start_kafka()


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_kafka_away_for_longer_than_the_limit_ends_nothing(
    own_settings: KafkaSettings, own_engines: Engines, ends: list[str], how: str
) -> None:
    bus, subscription, seen = subscribed(own_settings, PATIENT_S)
    async with running(bus):
        await bus.publisher.publish(messages([report_id(1)], range(1, 4)))
        await until_committed(own_settings, "stuck")
        pid = own_engines.pids["kafka"]
        await asyncio.to_thread(own_engines.kill_kafka) if how == "killed" else os.kill(pid, signal.SIGSTOP)
        await eventually(
            lambda: subscription.coordinator.silence_seconds() > AWAY_S, "away for long", seconds=2 * AWAY_S
        )
        assert subscription.ready() is not None
        await asyncio.to_thread(own_engines.start_kafka) if how == "killed" else os.kill(pid, signal.SIGCONT)
        await eventually(lambda: subscription.ready() is None, "ready again")
        await bus.publisher.publish(messages([report_id(1)], range(4, 7)))
        await eventually(lambda: len(seen.received) >= 6, "records flow")
    assert ends == []
