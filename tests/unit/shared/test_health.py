from shared.health import Health


def test_ready_needs_live_and_every_check_speaks() -> None:
    health = Health()
    assert health.ready_report() == (True, {})
    health.live["loop"] = lambda: None
    health.ready["kafka"] = lambda: "waiting for Kafka"
    assert health.live_report() == (True, {"loop": "ok"})
    assert health.ready_report() == (False, {"loop": "ok", "bus": "waiting for Kafka"})
    health.ready["kafka"] = lambda: None
    health.live["loop"] = lambda: "silent"
    assert health.live_report()[0] is False
    assert health.ready_report()[0] is False


def test_a_note_is_shown_and_turns_nothing_red() -> None:
    health = Health(notes={"tables": lambda: "the folder given was refused"})
    assert health.ready_report() == (True, {"tables": "the folder given was refused"})
    assert health.live_report() == (True, {})
    health.ready["kafka"] = lambda: "waiting for Kafka"
    assert health.ready_report()[0] is False
