"""What a look of the auditor costs: only reports to which something is owed are seen."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.notify.auditor import service
from services.notify.auditor.repository import Finding, Look
from services.notify.auditor.rules import Watched, wrong
from shared.clock import ManualClock
from shared.events.base import Event
from shared.kafka.router import Received
from tests.unit.notify.samples import NOW, event, report_id


class Findings:
    """The store of findings, in memory."""

    def __init__(self) -> None:
        self.looks: list[Look] = []
        self.found: set[str] = set()

    async def known(self) -> set[str]:
        return set()

    async def put(self, new: list[Finding], over: list[str]) -> None:
        self.found |= {one.report_id for one in new}
        self.found -= set(over)

    async def looked(self, look: Look) -> None:
        self.looks.append(look)


def received(made: Event) -> Received:
    return cast("Received", SimpleNamespace(event=made))


async def test_a_look_sees_what_is_owed_and_nothing_that_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def judged(one: Watched, now: Any) -> Any:
        seen.append(one.report_id)
        return wrong(one, now)

    async def mail(found: Any) -> bool:
        return bool(found)

    monkeypatch.setattr(service, "wrong", judged)
    clock, findings = ManualClock(NOW), Findings()
    auditor = service.Auditor(cast("Any", findings), mail, lambda: None, None, clock)
    for number in (1, 2):
        auditor.note(received(event("report.routed", number)))
    auditor.note(received(event("report.ended", 2, version=2, ownership=1, reason="withdrawn")))
    await auditor.look()
    await clock.advance(timedelta(hours=1).total_seconds())
    await auditor.look()
    assert (seen, findings.found, findings.looks[-1].watched) == ([report_id(1)], {report_id(1)}, 1)
    # What is settled is seen again when something comes about it.
    auditor.note(received(event("report.updated", 2, version=3, kind="reinstated")))
    await auditor.look()
    assert set(seen) == {report_id(1), report_id(2)}
