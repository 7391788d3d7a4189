"""Messages, additions and the word: what the holder of a receipt can change, on the real store and bus."""

import asyncio
import json
from datetime import datetime

import bson
import pytest

from services.intake.reports import documents
from services.intake.reports.events import published
from shared.encryption import Keyring
from shared.events.reports import ReportFacts
from shared.metrics import exposition
from tests.integration.intake.harness import IntakeHarness, new_key
from tests.integration.intake.holding import Holder, audit_of, holder, owned

KEYRING = Keyring([b"m" * 32])
TEXT = "카나리아-canary 새 소식"


async def test_a_message_is_sealed_told_and_written_down(harness: IntakeHarness) -> None:
    someone = await holder(harness)
    taken = await someone.done("messages", text=TEXT)
    assert taken["number"] == 1
    stored = await someone.stored()
    assert documents.opened(stored, KEYRING)["message:1"] == TEXT
    assert "canary" not in bson.encode(stored).decode("utf-8", errors="replace")
    [_, left] = await someone.published()
    assert left["intake_version"] == 2
    assert datetime.fromisoformat(left["left_at"]) == stored["messages"][0]["at"]
    assert "canary" not in json.dumps(left)
    assert (await harness.status(someone.receipt))["messages"] == 1
    assert ("receipts.message", "done", None) in await audit_of(harness, someone.report_id)
    assert "canary" not in exposition()[0].decode()


async def test_a_repeated_message_is_one_and_another_under_its_key_is_refused(harness: IntakeHarness) -> None:
    someone, key = await holder(harness), new_key()
    answers = await asyncio.gather(*(someone.post("messages", key=key, text=TEXT) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    other = await someone.post("messages", key=key, text="something else")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert len((await someone.stored())["messages"]) == 1
    assert [event["intake_version"] for event in await someone.published()] == [1, 2]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("900101-1234567", "resident_registration_number"),
        ("data:image/png;base64,AA", "media_bytes"),
        ("가" * 2001, "too_long"),
        ("  ", "too_short"),
        ("a\x00b", "control_character"),
    ],
)
async def test_a_message_follows_the_rules_of_the_narrative(harness: IntakeHarness, text: str, reason: str) -> None:
    someone = await holder(harness)
    before = await someone.stored()
    answer = await someone.post("messages", text=text)
    assert answer.status_code == 422
    assert [(error["field"], error["reason"]) for error in answer.json()["errors"]] == [("text", reason)]
    assert (await someone.stored())["intake_version"] == before["intake_version"]


async def test_there_are_fifty_messages_and_no_more_and_all_are_told_in_order(harness: IntakeHarness) -> None:
    someone = await holder(harness)
    answers = await asyncio.gather(*(someone.post("messages", text=f"{n}") for n in range(53)))
    assert sorted(answer.status_code for answer in answers) == [201] * 50 + [409] * 3
    refused = next(answer.json()["code"] for answer in answers if answer.status_code == 409)
    assert refused == "too_many_messages"
    assert [event["intake_version"] for event in await someone.published()] == list(range(1, 52))
    opened = documents.opened(await someone.stored(), KEYRING)
    assert len([name for name in opened if name.startswith("message:")]) == 50


async def test_an_amendment_is_judged_anew_and_adds_texts_without_losing_any(harness: IntakeHarness) -> None:
    someone = await holder(harness, age_band="19_24")
    await someone.done(
        "amend",
        narrative="그 뒤에 생긴 일",
        age_band="under_14",
        money_demanded=True,
        contact={"channels": ["email"], "email": "a@example.com"},
        consents={"version": "2026-11", "personal": True, "sensitive": True},
    )
    stored = await someone.stored()
    assert stored["facts"]["urgency"] == "critical"
    assert {"under_14", "threatened", "extortion"} <= set(stored["facts"]["urgency_reasons"])
    opened = documents.opened(stored, KEYRING)
    assert (opened["narrative"], opened["narrative:2"]) == ("무슨 일이 있었는지", "그 뒤에 생긴 일")
    assert opened["answers:2"] == {"threatened": True, "money_demanded": True}
    assert opened["contact:2"] == {"channels": ["email"], "email": "a@example.com"}
    assert stored["consents"]["sensitive"] is True
    assert stored["earlier_consents"][0]["sensitive"] is False
    [_, amended] = await someone.published()
    assert facts(amended["facts"]) == published(facts(stored["facts"]))
    assert amended["facts"]["urgency_reasons"] == ["under_14"]
    assert amended["facts"]["contact_channels"] == ["email"]
    await someone.done("amend", threatened=None, contact={"channels": []})
    opened = documents.opened(await someone.stored(), KEYRING)
    assert (opened["answers:3"], opened["contact:3"]) == ({"money_demanded": True}, {})
    assert (await someone.stored())["facts"]["contact_channels"] == []


def facts(raw: dict[str, object]) -> ReportFacts:
    return ReportFacts.model_validate_json(json.dumps(raw))


async def test_what_an_amendment_may_not_change(harness: IntakeHarness) -> None:
    someone = await holder(harness)
    for body, field, reason in (
        ({"role": "third_party"}, "role", "unknown_field"),
        ({"synthetic": True}, "synthetic", "unknown_field"),
        ({"division": "atlantis"}, "division", "unknown_division"),
        ({"contact": {"channels": ["phone"]}}, "contact.phone", "needs_phone"),
        ({"contact": {"channels": ["email", "message_here"], "email": "a@b.c"}}, "contact.channels", "only_here"),
        ({"on_behalf": {"relation": "spouse"}}, "on_behalf", "only_for_representatives"),
        ({"narrative": "900101-1234567"}, "narrative", "resident_registration_number"),
    ):
        answer = await someone.post("amend", **body)
        assert answer.status_code == 422, body
        assert [(error["field"], error["reason"]) for error in answer.json()["errors"]] == [(field, reason)]
    empty = await someone.post("amend", narrative="  ", urls=[])
    assert (empty.status_code, empty.json()["code"]) == (422, "empty")
    assert (await someone.stored())["intake_version"] == 1
    assert len(await someone.published()) == 1


async def test_the_word_guards_every_change_and_is_kept_only_as_a_slow_hash(harness: IntakeHarness) -> None:
    someone = await holder(harness, word="초록 Umbrella")
    stored = await someone.stored()
    assert stored["word"].startswith("$argon2id$")
    assert "mbrella" not in bson.encode(stored).decode("utf-8", errors="replace")
    for what, body in (
        ("messages", {"text": "x"}),
        ("amend", {"narrative": "x"}),
        ("withdraw", {}),
        ("reinstate", {}),
        ("word", {"new_word": "another one"}),
    ):
        for word in (None, "wrong word"):
            answer = await someone.post(what, **body, **({"word": word} if word else {}))
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_receipt"), (what, word)
    # Ten wrong tries for one receipt by one front end, and then that one is held back, whatever the word; not others.
    held = await someone.post("messages", text="x", word="초록 umbrella")
    assert (held.status_code, held.json()["code"]) == (429, "too_many_requests")
    assert int(held.headers["retry-after"]) > 60
    elsewhere = await harness.http.post(
        "/api/v1/receipts/withdraw", json={"receipt": someone.receipt, "word": "?"}, headers=harness.headers("kiosk")
    )
    assert elsewhere.status_code == 404
    assert (await harness.status(someone.receipt))["state"] == "received"
    after = await someone.stored()
    assert (after["intake_version"], after["word"]) == (1, stored["word"])
    assert ("receipts.withdraw", "refused", "wrong_word") in await audit_of(harness, someone.report_id)


async def test_the_right_word_opens_and_can_be_replaced(harness: IntakeHarness) -> None:
    someone = await holder(harness, word="초록  우산")
    assert await someone.done("word", word="초록 우산") == await harness.status(someone.receipt)
    await someone.done("messages", text="one", word="초록 우산")
    await someone.done("word", word="초록 우산", new_word="Red Hat")
    assert (await someone.post("messages", text="two", word="초록 우산")).status_code == 404
    await someone.done("messages", text="two", word="RED hat")
    short = await someone.post("word", word="red hat", new_word="abc")
    assert (short.status_code, short.json()["errors"][0]["field"]) == (422, "new_word")


async def test_a_representatives_receipt_says_only_received_seen_and_closed_until_confirmed(
    harness: IntakeHarness,
) -> None:
    someone = await holder(harness, role="representative", on_behalf={"relation": "lineal"})
    await owned(someone, "busan", seen=True)
    await someone.done("messages", text="from a mother")
    told = await harness.status(someone.receipt)
    assert told == {
        "state": "seen",
        "since": told["seen_at"],
        "received_at": told["received_at"],
        "seen_at": told["seen_at"],
        "limited": True,
        "limited_because": "not_confirmed",
        "may_hand_over": True,
    }

    ticket = harness.people.ticket(someone.report_id, "busan")
    details = await harness.http.post("/details", data={"ticket": ticket}, headers={"Accept": "text/html"})
    assert f'action="/details/{someone.report_id}/confirm"' in details.text
    outsider = harness.people.cookie("ulsan", "lead")
    form = {"way": "phone"}
    for cookies, expected in ((outsider, 403), (harness.people.cookie("busan", "operator"), 403), ({}, 401)):
        answer = await confirm(harness, someone.report_id, cookies, form)
        assert answer == expected
    assert "limited" in await harness.status(someone.receipt)
    assert (
        await confirm(
            harness, someone.report_id, harness.people.cookie("busan", "counsellor"), {**form, "way": "by guess"}
        )
        == 422
    )
    assert await confirm(harness, someone.report_id, harness.people.cookie("busan", "counsellor"), form) == 200
    told = await harness.status(someone.receipt)
    assert (told["state"], told["center"]["id"], told["messages"]) == ("opened", "busan", 1)
    assert "limited" not in told
    lines = await audit_of(harness, someone.report_id)
    assert ("details.confirm", "done", "phone") in lines
    ticket = harness.people.ticket(someone.report_id, "busan")
    details = await harness.http.post("/details", data={"ticket": ticket}, headers={"Accept": "text/html"})
    assert "from a mother" in details.text
    assert "/confirm" not in details.text
    assert datetime.fromisoformat(told["seen_at"])


async def test_a_victims_own_report_needs_no_confirmation(harness: IntakeHarness) -> None:
    someone = await holder(harness)
    await owned(someone, "busan")
    form = {"way": "phone"}
    assert await confirm(harness, someone.report_id, harness.people.cookie("busan", "lead"), form) == 409


async def test_a_representative_cannot_replace_the_contact_the_counsellor_calls(harness: IntakeHarness) -> None:
    someone = await holder(harness, role="representative", on_behalf={"relation": "lineal"})
    await owned(someone, "busan", seen=True)
    theirs = {"channels": ["phone"], "phone": "010-9999-8888"}
    await someone.done("amend", contact=theirs)
    ticket = harness.people.ticket(someone.report_id, "busan")
    headers = {"Accept": "text/html", "Accept-Language": "en"}
    details = (await harness.http.post("/details", data={"ticket": ticket}, headers=headers)).text
    assert "Changed by whoever reported" in details
    assert details.index("010-9999-8888") < details.index("010-2468-1357")
    form = {"way": "phone"}
    assert await confirm(harness, someone.report_id, harness.people.cookie("busan", "counsellor"), form) == 200
    for body in ({"contact": theirs}, {"on_behalf": {"relation": "other"}}, {"consents": {"version": "2026-11"}}):
        refused = await someone.post("amend", **body)
        assert (refused.status_code, refused.json()["code"]) == (409, "not_with_this_receipt"), body
    await someone.done("amend", narrative="more")
    assert (await someone.post("withdraw")).json()["code"] == "not_with_this_receipt"


async def confirm(harness: IntakeHarness, report_id: str, cookies: dict[str, str], form: dict[str, str]) -> int:
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    headers = {"Sec-Fetch-Site": "same-origin"} | ({"Cookie": cookie} if cookie else {})
    return (await harness.http.post(f"/details/{report_id}/confirm", data=form, headers=headers)).status_code


async def test_a_receipt_of_nobody_changes_nothing(harness: IntakeHarness) -> None:
    nobody = Holder(harness, {"report_id": "x", "receipt": "5720000000000002"})
    for what, body in (("messages", {"text": "x"}), ("amend", {"narrative": "x"}), ("withdraw", {})):
        answer = await nobody.post(what, **body)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_receipt")
    assert await harness.collection.count_documents({}) == 0
