"""The start page and the advice in thirteen languages, in a real Chromium: accessible, and no wider than a phone."""

import pytest
from playwright.async_api import Browser, expect

from services.intake.webform.safety_texts import LANGUAGES, NOTES
from tests.browser.helpers import assert_accessible, assert_no_sideways_scrolling
from tests.browser.test_form import shoot
from tests.browser.test_handing_over import tab_to
from tests.browser.test_steps import SMALL, window


@pytest.mark.parametrize("frame", ["ko", "en"])
async def test_every_language_is_accessible_and_fits(chromium: Browser, site: str, frame: str) -> None:
    page = await window(chromium)
    for language in LANGUAGES:
        for path in (f"/in/{language}", f"/in/{language}/{list(NOTES)[LANGUAGES.index(language) % len(NOTES)]}"):
            await page.goto(f"{site}{path}?lang={frame}")
            assert await page.locator("html").get_attribute("lang") == language
            await assert_accessible(page)
            for width in (320, 1280):
                await page.set_viewport_size({"width": width, "height": 740})
                await assert_no_sideways_scrolling(page)
            await page.set_viewport_size({"width": 360, "height": 740})
            await shoot(page, f"in{path.removeprefix('/in').replace('/', '-')}-{frame}-360")


@pytest.mark.parametrize("script", [False, True])
async def test_by_keyboard_from_the_start_to_advice_in_ones_language_and_into_the_form(
    chromium: Browser, site: str, script: bool
) -> None:
    page = await window(chromium, SMALL, java_script_enabled=script)
    await page.goto(f"{site}/?lang=ko")
    await tab_to(page, "a[href='/in/vi']")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/in/vi")
    await tab_to(page, "a[href='/in/vi/money']")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/in/vi/money")
    await tab_to(page, "main a[href='/in/vi']")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/in/vi")
    await tab_to(page, "main a.primary")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/?lang=en")
    await expect(page.locator("a[href='/form/who']")).to_be_visible()
