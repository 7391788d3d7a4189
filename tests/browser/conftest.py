"""Chromium for browser tests: the system's or Playwright's, found as ``make test`` finds it; else a plain reason.

A browser is started per test (half a second): Playwright's objects belong to one event loop, and every test has one.
"""

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright import sync_api
from playwright.async_api import Browser, async_playwright

from shared.settings import KafkaSettings, StoreSettings
from tests.browser.helpers import FLAGS, network_of_one_machine, serving
from tests.integration.intake.harness import IntakeHarness, running
from tests.integration.notify.conftest import settings, sink, sink_port, start  # noqa: F401  # fixtures of a notify
from tools.local.chromium import find
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


@pytest.fixture
async def chromium(chromium_path: str) -> AsyncIterator[Browser]:
    """A running Chromium that can reach this machine only."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        network_of_one_machine(browser)
        yield browser
        await browser.close()


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[sync_api.Browser]:
    """The same for tests without a loop of their own: one for all of a module."""
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
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
