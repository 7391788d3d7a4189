"""A representative's report is handed over to the person harmed, on the real store and bus, by API and pages."""

import asyncio
import re
from typing import Any

import httpx
import pytest

from services.intake.reports import documents
from shared.encryption import Keyring
from tests.integration.intake.harness import IntakeHarness, new_key
from tests.integration.intake.holding import Holder, audit_of, holder, owned, page
from tests.support.clock import JumpClock

KEYRING = Keyring([b"m" * 32])


@pytest.fixture(scope="module")
def clock() -> JumpClock:
    return JumpClock()


async def take(someone: Holder, code: str, *, key: str | None = None, **more: object) -> httpx.Response:
    headers = someone.harness.headers() | ({"Idempotency-Key": key} if key else {})
    body = {"code": code, "i_am_the_person": True, **more}
    return await someone.harness.http.post("/api/v1/receipts/take-over", json=body, headers=headers)


async def code_of(someone: Holder, **more: Any) -> str:
    return str((await someone.done("hand-over", **more))["code"])


async def taken(someone: Holder, **more: Any) -> Holder:
    answer = await take(someone, await code_of(someone), **more)
    assert answer.status_code == 201, answer.text
    return Holder(someone.harness, {"report_id": someone.report_id, "receipt": answer.json()["receipt"]})


async def test_the_person_gets_a_receipt_and_word_of_their_own_and_the_old_ones_lose_everything(
    harness: IntakeHarness,
) -> None:
    theirs = await holder(harness, role="representative", word="umbrella", on_behalf={"relation": "spouse"})
    assert (await harness.status(theirs.receipt))["may_hand_over"]
    assert (await theirs.post("hand-over")).json()["code"] == "unknown_receipt", "the word is needed"
    offer = await theirs.done("hand-over", word="umbrella")
    assert (await harness.status(theirs.receipt))["hand_over_until"] == offer["until"]
    answer = await take(
        theirs, offer["code"], word="rain coat", contact={"channels": ["text"], "phone": "010-1222-3333"}
    )
    own = Holder(harness, {"report_id": theirs.report_id, "receipt": answer.json()["receipt"]})
    assert own.receipt != theirs.receipt

    stored = await own.stored()
    opened = documents.opened(stored, KEYRING)
    assert (stored["facts"]["role"], stored["facts"]["contact_channels"]) == ("victim", ["text"])
    assert opened["contact:2"] == {"channels": ["text"], "phone": "010-1222-3333"}
    assert (stored["consents"], len(stored["earlier_consents"])) == (None, 1)
    amended = (await own.published())[1]
    assert (amended["intake_version"], amended["facts"]["role"]) == (2, "victim")

    left = await harness.status(theirs.receipt)
    for _ in range(2):
        for what, more in (
            ("messages", {"text": "?"}),
            ("amend", {"narrative": "?"}),
            ("withdraw", {}),
            ("reinstate", {}),
            ("word", {"new_word": "another"}),
            ("hand-over", {}),
            ("hand-over/cancel", {}),
        ):
            refused = await theirs.post(what, word="umbrella", **more)
            assert (refused.status_code, refused.json()["code"]) == (409, "handed_over"), what
        # Whatever the person does, and whatever the centre does, the former receipt says the same.
        assert await harness.status(theirs.receipt) == left
        assert left.keys() == {"state", "since", "received_at"}
        await own.done("messages", word="rain coat", text="it is me")
        await owned(own, seen=True, closed=True)
    assert (await own.post("messages", word="umbrella", text="?")).status_code == 404
    now = await harness.status(own.receipt)
    assert (now["limited"], "center" in now, now["taken_over_at"]) == (True, False, left["since"])
    assert ("receipts.take_over", "done", None) in await audit_of(harness, own.report_id)


async def test_what_was_said_before_by_a_clock_ahead_is_still_from_before(
    harness: IntakeHarness, clock: JumpClock
) -> None:
    theirs = await holder(harness, role="representative")
    clock.jump(minutes=3)
    await theirs.done("messages", text="it is for my sister")
    await theirs.done("amend", narrative="she told me more")
    clock.jump(minutes=-3)
    own = await taken(theirs)
    stored = await own.stored()
    assert [documents.of_holder(stored, what) for what in documents.OF_HOLDER] == [[], [], []]
    await own.done("messages", text="it is me")
    assert [one["number"] for one in documents.of_holder(await own.stored(), "messages")] == [2]


async def test_after_staff_confirmed_it_the_person_has_every_right_and_the_former_receipt_still_none(
    harness: IntakeHarness,
) -> None:
    theirs = await holder(harness, role="representative")
    own = await taken(theirs, word="umbrella")
    await owned(own, seen=True)
    to = f"/details/{own.report_id}/confirm"
    assert (await page(harness, "busan", "counsellor", form={"way": "phone"}, to=to)).status_code == 200
    assert (await harness.status(own.receipt))["center"]["id"] == "busan"
    left = await harness.status(theirs.receipt)
    gone = await own.done("withdraw", word="umbrella", at_once=True, understood=True)
    assert gone["state"] == "erased"
    assert await harness.status(theirs.receipt) == left
    assert (await theirs.post("withdraw")).json()["code"] == "handed_over"
    assert (await theirs.post("messages", text="?")).json()["code"] == "handed_over"


async def test_who_took_over_what_the_person_had_confirmed_before_says_how_they_may_be_reached(
    harness: IntakeHarness,
) -> None:
    theirs = await holder(harness, role="representative")
    await owned(theirs, seen=True)
    to = f"/details/{theirs.report_id}/confirm"
    assert (await page(harness, "busan", "counsellor", form={"way": "phone"}, to=to)).status_code == 200
    reach: dict[str, Any] = {"contact": {"channels": ["text"], "phone": "010-1222-3333"}}
    assert (await theirs.post("amend", **reach)).json()["code"] == "not_with_this_receipt"
    own = await taken(theirs)
    assert (await harness.status(own.receipt))["limited_because"] == "taken_over"  # the page asks how they are reached
    await own.done("amend", **reach)
    assert (await own.stored())["facts"]["contact_channels"] == ["text"]
    # The code proves nobody, and the person had stood by it: taking it back waits for the centre.
    assert (await own.post("withdraw")).json()["code"] == "not_with_this_receipt"


async def test_whoever_takes_over_may_have_the_status_guarded_by_their_word(harness: IntakeHarness) -> None:
    theirs = await holder(harness, role="representative", word="umbrella", word_for_status=True)
    offer = await theirs.done("hand-over", word="umbrella")
    refused = await take(theirs, offer["code"], word_for_status=True)
    assert [(e["field"], e["reason"]) for e in refused.json()["errors"]] == [("word", "needs_word")]
    answer = await take(theirs, offer["code"], word="rain coat", word_for_status=True)
    own = Holder(harness, {"report_id": theirs.report_id, "receipt": answer.json()["receipt"]})
    assert (await harness.ask(own.receipt)).json()["code"] == "unknown_receipt"
    assert (await own.done("status", word="rain coat"))["word_for_status"] is True


async def test_a_repeat_is_answered_alike_and_a_second_use_is_refused_in_words(
    harness: IntakeHarness, clock: JumpClock
) -> None:
    theirs = await holder(harness, role="representative")
    code, key = await code_of(theirs), new_key()
    first, twin = await asyncio.gather(take(theirs, code, key=key), take(theirs, code, key=key))
    assert first.json() == twin.json() == (await take(theirs, code, key=key)).json()
    assert len(await theirs.published()) == 2
    for again in (await take(theirs, code), await take(theirs, code, key=new_key())):
        assert (again.status_code, again.json()["code"]) == (409, "code_used")
        assert "1366" in again.json()["detail"]
    clock.jump(minutes=11)
    assert (await take(theirs, code, key=key)).json()["code"] == "code_used"


async def test_void_replaced_and_expired_codes_and_codes_that_never_were(
    harness: IntakeHarness, clock: JumpClock
) -> None:
    theirs = await holder(harness, role="representative")
    first = await code_of(theirs)
    second = await code_of(theirs)
    assert ((await take(theirs, first)).status_code, first != second) == (404, True)
    assert (await take(theirs, second, i_am_the_person=False)).json()["code"] == "not_the_person"
    told = await theirs.done("hand-over/cancel")
    assert "hand_over_until" not in told
    assert (await take(theirs, second)).json()["code"] == "code_void"
    third = await code_of(theirs)
    clock.jump(hours=73)
    assert (await take(theirs, third)).json()["code"] == "code_expired"
    assert (await take(theirs, "0000-0000-0076")).json()["code"] == "unknown_code"
    assert (await theirs.stored())["intake_version"] == 1
    assert (await (await holder(harness)).post("hand-over")).json()["code"] == "nobody_to_hand_over_to"


async def test_of_a_withdrawal_and_a_taking_over_at_once_only_one_happens(harness: IntakeHarness) -> None:
    for _ in range(8):
        theirs = await holder(harness, role="representative")
        code = await code_of(theirs)
        withdrawn, got = await asyncio.gather(theirs.post("withdraw"), take(theirs, code))
        assert sorted([withdrawn.status_code < 300, got.status_code < 300]) == [False, True]
        loser = withdrawn if got.status_code == 201 else got
        assert (loser.status_code, loser.json()["code"]) in {(409, "handed_over"), (409, "withdrawn")}


async def test_lodging_again_with_its_key_does_not_lead_to_the_new_receipt(harness: IntakeHarness) -> None:
    key, body = new_key(), {"role": "representative", "harm_types": ["other"]}
    theirs = Holder(harness, (await harness.lodge(body, key=key)).json())
    own = await taken(theirs)
    assert (await harness.lodge(body, key=key)).json()["receipt"] == theirs.receipt != own.receipt


async def test_lodging_again_tells_nothing_of_the_word_of_who_took_it_over(harness: IntakeHarness) -> None:
    key, body = new_key(), {"role": "representative", "harm_types": ["other"]}
    first = (await harness.lodge(body, key=key)).json()
    answer = await take(theirs := Holder(harness, first), await code_of(theirs), word="rain coat", word_for_status=True)
    assert (answer.json()["word_set"], answer.json()["word_for_status"]) == (True, True)
    assert (await harness.lodge(body, key=key)).json() == first


async def test_taking_over_again_with_another_word_says_which_one_counts(harness: IntakeHarness) -> None:
    word = {"word": "rain coat", "word_for_status": "yes"}
    guarded = "Without your word nobody can see where the report stands"
    for first, then, says, never in (
        ({}, word, "The word you typed now was not set.", guarded),
        (word, {}, "What you chose then counts", "The word you typed now"),
    ):
        theirs = await holder(harness, role="representative")
        form = {"code": await code_of(theirs), "idempotency_key": new_key()[:32], "i_am_the_person": "yes"}
        once = await harness.http.post("/take-over?lang=en", data={**form, **first})
        assert (once.status_code, says in once.text, guarded in once.text) == (200, False, first == word)
        page = (await harness.http.post("/take-over?lang=en", data={**form, **then})).text
        assert (says in page, never in page, guarded in page) == (True, False, first == word)


async def test_the_pages_lead_from_one_to_the_other_without_script(harness: IntakeHarness) -> None:
    theirs = await holder(harness, role="representative")
    shown = await harness.http.post("/status?lang=en", data={"receipt": theirs.receipt})
    assert 'action="/status/hand-over?lang=en"' in shown.text
    asked = await harness.http.post("/status/hand-over?lang=en", data={"receipt": theirs.receipt, "step": "ask"})
    assert "counts for 72 hours" in asked.text
    given = await harness.http.post("/status/hand-over?lang=en", data={"receipt": theirs.receipt, "step": "do"})
    code = "-".join(re.findall(r"<span>(\d{4})</span>", given.text))
    for path, form in (("/status", {}), ("/status/keep", {"step": "ask"})):
        assert "void" in (await harness.http.post(f"{path}?lang=en", data={"receipt": theirs.receipt, **form})).text

    entry = await harness.http.get("/take-over?lang=en")
    key = re.search(r'name="idempotency_key" value="([^"]{32})"', entry.text)
    assert key
    form = {"code": code, "idempotency_key": key[1], "word": "rain coat"}
    unsure = await harness.http.post("/take-over?lang=en", data=form)
    assert (unsure.status_code, 'href="#i_am_the_person"' in unsure.text, code in unsure.text) == (422, True, True)
    short = await harness.http.post("/take-over?lang=en", data={**form, "i_am_the_person": "yes", "word": "abc"})
    assert (short.status_code, "at least 4" in short.text) == (422, True)
    wrong = await harness.http.post("/take-over?lang=en", data={**form, "i_am_the_person": "yes", "code": "12"})
    assert (wrong.status_code, 'href="#code"' in wrong.text) == (404, True)
    form["i_am_the_person"] = "yes"
    empty = await harness.http.post("/take-over?lang=en", data={**form, "code": " "})
    assert empty.status_code == 422
    assert '<a href="#code">Type the 12 digits of the code that you were given.</a>' in empty.text
    done = await harness.http.post("/take-over?lang=en", data=form)
    receipt = "-".join(re.findall(r"<span>(\d{4})</span>", done.text))
    assert len(receipt) == 19
    assert (
        "-".join(re.findall(r"<span>(\d{4})</span>", (await harness.http.post("/take-over", data=form)).text))
        == receipt
    )
    assert receipt not in str(done.headers)
    assert done.headers["cache-control"] == "no-store"
    mine = await harness.http.post("/status?lang=en", data={"receipt": receipt})
    assert "You took this report over." in mine.text
    assert "hand-over" not in mine.text
    former = await harness.http.post("/status?lang=en", data={"receipt": theirs.receipt})
    assert "The report was handed over." in former.text
    assert "/status/" not in re.sub(r'class="quick-exit.*', "", former.text).replace("/status?lang", "")
    used = await harness.http.post("/take-over?lang=en", data={**form, "idempotency_key": "x" * 32})
    assert (used.status_code, "This code was used already." in used.text) == (409, True)


@pytest.mark.parametrize(
    ("action", "language", "heading"),
    [
        ("hand-over", "ko", "넘겨주면 이렇게 돼요"),
        ("hand-over", "en", "What happens when you hand it over"),
        ("withdraw", "ko", "철회하면 이렇게 돼요"),
        ("withdraw", "en", "What happens when you withdraw it"),
    ],
)
async def test_a_page_says_what_happens_when_you_do_what_it_is_about(
    harness: IntakeHarness, action: str, language: str, heading: str
) -> None:
    someone = await holder(harness, role="representative")
    form = {"receipt": someone.receipt, "step": "ask"}
    page = (await harness.http.post(f"/status/{action}?lang={language}", data=form)).text
    headings = [one.strip() for one in re.findall(r"<h2>(.*?)</h2>", page)]
    assert headings == [heading]
