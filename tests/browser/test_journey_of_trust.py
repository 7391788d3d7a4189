"""On the whole system: a report from the form to its withdrawal, as seen by everybody; and a drill."""

import asyncio
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.helpers import assert_accessible, assert_no_sideways_scrolling, follow
from tests.browser.whole import Whole, running, sign_in, window
from tests.support.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]
SHOTS = os.environ.get("IEUM_SCREENSHOTS")


@dataclass(frozen=True)
class Telling:
    """How the journey reads in a language, and between which centres it goes."""

    lang: str
    script: bool
    here: str
    there: str
    there_name: str
    story: str
    word: str
    question: str


TELLINGS = [
    Telling(
        "ko", True, "jeju", "busan", "부산", "모르는 사람이 합성한 사진을 보냈어요.", "달빛 산책", "언제 전화하세요?"
    ),
    Telling("en", False, "sejong", "ulsan", "Ulsan", "A stranger sent an edited photo.", "a moonlit walk", "When?"),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    leads = {f"{center}-lead" for told in TELLINGS for center in (told.here, told.there)}
    with running(tmp_path_factory.mktemp("trust"), {*leads, "ministry-auditor"}) as started:
        yield started


async def see(page: Page, address: str, what: str, count: int = 1) -> None:
    """Load a page again and again until it shows something, as a person without script would."""

    async def shown() -> bool:
        await page.goto(address)
        return await page.locator(what).count() == count

    await eventually(shown)


async def press(page: Page, form: str) -> None:
    """Send a form by its button."""
    await follow(page, page.locator(f"form[action*='{form}'] button[type=submit]").first.click())


async def lodge(person: Page, whole: Whole, told: Telling) -> str:
    """Fill in the form with a word of one's own; the receipt."""
    await person.goto(whole.url("intake", f"/all?lang={told.lang}"))
    await person.locator("input[name=role][value=victim]").check()
    await person.locator("input[name=harm_types][value=synthesis]").check()
    await person.locator("select[name=division]").select_option(told.here)
    await person.locator("textarea[name=narrative]").fill(told.story)
    await person.locator("details.more:has(#word) summary").click()
    await person.locator("#word").fill(told.word)
    await follow(person, person.locator("#send button[type=submit]").click())
    return re.sub(r"\D", "", await person.locator(".receipt-code").inner_text())


async def status(person: Page, whole: Whole, told: Telling, receipt: str) -> None:
    """Ask where the report stands."""
    await person.goto(whole.url("intake", f"/status?lang={told.lang}"))
    await person.locator("#receipt").fill(receipt)
    await follow(person, person.locator("main form button[type=submit]").first.click())
    await expect(person.locator("ol.way")).to_be_visible()


async def known(person: Page, whole: Whole, told: Telling, receipt: str) -> None:
    """Wait until intake has read that the report is assigned and acknowledged."""

    async def seen() -> bool:
        await status(person, whole, told, receipt)
        return await person.locator("ol.way li.done").count() == 3

    await eventually(seen, "intake knows whose the report is")


async def staff(chromium: Browser, whole: Whole, told: Telling, name: str) -> Page:
    page = await window(chromium, told.lang, script=told.script)
    await sign_in(page, whole, name)
    return page


async def read_details(desk: Page, whole: Whole, told: Telling, report_id: str) -> None:
    """From the case to the sealed details: purpose, ticket, one look; the ticket is then used up."""
    await desk.goto(whole.url("notify", f"/cases/{report_id}"))
    await desk.locator("#purpose").select_option("first_contact")
    await press(desk, "/details")
    ticket = await desk.locator("input[name=ticket]").get_attribute("value")
    if told.script:
        # Who is faster than the page's script is asked on the way back whether to send the form again.
        await desk.wait_for_url(whole.url("notify", f"/cases/{report_id}"))
    await press(desk, whole.url("intake", "/details"))
    await expect(desk.locator("main")).to_contain_text(told.story)
    # Nothing but the case is in the address, and that only where a script can put it there.
    await desk.wait_for_url(whole.url("intake", f"/details/{report_id}" if told.script else "/details"))
    again = await desk.request.post(whole.url("intake", "/details"), form={"ticket": ticket or ""})
    assert again.status in {403, 409, 410}
    assert told.story not in await again.text()
    if told.script:
        # No page on the way back asks to send a form again: each leads to the case.
        case = whole.url("notify", f"/cases/{report_id}")
        await follow(desk, desk.locator(f"main a[href='{case}']").click())
        for _ in range(2):
            await desk.go_back()
            await desk.wait_for_url(case)
            await expect(desk.locator("#purpose")).to_be_visible()


async def find_by_receipt(desk: Page, whole: Whole, told: Telling, receipt: str, report_id: str) -> None:
    """Somebody on the phone says their number: it leads to the case, and stands in no address."""
    await desk.goto(whole.url("notify", f"/?center={told.here}"))
    await desk.locator("#finding summary").click()
    await desk.locator("#receipt").fill(receipt)
    await press(desk, whole.url("intake", "/find"))
    await expect(desk).to_have_url(whole.url("notify", f"/cases/{report_id}"))


async def hand_over(desk: Page, other: Page, whole: Whole, told: Telling, report_id: str) -> None:
    """Offered, accepted; and what the old centre still tries is explained."""
    case = whole.url("notify", f"/cases/{report_id}")
    await desk.goto(case)
    await desk.locator("#to_center_id-transfer").select_option(told.there)
    await desk.locator("select[name=reason]").select_option("capacity")
    await desk.locator("#agreed-transfer").check()
    await press(desk, "/transfer")
    await desk.goto(case)
    stale = desk.locator("form[action$='/contact'] button").first
    await expect(stale).to_be_visible()
    await see(other, whole.url("notify", f"/?center={told.there}"), f"#offers #case-{report_id}")
    await press(other, "/transfer/accept")
    await see(other, whole.url("notify", f"/?center={told.there}"), f"#cases #case-{report_id}")
    await desk.locator("#way").select_option("came_to_us")
    await follow(desk, stale.click())
    await expect(desk.get_by_role("alert")).to_contain_text(told.there_name)
    await desk.goto(case)
    await expect(desk.locator("#purpose")).to_have_count(0)


async def write_and_take_back(person: Page, whole: Whole, told: Telling, receipt: str) -> None:
    """A message and the withdrawal, both only with the word."""
    await status(person, whole, told, receipt)
    await press(person, "/status/message")
    await person.locator("#text").fill(told.question)
    await press(person, "/status/message")
    await expect(person.locator(".error-summary")).to_be_visible()
    await expect(person.locator("#text")).to_have_value(told.question)
    await person.locator("#word").fill(told.word)
    await press(person, "/status/message")
    await expect(person.locator(".notice.calm")).to_be_visible()
    await press(person, "/status/withdraw")
    await person.locator("#word").fill(told.word)
    await press(person, "/status/withdraw")
    await expect(person.locator(".notice.calm")).to_be_visible()
    await status(person, whole, told, receipt)
    await expect(person.locator("ol.way li.done")).to_have_count(2)
    await expect(person.locator("form[action*='/status/undo']")).to_be_visible()
    await expect(person.locator("form[action*='/status/message']")).to_have_count(0)


async def audited(page: Page, whole: Whole, report_id: str) -> None:
    """Every opening and change is on record, in both logs, and the logs are whole."""
    for service in ("intake", "notify"):
        await page.goto(whole.url(service, "/audit"))
        await page.locator("#report_id").fill(report_id)
        await press(page, "/audit/look-up")
        await expect(page).to_have_url(re.compile(r"report="))
        await expect(page.locator("tbody tr").nth(2)).to_be_attached()
    env = whole.stack.verifier_environment()
    status, said = await asyncio.to_thread(whole.stack.run_once, ("tools.command", "audit", "verify"), env)
    assert status == 0, said


async def test_a_drill_goes_the_whole_way_and_its_stages_are_on_the_page(whole: Whole, chromium: Browser) -> None:
    page = await window(chromium, "en")
    await sign_in(page, whole, "busan-lead")
    await page.goto(whole.url("notify", "/drills"))
    await follow(page, page.get_by_role("button", name="Begin a drill").click())
    row = page.locator("tbody tr").first

    async def cells_once_alerted() -> list[str]:
        await follow(page, page.get_by_role("link", name="Load the list again").click())
        cells = await row.locator("td").all_inner_texts()
        return cells if len(cells) > 5 and re.fullmatch(r"\d+\.\d", cells[3]) else []

    cells = await eventually(cells_once_alerted, "the drill is alerted of")
    assert all(re.fullmatch(r"\d+\.\d", cell) for cell in cells[1:4]), cells
    assert "Running" in cells[5]
    await page.goto(whole.url("notify", "/"))
    case = page.locator("#cases li").filter(has_text="Drill").first
    await case.locator("form.acknowledge button").click()
    await expect(page.locator("#cases form.acknowledge")).to_have_count(0)
    await page.goto(whole.url("notify", "/drills"))
    await expect(row).to_contain_text("Passed")
    await assert_accessible(page)
    for lang in ("ko", "en"):
        for wide in (360, 1280):
            await page.set_viewport_size({"width": wide, "height": 800})
            await page.goto(whole.url("notify", f"/drills?lang={lang}"))
            await assert_no_sideways_scrolling(page)
            if SHOTS:
                await page.screenshot(path=str(Path(SHOTS) / f"drills-{lang}-{wide}.png"), full_page=True)


@pytest.mark.parametrize("told", TELLINGS, ids=[told.lang for told in TELLINGS])
async def test_from_the_form_over_two_centres_to_the_withdrawal(whole: Whole, chromium: Browser, told: Telling) -> None:
    person = await window(chromium, told.lang, script=told.script)
    receipt = await lodge(person, whole, told)
    assert len(receipt) == 16

    desk = await staff(chromium, whole, told, f"{told.here}-lead")
    here = whole.url("notify", f"/?center={told.here}")
    await see(desk, here, "#cases .case")
    row = desk.locator("#cases .case")
    report_id = (await row.get_attribute("id") or "").removeprefix("case-")
    assert told.story not in await desk.content()
    pressed = row.locator(".case-do button").click()
    await (pressed if told.script else follow(desk, pressed))
    await expect(desk.locator(f"#case-{report_id}[data-state=acknowledged]")).to_be_visible()

    await find_by_receipt(desk, whole, told, receipt, report_id)
    await known(person, whole, told, receipt)
    await read_details(desk, whole, told, report_id)
    other = await staff(chromium, whole, told, f"{told.there}-lead")
    await hand_over(desk, other, whole, told, report_id)
    await write_and_take_back(person, whole, told, receipt)

    await see(other, whole.url("notify", f"/?center={told.there}"), f"#case-{report_id}", count=0)
    await other.goto(whole.url("notify", f"/cases/{report_id}"))
    await expect(other.locator("#purpose")).to_have_count(0)
    async with whole.crew.client(f"{told.there}-lead") as api:
        asked = {"ownership": 2, "purpose": "follow_up"}
        refused = await api.post(f"/api/v1/cases/{report_id}/details-ticket", json=asked)
    assert refused.status_code == 410
    await audited(await staff(chromium, whole, told, "ministry-auditor"), whole, report_id)
