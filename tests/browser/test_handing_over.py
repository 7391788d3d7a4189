"""Handing a report over in a real Chromium: by keyboard, without script, both languages, small and wide."""

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.helpers import assert_accessible, assert_no_sideways_scrolling, follow, move_to
from tests.browser.test_form import shoot
from tests.browser.test_steps import SMALL, WIDE, window
from tests.integration.intake.harness import IntakeHarness


async def fine(page: Page, name: str) -> None:
    """Accessible and as wide as its window, at every size that is promised."""
    await page.wait_for_load_state("load")
    if await page.evaluate("() => !matchMedia('(scripting: none)').matches"):
        await assert_accessible(page)  # axe-core needs script
    for width in (320, 360, 1280):  # 320 are also what is left of 1280 at 400 % zoom
        await page.set_viewport_size({"width": width, "height": 740})
        await assert_no_sideways_scrolling(page)
        await shoot(page, f"{name}-{width}")


async def digits_of(page: Page) -> str:
    return "-".join(await page.locator(".receipt-code span").all_inner_texts())


@pytest.mark.parametrize(
    ("language", "size", "script"),
    [("ko", SMALL, True), ("en", WIDE, True), ("ko", WIDE, False), ("en", SMALL, False)],
)
async def test_by_keyboard_with_and_without_script_a_report_changes_hands(
    chromium: Browser, site: str, harness: IntakeHarness, language: str, size: dict[str, int], script: bool
) -> None:
    lodged = (await harness.lodge({"role": "representative", "harm_types": ["other"]})).json()
    theirs = await window(chromium, size, java_script_enabled=script)
    await theirs.goto(f"{site}/status?lang={language}")
    await theirs.locator("#receipt").fill(lodged["receipt"])
    await follow(theirs, theirs.keyboard.press("Enter"))
    await expect(theirs.locator("form[action^='/status/hand-over'] button")).to_be_visible()
    await move_to(theirs, "form[action^='/status/hand-over'] button")
    await follow(theirs, theirs.keyboard.press("Enter"))
    await expect(theirs.locator("main button.primary")).to_be_visible()
    await fine(theirs, f"hand-over-ask-{language}")
    await move_to(theirs, "main button.primary")
    await follow(theirs, theirs.keyboard.press("Enter"))
    await expect(theirs.locator(".receipt-code")).to_be_visible()
    await fine(theirs, f"hand-over-code-{language}")
    code = await digits_of(theirs)

    own = await window(chromium, size, java_script_enabled=script)
    await own.goto(f"{site}/status?lang={language}")
    await move_to(own, "a[href='/take-over']")
    await follow(own, own.keyboard.press("Enter"), "**/take-over*")
    await fine(own, f"take-over-{language}")
    await move_to(own, "#code")
    await own.keyboard.type(code)
    await follow(own, own.keyboard.press("Enter"))
    await expect(own.locator(".error-summary")).to_be_visible()
    assert await own.locator("#code").input_value() == code
    await fine(own, f"take-over-error-{language}")
    await move_to(own, "#i_am_the_person")
    await own.keyboard.press("Space")
    await move_to(own, "main button.primary")
    await follow(own, own.keyboard.press("Enter"))
    await expect(own.locator(".receipt-code")).to_be_visible()
    await fine(own, f"taken-over-{language}")
    assert await digits_of(own) != lodged["receipt"]
    await move_to(own, "main button.primary")
    await follow(own, own.keyboard.press("Enter"))
    await expect(own.locator("#contact_channels")).to_be_visible()

    await theirs.goto(f"{site}/status?lang={language}")
    await theirs.locator("#receipt").fill(lodged["receipt"])
    await follow(theirs, theirs.keyboard.press("Enter"))
    await expect(theirs.locator(".way")).to_be_visible()
    await fine(theirs, f"handed-over-{language}")
    await expect(theirs.locator("form[action^='/status/']")).to_have_count(0)
