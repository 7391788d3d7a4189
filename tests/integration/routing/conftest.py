"""What several tests of routing on the real bus begin with."""

from collections.abc import AsyncIterator

import pytest

from shared.bus.admin import ensure_topics
from shared.bus.publisher import Publisher
from shared.settings import BusSettings


@pytest.fixture
async def publisher(bus_settings: BusSettings) -> AsyncIterator[Publisher]:
    """One that is connected, to topics of this test alone."""
    await ensure_topics(bus_settings)
    made = Publisher(bus_settings)
    await made.start()
    yield made
    await made.stop()
