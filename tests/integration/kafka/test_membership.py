"""A consumer that ends unasked, and a broker that refuses the terms of membership."""

import asyncio

import pytest

from shared.errors import FatalError
from shared.kafka import broker as bus_module
from shared.settings import KafkaSettings
from shared.topics import REPORTS
from tests.integration.kafka.tools import Seen, new_bus, running
from tests.support.subscribing import subscribe
from tests.support.waiting import DEADLINE_S, eventually


async def test_a_consumer_task_that_ended_ends_the_process(
    bus_settings: KafkaSettings, ends: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "SAMPLE_SECONDS", 0.1)
    bus, health = new_bus(bus_settings)
    subscribe(bus, REPORTS, group="ended", handler=Seen())
    async with running(bus):
        assert health.live_report()[0]
        for subscriber in bus.broker.subscribers:
            for task in getattr(subscriber, "tasks", ()):
                task.cancel()
        await eventually(lambda: ends, "the process wants to end")
    assert ends[0].startswith("kafka.client_ended")
    ends.clear()


async def test_a_refused_session_timeout_ends_the_start_and_names_the_setting(bus_settings: KafkaSettings) -> None:
    too_long = bus_settings.model_copy(update={"session_timeout_ms": 3_600_000})  # a broker allows 30 minutes
    bus, _ = new_bus(too_long)
    subscribe(bus, REPORTS, group="session", handler=Seen())
    try:
        with pytest.raises(FatalError, match="KAFKA_SESSION_TIMEOUT_MS"):
            async with asyncio.timeout(DEADLINE_S):
                await bus.start()
    finally:
        await bus.stop()
