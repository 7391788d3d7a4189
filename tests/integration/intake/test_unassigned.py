"""An accepted report that gets no centre is noticed by intake, whatever the log says of it."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.intake.reports.documents import UNASSIGNED_SINCE as MARK
from services.intake.reports.unassigned import LATE_S, OLDEST, UnassignedWatch
from services.intake.retention.jobs import DAILY
from shared.clock import SystemClock
from tests.integration.intake.harness import IntakeHarness
from tests.integration.intake.holding import holder, owned
from tests.support.clock import ManualClock

LATER = timedelta(seconds=LATE_S + 60)


async def named(harness: IntakeHarness) -> tuple[list[str], float]:
    """What a process that looks some minutes later names, and how long it says that the oldest has waited."""
    watch = UnassignedWatch(harness.intake.reports, ManualClock(SystemClock().now() + LATER))
    with capture_logs() as lines:
        await watch.look()
        await watch.look()
    found = [line["report_ids"] for line in lines if line["event"] == "reports.unassigned"]
    assert len(found) <= 1, "said once, not with each look"
    return (found[0] if found else []), OLDEST._value.get()


async def test_a_report_without_a_centre_is_named_until_it_has_one(harness: IntakeHarness) -> None:
    someone = await holder(harness)
    await someone.at_rest()
    ids, oldest = await named(harness)
    assert ids == [someone.report_id]
    assert LATE_S < oldest < LATE_S + 180
    await owned(someone)
    assert "unassigned_since" not in await someone.stored()
    assert await named(harness) == ([], 0.0)


async def test_one_that_waits_no_longer_than_usual_is_not(harness: IntakeHarness) -> None:
    someone = await holder(harness)
    watch = UnassignedWatch(harness.intake.reports, SystemClock())
    with capture_logs() as lines:
        await watch.look()
    assert lines == []
    assert 0 < OLDEST._value.get() < LATE_S
    assert "unassigned_since" in await someone.stored()


async def test_what_was_taken_back_needs_none_until_it_is_taken_up_again(harness: IntakeHarness) -> None:
    someone = await holder(harness)
    await someone.done("withdraw")
    await someone.at_rest()
    assert await named(harness) == ([], 0.0)
    await someone.done("reinstate")
    assert (await named(harness))[0] == [someone.report_id]


async def test_many_that_were_taken_back_hide_none_that_waits(
    harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reports and takes back a hundred at once would silence the alarm for everybody after them."""
    monkeypatch.setattr(harness.intake.reports, "marked", partial(harness.intake.reports.marked, limit=1))
    for _ in range(2):
        gone = await holder(harness)
        await gone.done("withdraw")
        await gone.at_rest()
    someone = await holder(harness)
    await someone.at_rest()
    assert (await named(harness))[0] == [someone.report_id]


async def test_a_mark_that_an_earlier_build_left_is_taken_off(harness: IntakeHarness) -> None:
    someone = await holder(harness)
    await owned(someone)
    since = (await someone.at_rest())["received_at"]
    await harness.collection.update_one({"_id": someone.report_id}, {"$set": {"unassigned_since": since}})
    assert await named(harness) == ([], 0.0)
    assert "unassigned_since" not in await someone.stored()


@pytest.mark.parametrize(
    "found_by_nobody", [{"$unset": {MARK: ""}}, {"$set": {MARK: datetime(2100, 1, 1, tzinfo=UTC)}}]
)
async def test_a_mark_that_somebody_took_off_is_put_back_within_a_day(
    harness: IntakeHarness, found_by_nobody: dict[str, Any]
) -> None:
    """Without mark and event nobody was told of a report that whoever writes to the store wanted nobody to see."""
    someone, other = await holder(harness), await holder(harness)
    await owned(other)
    received = (await someone.at_rest())["received_at"]
    await harness.collection.update_one({"_id": someone.report_id}, found_by_nobody)
    assert await named(harness) == ([], 0.0)
    await harness.collection.database["jobs"].delete_one({"_id": DAILY})  # the first pass of the day is over
    with capture_logs() as lines:
        await harness.intake.erasure_job.daily()
    told = [line["report_ids"] for line in lines if line["event"] == "reports.unassigned_mark_missing"]
    assert told == [[someone.report_id]]
    assert (await someone.stored())[MARK] == received
    assert (await named(harness))[0] == [someone.report_id]
