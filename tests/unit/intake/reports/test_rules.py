from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.reports import rules as progress_rules
from services.intake.reports.lifecycle import Lifecycle, Withdrawal
from services.intake.reports.models import Progress, State
from services.intake.retention import rules as retention_rules
from shared.events.base import Event
from shared.events.cases import (
    CaseAcknowledged,
    CaseClosed,
    CaseContacted,
    CaseEvent,
    CaseReopened,
    CaseSupported,
    CaseTransferDeclined,
)
from shared.events.reports import ReportFacts, ReportReceived
from shared.events.routings import Cause, Decision, ReportEnded, ReportRerouted, ReportRouted, ReportUpdated
from shared.events.vocabulary import (
    CauseKind,
    Channel,
    EndReason,
    HarmType,
    Outcome,
    Role,
    RoutingReason,
    SupportKind,
    UpdateKind,
    Urgency,
    UrgencyReason,
)

REPORT = "6f1c3a52-9a0f-8c4e-9d0b-2f5a1e7c8b90"
T0 = datetime(2026, 11, 24, 12, tzinfo=UTC)
FACTS = ReportFacts(
    role=Role.VICTIM,
    harm_types=(HarmType.OTHER,),
    urgency=Urgency.NORMAL,
    urgency_reasons=(UrgencyReason.NONE_OF_THESE,),
    division="busan",
    channel=Channel.WEB,
    language="ko",
    triage_version=1,
)


def at(minutes: int) -> datetime:
    return T0 + timedelta(minutes=minutes)


def stream(version: int, ownership: int, minutes: int) -> dict[str, object]:
    return {
        "report_id": REPORT,
        "version": version,
        "ownership": ownership,
        "intake_version": 1,
        "cause": Cause(kind=CauseKind.REPORT),
        "decided_at": at(minutes),
    }


def decision(center: str) -> Decision:
    return Decision(
        center_id=center,
        home_center_id=center,
        reason=RoutingReason.HOME,
        rule_version=1,
        table_version="t",
    )


def routed(center: str = "busan", minutes: int = 1) -> ReportRouted:
    return ReportRouted(**stream(1, 1, minutes), received_at=T0, decision=decision(center), facts=FACTS)


def rerouted(version: int, ownership: int, center: str, minutes: int) -> ReportRerouted:
    return ReportRerouted(
        **stream(version, ownership, minutes),
        received_at=T0,
        previous_center_id="busan",
        decision=decision(center),
        facts=FACTS,
    )


def ended(version: int, reason: EndReason, minutes: int = 30) -> ReportEnded:
    return ReportEnded(**stream(version, 1, minutes), reason=reason, center_id="busan")


def updated(version: int, kind: UpdateKind, minutes: int = 40) -> ReportUpdated:
    return ReportUpdated(**stream(version, 1, minutes), kind=kind, center_id="busan", facts=FACTS)


def case(cls: type[CaseEvent], version: int, minutes: int, ownership: int = 1, **more: object) -> CaseEvent:
    return cls.model_validate(
        {
            "report_id": REPORT,
            "case_version": version,
            "ownership": ownership,
            "center_id": "busan",
            "at": at(minutes),
            **more,
        }
    )


def folded(*events: Event) -> Progress:
    progress = Progress()
    for event in events:
        progress = progress_rules.fold(progress, event)
    return progress


def state(*events: Event) -> tuple[State, datetime]:
    status = progress_rules.status_of(T0, folded(*events))
    return status.state, status.since


STORY: list[tuple[Event, State, int]] = [
    (routed(), State.ASSIGNED, 1),
    (case(CaseAcknowledged, 1, 2), State.SEEN, 2),
    (case(CaseContacted, 2, 3), State.IN_CONTACT, 3),
    (case(CaseSupported, 3, 4, support=SupportKind.COUNSELLING), State.SUPPORTED, 4),
    (case(CaseClosed, 4, 5, outcome=Outcome.SUPPORTED), State.CLOSED, 5),
    (case(CaseReopened, 5, 6), State.SUPPORTED, 6),
]


def test_a_closing_from_before_an_undone_withdrawal_does_not_count() -> None:
    story = [routed(), ended(2, EndReason.WITHDRAWN), updated(3, UpdateKind.REINSTATED, 40)]
    assert state(*story, case(CaseClosed, 1, 20, outcome=Outcome.SUPPORTED)) == (State.ASSIGNED, at(1))
    assert state(*story, case(CaseClosed, 1, 50, outcome=Outcome.SUPPORTED)) == (State.CLOSED, at(50))


@pytest.mark.parametrize(
    ("told", "role"),
    [((), Role.VICTIM), ((routed(),), Role.VICTIM), ((routed(), case(CaseAcknowledged, 1, 2)), Role.REPRESENTATIVE)],
)
def test_a_report_that_was_reinstated_is_in_its_earlier_state_since_then(told: tuple[Event, ...], role: Role) -> None:
    """Whoever was told of the withdrawal must not be told next of a state from before it."""
    progress = folded(*told)
    before = progress_rules.status_of(T0, progress, role=role)
    withdrawn = Lifecycle(withdrawal=Withdrawal(at=at(30), undo_until=at(90)))
    assert progress_rules.status_of(T0, progress, withdrawn, role).since == at(30)
    reinstated = retention_rules.reinstated(withdrawn, at(40))
    after = progress_rules.status_of(T0, progress, reinstated, role)
    assert (after.state, after.since) == (before.state, at(40))
    seen = progress_rules.fold(progress_rules.fold(progress, routed()), case(CaseAcknowledged, 9, 50))
    assert progress_rules.status_of(T0, seen, reinstated).since == at(50 if not told or len(told) == 1 else 40)


def test_a_report_nobody_has_heard_of_is_received() -> None:
    assert state() == (State.RECEIVED, T0)


@pytest.mark.parametrize("length", range(1, len(STORY) + 1))
def test_the_story_is_told_step_by_step(length: int) -> None:
    _, expected, minutes = STORY[length - 1]
    assert state(*(event for event, _, _ in STORY[:length])) == (expected, at(minutes))


def test_a_new_owner_has_not_seen_it_yet() -> None:
    events = [routed(), case(CaseAcknowledged, 1, 2), rerouted(2, 2, "ulsan", 10)]
    status = progress_rules.status_of(T0, folded(*events))
    assert (status.state, status.center_id, status.stays[-1].seen_at) == (State.MOVED, "ulsan", None)
    late = case(CaseContacted, 2, 11, ownership=1)
    assert state(*events, late) == (State.MOVED, at(10))
    seen = case(CaseAcknowledged, 3, 12, ownership=2)
    assert state(*events, late, seen) == (State.SEEN, at(12))


WORK: list[tuple[type[CaseEvent], dict[str, Any]]] = [
    (CaseAcknowledged, {}),
    (CaseContacted, {}),
    (CaseSupported, {"support": SupportKind.COUNSELLING}),
]
ORDER = [State.RECEIVED, State.ASSIGNED, State.SEEN, State.OPENED, State.IN_CONTACT, State.SUPPORTED]


@pytest.mark.parametrize("before", range(len(WORK) + 1))
def test_after_a_move_the_status_never_runs_backwards_and_nothing_that_happened_is_lost(before: int) -> None:
    events: list[Event] = [routed()]
    events += [case(cls, n, n + 1, **more) for n, (cls, more) in enumerate(WORK[:before], start=1)]
    furthest = ORDER.index(state(*events)[0])
    kept = progress_rules.status_of(T0, folded(*events)).model_dump(include={"assigned_at", "seen_at", "contacted_at"})
    events.append(rerouted(2, 2, "ulsan", 10))
    moved = progress_rules.status_of(T0, folded(*events))
    assert (moved.state, moved.since, moved.moved_at, moved.center_id) == (State.MOVED, at(10), at(10), "ulsan")
    for n, (cls, more) in enumerate(WORK, start=before + 1):
        events.append(case(cls, n, 10 + n, ownership=2, **more))
        now = progress_rules.status_of(T0, folded(*events))
        assert now.state is State.MOVED or ORDER.index(now.state) >= furthest
        known = {name: value for name, value in kept.items() if value is not None}
        assert now.model_dump(include=set(known)) == known
    assert now.state is State.SUPPORTED
    assert [stay.center_id for stay in now.stays] == ["busan", "ulsan"]


def test_seen_by_name_opened_and_contacted_are_told_apart() -> None:
    seen = folded(routed(), case(CaseAcknowledged, 1, 2))
    told = progress_rules.status_of(T0, seen)
    assert (told.state, told.seen_at, told.opened_at, told.contacted_at) == (State.SEEN, at(2), None, None)
    told = progress_rules.status_of(T0, seen, opened={1: at(3)})
    assert (told.state, told.since, told.opened_at, told.contacted_at) == (State.OPENED, at(3), at(3), None)
    reached = progress_rules.fold(seen, case(CaseContacted, 2, 4))
    told = progress_rules.status_of(T0, reached, opened={1: at(3)})
    assert (told.state, told.opened_at, told.contacted_at) == (State.IN_CONTACT, at(3), at(4))
    assert progress_rules.status_of(T0, reached).opened_at is None


def test_who_opened_it_has_seen_it_and_what_another_centre_opened_is_not_the_present_ones() -> None:
    told = progress_rules.status_of(T0, folded(routed()), opened={1: at(3)})
    assert (told.state, told.seen_at) == (State.OPENED, at(3))
    moved = progress_rules.status_of(T0, folded(routed(), rerouted(2, 2, "ulsan", 10)), opened={1: at(3)})
    assert (moved.state, moved.opened_at, moved.stays[-1].opened_at) == (State.MOVED, at(3), None)


def test_what_a_centre_did_after_it_gave_the_report_away_does_not_count() -> None:
    late = [case(CaseAcknowledged, 1, 11), rerouted(2, 2, "ulsan", 10)]
    moved = progress_rules.status_of(T0, folded(routed(), *late), opened={1: at(12)})
    assert (moved.seen_at, moved.opened_at) == (None, None)


def test_work_that_is_heard_of_before_its_ownership_counts_once_that_comes() -> None:
    early = case(CaseAcknowledged, 1, 12, ownership=2)
    assert state(early) == (State.RECEIVED, T0)
    assert state(early, routed()) == (State.ASSIGNED, at(1))
    assert state(early, routed(), rerouted(2, 2, "ulsan", 10)) == (State.SEEN, at(12))


@pytest.mark.parametrize(
    ("reason", "expected"), [(EndReason.WITHDRAWN, State.WITHDRAWN), (EndReason.CLOSED, State.CLOSED)]
)
def test_an_ended_report_says_how(reason: EndReason, expected: State) -> None:
    assert state(routed(), case(CaseAcknowledged, 1, 2), ended(2, reason)) == (expected, at(30))


def test_a_reopened_report_goes_on_and_an_amended_one_stays_as_it_is() -> None:
    closed = (routed(), case(CaseAcknowledged, 1, 2), ended(2, EndReason.CLOSED))
    assert state(*closed, updated(3, UpdateKind.REOPENED)) == (State.SEEN, at(2))
    assert state(*closed, updated(3, UpdateKind.AMENDED)) == (State.CLOSED, at(30))


@given(st.lists(st.sampled_from([event for event, _, _ in STORY]), max_size=20))
def test_repeats_and_late_records_change_nothing(extra: list[Event]) -> None:
    story = [event for event, _, _ in STORY]
    assert folded(*story, *extra) == folded(*story)


def test_the_two_streams_do_not_wait_for_each_other() -> None:
    routings = [routed(), rerouted(2, 2, "ulsan", 10)]
    cases = [case(CaseAcknowledged, 1, 2), case(CaseAcknowledged, 2, 12, ownership=2)]
    assert folded(*routings, *cases) == folded(*cases, *routings) == folded(routings[0], *cases, routings[1])


def test_the_first_record_of_a_version_is_the_truth() -> None:
    assert progress_rules.status_of(T0, folded(routed("busan"), routed("daegu"))).center_id == "busan"


def test_a_hole_in_the_routings_leaves_the_report_as_it_was_and_marks_it() -> None:
    known = folded(routed(), case(CaseAcknowledged, 1, 2))
    holed = folded(routed(), case(CaseAcknowledged, 1, 2), rerouted(3, 2, "ulsan", 10))
    assert holed == known.model_copy(update={"hole": 3})
    assert progress_rules.status_of(T0, holed) == progress_rules.status_of(T0, known)
    assert folded(rerouted(2, 2, "ulsan", 10)) == Progress(hole=2)
    assert folded(ended(1, EndReason.CLOSED)) == Progress(hole=1)
    assert folded(routed(), updated(5, UpdateKind.AMENDED), rerouted(3, 2, "ulsan", 10)).hole == 5


def test_a_stream_that_is_mended_and_read_again_closes_its_hole() -> None:
    holed = (routed(), rerouted(3, 3, "ulsan", 12))
    mended = (routed(), rerouted(2, 2, "daegu", 11), rerouted(3, 3, "ulsan", 12))
    assert folded(*holed, *mended[:2]).hole == 3
    assert folded(*holed, *mended) == folded(*mended)
    assert folded(*mended).hole is None


def test_events_that_say_nothing_to_a_reporter_change_nothing_and_cost_no_write() -> None:
    declined = case(CaseTransferDeclined, 2, 3, offer_id="o", to_center_id="ulsan")
    progress = folded(routed(), case(CaseAcknowledged, 1, 2), declined)
    assert progress == folded(routed(), case(CaseAcknowledged, 1, 2))
    assert folded(routed(), declined) == folded(routed())
    assert progress_rules.status_of(T0, progress).state is State.SEEN
    received = ReportReceived(report_id=REPORT, intake_version=1, received_at=T0, facts=FACTS)
    assert progress_rules.fold(progress, received) == progress
