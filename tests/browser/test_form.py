"""The form on one page, the receipt and the status page in a real Chromium: both languages, small window, no script."""

import os
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.helpers import assert_accessible, assert_no_sideways_scrolling, follow
from tests.integration.intake.harness import IntakeHarness

SMALL = {"width": 360, "height": 740}
WORDS = {
    "ko": {
        "send": "신고 보내기",
        "victim": "내가 겪은 일이에요",
        "other": "다른 일이거나 잘 모르겠어요",
        "show": "확인하기",
    },
    "en": {
        "send": "Send the report",
        "victim": "It happened to me",
        "other": "Something else, or I am not sure",
        "show": "Show",
    },
}
LANGUAGES = ["ko", "en"]


async def small_page(chromium: Browser, *, script: bool = False, scheme: str = "light") -> Page:
    context = await chromium.new_context(viewport=SMALL, java_script_enabled=script, color_scheme=scheme)  # type: ignore[arg-type]  # one of the two words
    return await context.new_page()


async def shoot(page: Page, name: str) -> None:
    """Keep a picture where somebody asked for pictures, for a person to look at."""
    folder = os.environ.get("IEUM_SCREENSHOTS")
    if folder:
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def digits(text: str) -> str:
    return re.sub(r"\D", "", text)


async def fill_least(page: Page, language: str) -> None:
    await page.get_by_label(WORDS[language]["victim"]).check()
    await page.get_by_label(WORDS[language]["other"]).check()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_report_goes_from_form_to_status_without_script(
    chromium: Browser, site: str, harness: IntakeHarness, language: str
) -> None:
    words = WORDS[language]
    page = await small_page(chromium)
    await page.goto(f"{site}/all?lang={language}")
    await expect(page.get_by_role("link", name=re.compile("112")).first).to_be_visible()
    await shoot(page, f"form-{language}")

    await follow(page, page.get_by_role("button", name=words["send"]).click())
    await expect(page.locator(".error-summary")).to_be_visible()
    await shoot(page, f"form-errors-{language}")
    assert await harness.collection.count_documents({}) == 0

    await fill_least(page, language)
    await page.locator("[name=harm_types][value=synthesis]").check()
    await page.locator("#narrative").fill("적은 내용은 남아 있어야 해요")
    await follow(page, page.get_by_role("button", name=words["send"]).click())
    code = page.locator(".receipt-code")
    await expect(code).to_be_visible()
    receipt = digits(await code.inner_text())
    assert len(receipt) == 16
    assert receipt not in page.url
    await shoot(page, f"receipt-{language}")
    await expect(page.locator("main .links")).to_be_visible()
    await page.emulate_media(media="print")
    await expect(page.locator("main a[href='tel:1366']")).to_be_visible()
    await expect(page.locator("header")).to_be_hidden()
    for on_paper in ("main details", "main .links", "main a[href='/status']", "main .on-screen >> nth=-1"):
        await expect(page.locator(on_paper)).to_be_hidden()
    await shoot(page, f"receipt-printed-{language}")
    await page.emulate_media(media="screen")

    await page.reload()
    assert digits(await code.inner_text()) == receipt
    assert await harness.collection.count_documents({}) == 1

    await page.goto(f"{site}/status")
    await page.locator("#receipt").fill("0000 0000 0000 0001")
    await follow(page, page.get_by_role("button", name=words["show"]).click())
    await expect(page.locator(".error-summary")).to_be_visible()
    await page.locator("#receipt").fill(receipt)
    await follow(page, page.get_by_role("button", name=words["show"]).click())
    await expect(page.locator(".way .done")).to_have_count(1)
    assert "남아 있어야" not in await page.content()
    assert receipt not in page.url
    await shoot(page, f"status-{language}")


async def test_what_was_typed_is_kept_and_each_error_leads_to_its_field(chromium: Browser, site: str) -> None:
    page = await small_page(chromium, script=True)
    await page.goto(f"{site}/all?lang=ko")
    await fill_least(page, "ko")
    await page.locator("#narrative").fill("제 번호는 900101-1234567 이에요")
    await page.locator("#urls").fill("ftp://example.com")
    await page.get_by_label("문자", exact=True).check()
    await page.locator("#division").select_option("busan")
    await follow(page, page.get_by_role("button", name=WORDS["ko"]["send"]).click())
    links = page.locator(".error-summary a")
    await expect(links).to_have_count(3)
    assert [await link.get_attribute("href") for link in await links.all()] == ["#narrative", "#urls", "#phone"]
    await links.first.click()
    await expect(page.locator("#narrative")).to_be_focused()
    assert await page.locator("#narrative").input_value() == "제 번호는 900101-1234567 이에요"
    assert await page.locator("#division").input_value() == "busan"
    await expect(page.get_by_label(WORDS["ko"]["victim"])).to_be_checked()
    await shoot(page, "form-kept-ko")


@pytest.mark.parametrize(("language", "scheme"), [("ko", "dark"), ("en", "light")])
async def test_every_page_is_accessible_and_fits_a_small_window(
    chromium: Browser, site: str, language: str, scheme: str
) -> None:
    words = WORDS[language]
    page = await small_page(chromium, script=True, scheme=scheme)
    if scheme == "dark":
        await page.emulate_media(reduced_motion="no-preference")  # as most see it: buttons fade into their colours

    async def fine() -> None:
        await page.wait_for_load_state("load")
        await assert_accessible(page)
        await assert_no_sideways_scrolling(page)

    await page.goto(f"{site}/all?lang={language}")
    for summary in await page.locator("details summary").all():
        await summary.click()
    await fine()
    await page.set_viewport_size({"width": 320, "height": 640})
    await assert_no_sideways_scrolling(page)
    await follow(page, page.get_by_role("button", name=words["send"]).click())
    await expect(page.locator(".error-summary")).to_be_visible()
    await fine()
    await fill_least(page, language)
    await follow(page, page.get_by_role("button", name=words["send"]).click())
    await expect(page.locator(".receipt-code")).to_be_visible()
    await fine()
    receipt = await page.locator(".receipt-code").inner_text()
    await page.goto(f"{site}/status")
    await fine()
    await page.locator("#receipt").fill(receipt)
    await follow(page, page.get_by_role("button", name=words["show"]).click())
    await expect(page.locator(".way")).to_be_visible()
    await fine()


async def test_the_form_keeps_nothing_in_the_browser(chromium: Browser, site: str) -> None:
    page = await small_page(chromium, script=True)
    answer = await page.goto(f"{site}/all?lang=en")
    assert answer is not None
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    form = page.locator("#step")
    assert await form.get_attribute("autocomplete") == "off"
    assert await form.get_attribute("spellcheck") == "false"
    fields = await page.locator("main form input:not([type=hidden]):not([type=radio]):not([type=checkbox])").all()
    assert {await field.get_attribute("autocomplete") for field in fields} == {"off"}
    first = await page.locator("input[name=idempotency_key]").input_value()
    await page.goto(f"{site}/all?lang=en")
    assert await page.locator("input[name=idempotency_key]").input_value() != first
    await expect(page.locator("[data-quick-exit]")).to_be_visible()
    assert [cookie["name"] for cookie in await page.context.cookies()] == ["lang"]
