"""Cases as a fold of routing's records: order, duplicates, holes, owners, what is unread."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.auditor.rules import ACKNOWLEDGED_WITHIN, Owed, Promise, Quiet, Watched, unacknowledged
from services.notify.cases.models import ENTRIES_FIRST, ENTRIES_LAST, Case, CaseState, ContactWay, EntryKind, Target
from services.notify.cases.projection import RoutingEvent, fold
from services.notify.cases.rules import (
    Accepted,
    Actor,
    Rejected,
    acknowledge,
    close,
    opened,
    reopen,
    waited_for_answer,
    ways,
)
from services.notify.console.lists import is_cursor
from services.notify.console.views import case_view
from services.notify.escalation import rules as policy
from services.notify.escalation.rules import AttemptResult, Deferred, QuietHours, Rules, record
from shared.errors import OutOfSequenceError
from shared.events.cases import CaseAcknowledged, CaseEvent
from shared.events.envelope import event_id
from shared.events.routings import ReportRouted
from shared.events.vocabulary import Outcome, Suspicion, Urgency
from shared.labels import CHANNELS, HARMS, NOT_KNOWN
from tests.unit.notify.escalation.test_rules import STAFFED
from tests.unit.notify.samples import NOW, TRACE, event, stream

RULES = Rules()


def folded(events: list[RoutingEvent], case: Case | None = None) -> Case:
    for one in events:
        case = fold(case, one, TRACE, RULES, NOW) or case
    assert case is not None
    return case


def test_words_of_a_later_build_are_kept_as_they_were_written_and_shown_as_unknown() -> None:
    body = event("report.routed").model_dump(mode="json")
    body["facts"] |= {"urgency": "extreme", "harm_types": ["voice_cloning"], "channel": "kiosk", "suspicion": ["new"]}
    body["facts"]["contact_channels"] = ["phone", "letter"]
    body["decision"]["reason"] = "drawn_by_lot"
    case = folded([ReportRouted.model_validate(body)])
    assert case.urgency is Urgency.CRITICAL
    assert HARMS[case.harm_types[0]] is CHANNELS[case.channel] is NOT_KNOWN
    assert ways(case) == (ContactWay.CAME_TO_US,)
    stored = case.model_dump()
    assert (stored["harm_types"], stored["channel"], stored["reason"]) == (("voice_cloning",), "kiosk", "drawn_by_lot")
    assert (stored["contact_channels"], stored["suspicion"]) == (("phone", "letter"), ("new",))
    assert stored["entries"][0]["reason"] == "drawn_by_lot"
    assert type(stored["harm_types"][0]) is str
    assert Case.model_validate(stored | {"_id": case.report_id}) == case
    assert case_view(case).model_dump(mode="json")["harm_types"] == ["voice_cloning"]


def test_a_line_of_a_later_build_is_kept_as_it_was_written() -> None:
    case = folded([event("report.routed")])
    later = {"at": NOW, "kind": "police_informed", "center_id": case.center_id, "channel": "pager"}
    entries = [*case.model_dump()["entries"], later]
    read = Case.model_validate(case.model_dump() | {"_id": case.report_id, "entries": entries})
    assert (read.entries[-1].kind, read.entries[-1].channel) == ("unknown", "unknown")
    kept = read.model_dump()["entries"][-1]
    assert (kept["kind"], kept["channel"]) == ("police_informed", "pager")
    assert taken(read).state is CaseState.ACKNOWLEDGED


def second_deadline(case: Case) -> datetime:
    return NOW + policy.CONTACT_WITHIN[case.urgency]


def taken(case: Case) -> Case:
    answer = acknowledge(case, Actor("kim", case.center_id), None, NOW, RULES)
    assert isinstance(answer, Accepted)
    return answer.case


@given(st.lists(st.integers(0, 4), max_size=12), st.randoms())
def test_repeated_records_change_nothing(extra: list[int], chance: random.Random) -> None:
    events = stream()
    told = list(events)
    for index in extra:
        position = next(i for i, e in enumerate(told) if e.version == index + 1)
        told.insert(chance.randint(position + 1, len(told)), events[index])
    assert folded(told) == folded(events)


def test_the_first_record_of_a_version_is_the_truth() -> None:
    first = event("report.routed", center="busan")
    case = folded([first])
    assert fold(case, event("report.routed", center="daegu"), TRACE, RULES, NOW) is None


@pytest.mark.parametrize("missing", [0, 1, 2, 3])
def test_a_missing_version_is_refused(missing: int) -> None:
    events = stream()
    del events[missing]
    with pytest.raises(OutOfSequenceError):
        folded(events)


def test_a_new_owner_starts_a_new_ladder_and_must_acknowledge_again() -> None:
    events = stream()
    case = taken(folded(events[:2]))
    moved = folded([events[2]], case)
    assert (moved.center_id, moved.ownership, moved.state) == ("busan", 2, CaseState.WAITING)
    assert moved.acknowledged_by is None
    assert moved.escalation is not None
    assert moved.escalation.run == moved.runs == 3
    assert moved.wake_at == NOW
    assert acknowledge(moved, Actor("kim", "gwangju"), None, NOW, RULES) is Rejected.OWNER_CHANGED


def test_an_acknowledgement_that_crossed_a_move_is_void_and_says_so() -> None:
    events = stream()
    early = events[2].model_copy(update={"decided_at": NOW - timedelta(seconds=1)})
    case = folded([early], taken(folded(events[:2])))
    assert EntryKind.VOID in [entry.kind for entry in case.entries]
    closing = event("report.rerouted", version=3, ownership=2, center="busan", cause="center_closed")
    case = folded([closing], taken(folded(events[:2])))
    assert EntryKind.VOID in [entry.kind for entry in case.entries]
    accepted = event("report.rerouted", version=3, ownership=2, center="busan", cause="case_event")
    accepted = accepted.model_copy(update={"decided_at": NOW + timedelta(hours=1)})
    case = folded([accepted], taken(folded(events[:2])))
    assert EntryKind.VOID not in [entry.kind for entry in case.entries]


def test_something_new_after_the_acknowledgement_raises_the_marker_and_alerts() -> None:
    case = taken(folded(stream()[:1]))
    after = folded([event("report.updated", version=2, ownership=1, kind="message_left")], case)
    assert (after.state, after.unread, after.wake_at) == (CaseState.ACKNOWLEDGED, True, NOW)
    read = opened(after, Actor("lee", after.center_id), 1, "message", NOW, RULES)
    assert isinstance(read, Accepted)
    assert read.event is not None
    assert read.event.TYPE == "alert.settled.v1"
    assert (read.case.unread, read.case.wake_at, read.case.acknowledged_by) == (False, second_deadline(case), "kim")


def test_something_new_before_it_does_not_put_off_the_next_step_but_more_urgent_starts_again() -> None:
    case = folded([event("report.routed", urgency="normal")])
    same = folded([event("report.updated", version=2, urgency="normal", kind="amended")], case)
    assert same.unread
    assert same.escalation == case.escalation
    worse = folded([event("report.updated", version=2, urgency="critical", kind="amended")], case)
    assert worse.escalation is not None
    assert worse.escalation.run == 2


def test_withdrawn_stops_everything_and_stays_stopped() -> None:
    case = folded(stream())
    assert (case.state, case.escalation, case.wake_at, case.unread) == (CaseState.ENDED, None, None, False)
    later = folded([event("report.updated", version=6, ownership=2, kind="message_left")], case)
    assert later.wake_at is None
    assert not later.needs_attention


def test_who_takes_a_report_back_and_brings_it_back_keeps_no_lead_from_being_told() -> None:
    """Every 100 seconds, sooner than a critical report's first step lasts."""
    now = NOW
    told: list[int] = []
    case = folded([event("report.routed", urgency="critical", center="gwangju")])
    for number in range(8):
        for _ in range(20):
            if (made := policy.plan(case, STAFFED, now)) is not None:
                told.append(made.step)
                results = [AttemptResult(target, "x", ok=True) for target in made.targets]
                case = policy.advance(case, made, results, policy.ALWAYS, now)
            now += timedelta(seconds=5)
        about: dict[str, Any] = {"ownership": 1, "center": "gwangju", "decided_at": now}
        for one in (
            event("report.ended", version=2 + 2 * number, reason="withdrawn", **about),
            event("report.updated", version=3 + 2 * number, kind="reinstated", urgency="critical", **about),
        ):
            after = fold(case, one, TRACE, policy.ALWAYS, now)
            assert after is not None
            case = after
    assert max(told) == 4
    assert case.escalation is not None
    assert case.escalation.due_at == now, "and each time whoever is at that step hears that it came back"


@pytest.mark.parametrize("kind", [EntryKind.REINSTATED, EntryKind.REOPENED])
def test_what_comes_back_to_another_centre_is_open_there_and_says_so(kind: EntryKind) -> None:
    """Routing moves it in the record that opens it: the owner before was declined meanwhile, or is closed."""
    case = taken(folded([event("report.routed", center="gwangju")]))
    reason = "withdrawn" if kind is EntryKind.REINSTATED else "closed"
    case = folded([event("report.ended", version=2, ownership=1, center="gwangju", reason=reason)], case)
    cause = {"kind": "report", "event_id": "0" * 8}
    if kind is EntryKind.REOPENED:
        answer = reopen(case, Actor("lee", "gwangju"), 1, NOW)
        assert isinstance(answer, Accepted)
        assert answer.event is not None
        case = answer.case
        cause = {"kind": "case_event", "event_id": event_id("notify", answer.event.TYPE, case.report_id, 2)}
    told = {"ownership": 2, "center": "jeju", "previous_center_id": "gwangju", "whole_cause": cause}
    back = folded([event("report.rerouted", version=3, **told)], case)
    assert (back.state, back.ended, back.ended_at, back.outcome) == (CaseState.WAITING, None, None, None)
    assert (back.center_id, back.moved_from, back.moved_by, back.former) == ("jeju", "gwangju", None, ("gwangju",))
    assert (back.acknowledged_by, back.awaiting, back.wake_at) == (None, None, NOW)
    assert [(entry.kind, entry.center_id) for entry in back.entries[-2:]] == [
        (kind, "gwangju"),
        (EntryKind.MOVED, "jeju"),
    ]
    assert EntryKind.REOPENING_VOID not in {entry.kind for entry in back.entries}


def test_a_message_on_a_closed_case_is_not_lost() -> None:
    case = folded([event("report.routed"), event("report.ended", version=2, ownership=1, reason="closed")])
    after = folded([event("report.updated", version=3, kind="message_left")], case)
    assert after.needs_attention
    assert after.wake_at == NOW


def test_recording_the_same_sending_twice_changes_nothing() -> None:
    case = folded(stream()[:1])
    made = policy.plan(case, STAFFED, NOW)
    assert made is not None
    results = [AttemptResult(t, policy.alert_id(case.report_id, made, t), ok=True) for t in made.targets]
    once, events = record(case, made, results, RULES, NOW)
    assert [e.TYPE for e in events] == ["alert.sent.v1"]
    assert record(once, made, results, RULES, NOW) == (once, ())


def test_a_telling_that_comes_late_does_not_take_an_escalation_back_that_another_process_led_on() -> None:
    """One process was paused while it told the first step again; meanwhile another one told the second."""
    failed = _told(folded(stream()[:1]), NOW, ok=False)
    assert failed.escalation is not None
    retried_at, next_at = failed.escalation.due_at, failed.escalation.next_step_at
    assert next_at is not None
    paused = policy.plan(failed, STAFFED, retried_at)
    assert paused is not None
    went_on = _told(failed, next_at, ok=True)
    results = [AttemptResult(t, policy.alert_id(failed.report_id, paused, t), ok=True) for t in paused.targets]
    woke = next_at + timedelta(seconds=1)
    after, events = record(went_on, paused, results, RULES, woke)
    assert [e.TYPE for e in events] == ["alert.sent.v1"], "it was told all the same"
    steps = []
    for _ in range(3):
        assert after.escalation is not None
        made = policy.plan(after, STAFFED, after.escalation.due_at)
        assert made is not None
        steps.append(made.step)
        after = _told(after, after.escalation.due_at, ok=True)
    assert steps == [3, 4, 4]


def test_what_a_paused_process_left_for_a_batch_is_told_no_more_once_another_process_has_told_it() -> None:
    case = folded(stream()[:1])
    paused = policy.plan(case, STAFFED, NOW)
    assert paused is not None
    failed = _told(case, NOW, ok=False)
    assert failed.escalation is not None
    left = Deferred(((Target.DUTY, "email:gwangju/duty"),), NOW + policy.GAP)
    assert record(failed, paused, (), RULES, failed.escalation.due_at, left) == (failed, ())


def _told(case: Case, now: datetime, *, ok: bool) -> Case:
    made = policy.plan(case, STAFFED, now)
    assert made is not None
    results = [
        AttemptResult(t, policy.alert_id(case.report_id, made, t), ok=ok, endpoint=f"email:gwangju/{t}")
        for t in made.targets
    ]
    return record(case, made, results, RULES, now)[0]


def test_a_sending_that_met_an_acknowledgement_is_told_and_starts_nothing() -> None:
    case = folded(stream()[:1])
    made = policy.plan(case, STAFFED, NOW)
    assert made is not None
    results = [AttemptResult(t, policy.alert_id(case.report_id, made, t), ok=True) for t in made.targets]
    after, events = record(taken(case), made, results, RULES, NOW)
    assert events
    assert after.state is CaseState.ACKNOWLEDGED
    assert after.wake_at == second_deadline(case)


def test_alert_versions_grow_by_one_without_gaps() -> None:
    case, now, versions = folded(stream()[:1]), NOW, []
    for ok in (False, True, True, False, True):
        made = policy.plan(case, STAFFED, now)
        assert made is not None
        results = [
            AttemptResult(t, policy.alert_id(case.report_id, made, t), ok=ok, reason="connect") for t in made.targets
        ]
        case, events = record(case, made, results, RULES, now)
        versions += [e.sequence for e in events]
        assert case.escalation is not None
        now = case.escalation.due_at
    assert versions == list(range(1, len(versions) + 1))


def test_a_timeline_keeps_its_beginning_and_its_end() -> None:
    case = folded([event("report.routed")])
    for version in range(2, 300):
        case = folded([event("report.updated", version=version, kind="message_left")], case)
    assert len(case.entries) == ENTRIES_FIRST + ENTRIES_LAST
    assert case.entries[0].kind is EntryKind.ROUTED
    assert case.entries_dropped == 299 - len(case.entries)


def test_acknowledging() -> None:
    case = folded(stream()[:1])
    answer = acknowledge(case, Actor("kim", "gwangju"), None, NOW, RULES)
    assert isinstance(answer, Accepted)
    assert isinstance(answer.event, CaseAcknowledged)
    assert (answer.event.case_version, answer.event.ownership, answer.event.by) == (1, 1, "kim")
    again = acknowledge(answer.case, Actor("kim", "gwangju"), None, NOW, RULES)
    assert isinstance(again, Accepted)
    assert again.case is answer.case
    assert acknowledge(answer.case, Actor("lee", "gwangju"), None, NOW, RULES) is Rejected.ALREADY_ACKNOWLEDGED
    assert acknowledge(folded(stream()), Actor("lee", "busan"), None, NOW, RULES) is Rejected.ENDED


def test_only_the_first_acknowledgement_of_an_owner_says_how_long_the_case_waited() -> None:
    case = folded(stream()[:1])
    later = case.decided_at + timedelta(seconds=90)
    answer = acknowledge(case, Actor("kim", "gwangju"), None, later, RULES)
    assert isinstance(answer, Accepted)
    assert waited_for_answer(case, answer.case, RULES) == 90
    assert waited_for_answer(answer.case, answer.case.model_copy(update={"unread": True}), RULES) is None
    assert waited_for_answer(case, case, RULES) is None
    before = acknowledge(case, Actor("kim", "gwangju"), None, case.decided_at - timedelta(seconds=1), RULES)
    assert isinstance(before, Accepted)
    assert waited_for_answer(case, before.case, RULES) == 0, "clocks of two machines differ"


@pytest.mark.parametrize(("ended", "back"), [("closed", "reopened"), ("withdrawn", "reinstated")])
def test_a_case_that_came_back_has_waited_since_then_and_not_since_its_first_decision(ended: str, back: str) -> None:
    case = taken(folded([event("report.routed")]))
    weeks = case.decided_at + timedelta(days=90)
    over = event("report.ended", version=2, center="gwangju", reason=ended)
    again = event("report.updated", version=3, kind=back, decided_at=weeks)
    case = folded([over, again], case)
    answer = acknowledge(case, Actor("lee", "gwangju"), None, weeks + timedelta(seconds=90), RULES)
    assert isinstance(answer, Accepted)
    assert waited_for_answer(case, answer.case, RULES) == 90


@pytest.mark.parametrize(("ended", "back"), [("closed", "reopened"), ("withdrawn", "reinstated")])
def test_what_is_done_once_a_case_is_back_is_dated_after_its_return_also_where_routings_clock_is_ahead(
    ended: str, back: str
) -> None:
    """Routing takes what is dated before for what was done before, carries it out no more and says nothing of it."""
    ahead = NOW + timedelta(seconds=50)
    over = event("report.ended", version=2, center="gwangju", reason=ended)
    again = event("report.updated", version=3, kind=back, center="gwangju", decided_at=ahead)
    case = folded([event("report.routed", center="gwangju"), over, again])
    kim = Actor("kim", "gwangju")
    answered = acknowledge(case, kim, 1, NOW, RULES)
    assert isinstance(answered, Accepted)
    closed = close(answered.case, kim, 1, Outcome.SUPPORTED, NOW + timedelta(seconds=1))
    assert isinstance(closed, Accepted)
    assert isinstance(answered.event, CaseEvent)
    assert isinstance(closed.event, CaseEvent)
    assert (answered.event.at, closed.event.at) == (ahead, ahead)
    late = close(answered.case, kim, 1, Outcome.SUPPORTED, ahead + timedelta(seconds=1))
    assert isinstance(late, Accepted)
    assert isinstance(late.event, CaseEvent)
    assert late.event.at == ahead + timedelta(seconds=1)


@pytest.mark.parametrize("urgency", list(Urgency))
def test_a_case_counts_as_acknowledged_in_time_exactly_where_the_auditor_says_so(urgency: Urgency) -> None:
    rules, quiet = Rules(quiet=QuietHours.parse("22:00-07:00")), Quiet.read("22:00-07:00")
    for minutes in range(0, 24 * 60, 95):
        since = NOW + timedelta(minutes=minutes)
        case = folded([event("report.routed", urgency=urgency, received_at=since, decided_at=since)])
        waits = Watched("r", promise=Promise(Owed.ANSWER, since, urgency))
        for later in range(0, 40 * 60, 55):
            at = since + timedelta(minutes=later)
            answer = acknowledge(case, Actor("kim", "gwangju"), None, at, rules)
            assert isinstance(answer, Accepted)
            waited = waited_for_answer(case, answer.case, rules)
            assert waited is not None
            late = waited > ACKNOWLEDGED_WITHIN[urgency].total_seconds()
            assert late is unacknowledged(waits, at, quiet), (since, at)


def test_a_drill_of_a_front_end_that_is_tried_out_counts_in_no_waiting_time() -> None:
    case = folded([event("report.routed", urgency="critical", synthetic=True, sandbox=True)])
    answer = acknowledge(case, Actor("kim", "gwangju"), None, case.decided_at + timedelta(days=1), RULES)
    assert isinstance(answer, Accepted)
    assert waited_for_answer(case, answer.case, RULES) is None, "nobody was alerted of it"


def test_the_list_puts_unanswered_first_then_urgent_then_longest_waiting() -> None:
    early = NOW - timedelta(hours=2)
    old = folded([event("report.routed", 1, urgency="normal", received_at=early.isoformat())])
    urgent = folded([event("report.routed", 2, urgency="critical")])
    older_urgent = folded([event("report.routed", 3, urgency="critical", received_at=early.isoformat())])
    done = taken(folded([event("report.routed", 4, urgency="critical")]))
    unread = folded([event("report.updated", 5, version=2, kind="amended")], taken(folded([event("report.routed", 5)])))
    over = folded(stream(6))
    cases = [done, over, old, unread, urgent, older_urgent]
    assert sorted(cases, key=lambda c: c.sort_key) == [older_urgent, urgent, old, unread, done, over]


def test_open_drills_of_the_sandbox_come_after_everything_real_on_the_list() -> None:
    real = taken(folded([event("report.routed", 1, urgency="normal")]))
    early = (NOW - timedelta(hours=2)).isoformat()
    drill = folded([event("report.routed", 2, urgency="critical", received_at=early, sandbox=True)])
    over = folded(stream(3))
    assert drill.sandbox
    assert sorted([over, drill, real], key=lambda c: c.sort_key) == [real, drill, over]
    assert is_cursor(drill.sort_key)


def test_a_report_has_one_place_on_the_list_in_whatever_zone_its_time_is_written() -> None:
    utc, seoul = "2026-11-24T03:00:00.250Z", "2026-11-24T12:00:00.250+09:00"
    keys = {folded([event("report.routed", 1, received_at=at)]).sort_key for at in (utc, seoul)}
    assert len(keys) == 1


def test_what_speaks_against_a_report_is_shown_and_changes_nothing_else() -> None:
    doubted = folded([event("report.routed", suspicion=["burst"]), *stream()[1:]])
    assert doubted == folded(stream()), "the newest facts count"
    first = folded([event("report.routed", suspicion=["burst"])])
    assert first.suspicion == (Suspicion.BURST,)
    assert first.model_copy(update={"suspicion": ()}) == folded([event("report.routed")])


def test_a_threats_deadline_follows_the_facts_whoever_has_the_case() -> None:
    case = folded([event("report.routed")])
    assert case.threat_deadline == datetime(2026, 11, 25, 12, tzinfo=UTC)
    sooner = {**event("report.updated").model_dump(mode="json")["facts"], "threat_deadline": "2026-11-24T20:00:00Z"}
    case = folded([event("report.updated", version=2, ownership=1, kind="amended", facts=sooner)], case)
    assert case.threat_deadline == datetime(2026, 11, 24, 20, tzinfo=UTC)
    none = {**sooner, "threat_deadline": None}
    moved = event("report.rerouted", version=3, ownership=2, center="busan", previous_center_id="gwangju", facts=none)
    assert folded([moved], case).threat_deadline is None


def test_nobody_is_alerted_of_a_drill_of_a_front_end_that_is_tried_out_unless_the_deployment_says_so() -> None:
    first = event("report.routed", 1, version=1, ownership=1, urgency="critical", synthetic=True, sandbox=True)
    left = event("report.updated", 1, version=2, ownership=1, kind="message_left", synthetic=True, sandbox=True)
    moved = event("report.rerouted", 1, version=3, ownership=2, synthetic=True, sandbox=True)
    case = folded([first, left, moved])
    assert case.sandbox
    assert (case.escalation, case.wake_at) == (None, None)
    assert taken(case).escalation is None
    alerted = fold(None, first, TRACE, Rules(alert_sandbox=True), NOW)
    assert alerted is not None
    assert alerted.escalation is not None
