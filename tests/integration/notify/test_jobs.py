"""What keeps alerts back, and what does not: a case that this build cannot read, a process that died with some."""

from datetime import timedelta

import pytest

from services.notify.cases.projection import fold
from services.notify.cases.repository import CaseStore, Change
from services.notify.escalation.jobs import SILENT_LOOKS
from services.notify.escalation.repository import WorkerStore
from services.notify.escalation.rules import ALWAYS
from shared import mongo
from shared.jobs import Skipped
from shared.settings import StoreSettings
from tests.integration.notify.conftest import Start
from tests.support.clock import ManualClock
from tests.support.mail import MailSink
from tests.support.waiting import eventually
from tests.unit.notify.samples import NOW, TRACE, event, report_id


async def test_a_case_that_does_not_validate_keeps_no_other_from_being_alerted(start: Start, sink: MailSink) -> None:
    harness = await start()
    await harness.routed(event("report.routed", 1, center="busan"))

    async def mailed(*to: str) -> bool:
        return [address for address, _ in sink.mails] == [f"{center}@duty.ieum.example" for center in to]

    await eventually(lambda: mailed("busan"))
    cases = harness.notify.cases.collection

    async def recorded() -> bool:
        case = await cases.find_one({"_id": report_id(1)})
        return case is not None and case["alert_version"] > 0 and case.get("lease_by") is None

    await eventually(recorded, "the alert is written down: a write after this one would mend the case")
    broken = {"urgency": "a word of a later build", "wake_at": harness.clock.now() - timedelta(days=1)}
    await cases.update_one({"_id": report_id(1)}, {"$set": broken})

    async def ready(status: str) -> bool:
        answer = await harness.http.get("/health/ready")
        assert answer.status_code == 200
        return bool(answer.json()["status"] == status)

    await eventually(lambda: ready("degraded"), "ready says that alerts are not all right")
    await harness.routed(event("report.routed", 2, center="gwangju"))
    await eventually(lambda: mailed("busan", "gwangju"), "the others are alerted")
    word = (await harness.http.get("/health/ready")).json()["checks"]["jobs"]
    assert word.startswith("degraded: alerts-")
    await cases.delete_one({"_id": report_id(1)})
    await eventually(lambda: ready("ok"), "it heals once the document is gone")


@pytest.mark.own_service
async def test_a_fresh_case_that_a_process_died_with_is_told_before_its_lease_ends(
    start: Start, sink: MailSink
) -> None:
    clock = ManualClock(NOW)
    harness = await start(clock)
    notify = harness.notify
    await WorkerStore(notify.cases.database).beat("dead:1:x")
    for number, holder in ((1, "dead:1:x:claim"), (2, "dead:1:xy:claim")):
        case = fold(None, event("report.routed", number), TRACE, ALWAYS, NOW)
        assert case is not None
        lease = {"lease_by": holder, "wake_at": NOW + timedelta(seconds=60)}
        await notify.cases.save([Change(case.model_copy(update={**lease, "alias": f"held-{number}"}), None)], NOW)
    assert sink.mails == []
    for _ in range(SILENT_LOOKS + 1):
        await notify.liveness.look()
    # The clock stands still: no lease ends.
    await eventually(lambda: len(sink.mails) == 1)
    assert "held-1" in str(sink.mails[0][1]["Subject"])
    (other,) = (await notify.cases.load([report_id(2)])).values()
    assert other.lease_by == "dead:1:xy:claim", "of a process nobody has heard of: its lease ends by itself"


async def test_one_lease_is_released_and_no_other_of_the_same_process(store_settings: StoreSettings) -> None:
    store = CaseStore(mongo.connect(store_settings, "notify"))
    for number in (1, 2):
        case = fold(None, event("report.routed", number), TRACE, ALWAYS, NOW)
        assert case is not None
        await store.save([Change(case, None)], NOW)
        assert await store.claim(f"me:1:x:{number}", 60, [report_id(number)], NOW, Skipped("test"))
    assert await store.due(NOW, 10) == []
    assert await store.release("me:1:x:1", NOW, 60) == 1
    assert [one.report_id for one in await store.due(NOW, 10)] == [report_id(1)]
    assert await store.release("me:1:x", NOW, 60) == 1, "what else the process holds"
    store.database.client.close()
