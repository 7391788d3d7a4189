"""A lead registers a passkey on the way in and signs in with it, in Chromium with an authenticator in software."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from playwright.async_api import Browser, Page, expect

from shared.settings import StoreSettings
from tests.browser.helpers import assert_accessible, assert_no_sideways_scrolling, follow, line_of, serving
from tests.integration.identity.conftest import IdentityHarness, Process
from tests.support.clock import ManualClock
from tools.local.ports import free_port

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@contextlib.asynccontextmanager
async def site(store: StoreSettings) -> AsyncIterator[tuple[Process, str]]:
    """An identity that browsers reach by a name, where leads must have a passkey."""
    harness, port = IdentityHarness(store, ManualClock(datetime(2026, 11, 24, 12, 0, tzinfo=UTC))), free_port()
    address = f"http://localhost:{port}"
    async with harness.stack:
        identity = await harness.process(IEUM_PUBLIC_URLS={"identity": address}, passkeys_required_for=["lead"])
        async with serving(identity.app, port):
            yield identity, address


async def check(page: Page) -> None:
    await assert_accessible(page)
    await assert_no_sideways_scrolling(page)


async def test_a_lead_is_led_to_a_passkey_and_signs_in_with_it_by_keyboard(
    chromium: Browser, store_settings: StoreSettings
) -> None:
    async with site(store_settings) as (identity, address):
        ready = await identity.person("jeju", "lead")
        context = await chromium.new_context(viewport={"width": 360, "height": 740})
        page = await context.new_page()
        device = await context.new_cdp_session(page)

        line = await line_of(page, "**/session/passkey/new")
        await page.goto(f"{address}/session?next=/account")
        await check(page)
        await page.fill("#account", ready.account.name)
        await page.fill("#password", ready.password)
        await page.fill("#code", identity.code(ready))
        await follow(page, page.press("#code", "Enter"), "**/session/passkey?*")
        await check(page)
        # Not before: Chromium sometimes asks nobody for a passkey that was there before it changed pages.
        await device.send("WebAuthn.enable")
        await device.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        await page.fill("#name", "휴대전화")
        await page.press("#name", "Tab")
        line.cut = True
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_contain_text("패스키를 확인하지 못했습니다")
        await expect(page.locator("[data-passkey]")).to_be_focused()
        line.cut = False
        await follow(page, page.press("#name", "Enter"), "**/account")
        assert await page.locator("li", has_text="휴대전화").count() == 1
        await check(page)

        for _ in range(2):  # two hours later, in a session that was used meanwhile
            await identity.clock.advance(110 * 60)
            await page.goto(f"{address}/account")
        await page.goto(f"{address}/releases")
        await page.wait_for_url("**/session/confirm?*")
        await check(page)
        await page.press("#code", "Shift+Tab")  # the passkey comes before the recovery code
        await follow(page, page.keyboard.press("Enter"), "**/releases")

        await context.clear_cookies()
        await page.goto(f"{address}/session?next=/account&lang=en")
        await page.fill("#account", ready.account.name)
        await page.fill("#password", ready.password)
        await page.get_by_role("button", name="Sign in with a passkey").focus()
        await follow(page, page.keyboard.press("Enter"), "**/account")
        await follow(page, page.get_by_role("link", name="Remove the passkey").click(), "**/remove")
        await check(page)

        await context.clear_cookies()
        await too_late(page, address, identity)
        await without_script(chromium, address, identity)


async def too_late(page: Page, address: str, identity: Process) -> None:
    """Whoever registers their first passkey when the time for it is over is led to the sign-in."""
    late = await identity.person("busan", "lead")
    await page.goto(f"{address}/session?lang=en")
    await page.fill("#account", late.account.name)
    await page.fill("#password", late.password)
    await page.fill("#code", identity.code(late))
    await follow(page, page.press("#code", "Enter"), "**/session/passkey?*")
    await identity.clock.advance(11 * 60)
    await page.fill("#name", "phone")
    await follow(page, page.press("#name", "Enter"), "**/session/passkey?*")
    await expect(page.get_by_role("heading", name="Please sign in.")).to_be_visible()


async def without_script(chromium: Browser, address: str, identity: Process) -> None:
    """Nobody is offered what needs a script, and everybody signs in without it."""
    plain = await (await chromium.new_context(java_script_enabled=False, locale="en")).new_page()
    await plain.goto(f"{address}/session")
    assert await plain.get_by_role("button", name="Sign in with a passkey").count() == 0
    assert await plain.get_by_text("Passkeys need JavaScript").is_visible()
    await plain.fill("#account", (other := await identity.person("jeju", "counsellor")).account.name)
    await plain.fill("#password", other.password)
    await plain.fill("#code", identity.code(other))
    await follow(plain, plain.press("#code", "Enter"))
    await plain.goto(f"{address}/account")
    assert await plain.get_by_text("No passkey is registered.").is_visible()
