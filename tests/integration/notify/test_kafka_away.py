"""What a console says while nothing comes from Kafka, and what staff can do meanwhile."""

import pytest
from aiokafka import TopicPartition

from tests.integration.notify.conftest import Start
from tests.support.mail import MailSink
from tests.support.waiting import eventually
from tests.unit.notify.samples import event, report_id


async def test_a_console_says_that_updates_are_late_and_staff_go_on(
    start: Start, sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    del sink
    bench = await start()
    await bench.routed(event("report.routed", 1, center="gwangju"))
    await eventually(lambda: bench.notify.case_service.case(report_id(1)))
    who = bench.staff("gwangju", "counsellor", subject="kim")
    # As when the broker is silent: what passes can be read no more.
    monkeypatch.setattr(bench.notify.follower, "_blocked", {TopicPartition("routings", 0): "away"})

    async def said() -> bool:
        page = await bench.http.get("/?lang=en", auth=who)
        return "Live updates are late since" in page.text

    await eventually(said, "the console says that updates are late")
    taken = await bench.act("acknowledge", report_id(1), "gwangju", "kim", ownership=1)
    assert (taken.status_code, taken.json()["state"]) == (200, "acknowledged")
    ready = await bench.http.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
