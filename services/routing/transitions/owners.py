"""Whether the centre that has a report may go on having it, and whose links it follows if not. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from services.routing.assignment.models import CenterLoads
from services.routing.model import Incoming, ReportState
from services.routing.state.partition import PartitionState
from shared.events.base import Event
from shared.events.cases import CaseEvent, CaseReopened
from shared.events.reports import ReportAmended, ReportFacts, ReportReceived, ReportReinstated
from shared.events.vocabulary import CenterState


def facts_of(report_state: ReportState) -> ReportFacts:
    """What is known of a report the log holds."""
    return ReportFacts.model_validate_json(report_state.facts)


def facts_elsewhere(event: Event, report_state: ReportState, center_loads: CenterLoads) -> ReportFacts | None:
    """The facts to decide anew with, where the owner may not have the report after this event; else none.

    A declined centre never, however far it has come with the case: whoever harmed them may work there. What comes back
    after a withdrawal or a closing goes neither to a centre declined meanwhile nor to one that is closed, and gets its
    new owner in the same record: first back and then away would show it to a declined centre once more.
    """
    match event:
        case ReportAmended(facts=facts) if report_state.ended is None:
            return facts if report_state.center_id in facts.declined_centers else None
        case ReportReinstated() | CaseReopened():
            facts, center_load = facts_of(report_state), center_loads.get(report_state.center_id)
            closed = center_load is not None and center_load.state is CenterState.CLOSED
            return facts if closed or report_state.center_id in facts.declined_centers else None
    return None


def before_return(event: CaseEvent, report_state: ReportState) -> bool:
    """Whether somebody did this before the report was reopened or reinstated, under the same ownership."""
    return report_state.waits_since is not None and event.at < report_state.waits_since


_ASKS_FOR_LINKS: Final = frozenset({x.TYPE for x in (ReportReceived, ReportAmended, ReportReinstated, CaseReopened)})
"""Looked at first: asking a model's class whether it is another's takes half a microsecond each time."""


def links_of(incoming: Sequence[Incoming], state: PartitionState) -> set[str]:
    """Linked reports whose owners count in deciding this batch: of what is new, and of what may get another owner."""
    asking = (one.event for one in incoming if one.event.TYPE in _ASKS_FOR_LINKS)
    return {other for event in asking for other in _linked_with(event, state)}


def _linked_with(event: Event, state: PartitionState) -> Sequence[str]:
    """Linked reports by what it says itself, or by what is known of its report."""
    if isinstance(event, (ReportReceived, ReportAmended)):
        return event.facts.linked_reports
    report_state = state.report_states.get(event.key)
    return () if report_state is None else facts_of(report_state).linked_reports


def next_to_move(state: PartitionState, closed: Iterable[str], limit: int) -> list[str]:
    """The reports that wait longest at closed centres, as many as are moved at once; also those not remembered."""
    return list(islice((report_id for center in closed for report_id in state.waiting.get(center, ())), limit))


def links_of_moves(state: PartitionState, report_ids: Iterable[str]) -> set[str]:
    """Linked reports of those that are to be moved, as far as they are remembered."""
    report_states: Mapping[str, ReportState] = state.report_states
    moved = (report_states[report_id] for report_id in report_ids if report_id in report_states)
    return {other for report_state in moved for other in facts_of(report_state).linked_reports}
