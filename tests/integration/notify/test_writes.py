"""What a case costs the store on its way to an acknowledgement: every write is counted on the wire."""

from functools import partial

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from services.notify.escalation.rules import MOST
from shared import mongo, outbox
from tests.integration.intake.test_writes import Writes
from tests.integration.notify.conftest import NotifyHarness, Start, told_before
from tests.support.clock import ManualClock
from tests.support.mail import MailSink
from tests.support.waiting import eventually
from tests.unit.notify.samples import NOW, event, report_id

pytestmark = pytest.mark.own_service  # whose connection to the store is listened to
CASES = 20


async def settled(harness: NotifyHarness) -> None:
    async def nothing_pending() -> bool:
        return not await harness.notify.cases.collection.count_documents({outbox.SINCE: {"$exists": True}})

    await eventually(nothing_pending)


async def told(harness: NotifyHarness) -> None:
    async def all_told() -> bool:
        wanted = {"alert_version": {"$gte": 1}, "lease_by": None}
        return await harness.notify.cases.collection.count_documents(wanted) == CASES

    await eventually(all_told)
    await settled(harness)


async def written(writes: Writes) -> dict[str, float]:
    """Documents written per case; one statement may clear the events of many."""
    await writes.counted()
    return {"insert": writes.of["cases", "insert"] / CASES, "update": writes.changed["cases"] / CASES}


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Writes:
    counted = Writes()
    monkeypatch.setattr(mongo, "AsyncIOMotorClient", partial(AsyncIOMotorClient, event_listeners=[counted]))
    return counted


@pytest.mark.parametrize("urgency", ["critical", "high"])
async def test_a_case_is_written_three_times_before_its_acknowledgement(
    writes: Writes, start: Start, sink: MailSink, urgency: str
) -> None:
    harness = await start()
    writes.of.clear()
    writes.changed.clear()
    centers = ["gwangju", "busan", "jeju", "incheon"]
    await harness.routed(*(event("report.routed", n, urgency=urgency, center=centers[n % 4]) for n in range(CASES)))
    await eventually(lambda: len(set(sink.alert_ids())) == CASES)
    await told(harness)
    # Stored and leased in one, told, published: nobody claims what its own process wrote down.
    assert await written(writes) == {"insert": 1, "update": 2}
    for n in range(CASES):
        answer = await harness.acknowledge(report_id(n), centers[n % 4], "kim")
        assert answer.status_code == 200, answer.text
    await settled(harness)
    assert await written(writes) == {"insert": 1, "update": 4}, "acknowledged, published"


async def test_what_waits_for_a_bundle_costs_no_write_more(writes: Writes, start: Start, sink: MailSink) -> None:
    clock = ManualClock(NOW)
    harness = await start(clock)
    await told_before(harness, *["email:gwangju/duty"] * (MOST + 1))
    writes.of.clear()
    writes.changed.clear()
    await harness.routed(*(event("report.routed", n, urgency="high", center="gwangju") for n in range(CASES)))
    await eventually(lambda: harness.notify.escalation_worker.deferred == CASES)
    assert sink.mails == []
    await clock.advance(10)
    await told(harness)
    assert await written(writes) == {"insert": 1, "update": 2}
