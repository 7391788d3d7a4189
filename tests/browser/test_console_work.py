"""The console at work in a real browser: columns, centres in groups, focus at the first error, tables that scroll."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.browser.helpers import follow, line_of
from tests.browser.test_console import console, filled, shot, signed_in
from tests.browser.walking import CUT_OFF
from tests.integration.notify.conftest import Start
from tests.integration.notify.moves import taken
from tests.integration.notify.test_desk import listening
from tests.support.mail import MailSink
from tests.support.waiting import eventually
from tests.unit.notify.samples import event, report_id

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]


@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_a_list_has_column_headings_above_its_columns_and_cuts_no_word(
    start: Start,
    sink: MailSink,
    chromium: Browser,
    lang: str,
) -> None:
    harness = await start()
    await filled(harness, sink)
    async with listening(harness) as base:
        page = await signed_in(chromium, harness, base, lang=lang)
        await page.goto(base)
        # The list of the stream is there: no row is made anew between one look and the next.
        await expect(page.locator(".console[data-met=yes]")).to_be_attached()
        assert await page.evaluate(f"({CUT_OFF})()") == []
        assert await page.evaluate(BROKEN_WORDS) == []
        heads = page.locator("#head .case-head > span")
        first = page.locator("#cases > li").first.locator(":scope > *")
        assert await heads.count() == await first.count()
        for head, cell in zip(await heads.all(), await first.all(), strict=True):
            above, below = await head.bounding_box(), await cell.bounding_box()
            assert above is not None
            if below is not None:  # an empty cell has no box
                assert above["x"] == pytest.approx(below["x"], abs=1)
        await page.set_viewport_size({"width": 360, "height": 800})
        await expect(page.locator("#head .case-head")).to_be_hidden()
        assert await page.evaluate(f"({CUT_OFF})()") == []
        await page.set_viewport_size({"width": 320, "height": 800})
        assert await page.evaluate(f"({CUT_OFF})()") == []
        assert set(await page.locator("#cases .case-alias").evaluate_all(LINES)) == {1}


LINES = """all => all.map(name => {
  name.parentElement.querySelector(".case-age").textContent = "13 minutes ago";
  const range = document.createRange();
  range.selectNodeContents(name);
  return new Set([...range.getClientRects()].map(box => Math.round(box.top))).size;
})"""
BROKEN_WORDS = """() => {
  // A word on two lines: its first and its last letter are not level.
  const found = [], range = document.createRange();
  const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode;
    if (!node.parentElement.checkVisibility()) continue;
    for (const word of node.data.matchAll(/[A-Za-z가-힣]+/g)) {
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const tops = [...range.getClientRects()].map((box) => Math.round(box.top));
      if (new Set(tops).size > 1) found.push(word[0]);
    }
  }
  return found;
}"""


async def test_the_central_list_is_grouped_by_centre_and_stays_so_live(
    start: Start,
    sink: MailSink,
    chromium: Browser,
) -> None:
    del sink
    harness = await start()
    await harness.routed(event("report.routed", 1, center="busan"))
    await eventually(lambda: harness.case(report_id(1)))
    async with listening(harness) as base:
        page = await signed_in(chromium, harness, base, "central", lang="en")
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.goto(base)
        await expect(page.locator(".console[data-live=yes]")).to_be_attached()
        await harness.routed(event("report.routed", 2, center="jeju"), event("report.routed", 3, center="busan"))
        busan, jeju = (page.locator(f"details.group[data-center={one}]") for one in ("busan", "jeju"))
        await expect(busan.locator("li.case")).to_have_count(2)
        await expect(busan.locator(".group-count")).to_have_text("2")
        await expect(page.locator("#counts .stat-value").first).to_have_text("3")
        await expect(jeju.locator("summary")).to_contain_text("Jeju")
        await page.locator("#finding summary").click()
        await page.locator("#alias").fill(await jeju.locator(".case-alias").inner_text())
        await expect(busan).to_be_hidden()
        await expect(jeju).to_be_visible()
        await page.locator("#alias").fill("")
        await harness.acknowledge(report_id(2), "jeju", "kim")
        await expect(jeju).to_have_count(0)
        await expect(page.locator("#counts .stat-value").first).to_have_text("2")
        assert problems == []


async def test_after_a_refusal_the_focus_is_at_the_field_it_is_about(
    start: Start,
    sink: MailSink,
    chromium: Browser,
) -> None:
    del sink
    harness = await start()
    facts = {**event("report.routed", 1).model_dump(mode="json")["facts"], "other_centers": False}
    await taken(harness, facts=facts)
    async with listening(harness) as base:
        for lang in ("ko", "en"):
            page = await signed_in(chromium, harness, base, lang=lang)
            await page.goto(f"{base}/cases/{report_id(1)}")
            await page.locator("#to_center_id-transfer").select_option("busan")
            await page.locator("#reason-transfer").select_option("place")
            await follow(page, page.locator("form:has(#reason-transfer) button").click())
            await expect(page.locator("#agreed-transfer")).to_be_focused()
            await expect(page.locator("#to_center_id-transfer")).to_have_value("busan")
            await shot(page, f"transfer-refused-{lang}-1280")
            await page.wait_for_load_state()  # Tab finds only what has come
            await page.keyboard.press("Space")
            await page.keyboard.press("Tab")
            await page.keyboard.press("Tab")
            await expect(page.locator("form:has(#reason-transfer) button")).to_be_focused()


async def test_the_key_for_a_row_with_something_new_leads_to_opening_it(
    start: Start,
    sink: MailSink,
    chromium: Browser,
) -> None:
    del sink
    harness = await start()
    await taken(harness)
    await harness.routed(event("report.updated", 1, version=2, kind="message_left"))
    async with listening(harness) as base:
        page = await signed_in(chromium, harness, base, lang="en")
        await page.goto(base)
        await expect(page.locator(".open-new")).to_be_visible()
        await expect(page.locator(".console[data-live=yes]")).to_be_attached()
        await page.keyboard.press("j")
        await expect(page.locator(f"#case-{report_id(1)} .case-alias")).to_be_focused()
        await follow(page, page.keyboard.press("a"), f"**/cases/{report_id(1)}#next")
        await expect(page.locator("#next")).to_be_focused()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="Open the message")).to_be_focused()
        await follow(page, page.keyboard.press("Enter"))
        await expect(page.locator("input[name=ticket]")).to_have_count(1)
        await page.goto(base)
        await expect(page.locator(".open-new")).to_have_count(0)


async def test_a_table_that_scrolls_says_so(
    start: Start,
    sink: MailSink,
    chromium: Browser,
) -> None:
    del sink
    harness = await start()
    async with listening(harness) as base:
        page = await signed_in(chromium, harness, base, wide=360)
        await page.goto(f"{base}/team/gwangju/numbers")
        hint = page.locator("p.scroll-hint").first
        await expect(hint).to_have_text("표가 화면보다 넓습니다. 옆으로 밀어서 보십시오.")
        await shot(page, "numbers-ko-360")
        await page.set_viewport_size({"width": 1280, "height": 900})
        await expect(hint).to_be_hidden()


async def test_a_row_made_anew_leaves_somebody_on_the_button_they_stood_on_and_the_counts_follow(
    start: Start,
    sink: MailSink,
    chromium: Browser,
) -> None:
    del sink
    harness = await start()
    await taken(harness)
    await taken(harness, 2, "busan")
    offered: dict[str, Any] = {"ownership": 1, "reason": "place", "agreed": True}
    await harness.act("transfer", report_id(2), "busan", "kim", to_center_id="gwangju", **offered)
    async with listening(harness) as base:
        page = await console(chromium, harness, base, "gwangju", lang="en")
        row = page.locator(f"#offers #case-{report_id(2)}")
        decline = row.get_by_role("button", name="Decline")
        await decline.focus()
        before = await row.get_attribute("data-rev") or ""
        await harness.act("support", report_id(2), "busan", "kim", ownership=1, support="counselling")
        await expect(row).not_to_have_attribute("data-rev", before)
        await expect(decline).to_be_focused()
        name = row.locator(".case-alias")
        await name.focus()
        before = await row.get_attribute("data-rev") or ""
        await harness.act("support", report_id(2), "busan", "kim", ownership=1, support="legal")
        await expect(row).not_to_have_attribute("data-rev", before)
        await expect(name).to_be_focused()
        await expect(page.locator("#counts .stat-value").nth(4)).to_have_text("0")
        await harness.act("transfer", report_id(1), "gwangju", "kim", to_center_id="jeju", **offered)
        await expect(page.locator("#counts .stat-value").nth(4)).to_have_text("1")


async def test_who_acknowledges_while_the_connection_is_lost_is_told_to_press_again(
    start: Start, sink: MailSink, chromium: Browser
) -> None:
    harness = await start()
    await harness.routed(event("report.routed", 1))
    await eventually(lambda: len(sink.mails) >= 1)
    async with listening(harness) as base:
        page = await signed_in(chromium, harness, base, lang="en")
        line = await line_of(page, "**/acknowledge")
        await page.goto(f"{base}/?center=gwangju")
        await expect(page.locator(".console[data-live=yes]")).to_be_attached()
        row = page.locator(f"#case-{report_id(1)}")
        line.cut = True
        await row.get_by_role("button").click()
        await expect(page.locator("#live")).to_contain_text("Please press the button again.")
        line.cut = False
        await row.get_by_role("button").click()
        await expect(row).to_have_attribute("data-state", "acknowledged")


@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_who_acknowledges_by_key_goes_on_from_there(
    start: Start, sink: MailSink, chromium: Browser, lang: str
) -> None:
    harness = await start()
    urgencies = enumerate(("critical", "high", "normal"), start=1)
    await harness.routed(*(event("report.routed", number, urgency=urgency) for number, urgency in urgencies))
    await eventually(lambda: len(sink.mails) >= 3)
    await eventually(harness.at_rest)
    async with listening(harness) as base:
        page, central = [await console(chromium, harness, base, at, lang=lang) for at in ("gwangju", "central")]

        def row(number: int) -> Locator:
            return page.locator(f"#case-{report_id(number)}")

        async def order() -> Any:
            return await page.locator("#cases > li").evaluate_all("rows => rows.map((row) => row.id)")

        # As central looks at the case, it leaves its list: what comes next has the focus.
        await central.locator(f"#case-{report_id(1)} .case-alias").focus()
        await row(1).get_by_role("button").focus()
        await page.keyboard.press("Enter")
        await expect(row(1)).to_have_attribute("data-state", "acknowledged")
        await expect(row(1).locator(".case-alias")).to_be_focused()
        assert (await order())[0] == f"case-{report_id(1)}"
        await expect(central.locator(f"#case-{report_id(1)}")).to_have_count(0)
        await expect(central.locator(f"#case-{report_id(2)} .case-alias")).to_be_focused()
        # Nobody is at it any more: it goes where it belongs with the next news.
        await row(2).get_by_role("button").focus()
        await harness.routed(event("report.routed", 4))
        await expect(row(4)).to_be_visible()
        assert await order() == [f"case-{report_id(number)}" for number in (4, 2, 3, 1)]
        await expect(row(2).get_by_role("button")).to_be_focused()
        # What is acknowledged is none of what is looked for here.
        await page.locator("#finding summary").click()
        await page.locator("#f-state").select_option("waiting")
        for number, goes_on in ((2, row(3)), (3, row(4)), (4, page)):
            await row(number).get_by_role("button").focus()
            await page.keyboard.press("Enter")
            await expect(row(number)).to_be_hidden()
            await expect(goes_on.locator(".case-alias" if number != 4 else "h1")).to_be_focused()


async def test_without_script_who_acknowledges_by_key_goes_on_from_there(
    start: Start, sink: MailSink, chromium: Browser
) -> None:
    harness = await start()
    await harness.routed(event("report.routed", 1), event("report.routed", 2))
    await eventually(lambda: len(sink.mails) >= 2)
    await eventually(harness.at_rest)
    async with listening(harness) as base:
        page = await signed_in(chromium, harness, base, script=False)
        await page.goto(f"{base}/")
        row = page.locator(f"#case-{report_id(1)}")
        await row.get_by_role("button").focus()
        await follow(page, page.keyboard.press("Enter"))
        await expect(row).to_contain_text("확인함")
        await page.keyboard.press("Tab")
        await expect(row.locator(".case-alias")).to_be_focused()
        await page.locator(".duty button").focus()
        await follow(page, page.keyboard.press("Enter"), "**#duty-title")
        await page.keyboard.press("Tab")
        await expect(page.locator("#state")).to_be_focused()


async def test_a_press_counts_although_its_row_is_made_anew_before_it_ends(
    start: Start,
    sink: MailSink,
    chromium: Browser,
) -> None:
    harness = await start()
    await harness.routed(event("report.routed", 1))
    await eventually(lambda: sink.mails)
    await eventually(harness.at_rest)
    async with listening(harness) as base:
        page, other = [await console(chromium, harness, base, "gwangju") for _ in range(2)]
        row = page.locator(f"#case-{report_id(1)}")
        await row.get_by_role("button").hover()
        await page.mouse.down()
        await harness.routed(event("report.updated", 1, version=2, kind="message_left"))
        await expect(other.locator(f"#case-{report_id(1)} .mark-new")).to_be_visible()
        # What comes after it has come: a stream keeps its order.
        await harness.routed(event("report.routed", 2, urgency="normal"))
        await expect(page.locator(f"#case-{report_id(2)}")).to_be_visible()
        await page.mouse.up()
        await expect(row).to_have_attribute("data-state", "acknowledged")
        await expect(row.locator(".mark-new")).to_be_visible()


async def test_of_a_centre_new_on_the_central_list_the_most_urgent_stands_first_and_no_other_is_moved(
    start: Start,
    sink: MailSink,
    chromium: Browser,
) -> None:
    del sink
    harness = await start()
    await harness.routed(event("report.routed", 1, center="busan", urgency="high"))
    await eventually(lambda: harness.case(report_id(1)))
    async with listening(harness) as base:
        page = await console(chromium, harness, base, "central", lang="en")
        await harness.routed(event("report.routed", 2, center="jeju", urgency="critical"))
        await expect(page.locator("details.group").nth(0)).to_have_attribute("data-center", "jeju")
        await harness.routed(event("report.routed", 3, center="gwangju", urgency="normal"))
        await expect(page.locator("details.group").nth(2)).to_have_attribute("data-center", "gwangju")


_NOTIFICATIONS = """
localStorage.setItem("ieum.console.notes", "yes");
window.told = [];
window.Notification = class {
  static permission = "granted";
  constructor(title, options) { window.told.push(options); }
};
"""


async def test_a_notification_is_heard_although_an_earlier_one_still_stands_there(
    start: Start,
    sink: MailSink,
    chromium: Browser,
) -> None:
    del sink
    harness = await start()
    async with listening(harness) as base:
        page = await signed_in(chromium, harness, base)
        await page.add_init_script(_NOTIFICATIONS)
        await page.goto(base)
        await expect(page.locator(".console[data-live=yes][data-met=yes]")).to_be_attached()
        await harness.routed(event("report.routed", 2, synthetic=True, sandbox=True))
        await expect(page.locator(f"#case-{report_id(2)}")).to_be_visible()
        assert await page.evaluate("window.told") == [], "nobody is alerted of a drill of a front end on trial"
        await harness.routed(event("report.routed", 1))
        await expect(page.locator(f"#case-{report_id(1)}")).to_be_visible()
        assert await page.evaluate("window.told") == [{"tag": "ieum-gwangju", "renotify": True}]


async def test_who_wants_a_sound_is_told_that_the_browser_makes_none_before_they_have_clicked(
    start: Start,
    sink: MailSink,
    chromium: Browser,
) -> None:
    del sink
    harness = await start()
    async with listening(harness) as base:
        page = await console(chromium, harness, base, "gwangju")
        await expect(page.locator("#mute")).to_be_hidden()
        await page.evaluate('localStorage.setItem("ieum.console.sound", "yes")')
        # To the browser a test that looks is a person who touched the page, which asks for that each second.
        await page.clock.install()
        await page.clock.pause_at(datetime.now(UTC) + timedelta(days=1))
        await page.reload()
        await expect(page.locator("#mute")).to_be_visible()
        await page.locator("h1").click()
        await page.clock.run_for(1000)
        await expect(page.locator("#mute")).to_be_hidden()
