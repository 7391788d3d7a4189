"""Where somebody is signed in, on a phone and by keyboard, in both languages."""

from urllib.parse import urlsplit

from playwright.async_api import Browser, Page

from services.identity.accounts.service import Ready
from shared.settings import StoreSettings
from tests.browser.helpers import assert_accessible, assert_no_sideways_scrolling, follow
from tests.browser.test_passkeys import site
from tests.integration.identity.conftest import Process


async def entered(page: Page, address: str, identity: Process, ready: Ready, wanted: str) -> None:
    await page.goto(f"{address}/session?next={wanted}")
    await page.fill("#account", ready.account.name)
    await page.fill("#password", ready.password)
    await page.fill("#code", identity.code(ready))
    await follow(page, page.press("#code", "Enter"))
    assert urlsplit(page.url).path == wanted


async def test_sessions_are_seen_and_ended_on_a_phone_by_keyboard(
    chromium: Browser, store_settings: StoreSettings
) -> None:
    async with site(store_settings) as (identity, address):
        admin, counsellor = await identity.person("jeju", "administrator"), await identity.person("jeju", "counsellor")
        narrow = await chromium.new_context(viewport={"width": 360, "height": 740})
        page, other = await narrow.new_page(), await (await chromium.new_context()).new_page()
        await entered(other, address, identity, counsellor, "/account")
        await entered(page, address, identity, admin, "/account")
        theirs = f"{address}/accounts/{counsellor.account.subject}/sessions"
        for where in (f"{address}/account/sessions", theirs):
            for language in ("en", "ko"):
                await page.goto(f"{where}?lang={language}")
                await assert_accessible(page)
                await assert_no_sideways_scrolling(page)
        end = page.get_by_role("button", name="세션 끝내기:")
        await end.focus()
        await follow(page, page.keyboard.press("Enter"))
        await page.wait_for_selector(".sessions .empty")
        await other.goto(f"{address}/account")
        await other.wait_for_url("**/session?*")
