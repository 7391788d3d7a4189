"""Calls that last, end, outlive a sign-in, or meet a store that is away."""

from datetime import timedelta
from typing import Any, NoReturn

import pytest

from services.intake.disk.rules import DiskLevel
from services.intake.phone import rules as call_rules
from services.intake.phone.repository import CallRepository
from services.intake.submissions.service import SubmissionService
from shared.audit.queries import AuditReader, Filter
from shared.clock import seoul_day
from shared.errors import TransientError
from shared.identity.tokens import ACCESS_LASTS, GRACE
from tests.integration.intake.calling import LEAST, Operator, receipt_on, stored
from tests.integration.intake.harness import IntakeHarness
from tests.integration.intake.test_calls import NOW, STORY, metric
from tests.support.clock import ManualClock
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def operator(harness: IntakeHarness) -> Operator:
    return Operator(harness)


async def test_a_call_lives_half_an_hour_from_the_last_look_and_a_page_left_open_revives_it(
    harness: IntakeHarness, operator: Operator, clock: ManualClock
) -> None:
    at = await operator.begin()
    await operator.answer(at, narrative=STORY)
    for _ in range(3):
        await clock.advance(29 * 60)
        assert STORY in (await operator.signed_in().get(at)).text
    before = metric('ieum_intake_calls_ended_total{reason="abandoned"}')
    await clock.advance(30 * 60)
    assert (await operator.signed_in().get(at)).status_code == 410
    late = await operator.answer(at, hours="evenings")
    assert (late.status_code, late.json()["code"]) == (410, "call_ended")
    await harness.intake.sender.sweep()  # or its own round was first, and may be in the middle of it
    await eventually(lambda: metric('ieum_intake_calls_ended_total{reason="abandoned"}') == before + 1)
    assert "sealed" not in await stored(harness, at)
    whole = await operator.page(at, **LEAST, narrative="what was on the page")
    assert whole.headers["location"] == f"{at}?kept-anew"
    revived = await operator.get(whole.headers["location"])
    assert "what was on the page" in revived.text
    assert "kept anew" in revived.text


async def test_what_was_ended_is_not_revived(harness: IntakeHarness, operator: Operator) -> None:
    at = await operator.begin()
    await operator.answer(at, narrative=STORY)
    await operator.post(f"{at}/end")
    assert "sealed" not in await stored(harness, at)
    assert (await operator.page(at, **LEAST)).status_code == 410
    assert (await operator.page(at, "send", **LEAST)).status_code == 410
    assert await harness.collection.count_documents({}) == 0


async def test_who_talks_longer_than_a_sign_in_lasts_loses_nothing_and_is_shown_nothing(
    harness: IntakeHarness, operator: Operator, clock: ManualClock
) -> None:
    at = await operator.begin()
    await operator.answer(at, narrative=STORY)
    await clock.advance(ACCESS_LASTS.total_seconds() + 60)
    harness.intake.identity.adopt(harness.people.document())
    late = await operator.answer(at, hours="after seven")
    assert (late.status_code, set(late.json())) == (200, {"saved", "problems"})
    refused = await operator.page(at, narrative="900101-1234567")
    assert refused.status_code == 422
    assert STORY not in refused.text
    assert "after seven" not in refused.text
    sent = await operator.page(at, "send", **LEAST, narrative=STORY, hours="after seven")
    assert sent.headers["location"] == f"{at}?renewed"
    assert await harness.collection.count_documents({}) == 0
    assert (await operator.get(at)).status_code in {303, 401}
    assert (await operator.post(f"{at}/end")).status_code == 401
    renewed = await operator.signed_in().get(sent.headers["location"])
    assert "after seven" in renewed.text
    assert "sign-in was renewed" in renewed.text
    await operator.sent(at, **LEAST, narrative=STORY)


async def test_a_sign_in_that_was_ended_or_is_long_over_keeps_nothing(
    harness: IntakeHarness, operator: Operator, clock: ManualClock
) -> None:
    at = await operator.signed_in(session="s" * 20).begin()
    await clock.advance(ACCESS_LASTS.total_seconds() + 60)
    harness.people.revoke("s" * 20)
    harness.intake.identity.adopt(harness.people.document())
    assert (await operator.answer(at, narrative=STORY)).status_code == 401
    other = Operator(harness).signed_in()
    await clock.advance((ACCESS_LASTS + GRACE + timedelta(seconds=1)).total_seconds())
    harness.intake.identity.adopt(harness.people.document())
    assert (await other.answer(at, narrative=STORY)).status_code == 401


@pytest.mark.own_service  # it reads the whole audit
async def test_what_operators_do_with_calls_is_written_down(
    harness: IntakeHarness, operator: Operator, clock: ManualClock
) -> None:
    at = await operator.begin()
    await operator.page(at, "offer", **LEAST)
    other = Operator(harness, subject="s-operator2")
    await other.post(f"{at}/take")
    await other.sent(at, **LEAST)
    await other.post(f"{at}/end")
    await harness.intake.audit.settle()
    found, _ = await AuditReader(harness.intake.audit).page(
        Filter(day=seoul_day(clock.now()), action="calls.take", actor=None)
    )
    said = {(line.actor, line.reason) for line in found}
    assert said == {
        ("s-operator1", "call_begun"),
        ("s-operator1", "call_offered"),
        ("s-operator2", "call_taken"),
        ("s-operator2", "call_sent"),
        ("s-operator2", "call_ended"),
    }
    [report] = await harness.collection.find({}).to_list(None)
    assert {line.report for line in found} == {harness.intake.audit.keys.reference(report["_id"])}
    assert call_rules.KEPT == timedelta(minutes=30)


async def test_while_the_store_is_away_what_was_typed_stays_on_the_page(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> NoReturn:
        raise TransientError("away")

    at = await operator.begin()
    with monkeypatch.context() as patch:
        patch.setattr(CallRepository, "read", away)
        for go in ("save", "send", "offer"):
            page = await operator.page(at, go, **LEAST, narrative=STORY)
            assert (page.status_code, page.headers["retry-after"]) == (503, "10")
            assert STORY in page.text
            assert "could not be kept" in page.text
        assert (await operator.answer(at, narrative=STORY)).status_code == 503
    await operator.sent(at, **LEAST, narrative=STORY)


async def test_a_report_the_store_does_not_take_is_said_to_be_missing_and_sent_by_the_next_try(
    harness: IntakeHarness, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any, **__: Any) -> NoReturn:
        raise TransientError("away")

    at = await operator.begin()
    with monkeypatch.context() as patch:
        patch.setattr(SubmissionService, "submit", away)
        page = await operator.page(at, "send", **LEAST, narrative=STORY)
        assert page.status_code == 503
        assert "The report was not received yet" in page.text
        assert (await operator.get(at)).status_code == 503
    assert await harness.collection.count_documents({}) == 0
    receipt_on(await operator.get(at))
    assert await harness.collection.count_documents({}) == 1


@pytest.mark.own_service  # whose room is taken away
async def test_when_the_disk_fills_up_new_calls_give_way_and_those_begun_go_on(
    harness: IntakeHarness, operator: Operator
) -> None:
    at = await operator.begin()
    harness.intake.disk.room = DiskLevel.REPORTS
    refused = await operator.post("/calls")
    assert refused.status_code == 503
    assert "on one page" in refused.text
    await operator.sent(at, **LEAST)
