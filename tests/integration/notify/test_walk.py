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
READ: Final = {
    *("cases/consumers.py", "cases/projection.py", "cases/models.py", "cases/repository.py", "console/broadcaster.py"),
    *("escalation/service.py", "escalation/rules.py", "escalation/repository.py", "escalation/delivery.py"),
    *("team/repository.py", "team/models.py"),
    *("channels/messages.py", "channels/breaker.py", "channels/email.py"),
}
"""What must be opened to follow it."""
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
        await eventually(bench.at_rest)  # the mail is here before it is written down that it went
    finally:
        sys.setprofile(None)
    assert {name for name in crossed if not name.startswith(BESIDE)} == READ
    assert len(READ) <= MOST


def test_the_architecture_names_every_file_of_it() -> None:
    text = Path("docs/architecture.md").read_text(encoding="utf-8")
    said = text[text.index("A record's walk from `routings`") :].partition("\n\n**")[0]
    assert [name for name in sorted(READ) if f"`{name.removesuffix('.py')}`" not in said] == []
