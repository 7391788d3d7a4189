"""Chromium for browser tests: the system's or Playwright's, found as ``make test`` finds it; else a plain reason.

One Chromium serves all tests of a worker, each in contexts of its own. It belongs to a loop in a thread of its own and
tests connect to its port: Playwright's objects belong to one event loop, and every test has one.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
from anyio.from_thread import start_blocking_portal
from playwright import sync_api
from playwright.async_api import Browser, async_playwright

from shared.settings import KafkaSettings, StoreSettings
from tests.browser.helpers import FLAGS, network_of_one_machine, serving
from tests.integration.intake.harness import IntakeHarness, running
from tests.integration.notify.conftest import settings, sink, sink_port, start  # noqa: F401  # fixtures of a notify
from tools.local.chromium import find
from tools.local.ports import free_port
from tools.testing.results import LEFT_OUT


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses Chromium is marked so."""
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
        started = await playwright.chromium.launch(executable_path=chromium_path, args=flags)
        yield f"http://127.0.0.1:{port}"
        await started.close()


@pytest.fixture
async def chromium(chromium_address: str) -> AsyncIterator[Browser]:
    """The worker's Chromium, which reaches this machine only; contexts that a test leaves open are closed after it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(chromium_address)
        network_of_one_machine(browser)
        yield browser
        await browser.close()


@pytest.fixture(scope="module")
def browser(chromium_address: str) -> Iterator[sync_api.Browser]:
    """The same for tests without a loop of their own: one connection for all of a module."""
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.connect_over_cdp(chromium_address)
        yield found
        found.close()


@pytest.fixture
async def harness(bus_settings: KafkaSettings, store_settings: StoreSettings) -> AsyncIterator[IntakeHarness]:
    """An intake that runs in this process on the real engines."""
    async with running(bus_settings, store_settings) as running_harness:
        yield running_harness


@pytest.fixture
async def site(harness: IntakeHarness) -> AsyncIterator[str]:
    """The address where its pages are served."""
    async with serving(harness.intake.app) as address:
        yield address
