"""What notify says of itself while Kafka is away: ready, degraded, and since when live updates are late."""

from datetime import timedelta

from services.notify.console.alarms import LiveUpdates
from services.notify.main import until_first_ok
from shared.health import Health
from tests.support.clock import ManualClock
from tests.unit.notify.samples import NOW


class Kafka:
    """Away, or not."""

    def __init__(self) -> None:
        self.word: str | None = "not started"

    def check(self) -> str | None:
        return self.word


def test_kafka_counts_for_readiness_until_it_was_reached_once_and_is_said_afterwards() -> None:
    kafka, health = Kafka(), Health()
    health.ready["kafka"] = kafka.check
    until_first_ok(health, "kafka")
    assert (health.ready_report().fine, health.ready_report().checks) == (False, {"kafka": "not started"})
    kafka.word = None
    assert (health.ready_report().fine, health.ready_report().degraded) == (True, False)
    kafka.word = "kafka has not answered for 30 s"
    report = health.ready_report()
    assert (report.fine, report.degraded, report.checks) == (True, True, {"kafka": kafka.word})
    assert health.live_report().fine


async def test_consoles_are_told_once_that_live_updates_are_late_and_once_that_they_are_not() -> None:
    kafka, clock, told = Kafka(), ManualClock(NOW), list[str]()
    kafka.word = None
    live = LiveUpdates(kafka.check, lambda: told.append("notice"), clock)
    await live.look()
    assert (live.late_since, told) == (None, [])
    kafka.word = "kafka has not answered for 30 s"
    await live.look()
    await clock.advance(60)
    await live.look()
    assert (live.late_since, told) == (NOW, ["notice"])
    kafka.word = None
    await live.look()
    assert (live.late_since, told) == (None, ["notice"] * 2)
    assert clock.now() == NOW + timedelta(seconds=60)
