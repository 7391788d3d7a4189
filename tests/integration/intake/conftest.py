"""An intake that runs on the real store and bus, by the clock of the test's module."""

from collections.abc import AsyncIterator

import pytest

from shared.clock import Clock, SystemClock
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.intake.desk import Desk, running


@pytest.fixture
def clock() -> Clock:
    """The machine's; modules that jump in time have a fixture of this name of their own."""
    return SystemClock()


@pytest.fixture
async def desk(bus_settings: KafkaSettings, store_settings: StoreSettings, clock: Clock) -> AsyncIterator[Desk]:
    async with running(bus_settings, store_settings, clock=clock) as open_desk:
        yield open_desk
