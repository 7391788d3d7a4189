"""What every decision of staff shares: who acts, on whose case, and how an act becomes a state and an event."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from services.notify.cases.models import AwaitingKind, Case, CaseState, Entry, EntryKind
from services.notify.cases.projection import in_order, noted
from services.notify.escalation import rules as policy
from shared.events.alerts import AlertSettled
from shared.events.cases import CaseEvent
from shared.events.vocabulary import SettledReason


class Refusal(StrEnum):
    """Why something does not count. The values are stable codes of the API."""

    NOT_ALLOWED = "not_allowed"
    """The case belongs to another organisation and always did."""
    OWNER_CHANGED = "owner_changed"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"
    """Only where details are asked for: they are gone from everybody's sight."""
    NOT_ENDED = "not_ended"
    MOVING = "moving"
    CLOSING = "closing"
    REOPENING = "reopening"
    NOT_ACKNOWLEDGED = "not_acknowledged"
    ALREADY_ACKNOWLEDGED = "already_acknowledged"
    UNREAD = "unread"
    UNKNOWN_COLLEAGUE = "unknown_colleague"
    SAME_CENTER = "same_center"
    CENTRAL_OWNS_LAST = "central_owns_last"
    CENTER_CLOSED = "center_closed"
    CENTER_DECLINED = "center_declined"
    NOT_AGREED = "not_agreed"
    """The reporter has not agreed that another centre is told."""
    OFFER_OPEN = "offer_open"
    OFFER_OVER = "offer_over"
    WAY_NOT_AGREED = "way_not_agreed"
    """The reporter did not agree to be reached that way."""
    RULES_NOT_READ = "rules_not_read"
    """Who wants to contact has not had the details since the rules of safe contact could last have changed."""
    SEVERE_CAP = "severe_cap"
    NO_SUCH_DELETION = "no_such_deletion"
    WRONG_STEP = "wrong_step"
    """Not what can follow in a request to delete."""
    NOT_LINKED = "not_linked"
    OTHER_CENTER = "other_center"
    """The linked case is not at this centre, or not open."""
    AGREEMENT_MISSING = "agreement_missing"


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who acts for an organisation."""

    subject: str
    organisation: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The case after an act, and the event if the bus must know. The same case: it was so already."""

    case: Case
    event: CaseEvent | AlertSettled | None


_AWAITED: Final = {
    AwaitingKind.MOVING: Refusal.MOVING,
    AwaitingKind.CLOSING: Refusal.CLOSING,
    AwaitingKind.REOPENING: Refusal.REOPENING,
}


def not_owned(case: Case, who: Who, ownership: int | None) -> Refusal | None:
    """Why a case is not theirs as they saw it. Whoever had it before is told; anybody else may know nothing of it."""
    if who.organisation != case.center_id:
        return Refusal.OWNER_CHANGED if who.organisation in case.former else Refusal.NOT_ALLOWED
    return Refusal.OWNER_CHANGED if ownership is not None and ownership != case.ownership else None


def not_workable(case: Case, who: Who, ownership: int | None) -> Refusal | None:
    """Why nobody can work on a case as they saw it: not theirs, over, on its way, or taken by nobody yet."""
    why = not_owned(case, who, ownership)
    if why is not None:
        return why
    if case.state is CaseState.ENDED:
        return Refusal.ENDED
    if case.awaiting is not None:
        return _AWAITED[case.awaiting.kind]
    return Refusal.NOT_ACKNOWLEDGED if case.state is CaseState.WAITING else None


def awaited(case: Case) -> Refusal | None:
    """Why a case that waits for routing has to be left alone."""
    return _AWAITED[case.awaiting.kind] if case.awaiting is not None else None


def line(case: Case, who: Who, kind: EntryKind, now: datetime, reason: str | None = None) -> Entry:
    """A line of the timeline about what somebody did."""
    return Entry(at=now, kind=kind, center_id=case.center_id, by=who.subject, reason=reason)


def changed(case: Case, entry: Entry, update: dict[str, Any]) -> Case:
    """The case with one more state behind it: what changed, and the line that says so."""
    after = noted(case.model_copy(update={**update, "rev": case.rev + 1}), entry)
    return in_order(policy.scheduled(after))


def carried(
    case: Case,
    kind: type[CaseEvent],
    entry: Entry,
    update: dict[str, Any],
    now: datetime,
    told: dict[str, Any] | None = None,
) -> Answer:
    """The case after an act that the bus hears of, under the ownership it was made in.

    ``told`` is what this kind of event has besides what all have.
    """
    version = case.case_version + 1
    event = kind(
        report_id=case.report_id,
        case_version=version,
        ownership=case.ownership,
        center_id=case.center_id,
        at=now,
        by=entry.by,
        **(told or {}),
    )
    return Answer(changed(case, entry, {**update, "case_version": version}), event)


def settled(case: Case, reason: SettledReason, entry: Entry, update: dict[str, Any], now: datetime) -> Answer:
    """The case after somebody looked in a way that is no event of the case: whoever audits alerts must hear of it.

    Nothing is told where no ladder runs: there is nothing to settle.
    """
    ladder = case.ladder
    if ladder is None or entry.by is None:
        return Answer(changed(case, entry, update), None)
    event = AlertSettled(
        report_id=case.report_id,
        alert_version=case.alert_version + 1,
        ownership=case.ownership,
        center_id=case.center_id,
        step=ladder.step,
        at=now,
        reason=reason,
        by=entry.by,
    )
    return Answer(changed(case, entry, {**update, "alert_version": event.alert_version}), event)


def watched(made: Answer, rules: policy.Rules, now: datetime, *, tried: bool = False) -> Answer:
    """The answer, with the second deadline in the place of the run that was going."""
    return replace(made, case=policy.watch(made.case, rules, now, tried=tried))
