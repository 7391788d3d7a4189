"""What only a lead of the owning centre may let go: special reports, on the real store and bus."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from services.intake.retention import pages, service
from tests.integration.intake.harness import IntakeHarness
from tests.integration.intake.holding import Holder, audit_of, erased, holder, owned, page, sample
from tests.support.clock import JumpClock

SPECIAL: list[tuple[dict[str, Any], str]] = [
    ({"harm_types": ["child_material"]}, "child_material"),
    ({"age_band": "under_14"}, "under_14"),
    ({"role": "representative"}, "representative"),
    ({"role": "third_party"}, "third_party"),
]


@pytest.fixture(scope="module")
def clock() -> JumpClock:
    return JumpClock()


@pytest.mark.parametrize(("body", "why"), SPECIAL)
async def test_special_reports_are_sealed_and_wait_for_a_lead(
    harness: IntakeHarness, clock: JumpClock, body: dict[str, Any], why: str
) -> None:
    someone = await holder(harness, **body)
    await owned(someone, "busan", seen=True)
    told = await someone.done("withdraw", at_once=True, understood=True)
    by_other = "role" in body
    assert (told["state"], told.get("erasure")) == ("withdrawn", None if by_other else "decision")
    assert [event["intake_version"] for event in await someone.published()] == [1, 2]
    clock.jump(days=400)
    await harness.intake.erasure_job.minute()
    await harness.intake.erasure_job.daily()
    assert not await erased(someone)
    assert (await someone.stored())["life"]["special"] == [why]
    assert sample("ieum_intake_pending_erasure_decisions") == 1
    assert sample("ieum_intake_oldest_erasure_decision_age_seconds") > 300 * 86400


async def test_a_lead_of_the_owning_centre_decides_and_nobody_else(harness: IntakeHarness, clock: JumpClock) -> None:
    someone = await holder(harness, harm_types=["child_material"])
    await owned(someone, "busan", seen=True)
    await someone.done("withdraw")
    to = f"/erasures/{someone.report_id}"
    destroy = {"do": "destroy", "reason": "requester_asks"}
    for who in (("busan", "counsellor"), ("ulsan", "lead"), ("central", "lead"), ("busan", "administrator")):
        assert (await page(harness, *who, form=destroy, to=to)).status_code == 403, who
    assert (await page(harness, "ulsan", "lead")).text.count(someone.report_id) == 0
    for bad, status in (
        ({"do": "destroy"}, 422),
        ({"do": "destroy", "reason": "investigation"}, 422),
        ({"do": "keep", "reason": "investigation", "category": "at_once"}, 422),
        ({"do": "keep", "reason": "investigation"}, 422),
    ):
        assert (await page(harness, "busan", "lead", form=bad, to=to)).status_code == status, bad
    shown = await page(harness, "busan", "lead")
    assert someone.report_id in shown.text
    assert "무슨 일이" not in shown.text
    auditor = await page(harness, "ministry", "auditor")
    assert someone.report_id in auditor.text
    assert "/erasures/" not in auditor.text
    assert "Waiting for a decision" in auditor.text
    assert "your decision" not in auditor.text

    keep = {"do": "keep", "reason": "child_material_law", "category": "permanent"}
    assert (await page(harness, "busan", "lead", form=keep, to=to)).status_code == 303
    assert (await harness.status(someone.receipt))["erasure"] == "kept"
    clock.jump(days=3)
    assert (await page(harness, "busan", "lead", form=destroy, to=to)).status_code == 303
    await harness.intake.erasure_job.minute()
    assert await erased(someone)
    lines = await audit_of(harness, someone.report_id)
    assert ("erasures.decide", "done", "child_material_law") in lines
    assert ("erasures.decide", "done", "requester_asks") in lines
    assert ("erasures.decide", "refused", "wrong_reason") in lines
    assert ("erasures.destroy", "done", "decided") in lines
    assert any(action == "erasures.decide" and outcome == "refused" for action, outcome, _ in lines)


async def test_a_decision_to_destroy_waits_until_it_can_no_longer_be_undone(
    harness: IntakeHarness, clock: JumpClock
) -> None:
    someone = await holder(harness, age_band="under_14")
    await owned(someone, "busan")
    await someone.done("withdraw")
    form = {"do": "destroy", "reason": "requester_asks"}
    assert (await page(harness, "busan", "lead", form=form, to=f"/erasures/{someone.report_id}")).status_code == 303
    clock.jump(hours=71)
    await harness.intake.erasure_job.minute()
    assert not await erased(someone)
    assert (await someone.done("reinstate"))["state"] == "assigned"
    clock.jump(hours=2)
    await harness.intake.erasure_job.minute()
    assert not await erased(someone)


async def test_an_amendment_cannot_make_a_special_report_ordinary(harness: IntakeHarness, clock: JumpClock) -> None:
    someone = await holder(harness, age_band="under_14")
    await someone.done("amend", age_band="19_24")
    assert (await someone.done("withdraw", at_once=True, understood=True))["erasure"] == "decision"


async def test_what_the_person_harmed_objects_to_is_taken_up_again_and_said_so(
    harness: IntakeHarness, clock: JumpClock
) -> None:
    someone = await holder(harness, role="representative")
    await owned(someone, "busan", seen=True)
    await someone.done("withdraw", at_once=True, understood=True)
    clock.jump(days=9)
    assert (await someone.post("reinstate")).json()["code"] == "too_late"
    form = {"do": "keep", "reason": "victim_objects"}
    assert (await page(harness, "busan", "lead", form=form, to=f"/erasures/{someone.report_id}")).status_code == 303
    assert (await harness.status(someone.receipt))["state"] == "seen"
    assert [event["intake_version"] for event in await someone.published()] == [1, 2, 3]
    assert "reinstated_at" in (await someone.published())[-1]
    refused = await someone.post("withdraw")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_with_this_receipt")
    assert (await page(harness, "busan", "lead")).status_code == 200


async def waiting_by_pages(
    harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch, center_id: str, *, people: int, of: int
) -> list[Holder]:
    """So many whose reports wait for a decision of the centre, on pages of ``of``."""
    for module in (pages, service):
        monkeypatch.setattr(module, "PAGE", of)
    found = [await holder(harness, harm_types=["child_material"]) for _ in range(people)]
    for one in found:
        await owned(one, center_id, seen=True)
        await one.done("withdraw")
    return found


async def test_a_list_that_is_longer_than_a_page_goes_on_on_the_next(
    harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = await waiting_by_pages(harness, monkeypatch, "busan", people=3, of=2)
    ids = [one.report_id for one in people]
    first = (await page(harness, "busan", "lead")).text
    assert [report_id in first for report_id in ids] == [True, True, False]
    assert ("(1–2)" in first, 'href="/erasures?page=2"' in first) == (True, True)
    second = (await page(harness, "busan", "lead", to="/erasures?page=2")).text
    assert [report_id in second for report_id in ids] == [False, False, True]
    assert ("(3)" in second, "?page=3" in second, 'href="/erasures?page=1"' in second) == (True, False, True)
    monkeypatch.setattr(pages, "MOST_PAGES", 1)
    assert "?page=2" not in (await page(harness, "busan", "lead")).text, "it would be refused"


async def test_what_was_decided_is_said_and_each_card_is_named_by_its_report(harness: IntakeHarness) -> None:
    someone = await holder(harness, harm_types=["child_material"])
    await owned(someone, "ulsan", seen=True)
    await someone.done("withdraw")
    for place, form, said in (
        ("waiting", {"do": "keep", "reason": "child_material_law", "category": "permanent"}, "recorded: it is kept."),
        ("kept", {"do": "keep", "reason": "victim_objects"}, "recorded: the case is taken up again."),
    ):
        shown = (await page(harness, "ulsan", "lead")).text
        name = f"{place}-{someone.report_id}"
        assert (f'role="group" aria-labelledby="{name}"' in shown, f'id="{name}"' in shown) == (True, True)
        assert "Your decision was recorded" not in shown
        done = await page(harness, "ulsan", "lead", form=form, to=f"/erasures/{someone.report_id}")
        after = (await page(harness, "ulsan", "lead", to=done.headers["location"])).text
        assert said in after, form
    other = await holder(harness, harm_types=["child_material"])
    await owned(other, "ulsan", seen=True)
    await other.done("withdraw")
    for nothing in ("%3Cb%3E", str(uuid4()), other.report_id):
        after = (await page(harness, "ulsan", "lead", to=f"/erasures?decided={nothing}")).text
        assert "Your decision was recorded" not in after, nothing


async def test_who_decides_on_a_later_page_stays_there(harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    people = await waiting_by_pages(harness, monkeypatch, "daegu", people=2, of=1)
    second = (await page(harness, "daegu", "lead", to="/erasures?page=2")).text
    to = f"/erasures/{people[1].report_id}?page=2"
    assert f'action="{to}"' in second
    form = {"do": "destroy", "reason": "requester_asks"}
    long_ago = harness.people.principal("daegu", "lead", confirmed_at=datetime.now(UTC) - timedelta(hours=3))
    stale = {"Accept": "text/html", "Authorization": f"Bearer {harness.people.signer.access(long_ago, 'intake')}"}
    for method, path in (("GET", "/erasures?page=2"), ("POST", to)):
        asked = await harness.http.request(method, path, data=form if method == "POST" else None, headers=stale)
        assert asked.status_code == 303
        [onward] = parse_qs(urlsplit(asked.headers["location"]).query)["next"]
        assert onward.endswith("/erasures?page=2")
    decided = await page(harness, "daegu", "lead", form=form, to=to)
    onward = f"/erasures?page=2&decided={people[1].report_id}"
    assert (decided.status_code, decided.headers["location"]) == (303, onward)
    left = (await page(harness, "daegu", "lead", to=onward)).text
    assert f"it is destroyed. When, the list “Will be destroyed” says. <code>{people[1].report_id}</code>" in left
    assert left.count("No more here.") == 2, "one waits and one is planned, each on the first page"
