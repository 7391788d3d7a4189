"""What becomes of a report a centre has already, when something happens: for the decision tables and properties."""

from datetime import UTC, date, datetime, time
from typing import Any

from services.routing.assignment.models import CenterLoads
from services.routing.models import ReportState
from services.routing.state.partition import PartitionState
from services.routing.state.report_states import first_report_state
from services.routing.transitions.models import TransitionResult
from services.routing.transitions.rules import decide, moves
from shared.events.cases import CaseReopened
from shared.events.reports import ReportAmended, ReportFacts, ReportReinstated
from shared.events.routings import Decision, ReportRerouted
from shared.events.vocabulary import EndReason
from tests.unit.routing.builders import MOMENT, NOW, TRACE, incoming, report_id
from tests.unit.routing.steps import published

LINKED = report_id(2)
"""A report of another partition, which the copy knows the owner of."""
ENDED = {"added_after_closing": EndReason.CLOSED, "reopened": EndReason.CLOSED, "reinstated": EndReason.WITHDRAWN}


def standing_of(facts: ReportFacts, day: date, owner: str, ended: EndReason | None = None) -> ReportState:
    """A report its owner has had from the first: its end is in a second record."""
    received_at = datetime.combine(day, time(3), UTC)
    first = first_report_state(owner, owner, 1, facts, received_at, right_of_return=False)
    return first if ended is None else first._replace(version=2, ended=ended)


def later(
    facts: ReportFacts, center_loads: CenterLoads, day: date, owner: str, then: str, linked: str | None
) -> TransitionResult:
    """What routing makes of it. An addition is what says ``facts``; before, nobody was declined."""
    if linked is not None:
        facts = facts.model_copy(update={"linked_reports": (LINKED,)})
    before = facts.model_copy(update={"declined_centers": ()}) if then.startswith("added") else facts
    state, owners = PartitionState(), {} if linked is None else {LINKED: linked}
    report_state = standing_of(before, day, owner, ENDED.get(then))
    state.accept(report_id(1), report_state._replace(version=1, ended=None))
    if report_state.ended is not None:
        state.accept(report_id(1), report_state)
    if then == "centre_closed":
        return TransitionResult(drafts=moves(state, center_loads, MOMENT, TRACE, limit=9, owners=owners))
    common: dict[str, Any] = {"report_id": report_id(1)}
    event: ReportAmended | ReportReinstated | CaseReopened
    match then:
        case "added" | "added_after_closing":
            event = ReportAmended(**common, intake_version=2, amended_at=NOW, facts=facts)
        case "reinstated":
            event = ReportReinstated(**common, intake_version=2, reinstated_at=NOW)
        case _:
            event = CaseReopened(**common, case_version=2, ownership=1, center_id=owner, at=NOW)
    return decide([incoming(event)], state, center_loads, MOMENT, owners)


def decided_later(
    facts: ReportFacts, center_loads: CenterLoads, day: date, owner: str, then: str, linked: str | None
) -> Decision | None:
    """The new decision; none where the owner keeps the report."""
    events = published(later(facts, center_loads, day, owner, then, linked))
    assert len(events) <= 1
    return events[0].decision if events and isinstance(events[0], ReportRerouted) else None
