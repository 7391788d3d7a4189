"""What a batch of events makes of what the log says."""

from typing import Any

import pytest

from services.routing.model import Incoming
from services.routing.policy.stream import Outcome, cases_ahead_of, decide, moves
from services.routing.projection import PartitionState
from services.routing.rendering import message_of
from shared.errors import FatalError
from shared.events.base import Event
from shared.events.cases import CaseAcknowledged, CaseAssigned, CaseClosed, CaseReopened, CaseTransferAccepted
from shared.events.catalog import parse_event
from shared.events.reports import ReportAmended, ReportMessageLeft, ReportWithdrawn
from shared.events.routings import ReportEnded, ReportRerouted, ReportRouted, ReportUpdated
from shared.events.vocabulary import CauseKind, EndReason, RoutingReason, UpdateKind
from tests.unit.routing.builders import MOMENT, NOW, TRACE, board, facts, incoming, received, report_id


def published(outcome: Outcome) -> list[Any]:
    messages = [message_of(draft) for draft in outcome.drafts]
    return [parse_event("routings", key, headers, value)[0] for key, value, headers in messages]


def settle(state: PartitionState, outcome: Outcome) -> list[Any]:
    """Publish and read back: the state learns from the log, never from the drafts."""
    events = published(outcome)
    for event in events:
        state.fold(event)
        state.position += 1
    return events


def run(state: PartitionState, *events: Event | Incoming, **board_args: Any) -> Outcome:
    batch = [e if isinstance(e, Incoming) else incoming(e, _source(e)) for e in events]
    return decide(batch, state, board(**board_args), MOMENT, {})


def _source(event: Event) -> str:
    return "notify" if event.TOPIC == "cases" else "intake"


def routed(number: int = 1, division: str = "busan", **more: Any) -> PartitionState:
    state = PartitionState()
    settle(state, run(state, received(number, division, **more)))
    return state


def case(cls: type[Any], version: int = 1, ownership: int = 1, number: int = 1, **more: Any) -> Any:
    return cls(
        report_id=report_id(number), case_version=version, ownership=ownership, center_id="busan", at=NOW, **more
    )


def accepted(to: str, version: int = 1, ownership: int = 1) -> Any:
    return case(CaseTransferAccepted, version, ownership, offer_id="o1", to_center_id=to)


def test_a_report_is_routed_once_however_often_it_is_read() -> None:
    state = PartitionState()
    outcome = run(state, received(), received())
    (event,) = settle(state, outcome)
    assert isinstance(event, ReportRouted)
    assert (event.version, event.ownership, event.intake_version) == (1, 1, 1)
    assert (event.decision.center_id, event.cause.kind, event.decided_at) == ("busan", CauseKind.REPORT, NOW)
    assert outcome.repeated == 1
    assert run(state, received()).drafts == []


def test_within_a_batch_each_decision_sees_the_load_of_those_before() -> None:
    state = PartitionState()
    events = settle(state, run(state, *(received(n, "overseas") for n in range(32))))
    owners = [e.decision.center_id for e in events]
    assert {owners.count(c) for c in owners} == {2}
    assert events[16].decision.candidates[0].load == 10


def test_a_drill_is_routed_and_weighs_nothing() -> None:
    state = routed(synthetic=True)
    assert (state.weighted, state.counted) == ({}, {})
    assert list(state.open_by_center["busan"]) == [report_id(1)]


def test_an_amendment_is_passed_on_once_and_changes_the_weight() -> None:
    state = routed()
    amended = ReportAmended(
        report_id=report_id(1), intake_version=2, amended_at=NOW, facts=facts("busan", urgency="critical")
    )
    outcome = run(state, amended, amended)
    (event,) = settle(state, outcome)
    assert outcome.deferred == [1]
    assert isinstance(event, ReportUpdated)
    assert (event.version, event.ownership, event.intake_version, event.kind) == (2, 1, 2, UpdateKind.AMENDED)
    assert state.weighted == {"busan": 20}
    assert run(state, amended).repeated == 1


def test_a_message_is_passed_on_with_the_facts_as_they_stand() -> None:
    state = routed()
    (event,) = settle(state, run(state, ReportMessageLeft(report_id=report_id(1), intake_version=2, left_at=NOW)))
    assert (event.kind, event.facts) == (UpdateKind.MESSAGE_LEFT, facts("busan"))


def test_a_withdrawn_report_ends_and_is_no_load() -> None:
    state = routed()
    (event,) = settle(state, run(state, ReportWithdrawn(report_id=report_id(1), intake_version=2, withdrawn_at=NOW)))
    assert isinstance(event, ReportEnded)
    assert event.reason is EndReason.WITHDRAWN
    assert (state.weighted, state.counted, state.open_by_center["busan"]) == ({"busan": 0}, {"busan": 0}, {})


def test_what_follows_a_report_nobody_received_is_refused() -> None:
    outcome = run(PartitionState(), ReportMessageLeft(report_id=report_id(1), intake_version=2, left_at=NOW))
    assert [(r.place, r.reason) for r in outcome.refused] == [(0, "unknown_report")]


def test_an_accepted_transfer_moves_the_ownership_once() -> None:
    state = routed()
    (event,) = settle(state, run(state, accepted("jeju")))
    assert isinstance(event, ReportRerouted)
    assert (event.version, event.ownership, event.previous_center_id) == (2, 2, "busan")
    assert (event.decision.center_id, event.decision.reason) == ("jeju", RoutingReason.TRANSFER_ACCEPTED)
    assert state.weighted == {"busan": 0, "jeju": 10}
    assert run(state, accepted("jeju")).void == 1


def test_a_case_event_of_an_ownership_that_is_over_is_void() -> None:
    state = routed()
    settle(state, run(state, accepted("jeju")))
    outcome = run(state, case(CaseClosed, 2, 1, outcome="supported"))
    assert (outcome.drafts, outcome.void) == ([], 1)


def test_a_closed_case_ends_and_reopens() -> None:
    state = routed()
    closed, reopened = case(CaseClosed, 1, outcome="supported"), case(CaseReopened, 2)
    first = run(state, closed, reopened)
    assert first.deferred == [1], "the second rests on the first, so the log must hold that"
    (end,) = settle(state, first)
    (again,) = settle(state, run(state, reopened))
    assert (end.reason, end.version) == (EndReason.CLOSED, 2)
    assert (again.kind, again.version) == (UpdateKind.REOPENED, 3)
    assert state.weighted == {"busan": 10}
    redelivered = run(state, closed, reopened)
    assert (redelivered.drafts, redelivered.repeated) == ([], 2)


def test_a_withdrawn_report_is_not_reopened_by_staff() -> None:
    state = routed()
    settle(state, run(state, ReportWithdrawn(report_id=report_id(1), intake_version=2, withdrawn_at=NOW)))
    assert run(state, case(CaseReopened, 2)).void == 1


def test_withdrawal_is_passed_on_even_for_a_closed_case() -> None:
    state = routed()
    settle(state, run(state, case(CaseClosed, outcome="supported")))
    (event,) = settle(state, run(state, ReportWithdrawn(report_id=report_id(1), intake_version=2, withdrawn_at=NOW)))
    assert (event.reason, event.version) == (EndReason.WITHDRAWN, 3)


def test_a_transfer_to_nowhere_is_refused_and_one_to_oneself_void() -> None:
    state = routed()
    assert run(state, accepted("atlantis")).refused[0].reason == "unknown_center"
    assert run(state, accepted("busan")).void == 1


def test_what_changes_no_ownership_makes_no_record() -> None:
    state = routed()
    outcome = run(state, case(CaseAcknowledged), case(CaseAssigned, 2, assignee="kim"))
    assert (outcome.drafts, outcome.refused) == ([], [])


def test_a_case_about_what_the_log_does_not_hold_asks_to_read_on_and_is_refused_after_that() -> None:
    state = PartitionState()
    batch = [incoming(received()), incoming(case(CaseClosed, outcome="supported"), "notify")]
    assert cases_ahead_of(batch, state), "a report of the same batch is not yet in the log"
    outcome = decide(batch, state, board(), MOMENT, {})
    assert [(r.place, r.reason) for r in outcome.refused] == [(1, "unknown_report")]
    known = routed()
    assert not cases_ahead_of(batch, known)
    ahead = incoming(case(CaseClosed, ownership=2, outcome="supported"), "notify")
    assert cases_ahead_of([ahead], known)
    assert decide([ahead], known, board(), MOMENT, {}).refused[0].reason == "unknown_ownership"


def test_linked_reports_are_looked_for_in_the_batch_the_partition_and_elsewhere() -> None:
    state = routed(1, "jeju")
    other = report_id(77)
    batch = [
        received(2, linked_reports=[report_id(1)]),
        received(3, linked_reports=[report_id(2)]),
        received(4, linked_reports=[other]),
        received(5, linked_reports=[report_id(99)]),
    ]
    outcome = decide([incoming(e) for e in batch], state, board(), MOMENT, {other: "sejong"})
    events = published(outcome)
    assert [e.decision.center_id for e in events] == ["jeju", "jeju", "sejong", "busan"]
    assert [e.decision.reason for e in events][:3] == [RoutingReason.LINKED] * 3


def test_a_closed_centre_gives_up_what_nobody_acknowledged_a_chunk_at_a_time() -> None:
    state = PartitionState()
    settle(state, run(state, *(received(n) for n in range(1, 5))))
    state.acknowledge(case(CaseAcknowledged, number=2))
    drafts = moves(state, board(closed=("busan",)), MOMENT, TRACE, limit=2)
    assert [d.report_id for d in drafts] == [report_id(1), report_id(3)]
    events = settle(state, Outcome(drafts=drafts))
    assert {e.cause.kind for e in events} == {CauseKind.CENTER_CLOSED}
    assert {e.decision.reason for e in events} == {RoutingReason.HOME_CLOSED}
    assert {(e.version, e.ownership, e.previous_center_id) for e in events} == {(2, 2, "busan")}
    rest = moves(state, board(closed=("busan",)), MOMENT, TRACE, limit=9)
    assert [d.report_id for d in rest] == [report_id(4)]
    settle(state, Outcome(drafts=rest))
    assert moves(state, board(closed=("busan",)), MOMENT, TRACE, limit=9) == []
    assert list(state.open_by_center["busan"]) == [report_id(2)]


def test_an_acknowledgement_of_an_earlier_ownership_does_not_hold_the_next_one() -> None:
    state = routed()
    state.acknowledge(case(CaseAcknowledged))
    settle(state, run(state, accepted("jeju")))
    assert [d.report_id for d in moves(state, board(closed=("jeju",)), MOMENT, TRACE, limit=9)] == [report_id(1)]


def test_nothing_moves_while_no_centre_is_closed() -> None:
    assert moves(routed(), board(), MOMENT, TRACE, limit=9) == []


def test_the_first_record_of_a_version_counts_and_later_ones_are_ignored() -> None:
    state = routed()
    late = published(run(PartitionState(), received(1, "jeju")))[0]
    assert not state.fold(late)
    assert (state.standings[report_id(1)].center_id, state.ignored) == ("busan", 1)


def test_a_hole_in_the_versions_is_fatal() -> None:
    state = routed()
    closed = PartitionState(standings=dict(state.standings), open_by_center={"busan": {report_id(1): None}})
    closed.weighted, closed.counted = {"busan": 10}, {"busan": 1}
    settle(closed, run(closed, case(CaseClosed, 1, outcome="supported")))
    (reopened,) = published(run(closed, case(CaseReopened, 2)))
    with pytest.raises(FatalError):
        state.fold(reopened)
    with pytest.raises(FatalError):
        PartitionState().fold(reopened)
