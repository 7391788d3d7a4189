"""Acknowledged is not yet helped: the time until the first contact, and messages that nobody reads."""

from datetime import UTC, datetime, time, timedelta

import pytest

from services.notify.cases.models import Case, ContactWay, EntryKind, EscalationCause
from services.notify.cases.projection import fold
from services.notify.cases.rules import Accepted, Actor, acknowledge, close, contact, opened
from services.notify.escalation import rules as policy
from services.notify.escalation.rules import CONTACT_WITHIN, ESCALATION_POLICY, QuietHours, Rules
from shared.events.alerts import AlertSettled
from shared.events.vocabulary import Outcome, SettledReason, Urgency
from tests.unit.notify.escalation.test_rules import DAY, STAFFED, case_of, send
from tests.unit.notify.samples import NOW, TRACE, event

KIM = Actor("kim", "gwangju")
MINUTE = timedelta(minutes=1)


def done(answer: object) -> Case:
    assert isinstance(answer, Accepted)
    return answer.case


def taken(urgency: str = "critical", now: datetime = NOW, rules: Rules = DAY) -> Case:
    return done(acknowledge(case_of(urgency, rules, now), KIM, None, now, rules))


def message(case: Case, now: datetime, version: int = 2) -> Case:
    left = event("report.updated", version=version, ownership=1, kind="message_left", urgency=case.urgency.value)
    after = fold(case, left, TRACE, DAY, now)
    assert after is not None
    return after


@pytest.mark.parametrize("urgency", list(Urgency))
def test_without_first_contact_the_ladder_climbs_again_from_its_first_step(urgency: Urgency) -> None:
    case = taken(urgency.value)
    within = CONTACT_WITHIN[urgency]
    assert case.escalation is not None
    assert case.escalation.cause is EscalationCause.CONTACT
    assert policy.plan(case, STAFFED, NOW + within - timedelta(seconds=1)) is None
    now, steps = NOW + within, []
    for _ in range(5):
        made = policy.plan(case, STAFFED, now)
        assert made is not None
        steps.append(made.step)
        case = send(case, now)
        assert case.escalation is not None
        now = case.escalation.due_at
    assert steps == [1, 2, 3, 4, 4]


def test_who_is_reached_ends_it_and_the_next_owner_begins_anew() -> None:
    case = done(contact(taken(), KIM, 1, way=ContactWay.CAME_TO_US, reached=True, now=NOW + MINUTE, rules=DAY))
    assert (case.escalation, case.wake_at) == (None, None)
    moved = fold(case, event("report.rerouted", version=2, ownership=2, center="busan"), TRACE, DAY, NOW + 2 * MINUTE)
    assert moved is not None
    again = done(acknowledge(moved, Actor("lee", "busan"), None, NOW + 3 * MINUTE, DAY))
    assert again.escalation is not None
    assert again.wake_at == NOW + 3 * MINUTE + CONTACT_WITHIN[again.urgency]


def test_trying_in_vain_gives_the_whole_time_again_and_is_told() -> None:
    late = NOW + CONTACT_WITHIN[Urgency.CRITICAL] + MINUTE
    answer = contact(taken(), KIM, 1, way=ContactWay.CAME_TO_US, reached=False, now=late, rules=DAY)
    assert isinstance(answer, Accepted)
    assert isinstance(answer.event, AlertSettled)
    assert (answer.event.reason, answer.event.alert_version) == (SettledReason.TRIED, answer.case.alert_version)
    assert answer.case.wake_at == late + CONTACT_WITHIN[Urgency.CRITICAL]
    assert EntryKind.NOT_REACHED in [entry.kind for entry in answer.case.entries]


def test_an_unread_message_climbs_like_a_new_case_although_the_second_deadline_is_still_to_come() -> None:
    case = message(taken(), NOW + MINUTE)
    assert case.escalation is not None
    assert (case.escalation.cause, case.wake_at) == (EscalationCause.MESSAGE, NOW + MINUTE)
    steps, now = [], NOW + MINUTE
    for _ in range(4):
        case = send(case, now)
        assert case.escalation is not None
        steps.append(case.escalation.step)
        now = case.escalation.due_at
    assert steps == [1, 2, 3, 4]
    more = message(case, now, version=3)
    assert more.escalation == case.escalation, "a second ladder would only be noise"


def test_reading_a_message_is_told_and_brings_the_second_deadline_back() -> None:
    answer = opened(message(taken(), NOW + MINUTE), KIM, 1, "message", NOW + 2 * MINUTE, DAY)
    assert isinstance(answer, Accepted)
    assert isinstance(answer.event, AlertSettled)
    assert answer.event.reason is SettledReason.READ
    assert answer.case.wake_at == NOW + CONTACT_WITHIN[Urgency.CRITICAL]
    much_later = NOW + timedelta(days=2)
    late = done(opened(message(taken(), NOW + MINUTE), KIM, 1, "message", much_later, DAY))
    assert late.wake_at == much_later + ESCALATION_POLICY[Urgency.CRITICAL][0].wait, "not in the same moment"


def test_who_acknowledges_over_an_unread_message_has_one_steps_time_to_open_it() -> None:
    case = done(acknowledge(message(case_of("critical"), NOW + MINUTE), KIM, None, NOW + 2 * MINUTE, DAY))
    assert case.escalation is not None
    assert case.escalation.cause is EscalationCause.MESSAGE
    assert case.wake_at == NOW + 2 * MINUTE + ESCALATION_POLICY[Urgency.CRITICAL][0].wait
    read = done(opened(case, KIM, 1, "first_contact", NOW + 3 * MINUTE, DAY))
    assert read.escalation is not None
    assert read.escalation.cause is EscalationCause.CONTACT
    assert read.wake_at == NOW + 2 * MINUTE + CONTACT_WITHIN[Urgency.CRITICAL]


def test_reading_where_the_reporter_was_reached_ends_everything() -> None:
    case = message(
        done(contact(taken(), KIM, 1, way=ContactWay.CAME_TO_US, reached=True, now=NOW, rules=DAY)), NOW + MINUTE
    )
    assert case.escalation is not None
    reached = done(contact(case, KIM, 1, way=ContactWay.CAME_TO_US, reached=True, now=NOW + MINUTE, rules=DAY))
    assert reached.escalation == case.escalation, "reaching somebody does not read what they left"
    assert done(opened(case, KIM, 1, "message", NOW + 2 * MINUTE, DAY)).wake_at is None


def test_a_closed_case_has_no_second_deadline() -> None:
    closing = done(close(taken(), KIM, 1, Outcome.SUPPORTED, NOW + MINUTE))
    over = fold(closing, event("report.ended", version=2, ownership=1, reason="closed"), TRACE, DAY, NOW + MINUTE)
    assert over is not None
    assert (over.escalation, over.wake_at) == (None, None)


def test_quiet_hours_hold_the_second_deadline_of_what_is_not_urgent_until_the_hour_named() -> None:
    night = Rules(quiet=QuietHours(time(22), time(7)))
    evening = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)  # 23:00 in Seoul; the deadline is 23:00 the day after
    case = taken("normal", evening, night)
    assert case.escalation is not None
    assert case.escalation.held
    assert case.wake_at == datetime(2026, 11, 25, 22, 0, tzinfo=UTC)
    assert taken("high", evening, night).wake_at == evening + CONTACT_WITHIN[Urgency.HIGH]
