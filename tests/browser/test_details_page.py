"""The page of details: blurred until somebody means to read; and an answer from there to whoever has the receipt."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from shared.identity.cookies import token_cookie
from tests.browser.helpers import assert_accessible, follow, line_of
from tests.integration.intake.harness import IntakeHarness
from tests.integration.intake.holding import Holder, holder, owned

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]
SHOTS = os.environ.get("IEUM_SCREENSHOTS")
SESSION = "S" * 24
_DEADLINE = (datetime.now(UTC) + timedelta(days=1)).isoformat()
POST = """ticket => {
  const form = document.createElement("form");
  form.method = "post"; form.action = "/details";
  const field = document.createElement("input");
  field.name = "ticket"; field.value = ticket;
  form.append(field); document.body.append(form); form.submit();
}"""


async def window(chromium: Browser, lang: str, wide: int, *, script: bool = True) -> BrowserContext:
    return await chromium.new_context(
        locale="ko-KR" if lang == "ko" else "en-GB",
        viewport={"width": wide, "height": 900},
        java_script_enabled=script,
    )


async def opened(
    context: BrowserContext, harness: IntakeHarness, site: str, report_id: str, page: Page | None = None
) -> Page:
    """The page of details, as a counsellor of the owning centre gets it."""
    token = harness.people.token("busan", "counsellor", subject="s-1", session=SESSION)
    await context.add_cookies([{"name": token_cookie("intake"), "value": token, "url": site}])
    page = page or await context.new_page()
    await page.goto(f"{site}/languages")
    ticket = harness.people.ticket(report_id, "busan", subject="s-1", session=SESSION)
    await follow(page, page.evaluate(POST, ticket))
    await expect(page.locator("#unveil")).to_be_attached()
    return page


async def shot(page: Page, name: str) -> None:
    if SHOTS:
        await page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


async def blurred(page: Page, what: str) -> bool:
    found = await page.locator(what).first.evaluate("element => getComputedStyle(element).filter")
    return bool(found != "none")


async def lodged(harness: IntakeHarness) -> Holder:
    someone = await holder(
        harness, threat_deadline=_DEADLINE, seen_when="지난주", already_told=["police"], age_band="under_14"
    )
    await owned(someone, "busan", seen=True)
    await someone.done("amend", threatened=False, threat_deadline=None, seen_when="몇 년 전", already_told=["nobody"])
    await someone.done("amend", consents={"version": "2026-11", "personal": True, "sensitive": True})
    await someone.done("amend", harm_types=["synthesis", "distribution"], age_band="30s", division="seoul")
    await someone.done("messages", text="언제 전화하세요?")
    return someone


@pytest.mark.parametrize(("lang", "wide"), [("ko", 360), ("en", 1280)])
async def test_details_are_blurred_and_clean(
    chromium: Browser, harness: IntakeHarness, site: str, lang: str, wide: int
) -> None:
    someone = await lodged(harness)
    page = await opened(await window(chromium, lang, wide), harness, site, someone.report_id)
    veils = "p.veil, .copy.veil"
    assert await blurred(page, veils)
    assert not await blurred(page, ".avoid"), "what is not safe is never hidden"
    await shot(page, f"details-blurred-{lang}-{wide}")
    await page.locator("p.veil").first.focus()
    assert not await blurred(page, "p.veil")
    await page.locator("#unveil").check()
    for veil in await page.locator(".veil").all():
        assert await veil.evaluate("element => getComputedStyle(element).filter") == "none"
    await assert_accessible(page)
    sideways = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert sideways <= 0
    await shot(page, f"details-{lang}-{wide}")


@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_answers_and_notes_are_written_on_the_page_and_reach_whoever_holds_the_receipt(
    chromium: Browser, harness: IntakeHarness, site: str, lang: str
) -> None:
    someone = await lodged(harness)
    context = await window(chromium, lang, 1280)
    page = await context.new_page()
    line = await line_of(page, "**/note")
    await opened(context, harness, site, someone.report_id, page)
    await page.wait_for_url(f"**/details/{someone.report_id}")  # the page's script has run
    await page.locator("#answer").fill("토요일 저녁에 여기로 다시 볼게요.")
    await page.locator("form[action$='/answer'] button").click()
    await expect(page.get_by_role("status")).to_contain_text(
        "답장을 남겼습니다." if lang == "ko" else "The answer was left."
    )
    await expect(page.locator("#answer")).to_have_value("")
    await expect(page.locator("[data-written=answer] .card").first).to_contain_text("토요일 저녁에 여기로 다시 볼게요.")
    for text in ("첫째 메모", "둘째 메모"):
        await page.locator("#note").fill(text)
        await page.locator("form[action$='/note'] button").press("Enter")
        await expect(page.locator("[data-written=note] .card").first).to_contain_text(text)
        await expect(page.locator("#note")).to_be_focused()
    line.cut = True
    await page.locator("#note").fill("셋째 메모")
    await page.locator("form[action$='/note'] button").click()
    unknown = "저장되었는지 알 수 없습니다." if lang == "ko" else "nobody knows whether this was kept."
    await expect(page.get_by_role("alert")).to_contain_text(unknown)  # the answer may be what was lost
    await expect(page.locator("#note")).to_have_value("셋째 메모")
    line.cut = False
    await page.locator("#note").fill("주민등록번호 900101-1234567")
    await page.locator("form[action$='/note'] button").click()
    await expect(page.locator("#note")).to_have_attribute("aria-invalid", "true")
    await expect(page.locator("#note")).to_have_value("주민등록번호 900101-1234567")
    await expect(page.locator("p.veil").first).to_be_visible()
    await assert_accessible(page)
    await shot(page, f"details-answered-{lang}-1280")
    reloaded = await page.context.request.get(page.url, max_redirects=0)
    assert (reloaded.status, reloaded.headers["location"].rpartition("/cases/")[2]) == (303, someone.report_id)
    person = await (await window(chromium, lang, 360, script=False)).new_page()
    await person.goto(f"{site}/status?lang={lang}")
    await person.locator("#receipt").fill(someone.receipt)
    await follow(person, person.locator("main form button[type=submit]").click())
    await shot(person, f"standing-answered-{lang}-360")
    await follow(person, person.locator("form[action*='/status/answers'] button").click())
    await follow(person, person.locator("main form[action*='/status/answers'] button").click())
    await expect(person.locator("main")).to_contain_text("토요일 저녁에 여기로 다시 볼게요.")
    await shot(person, f"answers-{lang}-360")
    again = await opened(await window(chromium, lang, 1280), harness, site, someone.report_id)
    words = {"ko": ("읽음", "아직 읽지 않음"), "en": ("read", "not read yet")}[lang]
    await expect(again.locator("section:has(#messages-title)")).to_contain_text(words[0])
    await expect(again.locator("section:has(#messages-title)")).not_to_contain_text(words[1])
