"""The console in a real browser: live rows, acknowledging in a second window, without script, both languages, axe."""

import os
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, expect

from services.notify.settings import NotifySettings
from shared.identity.cookies import token_cookie
from tests.browser.arrivals import awaited
from tests.browser.helpers import VIOLATIONS, at_rest, follow
from tests.integration.notify.conftest import NotifyHarness, Start
from tests.integration.notify.moves import answer, taken
from tests.integration.notify.test_desk import listening
from tests.support.mail import MailSink
from tests.support.waiting import eventually
from tests.unit.notify.samples import event, report_id, stream
from tools.local.ports import free_port

pytestmark = pytest.mark.browser
# Wherever this is set, every page that is looked at is also photographed.
SHOTS = os.environ.get("IEUM_SCREENSHOTS")


async def signed_in(
    chromium: Browser,
    harness: NotifyHarness,
    base: str,
    organisation: str = "gwangju",
    role: str = "counsellor",
    *,
    script: bool = True,
    lang: str = "ko",
    wide: int = 1280,
) -> Page:
    """A page of somebody who is signed in."""
    context: BrowserContext = await chromium.new_context(
        java_script_enabled=script, locale="ko-KR" if lang == "ko" else "en-GB", viewport={"width": wide, "height": 900}
    )
    token = await harness.staff(organisation, role, subject=f"s-{organisation}").token()
    await context.add_cookies([{"name": token_cookie("notify"), "value": token, "url": base}])
    return await context.new_page()


async def console(chromium: Browser, harness: NotifyHarness, base: str, center: str, **more: object) -> Page:
    """An open console that is live."""
    page = await signed_in(chromium, harness, base, center, **more)  # type: ignore[arg-type]  # passed on as given
    await page.goto(f"{base}/?center={center}")
    await expect(page.locator(".console[data-live=yes]")).to_be_attached()
    return page


async def clean(page: Page) -> None:
    await at_rest(page)
    found = await Axe().run(page, options=VIOLATIONS)
    assert found.violations_count == 0, found.generate_report()
    size = page.viewport_size
    assert size is not None
    # Of 360 and 1280 the other last but one. The list has its columns from 1169 on: it must fit on both sides of that.
    for width in (320, 1090, 1169, 1640 - size["width"], size["width"]):
        await page.set_viewport_size({"width": width, "height": 900})
        sideways = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert sideways <= 0, f"the page scrolls sideways at {width}"


async def shot(page: Page, name: str) -> None:
    if SHOTS:
        await page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


async def test_the_name_of_the_chosen_list_is_shown_whole(start: Start, sink: MailSink, chromium: Browser) -> None:
    del sink
    harness = await start()
    async with listening(harness) as base:
        page = await console(chromium, harness, base, "central")
        missing = await page.locator("#center").evaluate(
            """select => {
              const before = select.getBoundingClientRect().width;
              select.style.fieldSizing = "content";
              return select.getBoundingClientRect().width - before;
            }"""
        )
        assert missing <= 0, f"{missing} pixels are missing"


async def test_a_new_case_appears_and_is_acknowledged_in_another_window(
    start: Start,
    sink: MailSink,
    chromium: Browser,
) -> None:
    harness = await start()
    async with listening(harness) as base:
        one, two = await signed_in(chromium, harness, base), await signed_in(chromium, harness, base)
        await one.emulate_media(reduced_motion="no-preference")  # as most see it: new rows arrive in colour
        problems: list[str] = []
        for page in (one, two):
            page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: problems.append(str(error)))
            await page.goto(f"{base}/?center=gwangju")
            await expect(page.locator(".console[data-live=yes]")).to_be_attached()
        await expect(one.locator("#empty")).to_be_visible()
        await harness.routed(event("report.routed", 1))
        row = one.locator(f"#case-{report_id(1)}")
        await expect(row).to_be_visible()
        await expect(row).to_contain_text("매우 긴급")
        await expect(row).to_contain_text("유포협박")
        # Whoever answers before the alert gets none, and this test counts them.
        await eventually(lambda: sink.mails)
        other = two.locator(f"#case-{report_id(1)}")
        await other.get_by_role("button").focus()
        await two.keyboard.press("Enter")
        await expect(row).to_contain_text("확인함")
        await expect(row.get_by_role("button")).to_have_count(0)
        await expect(two.locator("#live")).to_contain_text("확인했습니다")
        await harness.routed(event("report.routed", 2, urgency="normal"), event("report.routed", 3))
        await expect(one.locator("#cases > li")).to_have_count(3)
        order = [await li.get_attribute("id") for li in await one.locator("#cases > li").all()]
        assert order == [f"case-{report_id(n)}" for n in (3, 2, 1)]
        await eventually(lambda: len(sink.mails) >= 3)
        assert problems == []
        await clean(one)


async def test_the_console_works_without_script(start: Start, sink: MailSink, chromium: Browser) -> None:
    harness = await start()
    await harness.routed(event("report.routed", 1))
    await eventually(lambda: sink.mails)
    await eventually(harness.at_rest, "the page, which does not change by itself, says that the alert was sent")
    async with listening(harness) as base:
        page = await signed_in(chromium, harness, base, script=False, lang="en")
        await page.goto(f"{base}/")
        row = page.locator(f"#case-{report_id(1)}")
        await follow(page, row.get_by_role("button", name="Acknowledge").click())
        await expect(row).to_contain_text("Acknowledged")
        await follow(page, row.locator("a").click())
        await expect(page.locator(".timeline")).to_contain_text("s-gwangju acknowledged the case")
        await expect(page.locator(".timeline")).to_contain_text("Alert sent to the staff on duty by mail")
        await page.go_back()
        await page.locator("#staff_on_duty").fill("0")
        await follow(page, page.locator(".duty button").click())
        await expect(page.locator("#banners")).to_contain_text("Nobody is on duty")
        await expect(page.locator(".duty")).to_contain_text("Nobody on duty.")
        # It follows from the number: nobody chooses it.
        await expect(page.locator("#state option")).to_have_text(["Open", "Short-staffed"])


async def test_who_comes_too_late_is_told_where_the_case_is(start: Start, sink: MailSink, chromium: Browser) -> None:
    del sink
    harness = await start()
    await harness.routed(event("report.routed", 1))
    await eventually(lambda: harness.case(report_id(1)))
    async with listening(harness) as base:
        page = await signed_in(chromium, harness, base, script=False)
        await page.goto(f"{base}/?center=gwangju")
        await harness.routed(*stream(1)[1:3])

        async def moved() -> bool:
            row = await harness.case(report_id(1))
            return row is not None and row["center_id"] == "busan"

        await eventually(moved)
        await follow(page, page.locator(f"#case-{report_id(1)}").get_by_role("button").click())
        await expect(page.get_by_role("alert")).to_contain_text("부산")


@pytest.mark.parametrize(("lang", "wide"), [("ko", 360), ("en", 1280)])
async def test_every_page_is_clean_in_both_languages_at_both_widths(
    start: Start,
    sink: MailSink,
    chromium: Browser,
    lang: str,
    wide: int,
) -> None:
    harness = await start()
    await filled(harness, sink)
    async with listening(harness) as base:
        for name, path, organisation in (
            ("console", "/", "gwangju"),
            ("offered", "/", "busan"),
            ("central", "/?center=central", "central"),
            ("case", f"/cases/{report_id(1)}", "gwangju"),
            ("case-offering", f"/cases/{report_id(4)}", "gwangju"),
            ("case-offered", f"/cases/{report_id(4)}", "busan"),
            ("case-withdrawn", f"/cases/{report_id(5)}", "gwangju"),
        ):
            page = await signed_in(chromium, harness, base, organisation, lang=lang, wide=wide)
            await page.goto(base + path)
            assert await page.locator("html").get_attribute("lang") == lang
            await clean(page)
            await shot(page, f"{name}-{lang}-{wide}")
        page = await signed_in(chromium, harness, base, lang=lang, wide=wide)
        await page.goto(f"{base}/cases/{report_id(1)}")
        await page.locator("#purpose").select_option("first_contact")
        await follow(page, page.locator("form:has(#purpose) button").click())
        await expect(page.locator("input[name=ticket]")).to_have_count(1)
        await clean(page)
        await shot(page, f"ticket-{lang}-{wide}")


async def filled(harness: NotifyHarness, sink: MailSink) -> None:
    """A centre in the middle of a night."""
    urgencies = ["critical", "high", "normal", "normal", "high"]
    await harness.routed(*(event("report.routed", n, urgency=urgency) for n, urgency in enumerate(urgencies, 1)))
    await eventually(lambda: harness.shown(1, 2, 3, 4, 5))
    # Whoever answers before the alert gets none.
    await eventually(lambda: len(sink.mails) >= 5)
    await harness.acknowledge(report_id(3), "gwangju", "kim")
    await harness.acknowledge(report_id(1), "gwangju", "lee")
    await harness.routed(event("report.updated", 1, version=2, kind="message_left"))
    await harness.acknowledge(report_id(4), "gwangju", "park")
    await harness.act(
        "transfer",
        report_id(4),
        "gwangju",
        "park",
        to_center_id="busan",
        ownership=1,
        reason="capacity",
        agreed=True,
    )
    await harness.routed(event("report.ended", 5, version=2, center="gwangju", reason="withdrawn"))
    await harness.duty("jeju", state="closed", staff_on_duty=0)


async def test_a_transfer_is_offered_and_accepted_by_forms_alone(
    start: Start, sink: MailSink, chromium: Browser
) -> None:
    del sink
    harness = await start()
    await taken(harness)
    path = f"/cases/{report_id(1)}"
    async with listening(harness) as base:
        owner = await signed_in(chromium, harness, base, script=False, lang="en")
        await owner.goto(base + path)
        await owner.get_by_label("Offer the case to").select_option("busan")
        await owner.get_by_label("Reason").select_option("place")
        await follow(owner, owner.get_by_role("button", name="Offer", exact=True).click())
        await expect(owner.locator(".facts")).to_contain_text("Busan")
        other = await signed_in(chromium, harness, base, "busan", script=False, lang="en")
        await other.goto(base)
        await expect(other.locator("#offers")).to_contain_text("Gwangju")
        accept = other.get_by_role("button", name="Accept")
        await accept.focus()
        await follow(other, other.keyboard.press("Enter"))
        await expect(other.get_by_role("status").first).to_contain_text("moving to Busan")
        await answer(harness)
        await other.goto(base + path)
        await expect(other.get_by_role("button", name="Acknowledge")).to_be_visible()
        await owner.get_by_label("How", exact=True).select_option("came_to_us")
        await follow(owner, owner.get_by_role("button", name="I reached the person").click())
        await expect(owner.get_by_role("alert")).to_contain_text("Busan accepted this case at")


@pytest.mark.own_service
async def test_an_offer_appears_live_and_a_signed_out_console_leads_to_signing_in(
    start: Start,
    sink: MailSink,
    chromium: Browser,
    settings: NotifySettings,
) -> None:
    del sink
    port = free_port()
    own = f"http://127.0.0.1:{port}"
    harness = await start(public_urls=settings.public_urls | {"notify": own, "identity": own})
    await taken(harness)
    who = harness.principal("gwangju")
    async with listening(harness, port) as base:
        page = await signed_in(chromium, harness, base)
        await page.context.clear_cookies()
        token = harness.people.signer.access(who, "notify")
        await page.context.add_cookies([{"name": token_cookie("notify"), "value": token, "url": base}])
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.goto(f"{base}/")
        await expect(page.locator(".console[data-live=yes]")).to_be_attached()
        await harness.routed(event("report.routed", 2, center="busan"))
        await eventually(lambda: harness.case(report_id(2)))
        await harness.acknowledge(report_id(2), "busan", "lee")
        await harness.act(
            "transfer",
            report_id(2),
            "busan",
            "lee",
            to_center_id="gwangju",
            ownership=1,
            reason="place",
            agreed=True,
        )
        await expect(page.locator(f"#offers #case-{report_id(2)}")).to_be_visible()
        with awaited(page):
            harness.people.revoke(who.session)
            await page.wait_for_url("**/session?*")
        assert problems == []
