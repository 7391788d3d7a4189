"""A page that comes while nobody waits for it is noticed."""

from playwright.async_api import Browser

from tests.browser import arrivals
from tests.browser.helpers import follow, serving
from tests.unit.shared.web.small_site import build


async def test_a_page_that_nobody_waits_for_is_noticed(chromium: Browser) -> None:
    page = await (await chromium.new_context()).new_page()
    async with serving(build()) as site:
        await page.goto(site)
        send = page.get_by_role("button", name="신고 접수하기")
        await follow(page, send.click())
        assert arrivals.surprises() == []
        await send.click()
        await page.wait_for_load_state()
        assert arrivals.surprises() == [f"{site}/"]
        await page.context.close()
