"""The knock at the watcher outside, whatever the watcher does."""

import pytest

from services.notify.auditor import heartbeat
from services.notify.auditor.heartbeat import Heartbeat
from shared.metrics import REGISTRY
from tests.support.dripping import dripping


async def test_a_watcher_that_answers_a_byte_at_a_time_is_given_up_and_knocked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heartbeat, "TIMEOUT_S", 0.5)

    async with dripping() as url:
        failed, withheld = knocks()
        assert not await Heartbeat(url, lambda: None).beat()
        assert not await Heartbeat(url, lambda: "it has not looked lately").beat()
        assert knocks() == (failed + 1, withheld + 1)


def knocks() -> tuple[float, float]:
    """Those that failed and those that were withheld, by which somebody is called."""
    failed, withheld = (
        REGISTRY.get_sample_value("ieum_notify_auditor_heartbeats_total", {"outcome": outcome}) or 0.0
        for outcome in ("failed", "withheld")
    )
    return failed, withheld
