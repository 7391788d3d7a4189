"""What browser tests of the dashboard share: a running analytics with two released months, and who signs in."""

from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page

import services.analytics
from services.analytics.policy.periods import running
from shared.bus.admin import ensure_topics
from shared.bus.publisher import Publisher
from shared.events.cases import CaseAcknowledged
from shared.identity.source import TOKEN_COOKIE
from shared.settings import BusSettings
from tests.browser.two_months import CLOSED, RUNNING, middle_of, stories
from tests.integration.analytics.traffic import record
from tests.integration.analytics.worker import STAFF, Worker, command, until

FIGURES = Path(services.analytics.__file__).parent / "data" / "published-figures.csv"


@dataclass(frozen=True)
class Site:
    url: str
    closed: str
    running: str


async def fill(bus: BusSettings, worker: Worker) -> None:
    await ensure_topics(bus)
    publisher = Publisher(bus)
    await publisher.start()
    try:
        for topic in ("centers", "reports", "routings", "alerts", "cases"):
            await publisher.publish([record(event) for event in stories() if event.TOPIC == topic])
    finally:
        await publisher.stop()
    worker.start()
    await worker.ready()
    loaded = await command(bus, worker.store, "services.analytics.load_history", str(FIGURES))
    assert loaded.status == 0, loaded.said
    expected = sum(CLOSED.values()) + sum(RUNNING.values())
    period = running(middle_of(2), "month").name

    async def counted() -> bool:
        answer = (await worker.get("/api/v1/reconciliation")).json()
        return bool(answer["counted"] == expected and answer["acknowledged"] == answers)

    answers = sum(isinstance(event, CaseAcknowledged) for event in stories())
    await until(counted, f"{expected} reports counted")

    async def released() -> bool:
        return (await worker.get(f"/api/v1/tables/reports-by-center?period={period}")).status_code == 200

    await until(released, "the month is released")


def signed_in(
    browser: Browser, site: Site, *, role: str = "analyst", width: int = 1280, script: bool = False, lang: str = "ko"
) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, java_script_enabled=script, locale=lang, base_url=site.url
    )
    token = STAFF.token("ministry", role)
    context.add_cookies([{"name": TOKEN_COOKIE, "value": token, "url": site.url}])
    page = context.new_page()
    page.goto(f"/?lang={lang}")
    return page
