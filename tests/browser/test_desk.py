"""Two centres, two browsers: what appears, who acts, what moves and what is taken back, without anybody reloading."""

import asyncio
import os
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from shared.web.event_stream import EventStream
from tests.browser.helpers import follow, line_of
from tests.browser.test_console import clean, console, signed_in
from tests.chaos.proxy import Link
from tests.integration.notify.conftest import Start
from tests.integration.notify.moves import answer, taken, tell
from tests.integration.notify.test_desk import listening
from tests.integration.notify.test_work import colleague
from tests.support.mail import MailSink
from tests.support.waiting import eventually
from tests.unit.notify.samples import event, report_id
from tools.local.ports import LOOPBACK, free_port

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]
SHOTS = os.environ.get("IEUM_SCREENSHOTS")
HEADERS = {
    "content-security-policy": ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"),
    "cache-control": ("no-store",),
    "x-content-type-options": ("nosniff",),
}


async def shot(page: Page, name: str) -> None:
    if SHOTS:
        await page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


async def test_two_centres_at_once(start: Start, sink: MailSink, chromium: Browser) -> None:
    harness = await start()
    async with listening(harness) as base:
        here, twin = [await console(chromium, harness, base, "gwangju") for _ in range(2)]
        there = await console(chromium, harness, base, "busan")
        row = f"#case-{report_id(1)}"
        # How soon is measured by ``tests.performance.bench_console``: a test's machine may stand still for a second.
        await harness.routed(event("report.routed", 9), event("report.routed", 1))
        for shown in (9, 1):
            await expect(here.locator(f"#case-{report_id(shown)}")).to_be_visible()
        await expect(there.locator(row)).to_have_count(0)
        await eventually(lambda: len(sink.mails) >= 2)
        await here.locator(row).get_by_role("button").click()
        await expect(twin.locator(row)).to_contain_text("확인함")
        for origin, target, number in ((here, there, "busan"), (there, here, "gwangju")):
            owner = "gwangju" if number == "busan" else "busan"
            offered = await harness.act(
                "transfer",
                report_id(1),
                owner,
                f"s-{owner}",
                ownership=1 if owner == "gwangju" else 2,
                to_center_id=number,
                reason="capacity",
            )
            assert offered.status_code == 202, offered.text
            await follow(target, target.locator(f"#offers {row}").get_by_role("button").first.click())
            await answer(harness)
            await target.goto(f"{base}/?center={number}")
            await target.locator(f"#cases {row}").get_by_role("button").click()
            await expect(target.locator(row)).to_contain_text("확인함")
            await expect(origin.locator(f"#cases {row}")).to_have_count(0)
            await expect(origin.locator("#live")).to_contain_text("다른 센터로 옮겨졌습니다")
        await tell(harness, "report.ended", reason="withdrawn")
        await expect(here.locator(row)).to_have_count(0)
        await expect(here.locator("#live")).to_contain_text("철회")


async def test_a_restart_loses_no_row(start: Start, sink: MailSink, chromium: Browser) -> None:
    del sink
    harness, port = await start(), free_port()
    async with listening(harness, port) as base:
        page = await console(chromium, harness, base, "gwangju")
        await harness.routed(event("report.routed", 1))
        await expect(page.locator("#cases > li")).to_have_count(1)
    await expect(page.locator(".console[data-live=no]")).to_be_attached()
    await expect(page.locator("#live")).to_contain_text("연결")
    await harness.routed(*(event("report.routed", number) for number in (2, 3)))
    await eventually(lambda: harness.shown(1, 2, 3))
    await harness.acknowledge(report_id(1), "gwangju", "kim")
    async with listening(harness, port):
        await expect(page.locator("#cases > li")).to_have_count(3)
        await expect(page.locator(f"#case-{report_id(1)}")).to_contain_text("확인함")
        await expect(page.locator(".console[data-live=yes]")).to_be_attached()


WATCHED = """
    window.pings = 0;
    window.delays = [];
    Math.random = () => 0.5;
    window.EventSource = class extends EventSource {
        constructor(address) {
            super(address);
            this.addEventListener("ping", () => { window.pings += 1; });
        }
    };
    const later = window.setTimeout;
    window.setTimeout = (call, delay, ...more) => {
        window.delays.push(delay);
        return later(call, delay, ...more);
    };
"""
"""Tells a test what the page hears and how long it waits."""


async def test_a_connection_that_went_without_a_word_is_told_and_comes_back(
    start: Start, sink: MailSink, chromium: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    del sink
    times = EventStream.__init__.__kwdefaults__
    assert times is not None
    monkeypatch.setitem(times, "heartbeat_s", 0.1)
    harness, port, own = await start(), free_port(), free_port()
    base, link = f"http://{LOOPBACK}:{port}", Link(own)
    proxy = await asyncio.start_server(link.accept, LOOPBACK, port)
    async with proxy, listening(harness, own):
        page = await signed_in(chromium, harness, base)
        line = await line_of(page, re.compile("center=gwangju$"))
        asked: list[str] = []
        page.on("request", lambda one: asked.append(one.url) if "/api/v1/stream" in one.url else None)
        await page.add_init_script(WATCHED)
        await page.goto(f"{base}/?center=gwangju")
        await eventually(lambda: page.evaluate("window.pings > 0"))
        await harness.routed(event("report.routed", 1))
        await expect(page.locator("#cases > li")).to_have_count(1)
        link.change("half-open")
        await harness.routed(event("report.routed", 2))
        await expect(page.locator(".console[data-live=yes]")).to_be_attached()
        line.cut = True

        async def slept() -> bool:
            # More than once: a last ping may have been on its way.
            await page.evaluate("{ const now = Date.now; Date.now = () => now() + 41000; }")
            return await page.locator(".console").get_attribute("data-live") == "no"

        await eventually(slept)
        await expect(page.locator("#live")).to_contain_text("연결")
        await eventually(lambda: page.evaluate("window.delays.includes(4500)"))  # not every page at once
        line.cut = False
        link.change("pass")
        await expect(page.locator(".console[data-live=yes]")).to_be_attached()
        await expect(page.locator("#cases > li")).to_have_count(2)
        await expect(page.locator("#live")).to_be_empty()
        # By this name the service knows that what it had before is of no use to anybody.
        assert len(asked) > 1
        assert len({address.partition("&tab=")[2] for address in asked} - {""}) == 1
        await page.close()


async def test_a_stream_of_an_earlier_build_which_says_no_ping_is_no_lost_connection(
    start: Start, sink: MailSink, chromium: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    del sink
    times = EventStream.__init__.__kwdefaults__
    assert times is not None
    monkeypatch.setitem(times, "heartbeat_s", 3600)  # a ping that comes before the line is cut would count
    harness, port, own = await start(), free_port(), free_port()
    base, link = f"http://{LOOPBACK}:{port}", Link(own)
    proxy = await asyncio.start_server(link.accept, LOOPBACK, port)
    async with proxy, listening(harness, own):
        page = await signed_in(chromium, harness, base)
        await page.clock.install()
        await page.goto(f"{base}/?center=gwangju")
        await expect(page.locator(".console[data-live=yes]")).to_be_attached()
        link.change("half-open")  # nothing comes any more, not even the first ping
        await page.clock.run_for(60_000)
        assert await page.locator(".console").get_attribute("data-live") == "yes"
        await page.close()


async def hangul(page: Page, code: str, key: str) -> None:
    """A key of a Korean keyboard that writes Hangul, as the browser tells of it."""
    session = await page.context.new_cdp_session(page)
    for kind in ("rawKeyDown", "keyUp"):
        await session.send("Input.dispatchKeyEvent", {"type": kind, "code": code, "key": key})
    await session.detach()


async def test_the_list_is_worked_by_keyboard_alone_and_the_keys_can_be_turned_off(
    start: Start,
    sink: MailSink,
    chromium: Browser,
) -> None:
    harness = await start()
    await harness.routed(event("report.routed", 1, urgency="critical"), event("report.routed", 2, urgency="normal"))
    await eventually(lambda: len(sink.mails) >= 2)
    async with listening(harness) as base:
        page = await console(chromium, harness, base, "gwangju")
        await page.keyboard.press("j")
        await expect(page.locator(f"#case-{report_id(1)} .case-alias")).to_be_focused()
        await page.keyboard.press("j")
        await expect(page.locator(f"#case-{report_id(2)} .case-alias")).to_be_focused()
        await hangul(page, "KeyK", "ㅏ")
        await expect(page.locator(f"#case-{report_id(1)} .case-alias")).to_be_focused()
        await hangul(page, "KeyJ", "Process")
        await expect(page.locator(f"#case-{report_id(2)} .case-alias")).to_be_focused()
        await page.keyboard.press("k")
        await hangul(page, "KeyA", "ㅁ")
        await expect(page.locator(f"#case-{report_id(1)}")).to_contain_text("확인함")
        await page.keyboard.press("/")
        await expect(page.locator("#alias")).to_be_focused()
        await page.keyboard.type("ja")
        await expect(page.locator("#alias")).to_have_value("ja")
        await page.locator("#alias").fill("")
        await page.locator("#settings summary").click()
        await page.locator("#s-keys").uncheck()
        await page.reload()
        await expect(page.locator(".console[data-live=yes]")).to_be_attached()
        await page.keyboard.press("j")
        assert await page.evaluate("document.activeElement === document.body")
        await page.locator("#finding summary").click()
        await page.locator("#f-state").select_option("waiting")
        await expect(page.locator("#cases > li:visible")).to_have_count(1)
        await expect(page).to_have_url(re.compile("state=waiting"))
        await harness.routed(event("report.routed", 3))
        await expect(page.locator("#cases > li:visible")).to_have_count(2)
        await page.locator("#f-urgency").select_option("normal")
        await expect(page.locator("#cases > li:visible")).to_have_count(1)
        plain = await signed_in(chromium, harness, base, script=False)
        await plain.goto(f"{base}/?center=gwangju&state=waiting&urgency=normal")
        await expect(plain.locator("#cases > li:visible")).to_have_count(1)


async def test_contact_opens_only_after_the_details_and_without_script(
    start: Start,
    sink: MailSink,
    chromium: Browser,
) -> None:
    del sink
    harness = await start()
    await taken(harness)
    async with listening(harness) as base:
        page = await signed_in(chromium, harness, base, script=False, lang="en")
        await page.goto(f"{base}/cases/{report_id(1)}")
        await expect(page.locator(".safe")).to_contain_text("Open them first")
        assert await page.locator("#way option").all_text_contents() == ["Choose", "They came to us"]
        await page.locator("#purpose").select_option("first_contact")
        await follow(page, page.locator("form:has(#purpose) button").click())
        await expect(page.locator("input[name=ticket]")).to_have_count(1)
        await page.goto(f"{base}/cases/{report_id(1)}")
        assert "Text message" in await page.locator("#way option").all_text_contents()
        assert "Phone call" not in await page.locator("#way option").all_text_contents()
        await page.locator("#way").select_option("text")
        await follow(page, page.get_by_role("button", name="I reached the person").click())
        await expect(page.locator(".timeline")).to_contain_text("reached the reporter (Text message)")
        await expect(page.locator(".timeline")).to_contain_text("was given a ticket to the details: First contact")
        await page.locator("#platform").select_option("messenger")
        await page.locator("#addresses").fill("4")
        await follow(page, page.locator("form[action$='/deletions'] button").click())
        await follow(page, page.get_by_role("button", name="No. 1: Removed").click())
        await expect(page.locator("section:has(#deletions-title)")).to_contain_text("Messenger · 4 addresses · Removed")


@pytest.mark.parametrize(("lang", "wide"), [("ko", 360), ("en", 1280)])
async def test_the_new_pages_are_clean_and_carry_their_headers(
    start: Start,
    sink: MailSink,
    chromium: Browser,
    lang: str,
    wide: int,
) -> None:
    del sink
    harness = await start()
    colleague(harness, "lee")
    facts = {**event("report.routed", 1).model_dump(mode="json")["facts"], "linked_reports": [report_id(2)]}
    await taken(harness, 1, urgency="critical", facts=facts)
    await taken(harness, 2)
    for number in (1, 2):
        await harness.act("assign", report_id(number), "gwangju", "kim", ownership=1, assignee="lee")
    await harness.act("deletions", report_id(1), "gwangju", "kim", ownership=1, platform="messenger", addresses=2)
    await harness.act("join", report_id(1), "gwangju", "kim", ownership=1, other_id=report_id(2), agreed=True)
    lead = harness.staff("gwangju", "lead")
    shift = {"subject": "lee", "day": [str(n) for n in range(7)], "holidays": "true", "start": "00:00", "end": "00:00"}
    added = await harness.http.post("/team/gwangju/shifts", data={**shift, "rev": "0"}, auth=lead)
    assert added.status_code == 303
    async with listening(harness) as base:
        for name, path, place in (
            ("team", "/team/gwangju", "gwangju"),
            ("hand-over", "/team/gwangju/hand-over", "gwangju"),
            ("numbers", "/team/gwangju/numbers", "gwangju"),
            ("team-central", "/team/central", "central"),
            ("case-worked", f"/cases/{report_id(1)}", "gwangju"),
            ("console-filtered", "/?center=gwangju&state=working&urgency=critical", "gwangju"),
        ):
            page = await signed_in(chromium, harness, base, place, "lead", lang=lang, wide=wide)
            came = await page.goto(base + path)
            assert came is not None
            assert came.status == 200
            said = await came.all_headers()
            for header, parts in HEADERS.items():
                assert all(part in said[header] for part in parts), (name, header, said.get(header))
            assert "unsafe-inline" not in said["content-security-policy"]
            await clean(page)
            await shot(page, f"{name}-{lang}-{wide}")
            await page.context.close()
