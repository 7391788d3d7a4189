"""Chromium for browser tests: the system's or Playwright's, found as ``make test`` finds it; else a plain reason.

One Chromium serves all tests of a worker, each in contexts of its own. It belongs to a loop in a thread of its own and
tests connect to its port: Playwright's objects belong to one event loop, and every test has one.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

import pytest
import pytest_asyncio
from anyio.from_thread import start_blocking_portal
from playwright import sync_api
from playwright.async_api import Browser, async_playwright, expect
from playwright.sync_api import expect as expect_sync

from tests.browser import arrivals
from tests.browser.helpers import FLAGS, as_most_tests_read, serving
from tests.integration.intake.conftest import (  # fixtures of an intake that the tests of a module share
    cleared_harness,  # noqa: F401  # a fixture
    clock,  # noqa: F401  # a fixture
    harness,  # noqa: F401  # a fixture
    own_harness,  # noqa: F401  # a fixture
    shared_harness,  # noqa: F401  # a fixture
)
from tests.integration.intake.harness import IntakeHarness
from tests.integration.notify.conftest import (  # the same of a notify
    publisher,  # noqa: F401  # a fixture
    settings,  # noqa: F401  # a fixture
    shared_notify,  # noqa: F401  # a fixture
    shared_sink,  # noqa: F401  # a fixture
    sink,  # noqa: F401  # a fixture
    sink_port,  # noqa: F401  # a fixture
    start,  # noqa: F401  # a fixture
    start_beside,  # noqa: F401  # a fixture
    start_own,  # noqa: F401  # a fixture
)
from tests.support.loops import share_loop
from tests.support.waiting import DEADLINE_S
from tools.local.chromium import find
from tools.local.ports import free_port
from tools.testing.results import LEFT_OUT

# Playwright's own five seconds for what is expected, and thirty for an action, an address or a start, are less than a
# busy machine may stand still; they matter only when a test fails.
_GIVE_UP_MS: Final = DEADLINE_S * 1000
expect.set_options(timeout=_GIVE_UP_MS)
expect_sync.set_options(timeout=_GIVE_UP_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses Chromium is marked so; tests of a module share the loop of its connection and service."""
    share_loop(items, "tests/browser/")
    for item in items:
        if {"browser", "chromium", "chromium_path"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Where Chromium is; skips the test where there is none."""
    found = find()
    if found is None:
        pytest.skip(f"{LEFT_OUT}no Chromium on this machine: install chromium, or set IEUM_CHROMIUM to its path")
    return found


@pytest.fixture(scope="session")
def chromium_address(chromium_path: str) -> Iterator[str]:
    """Where the worker's Chromium takes connections."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(_launched(chromium_path)) as address:
        yield address


@contextlib.asynccontextmanager
async def _launched(chromium_path: str) -> AsyncIterator[str]:
    port = free_port()
    flags = [*FLAGS, f"--remote-debugging-port={port}"]
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=chromium_path, args=flags, timeout=_GIVE_UP_MS)
        yield f"http://127.0.0.1:{port}"
        await started.close()


@pytest.fixture(autouse=True)
def each_page_is_waited_for() -> Iterator[None]:
    """Fails a test that goes on before a page it leads to is there."""
    yield
    found = arrivals.surprises()
    assert not found, f"came without anybody waiting (tests.browser.helpers.follow): {found}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connection(chromium_address: str) -> AsyncIterator[Browser]:
    """A module's connection to it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(chromium_address, timeout=_GIVE_UP_MS)
        browser.on("context", lambda context: context.set_default_timeout(_GIVE_UP_MS))
        arrivals.watch(browser)
        as_most_tests_read(browser)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def chromium(connection: Browser) -> AsyncIterator[Browser]:
    """The worker's Chromium, which reaches this machine only; a test's windows are closed after it."""
    its_own = set(connection.contexts)  # with the last of these the browser would end
    yield connection
    for context in connection.contexts:
        if context not in its_own:
            await context.close()


@pytest.fixture(scope="module")
def connection_without_loop(chromium_address: str) -> Iterator[sync_api.Browser]:
    """The same for tests without a loop."""
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.connect_over_cdp(chromium_address, timeout=_GIVE_UP_MS)
        found.on("context", lambda context: context.set_default_timeout(_GIVE_UP_MS))
        arrivals.watch(found)
        yield found
        found.close()


@pytest.fixture
def browser(connection_without_loop: sync_api.Browser) -> Iterator[sync_api.Browser]:
    """The worker's Chromium for a test without a loop; its windows are closed after it."""
    its_own = set(connection_without_loop.contexts)  # with the last of these the browser would end
    yield connection_without_loop
    for context in connection_without_loop.contexts:
        if context not in its_own:
            context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def site(harness: IntakeHarness) -> AsyncIterator[str]:  # noqa: F811  # the fixture
    """The address where the pages of intake are served."""
    async with serving(harness.intake.app) as address:
        yield address
