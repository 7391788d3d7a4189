"""A case's timeline and its place in a work list."""

from datetime import datetime
from typing import Final

from services.notify.cases.models import Case, CaseState, Entry, EntryKind, OfferEnd, PastOffer
from services.notify.escalation import rules as policy

ENTRIES_FIRST: Final = 20
ENTRIES_LAST: Final = 80
"""A timeline keeps its beginning and its end; what lies between is counted."""


def noted(case: Case, *entries: Entry) -> Case:
    """The case with lines added to its timeline, which stays bounded."""
    lines = (*case.entries, *entries)
    over = len(lines) - ENTRIES_FIRST - ENTRIES_LAST
    if over > 0:
        lines = (*lines[:ENTRIES_FIRST], *lines[ENTRIES_FIRST + over :])
    return case.model_copy(update={"entries": lines, "entries_dropped": case.entries_dropped + max(over, 0)})


def added(before: Case | None, after: Case) -> tuple[Entry, ...]:
    """The lines a later state has that an earlier one had not, as far as they are kept."""
    count = len(after.entries) + after.entries_dropped
    if before is not None:
        count -= len(before.entries) + before.entries_dropped
    return after.entries[-count:] if count else ()


def offer_over(case: Case, how: OfferEnd, at: datetime, by: str | None = None) -> Case:
    """The case without its open offer; what became of it is kept for whoever answers too late."""
    offer = case.offer
    if offer is None:
        return case
    past = PastOffer(
        offer_id=offer.offer_id,
        from_center_id=case.center_id,
        to_center_id=offer.to_center_id,
        how=how,
        at=at,
        by=by,
    )
    return case.model_copy(update={"offer": None, "offered_to": None, "past_offer": past})


def offer_died(case: Case, at: datetime, why: str) -> Case:
    """The case without its open offer, if it has one, and a line that says so: ownership changed or the case ends."""
    if case.offer is None:
        return case
    other = case.offer.to_center_id
    entry = Entry(at=at, kind=EntryKind.OFFER_DIED, center_id=case.center_id, other_center_id=other, reason=why)
    return noted(offer_over(case, OfferEnd.DIED, at), entry)


def in_order(case: Case) -> Case:
    """The case with its sort key made anew."""
    return case.model_copy(update={"sort_key": sort_key(case)})


def sort_key(case: Case) -> str:
    """Orders a work list: who needs an answer first, then the most urgent, then who has waited longest."""
    if case.state is CaseState.ENDED and not case.unread:
        group = 3
    elif case.state is CaseState.WAITING:
        group = 0
    else:
        group = 1 if case.unread else 2
    received = case.received_at.strftime("%Y%m%dT%H%M%S") + f"{case.received_at.microsecond // 1000:03d}"
    return f"{group}{policy.RANK[case.urgency]}:{received}:{case.report_id}"
