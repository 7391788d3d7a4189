"""Decide what follows from a command of staff. Pure; ``now`` is an argument.

``TABLE`` is all of it to read at once; the rules follow: who has a case and how work on it begins and ends, contact
with the reporter, support and deletions, linked cases under one person, transfers, and who may open the details.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from services.notify.cases.models import (
    CENTRAL_DESK,
    CHANNEL_OF,
    NEXT_OF,
    Awaiting,
    AwaitingKind,
    Case,
    CaseState,
    ContactWay,
    Deletion,
    DeletionState,
    EntryKind,
    EscalationCause,
    OfferEnd,
    PastOffer,
    TimelineEntry,
    TransferOffer,
    TransferReason,
    in_order,
    noted,
    offer_died,
    offer_over,
    scheduled,
)
from services.notify.escalation import rules as policy
from services.notify.escalation.rules import Rules
from services.notify.team.models import CenterDuty
from shared import severity
from shared.events.alerts import AlertSettled
from shared.events.cases import (
    CaseAcknowledged,
    CaseAssigned,
    CaseClosed,
    CaseContacted,
    CaseEvent,
    CaseReferred,
    CaseReopened,
    CaseSupported,
    CaseTransferAccepted,
    CaseTransferDeclined,
    CaseTransferExpired,
    CaseTransferOffered,
    CaseTransferRecalled,
)
from shared.events.vocabulary import (
    CenterState,
    EndReason,
    Outcome,
    PlatformKind,
    SettledReason,
    SupportKind,
    agreed_channels,
)
from shared.severity import SEVERE_PER_PERSON


class Situation(StrEnum):
    """Where a case stands, for what may be done with it."""

    WAITING = "waiting"
    """Not yet acknowledged at the centre."""
    ACKNOWLEDGED = "acknowledged"
    """By a colleague."""
    UNREAD = "unread"
    """Acknowledged, and something new has come since."""
    MOVING = "moving"
    """Another centre has accepted it; routing has not moved it yet."""
    CLOSING = "closing"
    REOPENING = "reopening"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


_TEXT: Final = """
act               waiting           acknowledged          unread  moving                closing               reopening  closed  withdrawn
acknowledge       yes               already_acknowledged  already_acknowledged  already_acknowledged  already_acknowledged  ended      ended   ended
assign            not_acknowledged  yes                   yes     moving                closing               ended      ended   ended
contact           not_acknowledged  yes                   yes     moving                closing               ended      ended   ended
support           not_acknowledged  yes                   yes     moving                closing               ended      ended   ended
request_deletion  not_acknowledged  yes                   yes     moving                closing               ended      ended   ended
move_deletion     not_acknowledged  yes                   yes     moving                closing               ended      ended   ended
refer             not_acknowledged  yes                   yes     moving                closing               ended      ended   ended
join              not_acknowledged  yes                   yes     moving                closing               ended      ended   ended
part              not_acknowledged  yes                   yes     moving                closing               ended      ended   ended
offer             not_acknowledged  yes                   yes     moving                closing               ended      ended   ended
close             not_acknowledged  yes                   unread  moving                closing               ended      ended   ended
reopen            not_ended         not_ended             not_ended  moving             closing               reopening  yes     ended
open_details      yes               yes                   yes     yes                   yes                   yes        yes     withdrawn
"""  # noqa: E501  # a table is read in columns


def _read() -> dict[str, dict[Situation, str]]:
    head, *lines = [line.split() for line in _TEXT.strip().splitlines()]
    columns = [Situation(name) for name in head[1:]]
    return {line[0]: dict(zip(columns, line[1:], strict=True)) for line in lines}


TABLE: Final = _read()


class Rejected(StrEnum):
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
    """The person has not had the details since the rules of safe contact could last have changed."""
    SEVERE_CAP = "severe_cap"
    NO_SUCH_DELETION = "no_such_deletion"
    WRONG_STEP = "wrong_step"
    """Not what can follow in a request to delete."""
    NOT_LINKED = "not_linked"
    OTHER_CENTER = "other_center"
    """The linked case is not at this centre, or not open."""
    AGREEMENT_MISSING = "agreement_missing"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person acting for an organisation."""

    subject: str
    organisation: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The case after an act, and the event if the bus must know. The same case: it was so already."""

    case: Case
    event: CaseEvent | AlertSettled | None


_AWAITED: Final = {
    AwaitingKind.MOVING: Rejected.MOVING,
    AwaitingKind.CLOSING: Rejected.CLOSING,
    AwaitingKind.REOPENING: Rejected.REOPENING,
}


def not_owned(case: Case, who: Actor, ownership: int | None) -> Rejected | None:
    """Return why a case is not theirs as they saw it. A former owner is told; others may know nothing of it."""
    if who.organisation != case.center_id:
        return Rejected.OWNER_CHANGED if who.organisation in case.former else Rejected.NOT_ALLOWED
    return Rejected.OWNER_CHANGED if ownership is not None and ownership != case.ownership else None


def not_workable(case: Case, who: Actor, ownership: int | None) -> Rejected | None:
    """Return why a case cannot be worked on as they saw it: not theirs, over, on its way, or not acknowledged yet."""
    why = not_owned(case, who, ownership)
    if why is not None:
        return why
    if case.state is CaseState.ENDED:
        return Rejected.ENDED
    if case.awaiting is not None:
        return _AWAITED[case.awaiting.kind]
    return Rejected.NOT_ACKNOWLEDGED if case.state is CaseState.WAITING else None


def awaited(case: Case) -> Rejected | None:
    """Return why a case that waits for routing has to be left alone."""
    return _AWAITED[case.awaiting.kind] if case.awaiting is not None else None


def line(case: Case, who: Actor, kind: EntryKind, now: datetime, reason: str | None = None) -> TimelineEntry:
    """A line of the timeline about what somebody did."""
    return TimelineEntry(at=now, kind=kind, center_id=case.center_id, by=who.subject, reason=reason)


def changed(case: Case, entry: TimelineEntry, update: dict[str, Any]) -> Case:
    """The case with one more state behind it: what changed, and the line that says so."""
    after = noted(case.model_copy(update={**update, "rev": case.rev + 1}), entry)
    return in_order(scheduled(after))


def carried(
    case: Case,
    kind: type[CaseEvent],
    entry: TimelineEntry,
    update: dict[str, Any],
    now: datetime,
    told: dict[str, Any] | None = None,
) -> Accepted:
    """The case after an act that the bus hears of, under the ownership it was made in.

    ``told`` is what this kind of event has besides what all have. It is dated no earlier than the record with which the
    case began to wait there: what is dated before a return, every reader takes for done before it, and routing would
    not carry it out, nor answer it. The two times are of two machines.
    """
    version = case.case_version + 1
    event = kind(
        report_id=case.report_id,
        case_version=version,
        ownership=case.ownership,
        center_id=case.center_id,
        at=max(now, _began_to_wait(case)),
        by=entry.by,
        **(told or {}),
    )
    return Accepted(changed(case, entry, {**update, "case_version": version}), event)


def settled(case: Case, reason: SettledReason, entry: TimelineEntry, update: dict[str, Any], now: datetime) -> Accepted:
    """The case after somebody looked in a way that is no event of the case: whoever audits alerts must hear of it.

    Nothing is told where no escalation runs: there is nothing to settle.
    """
    escalation = case.escalation
    if escalation is None or entry.by is None:
        return Accepted(changed(case, entry, update), None)
    event = AlertSettled(
        report_id=case.report_id,
        alert_version=case.alert_version + 1,
        ownership=case.ownership,
        center_id=case.center_id,
        step=escalation.step,
        at=now,
        reason=reason,
        by=entry.by,
    )
    return Accepted(changed(case, entry, {**update, "alert_version": event.alert_version}), event)


def watched(made: Accepted, rules: policy.Rules, now: datetime, *, tried: bool = False) -> Accepted:
    """The answer, with the second deadline in the place of the run that was going."""
    return replace(made, case=policy.watch(made.case, rules, now, tried=tried))


def is_severe(case: Case) -> bool:
    """Critical, or of a kind that is severe whatever its urgency. A drill weighs nothing."""
    return severity.is_severe(case.urgency, case.harm_types, synthetic=case.synthetic)


def severe_of(cases: Iterable[Case], subject: str) -> int:
    """Count a person's open severe cases."""
    return sum(is_severe(case) for case in cases if case.assignee == subject and case.state is not CaseState.ENDED)


def _past_cap(case: Case, severe_open: int) -> bool:
    return is_severe(case) and severe_open >= SEVERE_PER_PERSON


def acknowledge(case: Case, who: Actor, ownership: int | None, now: datetime, rules: Rules) -> Accepted | Rejected:
    """Take a case for its centre. The second deadline begins to run.

    Acknowledging opens nothing: messages stay unread until somebody opens the details (``opened``).
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
        return Rejected.ENDED
    return Accepted(case, None) if case.acknowledged_by == who.subject else Rejected.ALREADY_ACKNOWLEDGED


_BEGINS_TO_WAIT: Final = frozenset({EntryKind.ROUTED, EntryKind.MOVED, EntryKind.REOPENED, EntryKind.REINSTATED})


def _began_to_wait(case: Case) -> datetime:
    """Return since when the case waits at its centre, or waited there: the time of the decision, or of its return."""
    return next((one.at for one in reversed(case.entries) if one.kind in _BEGINS_TO_WAIT), case.decided_at)


def waited_for_answer(before: Case, after: Case, rules: Rules) -> float | None:
    """Seconds an owner's acknowledgement took, where ``after`` is that: from its decision, or since it came back.

    Quiet hours do not count for what can wait. Nobody is waited for where a front end is being tried out.
    """
    if before.acknowledged_at is not None or after.acknowledged_at is None or before.sandbox:
        return None
    return rules.waited(_began_to_wait(before), after.acknowledged_at, before.urgency).total_seconds()


def assign(
    case: Case,
    who: Actor,
    ownership: int,
    assignee: str,
    now: datetime,
    *,
    severe_open: int = 0,
    over_cap: bool = False,
) -> Accepted | Rejected:
    """Give a case to somebody at the owning centre. That they work there is the caller's to know.

    ``severe_open``: the severe cases they have already. One more than ``SEVERE_PER_PERSON`` only ``over_cap``, which
    is a lead's to say. Acknowledging is never refused for that: nobody waits because of a cap.
    """
    why = not_workable(case, who, ownership)
    if why is not None:
        return why
    if case.assignee == assignee:
        return Accepted(case, None)
    if _past_cap(case, severe_open) and not over_cap:
        return Rejected.SEVERE_CAP
    entry = line(case, who, EntryKind.ASSIGNED, now).model_copy(update={"assignee": assignee})
    return carried(case, CaseAssigned, entry, {"assignee": assignee}, now, {"assignee": assignee})


def refer(case: Case, who: Actor, ownership: int, to_center_id: str, now: datetime) -> Accepted | Rejected:
    """Note that another organisation helps. Whose the case is does not change."""
    why = not_workable(case, who, ownership)
    if why is not None:
        return why
    if to_center_id == case.center_id:
        return Rejected.SAME_CENTER
    if to_center_id in case.declined_centers:
        return Rejected.CENTER_DECLINED
    entry = line(case, who, EntryKind.REFERRED, now).model_copy(update={"other_center_id": to_center_id})
    return carried(case, CaseReferred, entry, {}, now, {"to_center_id": to_center_id})


def close(case: Case, who: Actor, ownership: int, outcome: Outcome, now: datetime) -> Accepted | Rejected:
    """Say that a case is done; routing ends it. Nobody closes over something that was not read. An open offer dies.

    The same again from the same person is told yes: the answer to the first may have been lost on its way.
    """
    if _asked_before(case, who, ownership, AwaitingKind.CLOSING) and case.outcome == outcome:
        return Accepted(case, None)
    why = not_workable(case, who, ownership)
    if why is not None:
        return why
    if case.unread:
        return Rejected.UNREAD
    closing = {**_asked(case, who, AwaitingKind.CLOSING, now), "outcome": outcome}
    entry = line(case, who, EntryKind.CLOSING, now, outcome)
    return carried(offer_died(case, now, EndReason.CLOSED), CaseClosed, entry, closing, now, {"outcome": outcome})


def reopen(case: Case, who: Actor, ownership: int, now: datetime) -> Accepted | Rejected:
    """Say that a closed case is worked on again; routing opens it. A withdrawn one is its reporter's to bring back.

    The same again from the same person is told yes, as with ``close``.
    """
    if _asked_before(case, who, ownership, AwaitingKind.REOPENING):
        return Accepted(case, None)
    why = not_owned(case, who, ownership)
    if why is not None:
        return why
    if case.ended is EndReason.WITHDRAWN:
        return Rejected.ENDED
    waits = awaited(case)
    if waits is not None:
        return waits
    if case.state is not CaseState.ENDED:
        return Rejected.NOT_ENDED
    asked = _asked(case, who, AwaitingKind.REOPENING, now)
    return carried(case, CaseReopened, line(case, who, EntryKind.REOPENING, now), asked, now)


def _asked_before(case: Case, who: Actor, ownership: int, kind: AwaitingKind) -> bool:
    waits = case.awaiting
    return (
        not_owned(case, who, ownership) is None and waits is not None and waits.kind is kind and waits.by == who.subject
    )


def _asked(case: Case, who: Actor, kind: AwaitingKind, now: datetime) -> dict[str, object]:
    waits = Awaiting(kind=kind, case_version=case.case_version + 1, by=who.subject)
    return {"awaiting": waits, "awaiting_since": now}


def ways(case: Case) -> tuple[ContactWay, ...]:
    """Return the ways to be in touch with the reporter. Contacts that the reporter makes need no agreement."""
    agreed = agreed_channels(case.contact_channels)
    return tuple(w for w in ContactWay if w not in CHANNEL_OF or CHANNEL_OF[w] in agreed)


def contact(
    case: Case,
    who: Actor,
    ownership: int,
    *,
    way: ContactWay,
    reached: bool,
    now: datetime,
    rules: Rules,
) -> Accepted | Rejected:
    """Note that the reporter was reached, or that somebody tried. What is unread goes on escalating either way."""
    why = not_workable(case, who, ownership) or _unsafe(case, who, way)
    if why is not None:
        return why
    waits = case.escalation is not None and case.escalation.cause is EscalationCause.CONTACT
    if not reached:
        entry = line(case, who, EntryKind.NOT_REACHED, now, way)
        if not waits:
            return Accepted(changed(case, entry, {}), None)
        return watched(settled(case, SettledReason.TRIED, entry, {}, now), rules, now, tried=True)
    made = carried(case, CaseContacted, line(case, who, EntryKind.CONTACTED, now, way), {"contacted_at": now}, now)
    return watched(made, rules, now) if waits else made


def opened(case: Case, who: Actor, ownership: int, purpose: str, now: datetime, rules: Rules) -> Accepted | Rejected:
    """Note that somebody was given a ticket to the details, and with them to the messages and the rules of contact.

    Nothing is unread then. While nobody has acknowledged the case, its alerts go on.
    """
    why = may_open(case, who, ownership)
    if why is not None:
        return why
    entry = line(case, who, EntryKind.OPENED, now, purpose)
    update: dict[str, object] = {"rules_known_to": tuple(sorted({*case.rules_known_to, who.subject}))}
    if not (case.unread or case.unread_messages):
        return Accepted(changed(case, entry, update), None)
    made = settled(case, SettledReason.READ, entry, {**update, "unread": False, "unread_messages": 0}, now)
    return made if case.state is CaseState.WAITING else watched(made, rules, now)


def _unsafe(case: Case, who: Actor, way: ContactWay) -> Rejected | None:
    if way not in ways(case):
        return Rejected.WAY_NOT_AGREED
    if way in CHANNEL_OF and who.subject not in case.rules_known_to:
        return Rejected.RULES_NOT_READ
    return None


def may_open(case: Case, who: Actor, ownership: int) -> Rejected | None:
    """Return why a person may not open the details of a case as they saw it; None if they may.

    Their role is asked for elsewhere. A closed case stays readable for its owner, a withdrawn one for nobody.
    """
    why = not_owned(case, who, ownership)
    if why is not None:
        return why
    return Rejected.WITHDRAWN if case.ended is EndReason.WITHDRAWN else None


def support(case: Case, who: Actor, ownership: int, given: SupportKind, now: datetime) -> Accepted | Rejected:
    """Note support that was given."""
    why = not_workable(case, who, ownership)
    return why if why is not None else _given(case, who, given, now, {})


def request_deletion(
    case: Case, who: Actor, ownership: int, platform: PlatformKind, addresses: int, now: datetime
) -> Accepted | Rejected:
    """Note that a platform was asked to delete; that is deletion support, and counted as such."""
    why = not_workable(case, who, ownership)
    if why is not None:
        return why
    made = Deletion(
        number=len(case.deletions) + 1, platform=platform, addresses=addresses, state=DeletionState.REQUESTED, at=now
    )
    return _given(case, who, SupportKind.DELETION, now, {"deletions": (*case.deletions, made)})


def move_deletion(
    case: Case, who: Actor, ownership: int, number: int, state: DeletionState, now: datetime
) -> Accepted | Rejected:
    """Note what became of a request. The same again is no news."""
    why = not_workable(case, who, ownership)
    if why is not None:
        return why
    known = next((one for one in case.deletions if one.number == number), None)
    if known is None:
        return Rejected.NO_SUCH_DELETION
    if known.state is state:
        return Accepted(case, None)
    if state not in NEXT_OF[known.state]:
        return Rejected.WRONG_STEP
    moved = known.model_copy(update={"state": state, "at": now})
    after = tuple(moved if one.number == number else one for one in case.deletions)
    entry = line(case, who, EntryKind.DELETION, now, state).model_copy(update={"step": number})
    return Accepted(changed(case, entry, {"deletions": after}), None)


def _given(case: Case, who: Actor, given: SupportKind, now: datetime, update: dict[str, Any]) -> Accepted:
    entry = line(case, who, EntryKind.SUPPORTED, now, given)
    return carried(case, CaseSupported, entry, update, now, {"support": given})


def join(
    case: Case,
    other: Case | None,
    who: Actor,
    ownership: int,
    person: str,
    *,
    agreed: bool,
    now: datetime,
    severe_open: int = 0,
) -> Accepted | Rejected:
    """Put a case beside a linked one: ``person`` looks after it as well.

    Whoever calls does the same with the other case; doing either again changes nothing. ``severe_open`` as in
    ``assign``: beyond the cap a lead gives the case first, and then puts it there.
    """
    why = not_workable(case, who, ownership) or _unjoinable(case, other, agreed=agreed)
    if why is not None or other is None:
        return why or Rejected.NOT_LINKED
    if other.report_id in case.joined and case.assignee == person:
        return Accepted(case, None)
    if case.assignee != person and _past_cap(case, severe_open):
        return Rejected.SEVERE_CAP
    entry = line(case, who, EntryKind.JOINED, now, other.alias).model_copy(update={"assignee": person})
    update: dict[str, Any] = {"joined": tuple(sorted({*case.joined, other.report_id})), "assignee": person}
    if case.assignee == person:
        return Accepted(changed(case, entry, update), None)
    return carried(case, CaseAssigned, entry, update, now, {"assignee": person})


def part(case: Case, other_id: str, other_alias: str, who: Actor, ownership: int, now: datetime) -> Accepted | Rejected:
    """End it: a reporter thought again. Who has the case stays."""
    why = not_workable(case, who, ownership)
    if why is not None:
        return why
    if other_id not in case.joined:
        return Accepted(case, None)
    left = tuple(one for one in case.joined if one != other_id)
    return Accepted(changed(case, line(case, who, EntryKind.PARTED, now, other_alias), {"joined": left}), None)


def under_one_person(case: Case, other: Case) -> bool:
    """Return whether two linked cases are under one person: put there, and neither moved or given to another since."""
    both = other.report_id in case.joined and case.report_id in other.joined
    return both and case.assignee is not None and case.assignee == other.assignee


def _unjoinable(case: Case, other: Case | None, *, agreed: bool) -> Rejected | None:
    if other is None or not (other.report_id in case.linked or case.report_id in other.linked):
        return Rejected.NOT_LINKED
    if other.center_id != case.center_id or other.state is not CaseState.ACKNOWLEDGED or other.awaiting is not None:
        return Rejected.OTHER_CENTER
    return None if agreed else Rejected.AGREEMENT_MISSING


def offer(
    case: Case,
    who: Actor,
    ownership: int,
    receiver: CenterDuty,
    reason: TransferReason,
    rules: Rules,
    now: datetime,
    *,
    agreed: bool = False,
) -> Accepted | Rejected:
    """Offer a case to another of the 16 centres. One offer at a time, and only with the person's agreement.

    ``agreed``: they were asked now; without it counts what they said in the report. The same offer again from the same
    person is told yes, as with ``close``.
    """
    made = case.offer
    same = made is not None and (made.to_center_id, made.reason, made.by) == (receiver.center_id, reason, who.subject)
    if same and not_workable(case, who, ownership) is None:
        return Accepted(case, None)
    why = not_workable(case, who, ownership) or _unfit(case, receiver)
    if why is not None:
        return why
    if not (agreed or case.other_centers):
        return Rejected.NOT_AGREED
    if case.offer is not None:
        return Rejected.OFFER_OPEN
    made = TransferOffer(
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


def accept(case: Case, who: Actor, offer_id: str, receiver: CenterDuty, now: datetime) -> Accepted | Rejected:
    """Take what was offered. From here on routing moves the case, or something else came first."""
    made = _answerable(case, who, offer_id, OfferEnd.ACCEPTED, now)
    if not isinstance(made, TransferOffer):
        return made
    if receiver.state is CenterState.CLOSED:
        return Rejected.CENTER_CLOSED
    if who.organisation in case.declined_centers:
        return Rejected.CENTER_DECLINED
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


def decline(case: Case, who: Actor, offer_id: str, now: datetime) -> Accepted | Rejected:
    """Leave the case where it is."""
    made = _answerable(case, who, offer_id, OfferEnd.DECLINED, now)
    if not isinstance(made, TransferOffer):
        return made
    entry = _line(case, made, EntryKind.DECLINED, now, who.subject)
    over = offer_over(case, OfferEnd.DECLINED, now, who.subject)
    return carried(over, CaseTransferDeclined, entry, {}, now, _named(made))


def recall(case: Case, who: Actor, offer_id: str, now: datetime) -> Accepted | Rejected:
    """Take an offer back before it is answered."""
    why = not_owned(case, who, None)
    if why is not None:
        return why
    made = case.offer
    if made is None or made.offer_id != offer_id:
        past = case.past_offer
        again = past is not None and past.offer_id == offer_id and past.how is OfferEnd.RECALLED
        return Accepted(case, None) if again else Rejected.OFFER_OVER
    entry = _line(case, made, EntryKind.RECALLED, now, who.subject)
    over = offer_over(case, OfferEnd.RECALLED, now, who.subject)
    return carried(over, CaseTransferRecalled, entry, {}, now, _named(made))


def expire(case: Case, now: datetime) -> Accepted | None:
    """End an offer that nobody answered in time; None where there is no such."""
    made = case.offer
    if made is None or now < made.expires_at:
        return None
    entry = _line(case, made, EntryKind.EXPIRED, now)
    return carried(offer_over(case, OfferEnd.EXPIRED, now), CaseTransferExpired, entry, {}, now, _named(made))


def _unfit(case: Case, receiver: CenterDuty) -> Rejected | None:
    if receiver.center_id == case.center_id:
        return Rejected.SAME_CENTER
    if receiver.center_id == CENTRAL_DESK:
        return Rejected.CENTRAL_OWNS_LAST
    if receiver.state is CenterState.CLOSED:
        return Rejected.CENTER_CLOSED
    return Rejected.CENTER_DECLINED if receiver.center_id in case.declined_centers else None


def carried_out(case: Case, past: PastOffer) -> bool:
    """Return whether an accepted offer has moved the case, or will: routing may have found that it cannot."""
    awaited = case.awaiting is not None and case.awaiting.offer_id == past.offer_id
    return awaited or past.to_center_id == case.center_id


def _answerable(
    case: Case, who: Actor, offer_id: str, wanted: OfferEnd, now: datetime
) -> TransferOffer | Accepted | Rejected:
    """The offer, if it is theirs to answer and still open.

    Who said the same before is told yes again, as long as the case moves to them or nothing has happened to it since.
    """
    made, past = case.offer, case.past_offer
    if made is not None and made.offer_id == offer_id:
        if who.organisation != made.to_center_id:
            return Rejected.NOT_ALLOWED
        return made if now < made.expires_at else Rejected.OFFER_OVER
    if past is not None and past.offer_id == offer_id and past.to_center_id == who.organisation:
        # Yes shows the case as it is now: of one that is not theirs, only what they saw when they declined.
        shown = carried_out(case, past) if wanted is OfferEnd.ACCEPTED else case.entries[-1].kind is EntryKind.DECLINED
        return Accepted(case, None) if past.how is wanted and shown else Rejected.OFFER_OVER
    concerned = {case.center_id, case.offered_to, *case.former}
    return Rejected.OFFER_OVER if who.organisation in concerned else Rejected.NOT_ALLOWED


def _line(case: Case, made: TransferOffer, kind: EntryKind, now: datetime, by: str | None = None) -> TimelineEntry:
    return TimelineEntry(at=now, kind=kind, center_id=case.center_id, other_center_id=made.to_center_id, by=by)


def _named(made: TransferOffer) -> dict[str, str]:
    return {"offer_id": made.offer_id, "to_center_id": made.to_center_id}
