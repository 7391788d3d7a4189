"""The form in short steps: what was answered is kept for half an hour, sealed, and becomes one report."""

import asyncio
import re
from datetime import UTC, datetime

import bson
import httpx
import pytest

from services.intake.reports import documents
from services.intake.webform import drafts
from services.intake.webform.repository import DraftRepository
from shared.encryption import Keyring
from shared.errors import TransientError
from shared.web.form_body import Typed
from tests.integration.intake.harness import IntakeHarness
from tests.support.clock import ManualClock
from tests.support.waiting import eventually

GONE = "What you answered is no longer here"
STORY = "카나리아가 적은 이야기"
MORE = "I am reporting for someone else, or want to tell more"


@pytest.fixture(scope="module")
def clock() -> ManualClock:
    # Far ahead: the store, which goes by real time, forgets no draft during a test.
    return ManualClock(datetime(2061, 11, 25, 3, 0, tzinfo=UTC))


async def away(*_: object, **__: object) -> None:
    """Stands for a question to a store that does not answer."""
    raise TransientError("the store is away")


async def answer(harness: IntakeHarness, slug: str, go: str = "next", **fields: str | list[str]) -> httpx.Response:
    return await harness.http.post(f"/form/{slug}?lang=en", data={"go": go, **fields})


async def begun(harness: IntakeHarness) -> None:
    assert (await answer(harness, "who", role="victim")).headers["location"] == "/form/what"
    assert (await answer(harness, "what", harm_types=["distribution", "synthesis"])).headers[
        "location"
    ] == "/form/urgent"


def hidden(page: httpx.Response) -> dict[str, list[str]]:
    """What the last page sends when its button is pressed."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text):
        found.setdefault(name, []).append(value)
    return found


async def change(harness: IntakeHarness, page: httpx.Response, go: str, **fields: str | list[str]) -> httpx.Response:
    """Press "Change" or "Back" on the last page."""
    return await harness.http.post("/form/check?lang=en", data={**hidden(page), **fields, "go": go})


def go_on(harness: IntakeHarness, token: str) -> None:
    """Give the browser the cookie of a draft, and no other."""
    harness.http.cookies.clear()
    harness.http.cookies.set(drafts.COOKIE, token)


def receipt(page: httpx.Response) -> str:
    assert page.status_code == 200, page.text[:2000]
    digits = re.findall(r"<span>(\d{4})</span>", page.text)
    assert len(digits) == 4
    return "-".join(digits)


async def test_the_short_way_is_two_answers_and_one_report(harness: IntakeHarness) -> None:
    await begun(harness)
    page = await harness.http.get("/form/check?lang=en")
    assert "It was shared or posted" in page.text
    sent = await harness.http.post("/?lang=en", data={**hidden(page), "consents": "personal"})
    receipt(sent)
    [stored] = await harness.collection.find({}).to_list(None)
    assert stored["facts"]["harm_types"] == ["distribution", "synthesis"]
    assert stored["consents"]["personal"] is True
    assert await harness.intake.drafts._store.collection.count_documents({}) == 1, "the page of the receipt alone"
    assert drafts.COOKIE not in harness.http.cookies


async def test_who_is_threatened_now_may_say_that_it_is_synthesised_and_by_which_account(
    harness: IntakeHarness,
) -> None:
    page = await harness.http.get("/form/now?lang=en")
    assert re.findall(r'name="(harm_types|accounts)"(?: value="([a-z]*)")?', page.text) == [
        ("harm_types", "synthesis"),
        ("accounts", ""),
    ]
    said = {"harm_types": "synthesis", "accounts": "Telegram @made_up"}
    assert (await answer(harness, "now", **said)).headers["location"] == "/form/now-contact"
    page = await harness.http.get("/form/check?lang=en")
    assert "Telegram @made_up" in page.text
    assert "Face or body put into sexual images" in page.text
    receipt(await harness.http.post("/?lang=en", data={**hidden(page), "consents": "personal"}))
    [stored] = await harness.collection.find({}).to_list(None)
    assert stored["facts"]["harm_types"] == ["distribution_threat", "synthesis"]
    opened = documents.opened(stored, Keyring([b"m" * 32]))
    assert opened["offender_handles"] == ["Telegram @made_up"]


async def test_sending_leads_to_a_receipt_that_stays_for_the_visit_and_goes_with_quick_exit(
    harness: IntakeHarness,
) -> None:
    await begun(harness)
    form = hidden(await harness.http.get("/form/check?lang=en"))
    led = await httpx.AsyncClient.post(harness.http, "/?lang=en", data=form)
    assert (led.status_code, led.headers["location"]) == (303, "/receipt?lang=en")
    shown = await harness.http.get("/receipt")
    assert receipt(shown) == receipt(await harness.http.get("/receipt")), "loaded again"
    assert shown.headers["cache-control"] == "no-store"
    for back in ("/form/check", "/form/what"):
        again = await harness.http.get(back)
        assert again.headers["location"] == "/receipt?again"
    assert "신고는 이미 접수됐어요" in (await harness.http.get("/receipt?again&lang=ko")).text
    assert "신고는 이미 접수됐어요" in (await harness.http.get("/all?lang=ko")).text
    assert await harness.collection.count_documents({}) == 1
    kept = harness.http.cookies[drafts.RECEIPT_COOKIE]
    await harness.http.post("/leave")
    assert drafts.RECEIPT_COOKIE not in harness.http.cookies
    harness.http.cookies.set(drafts.RECEIPT_COOKIE, kept)
    assert (await harness.http.get("/receipt")).headers["location"] == "/status", "gone from the store as well"


async def test_a_browser_that_takes_no_cookies_gets_its_receipt_all_the_same(harness: IntakeHarness) -> None:
    whole = await harness.http.get("/all")
    assert "set-cookie" in whole.headers, "where it comes back, the receipt has a page of its own"
    harness.http.cookies.clear()
    form = {**hidden(whole), "role": "victim", "harm_types": "distribution"}
    sent = await httpx.AsyncClient.post(harness.http, "/?lang=en", data=form)
    assert receipt(sent)
    assert "hreflang=" not in sent.text, "in the other language it would be gone"
    assert await harness.intake.drafts._store.collection.count_documents({}) == 0


async def test_nobody_is_told_of_an_earlier_report_that_the_one_they_are_making_was_received(
    harness: IntakeHarness, clock: ManualClock
) -> None:
    await begun(harness)
    await harness.http.post("/?lang=en", data=hidden(await harness.http.get("/form/check?lang=en")))
    await begun(harness)
    await clock.advance(29 * 60)
    receipt(await harness.http.get("/receipt"))
    await clock.advance(2 * 60)
    receipt(await harness.http.get("/receipt"))
    assert (await harness.http.get("/form/check")).headers["location"] == "/", "the answers of the second are gone"


async def test_a_form_sent_twice_or_five_times_at_once_is_one_report(harness: IntakeHarness) -> None:
    await begun(harness)
    form = hidden(await harness.http.get("/form/check?lang=en"))
    again = hidden(await harness.http.get("/form/check?lang=en"))
    assert form == again
    first, *others = await asyncio.gather(*(harness.http.post("/?lang=en", data=form) for _ in range(5)))
    late = await harness.http.post("/?lang=en", data=form)
    assert {receipt(page) for page in (first, *others, late)} == {receipt(first)}
    assert await harness.collection.count_documents({}) == 1


async def test_every_answer_arrives_sealed_or_as_a_fact(harness: IntakeHarness) -> None:
    await answer(harness, "who", role="representative")
    await answer(harness, "relation", relation="sibling", victim_knows="yes", victim_agrees="unknown")
    await answer(harness, "what", harm_types="distribution_threat")
    await answer(harness, "urgent", money_demanded="unknown", threat_deadline="2061-11-26T21:00")
    await answer(
        harness,
        "seen",
        still_spreading="yes",
        platform_kind="messenger",
        urls="https://a.example/1\r\nhttps://b.example/2",
        search_words="찾는 말",
        seen_when="어제저녁",
    )
    await answer(harness, "words", narrative=STORY)
    await answer(harness, "other", relationship="social")
    await answer(harness, "told", already_told=["police", "hotline"])
    near = await answer(harness, "place", division="jeonnam-gwangju", declined_centers=["jeonnam"])
    assert near.headers["location"] == "/form/district"
    await answer(harness, "district", district="12210")
    await answer(harness, "about", age_band="14_18", gender="unknown")
    await answer(harness, "language", language="vi", contact_name="달")
    assert (await answer(harness, "contact", contact_channels=["phone"])).headers["location"] == "/form/reach"
    await answer(harness, "reach", phone="010-0000-0000")
    last = await answer(
        harness,
        "safe",
        hours="저녁",
        may_leave_message="yes",
        may_say="private",
        not_safe="가족",
        center_codeword="봄비",
        person_codeword="우산",
    )
    assert last.headers["location"] == "/form/check"
    form = hidden(await harness.http.get("/form/check?lang=ko"))
    receipt(await harness.http.post("/?lang=ko", data={**form, "consents": ["sensitive", "other_centers"]}))
    [stored] = await harness.collection.find({}).to_list(None)
    opened = documents.opened(stored, Keyring([b"m" * 32]))
    assert opened == {
        "narrative": STORY,
        "urls": ["https://a.example/1", "https://b.example/2"],
        "contact": {
            "channels": ["phone"],
            "name": "달",
            "phone": "010-0000-0000",
            "hours": "저녁",
            "may_leave_message": True,
            "not_safe": "가족",
            "may_say": "private",
            "center_codeword": "봄비",
            "person_codeword": "우산",
        },
        "on_behalf": {"relation": "sibling", "victim_knows": True},
        "answers": {
            "still_spreading": True,
            "threatened": True,
            "threat_deadline": "2061-11-26T21:00:00+09:00",
            "seen_when": "어제저녁",
            "search_words": "찾는 말",
            "already_told": ["police", "hotline"],
        },
    }
    facts = stored["facts"]
    assert (facts["language"], facts["district"], facts["age_band"]) == ("vi", "12210", "14_18")
    assert stored["consents"]["other_centers"] is True


async def test_a_draft_is_sealed_and_opens_only_with_the_browsers_cookie(harness: IntakeHarness) -> None:
    await begun(harness)
    await answer(harness, "words", narrative=STORY)
    [stored] = await harness.intake.drafts._store.collection.find({}).to_list(None)
    assert set(stored) == {"_id", "sealed", "until"}
    plain = bson.encode(stored)
    token = harness.http.cookies[drafts.COOKIE]
    for trace in (STORY.encode(), b"victim", b"narrative", token.encode()):
        assert trace not in plain
    shown = await harness.http.get("/form/words?lang=en")
    assert STORY in shown.text
    harness.http.cookies.clear()
    stranger = await harness.http.get("/form/words?lang=en", headers={"Cookie": f"{drafts.COOKIE}={'x' * 43}"})
    assert (stranger.status_code, stranger.headers["location"]) == (303, "/")


async def test_the_cookie_is_of_this_visit_alone(harness: IntakeHarness) -> None:
    page = await answer(harness, "who", role="victim")
    [cookie] = page.headers.get_list("set-cookie")
    assert cookie.startswith(f"{drafts.COOKIE}=")
    told = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert told == {"httponly", "path=/", "samesite=strict"}
    assert page.headers["cache-control"] == "no-store"


async def test_a_draft_lives_half_an_hour_from_the_last_look(harness: IntakeHarness, clock: ManualClock) -> None:
    await begun(harness)
    for _ in range(3):
        await clock.advance(29 * 60)
        assert "It was shared or posted" in (await harness.http.get("/form/check?lang=en")).text
    assert "Go on with it" in (await harness.http.get("/?lang=en")).text
    await clock.advance(30 * 60)
    gone = await harness.http.get("/form/check?lang=en")
    assert (gone.status_code, gone.headers["location"]) == (303, "/")
    start = (await harness.http.get("/?lang=en")).text
    assert ("Begin" in start, GONE in start) == (True, True)
    later = (await harness.http.get("/?lang=en")).text
    assert (GONE in later, drafts.COOKIE in harness.http.cookies) == (False, False), "said once, to this browser alone"
    assert await harness.intake.drafts._store.sweep(clock.now()) <= 1
    assert await harness.intake.drafts._store.collection.count_documents({}) == 0


async def test_who_left_by_quick_exit_reads_nowhere_that_something_was_answered(harness: IntakeHarness) -> None:
    await begun(harness)
    await harness.http.get("/leave")
    for address in ("/form/check", "/form/words", "/", "/?gone"):
        page = await harness.http.get(address, headers={"accept-language": "en"}, follow_redirects=True)
        assert ("Begin" in page.text, GONE in page.text) == (True, False), address


async def test_the_last_page_says_no_question_twice_and_lists_nothing_where_all_is_answered(
    harness: IntakeHarness,
) -> None:
    await begun(harness)
    await answer(harness, "other", relationship="stranger")
    await answer(harness, "told", already_told="police")
    page = await harness.http.get("/form/check?lang=en")
    said = page.text.split('<dl class="summary answers">')[1].split("</dl>")[0]
    for question in ("Who did it?", "Who knows about it already?"):
        # Once as the heading, once in the words of its button for who hears them.
        assert said.count(question) == 2, question
    assert "Not answered" in page.text
    await answer(harness, "urgent", money_demanded="yes")
    await answer(harness, "about", age_band="19_24")
    await answer(harness, "seen", still_spreading="yes")
    await answer(harness, "words", narrative=STORY)
    await answer(harness, "place", division="jeju")
    await answer(harness, "language", contact_name="김")
    await answer(harness, "contact", contact_channels="message_here")
    assert "Not answered" not in (await harness.http.get("/form/check?lang=en")).text


async def test_only_the_person_harmed_is_told_what_a_child_may_do(harness: IntakeHarness) -> None:
    told = "even if you cannot tell a parent"
    for role, expected in (("representative", False), ("third_party", False), ("victim", True)):
        await answer(harness, "who", role=role)
        assert (told in (await harness.http.get("/form/about?lang=en")).text) is expected, role


async def test_who_wants_to_be_reached_only_here_reads_where_answers_wait(harness: IntakeHarness) -> None:
    for ways, expected in (
        ({"contact_channels": "message_here"}, "answers wait for you here"),
        ({"contact_channels": "text", "phone": "010-0000-0000"}, "contacts you only in the ways you chose"),
        ({}, "call 1366 whenever you want to talk"),
    ):
        form = {**hidden(await harness.http.get("/all?lang=en")), "role": "victim", "harm_types": "distribution"}
        page = await harness.http.post("/?lang=en", data={**form, **ways})
        receipt(page)
        assert expected in page.text, ways


async def test_a_browser_that_takes_no_cookies_is_told_of_the_form_that_needs_none(harness: IntakeHarness) -> None:
    following = (await answer(harness, "who", role="victim")).headers["location"]
    harness.http.cookies.clear()
    page = await harness.http.get(following, headers={"accept-language": "en"}, follow_redirects=True)
    assert "If your browser takes no cookies, use" in page.text
    assert 'href="/all"' in page.text
    form = hidden(await harness.http.get("/all"))
    harness.http.cookies.clear()
    receipt(await harness.http.post("/?lang=en", data={**form, "role": "victim", "harm_types": "distribution"}))
    plain = await harness.http.get("/", headers={"accept-language": "en"})
    assert "If your browser takes no cookies" not in plain.text


async def test_a_draft_that_cannot_be_asked_for_is_not_called_gone(
    harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begun(harness)
    with monkeypatch.context() as patch:
        patch.setattr(DraftRepository, "read", away)
        start = await harness.http.get("/?lang=en")
    assert (start.status_code, "Begin" in start.text, GONE in start.text) == (200, True, False)
    assert "Go on with it" in (await harness.http.get("/?lang=en")).text


async def test_the_store_is_told_when_to_forget(harness: IntakeHarness) -> None:
    indexes = await harness.intake.drafts._store.collection.index_information()
    assert indexes["expiry"]["expireAfterSeconds"] == 0


async def test_what_is_sent_after_the_draft_is_gone_is_kept_and_said(
    harness: IntakeHarness, clock: ManualClock
) -> None:
    await begun(harness)
    await clock.advance(31 * 60)
    late = await answer(harness, "words", narrative=STORY)
    assert late.headers["location"] == "/form/who?again"
    assert "What you had answered before is gone" in (await harness.http.get("/form/who?again&lang=en")).text
    assert STORY in (await harness.http.get("/form/words?lang=en")).text
    form = hidden(await harness.http.get("/form/check?lang=en"))
    assert form["narrative"] == [STORY]


async def test_the_last_page_sends_everything_although_the_draft_is_gone(
    harness: IntakeHarness, clock: ManualClock
) -> None:
    await begun(harness)
    form = hidden(await harness.http.get("/form/check?lang=en"))
    await clock.advance(3600)
    receipt(await harness.http.post("/?lang=en", data=form))
    assert await harness.collection.count_documents({}) == 1


@pytest.mark.parametrize("late_s", [60, 3600])
async def test_changing_an_answer_from_the_last_page_loses_nothing_however_late(
    harness: IntakeHarness, clock: ManualClock, late_s: int
) -> None:
    await begun(harness)
    await answer(harness, "words", narrative=STORY)
    page = await harness.http.get("/form/check?lang=en")
    buttons = re.findall(r'type="submit" form="step" formaction="([^"]+)" name="go" value="([^"]+)"', page.text)
    leads = {slug: place for place, slug in buttons if slug != "stay"}
    assert {"contact", "who", "what", "words"} < set(leads)  # back, and what can be changed
    # Not where reports are sent: an intake of before these buttons would take the press for sending.
    assert set(leads.values()) == {"/form/check?lang=en"}
    await clock.advance(late_s)
    changing = await change(harness, page, "words", consents=["personal", "sensitive"])
    assert (changing.status_code, changing.headers["location"]) == (303, "/form/words")
    assert STORY in (await harness.http.get("/form/words?lang=en")).text
    again = await harness.http.get("/form/check?lang=en")
    assert hidden(again)["harm_types"] == ["distribution", "synthesis"]
    assert again.text.count(" checked") == 2
    assert hidden(again) == hidden(page), "the same report, with the same key"
    assert await harness.collection.count_documents({}) == 0


async def test_a_word_typed_before_a_change_is_kept_nowhere_and_asked_for_again(
    harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Typed] = []
    save = drafts.Drafts.save

    async def saved(self: drafts.Drafts, token: str, typed: Typed) -> None:
        kept.append(typed)
        await save(self, token, typed)

    monkeypatch.setattr(drafts.Drafts, "save", saved)
    await begun(harness)
    page = await harness.http.get("/form/check?lang=en")
    said = "If you still want it, type it again."
    assert said not in page.text
    await change(harness, page, "words", word="파란 우산", word_for_status="yes")
    await answer(harness, "words", narrative=STORY)
    page = await harness.http.get("/form/check?lang=en")
    assert ("파란 우산" in page.text, said in page.text, page.text.count(" checked")) == (False, True, 1)
    await change(harness, page, "words")
    page = await harness.http.get("/form/check?lang=ko")
    assert "쓰시려면 다시 적어 주세요." in page.text
    assert kept
    assert "파란 우산" not in str([typed.values for typed in kept])


async def test_changing_a_report_whose_receipt_was_lost_on_the_way_makes_no_second_one(
    harness: IntakeHarness,
) -> None:
    await begun(harness)
    page = await harness.http.get("/form/check?lang=en")
    token = harness.http.cookies[drafts.COOKIE]
    lost = await harness.http.post("/?lang=en", data=hidden(page))
    # The answer never came: the browser still has its cookie, and the last page is still open.
    go_on(harness, token)
    refused = await harness.http.post("/?lang=en", data={**hidden(page), "narrative": "900101-1234567"})
    assert refused.status_code == 422
    assert (await change(harness, page, "words")).status_code == 303
    again = await harness.http.post("/?lang=en", data=hidden(await harness.http.get("/form/check?lang=en")))
    assert receipt(again) == receipt(lost)
    go_on(harness, token)
    await change(harness, page, "words")
    await answer(harness, "words", narrative=STORY)
    other = await harness.http.post("/?lang=en", data=hidden(await harness.http.get("/form/check?lang=en")))
    assert (other.status_code, "This form was sent before" in other.text) == (409, True)
    assert await harness.collection.count_documents({}) == 1


async def test_changing_a_report_that_another_tab_has_sent_says_so_before_there_is_a_second_one(
    harness: IntakeHarness,
) -> None:
    await begun(harness)
    page = await harness.http.get("/form/check?lang=en")
    assert (await harness.http.post("/?lang=en", data=hidden(page))).status_code == 200
    assert drafts.COOKIE not in harness.http.cookies
    told = await change(harness, page, "words")
    assert (told.status_code, "This form was sent before" in told.text) == (409, True)
    assert await harness.collection.count_documents({}) == 1
    assert (await change(harness, told, "words")).headers["location"] == "/form/words"
    assert hidden(await harness.http.get("/form/check"))["harm_types"] == ["distribution", "synthesis"]


async def test_going_on_in_the_middle_of_what_was_sent_makes_no_second_report_unseen(harness: IntakeHarness) -> None:
    await begun(harness)
    token = harness.http.cookies[drafts.COOKIE]
    await harness.http.post("/?lang=en", data=hidden(await harness.http.get("/form/check?lang=en")))
    # The answer never came: the browser still has its cookie, and goes back to a page in the middle.
    go_on(harness, token)
    assert (await answer(harness, "words", narrative=STORY)).headers["location"] == "/form/who?again"
    await begun(harness)
    page = await harness.http.get("/form/check?lang=en")
    told = await harness.http.post("/?lang=en", data=hidden(page))
    assert (told.status_code, "This form was sent before" in told.text) == (409, True)
    assert await harness.collection.count_documents({}) == 1


async def test_who_begins_anew_in_the_same_browser_learns_of_no_report_that_was_sent_from_it(
    harness: IntakeHarness,
) -> None:
    await begun(harness)
    token = harness.http.cookies[drafts.COOKIE]
    await harness.http.post("/?lang=en", data=hidden(await harness.http.get("/form/check?lang=en")))
    go_on(harness, token)
    assert (await answer(harness, "who", role="third_party")).status_code == 303
    await answer(harness, "what", harm_types=["distribution"])
    receipt(await harness.http.post("/?lang=en", data=hidden(await harness.http.get("/form/check?lang=en"))))
    assert await harness.collection.count_documents({}) == 2


async def test_a_step_that_cannot_be_kept_belongs_to_the_report_of_its_draft(
    harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begun(harness)
    last = await harness.http.get("/form/check?lang=en")
    with monkeypatch.context() as patched:
        patched.setattr(DraftRepository, "write", away)
        page = await answer(harness, "words", narrative="")
    assert page.status_code == 503
    first = receipt(await harness.http.post("/?lang=en", data=hidden(last)))
    typed = {"role": "victim", "harm_types": ["distribution", "synthesis"]}
    assert receipt(await harness.http.post("/?lang=en", data={**hidden(page), **typed})) == first


async def test_a_change_takes_the_page_along_and_not_what_another_person_began_in_the_browser(
    harness: IntakeHarness, clock: ManualClock
) -> None:
    await begun(harness)
    await answer(harness, "words", narrative=STORY)
    page = await harness.http.get("/form/check?lang=en")
    await clock.advance(31 * 60)
    await answer(harness, "who", role="third_party")
    await answer(harness, "words", narrative="another story")
    others = harness.http.cookies[drafts.COOKIE]
    await change(harness, page, "words", consents="personal")
    mine = hidden(await harness.http.get("/form/check?lang=en"))
    assert (mine["role"], mine["narrative"]) == (["victim"], [STORY])
    go_on(harness, others)
    theirs = await harness.http.get("/form/check?lang=en")
    assert (hidden(theirs)["role"], hidden(theirs)["narrative"]) == (["third_party"], ["another story"])
    assert " checked" not in theirs.text


@pytest.mark.parametrize("go", ["what#harm_types", "words", "check", "check#", "Words", "next"])
async def test_no_button_but_the_one_that_sends_sends_a_report(harness: IntakeHarness, go: str) -> None:
    await begun(harness)
    page = await harness.http.get("/form/check?lang=en")
    shown = await harness.http.post("/?lang=en", data={**hidden(page), "go": go})
    assert (shown.status_code, hidden(shown)) == (200, hidden(page))
    led = await change(harness, page, go)
    if go in ("what#harm_types", "words"):
        assert (led.status_code, led.headers["location"]) == (303, f"/form/{go}")
    else:
        assert (led.status_code, hidden(led)) == (200, hidden(page))
    assert await harness.collection.count_documents({}) == 0


async def test_changing_an_answer_while_drafts_cannot_be_kept_shows_everything_on_one_page(
    harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begun(harness)
    form = hidden(await harness.http.get("/form/check?lang=en"))
    monkeypatch.setattr(DraftRepository, "read", away)
    page = await harness.http.post("/form/check?lang=en", data={**form, "narrative": STORY, "go": "who"})
    assert (page.status_code, STORY in page.text) == (503, True)
    assert "Nothing is lost" in page.text


async def test_a_note_for_others_turns_nobody_into_who_was_harmed(harness: IntakeHarness) -> None:
    for slug in ("y-what", "now"):
        page = await harness.http.get(f"/form/{slug}?lang=en")  # nothing answered
        assert re.findall('<button class="link" type="submit" name="go" value="who">([^<]+)', page.text) == [MORE]
    await answer(harness, "who", role="representative")
    await answer(harness, "relation", relation="lineal", victim_knows="yes", victim_agrees="yes")
    for slug in ("y-what", "now"):
        led = await harness.http.get(f"/form/{slug}?lang=en")
        assert (led.status_code, led.headers.get("location")) == (303, "/form/who"), slug
    # A page of such a path that was opened before.
    await answer(harness, "y-what", harm_types=["other"])
    form = hidden(await harness.http.get("/form/check?lang=en"))
    assert (form["role"], form["relation"], form["victim_knows"]) == (["representative"], ["lineal"], ["yes"])


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_leaving_destroys_the_draft_and_the_cookie(harness: IntakeHarness, method: str) -> None:
    await begun(harness)
    left = await harness.http.request(method, "/leave")
    if method == "GET":
        assert (left.status_code, left.headers["location"]) == (303, "https://www.weather.go.kr/w/index.do")
    else:
        assert left.status_code == 204

    async def destroyed() -> bool:
        return await harness.intake.drafts._store.collection.count_documents({}) == 0

    await eventually(destroyed, "the draft is destroyed, after the answer if the store is slow")
    assert not {drafts.COOKIE, "lang"} & set(harness.http.cookies)


async def test_refused_answers_are_kept_on_the_page_and_not_in_the_store(harness: IntakeHarness) -> None:
    await begun(harness)
    refused = await answer(harness, "words", narrative="제 번호는 900101-1234567")
    assert refused.status_code == 422
    assert 'href="#narrative"' in refused.text
    assert "resident registration number" in refused.text
    assert "제 번호는 900101-1234567" in refused.text
    assert "narrative" not in hidden(await harness.http.get("/form/check?lang=en"))
    back = await answer(harness, "words", "back", narrative="제 번호는 900101-1234567")
    assert (back.status_code, back.headers["location"]) == (303, "/form/seen")
    needed = await answer(harness, "contact", contact_channels=["phone"])
    assert needed.headers["location"] == "/form/reach"
    missing = await answer(harness, "reach")
    assert (missing.status_code, 'href="#phone"' in missing.text) == (422, True)


async def test_back_keeps_what_is_right_on_a_page_and_the_earlier_answer_for_what_is_wrong(
    harness: IntakeHarness,
) -> None:
    await begun(harness)
    await answer(harness, "contact", contact_channels=["phone", "email"])
    both = {"phone": "010-1234-5678", "email": "someone@example.com"}
    await answer(harness, "reach", **both)
    back = await answer(harness, "reach", "back", phone="010-8765-4321", email="no address")
    assert (back.status_code, back.headers["location"]) == (303, "/form/contact")
    kept = hidden(await harness.http.get("/form/check?lang=en"))
    assert (kept["phone"], kept["email"]) == (["010-8765-4321"], ["someone@example.com"])
    await answer(harness, "reach", "back", phone="", email="other@example.com")
    kept = hidden(await harness.http.get("/form/check?lang=en"))
    assert ("phone" in kept, kept["email"]) == (False, ["other@example.com"])


async def test_the_other_language_loses_nothing(harness: IntakeHarness) -> None:
    await begun(harness)
    kept = await harness.http.post("/form/words?lang=ko", data={"go": "stay", "narrative": STORY})
    assert (kept.status_code, kept.headers["location"]) == (303, "/form/words?lang=ko"), "not an answer to the form"
    page = await harness.http.get(kept.headers["location"])
    assert ("하고 싶은 이야기" in page.text, STORY in page.text) == (True, True)
    assert hidden(await harness.http.get("/form/check"))["narrative"] == [STORY]
    wrong = await harness.http.post("/form/words?lang=en", data={"go": "stay", "narrative": "900101-1234567"})
    assert ("In your own words" in wrong.text, "900101-1234567" in wrong.text) == (True, True)
    check = await harness.http.get("/form/check?lang=en")
    [other] = re.findall(r'formaction="([^"]+)" name="go" value="stay"', check.text)
    last = await harness.http.post(other, data={**hidden(check), "go": "stay"})
    assert "신고 보내기" in last.text
    assert await harness.collection.count_documents({}) == 0


@pytest.mark.parametrize("shown_at", ["/all", "/form/words"])
async def test_the_other_language_of_the_form_on_one_page_loses_nothing(
    harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch, shown_at: str
) -> None:
    monkeypatch.setattr(DraftRepository, "write", away)
    page = await (harness.http.get("/all?lang=en") if shown_at == "/all" else answer(harness, "words", narrative=STORY))
    assert "Look at everything" not in page.text
    [other] = re.findall(r'formaction="([^"]+)" name="go" value="stay"', page.text)
    korean = await harness.http.post(
        other, data={**hidden(page), "narrative": STORY, "phone": "010-0000", "go": "stay"}
    )
    assert (korean.status_code, STORY in korean.text, "010-0000" in korean.text) == (200, True, True)
    assert "신고 보내기" in korean.text


async def test_answers_that_no_longer_apply_are_not_sent(harness: IntakeHarness) -> None:
    await answer(harness, "who", role="representative")
    await answer(harness, "relation", relation="spouse")
    await answer(harness, "what", harm_types="other")
    await answer(harness, "contact", contact_channels=["phone"])
    await answer(harness, "reach", phone="010-0000-0000")
    await answer(harness, "who", role="victim")
    await answer(harness, "contact")
    form = hidden(await harness.http.get("/form/check?lang=en"))
    assert not {"relation", "phone"} & set(form)
    receipt(await harness.http.post("/?lang=en", data=form))


async def test_the_last_page_names_what_is_missing_and_leads_there(harness: IntakeHarness) -> None:
    await answer(harness, "who", role="victim")
    refused = await harness.http.post("/?lang=en", data=hidden(await harness.http.get("/form/check?lang=en")))
    assert refused.status_code == 422
    assert 'name="go" value="what#harm_types"' in refused.text


@pytest.mark.own_service  # whose room is taken away
async def test_without_room_for_drafts_a_report_can_still_be_sent(harness: IntakeHarness) -> None:
    await begun(harness)
    harness.intake.drafts._room = lambda: False
    page = await answer(harness, "words", narrative=STORY)
    assert page.status_code == 503
    assert int(page.headers["retry-after"]) > 0
    assert ("1366" in page.text, STORY in page.text) == (True, True)
    key = hidden(page)["idempotency_key"][0]
    checked = re.findall(r'name="(role|harm_types)" value="([^"]+)" checked', page.text)
    form = {"idempotency_key": key, "narrative": STORY, "role": "victim"}
    assert checked == [("role", "victim"), ("harm_types", "distribution"), ("harm_types", "synthesis")]
    receipt(await harness.http.post("/?lang=en", data={**form, "harm_types": ["distribution", "synthesis"]}))


async def test_advice_read_from_a_step_keeps_what_was_typed_there_and_leads_back(harness: IntakeHarness) -> None:
    await begun(harness)
    page = (await harness.http.get("/form/words?lang=en")).text
    assert re.findall(r'name="go" value="notes/(\w+)"', page) == ["links", "pictures", "browser"]
    assert 'href="/notes/' not in page, "a link would lose what was typed"
    left = await answer(harness, "words", go="notes/links", narrative=STORY)
    assert (left.status_code, left.headers["location"]) == (303, "/notes/links?back=words")
    note = (await harness.http.get(left.headers["location"])).text
    assert 'href="/form/words">To the report<' in note
    assert STORY in (await harness.http.get("/form/words?lang=en")).text


async def test_advice_is_not_read_over_something_wrong_that_would_be_lost(harness: IntakeHarness) -> None:
    await begun(harness)
    kept = await answer(harness, "words", go="notes/links", narrative="900101-1234567")
    assert (kept.status_code, "900101-1234567" in kept.text, "narrative-error" in kept.text) == (422, True, True)
    harness.http.cookies.clear()
    unanswered = await answer(harness, "who", go="notes/browser")
    assert (unanswered.status_code, unanswered.headers["location"]) == (303, "/notes/browser?back=who")
    assert (await answer(harness, "words", go="notes/nothing", narrative=STORY)).headers["location"] != "/notes/nothing"


async def rather_in_steps(harness: IntakeHarness, page: httpx.Response, **fields: str | list[str]) -> httpx.Response:
    """Press the button of the form on one page that leads to one question at a time."""
    [(place, go)] = re.findall(
        r'formaction="([^"]+)" name="go" value="([^"]+)">Rather one question at a time<', page.text
    )
    return await harness.http.post(place, data={**hidden(page), **fields, "go": go})


async def test_one_question_at_a_time_takes_along_what_was_typed_in_the_form_on_one_page(
    harness: IntakeHarness,
) -> None:
    page = await harness.http.get("/all?lang=en")
    typed: dict[str, str | list[str]] = {"narrative": STORY, "email": "", "consents": ["personal"], "word": "우산 하나"}
    led = await rather_in_steps(harness, page, **typed)
    assert (led.status_code, led.headers["location"]) == (303, "/form/who")
    assert (await answer(harness, "who", role="victim")).headers["location"] == "/form/what"
    assert (await answer(harness, "what", harm_types=["distribution"])).headers["location"] == "/form/urgent"
    last = await harness.http.get("/form/check?lang=en")
    assert hidden(last)["narrative"] == [STORY]
    assert last.text.count(" checked") == 1
    assert "You typed a word before" in last.text
    assert "우산 하나" not in last.text
    assert await harness.collection.count_documents({}) == 0
    receipt(await harness.http.post("/?lang=en", data=hidden(last)))


async def test_what_is_wrong_in_the_form_on_one_page_is_kept_there_and_in_no_draft(harness: IntakeHarness) -> None:
    page = await harness.http.get("/all?lang=en")
    wrong = await rather_in_steps(harness, page, narrative="900101-1234567", contact_channels=["text"])
    assert (wrong.status_code, "900101-1234567" in wrong.text) == (422, True)
    assert re.findall(r'<a href="#([\w-]+)">', wrong.text.partition("<form")[0])[:2] == ["narrative", "send"]
    assert drafts.COOKIE not in harness.http.cookies
    missing = await rather_in_steps(harness, wrong, narrative=STORY, contact_channels=["text"])
    assert missing.headers["location"] == "/form/who", "the steps ask for a role and for the number"


async def test_with_nothing_typed_in_the_form_on_one_page_a_draft_of_before_goes_on(harness: IntakeHarness) -> None:
    led = await rather_in_steps(harness, await harness.http.get("/all?lang=en"), narrative="", division="")
    assert (led.headers["location"], drafts.COOKIE in harness.http.cookies) == ("/form/who", False)
    await begun(harness)
    led = await rather_in_steps(harness, await harness.http.get("/all?lang=en"), narrative="", division="")
    assert led.headers["location"] == "/form/who"
    assert hidden(await harness.http.get("/form/check?lang=en"))["harm_types"] == ["distribution", "synthesis"]


async def test_one_question_at_a_time_keeps_what_could_not_be_kept_before(
    harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begun(harness)
    last = await harness.http.get("/form/check?lang=en")
    with monkeypatch.context() as patched:
        patched.setattr(DraftRepository, "write", away)
        page = await answer(harness, "words", narrative=STORY)
        typed: dict[str, str | list[str]] = {"role": "victim", "harm_types": ["synthesis"], "narrative": STORY}
        page = await rather_in_steps(harness, page, **typed)
        assert (page.status_code, STORY in page.text) == (503, True)
    assert (await rather_in_steps(harness, page, **typed)).headers["location"] == "/form/who"
    kept = hidden(await harness.http.get("/form/check?lang=en"))
    assert (kept["narrative"], kept["harm_types"]) == ([STORY], ["synthesis"])
    assert kept["idempotency_key"] == hidden(last)["idempotency_key"], "still one report"


async def test_who_leaves_a_short_path_to_tell_more_takes_along_what_was_typed_and_nothing_else(
    harness: IntakeHarness,
) -> None:
    led = await answer(harness, "now", "who", money_demanded="yes", threat_deadline="2061-11-26T21:00")
    assert (led.status_code, led.headers["location"]) == (303, "/form/who")
    assert " checked" not in (await harness.http.get("/form/who?lang=en")).text, "they may report for another"
    assert (await answer(harness, "who", role="representative")).headers["location"] == "/form/relation"
    assert " checked" not in (await harness.http.get("/form/what?lang=en")).text
    await answer(harness, "what", harm_types=["distribution"])
    form = hidden(await harness.http.get("/form/check?lang=en"))
    assert (form["money_demanded"], form["threat_deadline"]) == (["yes"], ["2061-11-26T21:00"])
    assert "path" not in form
    harness.http.cookies.clear()
    assert (await answer(harness, "y-what", "who", harm_types=["synthesis"])).headers["location"] == "/form/who"
    assert (await answer(harness, "who", role="victim")).headers["location"] == "/form/what"
    assert hidden(await harness.http.get("/form/check?lang=en"))["harm_types"] == ["synthesis"]


async def test_a_short_path_is_not_left_over_something_wrong_that_would_be_lost(harness: IntakeHarness) -> None:
    wrong = await answer(harness, "now", "who", threat_deadline="tomorrow")
    assert (wrong.status_code, 'href="#threat_deadline"' in wrong.text, "1/3" in wrong.text) == (422, True, True)
    unanswered = await answer(harness, "y-what", "who")
    assert (unanswered.status_code, unanswered.headers["location"]) == (303, "/form/who")


FIRST: dict[str, tuple[dict[str, list[str]], str]] = {
    "who": ({"role": ["third_party"]}, "/"),
    "now": ({"money_demanded": ["yes"], "threat_deadline": ["2061-11-26T21:00"]}, "/"),
    "y-what": ({"harm_types": ["distribution", "synthesis"]}, "/notes/younger"),
}
"""The first page of each path: what is answered there, and the page before it."""


@pytest.mark.parametrize("slug", FIRST)
async def test_back_from_the_first_page_of_a_path_keeps_what_was_answered_there(
    harness: IntakeHarness, slug: str
) -> None:
    answers, before = FIRST[slug]
    page = (await harness.http.get(f"/form/{slug}?lang=en")).text
    assert 'name="go" value="back">Back</button>' in page, "a link would lose what was answered"
    left = await answer(harness, slug, "back", **answers)
    assert (left.status_code, left.headers["location"]) == (303, before)
    kept = hidden(await harness.http.get("/form/check?lang=en"))
    assert {name: kept.get(name) for name in answers} == answers


@pytest.mark.parametrize("go", ["back", "stay", "notes/browser"])
@pytest.mark.parametrize("slug", FIRST)
async def test_of_who_answers_nothing_on_the_first_page_and_leaves_it_nothing_is_kept(
    harness: IntakeHarness, slug: str, go: str
) -> None:
    to = {"back": FIRST[slug][1], "stay": f"/form/{slug}?lang=en", "notes/browser": f"/notes/browser?back={slug}"}[go]
    left = await answer(harness, slug, go, threat_deadline="")
    assert (left.status_code, left.headers["location"]) == (303, to)
    assert await harness.intake.drafts._store.collection.count_documents({}) == 0
    assert drafts.COOKIE not in harness.http.cookies


async def test_back_from_the_first_page_leaves_behind_what_is_wrong_there(harness: IntakeHarness) -> None:
    left = await answer(harness, "now", "back", threat_deadline="tomorrow", money_demanded="yes")
    assert (left.status_code, left.headers["location"]) == (303, "/")
    assert drafts.COOKIE not in harness.http.cookies


@pytest.mark.parametrize("back", ["nothing", "//example.com", ""])
async def test_advice_leads_back_to_a_step_alone(harness: IntakeHarness, back: str) -> None:
    page = (await harness.http.get("/notes/links", params={"back": back, "lang": "en"})).text
    assert re.findall(r'href="([^"]+)">To the report<', page) == ["/"]


async def test_a_number_that_is_needed_is_not_said_to_be_left_empty(harness: IntakeHarness) -> None:
    await begun(harness)
    await answer(harness, "contact", contact_channels=["text"])
    said = "You may leave this empty and continue."
    asked = await harness.http.get("/form/reach?lang=en")
    assert (asked.status_code, said in asked.text) == (200, False)
    assert said in (await harness.http.get("/form/safe?lang=en")).text
    assert (await answer(harness, "reach")).status_code == 422


async def test_no_form_has_a_link_that_would_lose_what_is_typed_in_it(harness: IntakeHarness) -> None:
    await begun(harness)
    sent = await harness.http.post("/?lang=en", data=hidden(await harness.http.get("/form/check?lang=en")))
    mine = {"receipt": receipt(sent)}
    await begun(harness)
    pages = [await harness.http.get("/all"), await harness.http.get("/form/check")]
    pages.append(await harness.http.post("/status/message", data=mine))
    assert [("/notes/" in page.text, page.status_code) for page in pages] == [(False, 200)] * 3
    assert 'href="/notes/browser"' in (await harness.http.get("/")).text


@pytest.mark.parametrize("path", ["/form/nothing", "/notes/nothing"])
async def test_there_is_nothing_at_other_addresses(harness: IntakeHarness, path: str) -> None:
    assert (await harness.http.get(path)).status_code == 404


async def test_the_status_names_the_time_and_says_when_it_was_missed(
    harness: IntakeHarness, clock: ManualClock
) -> None:
    await answer(harness, "who", role="victim")
    await answer(harness, "what", harm_types="child_material")
    sent = await harness.http.post("/?lang=en", data=hidden(await harness.http.get("/form/check?lang=en")))
    mine = {"receipt": receipt(sent)}
    assert "should have seen it by:" in (await harness.http.post("/status?lang=en", data=mine)).text
    await clock.advance(3601)
    late = (await harness.http.post("/status?lang=en", data=mine)).text
    assert "should have seen it by now, and nobody has" in late
    assert "should have seen it by:" not in late


async def test_the_short_path_is_threat_contact_send(harness: IntakeHarness) -> None:
    assert "/form/now" in (await harness.http.get("/?lang=en")).text
    first = await harness.http.get("/form/now?lang=en")
    assert ("1/3" in first.text, 'name="threatened"' in first.text) == (True, False)
    on = await answer(harness, "now", money_demanded="yes", age_band="14_18")
    assert on.headers["location"] == "/form/now-contact"
    lost = await answer(harness, "now-contact", phone="010-0000-0000")
    assert (lost.status_code, 'href="#contact_channels"' in lost.text) == (422, True)
    missing = await answer(harness, "now-contact", contact_channels=["text"])
    assert (missing.status_code, 'href="#phone"' in missing.text) == (422, True)
    last = await answer(harness, "now-contact", contact_channels=["text"], phone="010-0000-0000")
    assert last.headers["location"] == "/form/check"
    form = hidden(await harness.http.get("/form/check?lang=en"))
    receipt(await harness.http.post("/?lang=en", data=form))
    [stored] = await harness.collection.find({}).to_list(None)
    facts, opened = stored["facts"], documents.opened(stored, Keyring([b"m" * 32]))
    assert (facts["role"], facts["harm_types"], facts["urgency"]) == ("victim", ["distribution_threat"], "critical")
    assert opened["answers"] == {"threatened": True, "money_demanded": True}
    assert opened["contact"] == {"channels": ["text"], "phone": "010-0000-0000"}


async def test_a_change_from_the_last_page_of_the_short_path_leads_back_there(harness: IntakeHarness) -> None:
    await answer(harness, "now", money_demanded="no")
    assert (await answer(harness, "words", narrative=STORY)).headers["location"] == "/form/check"
    page = await harness.http.get("/form/check?lang=en")
    assert ("3/3" in page.text, STORY in page.text, hidden(page)["path"]) == (True, True, ["now"])
    gone = await answer(harness, "who", role="third_party")
    assert gone.headers["location"] == "/form/what", "the short path is for who was harmed"


async def test_a_childs_path_asks_in_plain_words_and_offers_no_control_for_pictures(harness: IntakeHarness) -> None:
    page = await harness.http.get("/notes/younger?lang=ko")
    assert "/form/y-what" in page.text
    seen = ""
    for slug, said in {
        "y-what": {"harm_types": ["online_grooming"]},
        "y-age": {"age_band": "under_14"},
        "y-now": {"threatened": "yes"},
        "y-words": {"narrative": STORY, "accounts": "@someone"},
        "y-place": {"division": "busan"},
        "y-contact": {"contact_channels": ["message_here"]},
    }.items():
        page = await harness.http.get(f"/form/{slug}?lang=ko")
        assert page.status_code == 200
        seen += page.text
        assert (await answer(harness, slug, **said)).status_code == 303  # type: ignore[arg-type]  # texts and lists
    assert 'type="file"' not in seen
    assert "그루밍" not in seen
    receipt(await harness.http.post("/?lang=ko", data=hidden(await harness.http.get("/form/check?lang=ko"))))
    [stored] = await harness.collection.find({}).to_list(None)
    facts = stored["facts"]
    assert (facts["role"], facts["age_band"], facts["urgency"]) == ("victim", "under_14", "critical")


async def test_a_childs_answers_that_are_kept_anew_stay_in_plain_words(
    harness: IntakeHarness, clock: ManualClock
) -> None:
    await answer(harness, "y-what", harm_types=["other"])
    form = hidden(await harness.http.get("/form/check?lang=en"))
    await clock.advance(3600)
    refused = await harness.http.post("/?lang=en", data={**form, "narrative": "900101-1234567"})
    assert (refused.status_code, 'name="go" value="y-words#narrative"' in refused.text) == (422, True)
    assert (await change(harness, refused, "y-words#narrative")).headers["location"] == "/form/y-words#narrative"
    assert "plain-words" in (await harness.http.get("/form/check?lang=en")).text


@pytest.mark.parametrize(
    ("who", "what", "age", "offered"),
    [
        ("victim", "synthesis", "19_24", True),
        ("victim", "synthesis", "14_18", False),
        ("victim", "child_material", "19_24", False),
        ("representative", "synthesis", "19_24", False),
        ("third_party", "child_material", "", False),
    ],
)
async def test_the_fingerprint_box_is_folded_and_only_for_the_adult_in_the_picture(
    harness: IntakeHarness, who: str, what: str, age: str, offered: bool
) -> None:
    await answer(harness, "who", role=who)
    await answer(harness, "what", harm_types=what)
    await answer(harness, "about", age_band=age)
    page = (await harness.http.get("/form/seen?lang=en")).text
    assert ('type="file"' in page) is offered
    assert ("take no screenshot" in page) is (what == "child_material" or age == "14_18")
    if offered:
        assert page.index("<summary>Fingerprints") < page.index('type="file"')
        assert '<details class="more">\n<summary>Fingerprints' in page
    assert 'type="file"' not in (await harness.http.get("/all?lang=en")).text


async def test_number_and_address_left_empty_are_both_named_at_once(harness: IntakeHarness) -> None:
    await begun(harness)
    await answer(harness, "contact", contact_channels=["phone", "email"])
    empty = await answer(harness, "reach", phone="", email=" ")
    assert empty.status_code == 422
    summary = empty.text.partition("error-summary")[2].partition("</ul>")[0]
    assert re.findall(r'href="#([^"]+)"', summary) == ["phone", "email"]
    assert ('id="phone-error"' in empty.text, 'id="email-error"' in empty.text) == (True, True)


async def test_only_here_and_a_text_message_are_refused_together(harness: IntakeHarness) -> None:
    await begun(harness)
    both = await answer(harness, "contact", contact_channels=["text", "message_here"])
    assert (both.status_code, 'href="#contact_channels"' in both.text) == (422, True)
    assert (await answer(harness, "contact", contact_channels=["message_here"])).headers["location"] == "/form/check"
