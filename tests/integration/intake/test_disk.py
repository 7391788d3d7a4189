"""The store's disk fills up: an alarm, then no drafts, and only then no reports."""

from typing import Any

from services.intake.disk.rules import MB
from services.intake.disk.service import FREE
from shared.metrics import exposition
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.intake.harness import IntakeHarness, running
from tests.support.waiting import eventually

HUGE = 10**9
"""Megabytes that no disk has free."""


async def looked(harness: IntakeHarness) -> None:
    async def done() -> bool:
        return "ieum_intake_disk_level" in exposition()[0].decode() and harness.intake.disk.check() is not None

    await eventually(done)


async def test_low_alarms_and_takes_everything(bus_settings: KafkaSettings, store_settings: StoreSettings) -> None:
    marks: dict[str, Any] = {"disk_alarm_mb": HUGE, "disk_drafts_mb": 1, "disk_reports_mb": 1}
    async with running(bus_settings, store_settings, **marks) as harness:
        await looked(harness)
        assert harness.intake.disk.takes_drafts()
        assert (await harness.lodge()).status_code == 202
        assert (await harness.http.get("/health/ready")).status_code == 200
        assert 'ieum_health_check_status{check="disk.room"} 0.0' in exposition()[0].decode()


async def test_nearly_full_takes_reports_and_no_drafts(
    bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    marks: dict[str, Any] = {"disk_alarm_mb": HUGE, "disk_drafts_mb": HUGE, "disk_reports_mb": 1}
    async with running(bus_settings, store_settings, **marks) as harness:
        await looked(harness)
        assert not harness.intake.disk.takes_drafts()
        assert (await harness.lodge()).status_code == 202
        assert (await harness.http.get("/health/ready")).status_code == 200


async def test_full_refuses_says_so_and_accepts_again_when_there_is_room(
    bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    marks: dict[str, Any] = {"disk_alarm_mb": HUGE, "disk_drafts_mb": HUGE, "disk_reports_mb": HUGE}
    async with running(bus_settings, store_settings, **marks) as harness:
        await looked(harness)
        refused = await harness.lodge()
        assert (refused.status_code, refused.json()["code"]) == (503, "not_accepting")
        assert int(refused.headers["retry-after"]) > 0
        assert "1366" in refused.json()["detail"]
        form = {"role": "victim", "harm_types": "other", "narrative": "kept", "idempotency_key": "k" * 32}
        page = await harness.http.post("/?lang=en", data=form)
        assert page.status_code == 503
        assert all(text in page.text for text in ("kept", "1366"))
        ready = await harness.http.get("/health/ready")
        assert ready.status_code == 503
        assert await harness.collection.count_documents({}) == 0
        harness.intake.disk._marks = harness.intake.disk._marks._replace(reports=MB, drafts=MB, alarm=MB)
        await harness.intake.disk.look()
        assert FREE._value.get() > MB, "the store says how much is free"
        assert (await harness.lodge()).status_code == 202
        assert (await harness.http.get("/health/ready")).status_code == 200


class Filling:
    """The room on a disk that somebody else fills: what the watch measures, in place of the disk of this machine."""

    def __init__(self) -> None:
        self.megabytes = HUGE

    async def free(self) -> int:
        return self.megabytes * MB


async def test_as_a_disk_fills_up_somebody_is_told_then_drafts_stop_and_reports_last(harness: IntakeHarness) -> None:
    filling = Filling()
    disk = harness.intake.disk
    disk._store = filling  # type: ignore[assignment]  # what it measures, and nothing else, is not the real one
    begun = await harness.http.post("/form/who", data={"go": "next", "role": "victim"})
    kept = {"Cookie": f"notes={begun.cookies['notes']}"}
    drafts = harness.collection.database["drafts"]

    async def seen(megabytes: int) -> tuple[bool, bool, bool, bool]:
        """Alarm, a new draft kept, an old one kept on, a report accepted."""
        filling.megabytes = megabytes
        await disk.look()
        before = await drafts.count_documents({})
        harness.http.cookies.clear()
        new = await harness.http.post("/form/who", data={"go": "next", "role": "victim"})
        more = await drafts.count_documents({}) - before
        assert (new.status_code == 303) is bool(more), "what is not kept is not led on from either"
        on = await harness.http.post("/form/words", data={"go": "next", "narrative": "still here"}, headers=kept)
        assert on.status_code == 303 or "still here" in on.text, "nothing that was typed is lost"
        lodged = await harness.lodge()
        assert lodged.status_code in {202, 503}
        alarm = 'ieum_health_check_status{check="disk.room"} 0.0' in exposition()[0].decode()
        return alarm, bool(more), on.status_code == 303, lodged.status_code == 202

    at = [4096, 2049, 2047, 1025, 1023, 201, 199, 0]
    found = [await seen(megabytes) for megabytes in at]
    everything, alarmed, no_drafts = (False, True, True, True), (True, True, True, True), (True, False, False, True)
    nothing = (True, False, False, False)
    assert found == [everything, everything, alarmed, alarmed, no_drafts, no_drafts, nothing, nothing]
    assert await seen(4096) == everything, "and all of it comes back"
    assert await harness.collection.count_documents({}) == 7
