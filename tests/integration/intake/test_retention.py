"""The daily job on the real store: announced first, destroyed a day later, and never what nobody has read."""

import pytest

from services.intake.retention.jobs import DAILY
from shared.clock import seoul_day
from shared.metrics import REGISTRY
from tests.integration.intake.harness import IntakeHarness
from tests.integration.intake.holding import audit_of, erased, holder, owned, page
from tests.support.clock import JumpClock
from tests.support.erasing import faults
from tests.support.waiting import eventually

# They move its clock.
pytestmark = pytest.mark.own_service

YEARS = 365.25


@pytest.fixture
def clock() -> JumpClock:
    return JumpClock()


async def _days_pass(harness: IntakeHarness, clock: JumpClock, **span: float) -> None:
    """Move on, and let the jobs look."""
    clock.jump(**span)
    await _judged(harness, clock)
    await harness.intake.erasure_job.minute()


async def _judged(harness: IntakeHarness, clock: JumpClock) -> None:
    """Judge the day; the job's own round may be first, or in the middle of it."""
    day = seoul_day(clock.now())

    async def done() -> bool:
        job = await harness.collection.database["jobs"].find_one({"_id": DAILY})
        return job is not None and job["day"] >= day  # later, where midnight in Seoul passed meanwhile

    await harness.intake.erasure_job.daily()
    await eventually(done)


async def test_what_is_due_is_announced_a_day_before_it_is_destroyed(
    harness: IntakeHarness, clock: JumpClock, capsys: pytest.CaptureFixture[str]
) -> None:
    closed, working, child = (
        await holder(harness),
        await holder(harness),
        await holder(harness, harm_types=["child_material"]),
    )
    await owned(closed, closed=True)
    await owned(working, seen=True)
    await owned(child, closed=True)
    await _days_pass(harness, clock, days=4.9 * YEARS)
    assert await harness.collection.count_documents({"erase_at": {"$exists": True}}) == 0

    await _days_pass(harness, clock, days=0.11 * YEARS)
    assert not await erased(closed)
    assert "retention.announced" in capsys.readouterr().out
    shown = await page(harness, "busan", "lead")
    assert closed.report_id in shown.text.split("Will be destroyed")[1]
    assert working.report_id in shown.text.split("Waiting for your decision")[0]
    assert child.report_id not in shown.text
    clock.jump(hours=23)
    await harness.intake.erasure_job.minute()
    assert not await erased(closed)
    clock.jump(hours=2)
    await harness.intake.erasure_job.minute()
    assert [await erased(someone) for someone in (closed, working, child)] == [True, False, False]
    assert ("erasures.destroy", "done", "retention") in await audit_of(harness, closed.report_id)
    assert (await harness.status(closed.receipt))["state"] == "erased"
    await _days_pass(harness, clock, days=100 * YEARS)
    assert not await erased(child)
    assert faults(await harness.collection.find({}).to_list(None), clock.now()) == []


async def test_what_is_no_longer_due_is_taken_off_the_plan(harness: IntakeHarness, clock: JumpClock) -> None:
    someone = await holder(harness)
    await owned(someone, closed=True)
    await _days_pass(harness, clock, days=5.01 * YEARS)
    await someone.done("amend", harm_types=["child_material"])
    clock.jump(hours=25)
    await harness.intake.erasure_job.minute()
    assert not await erased(someone)
    assert "erase_at" not in await someone.stored()


async def test_a_withdrawal_replaces_an_announcement(harness: IntakeHarness, clock: JumpClock) -> None:
    someone = await holder(harness)
    await owned(someone, closed=True)
    await _days_pass(harness, clock, days=5.01 * YEARS)
    await someone.done("withdraw")
    clock.jump(hours=30)
    await harness.intake.erasure_job.minute()
    assert not await erased(someone)
    clock.jump(hours=43)
    await harness.intake.erasure_job.minute()
    assert await erased(someone)


async def test_an_expiring_unread_report_is_an_alarm_and_never_a_deletion(
    harness: IntakeHarness, clock: JumpClock, capsys: pytest.CaptureFixture[str]
) -> None:
    someone = await holder(harness)
    await owned(someone, "busan")
    await _days_pass(harness, clock, days=4.95 * YEARS)
    assert _alarms("unread") == 1
    assert "retention.alarm" in capsys.readouterr().out
    assert someone.report_id in (await page(harness, "busan", "lead")).text
    await _days_pass(harness, clock, days=20 * YEARS)
    await _days_pass(harness, clock, days=2)
    assert not await erased(someone)
    assert _alarms("unread") == 1
    assert (await harness.status(someone.receipt))["state"] == "assigned"
    await owned(someone, "busan", seen=True)
    await _days_pass(harness, clock, days=1)
    assert _alarms("unread") == 0


async def test_a_drill_that_nobody_acknowledged_is_withdrawn_after_a_month_and_destroyed(
    harness: IntakeHarness, clock: JumpClock
) -> None:
    ignored, seen, kept = [await holder(harness, synthetic=True, role="third_party") for _ in range(3)]
    real = await holder(harness)
    for one in (ignored, kept, real):
        await owned(one, "busan")
    await owned(seen, "busan", seen=True)
    await _days_pass(harness, clock, days=29)
    assert (await harness.status(ignored.receipt))["state"] == "received"
    await kept.done("withdraw")
    await _days_pass(harness, clock, days=1.1)
    assert (await harness.status(ignored.receipt))["state"] == "withdrawn"
    assert ("receipts.withdraw", "done", "retention") in await audit_of(harness, ignored.report_id)
    assert ["withdrawn_at" in one for one in await ignored.published()] == [False, True], "routing and notify end it"
    await _days_pass(harness, clock, days=3.1)
    assert [await erased(one) for one in (ignored, seen, kept, real)] == [True, False, False, False]
    assert "decide_since" in await kept.stored(), "its maker took it back: a lead decides, as about any other"
    await _days_pass(harness, clock, days=6 * YEARS)
    assert _alarms("unread") == 1, "the real one alone"


async def test_a_kept_report_goes_when_its_time_is_over(harness: IntakeHarness, clock: JumpClock) -> None:
    someone = await holder(harness, role="third_party")
    await owned(someone, "busan", seen=True)
    await someone.done("withdraw")
    form = {"do": "keep", "reason": "investigation", "category": "ten_years"}
    assert (await page(harness, "busan", "lead", form=form, to=f"/erasures/{someone.report_id}")).status_code == 303
    await _days_pass(harness, clock, days=9.9 * YEARS)
    await _days_pass(harness, clock, days=2)
    assert not await erased(someone)
    await _days_pass(harness, clock, days=0.2 * YEARS)
    assert not await erased(someone)
    await _days_pass(harness, clock, hours=25)
    assert await erased(someone)


async def test_a_day_is_judged_once(harness: IntakeHarness, clock: JumpClock) -> None:
    clock.jump(days=1)
    day = seoul_day(clock.now())
    await _judged(harness, clock)
    again = await harness.intake.erasure_job.daily()
    assert not again or seoul_day(clock.now()) > day, "another day, where midnight in Seoul passed meanwhile"


def _alarms(kind: str) -> float:
    return REGISTRY.get_sample_value("ieum_intake_retention_overdue_reports", {"kind": kind}) or 0.0
