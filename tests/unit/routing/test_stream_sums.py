"""What a batch counts, what it says of what it refuses, and what its later decisions see of its earlier ones."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.routing.assignment.models import CenterLoads
from services.routing.state.partition import PartitionState
from services.routing.transitions.models import TransitionResult
from services.routing.transitions.rules import cases_ahead_of, decide, moves
from shared.events.base import Event
from shared.events.cases import CaseClosed, CaseReopened
from shared.events.reports import ReportAmended, ReportMessageLeft, ReportReceived, ReportReinstated, ReportWithdrawn
from shared.events.routings import Candidate
from shared.events.vocabulary import CauseKind, RoutingReason
from tests.unit.routing.builders import MOMENT, NOW, TRACE, center_loads, facts, incoming, received, report_id
from tests.unit.routing.steps import accepted, case, published, routed, run, settle

SEVERE: dict[str, Any] = {"urgency": "critical"}


def both(**more: Any) -> PartitionState:
    """Two reports at their home, Busan."""
    state = PartitionState()
    settle(state, run(state, received(1, **more), received(2, **more)))
    return state


def about(number: int, event: Any) -> Any:
    return event.model_copy(update={"report_id": report_id(number)})


def withdrawn(number: int, version: int = 2) -> ReportWithdrawn:
    return ReportWithdrawn(report_id=report_id(number), intake_version=version, withdrawn_at=NOW)


def reinstated(number: int, version: int = 3) -> ReportReinstated:
    return ReportReinstated(report_id=report_id(number), intake_version=version, reinstated_at=NOW)


def left(number: int, version: int = 2) -> ReportMessageLeft:
    return ReportMessageLeft(report_id=report_id(number), intake_version=version, left_at=NOW)


def test_everything_that_changes_nothing_is_counted() -> None:
    assert run(PartitionState(), received(), received(), received()).repeated == 2
    state = both()
    settle(state, run(state, left(1)))
    assert run(state, left(1), left(1)).repeated == 2
    assert run(state, accepted("busan"), about(2, accepted("busan"))).void == {"same_owner": 2}
    reopening = case(CaseReopened)
    assert run(state, reopening, about(2, reopening)).void == {"not_closed": 2}


def test_what_comes_after_the_end_is_counted() -> None:
    state = both()
    settle(state, run(state, withdrawn(1), withdrawn(2)))
    closing = case(CaseClosed, outcome="supported")
    assert run(state, closing, about(2, closing)).void == {"ended": 2}
    assert run(state, accepted("jeju"), about(2, accepted("jeju"))).void == {"ended": 2}


def test_what_was_done_under_an_ownership_that_is_over_is_counted() -> None:
    state = both()
    settle(state, run(state, accepted("jeju"), about(2, accepted("jeju"))))
    late = accepted("ulsan", 2)
    assert run(state, late, about(2, late)).void == {"superseded": 2}


def test_a_redelivered_case_event_is_counted_as_repeated() -> None:
    state = both()
    closing = case(CaseClosed, outcome="supported")
    settle(state, run(state, closing, about(2, closing)))
    assert run(state, closing, about(2, closing)).repeated == 2


def test_refusals_say_which_event_and_why() -> None:
    state = routed()
    unknown = about(9, case(CaseClosed, outcome="supported"))
    outcome = run(state, received(), left(9), unknown, accepted("atlantis"))
    assert [tuple(refusal) for refusal in outcome.refused] == [
        (1, "unknown_report", "report.message_left.v1 about a report not received"),
        (2, "unknown_report", "case.closed.v1 of ownership 1"),
        (3, "unknown_center", "transfer to a centre that does not exist"),
    ]


def test_what_intake_tells_is_passed_on_with_its_event_as_the_cause() -> None:
    state = routed()
    one = incoming(left(1))
    (event,) = settle(state, run(state, one))
    assert (event.cause.kind, event.cause.event_id) == (CauseKind.REPORT, one.event_id)


def test_a_draft_carries_the_standing_the_log_will_give() -> None:
    state = routed()
    outcome = run(state, accepted("jeju"))
    settle(state, outcome)
    assert outcome.drafts[0].report_state == state.report_states[report_id(1)]


@pytest.mark.parametrize(
    ("at", "home", "reason"),
    [
        (datetime(2026, 6, 30, 14, 59, tzinfo=UTC), None, RoutingReason.NO_HOME_UNKNOWN),
        (datetime(2026, 6, 30, 15, 0, tzinfo=UTC), "gwangju", RoutingReason.HOME),
    ],
)
def test_the_tables_of_the_seoul_day_of_the_report_count_for_all_that_follows(
    at: datetime, home: str | None, reason: RoutingReason
) -> None:
    state = PartitionState()
    told = facts("jeonnam-gwangju", district="12240")
    (event,) = settle(
        state, run(state, ReportReceived(report_id=report_id(1), intake_version=1, received_at=at, facts=told))
    )
    assert (event.decision.home_center_id, event.decision.reason) == (home, reason)
    (moved,) = settle(state, run(state, accepted("jeju")))
    assert moved.decision.home_center_id == home
    drafts = moves(state, center_loads(closed=("jeju",)), MOMENT, TRACE, limit=9, owners={})
    (again,) = settle(state, TransitionResult(drafts=drafts))
    assert again.decision.home_center_id == home


def test_the_right_of_return_outlives_a_transfer_elsewhere_and_ends_at_home_or_when_home_gives_the_report_away() -> (
    None
):
    state = PartitionState()
    settle(state, run(state, received(), loads={"busan": 450}))
    report_state = state.report_states[report_id(1)]
    assert (report_state.center_id, report_state.home, report_state.right_of_return) == ("gyeongnam", "busan", True)
    (elsewhere,) = settle(state, run(state, accepted("jeju")))
    assert elsewhere.decision.right_of_return
    (home,) = settle(state, run(state, accepted("busan", 2, 2)))
    assert (home.decision.reason, home.decision.right_of_return) == (RoutingReason.RETURNED_HOME, False)
    for version, to in ((3, "jeju"), (4, "ulsan"), (5, "busan")):
        (given,) = settle(state, run(state, accepted(to, version, version)))
        assert (given.decision.reason, given.decision.right_of_return) == (RoutingReason.TRANSFER_ACCEPTED, False)


def seen(state: PartitionState, at: CenterLoads, *events: Event) -> dict[str, Candidate]:
    """The centres as the decision about one more report sees them after a batch's earlier events."""
    batch = [incoming(event, "notify" if event.TOPIC == "cases" else "intake") for event in (*events, received(99))]
    *_, last = published(decide(batch, state, at, MOMENT, {}))
    return {candidate.center_id: candidate for candidate in last.decision.candidates()}


def sums(candidate: Candidate) -> tuple[int, int, int]:
    return candidate.load, candidate.guests, candidate.severe


def test_within_a_batch_a_move_takes_a_case_from_one_centre_and_gives_it_to_another() -> None:
    state, at = routed(**SEVERE), center_loads({"busan": 100, "jeju": 50})
    at["busan"] = at["busan"]._replace(severe=5, guests=40)
    after = seen(state, at, accepted("jeju"))
    assert (sums(after["busan"]), sums(after["jeju"])) == ((80, 40, 4), (70, 20, 1))
    assert (after["jeju"].capacity, after["jeju"].severe_cap, after["jeju"].staff_on_duty) == (450, 12, 3)


def test_within_a_batch_an_end_takes_a_case_away_and_a_return_brings_it_back() -> None:
    state, at = routed(**SEVERE), center_loads({"busan": 100})
    at["busan"] = at["busan"]._replace(severe=5, guests=40)
    assert sums(seen(state, at, withdrawn(1))["busan"]) == (80, 40, 4)
    settle(state, run(state, withdrawn(1)))
    assert sums(seen(state, at, left(1, 3))["busan"]) == (100, 40, 5)
    assert sums(seen(state, at, reinstated(1))["busan"]) == (120, 40, 6)


def test_within_a_batch_a_guest_that_leaves_is_no_longer_counted_among_the_guests() -> None:
    state = PartitionState()
    settle(state, run(state, received(), loads={"busan": 450}))
    at = center_loads({"gyeongnam": 100})
    at["gyeongnam"] = at["gyeongnam"]._replace(guests=60, severe=3)
    assert sums(seen(state, at, withdrawn(1))["gyeongnam"]) == (90, 50, 3)
    amended = ReportAmended(report_id=report_id(1), intake_version=2, amended_at=NOW, facts=facts(**SEVERE))
    assert sums(seen(state, at, amended)["gyeongnam"]) == (110, 70, 4)


def test_other_partitions_sums_may_lag_and_nothing_goes_below_zero() -> None:
    state = PartitionState()
    settle(state, run(state, received(**SEVERE), loads={"busan": 450}))
    assert sums(seen(state, center_loads(), withdrawn(1))["gyeongnam"]) == (0, 0, 0)


def test_a_drill_changes_no_sum() -> None:
    at = center_loads()
    assert sums(seen(PartitionState(), at, received(1, synthetic=True, **SEVERE))["busan"]) == (0, 0, 0)


def test_a_case_is_ahead_only_of_what_the_log_does_not_hold() -> None:
    state = routed()
    later = case(CaseClosed, 1, 2, outcome="supported")
    assert cases_ahead_of([incoming(received(5)), incoming(later, "notify")], state)
    assert not cases_ahead_of([incoming(received(5)), incoming(left(7))], state)
