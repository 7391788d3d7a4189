"""The daily job ends drills: each is counted, and thousands of them are still one process's work."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.intake.reports.documents import Document
from services.intake.reports.lifecycle import Lifecycle
from services.intake.reports.repository import PAGE
from services.intake.retention.jobs import ErasureJob
from services.intake.retention.schedule import DRILL_LASTS
from shared.errors import TransientError
from shared.metrics import REGISTRY
from shared.store_clock import ClocksApartError, StoreClock
from tests.support.clock import ManualClock, agreeing
from tests.unit.intake.retention.test_erasure import NOW, facts, taken_back
from tests.unit.intake.test_unreadable import Nothing, Reports, stored

LASTS_S = 5.0
"""To withdraw one drill, on a slow disk."""


class Drills(Reports):
    """Holds drills that are over and takes ``LASTS_S`` for each; what is ``raced`` somebody else has just changed."""

    def __init__(self, number: int, *raced: int) -> None:
        super().__init__(*(stored(_id(one), facts=_drill()) for one in range(number)))
        self.clock = ManualClock(NOW + DRILL_LASTS)
        self.raced = [_id(one) for one in raced]
        self.claims: list[datetime] = []
        self.leases: list[datetime] = []
        self.taken_over = False

    async def claim(self, job: str, day: str, holder: str, now: datetime) -> bool:
        self.claims.append(self.clock.now())
        self.leases.append(now)
        return not (self.taken_over and len(self.claims) > 1) and await super().claim(job, day, holder, now)

    async def write(self, before: Document, *, life: Lifecycle, **_: Any) -> Document | None:
        await self.clock.advance(LASTS_S)
        if before["_id"] in self.raced:
            return None
        self.documents[before["_id"]] = {**before, "life": life.model_dump()}
        return self.documents[before["_id"]]

    def job(self) -> ErasureJob:
        reports: Any = self
        nothing: Any = Nothing()
        return ErasureJob(reports, nothing, nothing, self.clock, agreeing(self.clock))

    @property
    def withdrawn(self) -> int:
        return sum(document["life"]["withdrawal"] is not None for document in self.documents.values())


def _drill() -> dict[str, Any]:
    return facts(synthetic=True).model_dump(mode="json")


def _id(number: int) -> str:
    return f"{number:08x}-0000-5000-8000-000000000000"


def counted() -> float:
    return REGISTRY.get_sample_value("ieum_intake_withdrawals_total") or 0.0


async def test_a_drill_that_the_job_withdrew_is_counted_and_one_that_changed_meanwhile_is_not() -> None:
    drills, before = Drills(3, 1), counted()
    assert await drills.job().daily()
    assert (drills.withdrawn, counted() - before) == (2, 2)


async def test_while_many_drills_are_withdrawn_no_other_process_begins_the_same() -> None:
    drills = Drills(2 * PAGE + 1)
    assert await drills.job().daily()
    assert drills.withdrawn == 2 * PAGE + 1
    ends = [*drills.claims[1:], drills.clock.now()]
    longest = max(end - begun for begun, end in zip(drills.claims, ends, strict=True))
    assert longest <= timedelta(minutes=10), "a lease"


async def test_a_process_that_was_taken_for_dead_leaves_the_rest_of_the_day_to_the_other() -> None:
    drills = Drills(PAGE + 1)
    drills.taken_over = True
    assert not await drills.job().daily()
    assert (drills.withdrawn, drills.done) == (PAGE, [])


@pytest.mark.parametrize("ahead", [timedelta(days=4), timedelta(days=-4)])
async def test_while_the_clocks_are_apart_nothing_is_destroyed_or_judged(ahead: timedelta) -> None:
    withdrawn, old = stored(_id(1), taken_back()), stored(_id(2), facts=_drill())
    reports, links, clock = Reports(withdrawn, old), Nothing(), ManualClock(NOW + DRILL_LASTS)
    given: Any = reports
    nothing: Any = links
    job = ErasureJob(given, nothing, nothing, clock, agreeing(clock, ahead=ahead))
    for work in (job.minute, job.daily, lambda: job.destroy(_id(1))):
        with pytest.raises(ClocksApartError):
            await work()
    assert (reports.erased, reports.done) == ([], [])
    late = REGISTRY.get_sample_value("ieum_intake_erasure_overdue_seconds")
    assert late is not None
    assert late > 0, "the measures go on"
    assert await ErasureJob(given, nothing, nothing, clock, agreeing(clock)).minute() == 1


async def test_while_the_store_tells_no_time_nothing_is_destroyed() -> None:
    async def away() -> datetime:
        raise TransientError("away")

    clock, nothing = ManualClock(NOW + DRILL_LASTS), Nothing()
    reports: Any = Reports(stored(_id(1), taken_back()))
    given: Any = nothing
    job = ErasureJob(reports, given, given, clock, StoreClock(away, clock))
    for work in (job.minute, job.daily):
        with pytest.raises(TransientError):
            await work()
    assert reports.erased == []


async def test_a_clock_that_jumps_while_the_reports_are_judged_ends_the_pass() -> None:
    drills, asked = Drills(2 * PAGE), 0

    async def jumped() -> datetime:
        nonlocal asked
        asked += 1
        return drills.clock.now() - (timedelta(days=1) if asked > 2 else timedelta())

    reports: Any = drills
    nothing: Any = Nothing()
    with pytest.raises(ClocksApartError):
        await ErasureJob(reports, nothing, nothing, drills.clock, StoreClock(jumped, drills.clock)).daily()
    assert (drills.withdrawn, drills.done) == (PAGE, [])


async def test_a_clock_that_jumps_between_two_pages_takes_no_lease_of_days() -> None:
    """With it no other process would judge anything until then."""
    drills = Drills(PAGE + 1)
    begun = drills.clock.now()

    async def right() -> datetime:
        return drills.clock.now() - (timedelta(days=4) if drills.withdrawn == PAGE else timedelta())

    reports: Any = drills
    nothing: Any = Nothing()
    with pytest.raises(ClocksApartError):
        await ErasureJob(reports, nothing, nothing, drills.clock, StoreClock(right, drills.clock)).daily()
    assert drills.leases == [begun]
