"""Reports taken by phone: kept answer by answer and sealed, one report each, consent and provenance sealed too."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import bson
import pytest

from services.intake.phone import scripts
from services.intake.reports import documents
from shared.clock import SEOUL
from shared.encryption import Keyring
from shared.metrics import exposition
from tests.integration.intake.calling import LEAST, READ, Operator, call_of, stored
from tests.integration.intake.harness import IntakeHarness
from tests.support.clock import ManualClock
from tests.support.waiting import eventually

NOW = datetime(2061, 11, 25, 3, 0, tzinfo=UTC)
"""Far ahead: the store, which goes by real time, forgets nothing of it during a test."""
STORY = "전화로 들은 카나리아 이야기"
EVERYTHING: dict[str, Any] = {
    "role": "representative",
    "relation": "sibling",
    "victim_knows": "yes",
    "victim_agrees": "unknown",
    "harm_types": ["distribution_threat"],
    "threatened": "yes",
    "money_demanded": "no",
    "threat_deadline": "2061-11-26T21:00",
    "still_spreading": "yes",
    "platform_kind": "messenger",
    "urls": "https://a.example/1\r\nhttps://b.example/2",
    "search_words": "찾는 말",
    "seen_when": "어제저녁",
    "marks": f"{'ab' * 32}\r\npdq:{'cd' * 32}",
    "narrative": STORY,
    "relationship": "social",
    "already_told": ["police", "hotline"],
    "division": "jeonnam-gwangju",
    "district": "12210",
    "declined_centers": ["jeonnam"],
    "age_band": "14_18",
    "gender": "unknown",
    "language": "vi",
    "contact_name": "달",
    "contact_channels": ["text"],
    "phone": "010-0000-0000",
    "email": "",
    "hours": "저녁",
    "may_leave_message": "yes",
    "may_say": "private",
    "not_safe": "가족",
    "center_codeword": "봄비",
    "person_codeword": "우산",
    "word": "달빛 아래",
    "consents": ["personal", "sensitive"],
    "assent": READ,
}


@pytest.fixture(scope="module")
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def operator(harness: IntakeHarness) -> Operator:
    return Operator(harness)


def metric(name: str) -> float:
    lines = [line for line in exposition()[0].decode().splitlines() if line.startswith(f"{name} ")]
    return float(lines[0].rpartition(" ")[2]) if lines else 0.0


def stamp(at: datetime, timespec: str = "seconds") -> str:
    """A moment as documents have it."""
    return at.isoformat(timespec=timespec).replace("+00:00", "Z")


async def test_every_answer_is_kept_as_it_comes_and_becomes_one_report(
    harness: IntakeHarness, operator: Operator, clock: ManualClock
) -> None:
    began = clock.now()
    at = await operator.begin()
    await clock.advance(127)
    saved = f"{clock.now().astimezone(SEOUL):%H:%M:%S}"
    for name, value in EVERYTHING.items():
        kept = await operator.answer(at, **{name: value})
        assert kept.status_code == 200, (name, kept.text)
        assert kept.json()["saved"] == saved
        assert kept.json()["problems"] == {}
    page = await operator.get(at)
    for text in (STORY, "https://b.example/2", "봄비", "우산", "달빛 아래", saved):
        assert text in page.text
    before = metric("ieum_intake_call_to_receipt_seconds_sum")
    receipt = await operator.sent(at, **EVERYTHING)
    assert metric("ieum_intake_call_to_receipt_seconds_sum") == before + 127
    [report] = await harness.collection.find({}).to_list(None)
    opened = documents.opened(report, Keyring([b"m" * 32]))
    call = opened.pop("call")
    assert opened == {
        "narrative": STORY,
        "urls": ["https://a.example/1", "https://b.example/2"],
        "fingerprints": ["ab" * 32],
        "picture_hashes": ["cd" * 32],
        "contact": {
            "channels": ["text"],
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
            "money_demanded": False,
            "threat_deadline": "2061-11-26T21:00:00+09:00",
            "seen_when": "어제저녁",
            "search_words": "찾는 말",
            "already_told": ["police", "hotline"],
        },
    }
    assert call == {
        "operator": "s-operator1",
        "organisation": "busan",
        "began_at": stamp(began, "milliseconds"),
        "taken_over": 0,
        "assent": {"version": scripts.VERSION, "language": "ko", "by": "s-operator1", "at": stamp(clock.now())},
    }
    facts = report["facts"]
    assert (facts["channel"], facts["language"], facts["district"]) == ("phone", "vi", "12210")
    assert report["front_end"] == "phone-form"
    assert report["consents"] == {
        "version": scripts.VERSION,
        "personal": True,
        "sensitive": True,
        "share_with_center": False,
        "other_centers": False,
    }
    assert report["word"].startswith("$argon2id$")
    assert (await harness.status(receipt))["state"] in {"received", "assigned"}


async def test_nothing_of_the_operator_or_the_caller_is_on_the_bus(harness: IntakeHarness, operator: Operator) -> None:
    at = await operator.begin()
    await operator.sent(at, **EVERYTHING)

    async def published() -> bool:
        return len(await harness.log()) == 1

    await eventually(published)
    [(_, value)] = await harness.log()
    assert json.loads(value)["facts"]["channel"] == "phone"
    for text in (STORY, "달", "봄비", "s-operator1", "https://a.example", at.rpartition("/")[2]):
        assert text.encode() not in value


async def test_what_was_said_is_sealed_and_gone_once_it_is_a_report(harness: IntakeHarness, operator: Operator) -> None:
    at = await operator.begin()
    await operator.answer(at, **EVERYTHING)
    document = await stored(harness, at)
    assert set(document) == {
        *("_id", "salt", "sealed", "state", "holder", "organisation", "started_at", "until", "version", "saved_at"),
        *("offered_at", "taken", "sending_at", "ending"),
    }
    for trace in (STORY, "representative", "narrative", "우산", "달빛", "https"):
        assert trace.encode() not in bson.encode(document)
    await operator.sent(at, **EVERYTHING)
    document = await stored(harness, at)
    assert (document["state"], "sealed" in document) == ("sent", False)


async def test_the_receipt_is_read_out_again_until_the_call_ends_and_is_stored_nowhere(
    harness: IntakeHarness, operator: Operator, clock: ManualClock
) -> None:
    at = await operator.begin()
    receipt = await operator.sent(at, **LEAST)
    page = await operator.get(at)
    for four in scripts.fours(receipt):
        assert four.korean in page.text
        assert four.english in page.text
    assert receipt.replace("-", "").encode() not in bson.encode(await stored(harness, at))
    again = await operator.page(at, "send", **LEAST)
    assert (again.status_code, await harness.collection.count_documents({})) == (409, 1)
    assert (await operator.post(f"{at}/end")).headers["location"] == "/calls"
    assert (await operator.get(at)).status_code == 410
    listed = (await operator.get("/calls")).text
    assert not [number for number in (receipt, receipt.replace("-", "")) if number in listed]
    assert 'class="four"' not in listed
    await clock.advance(13 * 3600)
    await harness.intake.sender.sweep()
    assert (await operator.signed_in().get(at)).status_code == 404


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ({}, ["With the number you can see on the web how far it is, add something"]),
        ({"word": "rain coat"}, ["To add something or withdraw it, you need your word as well."]),
        ({"word": "rain coat", "word_for_status": "yes"}, ["With the number and your word you can see on the web"]),
    ],
)
async def test_what_is_read_out_after_the_receipt_says_what_the_callers_word_guards(
    operator: Operator, word: dict[str, str], said: list[str]
) -> None:
    at = await operator.begin()
    await operator.sent(at, **LEAST, **word)
    page = (await operator.get(at)).text
    closings = (
        "With the number you can see on the web how far it is, add something",
        "To add something or withdraw it, you need your word as well.",
        "With the number and your word you can see on the web",
    )
    assert [closing for closing in closings if closing in page] == said


async def test_a_report_needs_only_two_answers_and_consent_needs_reading(
    harness: IntakeHarness, operator: Operator
) -> None:
    at = await operator.begin()
    nothing = await operator.page(at, "send")
    assert nothing.status_code == 422
    assert "Choose who is reporting." in nothing.text
    unread = await operator.page(at, "send", **LEAST, consents=["personal"], narrative=STORY)
    assert unread.status_code == 422
    assert "Consent counts only if they were" in unread.text
    assert STORY in unread.text
    assert STORY in (await operator.get(at)).text
    old = await operator.page(at, "send", **LEAST, consents=["personal"], assent="ko:2020-01-01")
    assert "The texts have changed" in old.text
    assert await harness.collection.count_documents({}) == 0
    await operator.sent(at, **LEAST, assent=READ)
    [report] = await harness.collection.find({}).to_list(None)
    assert report["consents"] == {
        "version": scripts.VERSION,
        **dict.fromkeys(("personal", "sensitive", "share_with_center", "other_centers"), False),
    }


async def test_assent_is_stamped_anew_when_what_was_agreed_to_changes(
    harness: IntakeHarness, operator: Operator, clock: ManualClock
) -> None:
    at = await operator.begin()
    await operator.answer(at, assent=READ)
    await clock.advance(60)
    await operator.answer(at, narrative=STORY)
    await operator.answer(at, consents=["personal"])
    agreed = stamp(clock.now())
    await clock.advance(60)
    await operator.answer(at, hours="저녁")
    await operator.sent(at, **LEAST, assent=READ, consents=["personal"])
    [report] = await harness.collection.find({}).to_list(None)
    assert documents.opened(report, Keyring([b"m" * 32]))["call"]["assent"]["at"] == agreed


async def test_what_must_not_be_kept_is_refused_by_its_field_and_the_rest_is_kept(
    harness: IntakeHarness, operator: Operator
) -> None:
    at = await operator.begin()
    await operator.answer(at, narrative="first")
    refused = await operator.answer(at, narrative="제 번호는 900101-1234567")
    assert refused.status_code == 422
    assert "resident registration number" in refused.json()["problems"]["narrative"]
    assert "first" in (await operator.get(at)).text
    page = await operator.page(at, role="victim", narrative="900101-1234567", hours="evenings")
    assert page.status_code == 422
    assert "900101-1234567" in page.text
    kept = await operator.get(at)
    assert "evenings" in kept.text
    assert "first" in kept.text
    assert "900101" not in kept.text


async def test_an_operator_reads_what_is_wrong_as_the_rest_of_the_page_speaks(operator: Operator) -> None:
    at = await operator.begin()
    told = await operator.post(f"{at}?lang=ko", script=True, only=["narrative"], narrative="900101-1234567")
    assert (
        told.json()["problems"]["narrative"]
        == "주민등록번호로 보이는 숫자가 있습니다. 법으로 보관이 금지되어 있으니 지우십시오."
    )
    told = await operator.post(f"{at}?lang=en", script=True, only=["narrative"], narrative="900101-1234567")
    assert "your safety" not in told.json()["problems"]["narrative"], "it is the caller's"
    page = await operator.post(f"{at}?lang=ko", go="send", **LEAST, word_for_status="yes")
    box = "진행 상황을 볼 때도 단어를 묻도록 합니까?"
    assert page.text.count(box) == 3, "the box, and the two places that name it as it stands on this page"


async def test_the_callers_number_is_asked_only_where_they_want_to_be_called(operator: Operator) -> None:
    at = await operator.begin()
    hidden = 'id="s-reach" aria-labelledby="t-reach" data-section="reach" hidden'
    assert hidden in (await operator.get(at)).text
    told = await operator.answer(at, contact_channels=["phone"])
    assert told.json()["sections"]["reach"]["shown"] is True
    assert told.json()["problems"] == {}
    assert hidden not in (await operator.get(at)).text
    assert (await operator.answer(at, contact_channels=[])).json()["sections"]["reach"]["shown"] is False


async def test_answers_of_one_moment_do_not_overwrite_each_other(harness: IntakeHarness, operator: Operator) -> None:
    at = await operator.begin()
    fields = {"narrative": "n1", "hours": "h1", "search_words": "s1", "seen_when": "w1", "not_safe": "x1"}
    answers = await asyncio.gather(*(operator.answer(at, **{name: value}) for name, value in fields.items()))
    assert {answer.status_code for answer in answers} == {200}
    page = (await operator.get(at)).text
    assert [value for value in fields.values() if value not in page] == []
    assert (await call_of(harness, at)).version == 1 + len(fields)
