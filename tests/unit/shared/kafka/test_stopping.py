"""A process that is asked to stop while it is given partitions stops: that is no failure."""

import asyncio
from collections.abc import Mapping
from typing import Any, NoReturn

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import ConsumerStoppedError

from shared import process
from shared.clock import SystemClock
from shared.health import Health
from shared.kafka.broker import KafkaClient
from shared.kafka.consumer import Subscription
from shared.settings import KafkaSettings
from shared.topics import REPORTS
from tests.support.subscribing import subscribe

PLACE = TopicPartition("p.reports", 0)


class Assigned:
    """Stands for aiokafka's consumer."""

    def __init__(self) -> None:
        self.resumed: list[TopicPartition] = []

    def pause(self, *places: TopicPartition) -> None:
        pass

    def seek(self, place: TopicPartition, offset: int) -> None:
        pass

    def resume(self, *places: TopicPartition) -> None:
        self.resumed += places


class Restore:
    """What a service does before it takes records of a partition; it ends as it is told to."""

    def __init__(self) -> None:
        self.began, self.ends = asyncio.Event(), asyncio.Event()

    async def __call__(self, assigned: object) -> Mapping[tuple[str, int], int]:
        self.began.set()
        try:
            await self.ends.wait()
        except asyncio.CancelledError:
            raise ConsumerStoppedError from None  # a reader that was stopped meanwhile
        raise ConsumerStoppedError


@pytest.fixture(autouse=True)
def deaths(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []

    def die(event: str, error: BaseException, **fields: object) -> NoReturn:
        found.append(event)
        raise RuntimeError(event) from error

    monkeypatch.setattr(process, "die", die)
    return found


def subscription_with(restore: Restore) -> tuple[Subscription, Any]:
    async def handler(batch: list[Any]) -> None:
        del batch

    bus = KafkaClient(KafkaSettings(topic_prefix="p."), "test", Health(), SystemClock())
    subscription = subscribe(bus, REPORTS, group="test", handler=handler, on_assigned=restore)
    consumer: Any = Assigned()
    subscription.use(consumer)
    return subscription, consumer


async def test_a_stop_during_an_assignment_ends_its_restore(deaths: list[str]) -> None:
    restore = Restore()
    subscription, consumer = subscription_with(restore)
    await subscription.on_partitions_assigned([PLACE])
    await restore.began.wait()
    await subscription.leave()
    assert (deaths, consumer.resumed) == ([], [])


async def test_an_assignment_during_a_stop_begins_no_restore(deaths: list[str]) -> None:
    restore = Restore()
    subscription, consumer = subscription_with(restore)
    await subscription.leave()
    await subscription.on_partitions_assigned([PLACE])
    await asyncio.sleep(0)
    assert (deaths, consumer.resumed, restore.began.is_set()) == ([], [], False)


async def test_a_rebalance_during_a_restore_ends_it_and_the_next_restore_counts(deaths: list[str]) -> None:
    restore = Restore()
    subscription, _ = subscription_with(restore)
    await subscription.on_partitions_assigned([PLACE])
    await restore.began.wait()
    stopping = asyncio.create_task(subscription.leave())
    await subscription.on_partitions_revoked([PLACE])
    await stopping
    assert deaths == []


async def test_a_restore_that_fails_without_a_stop_ends_the_process(deaths: list[str]) -> None:
    restore = Restore()
    subscription, _ = subscription_with(restore)
    await subscription.on_partitions_assigned([PLACE])
    await restore.began.wait()
    hook = subscription._assigned_hook
    assert hook is not None
    restore.ends.set()
    with pytest.raises(RuntimeError):
        await hook
    assert deaths == ["kafka.assigned_hook_failed"]
