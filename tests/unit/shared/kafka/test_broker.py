"""What starting and stopping the client of a process leaves behind."""

import asyncio
import gc
import warnings
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer

from shared.clock import SystemClock
from shared.errors import TransientError
from shared.health import Health
from shared.kafka import consumer
from shared.kafka import publisher as publishing
from shared.kafka.broker import KafkaClient
from shared.settings import KafkaSettings
from shared.topics import REPORTS
from tests.support.subscribing import subscribe
from tests.support.waiting import DEADLINE_S


async def test_a_client_that_is_stopped_as_soon_as_it_started_leaves_nothing_unawaited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def handler(batch: list[Any]) -> None:
        del batch

    async def reached(*_: object) -> None:
        """There is no broker in this test."""

    monkeypatch.setattr(KafkaClient, "_until_done", reached)
    bus = KafkaClient(KafkaSettings(), "test", Health(), SystemClock())
    subscribe(bus, REPORTS, group="test", handler=handler)
    gc.collect()  # what tests before this one left
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        await bus.start()
        await bus.stop()
        await asyncio.sleep(0)  # the tasks end
        del bus
        gc.collect()
    assert [str(one.message) for one in found if issubclass(one.category, RuntimeWarning)] == []


class Failing:
    """A client of aiokafka whose background task has ended: stopping raises what it ended with."""

    async def stop(self) -> None:
        raise AssertionError


async def test_a_client_that_cannot_be_stopped_keeps_nothing_else_from_being_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[object] = []

    async def abandon(producer: object) -> None:
        ended.append(producer)
        raise AssertionError

    monkeypatch.setattr(publishing, "abandon", abandon)
    bus = KafkaClient(KafkaSettings(), "test", Health(), SystemClock())
    bus.broker = cast("Any", Failing())
    bus.publisher._producer = producer = cast("Any", Failing())
    await bus.stop()
    assert ended == [producer]
    assert not bus.publisher.is_connected


async def test_a_broker_that_hangs_does_not_keep_a_consumer_from_being_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notify gives back its alerts behind this, and a process has 25 s in all to stop."""

    async def hang(_: object) -> None:
        await asyncio.Event().wait()

    async def committed() -> None:
        """It would have waited too, five seconds at most."""

    monkeypatch.setattr(AIOKafkaConsumer, "stop", hang)
    monkeypatch.setattr(consumer, "LEAVE_SECONDS", 0.05)
    leaving = consumer.LongPollingConsumer.__new__(consumer.LongPollingConsumer)
    monkeypatch.setattr(leaving, "_owner", SimpleNamespace(commit_last=committed, group="notify"), raising=False)
    monkeypatch.setattr(leaving, "_closed", True, raising=False)  # or aiokafka complains of one that was not stopped
    with pytest.raises(TransientError, match=r"leaving notify got no answer within 0\.05 s"):
        await asyncio.wait_for(leaving.stop(), DEADLINE_S)
