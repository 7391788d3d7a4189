"""What a look of the auditor costs: only reports to which something is owed are seen."""

from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.notify.auditor import rules, service
from services.notify.auditor.repository import Look, OverdueReport
from services.notify.auditor.rules import Settled, Watched, unacknowledged, wrong
from shared.clock import SEOUL
from shared.errors import TransientError
from shared.events.base import Event
from shared.events.vocabulary import Urgency
from shared.kafka.router import Received
from shared.metrics import REGISTRY
from tests.support.clock import ManualClock
from tests.unit.notify.samples import NOW, event, report_id


class Findings:
    """The store of findings, in memory."""

    def __init__(self) -> None:
        self.looks: list[Look] = []
        self.found: set[str] = set()
        self.written: dict[str, tuple[str, int]] = {}
        """The centre and the step of each finding, as last written."""
        self.before: set[str] = set()
        self.away = ""

    async def known(self) -> set[str]:
        if self.away:
            raise TransientError(self.away)
        return set(self.before)

    async def put(self, new: list[OverdueReport], over: list[str]) -> None:
        self.written |= {one.report_id: (one.center_id, one.step) for one in new}
        self.found |= {one.report_id for one in new}
        self.found -= set(over)

    async def looked(self, look: Look) -> None:
        self.looks.append(look)


def received(made: Event) -> Received:
    return cast("Received", SimpleNamespace(event=made, topic=made.TOPIC, partition=0))


async def mailed(found: Any) -> bool:
    return bool(found)


def auditor_of(findings: Findings, clock: ManualClock) -> service.Auditor:
    return service.Auditor(cast("Any", findings), mailed, lambda: None, None, clock)


def state(auditor: service.Auditor) -> tuple[str | None, str | None]:
    return auditor.failing, auditor.unwell()


def remembered(auditor: service.Auditor) -> int:
    """Of how many reports something is kept in memory."""
    return len(auditor._watched) + len(auditor._settled._kept)


def life(number: int, at: datetime) -> list[Event]:
    """A report that is routed and withdrawn."""
    return [
        event("report.routed", number, decided_at=at),
        event("report.ended", number, version=2, ownership=1, reason="withdrawn", decided_at=at),
    ]


def test_of_a_million_settled_reports_the_newest_are_kept_in_numbers() -> None:
    kept = service.SettledReports(service.KEPT_SETTLED)
    for number in range(1_000_000):
        kept.keep(str(number), Settled(2, 0, 0, None))
    assert len(kept._kept) == service.KEPT_SETTLED
    assert kept.pop("999999") == Settled(2, 0, 0, None)
    assert kept.pop("1") is None


async def test_history_is_read_with_a_bounded_memory_and_what_is_owed_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "KEPT_SETTLED", 50)
    monkeypatch.setattr(service, "FORGET_EVERY", 100)
    clock, findings = ManualClock(NOW), Findings()
    auditor = auditor_of(findings, clock)
    begins = NOW - timedelta(days=30)
    auditor.note(received(event("report.routed", 0, decided_at=begins)))
    for number in range(1, 1500):
        for made in life(number, begins + number * timedelta(minutes=10)):
            auditor.note(received(made))
        assert remembered(auditor) <= 50 + 1 + 100
    await auditor.look()
    await clock.advance(service.SETTLE_S + 1)
    await auditor.look()
    assert findings.found == {report_id(0)}
    assert remembered(auditor) <= 50 + 1


async def test_it_is_ready_once_it_reads_and_calls_nobody_well_before_it_has_judged() -> None:
    clock, why, findings = ManualClock(NOW), ["cannot follow"], Findings()
    auditor = service.Auditor(cast("Any", findings), mailed, lambda: why[0] if why else None, None, clock)
    await auditor.look()
    assert state(auditor) == ("cannot follow", "cannot follow")
    why.clear()
    findings.away = "no store"
    await auditor.look()
    assert state(auditor) == ("no store", "no store"), (
        "with a wrong password it must not take the place of one that works"
    )
    findings.away = ""
    await auditor.look()
    assert state(auditor) == (None, "has not looked lately"), "what waited may still come"
    await clock.advance(service.SETTLE_S + 1)
    await auditor.look()
    assert state(auditor) == (None, None)


async def test_a_settled_report_is_not_owed_by_records_that_come_twice_and_is_again_when_it_comes_back() -> None:
    clock, findings = ManualClock(NOW), Findings()
    auditor = auditor_of(findings, clock)
    long_ago = NOW - timedelta(days=2)
    for made in life(1, long_ago):
        auditor.note(received(made))
    await auditor.look()
    await clock.advance(service.SETTLE_S + 1)
    await auditor.look()
    assert remembered(auditor) == 1
    for made in (*life(1, long_ago), event("report.updated", 1, version=3, kind="message_left", decided_at=long_ago)):
        auditor.note(received(made))
    await auditor.look()
    assert findings.found == set(), "withdrawn: a message changes nothing"
    auditor.note(received(event("report.updated", 1, version=4, kind="reinstated", decided_at=long_ago)))
    await auditor.look()
    assert findings.found == {report_id(1)}


async def test_a_record_that_comes_twice_does_not_keep_a_settled_report_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "KEPT_SETTLED", 5)
    clock = ManualClock(NOW)
    auditor = auditor_of(Findings(), clock)
    await auditor.look()
    await clock.advance(service.SETTLE_S + 1)
    for number in range(20):
        for made in life(number, NOW - timedelta(days=2)):
            auditor.note(received(made))
        await auditor.look()
        auditor.note(received(life(number, NOW - timedelta(days=2))[-1]))
        await auditor.look()
    assert remembered(auditor) == 5


async def test_a_critical_report_whose_alert_nobody_takes_is_counted_once_the_minute_is_over_and_until_one_is() -> None:
    def unalerted() -> float | None:
        return REGISTRY.get_sample_value("ieum_notify_auditor_unalerted_critical_reports")

    clock = ManualClock(NOW)
    auditor = auditor_of(Findings(), clock)
    for number, urgency in enumerate(("critical", "critical", "critical", "high"), 1):
        auditor.note(received(event("report.routed", number, urgency=urgency, received_at=NOW, decided_at=NOW)))
    auditor.note(received(event("alert.sent", 1, at=NOW)))
    auditor.note(received(event("case.acknowledged", 2, at=NOW)))
    await auditor.look()
    await clock.advance((rules.FIRST_ALERT + rules.GRACE).total_seconds())
    await auditor.look()
    assert unalerted() == 0, "an alert taken in time may take so long to be told"
    await clock.advance(1)
    await auditor.look()
    assert unalerted() == 1, "neither the alerted nor the acknowledged one, nor one that is not critical"
    moved = event("report.rerouted", 1, version=2, ownership=2, received_at=NOW, decided_at=clock.now())
    auditor.note(received(moved))
    auditor.note(received(event("alert.failed", 3, alert_version=1, at=NOW)))
    await clock.advance(1)
    await auditor.look()
    assert unalerted() == 1, "the first alert counts, whoever owns the report by now"
    gone = event("report.ended", 3, version=2, ownership=1, reason="withdrawn", decided_at=clock.now())
    auditor.note(received(gone))
    await auditor.look()
    assert unalerted() == 0, "nobody is owed an alert"
    now = clock.now()
    back = event("report.updated", 3, version=3, ownership=1, kind="reinstated", urgency="critical", decided_at=now)
    auditor.note(received(back))
    await auditor.look()
    assert unalerted() == 1, "withdrawn and back"
    auditor.note(received(event("alert.sent", 3, alert_version=2, at=clock.now())))
    await auditor.look()
    assert unalerted() == 0


async def test_what_is_overdue_and_when_it_looked_is_in_the_gauges_by_which_somebody_is_called() -> None:
    def overdue() -> tuple[float, float | None]:
        name = "ieum_notify_auditor_overdue_reports"
        found = sum(REGISTRY.get_sample_value(name, {"fault": fault.value}) or 0 for fault in rules.AlertingFault)
        return found, REGISTRY.get_sample_value("ieum_notify_auditor_last_run_timestamp_seconds")

    clock = ManualClock(NOW)
    auditor = auditor_of(Findings(), clock)
    auditor.note(received(event("report.routed", 1, urgency="critical", decided_at=NOW - timedelta(hours=1))))
    await auditor.look()
    await clock.advance(service.SETTLE_S + 1)
    await auditor.look()
    assert overdue() == (1, clock.now().timestamp())
    auditor.note(received(event("report.ended", 1, version=2, ownership=1, reason="withdrawn", decided_at=clock.now())))
    await clock.advance(10)
    await auditor.look()
    assert overdue() == (0, clock.now().timestamp())


@pytest.mark.parametrize("taken", [True, False])
async def test_whether_its_mail_was_taken_is_counted(taken: bool) -> None:
    async def mail(_: Any) -> bool:
        return taken

    def counted() -> list[float]:
        name = "ieum_notify_auditor_mails_total"
        return [REGISTRY.get_sample_value(name, {"outcome": outcome}) or 0 for outcome in ("sent", "failed")]

    clock = ManualClock(NOW)
    auditor = service.Auditor(cast("Any", Findings()), mail, lambda: None, None, clock)
    auditor.note(received(event("report.routed", 1, urgency="critical", decided_at=NOW - timedelta(hours=1))))
    await auditor.look()
    await clock.advance(service.SETTLE_S + 1)
    sent, failed = counted()
    await auditor.look()
    assert counted() == [sent + taken, failed + (not taken)]


async def test_a_finding_says_what_is_wrong_now_and_at_which_centre() -> None:
    clock, findings = ManualClock(NOW), Findings()
    auditor = auditor_of(findings, clock)
    long_ago = NOW - timedelta(hours=1)
    auditor.note(received(event("report.routed", 1, urgency="critical", decided_at=long_ago)))
    await auditor.look()
    await clock.advance(service.SETTLE_S + 1)
    await auditor.look()
    assert findings.written == {report_id(1): ("gwangju", 1)}
    auditor.note(received(event("alert.sent", 1, step=1, at=long_ago + timedelta(minutes=1))))
    await auditor.look()
    assert findings.written == {report_id(1): ("gwangju", 2)}, "told late, and the next step is late too"
    findings.before = {report_id(1)}
    anew = auditor_of(findings, clock)
    anew.note(received(event("report.routed", 1, urgency="critical", decided_at=long_ago)))
    moved = event("report.rerouted", 1, version=2, ownership=2, center="busan", urgency="critical", decided_at=long_ago)
    anew.note(received(moved))
    await anew.look()
    await clock.advance(service.SETTLE_S + 1)
    await anew.look()
    assert findings.written == {report_id(1): ("busan", 1)}, "it moved while no auditor looked"


@pytest.mark.parametrize("ahead", [timedelta(hours=3), timedelta(days=400)])
async def test_a_clock_of_notify_that_was_ahead_hides_no_missing_alert(ahead: timedelta) -> None:
    """It told the first step, dated it hours later, and would tell the next one hours later."""
    clock, findings = ManualClock(NOW), Findings()
    auditor = auditor_of(findings, clock)
    auditor.note(received(event("report.routed", 1, urgency="critical", received_at=NOW, decided_at=NOW)))
    auditor.note(received(event("alert.sent", 1, step=1, at=NOW + ahead)))
    await auditor.look()
    await clock.advance(service.SETTLE_S + 1)
    await auditor.look()
    assert findings.found == set()
    await clock.advance(180)
    await auditor.look()
    assert findings.written == {report_id(1): ("gwangju", 2)}


async def test_a_report_that_nobody_acknowledges_is_counted_once_its_time_is_over_and_until_somebody_does() -> None:
    def counted() -> float | None:
        return REGISTRY.get_sample_value("ieum_notify_auditor_unacknowledged_reports")

    clock = ManualClock(NOW)
    auditor = auditor_of(Findings(), clock)
    for number, urgency in enumerate(("critical", "high", "normal"), 1):
        auditor.note(received(event("report.routed", number, urgency=urgency, received_at=NOW, decided_at=NOW)))
    auditor.note(received(event("alert.sent", 1, at=NOW)))
    await auditor.look()
    for late, minutes in enumerate((10, 30, 240)):
        await clock.advance((NOW + timedelta(minutes=minutes) + rules.GRACE - clock.now()).total_seconds())
        await auditor.look()
        assert counted() == late, "an acknowledgement in time may take so long to be told"
        await clock.advance(1)
        await auditor.look()
        assert counted() == late + 1, "alerted of or not"
    auditor.note(received(event("case.acknowledged", 1, at=clock.now())))
    moved = event("report.rerouted", 2, version=2, ownership=2, received_at=NOW, decided_at=clock.now())
    auditor.note(received(moved))
    await auditor.look()
    assert counted() == 1, "neither the acknowledged one nor the one whose new owner has its time yet"
    auditor.note(received(event("report.ended", 3, version=2, reason="withdrawn", decided_at=clock.now())))
    await auditor.look()
    assert counted() == 0, "no report waits for an acknowledgement"


def test_quiet_hours_do_not_count_towards_the_acknowledgement_of_what_is_not_urgent() -> None:
    quiet = rules.Quiet.read("22:00-07:00")
    evening, night = datetime(2026, 11, 1, 19, 0, tzinfo=SEOUL), datetime(2026, 11, 1, 23, 30, tzinfo=SEOUL)
    eight, eleven = (datetime(2026, 11, 2, hour, 0, tzinfo=SEOUL) + rules.GRACE for hour in (8, 11))
    for since, latest in ((evening, eight), (night, eleven)):
        waits = Watched("r", promise=rules.Promise(rules.Owed.ANSWER, since, Urgency.NORMAL))
        assert not unacknowledged(waits, latest, quiet)
        assert unacknowledged(waits, latest + timedelta(seconds=1), quiet)
        assert unacknowledged(waits, since + timedelta(hours=5), None)
        assert quiet is not None
        assert quiet.after(since, timedelta(hours=4 + 3 * 15) + rules.GRACE) == latest + timedelta(days=3)
        urgent = Watched("r", promise=rules.Promise(rules.Owed.ANSWER, since, Urgency.HIGH))
        assert unacknowledged(urgent, since + timedelta(minutes=31), quiet)


def test_that_a_report_is_late_is_said_without_going_through_all_days_since_it_came() -> None:
    quiet, days = rules.Quiet.read("22:00-07:00"), list[date]()

    class Counted(datetime):
        @classmethod
        def combine(cls, day: date, *at: Any) -> datetime:  # type: ignore[override]  # as it is called
            days.append(day)
            return datetime.combine(day, *at)

    since = datetime(2026, 11, 1, 19, 0, tzinfo=SEOUL)
    waits = Watched("r", promise=rules.Promise(rules.Owed.ANSWER, since, Urgency.NORMAL))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rules, "datetime", Counted)
        assert unacknowledged(waits, since + timedelta(days=365), quiet)
    assert {day.day for day in days} == {1, 31}, "the night before it came and the one it waited for"


async def test_a_look_sees_what_is_owed_and_nothing_that_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def judged(one: Watched, now: Any) -> Any:
        seen.append(one.report_id)
        return wrong(one, now)

    monkeypatch.setattr(service, "wrong", judged)
    clock, findings = ManualClock(NOW), Findings()
    auditor = auditor_of(findings, clock)
    for number in (1, 2):
        auditor.note(received(event("report.routed", number)))
    lately = NOW + timedelta(hours=1)
    over = event("report.ended", 2, version=2, ownership=1, reason="withdrawn", decided_at=lately)
    auditor.note(received(over))
    await auditor.look()
    await clock.advance(timedelta(hours=1).total_seconds())
    await auditor.look()
    assert (seen, findings.found, findings.looks[-1].watched) == ([report_id(1)], {report_id(1)}, 1)
    # What is settled is seen again when something comes about it.
    back = event("report.updated", 2, version=3, kind="reinstated", decided_at=lately + timedelta(minutes=1))
    auditor.note(received(back))
    await auditor.look()
    assert set(seen) == {report_id(1), report_id(2)}
