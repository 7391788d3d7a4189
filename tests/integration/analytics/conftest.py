"""What tests of counting on the real engines share."""

from collections.abc import AsyncIterator

import pytest

from shared.bus.admin import ensure_topics
from shared.bus.publisher import Publisher
from shared.settings import BusSettings


@pytest.fixture
async def publisher(bus_settings: BusSettings) -> AsyncIterator[Publisher]:
    """Writes to this test's topics, which are there."""
    await ensure_topics(bus_settings)
    publisher = Publisher(bus_settings)
    await publisher.start()
    yield publisher
    await publisher.stop()
