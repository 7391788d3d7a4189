"""The form in short steps in a real Chromium: few clicks, by keyboard, without script, both languages, left at once."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, expect

from services.intake.webform import steps
from shared.web.form_body import Typed
from shared.web.pages import QUICK_EXIT_URL
from tests.browser.helpers import assert_accessible, assert_no_sideways_scrolling, follow, go_on, move_to, to_what
from tests.browser.test_form import shoot
from tests.integration.intake.harness import IntakeHarness
from tests.support.waiting import eventually

SMALL, WIDE = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
FULLEST = Typed(
    {
        "role": ("representative",),
        "harm_types": ("distribution",),
        "division": ("jeonnam-gwangju",),
        "contact_channels": ("text",),
        "phone": ("010-0000-0000",),
    }
)
"""Answers to which every step applies."""
MOST_CLICKS = 8
THREE_MINUTES_S = 180
SLOW_CLICK_S = 5.0
SLOW_READER_LETTERS_S = {"ko": 6.0, "en": 13.0}
"""Seconds to find and tap a thing, and letters read in a second: slower than nearly everybody. A Korean letter is a
syllable; thirteen English ones are 165 words a minute, two thirds of what adults read (238, Brysbaert 2019)."""
UP_TO = """place => {
  const range = document.createRange();
  const main = document.querySelector("main");
  range.setStart(main, 0);
  range.setEndAfter(document.querySelector(place));
  const seen = [...main.querySelectorAll("p, h1, h2, legend, label, dt, dd, a, button, summary, li")]
    .filter(e => range.intersectsNode(e) && e.checkVisibility() && !e.closest(".hidden-text"))
    .filter(e => !e.parentElement.closest("p, h1, h2, legend, label, dt, dd, a, button, summary, li"));
  return seen.map(e => e.innerText).join(" ");
}"""
"""The text a person passes on the way to what they press."""


async def window(chromium: Browser, size: dict[str, int] = SMALL, **more: Any) -> Page:
    context = await chromium.new_context(viewport=size, **more)  # type: ignore[arg-type]  # a size as Playwright has it
    return await context.new_page()


@pytest.mark.parametrize(("script", "language"), [(False, "ko"), (True, "ko"), (True, "en")])
async def test_the_compulsory_way_is_short(
    chromium: Browser, site: str, harness: IntakeHarness, script: bool, language: str
) -> None:
    page = await window(chromium, java_script_enabled=script)
    clicks = 0
    passed: dict[str, int] = {}

    async def click(place: str) -> None:
        nonlocal clicks
        passed[page.url] = len(re.sub(r"\s", "", await page.evaluate(UP_TO, place)))
        await page.locator(place).click()
        clicks += 1

    await page.goto(f"{site}/?lang={language}")
    await follow(page, click("a[href='/form/who']"))
    await click("label[for=role]")
    await follow(page, click("main button[value=next]"))
    await click("label[for=harm_types-10]")
    await follow(page, click("main button[value=check]"))
    await follow(page, click("#send button"))
    await expect(page.locator(".receipt-code")).to_be_visible()
    assert clicks <= MOST_CLICKS
    assert len(passed) == 4
    assert clicks * SLOW_CLICK_S + sum(passed.values()) / SLOW_READER_LETTERS_S[language] < THREE_MINUTES_S, passed
    assert await harness.collection.count_documents({}) == 1
    assert sorted(cookie["name"] for cookie in await page.context.cookies()) == ["kept", "lang"]
    number = await page.locator(".receipt-code").inner_text()
    await follow(page, page.go_back())
    await expect(page.locator(".notice.calm")).to_be_visible()
    await follow(page, page.go_forward())
    await follow(page, page.reload())
    assert await page.locator(".receipt-code").inner_text() == number
    # A browser that was ended and restores its windows has the cookies of the visit.
    restored = await window(chromium, storage_state=await page.context.storage_state(), java_script_enabled=script)
    await restored.goto(page.url)
    assert await restored.locator(".receipt-code").inner_text() == number
    await shoot(restored, f"received-{language}-360")
    assert await harness.collection.count_documents({}) == 1


async def test_the_longest_way_leads_through_every_step_and_what_is_unfolded_there_fits(
    chromium: Browser, site: str
) -> None:
    """``test_every_page`` looks at each step by itself; here they follow one another and are filled in."""
    page = await window(chromium)
    await page.goto(f"{site}/?lang=ko")
    await follow(page, page.locator("a[href='/form/who']").click())
    for one in steps.way(FULLEST):
        await expect(page).to_have_url(re.compile(f"/form/{one.slug}($|[?])"))
        for control in one.controls:
            for value in FULLEST.all(control):
                await choose(page, control, value)
        await follow(page, page.locator("main button[value=next]").click())
    await expect(page).to_have_url(re.compile("/form/check"))
    await page.locator("details.more summary").first.click()
    await assert_accessible(page)
    await assert_no_sideways_scrolling(page)
    await follow(page, page.locator("#send button").click())
    await expect(page.locator(".receipt-code")).to_be_visible()


async def choose(page: Page, control: str, value: str) -> None:
    place = page.locator(f"[name={control}]").first
    if await place.evaluate("e => e.tagName") == "SELECT":
        await place.select_option(value)
    elif await place.get_attribute("type") in {"radio", "checkbox"}:
        await page.locator(f"[name={control}][value={value}]").check()
    else:
        await place.fill(value)


async def test_an_error_on_a_step_is_accessible_leads_to_its_field_and_keeps_what_was_typed(
    chromium: Browser, site: str
) -> None:
    page = await window(chromium)
    await page.goto(f"{site}/form/who?lang=ko")
    await follow(page, page.locator("main button[value=next]").click())
    await expect(page.locator(".error-summary")).to_be_visible()
    await assert_accessible(page)
    await page.locator(".error-summary a").click()
    await expect(page.locator("#role")).to_be_focused()
    await page.locator("#role").check()
    await go_on(page, "what")
    await page.goto(f"{site}/form/words")
    await page.locator("#narrative").fill("제 번호는 900101-1234567")
    await follow(page, page.locator("main button[value=next]").click())
    await expect(page.locator("#narrative-error")).to_contain_text("주민등록번호")
    assert await page.locator("#narrative").input_value() == "제 번호는 900101-1234567"
    await shoot(page, "step-error-ko-360")


@pytest.mark.parametrize("script", [False, True])
async def test_the_other_language_at_any_step_loses_nothing(chromium: Browser, site: str, script: bool) -> None:
    page = await window(chromium, java_script_enabled=script)
    await to_what(page, site)
    await page.goto(f"{site}/form/words")
    await page.locator("#narrative").fill("half a sentence")
    await follow(page, page.get_by_role("button", name="English").click())
    await expect(page.locator("h1")).to_have_text("In your own words")
    assert await page.locator("#narrative").input_value() == "half a sentence"
    await follow(page, page.locator("main button[value=back]").click())
    await expect(page.locator("h1")).to_have_text("Where and when was it seen?")
    await page.go_back()  # no answer to a form, which a browser would ask to send again
    await expect(page.locator("h1")).to_have_text("In your own words")
    await page.goto(f"{site}/form/words")
    assert await page.locator("#narrative").input_value() == "half a sentence"
    await page.reload()
    assert await page.locator("#narrative").input_value() == "half a sentence"


@pytest.mark.parametrize("script", [False, True])
async def test_advice_read_from_a_step_loses_nothing_of_what_was_typed_there(
    chromium: Browser, site: str, script: bool
) -> None:
    page = await window(chromium, java_script_enabled=script)
    await to_what(page, site)
    await page.locator("[name=harm_types][value=distribution_threat]").check()
    await go_on(page, "urgent")
    await page.goto(f"{site}/form/words")
    for place, to in ((".notice.warm button", "**/notes/money*"), ("footer button", "**/notes/browser*")):
        await page.locator("#narrative").fill(f"half a sentence before {to}")
        await follow(page, page.locator(place).click(), to)
        await page.go_back()
        await expect(page.locator("#narrative")).to_have_value(f"half a sentence before {to}")
    await follow(page, page.locator(".notice.warm button").click(), "**/notes/money*")
    await follow(page, page.get_by_role("link", name="신고 화면으로").click(), "**/form/words*")
    await expect(page.locator("#narrative")).to_have_value("half a sentence before **/notes/browser*")


@pytest.mark.parametrize(("script", "language"), [(False, "ko"), (True, "en")])
async def test_from_the_form_on_one_page_to_one_question_at_a_time_by_keyboard_nothing_is_lost(
    chromium: Browser, site: str, script: bool, language: str
) -> None:
    page = await window(chromium, java_script_enabled=script)
    await page.goto(f"{site}/all?lang={language}")
    await page.locator("#role").check()
    await page.locator("#narrative").fill("half a sentence")
    await page.locator("#send button").focus()
    await move_to(page, "main button[value=who]")
    await shoot(page, f"all-to-steps-{language}-360")
    await follow(page, page.keyboard.press("Enter"), "**/form/who*")
    await expect(page.locator("html")).to_have_attribute("lang", language)
    await expect(page.locator("#role")).to_be_checked()
    await page.goto(f"{site}/form/words")
    await expect(page.locator("#narrative")).to_have_value("half a sentence")


@pytest.mark.parametrize(("script", "language"), [(False, "ko"), (True, "en")])
@pytest.mark.parametrize(
    ("slug", "control", "later"), [("now", "money_demanded", "urgent"), ("y-what", "harm_types", "what")]
)
async def test_who_wants_to_tell_more_than_a_short_path_asks_loses_nothing_by_keyboard(
    chromium: Browser, site: str, script: bool, language: str, slug: str, control: str, later: str
) -> None:
    page = await window(chromium, java_script_enabled=script)
    await page.goto(f"{site}/form/{slug}?lang={language}")
    await page.locator(f"[name={control}]").first.check()
    await page.locator("main button[value=next]").focus()
    await move_to(page, "main button[value=who]")
    await assert_no_sideways_scrolling(page)
    await shoot(page, f"{slug}-tell-more-{language}-360")
    await follow(page, page.keyboard.press("Enter"), "**/form/who*")
    await expect(page.locator("html")).to_have_attribute("lang", language)
    await page.goto(f"{site}/form/{later}")
    await expect(page.locator(f"[name={control}]:checked")).to_have_count(1)
    await page.go_back()
    await page.go_back()
    await expect(page.locator(f"[name={control}]:checked")).to_have_count(1)


@pytest.mark.parametrize(("script", "language"), [(False, "ko"), (True, "en")])
@pytest.mark.parametrize(
    ("slug", "control", "before", "on"),
    [
        ("who", "role", "/", "a[href='/form/check']"),
        ("now", "money_demanded", "/", "a[href='/form/now']"),
        ("y-what", "harm_types", "/notes/younger", "a[href='/form/y-what'] >> nth=0"),
    ],
)
async def test_back_from_the_first_page_of_a_path_by_keyboard_loses_nothing(
    chromium: Browser, site: str, script: bool, language: str, slug: str, control: str, before: str, on: str
) -> None:
    page = await window(chromium, java_script_enabled=script)
    await page.goto(f"{site}/form/{slug}?lang={language}")
    await page.locator(f"[name={control}]").first.check()
    await page.locator(".way-back button").focus()
    await follow(page, page.keyboard.press("Enter"), f"**{before}")
    await follow(page, page.locator(on).click())
    await page.goto(f"{site}/form/{slug}")
    await expect(page.locator(f"[name={control}]").first).to_be_checked()


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_going_back_to_a_step_that_had_an_error_leads_to_the_step(
    chromium: Browser, site: str, language: str
) -> None:
    page = await window(chromium)
    await to_what(page, site)
    await page.goto(f"{site}/form/words")
    await page.locator("#narrative").fill("제 번호는 900101-1234567")
    await follow(page, page.locator("main button[value=next]").click())
    await expect(page.locator("#narrative-error")).to_be_visible()
    if language == "en":
        # By its address: the page before gives up being an answer as its form is sent, which is a navigation, too.
        await follow(page, page.get_by_role("button", name="English").click(), "**/form/words?lang=en")
        await expect(page.locator("h1")).to_have_text("In your own words")
    assert await page.locator("#narrative").input_value() == "제 번호는 900101-1234567"
    await page.locator("#narrative").fill("half a sentence")
    await go_on(page, "other")
    await page.go_back()
    await expect(page.locator("#narrative")).to_have_value("half a sentence")
    await page.go_back()
    await expect(page.locator("#narrative")).to_have_value("half a sentence")


async def test_by_keyboard_alone_enter_goes_on_and_nothing_is_a_trap(
    chromium: Browser, site: str, harness: IntakeHarness
) -> None:
    page = await window(chromium, WIDE)

    await page.goto(f"{site}/?lang=en")
    await move_to(page, "a[href='/form/who']")
    await follow(page, page.keyboard.press("Enter"), "**/form/who*")
    await move_to(page, "[name=role]")
    await page.keyboard.press("Space")
    await move_to(page, "main button[value=next]")
    await follow(page, page.keyboard.press("Enter"), "**/form/what*")
    await move_to(page, "[name=harm_types]")
    await page.keyboard.press("Space")
    await move_to(page, "main button[value=next]")
    await follow(page, page.keyboard.press("Enter"), "**/form/urgent*")
    await page.goto(f"{site}/form/language")
    await page.locator("#contact_name").fill("Moon")
    # Enter in a field must mean "continue" and never the button for the other language, which stands first.
    await follow(page, page.locator("#contact_name").press("Enter"), "**/form/contact*")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await move_to(page, "main button[value=check]")
    await follow(page, page.keyboard.press("Enter"), "**/form/check*")
    await move_to(page, "#send button")
    await follow(page, page.keyboard.press("Enter"))
    await expect(page.locator(".receipt-code")).to_be_visible()
    assert await harness.collection.count_documents({}) == 1


@pytest.mark.parametrize("way", ["button", "shift", "without script"])
async def test_leaving_destroys_the_draft_and_leaves_nothing_to_come_back_to(
    chromium: Browser, site: str, harness: IntakeHarness, way: str
) -> None:
    page = await window(chromium, WIDE, java_script_enabled=way != "without script")
    if way == "shift":
        await page.clock.install()
    await page.goto(f"{site}/form/who?lang=en")
    await page.locator("#role").check()
    await go_on(page, "what")
    assert await harness.intake.drafts._store.collection.count_documents({}) == 1
    # Not for the page: a redirect leads out of reach, and not every Chromium shows where it could not go.
    async with page.expect_request(QUICK_EXIT_URL):
        if way == "shift":
            # The three must come soon after each other, which a busy machine does not always manage.
            await page.clock.pause_at(datetime.now(UTC) + timedelta(days=1))
            for _ in range(3):
                await page.keyboard.press("Shift")
        else:
            await page.locator("[data-quick-exit]").click()

    async def nothing_left() -> bool:
        cookies = {cookie["name"] for cookie in await page.context.cookies(site)}
        return not cookies and await harness.intake.drafts._store.collection.count_documents({}) == 0

    await eventually(nothing_left)
    # In a window of its own: the one that leaves may not have left yet, and one way would end the other.
    back = await page.context.new_page()
    answer = await back.goto(f"{site}/form/what")
    assert answer is not None
    assert urlsplit(back.url).path == "/"


class Walk:
    """Presses like a person and counts: clicks, and pages that were passed."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = 0
        self.pages: list[str] = []

    async def click(self, place: str) -> None:
        await self.page.locator(place).click()
        self.clicks += 1

    async def follow(self, place: str, to: str) -> None:
        await follow(self.page, self.click(place), f"**{to}*")
        self.pages.append(to)


@pytest.mark.parametrize(("script", "language"), [(False, "ko"), (True, "ko"), (True, "en")])
async def test_who_is_threatened_now_has_a_receipt_in_eight_clicks(
    chromium: Browser, site: str, harness: IntakeHarness, script: bool, language: str
) -> None:
    page = await window(chromium, java_script_enabled=script)
    walk = Walk(page)
    await page.goto(f"{site}/?lang={language}")
    await shoot(page, f"now-0-start-{language}-360")
    await walk.follow("main a[href='/form/now']", "/form/now")
    await expect(page.locator(".way-back")).to_contain_text("1/3")
    await shoot(page, f"now-1-{language}-360")
    await walk.click("label[for=money_demanded]")
    await walk.follow("main button[value=next]", "/form/now-contact")
    await shoot(page, f"now-2-{language}-360")
    await walk.click(f"label[for={await page.locator('[name=contact_channels][value=text]').get_attribute('id')}]")
    await page.locator("#phone").fill("010-0000-0000")
    await assert_no_sideways_scrolling(page)
    await walk.follow("main button[value=next]", "/form/check")
    await shoot(page, f"now-3-check-{language}-360")
    await expect(page.locator(".answers")).to_contain_text("?")
    await expect(page.locator(".answers")).not_to_contain_text("?:")
    await follow(page, walk.click("#send button"))
    await expect(page.locator(".receipt-code")).to_be_visible()
    assert walk.clicks <= MOST_CLICKS, walk.clicks
    [stored] = await harness.collection.find({}).to_list(None)
    assert stored["facts"]["contact_channels"] == ["text"]
    assert stored["facts"]["harm_types"] == ["distribution_threat"]


@pytest.mark.parametrize(("script", "language"), [(False, "ko"), (True, "en")])
async def test_a_child_comes_from_the_childrens_page_to_the_receipt_in_eight_steps(
    chromium: Browser, site: str, harness: IntakeHarness, script: bool, language: str
) -> None:
    page = await window(chromium, java_script_enabled=script)
    walk = Walk(page)
    await page.goto(f"{site}/notes/younger?lang={language}")
    await shoot(page, f"young-0-{language}-360")
    await walk.follow("main a.primary[href='/form/y-what']", "/form/y-what")
    await shoot(page, f"young-what-{language}-360")
    await walk.click("label[for=harm_types]")
    for slug in ("y-age", "y-now", "y-words", "y-place", "y-contact"):
        await walk.follow("main button[value=next]", f"/form/{slug}")
        await assert_no_sideways_scrolling(page)
        await shoot(page, f"young-{slug}-{language}-360")
        if slug == "y-age":
            await walk.click("label[for=age_band]")
    await walk.follow("main button[value=next]", "/form/check")
    await shoot(page, f"young-check-{language}-360")
    assert len(walk.pages) <= MOST_CLICKS, walk.pages
    await follow(page, walk.click("#send button"))
    await expect(page.locator(".receipt-code")).to_be_visible()
    [stored] = await harness.collection.find({}).to_list(None)
    assert (stored["facts"]["age_band"], stored["facts"]["urgency"]) == ("under_14", "critical")


@pytest.mark.parametrize("script", [False, True])
async def test_an_answer_is_changed_from_the_last_page_and_the_word_is_typed_again(
    chromium: Browser, site: str, harness: IntakeHarness, script: bool
) -> None:
    page = await window(chromium, java_script_enabled=script)
    await page.goto(f"{site}/form/now?lang=ko")
    await go_on(page, "now-contact")
    await go_on(page, "check")
    await page.locator("summary", has_text="다른 사람이 접수번호를").click()
    await page.locator("#word").fill("파란 우산")
    await follow(page, page.locator(".way-back button").click(), "**/form/now-contact")
    await follow(page, page.locator("main button[value=next]").click(), "**/form/check*")
    await expect(page.locator("[role=status]", has_text="쓰시려면 다시 적어 주세요.")).to_be_visible()
    await expect(page.locator("#word")).to_have_value("")
    await assert_no_sideways_scrolling(page)
    await shoot(page, "now-4-word-again-ko-360")
    assert await harness.collection.count_documents({}) == 0
    await page.locator("#word").fill("파란 우산")
    await follow(page, page.locator("#send button").click())
    await expect(page.locator(".receipt-code")).to_be_visible()
    assert await harness.collection.count_documents({}) == 1


async def test_only_here_unticks_the_other_ways_and_they_untick_it(chromium: Browser, site: str) -> None:
    page = await window(chromium)
    await page.goto(f"{site}/all?lang=ko")
    here, text, phone = (
        page.locator(f"[name=contact_channels][value={value}]") for value in ("message_here", "text", "phone")
    )
    await text.check()
    await phone.check()
    await here.check()
    await expect(text).not_to_be_checked()
    await expect(phone).not_to_be_checked()
    await phone.check()
    await expect(here).not_to_be_checked()
