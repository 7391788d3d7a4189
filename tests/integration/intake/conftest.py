"""An intake that runs on the real store and bus: one for all tests of a module, or one of a test's own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.clock import Clock, SystemClock
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.intake.harness import IntakeHarness, running
from tests.support.loops import share_loop


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of a module share the loop that the service of the module runs in."""
    share_loop(items, "tests/integration/intake/")


@pytest.fixture(scope="module")
def clock() -> Clock:
    """The machine's; modules that jump in time have a fixture of this name of their own, and it only goes on."""
    return SystemClock()


@pytest.fixture
def harness(request: pytest.FixtureRequest) -> IntakeHarness:
    """The module's intake without what earlier tests left; a fresh one for a test marked ``own_service``."""
    own = request.node.get_closest_marker("own_service") is not None
    found: IntakeHarness = request.getfixturevalue("own_harness" if own else "cleared_harness")
    return found


@pytest_asyncio.fixture(loop_scope="module")
async def own_harness(
    bus_settings: KafkaSettings, store_settings: StoreSettings, clock: Clock
) -> AsyncIterator[IntakeHarness]:
    """An intake of one test, which may set its clock, count what the whole service did, or break it."""
    async with running(bus_settings, store_settings, clock=clock) as running_harness:
        yield running_harness


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_harness(
    shared_settings: tuple[KafkaSettings, StoreSettings], clock: Clock
) -> AsyncIterator[IntakeHarness]:
    """The intake of a module."""
    async with running(*shared_settings, clock=clock) as running_harness:
        yield running_harness


@pytest_asyncio.fixture(loop_scope="module")
async def cleared_harness(shared_harness: IntakeHarness) -> IntakeHarness:
    """The intake of a module, with no report in its store."""
    await shared_harness.clear()
    return shared_harness
