"""What the auditor writes is told to the consoles that are open."""

from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from services.notify.auditor.repository import OverdueReport
from services.notify.console.alarms import SILENT_AFTER, Alarms, AlarmWatch
from services.notify.console.banners import Banners
from services.notify.dead_letters.models import StoredDeadLetter
from services.notify.main import HERE
from shared.errors import TransientError
from shared.settings import ServiceSettings
from shared.web.pages import Pages
from tests.support.clock import ManualClock
from tests.support.staff import TestIdentity
from tests.unit.notify.console.test_unreadable import FINDING
from tests.unit.notify.samples import NOW, report_id


class Findings:
    """What the auditor wrote, and the records nobody could read, where they can be read."""

    def __init__(self) -> None:
        self.found: set[str] = set()
        self.dead: set[str] = set()
        self.letter = 0
        self.step = 1
        self.at: datetime | None = NOW
        self.away = False

    async def of(self, center_id: str | None) -> list[OverdueReport]:
        assert center_id is None
        return [FINDING.model_copy(update={"report_id": one, "step": self.step}) for one in self.found]

    async def unread(self) -> list[StoredDeadLetter]:
        said = {"letter": self.letter, "topic": "reports", "reason": "not_json", "seen_at": NOW}
        return [StoredDeadLetter(origin=one, **said) for one in self.dead]

    async def last_look(self) -> datetime | None:
        if self.away:
            raise TransientError("store: away")
        return self.at


PAGES = Pages(HERE / "templates", HERE / "locale", ServiceSettings(), "notify", clock=ManualClock(NOW))


@pytest.mark.parametrize(
    ("language", "found", "dead", "said"),
    [
        ("en", 499, 99, ("499 cases were not alerted", "99 records could not be read")),
        ("en", 500, 100, ("At least 500 cases were not alerted", "At least 100 records could not be read")),
        ("ko", 499, 99, ("사례가 499건 있습니다", "기록이 99건 있습니다")),
        ("ko", 500, 100, ("사례가 500건 이상 있습니다", "기록이 100건 이상 있습니다")),
    ],
)
async def test_where_as_many_are_read_as_there_may_be_the_console_says_at_least(
    language: Any, found: int, dead: int, said: tuple[str, str]
) -> None:
    findings = Findings()
    findings.found = {report_id(number) for number in range(found)}
    findings.dead = {f"reports/0/{number}" for number in range(dead)}
    alarms = Alarms(tuple(await findings.of(None)), None, never_looked=False)

    class Facts:
        """Loads what was found."""

        dead = findings

        async def of(self, _: str) -> Alarms:
            return alarms

        async def all(self) -> dict[str, Any]:
            return {}

    banners = Banners(cast("Any", Facts()), cast("Any", Facts()), PAGES)
    told = await banners.of(TestIdentity(ManualClock(NOW)).principal("central", "lead"), "central")
    html = PAGES.fragment(language, "banners.html", names={}, **told)
    assert [words in html for words in said] == [True, True], html


def test_in_korean_what_should_have_gone_out_before_is_not_said_to_go_out_soon() -> None:
    """“1단계 예정 3분 전” is also: three minutes before it is due."""
    alarms = Alarms((FINDING,), None, never_looked=False)
    html = PAGES.fragment("ko", "alarms.html", alarms=alarms, names={}, most_found=500)
    assert "</time> 나갔어야 할 1단계 알림" in html, html


class Consoles:
    """Open consoles, and how often they were told."""

    def __init__(self) -> None:
        self.subscriber_count = 1
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
    findings.letter += 1
    await watch.look()
    assert consoles.told == 2, "who has looked at the earlier letter has not looked at this one"
    findings.dead = set()
    await watch.look()
    assert consoles.told == 3


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
    consoles.subscriber_count = 0
    watch = AlarmWatch(cast("Any", findings), cast("Any", findings), cast("Any", consoles), clock)
    findings.away = True
    await watch.look()
    findings.away = False
    consoles.subscriber_count = 1
    await watch.look()
    assert consoles.told == 1
    consoles.subscriber_count = 0
    findings.found = {report_id(1)}
    await watch.look()
    assert consoles.told == 1
    consoles.subscriber_count = 1
    await watch.look()
    assert consoles.told == 2
