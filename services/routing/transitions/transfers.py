"""Whether an accepted transfer can be carried out. Pure.

Two centres agreed, and the report's stream may have moved on since: what they agreed upon is judged by what holds when
routing reads it. What cannot be carried out is told on the stream (``transfer_void``), for whoever accepted sees a case
on its way and must learn that it does not come. A rule that notify applied by itself would not do: which centres were
closed is only known to be so at the moment routing decided.
"""

from services.routing.assignment.models import CenterLoads
from shared.centers import CENTER_IDS, CENTRAL
from shared.events.reports import ReportFacts
from shared.events.vocabulary import CenterState, TransferVoid


def known_target(center_id: str) -> bool:
    """Return whether there is such an organisation to own reports."""
    return center_id in CENTER_IDS or center_id == CENTRAL


def why_void(to_center_id: str, owner: str, facts: ReportFacts, center_loads: CenterLoads) -> TransferVoid | None:
    """Return why the centre cannot become the owner; None if it can. A full one can: people agreed on it."""
    if to_center_id == owner:
        return TransferVoid.SAME_OWNER
    if to_center_id in facts.declined_centers:
        return TransferVoid.DECLINED
    if to_center_id == CENTRAL:
        return TransferVoid.CENTRAL_NOT_NEEDED if _somebody_open(facts, center_loads) else None
    return TransferVoid.CENTER_CLOSED if center_loads[to_center_id].state is CenterState.CLOSED else None


def _somebody_open(facts: ReportFacts, center_loads: CenterLoads) -> bool:
    """The same condition under which the rule would not give a report to ``central``."""
    return any(
        center_load.state is not CenterState.CLOSED and center_id not in facts.declined_centers
        for center_id, center_load in center_loads.items()
    )
