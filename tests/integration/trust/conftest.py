"""One system for all tests here that need no processes of their own."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.integration.trust.opening import running
from tests.integration.trust.system import SystemHarness
from tools.local.engines import Running


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def system(engines: Running) -> AsyncIterator[SystemHarness]:
    async with running(engines) as running_system:
        yield running_system
