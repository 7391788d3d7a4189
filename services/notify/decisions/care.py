"""What the owning centre does with a case: take it, give it to somebody, record what was done, close and reopen it."""

from dataclasses import replace
from datetime import datetime

from services.notify import policy
from services.notify.decisions.common import (
    Answer,
    Refusal,
    Who,
    awaited,
    carried,
    changed,
    not_owned,
    not_workable,
    settled,
)
from services.notify.model import Awaiting, AwaitingKind, Case, CaseState, Entry, EntryKind, RunCause
from services.notify.policy import Rules
from services.notify.projection import offer_died
from shared.events.cases import (
    CaseAcknowledged,
    CaseAssigned,
    CaseClosed,
    CaseContacted,
    CaseReferred,
    CaseReopened,
    CaseSupported,
)
from shared.events.vocabulary import EndReason, Outcome, SettledReason, SupportKind


def acknowledge(
    case: Case, who: Who, ownership: int | None, now: datetime, rules: Rules = policy.ALWAYS
) -> Answer | Refusal:
    """Take a case for its centre, or read what is new in one that was taken. The second deadline begins to run.

    The same person saying it again is told yes again. Somebody else is told who was faster.
    """
    why = not_owned(case, who, ownership)
    if why is not None:
        return why
    if case.state is CaseState.WAITING:
        taken = {
            "state": CaseState.ACKNOWLEDGED,
            "unread": False,
            "acknowledged_at": now,
            "acknowledged_by": who.subject,
            "assignee": who.subject,
        }
        made = carried(case, CaseAcknowledged, _line(case, who, EntryKind.ACKNOWLEDGED, now), taken, now)
        return _watched(made, rules, now)
    if case.unread:
        line = _line(case, who, EntryKind.READ, now)
        return _watched(settled(case, SettledReason.READ, line, {"unread": False}, now), rules, now)
    if case.state is CaseState.ENDED:
        return Refusal.ENDED
    return Answer(case, None) if case.acknowledged_by == who.subject else Refusal.ALREADY_ACKNOWLEDGED


def assign(case: Case, who: Who, ownership: int, assignee: str, now: datetime) -> Answer | Refusal:
    """Give a case to somebody at the owning centre. That they work there is the caller's to know."""
    why = not_workable(case, who, ownership)
    if why is not None:
        return why
    if case.assignee == assignee:
        return Answer(case, None)
    entry = _line(case, who, EntryKind.ASSIGNED, now).model_copy(update={"assignee": assignee})
    return carried(case, CaseAssigned, entry, {"assignee": assignee}, now, {"assignee": assignee})


def contact(
    case: Case, who: Who, ownership: int, *, reached: bool, now: datetime, rules: Rules = policy.ALWAYS
) -> Answer | Refusal:
    """Note that the reporter was reached, or that somebody tried. What is unread goes on climbing either way."""
    why = not_workable(case, who, ownership)
    if why is not None:
        return why
    waits = case.ladder is not None and case.ladder.cause is RunCause.CONTACT
    if not reached:
        line = _line(case, who, EntryKind.NOT_REACHED, now)
        if not waits:
            return Answer(changed(case, line, {}), None)
        return _watched(settled(case, SettledReason.TRIED, line, {}, now), rules, now, tried=True)
    made = carried(case, CaseContacted, _line(case, who, EntryKind.CONTACTED, now), {"contacted_at": now}, now)
    return _watched(made, rules, now) if waits else made


def support(case: Case, who: Who, ownership: int, given: SupportKind, now: datetime) -> Answer | Refusal:
    """Note support that was given."""
    why = not_workable(case, who, ownership)
    if why is not None:
        return why
    return carried(case, CaseSupported, _line(case, who, EntryKind.SUPPORTED, now, given), {}, now, {"support": given})


def refer(case: Case, who: Who, ownership: int, to_center_id: str, now: datetime) -> Answer | Refusal:
    """Note that another organisation helps. Whose the case is does not change."""
    why = not_workable(case, who, ownership)
    if why is not None:
        return why
    if to_center_id == case.center_id:
        return Refusal.SAME_CENTER
    if to_center_id in case.declined_centers:
        return Refusal.CENTER_DECLINED
    entry = _line(case, who, EntryKind.REFERRED, now).model_copy(update={"other_center_id": to_center_id})
    return carried(case, CaseReferred, entry, {}, now, {"to_center_id": to_center_id})


def close(case: Case, who: Who, ownership: int, outcome: Outcome, now: datetime) -> Answer | Refusal:
    """Say that a case is done; routing ends it. Nobody closes over something that was not read. An open offer dies."""
    why = not_workable(case, who, ownership)
    if why is not None:
        return why
    if case.unread:
        return Refusal.UNREAD
    closing = {**_asked(case, who, AwaitingKind.CLOSING, now), "outcome": outcome}
    entry = _line(case, who, EntryKind.CLOSING, now, outcome)
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
    return carried(case, CaseReopened, _line(case, who, EntryKind.REOPENING, now), asked, now)


def _watched(made: Answer, rules: Rules, now: datetime, *, tried: bool = False) -> Answer:
    """The answer, with the second deadline in the place of the run that was going."""
    return replace(made, case=policy.watch(made.case, rules, now, tried=tried))


def _asked(case: Case, who: Who, kind: AwaitingKind, now: datetime) -> dict[str, object]:
    waits = Awaiting(kind=kind, case_version=case.case_version + 1, by=who.subject)
    return {"awaiting": waits, "awaiting_since": now}


def _line(case: Case, who: Who, kind: EntryKind, now: datetime, reason: str | None = None) -> Entry:
    return Entry(at=now, kind=kind, center_id=case.center_id, by=who.subject, reason=reason)
