"""A transfer in two steps: the owner offers, the other centre answers. Ownership moves only when routing says so."""

from datetime import datetime

from services.notify.cases.models import (
    CENTRAL_DESK,
    Awaiting,
    AwaitingKind,
    Case,
    Center,
    Entry,
    EntryKind,
    Offer,
    OfferEnd,
    TransferReason,
)
from services.notify.cases.projection import offer_over
from services.notify.cases.rules.common import Answer, Refusal, Who, carried, not_owned, not_workable
from services.notify.escalation import rules as policy
from services.notify.escalation.rules import Rules
from shared.events.cases import (
    CaseTransferAccepted,
    CaseTransferDeclined,
    CaseTransferExpired,
    CaseTransferOffered,
    CaseTransferRecalled,
)
from shared.events.vocabulary import CenterState


def offer(
    case: Case,
    who: Who,
    ownership: int,
    receiver: Center,
    reason: TransferReason,
    rules: Rules,
    now: datetime,
    *,
    agreed: bool = False,
) -> Answer | Refusal:
    """Offer a case to another of the 16 centres. One offer at a time, and only with the person's agreement.

    ``agreed``: they were asked now; without it counts what they said in the report.
    """
    why = not_workable(case, who, ownership) or _unfit(case, receiver)
    if why is not None:
        return why
    if not (agreed or case.other_centers):
        return Refusal.NOT_AGREED
    if case.offer is not None:
        return Refusal.OFFER_OPEN
    made = Offer(
        offer_id=policy.offer_id(case.report_id, case.case_version + 1),
        to_center_id=receiver.center_id,
        by=who.subject,
        reason=reason,
        offered_at=now,
        expires_at=now + policy.OFFER_LASTS[case.urgency],
        tell_at=rules.hold(now, case.urgency),
    )
    entry = _line(case, made, EntryKind.OFFERED, now, who.subject).model_copy(update={"reason": reason})
    offered = {"offer": made, "offered_to": made.to_center_id}
    return carried(case, CaseTransferOffered, entry, offered, now, {**_named(made), "expires_at": made.expires_at})


def accept(case: Case, who: Who, offer_id: str, receiver: Center, now: datetime) -> Answer | Refusal:
    """Take what was offered. From here on routing moves the case, or something else came first."""
    made = _answerable(case, who, offer_id, OfferEnd.ACCEPTED, now)
    if not isinstance(made, Offer):
        return made
    if receiver.state is CenterState.CLOSED:
        return Refusal.CENTER_CLOSED
    if who.organisation in case.declined_centers:
        return Refusal.CENTER_DECLINED
    waits = Awaiting(
        kind=AwaitingKind.MOVING,
        case_version=case.case_version + 1,
        by=who.subject,
        to_center_id=made.to_center_id,
        offer_id=made.offer_id,
    )
    entry = _line(case, made, EntryKind.ACCEPTED, now, who.subject)
    accepted = {"awaiting": waits, "awaiting_since": now, "offered_to": made.to_center_id}
    over = offer_over(case, OfferEnd.ACCEPTED, now, who.subject)
    return carried(over, CaseTransferAccepted, entry, accepted, now, _named(made))


def decline(case: Case, who: Who, offer_id: str, now: datetime) -> Answer | Refusal:
    """Leave the case where it is."""
    made = _answerable(case, who, offer_id, OfferEnd.DECLINED, now)
    if not isinstance(made, Offer):
        return made
    entry = _line(case, made, EntryKind.DECLINED, now, who.subject)
    over = offer_over(case, OfferEnd.DECLINED, now, who.subject)
    return carried(over, CaseTransferDeclined, entry, {}, now, _named(made))


def recall(case: Case, who: Who, offer_id: str, now: datetime) -> Answer | Refusal:
    """Take an offer back before it is answered."""
    why = not_owned(case, who, None)
    if why is not None:
        return why
    made = case.offer
    if made is None or made.offer_id != offer_id:
        past = case.past_offer
        again = past is not None and past.offer_id == offer_id and past.how is OfferEnd.RECALLED
        return Answer(case, None) if again else Refusal.OFFER_OVER
    entry = _line(case, made, EntryKind.RECALLED, now, who.subject)
    over = offer_over(case, OfferEnd.RECALLED, now, who.subject)
    return carried(over, CaseTransferRecalled, entry, {}, now, _named(made))


def expire(case: Case, now: datetime) -> Answer | None:
    """End an offer that nobody answered in time; None where there is no such."""
    made = case.offer
    if made is None or now < made.expires_at:
        return None
    entry = _line(case, made, EntryKind.EXPIRED, now)
    return carried(offer_over(case, OfferEnd.EXPIRED, now), CaseTransferExpired, entry, {}, now, _named(made))


def _unfit(case: Case, receiver: Center) -> Refusal | None:
    if receiver.center_id == case.center_id:
        return Refusal.SAME_CENTER
    if receiver.center_id == CENTRAL_DESK:
        return Refusal.CENTRAL_OWNS_LAST
    if receiver.state is CenterState.CLOSED:
        return Refusal.CENTER_CLOSED
    return Refusal.CENTER_DECLINED if receiver.center_id in case.declined_centers else None


def _answerable(case: Case, who: Who, offer_id: str, wanted: OfferEnd, now: datetime) -> Offer | Answer | Refusal:
    """The offer, if it is theirs to answer and still open. Who said the same before is told yes again."""
    made, past = case.offer, case.past_offer
    if made is not None and made.offer_id == offer_id:
        if who.organisation != made.to_center_id:
            return Refusal.NOT_ALLOWED
        return made if now < made.expires_at else Refusal.OFFER_OVER
    if past is not None and past.offer_id == offer_id and past.to_center_id == who.organisation:
        return Answer(case, None) if past.how is wanted else Refusal.OFFER_OVER
    concerned = {case.center_id, case.offered_to, *case.former}
    return Refusal.OFFER_OVER if who.organisation in concerned else Refusal.NOT_ALLOWED


def _line(case: Case, made: Offer, kind: EntryKind, now: datetime, by: str | None = None) -> Entry:
    return Entry(at=now, kind=kind, center_id=case.center_id, other_center_id=made.to_center_id, by=by)


def _named(made: Offer) -> dict[str, str]:
    return {"offer_id": made.offer_id, "to_center_id": made.to_center_id}
