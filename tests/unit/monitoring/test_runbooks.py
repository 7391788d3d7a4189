"""Which runbooks were tried against their fault on a running stack, as the page says it."""

import re

from tests.unit.docs.test_paths import PROJECT
from tools.monitoring.rules import RUNBOOKS, alerts

_TRIED = re.compile(r"^Tried on a running stack by `make runbooks`[^:]*:\s+(?P<names>[^.]+)\.", re.MULTILINE)


def on_the_stack() -> set[str]:
    """The runbooks that `make runbooks` tries, by name."""
    page = (PROJECT / "docs" / f"{RUNBOOKS}.md").read_text(encoding="utf-8")
    [found] = _TRIED.finditer(page)
    return set(re.findall(r"`(\w+)`", found["names"]))


def test_a_runbook_said_to_be_tried_is_there() -> None:
    known = {alert.runbook for alert in alerts()}
    assert {name.lower() for name in on_the_stack()} <= known
    assert len(on_the_stack()) >= 20
