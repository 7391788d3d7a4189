"""Somebody at home found the receipt: what they cannot do at once, what its owner sees, and what staff see."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.intake.reports.waiting_period import WAIT
from shared.web.formats import exact
from shared.web.language import Language
from tests.integration.intake.harness import LEAST, IntakeHarness, new_key
from tests.integration.intake.holding import Holder, audit_of, holder, owned
from tests.support.clock import JumpClock
from tests.support.waiting import eventually

HTML = {"Accept": "text/html", "Accept-Language": "en"}


@pytest.fixture(scope="module")
def clock() -> JumpClock:
    return JumpClock()


async def test_a_first_word_set_later_locks_nobody_out_for_a_day_and_can_be_made_void(
    harness: IntakeHarness, clock: JumpClock
) -> None:
    someone = await holder(harness)
    told = await someone.done("word", word="their word")
    assert (await harness.status(someone.receipt))["word_from"] == told["word_from"]
    clock.jump(hours=5)
    stored = (await someone.stored())["word_later"]
    for word in ("another word", "THEIR word"):
        refused = await someone.post("word", word=word)
        assert (refused.status_code, refused.json()["code"]) == (409, "word_waits"), "alike: else words could be tried"
    form = {"receipt": someone.receipt}
    page = (
        await harness.http.post("/status/word?lang=en", data={**form, "step": "do", "new_word": "another word"})
    ).text
    assert "A word was set before and does not count yet." in page
    assert (await someone.stored())["word_later"] == stored, "it is the word of whoever set it first, from its own time"
    shown = (await harness.http.post("/status?lang=en", data=form)).text
    assert "Until it is void, nobody can put another word in its place." in shown
    assert "Set a word of your own" not in shown
    await someone.done("messages", text="without any word")
    assert "word_from" not in await someone.done("word/cancel")
    assert "word_from" not in await someone.done("word/cancel")
    assert "word_from" in await someone.done("word", word="my own"), "once it is void another may be set"
    await someone.done("word/cancel")
    clock.jump(hours=30)
    await someone.done("messages", text="still without")
    assert ("receipts.word_cancel", "done", None) in await audit_of(harness, someone.report_id)


async def test_a_first_word_counts_after_the_day_and_is_then_needed(harness: IntakeHarness, clock: JumpClock) -> None:
    someone = await holder(harness)
    told = await someone.done("word", word="my word")
    assert datetime.fromisoformat(told["word_from"]) - clock.now() <= WAIT
    clock.jump(hours=24, minutes=1)
    assert "word_from" not in await harness.status(someone.receipt)
    for what, body in (("messages", {"text": "x"}), ("word/cancel", {}), ("withdraw", {})):
        assert (await someone.post(what, **body)).json()["code"] == "unknown_receipt"
    await someone.done("messages", text="x", word="my word")
    await someone.done("word", word="my word", new_word="another word")
    await someone.done("messages", text="y", word="another word")
    # It was set with the receipt alone, so it lends nobody the right to destroy at once.
    gone = await someone.done("withdraw", word="another word", at_once=True, understood=True)
    assert (gone["state"], "destroy_asked_at" in gone) == ("withdrawn", True)


async def test_staff_see_a_changed_contact_what_it_was_and_the_word_to_check_with(
    harness: IntakeHarness, clock: JumpClock
) -> None:
    before = {"channels": ["phone"], "phone": "010-2468-1357", "person_codeword": "blue umbrella"}
    someone = await holder(harness, contact=before)
    await owned(someone, "busan", seen=True)
    clock.jump(hours=1)
    await someone.done("amend", contact={"channels": ["phone"], "phone": "010-1111-2222", "person_codeword": "sun"})
    told = await harness.status(someone.receipt)
    assert datetime.fromisoformat(told["contact_changed_at"]) > datetime.fromisoformat(told["received_at"])
    ticket = harness.people.ticket(someone.report_id, "busan")
    shown = (await harness.http.post("/details", data={"ticket": ticket}, headers=HTML)).text
    notice = shown.split("The ways of contact were changed at", 1)[1].split("</div>", 1)[0]
    assert "somebody at home who found it" in notice
    assert "blue umbrella" in notice
    assert "sun" not in re.sub(r"<time[^>]*>", "", notice).split("agreed before the change", 1)[1]
    assert "010-2468-1357" in shown


@pytest.mark.parametrize(
    ("lang", "age", "threatened", "no_longer", "finder", "personal"),
    [
        (
            "en",
            "Under 14",
            "<dt>Threatened</dt><dd>Yes <",
            "No longer given",
            "somebody at home who found it",
            "<dt>Personal data</dt><dd>Yes<",
        ),
        (
            "ko",
            "14세 미만",
            "<dt>협박 있음</dt><dd>예 <",
            "지워짐",
            "집에서 번호를 본 사람",
            "<dt>개인정보</dt><dd>예<",
        ),
    ],
)
async def test_staff_see_what_was_answered_before_a_receipt_alone_changed_it(
    harness: IntakeHarness,
    clock: JumpClock,
    lang: Language,
    age: str,
    threatened: str,
    no_longer: str,
    finder: str,
    personal: str,
) -> None:
    until = (clock.now() + timedelta(days=1)).replace(microsecond=0)
    someone = await holder(harness, threat_deadline=until.isoformat(), seen_when="last week", age_band="under_14")
    await owned(someone, "busan", seen=True)
    clock.jump(hours=1)
    agreed = {"version": "2026-11", "sensitive": True}
    await someone.done("amend", threatened=False, threat_deadline=None, seen_when="years ago", consents=agreed)
    await someone.done("amend", age_band="30s")
    ticket = harness.people.ticket(someone.report_id, "busan")
    shown = (
        await harness.http.post("/details", data={"ticket": ticket}, headers=HTML | {"Accept-Language": lang})
    ).text
    top = shown.split('id="threat-title"', 1)[1].split("</section>", 1)[0]
    assert no_longer in top
    assert exact(until, lang) in top
    known = shown.split('id="facts-title"', 1)[1].split("</section>", 1)[0]
    now, before = known.split("<h3>", 1)
    assert threatened not in now
    assert threatened in before
    assert ("years ago" in now, "last week" in now, "last week" in before) == (True, False, True)
    assert (age in now, age in before) == (False, True)
    assert finder in before
    now, before = shown.split('id="consents-title"', 1)[1].split("<h3>", 1)
    assert [personal in of for of in (now, before)] == [False, True]
    assert finder in now


@pytest.mark.parametrize(
    ("lang", "first", "finder"),
    [
        ("en", "The first consents were added later", "somebody at home who found it"),
        ("ko", "처음에는 기록된 동의가 없었고", "집에서 번호를 본 사람"),
    ],
)
async def test_staff_see_that_the_first_consents_came_later_with_a_receipt_alone(
    harness: IntakeHarness, clock: JumpClock, lang: Language, first: str, finder: str
) -> None:
    someone = Holder(harness, (await harness.lodge(LEAST)).json())
    await owned(someone, "busan", seen=True)
    clock.jump(hours=1)
    await someone.done("amend", consents={"version": "2026-11", "personal": True})
    ticket = harness.people.ticket(someone.report_id, "busan")
    shown = (
        await harness.http.post("/details", data={"ticket": ticket}, headers=HTML | {"Accept-Language": lang})
    ).text.split('id="consents-title"', 1)[1]
    assert (first in shown, finder in shown) == (True, True)


async def test_who_opened_the_details_is_told_to_the_reporter_once_and_by_centre(
    harness: IntakeHarness, clock: JumpClock
) -> None:
    someone = await holder(harness)
    await owned(someone, "busan", seen=True)
    told = await harness.status(someone.receipt)
    assert (told["state"], "opened_at" in told) == ("seen", False)
    for _ in range(2):
        ticket = harness.people.ticket(someone.report_id, "busan")
        assert (await harness.http.post("/details", data={"ticket": ticket}, headers=HTML)).status_code == 200
        after = await harness.status(someone.receipt)
        clock.jump(minutes=5)
        assert after["state"] == "opened"
        assert datetime.fromisoformat(after["opened_at"]) > datetime.fromisoformat(told["seen_at"]) - timedelta(
            seconds=5
        )
    assert len((await someone.stored())["opened"]) == 1
    refused = harness.people.ticket(someone.report_id, "jeju")
    assert (await harness.http.post("/details", data={"ticket": refused})).status_code != 200
    assert (await harness.status(someone.receipt))["opened_at"] == after["opened_at"]


async def test_a_tip_and_a_representative_see_a_missed_time_on_their_page(
    harness: IntakeHarness, clock: JumpClock
) -> None:
    for role in ("third_party", "representative"):
        someone = await holder(harness, role=role)
        await owned(someone, "busan")
        form = {"receipt": someone.receipt}
        assert "Someone there should have seen it by:" in (await harness.http.post("/status?lang=en", data=form)).text
        clock.jump(days=4)
        late = (await harness.http.post("/status?lang=en", data=form)).text
        assert "Someone should have seen it by now, and nobody has." in late
        assert ("Nobody has to confirm it" in late) is (role == "third_party")
        assert "Busan" not in late


async def test_the_status_can_be_checked_again_and_the_newest_answer_stands_on_top(harness: IntakeHarness) -> None:
    someone = await holder(harness)
    await harness.collection.update_one(
        {"_id": someone.report_id},
        {"$set": {"replies": [{"number": 1, "at": (await someone.stored())["received_at"], "by": "s-1"}]}},
    )
    await harness.sign(someone.report_id)
    page = (await harness.http.post("/status?lang=en", data={"receipt": someone.receipt})).text
    again = re.search(r'<form id="again" method="post" action="/status\?lang=en"[^>]*>.*?</form>', page, re.DOTALL)
    assert again is not None
    assert f'value="{someone.receipt}"' in again.group()
    assert "Check again" in again.group()
    assert page.index("The centre left 1 new answer.") < page.index('<ol class="steps way">')


async def test_a_word_guards_the_status_too_where_its_reporter_chose_so(
    harness: IntakeHarness, clock: JumpClock
) -> None:
    someone = await holder(harness)
    told = await someone.done("word", word="my word", for_status=True)
    assert "word_for_status" not in told
    assert "word_from" in await harness.status(someone.receipt), "whoever did not set it can still see and stop it"
    clock.jump(hours=24, minutes=1)
    unknown = await harness.ask("0000-0000-0000-0000")
    for answer in (await harness.ask(someone.receipt), await someone.post("status", word="guess")):
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_receipt")
        assert answer.json()["detail"] == unknown.json()["detail"]
    assert (await someone.done("status", word="MY word"))["word_for_status"] is True
    form = {"receipt": someone.receipt}
    refused = await harness.http.post("/status?lang=en", data=form)
    assert refused.status_code == 404
    assert 'name="word"' in refused.text
    shown = await harness.http.post("/status?lang=en", data={**form, "word": "my word"})
    assert "After half an hour you need it again to see the status." in shown.text
    asked = await harness.http.post("/status/word?lang=en", data={**form, "step": "ask"})
    assert "Set or change your word</h1>" in asked.text, "the button says to change it"
    assert (await harness.http.post("/status?lang=en", data=form)).status_code == 200, "not at every step of a visit"
    clock.jump(minutes=31)
    assert (await harness.http.post("/status?lang=en", data=form)).status_code == 404
    assert "word_for_status" not in await someone.done("word", word="my word", for_status=False)
    assert "word_for_status" not in await harness.status(someone.receipt)
    assert (await someone.post("messages", text="x")).status_code == 404, "everything else needs it as before"


async def test_who_had_the_receipt_alone_before_the_word_counted_sees_no_status_that_it_guards(
    harness: IntakeHarness, clock: JumpClock
) -> None:
    someone = await holder(harness)
    await someone.done("word", word="my word", for_status=True)
    clock.jump(hours=23, minutes=50)
    form = {"receipt": someone.receipt}
    for path, more in (("/status", {}), ("/status/message", {"step": "do", "text": "x"})):
        page = await harness.http.post(f"{path}?lang=en", data={**form, **more, "word": "a guess"})
        assert page.status_code == 200, "no word counts yet, so none is compared"
        assert harness.http.cookies["place"].count(".") == 1, "and none is proved"
    clock.jump(minutes=11)
    assert (await harness.http.post("/status?lang=en", data=form)).status_code == 404
    await harness.http.post("/status?lang=en", data={**form, "word": "my word"})
    assert harness.http.cookies["place"].count(".") == 2


async def test_a_word_that_comes_with_the_report_guards_its_status_from_the_start_where_it_was_chosen(
    harness: IntakeHarness,
) -> None:
    someone = await holder(harness, word="rain coat", word_for_status=True)
    assert (await harness.ask(someone.receipt)).json()["code"] == "unknown_receipt"
    assert (await someone.done("status", word="rain coat"))["word_for_status"] is True
    open_one = await holder(harness, word="rain coat")
    assert "word_for_status" not in await harness.status(open_one.receipt)

    form = {"role": "victim", "harm_types": "other", "word_for_status": "yes"}
    refused = await harness.http.post("/?lang=en", data=form)
    assert (refused.status_code, 'href="#word"' in refused.text) == (422, True)
    assert 'id="word_for_status" type="checkbox" name="word_for_status" value="yes" checked' in refused.text
    page = await harness.http.post("/?lang=en", data={**form, "word": "rain coat"})
    assert "Without your word nobody can see where the report stands" in page.text
    receipt = "-".join(re.findall(r"<span>(\d{4})</span>", page.text))
    assert (await harness.ask(receipt)).status_code == 404


FIRST_COUNTS = "What you chose then counts"
NOT_SET = "The word you typed now was not set."
GUARDED = "Without your word nobody can see where the report stands"
OPEN = "Whoever has the number can see where the report stands"


async def test_a_repeat_with_another_word_says_what_is_stored_and_not_what_was_typed(harness: IntakeHarness) -> None:
    word = {"word": "rain coat", "word_for_status": "yes"}
    for first, then, says, never, status in (
        ({}, word, (NOT_SET, OPEN), (FIRST_COUNTS, GUARDED), 200),
        (word, {}, (FIRST_COUNTS, GUARDED, "the receipt number and your word."), (NOT_SET, OPEN), 404),
        (
            {"word": "rain coat"},
            word,
            (FIRST_COUNTS, OPEN, "Without your word nobody can read"),
            (NOT_SET, GUARDED),
            200,
        ),
        (word, {**word, "word": "umbrella"}, (FIRST_COUNTS, GUARDED), (NOT_SET, OPEN), 404),
        ({}, {}, (OPEN,), (NOT_SET, FIRST_COUNTS, GUARDED), 200),
    ):
        form = {"role": "victim", "harm_types": "other", "idempotency_key": new_key()}
        once = await harness.http.post("/?lang=en", data={**form, **first})
        assert (once.status_code, FIRST_COUNTS in once.text, NOT_SET in once.text) == (200, False, False)
        page = (await harness.http.post("/?lang=en", data={**form, **then})).text
        assert [one in page for one in (*says, *never)] == [True] * len(says) + [False] * len(never), (first, then)
        receipt = "-".join(re.findall(r"<span>(\d{4})</span>", page))
        assert receipt in once.text.replace("</span> <span>", "-")
        assert (await harness.ask(receipt)).status_code == status


async def test_the_answer_to_a_repeat_says_which_word_counts(harness: IntakeHarness) -> None:
    bare = {"role": "victim", "harm_types": ["other"]}
    word = {**bare, "word": "rain coat"}
    guarded = {**word, "word_for_status": True}
    for first, then, said in (
        (bare, guarded, {}),
        (word, bare, {"word_set": True}),
        (guarded, bare, {"word_set": True, "word_for_status": True}),
    ):
        key = new_key()
        once, again = [await harness.lodge(body, key=key) for body in (first, then)]
        assert (once.status_code, again.status_code) == (202, 202)
        assert once.json() == again.json()
        assert {name: told for name, told in again.json().items() if name.startswith("word")} == said


async def test_who_found_a_receipt_chooses_no_centre_by_the_place_and_declining(harness: IntakeHarness) -> None:
    elsewhere: dict[str, Any] = {"division": "jeju"}
    declining: dict[str, Any] = {"declined_centers": ["ulsan"]}

    async def refused(someone: Holder, **said: Any) -> None:
        answer = await someone.post("amend", **said)
        assert (answer.status_code, answer.json()["errors"][0]["reason"]) == (422, "too_many_declined")

    await refused(someone := await holder(harness), **elsewhere, **declining)
    assert (await someone.stored())["facts"]["division"] != "jeju"
    await someone.done("amend", **elsewhere)
    await refused(someone, **declining)
    await someone.done("amend", narrative="what else is said is taken")
    await (other := await holder(harness)).done("amend", **declining)
    await other.done("amend", **elsewhere)
    await other.done("amend", **declining)
    await refused(other, declined_centers=["busan"])
    with_word = await holder(harness, word="my own word")
    await with_word.done("amend", **elsewhere, **declining, word="my own word")
    assert (await with_word.stored())["facts"]["declined_centers"] == ["ulsan"]


async def test_a_report_follows_no_link_that_a_found_receipt_brought_when_a_centre_is_declined(
    harness: IntakeHarness,
) -> None:
    own, made_to_be_found = "https://seen.example/own", "https://seen.example/made-to-be-found"
    linked = [
        (await harness.lodge({**LEAST, "urls": [address]})).json()["report_id"] for address in (own, made_to_be_found)
    ]
    await eventually(lambda: all_links_written(harness))
    someone = await holder(harness, urls=[own])
    await someone.done("amend", urls=[made_to_be_found])
    assert (await someone.stored())["facts"]["linked_reports"] == linked[::-1], "staff see it"
    await someone.done("amend", declined_centers=["ulsan"], urls=[made_to_be_found])
    assert (await someone.stored())["facts"]["linked_reports"] == linked[:1]
    with_word = await holder(harness, word="my own word")
    await with_word.done("amend", declined_centers=["ulsan"], urls=[made_to_be_found], word="my own word")
    assert linked[1] in (await with_word.stored())["facts"]["linked_reports"]


async def test_who_found_a_receipt_does_not_use_up_what_its_owner_may_say(
    harness: IntakeHarness, clock: JumpClock
) -> None:
    someone, more = await holder(harness), (("messages", {"text": "x"}, 50), ("amend", {"narrative": "x"}, 20))
    for what, said, most in more:
        for _ in range(most):
            await someone.done(what, **said)
        assert (await someone.post(what, **said)).status_code == 409
    await someone.done("word", word="my own")
    clock.jump(hours=24, minutes=1)
    for what, said, _ in more:
        await someone.done(what, **said, word="my own")
        assert (await someone.post(what, **said)).json()["code"] == "unknown_receipt"
    assert len((await someone.stored())["messages"]) == 51


async def all_links_written(harness: IntakeHarness) -> bool:
    waiting = await harness.collection.count_documents({"links_since": {"$exists": True}})
    return not harness.intake.link_service.in_flight and not waiting
