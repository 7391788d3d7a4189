"""Who has a case at its centre, and how its work begins and ends: take it, give it away, refer, close, reopen."""

from datetime import datetime

from services.notify.cases.models import Awaiting, AwaitingKind, Case, CaseState, EntryKind
from services.notify.cases.projection import offer_died
from services.notify.cases.rules import severity
from services.notify.cases.rules.common import (
    Answer,
    Refusal,
    Who,
    awaited,
    carried,
    line,
    not_owned,
    not_workable,
    watched,
)
from services.notify.escalation.rules import Rules
from shared.events.cases import (
    CaseAcknowledged,
    CaseAssigned,
    CaseClosed,
    CaseReferred,
    CaseReopened,
)
from shared.events.vocabulary import EndReason, Outcome
from shared.severity import SEVERE_PER_PERSON


def acknowledge(case: Case, who: Who, ownership: int | None, now: datetime, rules: Rules) -> Answer | Refusal:
    """Take a case for its centre. The second deadline begins to run.

    Acknowledging opens nothing: messages stay unread until somebody opens the details (``contact.opened``).
    The same person saying it again is told yes again. Somebody else is told who was faster.
    """
    why = not_owned(case, who, ownership)
    if why is not None:
        return why
    if case.state is CaseState.WAITING:
        taken = {
            "state": CaseState.ACKNOWLEDGED,
            "unread": case.unread_messages > 0,
            "acknowledged_at": now,
            "acknowledged_by": who.subject,
            "assignee": who.subject,
        }
        made = carried(case, CaseAcknowledged, line(case, who, EntryKind.ACKNOWLEDGED, now), taken, now)
        return watched(made, rules, now)
    if case.state is CaseState.ENDED:
        return Refusal.ENDED
    return Answer(case, None) if case.acknowledged_by == who.subject else Refusal.ALREADY_ACKNOWLEDGED


def assign(
    case: Case, who: Who, ownership: int, assignee: str, now: datetime, *, severe_open: int = 0, over_cap: bool = False
) -> Answer | Refusal:
    """Give a case to somebody at the owning centre. That they work there is the caller's to know.

    ``severe_open``: the severe cases they have already. One more than ``SEVERE_PER_PERSON`` only ``over_cap``, which
    is a lead's to say. Acknowledging is never refused for that: nobody waits because of a cap.
    """
    why = not_workable(case, who, ownership)
    if why is not None:
        return why
    if case.assignee == assignee:
        return Answer(case, None)
    if severity.is_severe(case) and severe_open >= SEVERE_PER_PERSON and not over_cap:
        return Refusal.SEVERE_CAP
    entry = line(case, who, EntryKind.ASSIGNED, now).model_copy(update={"assignee": assignee})
    return carried(case, CaseAssigned, entry, {"assignee": assignee}, now, {"assignee": assignee})


def refer(case: Case, who: Who, ownership: int, to_center_id: str, now: datetime) -> Answer | Refusal:
    """Note that another organisation helps. Whose the case is does not change."""
    why = not_workable(case, who, ownership)
    if why is not None:
        return why
    if to_center_id == case.center_id:
        return Refusal.SAME_CENTER
    if to_center_id in case.declined_centers:
        return Refusal.CENTER_DECLINED
    entry = line(case, who, EntryKind.REFERRED, now).model_copy(update={"other_center_id": to_center_id})
    return carried(case, CaseReferred, entry, {}, now, {"to_center_id": to_center_id})


def close(case: Case, who: Who, ownership: int, outcome: Outcome, now: datetime) -> Answer | Refusal:
    """Say that a case is done; routing ends it. Nobody closes over something that was not read. An open offer dies."""
    why = not_workable(case, who, ownership)
    if why is not None:
        return why
    if case.unread:
        return Refusal.UNREAD
    closing = {**_asked(case, who, AwaitingKind.CLOSING, now), "outcome": outcome}
    entry = line(case, who, EntryKind.CLOSING, now, outcome)
    return carried(offer_died(case, now, EndReason.CLOSED), CaseClosed, entry, closing, now, {"outcome": outcome})


def reopen(case: Case, who: Who, ownership: int, now: datetime) -> Answer | Refusal:
    """Say that a closed case is worked on again; routing opens it. A withdrawn one is its reporter's to bring back."""
    why = not_owned(case, who, ownership)
    if why is not None:
        return why
    if case.ended is EndReason.WITHDRAWN:
        return Refusal.ENDED
    waits = awaited(case)
    if waits is not None:
        return waits
    if case.state is not CaseState.ENDED:
        return Refusal.NOT_ENDED
    asked = _asked(case, who, AwaitingKind.REOPENING, now)
    return carried(case, CaseReopened, line(case, who, EntryKind.REOPENING, now), asked, now)


def _asked(case: Case, who: Who, kind: AwaitingKind, now: datetime) -> dict[str, object]:
    waits = Awaiting(kind=kind, case_version=case.case_version + 1, by=who.subject)
    return {"awaiting": waits, "awaiting_since": now}
