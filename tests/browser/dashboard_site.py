"""What browser tests of the dashboard share: a running analytics with a released quarter, and who signs in."""

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Browser, Page

import services.analytics
from services.analytics.releases.calendar import running
from shared.events.base import Record
from shared.events.cases import CaseAcknowledged
from shared.identity.cookies import token_cookie
from shared.kafka.admin import ensure_topics
from shared.kafka.connection import dead_topic_name
from shared.kafka.publisher import Message, Publisher, partition_of
from shared.settings import KafkaSettings
from shared.topics import BY_NAME
from tests.browser.arrivals import awaited
from tests.browser.two_months import CLOSED, RUNNING, closed_back, middle_of, stories
from tests.integration.analytics.traffic import record
from tests.integration.analytics.worker import STAFF, Worker, command
from tests.support.engine_settings import kafka_settings, store_settings
from tests.support.staff import TestIdentity
from tests.support.waiting import eventually, eventually_blocking
from tools.local.engines import Running

T = TypeVar("T")
ORDER = ("centers", "reports", "routings", "alerts", "cases")
FIGURES = Path(services.analytics.__file__).parent / "data" / "published-figures.csv"


@dataclass
class Site:
    """Where it is served, its newest released month, the quarter that ended with it, and the month that runs."""

    url: str
    closed: str
    quarter: str
    running: str
    staff: TestIdentity = STAFF
    dead: str = ""
    """The report whose record is in the dead-letter topic, if one is."""
    bus: KafkaSettings | None = None
    """Where its events come from, if they come over the bus."""
    routed: Record | None = None
    """The record of routings/0/0."""


@contextlib.contextmanager
def site_of(
    engines: Running, folder: Path, dead: Callable[[Record], Sequence[Message]] | None = None
) -> Iterator[Site]:
    """An analytics of its own, once its quarter is out; ``dead`` makes dead letters of reports/0/0."""
    name = f"t{uuid.uuid4().hex[:10]}"
    bus = kafka_settings(engines, name)
    store = store_settings(engines, name)
    worker = Worker(bus, store, folder, batch=1000, release_every_s=0.5)
    month = middle_of(closed_back())
    closed, quarter = running(month, "month").name, running(month, "quarter").name
    site = Site(worker.url, closed, quarter, running(middle_of(0), "month").name, bus=bus)
    try:
        apart(_fill(bus, worker, site, dead))
        yield site
    finally:
        worker.kill()


@contextlib.contextmanager
def leaving(page: Page, to: str) -> Iterator[None]:
    """``follow`` for tests without a loop: within it something leads to another page, which is all there after it."""
    with awaited(page), page.expect_navigation(url=to):
        yield


async def bury(bus: KafkaSettings, original: str, *letters: Message) -> None:
    """Write letters to the dead-letter topic of a topic."""
    publisher = Publisher(bus)
    await publisher.start()
    try:
        await publisher.send(dead_topic_name(bus, BY_NAME[original]), 0, list(letters))
    finally:
        await publisher.stop()


def apart(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to its end in a thread of its own: Playwright keeps a loop running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def _first(bus: KafkaSettings, records: Sequence[Record]) -> Record:
    """Which of a topic's records is the first of its partition 0."""
    return next(one for one in records if partition_of(one.key.encode(), bus.topic_partitions) == 0)


async def _fill(
    bus: KafkaSettings, worker: Worker, site: Site, dead: Callable[[Record], Sequence[Message]] | None
) -> None:
    await ensure_topics(bus)
    publisher = Publisher(bus)
    await publisher.start()
    try:
        records = {topic: [record(e) for e in stories() if e.TOPIC == topic] for topic in ORDER}
        site.routed = _first(bus, records["routings"])
        if dead is not None:
            first = _first(bus, records["reports"])
            await bury(bus, first.topic, *dead(first))
            site.dead = first.key
        for each in records.values():
            await publisher.publish(each)
    finally:
        await publisher.stop()
    worker.start()
    await worker.ready()
    loaded = await command(bus, worker.store, "tools.command", "load-history", str(FIGURES))
    assert loaded.status == 0, loaded.said
    expected = sum(CLOSED.values()) + sum(RUNNING.values())

    async def counted() -> bool:
        answer = (await worker.get("/api/v1/reconciliation")).json()
        return bool(answer["counted"] == expected and answer["acknowledged"] == answers)

    answers = sum(isinstance(event, CaseAcknowledged) for event in stories())
    await eventually(counted, f"{expected} reports counted", seconds=180)

    async def released() -> bool:
        table = "reports-by-center-and-harm"  # the last that is made: of a quarter, after its last month
        return (await worker.get(f"/api/v1/tables/{table}?period={site.quarter}")).status_code == 200

    await eventually(released, "the quarter is released", seconds=180)


def signed_in(
    browser: Browser,
    site: Site,
    path: str = "/",
    *,
    role: str = "analyst",
    organisation: str = "ministry",
    width: int = 1280,
    script: bool = False,
    lang: str = "ko",
    errors: list[str] | None = None,
    **more: Any,
) -> Page:
    """A page of somebody, of the ministry unless told otherwise, opened at ``path``; the language stays chosen.

    ``errors`` gets what the console says is wrong.
    """
    context = browser.new_context(
        viewport={"width": width, "height": 900}, java_script_enabled=script, locale=lang, base_url=site.url, **more
    )
    token = site.staff.token(organisation, role)
    context.add_cookies([{"name": token_cookie("analytics"), "value": token, "url": site.url}])
    page = context.new_page()
    if errors is not None:
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(f"{path}{'&' if '?' in path else '?'}lang={lang}")

    def all_known() -> bool:  # a busy store or broker lets the page ask in vain, and it says so
        if not page.locator(".missing").count():
            return True
        page.reload()
        return False

    eventually_blocking(all_known, f"{path} knows all that it shows")
    return page
