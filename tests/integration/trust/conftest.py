"""One town for all tests here that need no processes of their own."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.integration.trust.opening import running
from tests.integration.trust.town import Town
from tools.local.engines import Running


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def town(engines: Running) -> AsyncIterator[Town]:
    async with running(engines) as open_town:
        yield open_town
