"""By which endpoints a step reaches whom: channels of the step, whoever has none, what is tried again, bundles."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from services.notify.cases.models import Case, EntryKind, Target
from services.notify.channels.email import MailChannel
from services.notify.channels.webhook import WebhookChannel
from services.notify.escalation import rules as policy
from services.notify.escalation.delivery import (
    BatchedAlert,
    ClaimedCase,
    Delivery,
    DeliveryAttempt,
    DeliveryResult,
    RecipientDirectory,
    batched_alerts,
    delivery_attempts,
)
from services.notify.escalation.rules import (
    BATCH_SIZE,
    GAP,
    MOST,
    WINDOW,
    AttemptResult,
    Deferred,
    Endpoint,
    OfferNotice,
    Plan,
    RecentAlerts,
    batches,
    deferred_until,
    endpoints_for,
    record,
)
from services.notify.settings import NotifySettings
from shared.events.vocabulary import AlertChannel
from tests.support.clock import ManualClock
from tests.unit.notify.channels.test_channels import SECRET, alerts
from tests.unit.notify.escalation.test_rules import DAY, STAFFED, case_of
from tests.unit.notify.samples import NOW
from tools.local.keys import new_key

MAIL = Endpoint("email:gwangju/duty", Target.DUTY, AlertChannel.EMAIL, "a@b.example")
HOOK = Endpoint("webhook:gwangju/duty", Target.DUTY, AlertChannel.WEBHOOK, "gwangju/duty")
PUSH = Endpoint("apprise:gwangju/duty", Target.DUTY, AlertChannel.APPRISE, "gwangju/duty")


def planned(case: Case, seconds: float = 0) -> Plan:
    made = policy.plan(case, STAFFED, NOW + timedelta(seconds=seconds))
    assert made is not None
    return made


def result(made: Plan, endpoint: Endpoint, *, ok: bool) -> AttemptResult:
    alert = policy.alert_id("r", made, endpoint.target)
    return AttemptResult(endpoint.target, alert, ok=ok, reason="x", channel=endpoint.channel, endpoint=endpoint.key)


def test_what_is_not_urgent_does_not_ring_a_telephone() -> None:
    every = (MAIL, HOOK, PUSH)
    assert endpoints_for(planned(case_of("critical")), every) == ([MAIL, HOOK, PUSH], [])
    assert endpoints_for(planned(case_of("normal")), every) == ([MAIL, HOOK], [])
    assert endpoints_for(planned(case_of("normal")), (PUSH,)) == ([PUSH], []), "a wrong channel is better than silence"


def test_one_channel_that_works_reaches_and_only_the_other_is_tried_again() -> None:
    case = case_of()
    made = planned(case)
    case = policy.advance(case, made, [result(made, MAIL, ok=False), result(made, HOOK, ok=True)], DAY, NOW)
    assert case.escalation is not None
    assert (case.escalation.pending, case.escalation.again) == ((), (MAIL.key,))
    assert case.escalation.due_at < NOW + timedelta(seconds=7)
    later = planned(case, 7)
    assert endpoints_for(later, (MAIL, HOOK)) == ([MAIL], [])
    done = policy.advance(case, later, [result(later, MAIL, ok=True)], DAY, NOW + timedelta(seconds=7))
    assert done.escalation is not None
    assert (done.escalation.again, done.escalation.due_at) == ((), case.escalation.next_step_at)


def test_who_has_no_channel_is_an_event_and_the_next_step_begins_at_once() -> None:
    case = case_of()
    made = planned(case)
    chosen, nowhere = endpoints_for(made, ())
    assert (chosen, nowhere) == ([], [Target.DUTY])
    none = AttemptResult(Target.DUTY, "a", ok=False, channel=AlertChannel.NONE)
    case, events = record(case, made, [none], DAY, NOW)
    assert [(e.TYPE, getattr(e, "channel", None), getattr(e, "reason", None)) for e in events] == [
        ("alert.failed.v1", AlertChannel.NONE, "no_channel")
    ]
    assert case.entries[-1].kind is EntryKind.NO_CHANNEL
    assert planned(case).step == 2


def test_without_any_channel_the_last_step_still_has_a_time() -> None:
    case, now, steps = case_of(), NOW, []
    for _ in range(6):
        made = policy.plan(case, STAFFED, now)
        assert made is not None
        steps.append(made.step)
        none = [AttemptResult(t, f"{made}", ok=False, channel=AlertChannel.NONE) for t in made.targets]
        case, _ = record(case, made, none, DAY, now)
        assert case.escalation is not None
        now = case.escalation.due_at
    assert steps == [1, 2, 3, 4, 4, 4]
    assert now > NOW + timedelta(minutes=10)


def test_few_alerts_go_singly_many_as_bundles_and_a_place_that_had_many_waits_a_little() -> None:
    assert batches([1, 2, 3, 4, 5], RecentAlerts(), NOW) == [[1], [2], [3], [4], [5]]
    assert batches([1, 2, 3, 4, 5, 6], RecentAlerts(), NOW) == [[1, 2, 3, 4, 5, 6]]
    many = list(range(BATCH_SIZE + 1))
    assert [len(b) for b in batches(many, RecentAlerts(), NOW)] == [BATCH_SIZE, 1]
    few = RecentAlerts((NOW - WINDOW + timedelta(seconds=1),) * 4)
    assert batches([1], few, NOW) == [[1]]
    assert batches([1, 2], few, NOW) == [[1, 2]]
    assert batches([1, 2], few, NOW + timedelta(seconds=1)) == [[1], [2]], "the window has passed"
    full = RecentAlerts((NOW,) * (MOST + 1))
    assert deferred_until(RecentAlerts((NOW,) * MOST), NOW) is None
    assert deferred_until(full, NOW + timedelta(seconds=1)) == NOW + GAP
    assert deferred_until(full, NOW + GAP) is None


def test_what_is_left_for_a_bundle_is_no_failure_and_goes_when_the_bundle_goes() -> None:
    case = case_of()
    made = planned(case)
    later = NOW + GAP
    left = Deferred(((Target.DUTY, MAIL.key),), later)
    after, events = record(case, made, (), DAY, NOW, left)
    assert events == ()
    assert after.escalation is not None
    assert (after.escalation.due_at, after.escalation.tries, after.escalation.pending) == (later, 0, (Target.DUTY,))
    assert after.escalation.next_step_at is None, "its time runs from the telling"
    again = planned(after, GAP.total_seconds())
    assert (again.attempt, again.targets) == (1, (Target.DUTY,))
    assert record(after, made, (), DAY, NOW, left) == (after, ()), "recorded twice changes nothing"


def test_a_channel_left_for_a_bundle_is_told_although_another_one_has_reached() -> None:
    case = case_of()
    made = planned(case)
    left = Deferred(((Target.DUTY, MAIL.key),), NOW + GAP)
    case, _ = record(case, made, [result(made, HOOK, ok=True)], DAY, NOW, left)
    assert case.escalation is not None
    assert (case.escalation.pending, case.escalation.again) == ((), (MAIL.key,))
    assert (case.escalation.due_at, case.escalation.tries) == (NOW + GAP, 0)
    assert case.escalation.next_step_at == NOW + policy.step_of(case.urgency, 1).wait
    then = planned(case, GAP.total_seconds())
    assert endpoints_for(then, (MAIL, HOOK)) == ([MAIL], [])
    assert then.attempt == 2


def test_what_could_not_go_in_time_goes_soon() -> None:
    case = case_of()
    made = planned(case)
    left = Deferred(((Target.DUTY, MAIL.key),))
    case, _ = record(case, made, [result(made, HOOK, ok=True)], DAY, NOW, left)
    assert case.escalation is not None
    assert (case.escalation.again, case.escalation.tries) == ((MAIL.key,), 0)
    assert NOW < case.escalation.due_at < NOW + timedelta(seconds=7)


def test_where_nothing_is_left_to_tell_nobody_looks_before_the_next_step() -> None:
    case = case_of()
    made = planned(case)
    case, _ = record(
        case, made, [result(made, HOOK, ok=True)], DAY, NOW, Deferred(((Target.DUTY, MAIL.key),), NOW + GAP)
    )
    made = planned(case, GAP.total_seconds())
    work = ClaimedCase(case, made)
    assert delivery_attempts([work], directory(duty_address="")) == []
    assert work.settles, "its endpoint is there no more"
    case, events = record(case, made, work.results, DAY, NOW + GAP, work.left)
    assert events == ()
    assert case.escalation is not None
    assert case.escalation.due_at == case.escalation.next_step_at == NOW + policy.step_of(case.urgency, 1).wait


def test_a_letter_that_was_neither_told_nor_refused_is_left() -> None:
    made = planned(case_of())
    work = ClaimedCase(case_of(), made, wanted=[MAIL, HOOK], results=[result(made, HOOK, ok=True)])
    assert work.left == Deferred(((Target.DUTY, MAIL.key),))
    assert not ClaimedCase(case_of(), made, wanted=[MAIL]).settles, "the claim ends and it comes again"


def test_what_waited_for_a_bundle_once_goes_whatever_its_place_has_got_meanwhile() -> None:
    full = {MAIL.key: RecentAlerts((NOW,) * (MOST + 1))}
    fresh = ClaimedCase(case_of("high"), planned(case_of("high")))
    settings = directory()
    assert batched_alerts(delivery_attempts([fresh], settings), full, NOW) == []
    assert fresh.deferred_until == NOW + GAP
    case, _ = record(fresh.case, fresh.planned, (), DAY, NOW, fresh.left)
    then = NOW + GAP
    told_just_now = {MAIL.key: RecentAlerts((then,) * (MOST + 1))}
    waited = ClaimedCase(case, planned(case, GAP.total_seconds()))
    late = ClaimedCase(case_of("high"), planned(case_of("high")))
    made = batched_alerts(delivery_attempts([waited, late], settings), told_just_now, then)
    assert [len(parcel.delivery_attempts) for parcel in made] == [2], "whoever came meanwhile goes along"
    assert (waited.deferred_until, late.deferred_until) == (None, None)
    told = AttemptResult(Target.DUTY, "a", ok=True, endpoint=MAIL.key)
    after = policy.advance(case, waited.planned, [told], DAY, then, waited.left)
    assert after.escalation is not None
    assert not after.escalation.was_deferred


def directory(**changes: Any) -> RecipientDirectory:
    return RecipientDirectory(settings_of(**changes))


def settings_of(**changes: Any) -> NotifySettings:
    keys: dict[str, Any] = {
        name: SecretStr(new_key()) for name in ("IEUM_TICKET_KEY", "IEUM_DIRECTORY_KEY", "audit_key")
    }
    return NotifySettings(**keys, **changes)


async def test_an_exception_in_one_delivery_is_a_failure_of_that_one_alone() -> None:
    settings, clock = (
        settings_of(webhooks={"gwangju/duty": {"url": "https://a.example/", "secret": SECRET}}),
        ManualClock(NOW),
    )
    delivery = Delivery(settings, MailChannel(settings, clock), clock)
    letters = [DeliveryAttempt(ClaimedCase(case_of(), None), HOOK.target, HOOK, alert) for alert in alerts(2, NOW)]
    broken, fine = (BatchedAlert(HOOK, (letter,)) for letter in letters)

    async def send(name: str, message_id: str, body: bytes) -> str | None:
        del name, body
        if message_id == letters[0].alert.alert_id:
            raise ZeroDivisionError
        return None

    async def wanted(index: int) -> list[DeliveryAttempt]:
        return [letters[index]]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(WebhookChannel, "send", staticmethod(send))
        came = await delivery.send([broken, fine], clock.monotonic() + 60, wanted)
    await delivery.close()
    assert came == [DeliveryResult((letters[0],), "error_ZeroDivisionError"), DeliveryResult((letters[1],), None)]


OFFERED = OfferNotice("offer-1", "busan", Target.DUTY, 1, "alert-1")
"""What another centre is to hear of."""


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({}, "email:busan/duty"),
        (
            {"duty_address": "", "webhooks": {"*/duty": {"url": "https://a.example/", "secret": SECRET}}},
            "webhook:busan/duty",
        ),
        ({"duty_address": "", "apprise_urls": {"busan/duty": "json://a.example"}}, "apprise:busan/duty"),
        ({"duty_address": ""}, "email:busan/lead"),
    ],
)
def test_an_offer_is_told_by_what_its_desk_has_or_else_to_the_lead(changes: dict[str, Any], key: str) -> None:
    item = ClaimedCase(case_of(), None, notice=OFFERED)
    assert [attempt.endpoint.key for attempt in delivery_attempts([item], directory(**changes))] == [key]
    assert item.noticed is None


def test_an_offer_to_a_centre_without_any_way_is_on_record_as_not_told() -> None:
    item = ClaimedCase(case_of(), None, notice=OFFERED)
    assert delivery_attempts([item], directory(duty_address="", lead_address="")) == []
    assert item.noticed is not None
    assert (item.noticed.ok, item.noticed.reason) == (False, "no_channel")
