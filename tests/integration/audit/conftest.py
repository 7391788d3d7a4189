"""A log on the real store."""

from collections.abc import AsyncIterator

import pytest

from shared.audit.store import AuditLog
from shared.settings import StoreSettings
from tests.integration.audit.lines import opened


@pytest.fixture
async def log(store_settings: StoreSettings) -> AsyncIterator[AuditLog]:
    one = opened(store_settings)
    yield one
    one.lines.database.client.close()
