"""What tests of routing on real engines share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.routing.running import Process


@pytest.fixture
async def process(
    publisher: Publisher, bus_settings: KafkaSettings, store_settings: StoreSettings, tmp_path: Path
) -> AsyncIterator[Process]:
    """One routing in a process of its own."""
    running = Process(bus_settings, store_settings, tmp_path / "routing.log")
    running.start()
    yield running
    running.kill()
