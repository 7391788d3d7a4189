"""Let all async tests of a module share one event loop: that of the service, or of the connection, which they share."""

from collections.abc import Iterable

import pytest
import pytest_asyncio


def share_loop(items: Iterable[pytest.Item], folder: str) -> None:
    """Have async tests below ``folder`` run in the loop of their module; their async fixtures say so themselves."""
    for item in items:
        if item.nodeid.startswith(folder) and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)
