"""A week of ladders in seconds: shifts, a holiday, quiet hours, clocks that jump; and each planted failure is found."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from functools import partial

import pytest

from services.notify.auditor import rules as law
from services.notify.auditor.rules import AlertingFault, Owed, Quiet, Watched, conclude, note, wrong
from services.notify.cases.models import Case, CaseState, EscalationCause
from services.notify.escalation.rules import CONTACT_WITHIN, ESCALATION_POLICY, Plan, QuietHours, Rules
from services.notify.team.repository import nominal
from shared.events.base import ReportEvent
from shared.events.vocabulary import CenterState, EndReason, Urgency
from shared.severity import RANK
from tests.unit.notify.auditor.world import World
from tests.unit.notify.samples import event, report_id

MONDAY = datetime(2026, 9, 20, 15, 0, tzinfo=UTC)
"""Midnight in Seoul; Thursday to Saturday of that week are the Chuseok holidays."""
CENTERS = ("gwangju", "busan", "jeju")
NIGHT = Rules(quiet=QuietHours(time(22), time(7)))
WITHIN = timedelta(seconds=30)


def world(start: datetime = MONDAY, rules: Rules = NIGHT) -> World:
    return World(start, rules, Quiet(rules.quiet.start, rules.quiet.end) if rules.quiet else None)


def test_the_auditors_own_table_says_what_the_ladders_says() -> None:
    for urgency in Urgency:
        waits = tuple(int(step.wait.total_seconds() // 60) for step in ESCALATION_POLICY[urgency])
        assert waits == law.WAITS_MINUTES[urgency]
        assert len(ESCALATION_POLICY[urgency]) == law.LAST
        assert timedelta(hours=law.CONTACT_HOURS[urgency]) == CONTACT_WITHIN[urgency]
        assert law.RANK[urgency] == RANK[urgency]


@pytest.mark.parametrize("text", ["22:00-07:00", "00:00-06:30", "12:00-13:00"])
def test_both_read_quiet_hours_alike(text: str) -> None:
    ours, theirs = Quiet.read(text), QuietHours.parse(text)
    assert ours is not None
    assert theirs is not None
    for minutes in range(0, 3 * 24 * 60, 7):
        moment = MONDAY + timedelta(minutes=minutes)
        assert ours.pushed(moment) == (theirs.end_of(moment) or moment)
    assert Quiet.read("off") is None


def shifts(made: World, chance: random.Random, days: int) -> None:
    """People come at nine and go at six, not on holidays; some nights a centre closes."""

    def duty(center_id: str, staff: int, state: CenterState) -> None:
        made.centers[center_id] = nominal(center_id).model_copy(update={"staff_on_duty": staff, "state": state})

    for day in range(days):
        morning = MONDAY + timedelta(days=day, hours=9)
        holiday = day in (3, 4, 5)
        for center_id in CENTERS:
            staff = 0 if holiday else chance.randint(1, 3)
            state = CenterState.OPEN if staff else CenterState.UNSTAFFED
            made.at(morning, partial(duty, center_id, staff, state))
            made.at(morning + timedelta(hours=9), partial(duty, center_id, 0, CenterState.UNSTAFFED))


def reports(made: World, chance: random.Random, count: int, days: int) -> None:
    """Reports at any hour; what staff and reporters do with them comes at random."""
    for number in range(count):
        begins = MONDAY + timedelta(seconds=chance.uniform(0, (days - 1) * 86_400))
        urgency = chance.choice(("critical", "high", "normal"))
        center = chance.choice(CENTERS)
        made.at(begins, partial(made.routed, event("report.routed", number, urgency=urgency, center=center)))
        at, version, one = begins, 1, report_id(number)
        for _ in range(chance.randint(0, 6)):
            at += timedelta(seconds=chance.uniform(1, 30_000))
            kind = chance.choice(("acknowledge", "open", "reached", "tried", "message", "moved", "ended"))
            if kind in ("message", "moved", "ended"):
                version += 1
            made.at(at, partial(_happens, made, kind, number, one, version, urgency))
            if kind == "ended":
                break


def _happens(made: World, kind: str, number: int, one: str, version: int, urgency: str) -> None:
    case = made.cases[one]
    if kind == "message":
        left = {"version": version, "ownership": case.ownership, "kind": "message_left", "urgency": urgency}
        made.routed(event("report.updated", number, center=case.center_id, **left))
    elif kind == "moved":
        other = next(c for c in CENTERS if c != case.center_id)
        moved = {"version": version, "ownership": case.ownership + 1, "previous_center_id": case.center_id}
        made.routed(event("report.rerouted", number, center=other, urgency=urgency, **moved))
    elif kind in ("ended", "closed"):
        reason = EndReason.WITHDRAWN if kind == "ended" else EndReason.CLOSED
        over = {"version": version, "ownership": case.ownership, "reason": reason.value}
        made.routed(event("report.ended", number, center=case.center_id, **over))
    elif kind == "acknowledge" and case.state is CaseState.WAITING:
        made.acknowledge(one)
    elif kind == "open":
        made.open(one)
    elif kind in ("reached", "tried") and case.state is CaseState.ACKNOWLEDGED:
        made.contact(one, reached=kind == "reached")


@pytest.mark.parametrize("seed", range(3))
def test_a_week_of_ladders_keeps_every_promise_and_the_auditor_agrees(seed: int) -> None:
    chance = random.Random(seed)
    made = world()
    shifts(made, chance, 7)
    reports(made, chance, 25, 7)
    made.run(MONDAY + timedelta(days=7))
    assert made.alarms == []
    assert len(made.told) > 100
    for case in made.cases.values():
        owed = made.watched[case.report_id].promise
        assert (owed is not None) == (case.escalation is not None), "both agree on whether something is owed"
        if case.escalation is not None:
            assert case.wake_at is not None
            assert case.wake_at >= made.now, "a next step has a time, and it is to come"
            assert owed is not None
            assert owed.owed.value == case.escalation.cause.value


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.thorough) for n in range(1, 4))])
def test_an_auditor_that_forgets_what_is_settled_gives_the_same_alarms(seed: int) -> None:
    """Some steps are never told; the reports end, come back, are written to and read in every order."""

    def week(*, forgets: bool) -> World:
        made, chance = world(), random.Random(seed)
        made.forgets = forgets
        made.spoil = lambda plan, case: int(case.report_id[:4], 16) % 3 == 0 and plan.step == 2
        shifts(made, chance, 7)
        reports(made, chance, 25, 7)
        made.run(MONDAY + timedelta(days=7))
        return made

    remembering, forgetting = week(forgets=False), week(forgets=True)
    assert remembering.alarms
    assert forgetting.alarms == remembering.alarms
    assert forgetting.told == remembering.told
    assert any(seen.settled_before is not None for seen in forgetting.watched.values())


Break = Callable[[Plan, Case], bool]


@pytest.mark.parametrize(
    ("fault", "owed", "prepare"),
    [
        (lambda made, _: made.step == 1 and made.cause is EscalationCause.ANSWER, Owed.ANSWER, ()),
        (lambda made, _: made.step == 2, Owed.ANSWER, ()),
        (lambda made, _: made.step == 3, Owed.ANSWER, ()),
        (lambda made, _: made.step == 4 and made.round == 1, Owed.ANSWER, ()),
        (lambda made, _: made.step == 4 and made.round == 3, Owed.ANSWER, ()),
        (lambda made, _: made.cause is EscalationCause.CONTACT and made.step == 1, Owed.CONTACT, ("acknowledge",)),
        (lambda made, _: made.cause is EscalationCause.CONTACT and made.step == 3, Owed.CONTACT, ("acknowledge",)),
        (lambda made, _: made.cause is EscalationCause.MESSAGE, Owed.MESSAGE, ("acknowledge", "reached", "message")),
        (lambda made, _: made.cause is EscalationCause.CONTACT, Owed.CONTACT, ("acknowledge", "tried")),
        (lambda made, _: made.cause is EscalationCause.CONTACT, Owed.CONTACT, ("acknowledge", "message", "open")),
        (lambda made, _: made.cause is EscalationCause.MESSAGE, Owed.MESSAGE, ("message", "acknowledge")),
        (lambda made, _: made.cause is EscalationCause.CONTACT, Owed.CONTACT, ("message", "open", "acknowledge")),
        (lambda made, _: made.ownership == 2, Owed.ANSWER, ("acknowledge", "moved")),
        (lambda made, _: made.ownership == 2, Owed.ANSWER, ("acknowledge", "closed", "moved")),
        (lambda made, _: made.ownership == 2, Owed.ANSWER, ("ended", "moved")),
    ],
)
@pytest.mark.parametrize("urgency", ["critical", "normal"])
def test_each_planted_failure_is_found_within_half_a_minute(
    fault: Break, owed: Owed, prepare: tuple[str, ...], urgency: str
) -> None:
    noon = MONDAY + timedelta(days=1, hours=10)
    made = world(noon, Rules())
    missed: list[datetime] = []

    def spoil(plan: Plan, case: Case) -> bool:
        if missed or not fault(plan, case):
            return False
        missed.append(made.now)
        return True

    made.spoil = spoil
    made.routed(event("report.routed", 1, urgency=urgency, center="gwangju"))
    version = 1
    for number, kind in enumerate(prepare, 1):
        version += kind in ("message", "moved", "closed", "ended")
        made.at(noon + timedelta(seconds=90 * number), partial(_happens, made, kind, 1, report_id(1), version, urgency))
    made.run(noon + timedelta(days=2))
    assert missed, "the failure was never planted: the test would prove nothing"
    assert made.alarms, "nobody noticed"
    at, bad = made.alarms[0]
    assert missed[0] < at <= missed[0] + WITHIN
    assert (bad.fault, bad.owed, bad.report_id) == (AlertingFault.LATE, owed, report_id(1))


def test_a_ladder_that_stops_altogether_is_found_and_forgiven_when_it_goes_on() -> None:
    made = world(MONDAY + timedelta(hours=10), Rules())
    made.routed(event("report.routed", 1, urgency="critical"))
    made.run(made.now + timedelta(minutes=1))
    made.working = False
    stopped = made.now
    made.run(stopped + timedelta(minutes=5))
    first = made.alarms[0][0]
    assert first <= stopped + timedelta(minutes=1) + WITHIN, "step 2 was due a minute after it stopped"
    made.working, before = True, len(made.alarms)
    made.run(made.now + timedelta(hours=1))
    assert len(made.alarms) == before


@pytest.mark.parametrize("jump", [timedelta(hours=9), timedelta(minutes=-3), timedelta(days=1)])
def test_a_clock_that_jumps_leaves_every_ladder_with_a_time_and_is_told_where_steps_came_late(jump: timedelta) -> None:
    made = world(MONDAY + timedelta(hours=10), Rules())
    made.routed(event("report.routed", 1, urgency="critical"))
    made.run(made.now + timedelta(seconds=90))
    made.now += jump
    made.run(made.now + timedelta(minutes=30))
    case = made.cases[report_id(1)]
    assert case.wake_at is not None
    assert case.wake_at >= made.now
    assert case.escalation is not None
    assert case.escalation.step == law.LAST
    overdue = [entry for entry in case.entries if entry.kind == "overdue"]
    assert bool(overdue) == (jump > timedelta(minutes=3))


def test_events_of_three_topics_may_come_in_any_order() -> None:
    made = world(MONDAY + timedelta(hours=10), Rules())
    made.routed(event("report.routed", 1, urgency="critical"))
    made.run(made.now + timedelta(minutes=4))
    made.acknowledge(report_id(1))
    made.run(made.now + timedelta(minutes=40))
    seen = made.watched[report_id(1)]
    topics: list[list[ReportEvent]] = [list(seen.routings), list(seen.acts)]
    expected = seen.promise
    assert expected is not None
    for order in (topics, topics[::-1]):
        again = Watched(report_id(1))
        for topic in order:
            for one in topic:
                note(again, one)
                conclude(again, None)
        assert again.promise == expected
        assert wrong(again, expected.since) is None


def test_nothing_is_owed_for_a_drill_of_a_front_end_that_is_tried_out() -> None:
    made = world(MONDAY + timedelta(hours=10), Rules())
    made.routed(event("report.routed", 1, urgency="critical", synthetic=True, sandbox=True))
    made.at(made.now + timedelta(minutes=1), lambda: made.acknowledge(report_id(1)))
    made.run(made.now + timedelta(hours=3))
    assert not made.alarms
