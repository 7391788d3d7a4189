"""A drill in a real browser on the whole system: button, intake, routing, alert, a person; and in no count."""

import os
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.helpers import assert_accessible, assert_no_sideways_scrolling
from tests.browser.whole import LIVE_MS, running, sign_in, window

pytestmark = [pytest.mark.browser, pytest.mark.engines]
SHOTS = os.environ.get("IEUM_SCREENSHOTS")


@pytest.mark.timeout(480)
async def test_a_drill_goes_the_whole_way_and_its_stages_are_on_the_page(chromium: Browser, tmp_path: Path) -> None:
    with running(tmp_path) as whole:
        page = await window(chromium, "en")
        await sign_in(page, whole, "busan-lead")
        await page.goto(whole.url("notify", "/drills"))
        await page.get_by_role("button", name="Begin a drill").click()
        row = page.locator("tbody tr").first

        async def reload() -> None:
            await page.get_by_role("link", name="Load the list again").click()

        for _ in range(100):
            await reload()
            cells = await row.locator("td").all_inner_texts()
            if re.fullmatch(r"\d+\.\d", cells[3]):
                break
            await page.wait_for_timeout(200)
        cells = await row.locator("td").all_inner_texts()
        assert all(re.fullmatch(r"\d+\.\d", cell) for cell in cells[1:4]), cells
        assert "Running" in cells[5]
        await page.goto(whole.url("notify", "/"))
        case = page.locator("#cases li").filter(has_text="Drill").first
        await case.locator("form.acknowledge button").click()
        await expect(page.locator("#cases form.acknowledge")).to_have_count(0, timeout=LIVE_MS)
        await page.goto(whole.url("notify", "/drills"))
        await expect(row).to_contain_text("Passed", timeout=LIVE_MS)
        await assert_accessible(page)
        for lang in ("ko", "en"):
            for wide in (360, 1280):
                await page.set_viewport_size({"width": wide, "height": 800})
                await page.goto(whole.url("notify", f"/drills?lang={lang}"))
                await assert_no_sideways_scrolling(page)
                if SHOTS:
                    await page.screenshot(path=str(Path(SHOTS) / f"drills-{lang}-{wide}.png"), full_page=True)
