"""How many cases of a list stand where, and what of an address says which somebody wants to see."""

from dataclasses import dataclass

from services.notify.cases.attention import STATES, Wanted
from services.notify.cases.models import CENTRAL_DESK, CaseState
from services.notify.cases.repository import CaseStore
from shared.events.vocabulary import HarmType, Urgency


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts by state, without drills. Held ones wait, or are new, as well."""

    waiting: int
    new: int
    working: int
    held: int
    offered: int


async def tally(store: CaseStore, center_id: str) -> Tally:
    """The counts above a console: of a centre, or for ``central`` of all."""
    whose = None if center_id == CENTRAL_DESK else center_id
    counts = await store.counts(whose)
    new = await store.unread(whose)
    return Tally(
        waiting=counts[CaseState.WAITING],
        new=new,
        working=counts[CaseState.ACKNOWLEDGED] - new,
        held=await store.held(whose),
        offered=await store.offered(whose),
    )


def wanted_of(state: str, urgency: str, harm: str, mine: str) -> Wanted:
    """What a filter asks for; a word nobody knows asks for nothing."""
    return Wanted(
        state=state if state in STATES else "",
        urgency=Urgency(urgency) if urgency in set(Urgency) else None,
        harm=HarmType(harm) if harm in set(HarmType) else None,
        mine=mine == "yes",
    )
