"""How many of notify's files a record of routing crosses on its way to an e-mail: few enough to read in one sitting."""

import asyncio
import sys
from pathlib import Path
from types import FrameType
from typing import Any, Final

import pytest

from tests.integration.notify.conftest import Start
from tests.support.mail import MailSink
from tests.support.waiting import eventually
from tests.unit.notify.samples import event

NOTIFY: Final = str(Path("services/notify").resolve()) + "/"
BESIDE: Final = ("accounts/", "auditor/", "console/feed.py", "dead_letters/", "drills/", "escalation/jobs.py")
"""Readers of their own and periodic work that happen to run meanwhile."""
OTHER_JOBS: Final = {
    *("identity", "staff-directory", "audit", "audit-anchors", "workers", "live-updates", "alarms", "sign-outs"),
    *("gauges", "drills", "center-relay", "console", "dead", "dead-mails"),
}
"""On a busy machine the walk takes long enough for each of them to have its turn."""
MOST: Final = 14


@pytest.mark.own_service  # every file that its process runs is counted
@pytest.mark.thorough
async def test_a_record_crosses_few_files_on_its_way_to_an_email(start: Start, sink: MailSink) -> None:
    bench = await start()
    crossed = set[str]()

    def calls(frame: FrameType, what: str, argument: Any) -> None:
        del argument
        name, task = frame.f_code.co_filename, asyncio.current_task()
        if task is not None and task.get_name() in OTHER_JOBS:
            return
        if what == "call" and name.startswith(NOTIFY):
            crossed.add(name.removeprefix(NOTIFY))

    sys.setprofile(calls)
    try:
        await bench.routed(event("report.routed", 1, center="busan"))
        await eventually(lambda: sink.mails)
    finally:
        sys.setprofile(None)
    walk = sorted(name for name in crossed if not name.startswith(BESIDE))
    assert {"cases/consumers.py", "escalation/service.py", "channels/email.py"} <= set(walk)
    assert len(walk) <= MOST, " ".join(walk)
