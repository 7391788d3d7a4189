"""The layout, quick exit and sign-in in a real Chromium, on the small site of the unit tests."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Browser, Page, expect

from shared.identity.cookies import token_cookie
from shared.web.pages import QUICK_EXIT_URL
from tests.browser.helpers import assert_accessible, assert_no_sideways_scrolling, context_that_leaves, follow, serving
from tests.unit.shared.web.small_site import TOKEN, build

PAGES = ["/", "/docs", "/desk", "/nothing"]


async def _sign_in(page: Page, site: str) -> None:
    await page.context.add_cookies([{"name": token_cookie("notify"), "value": TOKEN, "url": site}])


@pytest.mark.parametrize(("scheme", "language"), [("light", "ko"), ("dark", "en")])
async def test_every_page_is_accessible_in_both_languages(chromium: Browser, scheme: str, language: str) -> None:
    context = await chromium.new_context(color_scheme=scheme)  # type: ignore[arg-type]  # one of the two words
    page = await context.new_page()
    async with serving(build()) as site:
        await _sign_in(page, site)
        for path in PAGES:
            await page.goto(f"{site}{path}?lang={language}")
            assert await page.locator("html").get_attribute("lang") == language
            await assert_accessible(page)
        await context.close()


async def test_no_page_scrolls_sideways(chromium: Browser) -> None:
    context = await chromium.new_context()
    page = await context.new_page()
    async with serving(build()) as site:
        await _sign_in(page, site)
        for path in PAGES:
            for language in ("ko", "en"):
                await page.goto(f"{site}{path}?lang={language}")
                for width in (320, 360, 1280):  # 320 are also what is left of 1280 at 400 % zoom (WCAG 1.4.10)
                    await page.set_viewport_size({"width": width, "height": 640})
                    await assert_no_sideways_scrolling(page)
        await context.close()


async def test_the_form_after_an_error_is_accessible_and_links_to_the_field(chromium: Browser) -> None:
    context = await chromium.new_context(locale="ko-KR")
    page = await context.new_page()
    async with serving(build()) as site:
        await page.goto(site)
        await follow(page, page.get_by_role("button", name="신고 접수하기").click())
        await expect(page.locator(".error-summary")).to_be_focused()
        await assert_accessible(page)
        await page.locator(".error-summary a").click()
        await expect(page.locator("#what")).to_be_focused()
        await context.close()


async def _outside(page: Page) -> None:
    await page.wait_for_url(QUICK_EXIT_URL)
    assert await page.title() == "outside"


async def test_quick_exit_by_button_leaves_nothing_to_come_back_to(chromium: Browser) -> None:
    context = await context_that_leaves(chromium)
    page = await context.new_page()
    async with serving(build()) as site:
        await page.goto(f"{site}/health/live")
        await page.goto(site)
        await page.evaluate("sessionStorage.setItem('draft', 'something private')")
        await page.locator("#story").fill("something private")
        await page.get_by_role("button", name="빠른 나가기").click()
        await _outside(page)
        await page.go_back()
        assert page.url == f"{site}/health/live"
        assert await page.evaluate("sessionStorage.length") == 0
        await context.close()


async def test_shift_three_times_leaves(chromium: Browser) -> None:
    context = await context_that_leaves(chromium)
    page = await context.new_page()
    async with serving(build()) as site:
        # The three must come soon after each other, which a busy machine does not always manage.
        await page.clock.install()
        await page.goto(f"{site}/?lang=en")
        await page.clock.pause_at(datetime.now(UTC) + timedelta(days=1))
        await expect(page.locator("[data-exit-hint]")).to_be_attached()
        await page.locator("#story").focus()
        await page.keyboard.press("Shift")
        await expect(page.get_by_role("status")).to_have_text("Press Shift two more times to leave.")
        await page.keyboard.press("Shift")
        await page.keyboard.press("Shift")
        await _outside(page)
        await context.close()


async def test_writing_capitals_or_slow_presses_do_not_leave(chromium: Browser) -> None:
    context = await context_that_leaves(chromium)
    page = await context.new_page()
    async with serving(build()) as site:
        await page.clock.install()
        await page.goto(site)
        await page.clock.pause_at(datetime.now(UTC) + timedelta(days=1))  # as above
        await page.locator("#story").focus()
        for letter in "ABCD":
            await page.keyboard.press(f"Shift+{letter}")
        await page.keyboard.press("Shift")
        await page.keyboard.press("Shift")
        await page.clock.fast_forward(5001)
        await page.keyboard.press("Shift")
        assert page.url == f"{site}/"
        assert await page.locator("#story").input_value() == "ABCD"
        await page.keyboard.press("Shift")
        await page.keyboard.press("Shift")
        await _outside(page)
        await context.close()


async def test_without_script_quick_exit_is_a_link_and_the_form_works(chromium: Browser) -> None:
    context = await context_that_leaves(chromium, java_script_enabled=False)
    page = await context.new_page()
    async with serving(build()) as site:
        await page.goto(f"{site}/?lang=en")
        await expect(page.locator("[data-exit-hint]")).to_be_hidden()
        await follow(page, page.get_by_role("button", name="Send").click())
        await expect(page.locator(".error-summary")).to_be_focused()
        await page.get_by_role("link", name="Quick exit").click()
        await page.wait_for_url(QUICK_EXIT_URL)
        await context.close()


async def test_quick_exit_stays_in_sight_while_scrolling(chromium: Browser) -> None:
    context = await chromium.new_context(viewport={"width": 360, "height": 500})
    page = await context.new_page()
    async with serving(build()) as site:
        await page.goto(site)
        await page.evaluate("scrollTo(0, document.body.scrollHeight)")
        await expect(page.locator(".exit")).to_be_in_viewport(ratio=1)
        # On a wide page the hint beside it goes with the page: it would cover what is read.
        await page.set_viewport_size({"width": 1280, "height": 300})
        await page.evaluate("scrollTo(0, 0)")
        await expect(page.locator("[data-exit-hint] span")).to_be_in_viewport(ratio=1)
        await page.evaluate("scrollTo(0, document.body.scrollHeight)")
        await expect(page.locator("[data-exit-hint] span")).not_to_be_in_viewport()
        await expect(page.locator(".exit")).to_be_in_viewport(ratio=1)
        await context.close()


async def test_with_letters_twice_as_large_a_button_breaks_no_word_on_a_phone(chromium: Browser) -> None:
    context = await chromium.new_context(viewport={"width": 360, "height": 740})
    page = await context.new_page()
    async with serving(build()) as site:
        await page.goto(f"{site}/?lang=en")
        room = await page.evaluate("""() => {
          document.documentElement.style.setProperty("font-size", "200%", "important");
          document.querySelector("main .wrap").innerHTML =
            '<div class="notice"><p class="actions"><a class="button" href="/">counselling</a></p></div>';
          const button = document.querySelector("main .button");
          button.style.whiteSpace = "nowrap";
          return button.clientWidth - button.scrollWidth;
        }""")
        assert room >= 0
        await context.close()


async def test_targets_are_large_enough_for_a_thumb(chromium: Browser) -> None:
    context = await chromium.new_context(viewport={"width": 360, "height": 640}, has_touch=True)
    page = await context.new_page()
    async with serving(build()) as site:
        await page.goto(site)
        heights = await page.locator(".choice label, .choice, main button, .exit, .help-lines a, select").evaluate_all(
            "all => all.map(e => e.getBoundingClientRect().height)"
        )
        assert len(heights) > 8
        assert min(heights) >= 44
        await context.close()


async def test_the_skip_link_leads_past_the_header(chromium: Browser) -> None:
    context = await chromium.new_context()
    page = await context.new_page()
    async with serving(build()) as site:
        await page.goto(site)
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="본문 바로가기")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("main")).to_be_focused()
        await context.close()


async def test_relative_times_go_on_and_show_the_exact_time_on_demand(chromium: Browser) -> None:
    context = await chromium.new_context()
    page = await context.new_page()
    async with serving(build()) as site:
        await page.clock.install(time="2026-11-24T12:00:00Z")
        await page.clock.pause_at("2026-11-24T12:00:01Z")  # a minute of a busy machine is none of the page
        await page.goto(f"{site}/?lang=en")
        moment = page.locator("main time").last
        await expect(moment).to_have_text("3 minutes ago")
        await page.clock.fast_forward(120_000)
        await expect(moment).to_have_text("5 minutes ago")
        await moment.click()
        await expect(moment).to_have_text("Tue 24 Nov 2026, 20:57:00 KST")
        await moment.click()
        await expect(moment).to_have_text("5 minutes ago")
        await moment.evaluate("time => { time.dataset.time = 'elapsed' }")
        await page.clock.fast_forward(60_000)
        await expect(moment).to_have_text("6 minutes")
        await context.close()


async def test_no_page_breaks_its_own_content_security_policy(chromium: Browser) -> None:
    context = await chromium.new_context()
    page = await context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    async with serving(build()) as site:
        await _sign_in(page, site)
        for path in PAGES[:-1]:
            await page.goto(f"{site}{path}", wait_until="networkidle")
        await context.close()
    assert said == []
