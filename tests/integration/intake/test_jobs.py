"""A job of intake that fails, on the real store and bus: it is named, and everything else goes on."""

from typing import Any

from shared.settings import KafkaSettings, StoreSettings
from tests.integration.intake.harness import IntakeHarness, running
from tests.integration.intake.holding import holder, owned
from tests.support.clock import JumpClock
from tests.support.waiting import eventually

AGES = {"days": 25 * 365.25}


async def test_a_report_that_does_not_validate_degrades_retention_and_stops_nothing(
    bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    clock = JumpClock()
    async with running(bus_settings, store_settings, clock=clock, erasure_pace_s=0.2) as harness:
        broken, unread = await holder(harness), await holder(harness)
        await owned(broken)
        await owned(unread)
        clock.jump(hours=30)
        await eventually(lambda: _judged_today(harness, clock))
        await eventually(lambda: _is(harness, (200, "ok", "ok")))

        facts = {"facts.role": "somebody this build does not know"}
        await harness.collection.update_one({"_id": broken.report_id}, {"$set": facts})
        await harness.sign(broken.report_id)
        clock.jump(**AGES)
        await eventually(lambda: _is(harness, (200, "degraded", "degraded: retention")), "ready names the job")

        async def alarmed() -> bool:
            return (await unread.stored()).get("alarm") == "unread"

        await eventually(alarmed, "the other report is judged all the same")
        assert (await harness.lodge()).status_code == 202
        await owned(await holder(harness))  # consuming goes on
        await eventually(lambda: _is(harness, (200, "degraded", "degraded: retention")), "for as long as it is there")

        await harness.collection.delete_one({"_id": broken.report_id})
        await eventually(lambda: _is(harness, (200, "ok", "ok")), "it heals once the document is gone")


async def ready(harness: IntakeHarness) -> tuple[int, str, str]:
    answer = await harness.http.get("/health/ready")
    body: dict[str, Any] = answer.json()
    return answer.status_code, body["status"], body["checks"]["jobs"]


async def _is(harness: IntakeHarness, wanted: tuple[int, str, str]) -> bool:
    return await ready(harness) == wanted


async def _judged_today(harness: IntakeHarness, clock: JumpClock) -> bool:
    job = await harness.collection.database["jobs"].find_one({"_id": "retention"})
    return job is not None and job["day"] != ""
