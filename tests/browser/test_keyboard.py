"""The whole form with nothing but a keyboard, in both languages: every step is answered, none is a trap."""

from typing import Final

import pytest
from playwright.async_api import Browser, Page, expect

from services.intake.webform import steps
from tests.browser.helpers import follow
from tests.browser.walking import FULLEST
from tests.integration.intake.harness import IntakeHarness

pytestmark = pytest.mark.timeout(480)
WIDE: Final = {"width": 1280, "height": 900}
TYPED: Final = {
    "phone": "010-0000-0000",
    "email": "moon@example.com",
    "urls": "https://example.com/a",
    "division": "jeonnam-gwangju",
    "word": "blue umbrella",
}
CHOSEN: Final = {"role": "representative", "contact_channels": "text"}
"""Where it matters which; elsewhere the first is taken."""
LEFT_EMPTY: Final = {"marks", "word", "earlier_receipt"}
"""Fingerprints come from a script, a word would have to be said again, and there is no earlier receipt."""
MOST_TABS: Final = 150
HERE: Final = """() => {
  const e = document.activeElement;
  const form = e.closest("main form");
  return {inside: !!form, tag: e.tagName, type: e.type || "", name: e.name || "", value: e.value || "", id: e.id,
    checked: !!e.checked, group: form && e.name ? form.querySelectorAll(`[name="${e.name}"]:checked`).length : 0};
}"""


async def answer(page: Page) -> bool:
    """Answer what has the focus; true when that leads to the next page."""
    here = await page.evaluate(HERE)
    if not here["inside"]:
        return False
    name, kind = here["name"], here["type"]
    if here["tag"] == "BUTTON":
        leads = bool((name == "go" and here["value"] == "next") or (name == "" and kind == "submit"))
        if leads:
            await follow(page, page.keyboard.press("Enter"))
        return leads
    if kind == "radio":
        await _radio(page, name)
    elif kind == "checkbox" and (here["value"] == CHOSEN[name] if name in CHOSEN else not here["group"]):
        await page.keyboard.press("Space")
    elif here["tag"] == "SELECT":
        await _select(page, TYPED.get(name))
    elif (here["tag"] == "TEXTAREA" or kind in {"text", "tel", "email"}) and name not in LEFT_EMPTY:
        await page.keyboard.type(TYPED.get(name, "words"))
    return False


async def _radio(page: Page, name: str) -> None:
    await page.keyboard.press("Space")
    for _ in range(12):
        if (await page.evaluate(HERE))["value"] == CHOSEN.get(name, (await page.evaluate(HERE))["value"]):
            return
        await page.keyboard.press("ArrowDown")
    raise AssertionError(f"{name} has no such choice")


async def _select(page: Page, wanted: str | None) -> None:
    for _ in range(40):
        await page.keyboard.press("ArrowDown")
        if wanted in {None, (await page.evaluate(HERE))["value"]}:
            return
    raise AssertionError(f"{wanted} was not reached by arrow keys")


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_the_whole_form_by_keyboard(chromium: Browser, site: str, harness: IntakeHarness, language: str) -> None:
    context = await chromium.new_context(viewport=WIDE)  # type: ignore[arg-type]  # a size as Playwright has it
    page = await context.new_page()
    await page.goto(f"{site}/form/who?lang={language}")
    walked = []
    for _ in range(len(steps.STEPS) + 1):
        walked.append(page.url.partition("?")[0].rpartition("/")[2])
        if walked[-1] == steps.CHECK:
            break
        for _ in range(MOST_TABS):
            await page.keyboard.press("Tab")
            if await answer(page):
                break
        else:
            raise AssertionError(f"{walked[-1]}: the way on was not reached by Tab")
    assert walked == [*(one.slug for one in steps.way(FULLEST)), steps.CHECK]
    await expect(page.locator("html")).to_have_attribute("lang", language)
    for _ in range(MOST_TABS):
        await page.keyboard.press("Tab")
        if await page.evaluate("() => document.activeElement.matches('#send button:not([name=go])')"):
            break
    await follow(page, page.keyboard.press("Enter"))
    await expect(page.locator(".receipt-code")).to_be_visible()
    assert await harness.collection.count_documents({}) == 1
    for _ in range(MOST_TABS):
        await page.keyboard.press("Tab")
        if await page.evaluate("() => document.activeElement === document.body"):
            return  # past the last link and out of the page: nothing holds the focus
    raise AssertionError("the receipt's page is a trap")
