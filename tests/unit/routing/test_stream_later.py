"""What follows a report's first owner: transfers, ends, returns, closing centres."""

from datetime import timedelta
from typing import Any

import pytest

from services.routing.state.partition import PartitionState
from services.routing.transitions.models import Moment, TransitionResult
from services.routing.transitions.rules import decide, moves
from shared.centers import CENTER_IDS
from shared.events.cases import CaseAcknowledged, CaseClosed, CaseReopened
from shared.events.reports import ReportAmended, ReportMessageLeft, ReportReinstated, ReportWithdrawn
from shared.events.routings import ReportEnded, ReportRerouted, ReportUpdated
from shared.events.vocabulary import CauseKind, EndReason, RoutingReason, UpdateKind
from tests.unit.routing.builders import (
    MOMENT,
    NOW,
    TRACE,
    center_loads,
    counted,
    facts,
    full,
    incoming,
    received,
    report_id,
    weighed,
)
from tests.unit.routing.steps import accepted, case, routed, run, settle


def withdrawn(version: int = 2) -> ReportWithdrawn:
    return ReportWithdrawn(report_id=report_id(1), intake_version=version, withdrawn_at=NOW)


def reinstated(version: int = 3) -> ReportReinstated:
    return ReportReinstated(report_id=report_id(1), intake_version=version, reinstated_at=NOW)


def acknowledged_at(minutes: int) -> Any:
    return case(CaseAcknowledged).model_copy(update={"at": NOW + timedelta(minutes=minutes)})


def moved(state: PartitionState, *closed: str) -> list[str]:
    return [d.report_id for d in moves(state, center_loads(closed=closed), MOMENT, TRACE, limit=9, owners={})]


def test_a_withdrawn_report_ends_and_is_no_load() -> None:
    state = routed()
    (event,) = settle(state, run(state, ReportWithdrawn(report_id=report_id(1), intake_version=2, withdrawn_at=NOW)))
    assert isinstance(event, ReportEnded)
    assert event.reason is EndReason.WITHDRAWN
    assert (weighed(state), counted(state), list(state.waiting["busan"])) == ({"busan": 0}, {"busan": 0}, [])


def test_an_accepted_transfer_moves_the_ownership_once() -> None:
    state = routed()
    (event,) = settle(state, run(state, accepted("jeju")))
    assert isinstance(event, ReportRerouted)
    assert (event.version, event.ownership, event.previous_center_id) == (2, 2, "busan")
    assert (event.decision.center_id, event.decision.reason) == ("jeju", RoutingReason.TRANSFER_ACCEPTED)
    assert weighed(state) == {"busan": 0, "jeju": 10}
    assert run(state, accepted("jeju")).void == {"superseded": 1}


def test_a_case_event_of_an_ownership_that_is_over_is_void() -> None:
    state = routed()
    settle(state, run(state, accepted("jeju")))
    outcome = run(state, case(CaseClosed, 2, 1, outcome="supported"))
    assert (outcome.drafts, outcome.void) == ([], {"superseded": 1})


def test_a_closed_case_ends_and_reopens() -> None:
    state = routed()
    closed, reopened = case(CaseClosed, 1, outcome="supported"), case(CaseReopened, 2)
    first = run(state, closed, reopened)
    assert first.deferred == [1], "the second rests on the first, so the log must hold that"
    (end,) = settle(state, first)
    (again,) = settle(state, run(state, reopened))
    assert (end.reason, end.version) == (EndReason.CLOSED, 2)
    assert (again.kind, again.version) == (UpdateKind.REOPENED, 3)
    assert weighed(state) == {"busan": 10}
    redelivered = run(state, closed, reopened)
    assert (redelivered.drafts, redelivered.repeated) == ([], 2)


def test_a_withdrawn_report_is_not_reopened_by_staff() -> None:
    state = routed()
    settle(state, run(state, ReportWithdrawn(report_id=report_id(1), intake_version=2, withdrawn_at=NOW)))
    assert run(state, case(CaseReopened, 2)).void == {"not_closed": 1}


def test_withdrawal_is_passed_on_even_for_a_closed_case() -> None:
    state = routed()
    settle(state, run(state, case(CaseClosed, outcome="supported")))
    (event,) = settle(state, run(state, ReportWithdrawn(report_id=report_id(1), intake_version=2, withdrawn_at=NOW)))
    assert (event.reason, event.version) == (EndReason.WITHDRAWN, 3)


def test_a_transfer_to_nowhere_is_refused() -> None:
    outcome = run(routed(), accepted("atlantis"))
    assert (outcome.refused[0].reason, outcome.drafts) == ("unknown_center", [])


@pytest.mark.parametrize(
    ("to", "closed", "declined", "why"),
    [
        ("busan", (), [], "same_owner"),
        ("jeju", (), ["jeju"], "declined"),
        ("jeju", ("jeju",), [], "center_closed"),
        ("central", CENTER_IDS[:-1], [], "central_not_needed"),
        ("central", CENTER_IDS[:-2], CENTER_IDS[-2:-1], "central_not_needed"),
    ],
)
def test_a_transfer_that_cannot_be_carried_out_moves_nothing_and_says_so_once(
    to: str, closed: tuple[str, ...], declined: list[str], why: str
) -> None:
    state = routed(declined_centers=declined)
    before = state.report_states[report_id(1)]
    outcome = run(state, accepted(to), closed=closed)
    (event,) = settle(state, outcome)
    assert outcome.void == {why: 1}
    assert isinstance(event, ReportUpdated)
    assert (event.kind, event.void_reason, event.cause.kind) == (UpdateKind.TRANSFER_VOID, why, CauseKind.CASE_EVENT)
    assert event.cause.event_id == incoming(accepted(to), "notify").event_id
    assert (event.version, event.ownership, event.center_id) == (2, 1, "busan")
    assert state.report_states[report_id(1)]._replace(version=1, case_causes=()) == before
    again = run(state, accepted(to), closed=closed)
    assert (again.drafts, again.repeated) == ([], 1)


def test_central_takes_a_transfer_only_when_nobody_else_may_have_it() -> None:
    state = routed(declined_centers=CENTER_IDS[-1:])
    (event,) = settle(state, run(state, accepted("central"), closed=CENTER_IDS[:-1]))
    assert (event.decision.center_id, event.ownership) == ("central", 2)


def test_a_full_centre_may_accept_all_the_same() -> None:
    state = routed()
    (event,) = settle(state, run(state, accepted("jeju"), loads=full()))
    assert (event.decision.center_id, event.decision.over_capacity) == ("jeju", True)


def test_a_transfer_of_an_ended_report_is_void_without_a_word_after_the_end() -> None:
    state = routed()
    settle(state, run(state, withdrawn()))
    outcome = run(state, accepted("jeju"))
    assert (outcome.drafts, outcome.void) == ([], {"ended": 1})


def test_a_reinstated_report_is_open_and_counts_again() -> None:
    state = routed()
    settle(state, run(state, withdrawn()))
    (event,) = settle(state, run(state, reinstated()))
    assert (event.kind, event.version, event.ownership, event.intake_version) == (UpdateKind.REINSTATED, 3, 1, 3)
    assert (state.report_states[report_id(1)].ended, weighed(state), counted(state)) == (
        None,
        {"busan": 10},
        {"busan": 1},
    )
    assert run(state, reinstated()).repeated == 1


@pytest.mark.parametrize("closed", [True, False])
def test_nothing_but_a_withdrawal_can_be_undone(closed: bool) -> None:
    state = routed()
    if closed:
        settle(state, run(state, case(CaseClosed, outcome="supported")))
    before = state.report_states[report_id(1)]
    outcome = run(state, reinstated(2))
    refused = [(one.place, one.reason, one.detail) for one in outcome.refused]
    assert (outcome.drafts, refused) == ([], [(0, "not_withdrawn", "report.reinstated.v1 before its withdrawal")])
    assert state.report_states[report_id(1)] == before


def test_a_withdrawal_sent_back_from_the_dead_is_followed_by_the_reinstatement_that_came_after_it() -> None:
    state = routed()
    dead = [reinstated(3)] if run(state, reinstated(3)).refused else []  # version 2, the withdrawal, is dead already
    back = [withdrawn(), *dead]  # in the order of the dead-letter topic
    settle(state, run(state, *back))
    settle(state, run(state, *back))
    assert state.report_states[report_id(1)].ended is None


def test_what_is_added_to_a_withdrawn_report_is_passed_on_and_does_not_bring_it_back() -> None:
    state = routed()
    settle(state, run(state, withdrawn()))
    left = ReportMessageLeft(report_id=report_id(1), intake_version=3, left_at=NOW)
    amended = ReportAmended(report_id=report_id(1), intake_version=4, amended_at=NOW, facts=facts("busan"))
    settle(state, run(state, left))
    (event,) = settle(state, run(state, amended))
    assert (event.version, event.intake_version) == (4, 4)
    report_state = state.report_states[report_id(1)]
    assert (report_state.ended, report_state.intake_version) == (EndReason.WITHDRAWN, 4)
    assert weighed(state) == {"busan": 0}
    settle(state, run(state, reinstated(5)))
    assert weighed(state) == {"busan": 10}


def test_withdrawing_and_undoing_in_one_batch_become_two_records_in_order() -> None:
    state = routed()
    batch = [withdrawn(), reinstated()]
    outcome = run(state, *batch)
    assert outcome.deferred == [1]
    (end,) = settle(state, outcome)
    (again,) = settle(state, run(state, *batch))
    assert (end.version, again.version, again.kind) == (2, 3, UpdateKind.REINSTATED)


def test_what_was_done_before_a_report_came_back_neither_closes_nor_moves_it() -> None:
    state = routed()
    settle(state, run(state, withdrawn()))
    settle(state, run(state, reinstated()))
    before = state.report_states[report_id(1)]
    early = {"at": NOW - timedelta(minutes=1)}
    late = case(CaseClosed, 2, outcome="supported").model_copy(update=early)
    moving = accepted("jeju", 3).model_copy(update=early)
    outcome = run(state, late, moving)
    assert (outcome.drafts, outcome.void) == ([], {"before_return": 2})
    assert state.report_states[report_id(1)] == before
    (event,) = settle(state, run(state, case(CaseClosed, 4, outcome="supported")))
    assert isinstance(event, ReportEnded)


def test_a_reopening_that_a_withdrawal_overtook_changes_nothing_when_it_is_read_again() -> None:
    """As where a group begins at the first record again: its offsets are gone, or a topic was restored."""
    state = routed()
    reopened, late = case(CaseReopened, 2), timedelta(minutes=10)
    settle(state, run(state, case(CaseClosed, 1, outcome="supported")))
    settle(state, run(state, withdrawn()))
    assert run(state, reopened).void == {"not_closed": 1}
    back = decide([incoming(reinstated())], state, center_loads(), Moment(now=NOW + late), {})
    settle(state, back)
    closed = case(CaseClosed, 3, outcome="supported").model_copy(update={"at": NOW + 2 * late})
    settle(state, run(state, closed))
    outcome = run(state, reopened, closed)
    assert (outcome.drafts, outcome.void, outcome.repeated) == ([], {"before_return": 1}, 1)


def test_a_closed_centre_gives_up_what_nobody_acknowledged_a_chunk_at_a_time() -> None:
    state = PartitionState()
    settle(state, run(state, *(received(n) for n in range(1, 5))))
    state.acknowledge(case(CaseAcknowledged, number=2))
    drafts = moves(state, center_loads(closed=("busan",)), MOMENT, TRACE, limit=2, owners={})
    assert [d.report_id for d in drafts] == [report_id(1), report_id(3)]
    events = settle(state, TransitionResult(drafts=drafts))
    assert {e.cause.kind for e in events} == {CauseKind.CENTER_CLOSED}
    assert {e.decision.reason for e in events} == {RoutingReason.HOME_CLOSED}
    assert {(e.version, e.ownership, e.previous_center_id) for e in events} == {(2, 2, "busan")}
    rest = moves(state, center_loads(closed=("busan",)), MOMENT, TRACE, limit=9, owners={})
    assert [d.report_id for d in rest] == [report_id(4)]
    settle(state, TransitionResult(drafts=rest))
    assert moves(state, center_loads(closed=("busan",)), MOMENT, TRACE, limit=9, owners={}) == []
    assert (list(state.waiting["busan"]), counted(state)["busan"]) == ([], 1)


def test_an_acknowledgement_of_an_earlier_ownership_does_not_hold_the_next_one() -> None:
    state = routed()
    state.acknowledge(case(CaseAcknowledged))
    settle(state, run(state, accepted("jeju")))
    assert [d.report_id for d in moves(state, center_loads(closed=("jeju",)), MOMENT, TRACE, limit=9, owners={})] == [
        report_id(1)
    ]


@pytest.mark.parametrize("ended_by", [(withdrawn, reinstated), (None, None)])
def test_what_waits_again_is_moved_from_a_closed_centre_until_it_is_acknowledged_again(
    ended_by: tuple[Any, Any],
) -> None:
    state = routed()
    state.acknowledge(acknowledged_at(-60))
    assert moved(state, "busan") == []
    end, back = (
        ended_by if ended_by[0] else (lambda: case(CaseClosed, 2, outcome="supported"), lambda: case(CaseReopened, 3))
    )
    settle(state, run(state, end()))
    assert moved(state, "busan") == [], "an ended report stays where it is"
    settle(state, run(state, back()))
    assert moved(state, "busan") == [report_id(1)]
    state.acknowledge(acknowledged_at(-60))
    assert moved(state, "busan") == [report_id(1)], "reading the old acknowledgement again changes nothing"
    state.acknowledge(acknowledged_at(1))
    state.acknowledge(acknowledged_at(-60))
    assert moved(state, "busan") == []
    settle(state, run(state, accepted("jeju", 4)))
    assert moved(state, "jeju") == [report_id(1)], "a new owner has acknowledged nothing"


def test_a_centre_that_opens_again_keeps_what_is_left() -> None:
    state = PartitionState()
    settle(state, run(state, *(received(n) for n in range(1, 4))))
    settle(
        state, TransitionResult(drafts=moves(state, center_loads(closed=("busan",)), MOMENT, TRACE, limit=1, owners={}))
    )
    assert moved(state) == []
    assert len(state.waiting["busan"]) == 2


def test_nothing_moves_while_no_centre_is_closed() -> None:
    assert moves(routed(), center_loads(), MOMENT, TRACE, limit=9, owners={}) == []


def declining(*centers: str, version: int = 2, **more: Any) -> ReportAmended:
    return ReportAmended(
        report_id=report_id(1),
        intake_version=version,
        amended_at=NOW,
        facts=facts("busan", declined_centers=list(centers), **more),
    )


def test_who_is_declined_later_loses_the_report_at_once_acknowledged_or_not() -> None:
    state = routed()
    state.acknowledge(case(CaseAcknowledged))
    (event,) = settle(state, run(state, declining("busan", "jeju")))
    assert isinstance(event, ReportRerouted)
    assert (event.version, event.ownership, event.intake_version) == (2, 2, 2)
    assert (event.cause.kind, event.previous_center_id) == (CauseKind.REPORT, "busan")
    assert event.decision.center_id not in {"busan", "jeju"}
    assert event.facts.declined_centers == ("busan", "jeju")
    assert run(state, declining("busan", "jeju")).repeated == 1


def test_what_was_sent_back_too_late_is_caught_up_with_when_it_is_said_anew() -> None:
    state, late = routed(), declining("busan")
    settle(state, run(state, ReportMessageLeft(report_id=report_id(1), intake_version=3, left_at=NOW)))
    assert run(state, late).repeated == 1
    (event,) = settle(state, run(state, declining("busan", version=4)))
    assert isinstance(event, ReportRerouted)
    assert (event.intake_version, event.facts.declined_centers) == (4, ("busan",))


def test_a_return_that_was_sent_back_too_late_is_caught_up_with_and_never_to_a_declined_centre() -> None:
    state = routed()
    settle(state, run(state, withdrawn()))
    settle(state, run(state, ReportMessageLeft(report_id=report_id(1), intake_version=5, left_at=NOW)))
    assert run(state, reinstated(3), declining("busan", version=4)).repeated == 2
    batch = [declining("busan", version=6), reinstated(7)]
    while run(state, *batch).drafts:
        (event,) = settle(state, run(state, *batch))
    assert isinstance(event, ReportRerouted)
    assert (event.intake_version, event.previous_center_id) == (7, "busan")
    assert state.report_states[report_id(1)].ended is None


def test_who_closed_the_case_and_is_declined_later_is_told_nothing_and_another_centre_has_it_open() -> None:
    state = routed()
    settle(state, run(state, case(CaseClosed, outcome="supported")))
    settle(state, run(state, declining("jeju")))
    assert state.report_states[report_id(1)].ended is EndReason.CLOSED
    (event,) = settle(state, run(state, declining("busan", version=3)))
    assert isinstance(event, ReportRerouted)
    assert (event.ownership, event.intake_version, event.cause.kind) == (2, 3, CauseKind.REPORT)
    assert (event.previous_center_id, event.decision.reason) == ("busan", RoutingReason.HOME_DECLINED)
    assert state.report_states[report_id(1)].ended is None
    assert run(state, case(CaseReopened, 2)).void == {"superseded": 1}


def test_declining_another_centre_or_a_withdrawn_report_moves_nothing() -> None:
    state = routed()
    (event,) = settle(state, run(state, declining("jeju")))
    assert isinstance(event, ReportUpdated)
    settle(state, run(state, ReportWithdrawn(report_id=report_id(1), intake_version=3, withdrawn_at=NOW)))
    (event,) = settle(state, run(state, declining("busan", version=4)))
    assert isinstance(event, ReportUpdated)
