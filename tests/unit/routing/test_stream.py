"""What a batch of events makes of what the log says."""

import pytest

from services.routing.state.partition import PartitionState
from services.routing.transitions.models import reasons_of
from services.routing.transitions.rules import cases_ahead_of, decide
from shared.errors import OutOfSequenceError
from shared.events.cases import CaseAcknowledged, CaseAssigned, CaseClosed, CaseReopened
from shared.events.reports import ReportAmended, ReportMessageLeft
from shared.events.routings import ReportRouted, ReportUpdated
from shared.events.vocabulary import CauseKind, RoutingReason, UpdateKind
from tests.unit.routing.builders import (
    MOMENT,
    NOW,
    center_loads,
    counted,
    facts,
    full,
    incoming,
    received,
    report_id,
    weighed,
)
from tests.unit.routing.steps import accepted, case, published, routed, run, settle


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
    assert events[16].decision.candidates()[0].load == 10


def test_owners_are_counted_by_reason_moves_too_and_what_is_over_capacity() -> None:
    state = PartitionState()
    first = run(state, received(1), received(2), received(3, "seoul"))
    settle(state, first)
    crowded = run(state, received(4), received(5), loads=full())
    amended = ReportAmended(report_id=report_id(2), intake_version=2, amended_at=NOW, facts=facts("busan"))
    later = run(state, accepted("jeju"), amended)
    assert reasons_of([*first.drafts, *crowded.drafts, *later.drafts]) == (
        {
            RoutingReason.HOME: 2,
            RoutingReason.NO_HOME_SEOUL: 1,
            RoutingReason.ALL_FULL: 2,
            RoutingReason.TRANSFER_ACCEPTED: 1,
        },
        2,
    )


def test_a_drill_is_routed_and_weighs_nothing() -> None:
    state = routed(synthetic=True)
    assert (weighed(state), counted(state)) == ({}, {})
    assert list(state.waiting["busan"]) == [report_id(1)]


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
    assert weighed(state) == {"busan": 20}
    assert run(state, amended).repeated == 1


def test_a_message_is_passed_on_with_the_facts_as_they_stand() -> None:
    state = routed()
    (event,) = settle(state, run(state, ReportMessageLeft(report_id=report_id(1), intake_version=2, left_at=NOW)))
    assert (event.kind, event.facts) == (UpdateKind.MESSAGE_LEFT, facts("busan"))


def test_what_follows_a_report_nobody_received_is_refused() -> None:
    outcome = run(PartitionState(), ReportMessageLeft(report_id=report_id(1), intake_version=2, left_at=NOW))
    assert [(r.place, r.reason) for r in outcome.refused] == [(0, "unknown_report")]


def test_what_changes_no_ownership_makes_no_record() -> None:
    state = routed()
    outcome = run(state, case(CaseAcknowledged), case(CaseAssigned, 2, assignee="kim"))
    assert (outcome.drafts, outcome.refused) == ([], [])


def test_a_case_about_what_the_log_does_not_hold_asks_to_read_on_and_is_refused_after_that() -> None:
    state = PartitionState()
    batch = [incoming(received()), incoming(case(CaseClosed, outcome="supported"), "notify")]
    assert cases_ahead_of(batch, state), "a report of the same batch is not yet in the log"
    outcome = decide(batch, state, center_loads(), MOMENT, {})
    assert [(r.place, r.reason) for r in outcome.refused] == [(1, "unknown_report")]
    known = routed()
    assert not cases_ahead_of(batch, known)
    ahead = incoming(case(CaseClosed, ownership=2, outcome="supported"), "notify")
    assert cases_ahead_of([ahead], known)
    assert decide([ahead], known, center_loads(), MOMENT, {}).refused[0].reason == "unknown_ownership"


def test_linked_reports_are_looked_for_in_the_batch_the_partition_and_elsewhere() -> None:
    state = routed(1, "jeju")
    other = report_id(77)
    batch = [
        received(2, linked_reports=[report_id(1)]),
        received(3, linked_reports=[report_id(2)]),
        received(4, linked_reports=[other]),
        received(5, linked_reports=[report_id(99)]),
    ]
    outcome = decide([incoming(e) for e in batch], state, center_loads(), MOMENT, {other: "sejong"})
    events = published(outcome)
    assert [e.decision.center_id for e in events] == ["jeju", "jeju", "sejong", "busan"]
    assert [e.decision.reason for e in events][:3] == [RoutingReason.LINKED] * 3


def test_the_first_record_of_a_version_counts_and_later_ones_are_ignored() -> None:
    state = routed()
    late = published(run(PartitionState(), received(1, "jeju")))[0]
    assert not state.fold(late)
    assert (state.report_states[report_id(1)].center_id, state.ignored) == ("busan", 1)


def test_a_missing_version_is_refused() -> None:
    state = routed()
    closed = routed()
    settle(closed, run(closed, case(CaseClosed, 1, outcome="supported")))
    (reopened,) = published(run(closed, case(CaseReopened, 2)))
    with pytest.raises(OutOfSequenceError, match="version 3 does not follow 1"):
        state.fold(reopened)
    with pytest.raises(OutOfSequenceError, match="version 3 does not follow 0"):
        PartitionState().fold(reopened)
