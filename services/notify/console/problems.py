"""Why something did not count, as a problem in the reader's language: whose the case is, since when, and how."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from services.notify.cases.models import Case, OfferEnd
from services.notify.cases.rules import Rejected, carried_out
from shared import centers
from shared.events.vocabulary import CauseKind, EndReason
from shared.web.formats import short
from shared.web.language import Language
from shared.web.problems import Problem
from shared.web.translations import gettext_noop as n

STATUS: Final[Mapping[Rejected, int]] = {
    Rejected.NOT_ALLOWED: 403,
    Rejected.WITHDRAWN: 410,
    Rejected.UNKNOWN_COLLEAGUE: 422,
    Rejected.SAME_CENTER: 422,
    Rejected.CENTRAL_OWNS_LAST: 422,
    Rejected.NO_SUCH_DELETION: 404,
    Rejected.NOT_LINKED: 422,
    Rejected.AGREEMENT_MISSING: 422,
}
"""The rest are 409: they do not fit the present state."""

FORM_LABELS: Final[Mapping[str, str]] = {
    "way": n("How"),
    "purpose": n("Why you open them"),
    "support": n("Support given"),
    "to_center_id-refer": n("Refer to (the case stays here)"),
    "to_center_id-transfer": n("Offer the case to"),
    "reason-transfer": n("Reason"),
    "outcome": n("Close the case as"),
    "platform": n("A platform was asked to delete"),
    "addresses": n("Addresses"),
    "staff_on_duty": n("People on duty"),
    "cases_per_person": n("Cases per person"),
    "start": n("Begins"),
    "end": n("Ends"),
}
"""Labels of what a browser without the checks of the form may leave out, by the control's id: ``create_app``."""

_WORDS: Final[Mapping[Rejected, str]] = {
    Rejected.NOT_ALLOWED: n("There is no such case at your organisation."),
    Rejected.ENDED: n("The case was closed at %(at)s. A lead can reopen it."),
    Rejected.WITHDRAWN: n("The reporter withdrew the report at %(at)s. All contact has stopped."),
    Rejected.NOT_ENDED: n("The case is open."),
    Rejected.MOVING: n("The case is moving to %(other)s. That takes a moment; load the page again."),
    Rejected.CLOSING: n("The case is being closed. That takes a moment; load the page again."),
    Rejected.REOPENING: n("The case is being reopened. That takes a moment; load the page again."),
    Rejected.NOT_ACKNOWLEDGED: n("Nobody has acknowledged the case yet. Acknowledge it first."),
    Rejected.ALREADY_ACKNOWLEDGED: n("%(by)s acknowledged the case at %(at)s."),
    Rejected.UNREAD: n("Something new reached the report. Open the details before the case is closed."),
    Rejected.UNKNOWN_COLLEAGUE: n("Only a counsellor or lead of the same centre can have the case."),
    Rejected.SAME_CENTER: n("The case is at this centre already."),
    Rejected.CENTRAL_OWNS_LAST: n("The central centre takes a case only while every centre is closed. Refer instead."),
    Rejected.CENTER_CLOSED: n("That centre is closed now."),
    Rejected.CENTER_DECLINED: n("The reporter does not want that centre."),
    Rejected.NOT_AGREED: n(
        "The person has not agreed that another centre is told. Ask them first, and say here that they agreed."
    ),
    Rejected.OFFER_OPEN: n("The case is offered to %(other)s until %(until)s. Recall that offer first."),
    Rejected.OFFER_OVER: n("This offer is no longer open."),
    Rejected.WAY_NOT_AGREED: n("The reporter did not agree to be reached that way. Nothing was noted."),
    Rejected.RULES_NOT_READ: n(
        "Open the details first: they say how contact is safe. After an addition to the report, open them again."
    ),
    Rejected.SEVERE_CAP: n("This person has as many severe cases as one person may have. A lead can decide otherwise."),
    Rejected.NO_SUCH_DELETION: n("There is no such request to delete in this case."),
    Rejected.WRONG_STEP: n(
        "That cannot follow now: somebody noted something else about this request. Load the page again."
    ),
    Rejected.NOT_LINKED: n("These two cases are not linked."),
    Rejected.OTHER_CENTER: n("The linked case is not at this centre, not acknowledged, or on its way."),
    Rejected.AGREEMENT_MISSING: n("Both reporters have to agree before one person looks after both cases."),
}


_OWNED: Final[Mapping[CauseKind | None, str]] = {
    None: n("%(center)s has had this case since %(at)s. Load the page again."),
    CauseKind.REPORT: n("%(center)s has had this case since %(at)s. Load the page again."),
    CauseKind.CASE_EVENT: n("%(center)s accepted this case at %(at)s."),
    CauseKind.CENTER_CLOSED: n("The case moved to %(center)s at %(at)s because %(before)s closed."),
}


_OVER: Final[Mapping[OfferEnd, str]] = {
    OfferEnd.ACCEPTED: n("%(other)s accepted this offer at %(at)s."),
    OfferEnd.DECLINED: n("%(other)s declined this offer at %(at)s."),
    OfferEnd.RECALLED: n("%(center)s recalled this offer at %(at)s."),
    OfferEnd.EXPIRED: n("Nobody answered this offer in time; it ended at %(at)s."),
    OfferEnd.DIED: n("This offer ended at %(at)s. The case is no longer offered."),
}


_NOT_MOVED: Final = n("%(other)s accepted this offer at %(at)s, but the case did not move there.")
_RAN_OUT: Final = n("This offer ran out at %(at)s.")
_NO_ANSWER: Final = n(
    "The store does not answer. If you were changing something, look whether it was saved before you try again."
)


def center_name(center_id: str | None, language: Language) -> str:
    """A centre's short name; the id itself for one that is gone from the tables."""
    try:
        return centers.center(center_id or "").short_name(language)
    except (KeyError, ValueError):
        return center_id or ""


def unavailable() -> Problem:
    """The 503 of a store that does not answer."""
    return Problem(503, "unavailable", _NO_ANSWER, retry_after=2)


def not_theirs() -> Problem:
    """The problem of a case that is another organisation's, and the same of one that does not exist."""
    return Problem(STATUS[Rejected.NOT_ALLOWED], Rejected.NOT_ALLOWED.value, _WORDS[Rejected.NOT_ALLOWED])


def refused(
    case: Case,
    why: Rejected,
    language: Language,
    who: Callable[[str | None], str],
    offer_id: str | None = None,
    *,
    former: bool = False,
    now: datetime,
) -> Problem:
    """The problem of a refusal. ``former``: the case belonged to the person's centre, and is not theirs any more.

    ``who`` gives the name of a member of staff; ``offer_id`` is the offer that was meant.

    To whom the case never belonged nothing of it is told.
    """
    if why is Rejected.NOT_ALLOWED:
        return not_theirs()
    words, at = _words(case, why, offer_id)
    offer = case.offer
    asked = case.awaiting.to_center_id if case.awaiting is not None else None
    if asked is None and offer is not None:
        asked = offer.to_center_id
    center = case.center_id
    past = case.past_offer
    if why is Rejected.OFFER_OVER and past is not None and past.offer_id == offer_id:
        # About the offer that was meant: whom the case was offered to since then is no business of theirs.
        center, asked = past.from_center_id or center, past.to_center_id
    values = {
        "center": center_name(center, language),
        "before": center_name(case.moved_from, language),
        "other": center_name(asked, language),
        "by": who(case.acknowledged_by),
        "at": short(at, language, now),
        "until": short(offer.expires_at, language, now) if offer is not None else "",
    }
    status = 403 if former and why is Rejected.OWNER_CHANGED else STATUS.get(why, 409)
    return Problem(status, why.value, words, values=values)


def _words(case: Case, why: Rejected, offer_id: str | None) -> tuple[str, datetime]:
    past = case.past_offer
    if why is Rejected.ENDED and case.ended is EndReason.WITHDRAWN:
        why = Rejected.WITHDRAWN
    if why is Rejected.OWNER_CHANGED:
        return _OWNED[case.moved_by], case.decided_at
    if why is Rejected.OFFER_OVER and case.offer is not None and case.offer.offer_id == offer_id:
        return _RAN_OUT, case.offer.expires_at
    if why is Rejected.OFFER_OVER and past is not None and past.offer_id == offer_id:
        stayed = past.how is OfferEnd.ACCEPTED and not carried_out(case, past) and past.to_center_id not in case.former
        return _NOT_MOVED if stayed else _OVER[past.how], past.at
    if why is Rejected.ALREADY_ACKNOWLEDGED:
        return _WORDS[why], case.acknowledged_at or case.decided_at
    return _WORDS[why], case.ended_at or case.decided_at
