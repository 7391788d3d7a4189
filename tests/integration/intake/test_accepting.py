"""What 202 promises, on the real store and bus."""

import asyncio
import base64
import json
import logging

import bson
import pytest

from services.intake.problems import REFUSED
from services.intake.proofs import rules as proof_rules
from services.intake.proofs.rules import ProofSigner
from services.intake.reports import documents
from services.intake.submissions import rules
from services.intake.submissions.models import Submission
from shared.encryption import Keyring
from shared.kafka.metrics import OUTBOX_PUBLISHED
from shared.metrics import exposition
from shared.topics import TOPICS
from tests.integration.intake.harness import LEAST, IntakeHarness, new_key
from tests.support.keys import KEYS, issuer
from tests.support.waiting import eventually

CANARY = "카나리아-canary"
PERSONAL = {
    "narrative": f"{CANARY} 무슨 일이 있었는지",
    "urls": ["https://canary.example.com/post"],
    "fingerprints": ["ca" * 32],
    "picture_hashes": ["cb" * 32],
    "seen_when": f"{CANARY}-when",
    "search_words": f"{CANARY}-search",
    "already_told": ["police"],
    "contact": {
        "channels": ["phone", "email"],
        "name": f"{CANARY}-name",
        "phone": "010-2468-1357",
        "email": "canary@example.com",
        "hours": f"{CANARY}-hours",
        "not_safe": f"{CANARY}-avoid",
        "may_say": "private",
        "center_codeword": f"{CANARY}-theirs",
        "person_codeword": f"{CANARY}-mine",
    },
    "threat_deadline": "2031-07-21T09:41:00+09:00",
    "threatened": True,
}
TRACES = ["canary", "카나리아", "2468-1357", "1024681357", "ca" * 32, "cb" * 32, "2031-07", "31-07-21"]
"""Whole enough that no figure of a metric and no time of a log line can hold one by chance."""


async def test_an_accepted_report_is_stored_published_and_answered(harness: IntakeHarness) -> None:
    answer = await harness.lodge()
    assert answer.status_code == 202
    body = answer.json()
    assert answer.headers["location"] == "/api/v1/receipts/status"
    assert await harness.collection.find_one({"_id": body["report_id"]}) is not None
    await eventually(lambda: nothing_pending(harness))
    [(key, value)] = await harness.log()
    event = json.loads(value)
    assert (key, event["intake_version"], event["received_at"]) == (body["report_id"], 1, body["received_at"])
    assert event["facts"]["division"] == "busan"
    assert (await harness.status(body["receipt"]))["state"] == "received"


async def test_the_proof_names_receipt_time_and_content(harness: IntakeHarness) -> None:
    body = (await harness.lodge()).json()
    key = (await harness.http.get("/api/v1/proof-key")).json()
    public = base64.urlsafe_b64decode(key["public_key"] + "=")
    assert public == ProofSigner(b"s" * 32).public_key
    stated = proof_rules.verify_proof(body["proof"], public)
    assert stated is not None
    keys = KEYS.lasting
    assert stated.receipt_mark == proof_rules.mark_of(keys, body["receipt"].replace("-", ""))
    assert stated.received_at == body["received_at"]
    digest = rules.content_digest(rules.content_of(Submission.model_validate_json(json.dumps(LEAST))))
    assert stated.content_mark == proof_rules.content_mark(keys, digest)
    stored = await harness.collection.find_one({"_id": body["report_id"]})
    assert rules.content_mac(keys, digest) == stored["content_mac"]
    assert digest not in str(base64.urlsafe_b64decode(body["proof"].split(".")[1] + "=="))


async def test_repeats_get_the_same_answer_even_all_at_once(harness: IntakeHarness) -> None:
    key = new_key()
    enqueued = OUTBOX_PUBLISHED.labels("intake", "queue")._value
    before = enqueued.get()
    answers = await asyncio.gather(*(harness.lodge(key=key) for _ in range(100)))
    later = await harness.lodge(key=key)
    assert {answer.status_code for answer in (*answers, later)} == {202}
    assert len({answer.text for answer in (*answers, later)}) == 1
    await eventually(lambda: nothing_pending(harness))
    assert await harness.collection.count_documents({}) == 1
    assert len(await harness.log()) == 1
    assert enqueued.get() <= before + 1, "no repeat has the event published once more"


async def test_another_content_under_the_same_key_is_a_conflict(harness: IntakeHarness) -> None:
    key = new_key()
    first = await harness.lodge(key=key)
    other = await harness.lodge({**LEAST, "narrative": "x"}, key=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert other.headers["content-type"] == "application/problem+json"
    elsewhere = await harness.lodge({**LEAST, "narrative": "x"}, key=key, front_end="kiosk")
    assert elsewhere.status_code == 202
    assert elsewhere.json()["report_id"] != first.json()["report_id"]


async def test_many_at_once_each_get_their_own(harness: IntakeHarness) -> None:
    answers = await asyncio.gather(*(harness.lodge() for _ in range(150)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["receipt"] for answer in answers}) == 150
    await eventually(lambda: nothing_pending(harness))
    # At least once: the relay may publish again what it had not yet marked.
    assert {key for key, _ in await harness.log()} == {answer.json()["report_id"] for answer in answers}


async def test_a_taken_receipt_is_passed_over_and_the_repeat_gets_the_same(
    harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.intake.encryption.receipt_issuer.secrets.token_bytes", lambda size: b"n" * size)
    key, receipts = new_key(), issuer()
    report_id, source = rules.report_id_for(KEYS.lasting, "api", key), receipts.new_source()
    taken = receipts.receipt(report_id, source, 0)
    await harness.collection.insert_one({"_id": "squatter", "receipt_hash": receipts.hash_of(taken)})
    answers = await asyncio.gather(*(harness.lodge(key=key) for _ in range(10)))
    assert {answer.json()["receipt"].replace("-", "") for answer in answers} == {receipts.receipt(report_id, source, 1)}


async def test_nothing_personal_is_outside_the_vault(
    harness: IntakeHarness, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    body = (await harness.lodge({**LEAST, **PERSONAL})).json()
    await harness.lodge({**LEAST, **PERSONAL, "unknown": CANARY, "narrative": CANARY * 1000})
    stored = await harness.collection.find_one({"_id": body["report_id"]})
    await eventually(lambda: nothing_pending(harness))
    plain = bson.encode(stored).decode("utf-8", errors="replace")
    [(_, event)] = await harness.log()
    printed = capsys.readouterr()
    seen = {
        "document": plain,
        "event": event.decode(),
        "metrics": exposition()[0].decode(),
        "logs": caplog.text + printed.out + printed.err,
    }
    found = {(place, trace) for place, text in seen.items() for trace in TRACES if trace in text}
    assert found == set()
    assert body["receipt"].replace("-", "") not in plain
    opened = documents.opened(stored, Keyring([b"m" * 32]))
    assert opened["narrative"] == PERSONAL["narrative"]
    assert opened["contact"]["phone"] == "010-2468-1357"
    assert opened["answers"] == {
        "threatened": True,
        "threat_deadline": "2031-07-21T09:41:00+09:00",
        "seen_when": f"{CANARY}-when",
        "search_words": f"{CANARY}-search",
        "already_told": ["police"],
    }
    assert set(opened) == {"narrative", "urls", "fingerprints", "picture_hashes", "contact", "answers"}


REFUSALS: list[tuple[bytes, str, int, str]] = [
    (b"{", "application/json", 400, "not_json"),
    (json.dumps({**LEAST, "division": "atlantis"}).encode(), "application/json", 422, "invalid"),
    (json.dumps({**LEAST, "division": "광주"}).encode(), "application/json", 422, "invalid"),
    (json.dumps({**LEAST, "narrative": "가" * 4001}).encode(), "application/json", 422, "invalid"),
    (json.dumps({**LEAST, "urls": ["https://a.example"] * 21}).encode(), "application/json", 422, "invalid"),
    (json.dumps({**LEAST, "narrative": "data:image/png;base64,AA"}).encode(), "application/json", 422, "invalid"),
    (json.dumps({**LEAST, "narrative": "900101-1234567"}).encode(), "application/json", 422, "invalid"),
    (b" " * 65537, "application/json", 413, "too_large"),
    (json.dumps(LEAST).encode(), "text/plain", 415, "wrong_content_type"),
    (b"role=victim", "application/x-www-form-urlencoded", 415, "wrong_content_type"),
    (b"\x89PNG\r\n\x1a\n", "image/png", 415, "wrong_content_type"),
]


async def test_refusals_leave_no_trace(harness: IntakeHarness) -> None:
    for body, content_type, status, code in REFUSALS:
        headers = {"Content-Type": content_type, **harness.headers()}
        answer = await harness.http.post("/api/v1/reports", content=body, headers=headers)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (status, code), body[:80]
        assert answer.headers["content-type"] == "application/problem+json"
        if status == 422:
            assert all(error["field"] and error["reason"] for error in problem["errors"])
    for answer in (
        await harness.lodge(key="k" * 15),
        await harness.lodge(key="with a space in it"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_header")
    assert await harness.collection.count_documents({}) == 0
    assert [record for topic in TOPICS for record in await harness.log(topic)] == []


@pytest.mark.parametrize(
    ("place", "field", "reason", "choices"),
    [
        ({"division": "atlantis"}, "division", "unknown_division", ["busan", "jeonnam-gwangju", "overseas", "unknown"]),
        ({"division": "광주"}, "division", "ambiguous_division", ["gwangju", "gyeonggi"]),
        ({"division": "고성군"}, "division", "ambiguous_division", ["gangwon", "gyeongnam"]),
        ({"division": "jeonnam-gwangju", "district": "26110"}, "district", "unknown_district", ["12210", "12870"]),
    ],
)
async def test_a_place_that_cannot_be_resolved_is_asked_back_and_counted_by_reason(
    harness: IntakeHarness, place: dict[str, str], field: str, reason: str, choices: list[str]
) -> None:
    refused = REFUSED.labels(reason)._value
    before = refused.get()
    answer = await harness.lodge({**LEAST, **place})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid")
    assert [(error["field"], error["reason"]) for error in problem["errors"]] == [(field, reason)]
    assert all(choice in problem["detail"] for choice in choices)
    del problem["trace_id"]  # which has any five digits now and then
    assert place[field] not in str(problem)
    page = await harness.http.post("/?lang=ko", data={"role": "victim", "harm_types": "other", **place})
    assert page.status_code == 422
    assert f'href="#{field}"' in page.text
    assert all(f'value="{choice}"' in page.text for choice in choices if choice != "gwangju")
    assert refused.get() == before + 2
    assert await harness.collection.count_documents({}) == 0


async def test_receipts_that_do_not_exist_and_mistyped_ones_are_answered_alike(harness: IntakeHarness) -> None:
    def told(text: str) -> dict[str, str]:
        return {name: value for name, value in json.loads(text).items() if name != "trace_id"}

    answers = [await harness.ask(receipt) for receipt in ("5720000000000002", "1234567890123456", "not a receipt")]
    assert {answer.status_code for answer in answers} == {404}
    assert told(answers[0].text) == told(answers[1].text) == told(answers[2].text)


async def test_the_same_form_sent_twice_is_one_report(harness: IntakeHarness) -> None:
    page = await harness.http.get("/all?lang=en")
    key = page.text.split('name="idempotency_key" value="')[1].split('"')[0]
    form = {"idempotency_key": key, "role": "victim", "harm_types": "other", "narrative": "a\r\nb"}
    first = await harness.http.post("/?lang=en", data=form)
    second = await harness.http.post("/?lang=en", data=form)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.text == second.text
    assert first.headers["cache-control"] == "no-store"
    changed = await harness.http.post("/?lang=en", data={**form, "narrative": "c"})
    assert changed.status_code == 409
    assert f'value="{key}"' not in changed.text
    assert await harness.collection.count_documents({}) == 1
    wrong = await harness.http.post("/?lang=en", data={"idempotency_key": key, "narrative": "<b>kept</b>"})
    assert wrong.status_code == 422
    assert "&lt;b&gt;kept&lt;/b&gt;" in wrong.text
    assert 'href="#role"' in wrong.text


async def nothing_pending(harness: IntakeHarness) -> bool:
    return not await harness.collection.count_documents({"outbox": {"$exists": True}})
