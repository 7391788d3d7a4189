from shared.health import Health, HealthReport


def test_ready_needs_live_and_every_check_speaks() -> None:
    health = Health()
    assert health.ready_report() == HealthReport(True, {})
    health.live["loop"] = lambda: None
    health.ready["kafka"] = lambda: "waiting for Kafka"
    assert health.live_report() == HealthReport(True, {"loop": "ok"})
    assert health.ready_report() == HealthReport(False, {"loop": "ok", "kafka": "waiting for Kafka"})
    health.ready["kafka"] = lambda: None
    health.live["loop"] = lambda: "silent"
    assert health.live_report()[0] is False
    assert health.ready_report()[0] is False


def test_a_note_is_shown_and_turns_nothing_red() -> None:
    health = Health(notes={"tables": lambda: "the folder given was refused"})
    assert health.ready_report() == HealthReport(True, {"tables": "the folder given was refused"})
    assert health.live_report() == HealthReport(True, {})
    health.ready["kafka"] = lambda: "waiting for Kafka"
    assert health.ready_report()[0] is False


def test_failing_periodic_work_is_shown_and_turns_nothing_red() -> None:
    health = Health(degraded={"jobs": lambda: "degraded: retention"})
    assert health.ready_report() == HealthReport(True, {"jobs": "degraded: retention"}, degraded=True)
    assert health.live_report() == HealthReport(True, {})
    health.degraded["jobs"] = lambda: None
    assert health.ready_report() == HealthReport(True, {"jobs": "ok"})
