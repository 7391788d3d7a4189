"""The demonstration itself, smaller: the walk at its end asks every service what the design promises."""

from pathlib import Path

import pytest
from rich.console import Console

from tools.demo import people
from tools.demo.command import demonstrate
from tools.demo.settings import DemoSettings
from tools.local.settings import LocalSettings
from tools.local.stack import Stack

REPORTS = 80


@pytest.mark.timeout(480)
def test_a_small_week_is_counted_and_the_walk_finds_nothing_wrong(tmp_path: Path) -> None:
    settings = LocalSettings.on_free_ports(tmp_path, secured=True)
    stack = Stack(settings, say=lambda _: None, extra_env={"notify": {"NOTIFY_QUIET_HOURS": "off"}})
    try:
        stack.start()
        staff = people.create(stack.environment_of("identity"))
        demo = DemoSettings(reports=REPORTS, rate=40, settle_s=180, topic_prefix="")
        summary = demonstrate(stack, demo, Console(quiet=True), staff)
    finally:
        stack.stop()
    assert summary.problems == []
    assert (summary.accepted, summary.lost) == (REPORTS, 0)
