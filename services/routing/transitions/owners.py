"""Whether the centre that has a report may go on having it, and whose links it follows if not. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from services.routing.assignment.models import CenterLoads
from services.routing.model import Incoming, Standing
from services.routing.state.partition import PartitionState
from shared.events.base import Event
from shared.events.cases import CaseEvent, CaseReopened
from shared.events.reports import ReportAmended, ReportFacts, ReportReceived, ReportReinstated
from shared.events.vocabulary import CenterState


def facts_of(standing: Standing) -> ReportFacts:
    """What is known of a report the log holds."""
    return ReportFacts.model_validate_json(standing.facts)


def facts_elsewhere(event: Event, standing: Standing, board: CenterLoads) -> ReportFacts | None:
    """The facts to decide anew with, where the owner may not have the report after this event; else none.

    A declined centre never, however far it has come with the case: whoever harmed them may work there. What comes back
    after a withdrawal or a closing goes neither to a centre declined meanwhile nor to one that is closed, and gets its
    new owner in the same record: first back and then away would show it to a declined centre once more.
    """
    match event:
        case ReportAmended(facts=facts) if standing.ended is None:
            return facts if standing.center_id in facts.declined_centers else None
        case ReportReinstated() | CaseReopened():
            facts, seat = facts_of(standing), board.get(standing.center_id)
            closed = seat is not None and seat.state is CenterState.CLOSED
            return facts if closed or standing.center_id in facts.declined_centers else None
    return None


def before_return(event: CaseEvent, standing: Standing) -> bool:
    """Whether somebody did this before the report was reopened or reinstated, under the same ownership."""
    return standing.waits_since is not None and event.at < standing.waits_since


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
    standing = state.standings.get(event.key)
    return () if standing is None else facts_of(standing).linked_reports


def next_to_move(state: PartitionState, closed: Iterable[str], limit: int) -> list[str]:
    """The reports that wait longest at closed centres, as many as are moved at once; also those not remembered."""
    return list(islice((report_id for center in closed for report_id in state.waiting.get(center, ())), limit))


def links_of_moves(state: PartitionState, report_ids: Iterable[str]) -> set[str]:
    """Linked reports of those that are to be moved, as far as they are remembered."""
    standings: Mapping[str, Standing] = state.standings
    moved = (standings[report_id] for report_id in report_ids if report_id in standings)
    return {other for standing in moved for other in facts_of(standing).linked_reports}
