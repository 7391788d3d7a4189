"""Somebody reports again with an earlier receipt: linked by report ids alone, and nothing is learned by guessing."""

from typing import Any

import httpx
import pytest

from services.intake.reports.receipt_numbers import from_number
from tests.integration.intake.harness import IntakeHarness, new_key, running
from tests.integration.intake.holding import Holder, holder
from tests.integration.intake.test_handing_over import taken

FORM = {"role": "victim", "harm_types": "other", "division": "jeju"}


async def send(harness: IntakeHarness, receipt: str, **more: str) -> httpx.Response:
    form = {**FORM, "earlier_receipt": receipt, "idempotency_key": new_key(), **more}
    return await harness.http.post("/?lang=en", data=form)


async def by_form(harness: IntakeHarness) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await harness.collection.find({"facts.channel": "web"}).to_list(10)
    return found


async def test_the_earlier_report_is_named_first_and_no_receipt_leaves_intake(harness: IntakeHarness) -> None:
    first = await holder(harness)
    other = await holder(harness, urls=["https://seen.example/both"])
    answer = await send(harness, f" {first.receipt.replace('-', ' ')}", urls="https://seen.example/both")
    assert answer.status_code == 200, answer.text
    (stored,) = await by_form(harness)
    assert stored["facts"]["linked_reports"] == [first.report_id, other.report_id]
    again = Holder(harness, {"report_id": stored["_id"], "receipt": ""})
    (event,) = await again.published()
    assert event["facts"]["linked_reports"] == [first.report_id, other.report_id]
    assert first.receipt.replace("-", "") not in str(event).replace("-", "")
    assert first.receipt not in answer.text


async def test_wrong_taken_back_and_handed_over_receipts_are_said_at_the_field_and_nothing_is_lost(
    harness: IntakeHarness,
) -> None:
    gone = await holder(harness)
    await gone.done("withdraw")
    former = await holder(harness, role="representative")
    await taken(former)
    guarded = await holder(harness, word="rain coat", word_for_status=True)
    drill = await holder(harness, synthetic=True)
    for receipt, said in (
        (guarded.receipt, "No report has this receipt number, or its status needs a word."),
        (from_number(77), "No report has this receipt number"),
        ("12", "No report has this receipt number"),
        (gone.receipt, "That report was withdrawn"),
        (former.receipt, "That report was handed over"),
        (drill.receipt, "That report was a drill"),
    ):
        refused = await send(harness, receipt, narrative="a long story")
        assert (refused.status_code, 'href="#earlier_receipt"' in refused.text) == (422, True), said
        assert said in refused.text
        assert "a long story" in refused.text
        assert "if the status of that report needs your word" in refused.text
    assert await by_form(harness) == []


async def test_a_step_says_so_at_once_and_going_back_is_never_held_up(harness: IntakeHarness) -> None:
    earlier = await holder(harness)
    for go, receipt, status in (
        ("next", from_number(77), 422),
        ("back", from_number(77), 303),
        ("next", earlier.receipt, 303),
        ("next", "", 303),
    ):
        form = {"earlier_receipt": receipt, "go": go}
        answer = await harness.http.post("/form/told?lang=en", data=form)
        assert answer.status_code == status, (go, receipt)


async def test_guessing_is_held_back_as_on_the_status_page_and_a_report_is_not(
    bus_settings: Any, store_settings: Any
) -> None:
    async with running(bus_settings, store_settings, status_questions_per_minute=4) as harness:
        steps = [
            await harness.http.post("/form/told?lang=en", data={"earlier_receipt": from_number(number)})
            for number in range(3)
        ]
        assert "No report has this receipt number" in steps[0].text
        assert steps[-1].status_code == 303, "who may not ask now is not kept on that page"
        told = await harness.http.post("/status?lang=en", data={"receipt": from_number(1)})
        assert told.status_code == 429, "one allowance for both pages"
        sent = await send(harness, from_number(1))
        assert sent.status_code == 200
        (stored,) = await by_form(harness)
        assert stored["facts"]["linked_reports"] == []


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_the_last_page_shows_only_the_end_of_the_receipt(harness: IntakeHarness, language: str) -> None:
    earlier = await holder(harness)
    await harness.http.post(f"/form/who?lang={language}", data={"role": "victim", "go": "next"})
    await harness.http.post(f"/form/told?lang={language}", data={"earlier_receipt": earlier.receipt, "go": "next"})
    page = await harness.http.get("/form/check")
    assert f"… {earlier.receipt[-4:]}" in page.text
    assert page.text.count(earlier.receipt) == 1
    assert f'<input type="hidden" name="earlier_receipt" value="{earlier.receipt}">' in page.text
