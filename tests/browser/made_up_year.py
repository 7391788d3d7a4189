"""A dashboard of fifteen made-up months with their quarters and their year: every panel of every page has its table."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import services.analytics
from services.analytics.dashboard.history import read
from shared.clock import SystemClock
from tests.browser.dashboard_site import Site
from tests.browser.helpers import serving
from tests.support.staff import TestIdentity
from tests.support.waiting import DEADLINE_S
from tests.unit.analytics.paneling import Parts, dashboard

PRINTED = Path(services.analytics.__file__).parent / "data" / "published-figures.csv"
PAGES = (
    "/?period=2026-12",
    "/?period=2026",
    "/centers?period=2026-Q4",
    "/people?period=2026",
    "/trends?period=2026-12",
)


@contextmanager
def made_up_year() -> Iterator[Site]:
    """Served without engines, in a thread with a loop of its own: Playwright keeps one running in this."""
    staff, ended, urls = TestIdentity(SystemClock(), "analytics"), threading.Event(), asyncio.Queue[str]()
    parts = Parts(staff.clock)
    parts.change(printed=read(PRINTED.read_text(encoding="utf-8")))
    up = threading.Event()

    async def serve() -> None:
        async with serving(dashboard(staff, staff.clock, parts)) as url:
            urls.put_nowait(url)
            up.set()
            await asyncio.to_thread(ended.wait)

    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(asyncio.run, serve())
        try:
            assert up.wait(DEADLINE_S), running.exception() if running.done() else "no year was served"
            yield Site(urls.get_nowait(), "2026-12", "2026-Q4", "2027-01", staff)
        finally:
            ended.set()
            running.result(DEADLINE_S)
