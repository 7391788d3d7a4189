"""A report that comes back, or is given up: never to a centre declined meanwhile or closed, and after its links."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.routing.assignment.models import CenterLoads
from services.routing.state.partition import PartitionState
from services.routing.transitions.models import TransitionResult
from services.routing.transitions.rules import links_of, links_of_moves, moves, next_to_move
from shared.centers import CENTER_IDS, CENTRAL
from shared.events.cases import CaseAcknowledged, CaseClosed, CaseReopened
from shared.events.reports import ReportAmended, ReportFacts, ReportReinstated, ReportWithdrawn
from shared.events.routings import ReportEnded, ReportRerouted, ReportUpdated
from shared.events.vocabulary import CauseKind, CenterState, EndReason, RoutingReason, UpdateKind
from tests.unit.routing.builders import (
    DAY,
    MOMENT,
    NOW,
    TRACE,
    any_board,
    any_facts,
    busy_board,
    center_loads,
    facts,
    incoming,
    received,
    report_id,
    weighed,
)
from tests.unit.routing.later import later
from tests.unit.routing.steps import accepted, case, published, routed, run, settle

BOARDS = any_board() | busy_board()
OWNERS = st.sampled_from([*CENTER_IDS, CENTRAL])
WITHDRAWN = ReportWithdrawn(report_id=report_id(1), intake_version=2, withdrawn_at=NOW)


def declining(version: int, *centers: str) -> ReportAmended:
    told = facts("busan", declined_centers=list(centers))
    return ReportAmended(report_id=report_id(1), intake_version=version, amended_at=NOW, facts=told)


def reinstated(version: int) -> ReportReinstated:
    return ReportReinstated(report_id=report_id(1), intake_version=version, reinstated_at=NOW)


def test_a_reinstated_report_goes_past_the_owner_declined_meanwhile_in_one_record() -> None:
    state = routed()
    for event in (WITHDRAWN, declining(3, "busan")):
        settle(state, run(state, event))
    assert state.report_states[report_id(1)].center_id == "busan", "as long as nobody may work on it, nobody has it"
    (moved,) = settle(state, run(state, reinstated(4)))
    assert isinstance(moved, ReportRerouted)
    assert (moved.version, moved.ownership, moved.intake_version, moved.previous_center_id) == (4, 2, 4, "busan")
    assert (moved.cause.kind, moved.cause.event_id) == (CauseKind.REPORT, incoming(reinstated(4)).event_id)
    assert (moved.decision.center_id, moved.decision.reason) == ("gyeongnam", RoutingReason.HOME_DECLINED)
    report_state = state.report_states[report_id(1)]
    assert (report_state.ended, report_state.waits_since, report_state.intake_version) == (None, None, 4)
    assert weighed(state) == {"busan": 0, "gyeongnam": 10}
    assert (list(state.waiting["busan"]), list(state.waiting["gyeongnam"])) == ([], [report_id(1)])
    assert run(state, reinstated(4)).repeated == 1


def test_a_reopened_report_goes_past_its_owner_too_and_what_that_owner_did_is_over() -> None:
    state = routed()
    settle(state, run(state, case(CaseClosed, 1, outcome="supported")))
    reopened = case(CaseReopened, 2)
    (moved,) = settle(state, run(state, reopened, closed=("busan",)))
    assert isinstance(moved, ReportRerouted)
    assert (moved.version, moved.ownership, moved.intake_version) == (3, 2, 1)
    assert (moved.cause.kind, moved.cause.event_id) == (CauseKind.CASE_EVENT, incoming(reopened, "notify").event_id)
    assert run(state, reopened).void == {"superseded": 1}
    assert run(state, case(CaseClosed, 3, 1, outcome="supported")).void == {"superseded": 1}
    (end,) = settle(state, run(state, case(CaseClosed, 4, 2, outcome="supported")))
    assert (end.reason, end.center_id) == (EndReason.CLOSED, moved.decision.center_id)


def test_what_comes_back_from_a_closed_centre_is_not_shown_there_first() -> None:
    state = routed()
    state.acknowledge(case(CaseAcknowledged))
    settle(state, run(state, WITHDRAWN))
    (moved,) = settle(state, run(state, reinstated(3), closed=("busan",)))
    assert (moved.decision.reason, moved.previous_center_id) == (RoutingReason.HOME_CLOSED, "busan")
    assert moved.decision.right_of_return


def test_an_owner_that_may_have_it_has_it_again() -> None:
    state = routed()
    settle(state, run(state, WITHDRAWN))
    (back,) = settle(state, run(state, reinstated(3), closed=("jeju",)))
    assert (back.kind, back.ownership) == (UpdateKind.REINSTATED, 1)


@given(any_facts(), BOARDS, OWNERS, st.none() | OWNERS, st.sampled_from(["reopened", "reinstated"]))
def test_whatever_comes_back_is_open_at_a_centre_that_may_have_it(
    told: ReportFacts, center_loads: CenterLoads, owner: str, linked: str | None, then: str
) -> None:
    (event,) = published(later(told, center_loads, DAY, owner, then, linked))
    assert not isinstance(event, ReportEnded)
    after = event.decision.center_id if isinstance(event, ReportRerouted) else event.center_id
    allowed = {
        c for c, s in center_loads.items() if s.state is not CenterState.CLOSED and c not in told.declined_centers
    }
    assert after in allowed or (after == CENTRAL and (owner == CENTRAL or not allowed))
    # Nobody loses it who may have it, and who gets it is who the rule would choose, the linked one first.
    assert isinstance(event, ReportUpdated) == (owner in allowed or owner == CENTRAL)
    if isinstance(event, ReportRerouted) and linked in allowed:
        assert (after, event.decision.reason) == (linked, RoutingReason.LINKED)
    assert (event.version, event.ownership) == (3, 1 + isinstance(event, ReportRerouted))


@given(any_facts(), BOARDS, st.sampled_from(CENTER_IDS), st.none() | OWNERS)
def test_what_a_closed_centre_gives_up_follows_its_links_where_that_is_allowed(
    told: ReportFacts, center_loads: CenterLoads, owner: str, linked: str | None
) -> None:
    shut = center_loads | {owner: center_loads[owner]._replace(state=CenterState.CLOSED)}
    (event,) = published(later(told, shut, DAY, owner, "centre_closed", linked))
    allowed = {c for c, s in shut.items() if s.state is not CenterState.CLOSED and c not in told.declined_centers}
    follows = event.decision.reason is RoutingReason.LINKED
    assert follows == (linked in allowed)
    assert event.decision.center_id == linked if follows else event.decision.center_id in allowed | {CENTRAL}


def test_reports_linked_with_each_other_leave_a_closed_centre_together() -> None:
    """The first is decided anew, the second follows it, though every other centre is as good."""
    state = PartitionState()
    settle(state, run(state, received(1, "busan"), received(2, "busan", linked_reports=[report_id(1)])))
    settle(state, run(state, accepted("jeju")))
    settle(state, run(state, case(CaseClosed, 2, 2, outcome="supported")))
    drafts = moves(state, center_loads(closed=("busan",)), MOMENT, TRACE, limit=9, owners={})
    (event,) = settle(state, TransitionResult(drafts=drafts))
    assert (event.report_id, event.decision.center_id) == (report_id(2), "jeju")

    state = PartitionState()
    links: dict[str, Any] = {"linked_reports": [report_id(1)], "division": "daegu"}
    settle(state, run(state, received(1, "busan"), received(2, **links), loads=dict.fromkeys(CENTER_IDS, 450)))
    settle(
        state, TransitionResult(drafts=moves(state, center_loads(closed=("busan",)), MOMENT, TRACE, limit=9, owners={}))
    )
    assert len({state.report_states[report_id(n)].center_id for n in (1, 2)}) == 1


def test_whose_owners_are_looked_up_before_a_batch_is_decided() -> None:
    state = routed(1, linked_reports=[report_id(11)])
    amended = ReportAmended(
        report_id=report_id(1), intake_version=2, amended_at=NOW, facts=facts(linked_reports=[report_id(12)])
    )
    asks = {
        WITHDRAWN: set[str](),
        received(2, linked_reports=[report_id(13)]): {report_id(13)},
        amended: {report_id(12)},
        reinstated(3): {report_id(11)},
        case(CaseReopened): {report_id(11)},
        case(CaseReopened, number=9): set[str](),
        case(CaseClosed, outcome="supported"): set[str](),
    }
    for event, linked in asks.items():
        assert links_of([incoming(event)], state) == linked
    assert links_of([incoming(event) for event in asks], state) == {report_id(n) for n in (11, 12, 13)}


def test_whose_owners_are_looked_up_before_a_closed_centre_is_emptied() -> None:
    state = PartitionState()
    links: dict[str, Any] = {"linked_reports": [report_id(11), report_id(12)]}
    settle(state, run(state, received(1), received(2, "jeju", **links), received(3)))
    assert next_to_move(state, ["busan", "ulsan", "jeju"], 9) == [report_id(1), report_id(3), report_id(2)]
    assert next_to_move(state, ["busan", "jeju"], 2) == [report_id(1), report_id(3)]
    assert next_to_move(state, [], 9) == []
    assert links_of_moves(state, [report_id(1), report_id(2)]) == {report_id(11), report_id(12)}
