"""Each runbook is tried against its fault on a running stack, as the page says."""

import re

from tests.unit.docs.test_paths import PROJECT
from tools.monitoring.rules import alerts


def test_each_runbook_is_tried_against_its_fault() -> None:
    trials = (PROJECT / "tests/runbooks/tried.py").read_text(encoding="utf-8")
    tried = {alert.removesuffix("BurnsFast") for alert in re.findall(r'watch\.fires\("(\w+)"', trials)}
    tried |= {"Watchdog"} if "watch.calls_somebody()" in trials else set()  # it always fires: its silence is the fault
    named = {alert.runbook for alert in alerts()}
    assert {alert.lower() for alert in tried} == named, "tests/runbooks/tried.py makes the fault of each alert"
