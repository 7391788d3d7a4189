"""The ladder: who is told when, by urgency; quiet hours; failures; nobody on duty."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.cases.models import Case, CaseState, Target
from services.notify.cases.projection import fold
from services.notify.escalation import rules as policy
from services.notify.escalation.rules import ESCALATION_POLICY, AttemptResult, QuietHours, Rules
from services.notify.team.models import CenterDuty
from shared.clock import SEOUL
from shared.events.vocabulary import CenterState, Urgency
from tests.unit.notify.samples import NOW, TRACE, event

NIGHT = Rules(quiet=QuietHours(time(22), time(7)))
DAY = Rules()
STAFFED = CenterDuty(
    center_id="gwangju", rev=1, center_version=1, state=CenterState.OPEN, staff_on_duty=2, cases_per_person=15
)
EMPTY = STAFFED.model_copy(update={"staff_on_duty": 0})


def case_of(urgency: str = "critical", rules: Rules = DAY, now: datetime = NOW, **changes: Any) -> Case:
    case = fold(None, event("report.routed", urgency=urgency, **changes), TRACE, rules, now)
    assert case is not None
    return case


def send(case: Case, now: datetime, *, ok: bool = True, rules: Rules = DAY) -> Case:
    made = policy.plan(case, STAFFED, now)
    assert made is not None
    results = tuple(AttemptResult(t, policy.alert_id(case.report_id, made, t), ok=ok) for t in made.targets)
    return policy.advance(case, made, results, rules, now)


@pytest.mark.parametrize("urgency", list(Urgency))
def test_the_ladder_climbs_as_the_table_says_and_its_last_step_repeats_for_ever(urgency: Urgency) -> None:
    case = case_of(urgency)
    now, seen = NOW, []
    for _ in range(6):
        made = policy.plan(case, STAFFED, now)
        assert made is not None
        case = send(case, now)
        assert case.escalation is not None
        assert policy.plan(case, STAFFED, case.escalation.due_at - timedelta(milliseconds=1)) is None
        seen.append((made.step, made.round, made.targets, made.escalated, case.escalation.due_at - now))
        now = case.escalation.due_at
    one, two, three, last = ESCALATION_POLICY[urgency]
    both = (Target.LEAD, Target.CENTRAL)
    assert seen == [
        (1, 1, (Target.DUTY,), False, one.wait),
        (2, 1, (Target.COLLEAGUES,), True, two.wait),
        (3, 1, (Target.LEAD,), True, three.wait),
        (4, 1, both, True, last.wait),
        (4, 2, both, False, last.wait),
        (4, 3, both, False, last.wait),
    ]


def test_more_urgent_means_sooner_at_every_step() -> None:
    tables = [ESCALATION_POLICY[u] for u in (Urgency.CRITICAL, Urgency.HIGH, Urgency.NORMAL)]
    for steps in zip(*tables, strict=True):
        waits = [step.wait for step in steps]
        assert waits == sorted(waits)
        assert len(set(waits)) == len(waits)
    assert all(timedelta(0) < step.wait for steps in tables for step in steps)


def test_the_lead_of_a_critical_case_hears_within_five_minutes_and_central_within_ten() -> None:
    waits = [step.wait for step in ESCALATION_POLICY[Urgency.CRITICAL]]
    assert sum(waits[:2], timedelta(0)) <= timedelta(minutes=5)
    assert sum(waits[:3], timedelta(0)) <= timedelta(minutes=10)


@pytest.mark.parametrize("center", [EMPTY, STAFFED.model_copy(update={"state": CenterState.CLOSED})])
def test_nobody_on_duty_goes_on_to_the_next_step_at_once(center: CenterDuty) -> None:
    made = policy.plan(case_of(), center, NOW)
    assert made is not None
    assert (made.step, made.nobody, made.escalated) == (3, True, True)
    assert made.targets == (Target.LEAD, Target.CENTRAL)


def test_central_is_on_copy_where_the_decision_says_so() -> None:
    for case in (case_of(copy_central=True), case_of(over_capacity=True)):
        made = policy.plan(case, STAFFED, NOW)
        assert made is not None
        assert set(made.targets) == {Target.DUTY, Target.CENTRAL}


def test_failures_back_off_but_never_hold_up_the_next_step() -> None:
    case, now, gaps = case_of("high"), NOW, []
    step_at: datetime | None = None
    for _ in range(60):
        case = send(case, now, ok=False)
        assert case.escalation is not None
        gap = case.escalation.due_at - now
        assert gap > timedelta(0)
        gaps.append(gap)
        if case.escalation.step == 2 and step_at is None:
            step_at = now
        now = case.escalation.due_at
    assert gaps[0] < timedelta(seconds=7)
    assert max(gaps) <= timedelta(seconds=policy.RETRY_MAX_S * (1 + policy.JITTER))
    assert step_at == NOW + ESCALATION_POLICY[Urgency.HIGH][0].wait
    made = policy.plan(case, STAFFED, now)
    assert made is not None
    assert Target.DUTY in made.targets, "whom the first step never reached is still tried"


def test_jitter_spreads_cases_and_is_the_same_every_time() -> None:
    waits = {policy.retry_at(f"r{n}", 3, NOW) for n in range(50)}
    assert len(waits) > 40
    assert policy.retry_at("r1", 3, NOW) == policy.retry_at("r1", 3, NOW)


def test_an_alert_keeps_its_id_over_attempts_and_changes_it_with_the_round() -> None:
    case = case_of()
    first = policy.plan(case, STAFFED, NOW)
    failed = send(case, NOW, ok=False)
    assert failed.escalation is not None
    again = policy.plan(failed, STAFFED, failed.escalation.due_at)
    sent = send(case, NOW)
    assert sent.escalation is not None
    later = policy.plan(sent, STAFFED, sent.escalation.due_at)
    assert first is not None
    assert again is not None
    assert later is not None
    ids = [policy.alert_id(case.report_id, made, Target.DUTY) for made in (first, again, later)]
    assert ids[0] == ids[1] != ids[2]


def test_a_ladder_begun_anew_is_not_moved_by_the_old_sending() -> None:
    case = case_of()
    made = policy.plan(case, STAFFED, NOW)
    assert made is not None
    anew = policy.begin(case, DAY, NOW)
    assert policy.advance(anew, made, (AttemptResult(Target.DUTY, "a", ok=True),), DAY, NOW) == anew
    assert policy.advance(policy.stop(case), made, (), DAY, NOW).escalation is None


@pytest.mark.parametrize(
    ("local", "end"),
    [
        ("2026-11-24T21:59:59", None),
        ("2026-11-24T22:00:00", "2026-11-25T07:00:00"),
        ("2026-11-24T23:59:59", "2026-11-25T07:00:00"),
        ("2026-11-25T00:00:00", "2026-11-25T07:00:00"),
        ("2026-11-25T06:59:59", "2026-11-25T07:00:00"),
        ("2026-11-25T07:00:00", None),
    ],
)
def test_quiet_hours_span_midnight_in_seoul_whatever_the_zone_of_the_moment(local: str, end: str | None) -> None:
    quiet = QuietHours.parse("22:00-07:00")
    assert quiet is not None
    moment = datetime.fromisoformat(local).replace(tzinfo=SEOUL)
    expected = datetime.fromisoformat(end).replace(tzinfo=SEOUL) if end else None
    assert quiet.end_of(moment) == expected
    assert quiet.end_of(moment.astimezone(UTC)) == expected


def test_quiet_hours_within_a_day() -> None:
    quiet = QuietHours.parse("12:00-13:00")
    assert quiet is not None
    assert quiet.end_of(NOW) == datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
    assert quiet.end_of(NOW + timedelta(hours=1)) is None


@pytest.mark.parametrize("text", ["", "22", "22:00-22:00", "25:00-07:00", "on", "22:00-07:00Z", "22:00-07:00+09:00"])
def test_wrong_quiet_hours_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        QuietHours.parse(text)


def test_off_means_no_quiet_hours() -> None:
    assert QuietHours.parse("off") is None


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)), st.sampled_from(Urgency))  # noqa: DTZ001  # hypothesis adds the zone
def test_only_what_is_not_urgent_is_held_and_never_past_the_hour_named(moment: datetime, urgency: Urgency) -> None:
    held = NIGHT.hold(moment, urgency)
    if urgency is not Urgency.NORMAL:
        assert held == moment
    assert held >= moment
    assert held - moment <= timedelta(hours=9)
    assert NIGHT.hold(held, urgency) == held


def test_a_held_case_says_so_and_goes_out_when_the_hours_end() -> None:
    evening = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)
    case = case_of("normal", NIGHT, evening)
    assert case.escalation is not None
    assert case.escalation.held
    assert policy.plan(case, STAFFED, evening + timedelta(hours=1)) is None
    assert policy.plan(case, STAFFED, datetime(2026, 11, 24, 22, 0, tzinfo=UTC)) is not None


def test_a_retry_of_what_can_wait_is_held_too_when_quiet_hours_began_meanwhile() -> None:
    last_second = datetime(2026, 11, 24, 12, 59, 59, tzinfo=UTC)
    for urgency, held in (("normal", True), ("high", False)):
        case = send(case_of(urgency, NIGHT, last_second), last_second, ok=False, rules=NIGHT)
        assert case.escalation is not None
        assert case.escalation.held == held
        assert (case.escalation.due_at == datetime(2026, 11, 24, 22, 0, tzinfo=UTC)) == held


def test_a_step_that_begins_much_too_late_says_so() -> None:
    case = case_of()
    on_time = policy.plan(case, STAFFED, NOW + policy.OVERDUE_AFTER)
    late = policy.plan(case, STAFFED, NOW + policy.OVERDUE_AFTER + timedelta(seconds=1))
    assert on_time is not None
    assert late is not None
    assert (on_time.overdue, late.overdue) == (False, True)


LEASE = timedelta(seconds=60)


@pytest.mark.parametrize("rules", [DAY, NIGHT])
@pytest.mark.parametrize("urgency", list(Urgency))
def test_nothing_that_the_rules_made_is_brought_forward(urgency: Urgency, rules: Rules) -> None:
    """Whenever it is looked at, by day and by night, also by a clock that is half a minute behind."""
    for hour in range(0, 24, 3):
        now = NOW + timedelta(hours=hour)
        case = case_of(urgency, rules, now)
        for number in range(7):
            assert policy.brought_forward(case, rules, LEASE, now - timedelta(seconds=30)) is None
            assert case.escalation is not None
            now = case.escalation.due_at
            case = send(case, now, ok=number % 3 > 0, rules=rules)
        taken = case.model_copy(update={"state": CaseState.ACKNOWLEDGED, "acknowledged_at": now})
        for waits in (policy.watch(taken, rules, now), policy.watch(taken, rules, now, tried=True)):
            assert policy.brought_forward(waits, rules, LEASE, now - timedelta(seconds=30)) is None


@pytest.mark.parametrize("ahead", [timedelta(minutes=2), timedelta(hours=3), timedelta(days=400)])
@pytest.mark.parametrize("urgency", list(Urgency))
def test_what_a_clock_that_was_ahead_left_waiting_is_due_now(urgency: Urgency, ahead: timedelta) -> None:
    untold = case_of(urgency, now=NOW + ahead)
    if ahead > policy.shortest_wait(urgency) + policy.CLOCKS_APART:
        assert policy.plan(untold, STAFFED, NOW) is None
        assert _due(policy.brought_forward(untold, DAY, LEASE, NOW)) == 1
    told = send(case_of(urgency, now=NOW + ahead), NOW + ahead)
    assert policy.plan(told, STAFFED, NOW) is None
    assert _due(policy.brought_forward(told, DAY, LEASE, NOW)) == 2, "its next step"
    taken = told.model_copy(update={"state": CaseState.ACKNOWLEDGED, "acknowledged_at": NOW + ahead})
    assert _due(policy.brought_forward(policy.watch(taken, DAY, NOW + ahead), DAY, LEASE, NOW)) == 1


def _due(case: Case | None) -> int:
    """The step that is told now."""
    assert case is not None
    assert case.wake_at == NOW
    made = policy.plan(case, STAFFED, NOW)
    assert made is not None
    assert made.targets
    return made.step


def test_a_lease_taken_by_a_clock_that_was_ahead_holds_no_case() -> None:
    case = case_of().model_copy(update={"lease_by": "gone:1", "wake_at": NOW + timedelta(hours=2)})
    assert _due(policy.brought_forward(case, DAY, LEASE, NOW)) == 1
    held = case.model_copy(update={"wake_at": NOW + LEASE})
    assert policy.brought_forward(held, DAY, LEASE, NOW) is None


def test_places_that_were_told_by_a_clock_that_was_ahead_are_told_now() -> None:
    sent = policy.RecentAlerts(tuple(NOW + timedelta(hours=2) for _ in range(6)))
    assert policy.deferred_until(sent, NOW) is None
    near = policy.RecentAlerts(tuple(NOW + timedelta(minutes=1) for _ in range(6)))
    assert policy.deferred_until(near, NOW) == NOW + policy.GAP
