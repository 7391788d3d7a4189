"""What the auditor writes is told to the consoles that are open."""

from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from services.notify.auditor.repository import OverdueReport
from services.notify.console.alarms import SILENT_AFTER, AlarmWatch
from services.notify.dead_letters.models import StoredDeadLetter
from shared.errors import TransientError
from tests.support.clock import ManualClock
from tests.unit.notify.console.test_unreadable import FINDING
from tests.unit.notify.samples import NOW, report_id


class Findings:
    """What the auditor wrote, and the records nobody could read, where they can be read."""

    def __init__(self) -> None:
        self.found: set[str] = set()
        self.dead: set[str] = set()
        self.step = 1
        self.at: datetime | None = NOW
        self.away = False

    async def of(self, center_id: str | None) -> list[OverdueReport]:
        assert center_id is None
        return [FINDING.model_copy(update={"report_id": one, "step": self.step}) for one in self.found]

    async def unread(self) -> list[StoredDeadLetter]:
        return [StoredDeadLetter(origin=one, topic="reports", reason="not_json", seen_at=NOW) for one in self.dead]

    async def last_look(self) -> datetime | None:
        if self.away:
            raise TransientError("store: away")
        return self.at


class Consoles:
    """Open consoles, and how often they were told."""

    def __init__(self) -> None:
        self.listening = 1
        self.told = 0

    def notice(self) -> None:
        self.told += 1


async def test_consoles_are_told_of_each_finding_and_of_a_silent_auditor_and_of_nothing_twice() -> None:
    findings, clock, consoles = Findings(), ManualClock(NOW), Consoles()
    watch = AlarmWatch(cast("Any", findings), cast("Any", findings), cast("Any", consoles), clock)
    await watch.look()
    consoles.told = 0
    await watch.look()
    assert consoles.told == 0
    findings.found = {report_id(1)}
    await watch.look()
    await watch.look()
    assert consoles.told == 1
    findings.found = {report_id(2)}
    await watch.look()
    assert consoles.told == 2, "one is over and another new: as many as before"
    findings.step = 4
    await watch.look()
    assert consoles.told == 3, "the same case is late at another step"
    await clock.advance((SILENT_AFTER + timedelta(seconds=1)).total_seconds())
    await watch.look()
    await watch.look()
    assert consoles.told == 4


async def test_consoles_are_told_of_a_dead_record_that_another_process_found_and_when_somebody_has_looked() -> None:
    findings, consoles = Findings(), Consoles()
    watch = AlarmWatch(cast("Any", findings), cast("Any", findings), cast("Any", consoles), ManualClock(NOW))
    await watch.look()
    consoles.told = 0
    findings.dead = {"reports/0/7"}
    await watch.look()
    await watch.look()
    assert consoles.told == 1
    findings.dead = set()
    await watch.look()
    assert consoles.told == 2


async def test_consoles_are_told_once_the_store_is_back_as_a_notice_may_have_been_lost_meanwhile() -> None:
    findings, clock, consoles = Findings(), ManualClock(NOW), Consoles()
    watch = AlarmWatch(cast("Any", findings), cast("Any", findings), cast("Any", consoles), clock)
    await watch.look()
    consoles.told = 0
    findings.away = True
    with pytest.raises(TransientError):
        await watch.look()
    findings.away = False
    await watch.look()
    assert consoles.told == 1


async def test_the_store_is_asked_for_nobody_and_who_opens_a_console_then_is_told() -> None:
    findings, clock, consoles = Findings(), ManualClock(NOW), Consoles()
    consoles.listening = 0
    watch = AlarmWatch(cast("Any", findings), cast("Any", findings), cast("Any", consoles), clock)
    findings.away = True
    await watch.look()
    findings.away = False
    consoles.listening = 1
    await watch.look()
    assert consoles.told == 1
    consoles.listening = 0
    findings.found = {report_id(1)}
    await watch.look()
    assert consoles.told == 1
    consoles.listening = 1
    await watch.look()
    assert consoles.told == 2
