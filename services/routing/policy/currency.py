"""Whether a case event speaks of what the log holds now. Pure."""

from services.routing.model import Standing
from services.routing.projection import PartitionState
from shared.events.cases import CaseEvent


def unknown(event: CaseEvent, state: PartitionState) -> str | None:
    """What the log does not hold of what the event speaks of; none where it holds it all."""
    standing = state.standings.get(event.report_id)
    if standing is None:
        return "unknown_report"
    return "unknown_ownership" if event.ownership > standing.ownership else None


def before_return(event: CaseEvent, standing: Standing) -> bool:
    """Whether somebody did this before the report was reopened or reinstated, under the same ownership."""
    return standing.waits_since is not None and event.at < standing.waits_since
