"""The live page and the decision page in a real browser: live, still under the hand, without script, small, clean."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect
from playwright.async_api import Error as PlaywrightError

from services.routing.state.loads import LoadView
from shared.centers import from_folder
from shared.clock import SystemClock
from shared.events.vocabulary import CenterState
from shared.identity.cookies import token_cookie
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings, StoreSettings
from tests.browser.helpers import assert_accessible, assert_no_sideways_scrolling, follow, serving
from tests.integration.routing.running import STAFF, Process, Traffic
from tests.support.staff import TestIdentity
from tests.support.waiting import eventually
from tests.unit.routing.builders import report_id
from tests.unit.routing.harness import RoutingHarness, say, story, tell
from tests.unit.routing.nights import crowded, overflow, passed_over

pytestmark = pytest.mark.browser
# Wherever this is set, every page that is looked at is also photographed.
SHOTS = os.environ.get("IEUM_SCREENSHOTS")
SIZES = {360: 760, 1280: 900}
# The hint that a table can be scrolled comes before it; in a row of columns it would take the table's own.
HINTS_IN_COLUMNS = """() => [...document.querySelectorAll(".scroll, .table-wrap")].filter(
    (region) => /grid|flex/.test(getComputedStyle(region.parentElement).display)).map((region) => region.textContent)"""


async def page_of(
    browser: Browser,
    base: str,
    staff: TestIdentity,
    *,
    lang: str = "en",
    wide: int = 1280,
    script: bool = True,
) -> Page:
    """A window of a lead."""
    context = await browser.new_context(
        java_script_enabled=script,
        locale="ko-KR" if lang == "ko" else "en-GB",
        viewport={"width": wide, "height": SIZES[wide]},
    )
    await context.add_cookies([{"name": token_cookie("routing"), "value": staff.token("central", "lead"), "url": base}])
    return await context.new_page()


async def shot(page: Page, name: str) -> None:
    if SHOTS:
        await page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def order(ids: list[str]) -> list[str]:
    return [one.removeprefix("center-") for one in ids]


async def shown(page: Page) -> list[str]:
    return order(await page.locator("#rows > tr").evaluate_all("rows => rows.map(row => row.id)"))


async def test_a_routed_report_is_on_the_page_without_anybody_reloading_it(
    publisher: Publisher, bus_settings: KafkaSettings, store_settings: StoreSettings, tmp_path: Path, chromium: Browser
) -> None:
    process = Process(bus_settings, store_settings, tmp_path / "routing.log")
    process.start()
    try:
        base = f"http://127.0.0.1:{process.port}"
        page = await page_of(chromium, base, STAFF)
        await _answering(page, f"{base}/live")
        await expect(page.locator(".live[data-live=yes]")).to_be_attached()
        # All partitions are heard of: the worker has taken over and decides.
        await expect(page.locator("#trust > *")).to_have_count(0)
        waits = page.locator("#center-jeju .waits b")
        await expect(waits).to_have_text("0")
        traffic = Traffic(publisher, seed=5)
        # How soon is not asked here: a test's machine may stand still for seconds.
        for number in ("1", "2"):
            await traffic.send(traffic.received(division="jeju", declined_centers=[], synthetic=False))
            await expect(waits).to_have_text(number)
        await expect(page.locator("#summary .stat-value").first).to_have_text("2")
        assert (await shown(page))[0] == "jeju"
    finally:
        process.kill()


async def _answering(page: Page, url: str) -> None:
    async def answers() -> bool:
        try:
            answer = await page.goto(url)
        except PlaywrightError:
            return False
        return answer is not None and answer.status == 200

    await eventually(answers, "the service answers")


async def test_nothing_moves_under_the_hand(chromium: Browser) -> None:
    clock, view = SystemClock(), LoadView(15)
    harness = RoutingHarness(view=view, clock=clock)
    problems: list[str] = []

    def waiting(upto: int, **centers: int) -> None:
        now = clock.now()
        loads: dict[str, dict[str, Any]] = {
            center: {"waiting": 1, "waiting_since": now.replace(minute=minute, second=0)}
            for center, minute in centers.items()
        }
        tell(view, 0, upto, now, **loads)
        tell(view, 1, upto, now)

    async with serving(harness.app) as base:
        waiting(1, jeju=1, busan=2)
        page = await page_of(chromium, base, harness.staff)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        await page.goto(f"{base}/live")
        await expect(page.locator(".live[data-live=yes]")).to_be_attached()
        assert (await shown(page))[:2] == ["jeju", "busan"]
        # A pointer in the table: the number changes where it stands, the row does not go to its new place.
        await page.locator("#center-jeju th").hover()
        waiting(2, busan=2, sejong=3)
        await expect(page.locator("#center-jeju .waits b")).to_have_text("0")
        await expect(page.locator("#center-sejong .waits b")).to_have_text("1")
        assert (await shown(page))[:2] == ["jeju", "busan"]
        await expect(page.locator("#live")).to_contain_text("The order waits")
        await page.mouse.move(2, 2)
        await expect(page.locator("#live")).to_have_text("")
        assert (await shown(page))[:2] == ["busan", "sejong"]
        # The keyboard in the table holds it as well; leaving it with the tabulator lets go.
        await page.locator("#table").focus()
        waiting(3, gangwon=1, busan=2)
        await expect(page.locator("#center-gangwon .waits b")).to_have_text("1")
        assert (await shown(page))[:2] == ["busan", "sejong"]
        for _ in range(3):
            await page.keyboard.press("Shift+Tab")
        await expect(page.locator("#live")).to_have_text("")
        assert (await shown(page))[:2] == ["gangwon", "busan"]
        # The map follows: a word, a pattern.
        say(view, "daegu", CenterState.CLOSED)
        await expect(page.locator(".map-name[data-place=daegu] .map-note")).to_have_text("closed")
        await expect(page.locator(".map-place[data-place=daegu] path")).to_have_attribute("fill", "url(#map-hidden)")
        say(view, "daegu", CenterState.OPEN)
        await expect(page.locator(".map-name[data-place=daegu] .map-note")).to_have_text("0%")
        assert await page.locator(".map-place[data-place=daegu] path").get_attribute("fill") is None
        await page.context.close()
    assert problems == []


async def test_whoever_is_signed_out_is_led_to_sign_in(chromium: Browser) -> None:
    view = LoadView(15)
    harness = RoutingHarness(view=view, clock=SystemClock())
    async with serving(harness.app) as base:
        page = await page_of(chromium, base, harness.staff)
        token = harness.staff.token("central", "lead", session="a-session-that-ends-soon")
        await page.context.clear_cookies()
        await page.context.add_cookies([{"name": token_cookie("routing"), "value": token, "url": base}])
        await page.goto(f"{base}/live")
        await expect(page.locator(".live[data-live=yes]")).to_be_attached()
        # Nobody answers at notify's address here: that it is asked for is enough.
        async with page.expect_request(re.compile(r"/session\?next=.*live")):
            harness.staff.revoke("a-session-that-ends-soon")


async def test_the_live_page_works_without_a_script_and_by_keyboard(chromium: Browser) -> None:
    harness = RoutingHarness(view=crowded(), clock=SystemClock())
    async with serving(harness.app) as base:
        page = await page_of(chromium, base, harness.staff, script=False)
        await page.goto(f"{base}/live")
        first = (await shown(page))[0]
        await expect(page.locator(f"#center-{first} .waits b")).not_to_have_text("0")
        await page.get_by_role("link", name="Load", exact=True).focus()
        await follow(page, page.keyboard.press("Enter"))
        assert "sort=load" in page.url
        await expect(page.locator("th[aria-sort]")).to_contain_text("Load")
        crowd = (await shown(page))[0]
        tell(harness.view, 0, 99, SystemClock().now(), sejong={"waiting": 7, "waiting_since": SystemClock().now()})
        await follow(page, page.get_by_role("link", name="Reload").click())
        await expect(page.locator("#center-sejong .waits b")).to_have_text("7")
        assert crowd


@pytest.mark.parametrize(("lang", "wide"), [("ko", 360), ("en", 1280)])
async def test_every_page_is_clean_in_both_languages_at_both_widths(chromium: Browser, lang: str, wide: int) -> None:
    nights = {
        "centers": (RoutingHarness(view=crowded(), clock=SystemClock()), "/"),
        "live": (RoutingHarness(view=crowded(), clock=SystemClock()), "/live"),
        "live-old": (
            RoutingHarness(view=LoadView(15), clock=SystemClock(), refused=from_folder(Path("nowhere")).faults),
            "/live",
        ),
        "rule": (RoutingHarness(), "/rule"),
        "decision-story": (RoutingHarness(story()), f"/decisions/{report_id(1)}"),
        "decision-overflow": (RoutingHarness(overflow()), f"/decisions/{report_id(1)}"),
        "decision-child": (RoutingHarness(passed_over()), f"/decisions/{report_id(1)}"),
    }
    for name, (harness, path) in nights.items():
        async with serving(harness.app) as base:
            page = await page_of(chromium, base, harness.staff, lang=lang, wide=wide)
            answer = await page.goto(base + path)
            assert answer is not None
            assert answer.status == 200, name
            assert await page.locator("html").get_attribute("lang") == lang
            for closed in await page.locator("details").all():
                await closed.locator("summary").click()
            await assert_accessible(page)
            for size, height in SIZES.items():
                await page.set_viewport_size({"width": size, "height": height})
                await assert_no_sideways_scrolling(page)
                assert await page.evaluate(HINTS_IN_COLUMNS) == [], f"{name}: a hint above a table moves its neighbours"
                await shot(page, f"{name}-{lang}-{size}")
            # Its stream with it: a server waits for whoever listens.
            await page.context.close()
