"""The operators' page in a real Chromium: by keyboard, each field kept at once, without script, both languages."""

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, ViewportSize, expect

from tests.browser.arrivals import awaited
from tests.browser.helpers import assert_accessible, assert_no_sideways_scrolling, follow, line_of, move_to
from tests.browser.test_form import shoot
from tests.browser.test_steps import SMALL, WIDE
from tests.integration.intake.harness import IntakeHarness

STORY = "누가 제 사진을 올렸어요."


async def operator(
    chromium: Browser, site: str, harness: IntakeHarness, subject: str = "s-operator1", **more: Any
) -> Page:
    """A window in which an operator is signed in."""
    context = await chromium.new_context(**{"viewport": WIDE, **more})
    token = harness.people.token("busan", "operator", subject=subject)
    await context.add_cookies([{"name": "ieum_intake", "value": token, "url": site}])
    return await context.new_page()


async def saved(page: Page) -> None:
    await expect(page.locator("[data-status]")).to_have_text(re.compile(r"^(Saved|저장됨) \d\d:\d\d:\d\d$"))


async def test_by_keyboard_alone_from_the_first_word_to_the_receipt(
    chromium: Browser, site: str, harness: IntakeHarness
) -> None:
    page = await operator(chromium, site, harness)
    await page.goto(f"{site}/calls?lang=en")
    await move_to(page, "#begin")
    await follow(page, page.keyboard.press("Enter"), "**/calls/*")
    await expect(page.locator("[data-began]")).to_have_text(re.compile(r"^\d\d:\d\d$"))
    await page.keyboard.press("F2")
    assert await page.evaluate("document.activeElement.name") == "role"
    await page.keyboard.press("Space")
    await saved(page)
    await page.keyboard.press("F2")
    assert await page.evaluate("document.activeElement.name") == "harm_types"
    await page.keyboard.press("Space")
    await saved(page)
    await move_to(page, "#narrative", "F2")
    await page.keyboard.type(STORY)
    await page.keyboard.press("F8")
    await saved(page)
    await page.keyboard.press("Shift+F2")
    assert await page.evaluate("document.activeElement.name") == "still_spreading"
    await move_to(page, "[name=contact_channels]", "F2")
    await page.keyboard.press("Space")
    await expect(page.locator("#s-reach")).to_be_visible()
    await page.keyboard.press("F2")
    assert await page.evaluate("document.activeElement.id") == "phone"
    await page.keyboard.type("010-0000-0000")
    await page.keyboard.press("F4")
    assert await page.evaluate("document.activeElement.name") == "assent"
    await saved(page)
    await page.keyboard.press("ArrowDown")
    await move_to(page, "[name=consents]")
    await page.keyboard.press("Space")
    await saved(page)
    await page.keyboard.press("F9")
    await follow(page, page.keyboard.press("Enter"))
    await expect(page.locator(".four")).to_have_count(4)
    await move_to(page, "main form button")
    await follow(page, page.keyboard.press("Enter"), "**/calls")
    [report] = await harness.collection.find({}).to_list(None)
    assert (report["facts"]["channel"], report["facts"]["contact_channels"]) == ("phone", ["phone"])
    assert report["consents"]["personal"] is True


async def test_each_field_is_kept_when_it_is_left_and_survives_a_reload(
    chromium: Browser, site: str, harness: IntakeHarness
) -> None:
    page = await operator(chromium, site, harness)
    await page.goto(f"{site}/calls?lang=ko")
    await follow(page, page.locator("#begin").click())
    await page.locator("#narrative").fill(STORY)
    await page.locator("#narrative").blur()
    await saved(page)
    await page.locator("label[for=role-2]").click()
    await saved(page)
    await expect(page.locator("#s-relation")).to_be_visible()
    await expect(page.locator("#t-what")).to_have_text("그분에게 무슨 일이 있었나요?")
    await page.locator("#division").select_option("jeonnam-gwangju")
    await expect(page.locator("#s-district")).to_be_visible()
    assert 1 < await page.locator("#district option").count() < 60
    await page.reload()
    assert await page.locator("#narrative").input_value() == STORY
    await expect(page.locator("#role-2")).to_be_checked()


async def test_what_is_answered_before_the_script_has_come_is_kept_when_it_comes(
    chromium: Browser, site: str, harness: IntakeHarness
) -> None:
    page, coming = await operator(chromium, site, harness), asyncio.Event()

    async def late(route: Route) -> None:
        await coming.wait()
        await route.continue_()

    await page.route("**/calls.js", late)
    await page.goto(f"{site}/calls?lang=ko")
    with awaited(page):
        await page.locator("#begin").click()
        await page.locator("#narrative").fill(STORY)
        await page.locator("#role-2").check()
        await page.locator("#division").select_option("busan")
        coming.set()
        await page.wait_for_load_state()
    await saved(page)
    await page.reload()
    await expect(page.locator("#narrative")).to_have_value(STORY)
    await expect(page.locator("#role-2")).to_be_checked()
    await expect(page.locator("#division")).to_have_value("busan")


async def test_what_will_not_do_is_said_at_the_field_and_stays_there(
    chromium: Browser, site: str, harness: IntakeHarness
) -> None:
    page = await operator(chromium, site, harness)
    await page.goto(f"{site}/calls?lang=en")
    await follow(page, page.locator("#begin").click())
    await page.locator("#narrative").fill("900101-1234567")
    await page.locator("#narrative").blur()
    await expect(page.locator("#narrative-error")).to_contain_text("resident registration number")
    await expect(page.locator("[data-status]")).to_have_text("Not kept: see the field")
    await expect(page.locator("#narrative")).to_have_attribute("aria-invalid", "true")
    await assert_accessible(page)
    await page.locator("#narrative").fill(STORY)
    await page.locator("#narrative").blur()
    await saved(page)
    await expect(page.locator("#narrative-error")).to_have_count(0)
    assert await page.locator("#narrative").get_attribute("aria-invalid") is None


async def test_while_the_line_is_away_it_is_said_and_kept_by_itself_later(
    chromium: Browser, site: str, harness: IntakeHarness
) -> None:
    page = await operator(chromium, site, harness)
    line = await line_of(page, "**/calls/*")
    await page.goto(f"{site}/calls?lang=en")
    await follow(page, page.locator("#begin").click(), "**/calls/*")
    line.cut = True
    await page.locator("#narrative").fill(STORY)
    await page.locator("#narrative").blur()
    await expect(page.locator("[data-status]")).to_have_text(re.compile("^Not saved"))
    line.cut = False
    await saved(page)
    await page.reload()
    assert await page.locator("#narrative").input_value() == STORY


async def test_the_keys_can_be_turned_off_and_stay_off(chromium: Browser, site: str, harness: IntakeHarness) -> None:
    page = await operator(chromium, site, harness)
    await page.goto(f"{site}/calls?lang=en")
    await follow(page, page.locator("#begin").click())
    await page.locator("#shortcuts").uncheck()
    await page.keyboard.press("F9")
    assert await page.evaluate("document.activeElement.id") == "shortcuts"
    await page.reload()
    await expect(page.locator("#shortcuts")).not_to_be_checked()
    await page.keyboard.press("F9")
    assert await page.evaluate("document.activeElement === document.body")
    await page.locator("#shortcuts").check()
    await page.keyboard.press("F9")
    assert await page.evaluate("document.activeElement.value") == "send"


async def test_without_script_a_button_keeps_everything_and_a_call_changes_hands(
    chromium: Browser, site: str, harness: IntakeHarness
) -> None:
    first = await operator(chromium, site, harness, java_script_enabled=False, viewport=SMALL)
    second = await operator(chromium, site, harness, "s-operator2", java_script_enabled=False)
    await first.goto(f"{site}/calls?lang=en")
    await follow(first, first.locator("#begin").click())
    await first.locator("#role").check()
    await first.locator("#narrative").fill(STORY)
    await expect(first.locator("#s-reach")).to_be_hidden()
    await first.locator("#contact_channels").check()
    await follow(first, first.locator("[data-save]").click())
    await expect(first.locator("#s-reach")).to_be_visible()
    await expect(first.locator("[data-status]")).to_have_text(re.compile("^Saved "))
    await first.locator("#phone").fill("010-0000-0000")
    await follow(first, first.get_by_role("button", name="한국어").click())
    await expect(first.locator("html")).to_have_attribute("lang", "ko")
    assert await first.locator("#phone").input_value() == "010-0000-0000"
    await follow(first, first.locator("button[value=offer]").click())
    await expect(first.locator(".call-code")).to_be_visible()
    await assert_accessible_without_script(chromium, site, harness, first)
    await second.goto(f"{site}/calls?lang=en")
    await follow(second, second.get_by_role("button", name="Take call").click())
    assert await second.locator("#narrative").input_value() == STORY
    await second.locator("#harm_types").check()
    await follow(second, second.locator("[data-send]").click())
    await expect(second.locator(".four")).to_have_count(4)
    await first.reload()
    await expect(first.locator("body")).to_contain_text("다른 상담원이 이 통화를 맡고 있습니다")


async def assert_accessible_without_script(chromium: Browser, site: str, harness: IntakeHarness, page: Page) -> None:
    """axe needs script: the same page in a window that has it."""
    other = await operator(chromium, site, harness)
    await other.goto(page.url)
    await assert_accessible(other)


@pytest.mark.parametrize(("language", "judged"), [("ko", 320), ("en", 1280)])
async def test_every_page_of_calls_is_accessible_and_fits(
    chromium: Browser, site: str, harness: IntakeHarness, language: str, judged: int
) -> None:
    page = await operator(chromium, site, harness, viewport=SMALL)

    async def fine(name: str) -> None:
        await page.wait_for_load_state("load")
        await shoot(page, f"{name}-{language}-360")
        for width in (320, 1280):
            await page.set_viewport_size(ViewportSize(width=width, height=900))
            await assert_no_sideways_scrolling(page)
            if width == judged:
                await assert_accessible(page)
        await shoot(page, f"{name}-{language}-1280")
        await page.set_viewport_size({"width": 360, "height": 740})

    await harness.lodge({"role": "victim", "harm_types": ["other"], "urls": ["https://leak.example/p/1"]})
    other = await operator(chromium, site, harness, "s-operator2")
    await other.goto(f"{site}/calls?lang={language}")
    await follow(other, other.locator("#begin").click())
    await follow(other, other.locator("button[value=offer]").click())
    await expect(other.locator(".call-code")).to_be_visible()
    await page.goto(f"{site}/calls?lang={language}")
    await follow(page, page.locator("#begin").click())
    # What is kept shows and hides questions: whoever points further down waits for it.
    for answer in ("role-2", "harm_types-2", "contact_channels"):
        await page.locator(f"label[for={answer}]").click()
        await saved(page)
    await page.locator("#urls").fill("https://leak.example/p/1")
    await page.locator("#urls").blur()
    await expect(page.locator("[data-linked]")).to_be_visible()
    await page.reload()
    await fine("call")
    await follow(page, page.locator("[data-send]").click())
    await expect(page.locator(".error-summary")).to_be_visible()
    await fine("call-error")
    await page.goto(f"{site}/calls?lang={language}")
    await fine("calls")
    await follow(page, page.locator("a.end").click())
    await page.locator("label[for=contact_channels]").click()
    await saved(page)
    await page.locator("label[for=assent-2]").click()
    await follow(page, page.locator("[data-send]").click())
    await expect(page.locator(".four")).to_have_count(4)
    await fine("call-receipt")
    await page.goto(f"{site}/calls/addition?lang={language}")
    await follow(page, page.locator("main button[type=submit]").click())
    await expect(page.locator(".error-summary")).to_be_visible()
    await fine("call-addition")
    await page.goto(other.url)
    await page.goto(f"{site}/calls?lang={language}")
    await follow(page, page.locator("form.end button").click())
    await follow(page, page.locator("button[value=offer]").click())
    await expect(page.locator(".call-code")).to_be_visible()
    await fine("call-offered")
