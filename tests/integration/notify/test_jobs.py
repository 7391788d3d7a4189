"""A stored case that this build cannot read holds back no alert but its own, and is not kept quiet about."""

from datetime import timedelta

from tests.integration.notify.conftest import Start
from tests.support.mail import MailSink
from tests.support.waiting import eventually
from tests.unit.notify.samples import event, report_id


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
