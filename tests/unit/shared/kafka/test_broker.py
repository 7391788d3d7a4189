"""What starting and stopping the client of a process leaves behind."""

import asyncio
import gc
import warnings
from typing import Any

import pytest

from shared.clock import SystemClock
from shared.health import Health
from shared.kafka.broker import KafkaClient
from shared.settings import KafkaSettings
from shared.topics import REPORTS
from tests.support.subscribing import subscribe


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
