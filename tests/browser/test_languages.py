"""From the start page in one of thirteen languages into the form; ``test_every_page`` looks at each of the pages."""

import pytest
from playwright.async_api import Browser, expect

from tests.browser.helpers import follow, move_to
from tests.browser.test_steps import SMALL, window


@pytest.mark.parametrize("script", [False, True])
async def test_by_keyboard_from_the_start_to_advice_in_ones_language_and_into_the_form(
    chromium: Browser, site: str, script: bool
) -> None:
    page = await window(chromium, SMALL, java_script_enabled=script)
    await page.goto(f"{site}/?lang=ko")
    await move_to(page, "a[href='/in/vi']")
    await follow(page, page.keyboard.press("Enter"), "**/in/vi")
    await move_to(page, "a[href='/in/vi/money']")
    await follow(page, page.keyboard.press("Enter"), "**/in/vi/money")
    await move_to(page, "main a[href='/in/vi']")
    await follow(page, page.keyboard.press("Enter"), "**/in/vi")
    await move_to(page, "main a.primary")
    await follow(page, page.keyboard.press("Enter"), "**/?lang=en")
    await expect(page.locator("a[href='/form/who']")).to_be_visible()
