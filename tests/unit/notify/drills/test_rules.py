"""Drills: where their reports come from, what came of them, and what the calendar asks for."""

import json
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest

from services.intake.submissions.models import Submission
from services.intake.submissions.urgency import triage
from services.notify.cases.models import Case, Target
from services.notify.cases.projection import fold
from services.notify.cases.rules import Accepted, Actor, acknowledge
from services.notify.drills.rules import WINDOW, Drill, Stage, Verdict, next_scheduled, outcome, place_of, report
from services.notify.escalation import rules as policy
from services.notify.escalation.rules import AttemptResult, record
from shared import centers
from shared.clock import SEOUL
from shared.events.vocabulary import AlertChannel
from tests.unit.notify.escalation.test_rules import DAY, STAFFED, case_of
from tests.unit.notify.samples import NOW, TRACE, event

SECOND = timedelta(seconds=1)


def drill(**changes: object) -> Drill:
    begun = {"drill_id": "d", "center_id": "gwangju", "by": "s-1", "started_at": NOW, "tried_at": NOW}
    return Drill.model_validate(begun | {"accepted_at": NOW + SECOND, "report_id": "r"} | changes)


@pytest.mark.parametrize("center_id", centers.CENTER_IDS)
def test_a_drill_is_a_report_intake_takes_critical_synthetic_and_at_home_at_its_centre(center_id: str) -> None:
    submission = Submission.model_validate_json(json.dumps(report(center_id, NOW)))
    assert submission.synthetic
    division, district = place_of(center_id, date(2026, 11, 25))
    assert centers.home_center(division, district, date(2026, 11, 25)) == center_id
    assert triage(submission, NOW).urgency == "critical"
    assert not submission.narrative
    assert report(center_id, NOW) == report(center_id, NOW), "the same key has to come with the same body"


def told(case: Case, ok: bool = True) -> Case:
    made = policy.plan(case, STAFFED, NOW)
    assert made is not None
    result = AttemptResult(Target.DUTY, "a", ok=ok, reason="connect", channel=AlertChannel.EMAIL, endpoint="e")
    return record(case, made, [result], DAY, NOW + 3 * SECOND)[0]


def taken(case: Case, after: timedelta) -> Case:
    answer = acknowledge(case, Actor("kim", "gwangju"), None, NOW + after, DAY)
    assert isinstance(answer, Accepted)
    return answer.case


def test_each_stage_is_measured_from_the_beginning() -> None:
    came = outcome(drill(), taken(told(case_of()), timedelta(seconds=90)), NOW + timedelta(hours=1))
    assert came.verdict is Verdict.PASSED
    assert (came.seconds[Stage.ACCEPTED], came.seconds[Stage.TOLD], came.seconds[Stage.TAKEN]) == (1, 3, 90)


def test_what_is_missing_is_named_once_the_time_is_up() -> None:
    early, late = NOW + WINDOW, NOW + WINDOW + SECOND
    unaccepted = drill(accepted_at=None, report_id=None)
    assert outcome(unaccepted, None, early).verdict is Verdict.RUNNING
    assert outcome(unaccepted, None, late).verdict is Verdict.NOT_ACCEPTED
    assert outcome(drill(), None, late).verdict is Verdict.NOT_ROUTED
    assert outcome(drill(), case_of(), late).verdict is Verdict.NOT_TOLD
    assert outcome(drill(), told(case_of(), ok=False), late).verdict is Verdict.NOT_TOLD
    assert outcome(drill(), told(case_of()), late).verdict is Verdict.UNANSWERED
    assert outcome(drill(), taken(told(case_of()), WINDOW + SECOND), late).verdict is Verdict.UNANSWERED


def test_what_another_centre_did_is_no_result_of_the_drilled_one() -> None:
    late = NOW + timedelta(hours=1)
    full = outcome(drill(center_id="busan"), taken(told(case_of()), timedelta(seconds=90)), late)
    assert full.verdict is Verdict.ELSEWHERE
    assert full.seconds.keys() == {Stage.ACCEPTED}
    closed = event("report.rerouted", version=2, ownership=2, center="busan", cause="center_closed")
    moved = fold(told(case_of()), closed, TRACE, DAY, NOW + timedelta(minutes=1))
    assert moved is not None
    answer = acknowledge(moved, Actor("kim", "busan"), None, NOW + timedelta(minutes=2), DAY)
    assert isinstance(answer, Accepted)
    came = outcome(drill(), answer.case, late)
    assert came.verdict is Verdict.UNANSWERED
    assert came.seconds.keys() == {Stage.ACCEPTED, Stage.ROUTED, Stage.TOLD}


def seoul(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SEOUL)


def begun_from(moment: datetime, hours: float) -> list[tuple[datetime, str]]:
    """When the calendar begins which drill, looked at every five minutes from a moment on."""
    begun: dict[str, datetime] = {}
    for number in range(int(hours * 12)):
        now = moment + timedelta(minutes=5 * number)
        due = next_scheduled(begun, now)
        if due is not None:
            begun[due[0]] = now
    return [(at, drill_id) for drill_id, at in begun.items()]


def test_the_calendar_asks_each_centre_once_a_month_from_the_first_weekday_ten_minutes_apart() -> None:
    # 1 August 2026 is a Saturday: the third is the first weekday.
    found = begun_from(seoul("2026-08-01T00:00"), 30 * 24)
    assert [drill_id for _, drill_id in found] == [f"2026-08-{center_id}" for center_id in centers.CENTER_IDS]
    assert [at for at, _ in found] == [seoul("2026-08-03T10:00") + timedelta(minutes=10 * n) for n in range(16)]


@pytest.mark.parametrize(
    ("moment", "first"),
    [
        ("2026-08-15T03:00", "2026-08-17T10:00"),  # a Saturday
        ("2026-08-18T22:00", "2026-08-19T10:00"),
        ("2026-08-18T17:30", "2026-08-18T17:30"),
    ],
)
def test_what_the_calendar_missed_is_caught_up_with_by_day_and_as_far_apart(moment: str, first: str) -> None:
    times = [at for at, _ in begun_from(seoul(moment), 5 * 24)]
    assert len(times) == len(centers.CENTER_IDS)
    assert times[0] == seoul(first)
    assert all(after - before >= timedelta(minutes=10) for before, after in pairwise(times))
    assert all(at.weekday() < 5 and 10 <= at.hour < 18 for at in times)
