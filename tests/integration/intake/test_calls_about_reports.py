"""What an operator learns of reports there are: that one shares something, and nothing else. And adding to one."""

import re
from typing import Any

import pytest

from services.intake.rate_limits.receipts import WRONG_FROM_PLACE
from services.intake.reports import documents
from shared.audit.queries import AuditReader, Filter
from shared.encryption import Keyring
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.intake.calling import LEAST, Operator
from tests.integration.intake.harness import LEAST as REPORT
from tests.integration.intake.harness import IntakeHarness, running

STORY = "이전 신고의 이야기"
ADDED = "전화로 덧붙인 말"
URL = "https://leak.example/p/777"
CONTACT: dict[str, Any] = {"channels": ["phone"], "phone": "010-0000-0000", "person_codeword": "노란 우산"}


@pytest.fixture
def operator(harness: IntakeHarness) -> Operator:
    return Operator(harness)


async def lodged(harness: IntakeHarness, **more: Any) -> str:
    answer = await harness.lodge({**REPORT, "narrative": STORY, **more})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["receipt"])


async def add(operator: Operator, receipt: str, word: str, **more: Any) -> Any:
    return await operator.post("/calls/addition", receipt=receipt, word=word, **{"narrative": ADDED, **more})


async def narratives(harness: IntakeHarness) -> list[str]:
    [report] = await harness.collection.find({}).to_list(None)
    opened = documents.opened(report, Keyring([b"m" * 32]))
    return [value for name, value in sorted(opened.items()) if name.startswith("narrative")]


async def test_a_linked_report_is_hinted_at_and_nothing_of_it_is_told(
    harness: IntakeHarness, operator: Operator
) -> None:
    await lodged(harness, urls=[URL], division="jeju")
    [earlier] = await harness.collection.find({}).to_list(None)
    at = await operator.begin()
    assert (await operator.answer(at, urls="https://other.example/1")).json()["linked"] is False
    told = (await operator.answer(at, urls=f"{URL}?utm_source=x")).json()
    assert told["linked"] is True
    page = await operator.get(at)
    receipt = await operator.post(at, go="send", **LEAST, urls=URL)
    given = await operator.get(receipt.headers["location"])
    for text in (page.text, given.text, str(told)):
        assert earlier["_id"] not in text
        assert STORY not in text
    assert "Another report has one of these links" in given.text
    reports = {report["_id"]: report for report in await harness.collection.find({}).to_list(None)}
    new = next(report for report_id, report in reports.items() if report_id != earlier["_id"])
    assert new["facts"]["linked_reports"] == [earlier["_id"]]


async def test_a_call_with_nothing_but_an_account_is_hinted_at_a_linked_report(
    harness: IntakeHarness, operator: Operator
) -> None:
    await lodged(harness, offender_handles=["@somebody_known"])
    at = await operator.begin()
    assert (await operator.answer(at, accounts="@somebody_else")).json()["linked"] is False
    assert (await operator.answer(at, accounts="@somebody_known")).json()["linked"] is True


async def test_a_question_for_links_makes_nothing_findable(harness: IntakeHarness, operator: Operator) -> None:
    at = await operator.begin()
    await operator.answer(at, urls=URL)
    assert harness.intake.link_service.in_flight == 0
    await lodged(harness, urls=[URL])
    [report] = await harness.collection.find({}).to_list(None)
    assert report["facts"]["linked_reports"] == []


async def test_an_addition_needs_receipt_and_word_and_shows_nothing(harness: IntakeHarness, operator: Operator) -> None:
    receipt = await lodged(harness, word="달빛 아래", contact=CONTACT)
    for wrong in ("", "별빛 아래", "노란 우산"):
        answer = await add(operator, receipt, wrong)
        assert answer.status_code == (422 if not wrong else 404)
        assert STORY not in answer.text
        assert ADDED in answer.text
        assert ("Enter the word the caller says" in answer.text) is (not wrong)
    assert await narratives(harness) == [STORY]
    right = await add(operator, receipt.replace("-", " "), " 달빛  아래", urls=URL)
    assert right.status_code == 200, right.text[:2000]
    assert "It was added" in right.text
    assert STORY not in right.text
    assert await narratives(harness) == [STORY, ADDED]


async def test_without_a_word_of_its_own_the_persons_codeword_counts_and_without_any_nothing_does(
    harness: IntakeHarness, operator: Operator
) -> None:
    receipt = await lodged(harness, contact=CONTACT)
    assert (await add(operator, receipt, "파란 우산")).status_code == 404
    for said in ("노란 우산", "노란우산 "):
        assert (await add(operator, receipt, said)).status_code == 200, "no operator hears a blank"
    bare = await lodged(harness)
    refused = await add(operator, bare, "아무 단어")
    unknown = await add(operator, "1234-5678-9012-3450", "아무 단어")
    assert refused.status_code == unknown.status_code == 404
    assert [line for line in refused.text.splitlines() if "error" in line and "receipt" not in line] == [
        line for line in unknown.text.splitlines() if "error" in line and "receipt" not in line
    ]


async def test_an_addition_sent_twice_is_one(harness: IntakeHarness, operator: Operator) -> None:
    receipt = await lodged(harness, word="달빛 아래")
    for _ in range(2):
        assert (await add(operator, receipt, "달빛 아래", idempotency_key="k" * 32)).status_code == 200
    assert await narratives(harness) == [STORY, ADDED]


async def test_another_addition_from_the_same_page_is_kept_when_the_button_is_pressed_again(
    harness: IntakeHarness, operator: Operator
) -> None:
    receipt = await lodged(harness, word="달빛 아래")
    key, more = "k" * 32, "그 뒤에 한 말"
    assert (await add(operator, receipt, "달빛 아래", idempotency_key=key)).status_code == 200
    asked = await add(operator, receipt, "달빛 아래", idempotency_key=key, narrative=more)
    assert asked.status_code == 409
    assert "has arrived" in asked.text
    [anew] = re.findall(r'name="idempotency_key" value="([^"]+)"', asked.text)
    assert (await add(operator, receipt, "달빛 아래", idempotency_key=anew, narrative=more)).status_code == 200
    assert await narratives(harness) == [STORY, ADDED, more]


async def test_guessing_a_word_on_the_phone_is_held_back_and_keeps_nobody_out_on_the_web(
    bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    async with running(bus_settings, store_settings) as harness:
        operator = Operator(harness)
        receipt = await lodged(harness, word="달빛 아래")
        for number in range(WRONG_FROM_PLACE):
            assert (await add(operator, receipt, f"guess {number}")).status_code == 404
        held = await add(operator, receipt, "달빛 아래")
        assert held.status_code == 429
        assert int(held.headers["retry-after"]) > 0
        own = {"receipt": receipt, "word": "달빛 아래", "step": "do", "narrative": "on the web", "lang": "en"}
        assert (await harness.http.post("/status/add", data=own)).status_code == 200
        assert await narratives(harness) == [STORY, "on the web"]


@pytest.mark.own_service
async def test_the_audit_knows_which_operator_added_and_who_tried(harness: IntakeHarness, operator: Operator) -> None:
    receipt = await lodged(harness, word="달빛 아래")
    await add(operator, receipt, "wrong word")
    await add(operator, receipt, "달빛 아래")
    await harness.intake.audit.settle()
    found, _ = await AuditReader(harness.intake.audit).page(Filter(action="receipts.amend"))
    assert {(line.actor, line.outcome, line.reason) for line in found} == {
        ("s-operator1", "refused", "wrong_word"),
        ("s-operator1", "done", None),
    }
