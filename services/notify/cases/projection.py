"""Routing's records, taken into a case one version at a time. Pure."""

from datetime import datetime
from typing import Any, Final

from services.notify.cases.models import (
    AwaitingKind,
    Case,
    CaseState,
    EntryKind,
    EscalationCause,
    TimelineEntry,
    alias,
    in_order,
    noted,
    offer_died,
    scheduled,
)
from services.notify.escalation import rules as policy
from services.notify.escalation.rules import Rules
from shared.errors import OutOfSequenceError
from shared.events.cases import CaseReopened, CaseTransferAccepted
from shared.events.envelope import event_id
from shared.events.reports import ReportFacts
from shared.events.routings import ReportEnded, ReportRerouted, ReportRouted, ReportUpdated
from shared.events.vocabulary import CauseKind, EndReason, TransferVoid, UpdateKind
from shared.severity import RANK, urgency_of

RoutingEvent = ReportRouted | ReportRerouted | ReportUpdated | ReportEnded


def fold(case: Case | None, event: RoutingEvent, traceparent: str, rules: Rules, now: datetime) -> Case | None:
    """The case after a record, or None where the record is already in it.

    The first record of a version is the truth. Raises ``OutOfSequenceError`` where a version is missing before it.
    """
    known = case.version if case is not None else 0
    if event.version <= known:
        return None
    if event.version != known + 1:
        raise OutOfSequenceError(event.report_id, event.version, known)
    if case is None:
        if not isinstance(event, ReportRouted):
            raise OutOfSequenceError(event.report_id, event.version, known)
        return in_order(_routed(event, traceparent, rules, now))
    after = case.model_copy(update={"version": event.version, "rev": case.rev + 1, "traceparent": traceparent})
    match event:
        case ReportRerouted():
            after = _rerouted(after, event, rules, now)
        case ReportUpdated():
            after = _updated(after, event, rules, now)
        case ReportEnded():
            after = _ended(after, event, now)
        case ReportRouted():
            raise OutOfSequenceError(event.report_id, event.version, known)
    return in_order(after)


def _routed(event: ReportRouted, traceparent: str, rules: Rules, now: datetime) -> Case:
    decision, facts = event.decision, event.facts
    case = Case(
        report_id=event.report_id,
        rev=1,
        version=event.version,
        ownership=event.ownership,
        center_id=decision.center_id,
        alias=alias(event.report_id),
        urgency=urgency_of(facts),
        harm_types=facts.harm_types,
        channel=facts.channel,
        language=facts.language,
        synthetic=facts.synthetic,
        sandbox=facts.sandbox,
        reason=decision.reason,
        over_capacity=decision.over_capacity,
        copy_central=decision.copy_central,
        received_at=event.received_at,
        decided_at=event.decided_at,
        declined_centers=facts.declined_centers,
        other_centers=facts.other_centers,
        linked=facts.linked_reports,
        contact_channels=facts.contact_channels,
        threat_deadline=facts.threat_deadline,
        suspicion=facts.suspicion,
        state=CaseState.WAITING,
        traceparent=traceparent,
    )
    reason = decision.reason.value
    entry = TimelineEntry(at=event.decided_at, kind=EntryKind.ROUTED, center_id=case.center_id, reason=reason)
    return policy.begin(noted(case, entry), rules, now)


def _rerouted(case: Case, event: ReportRerouted, rules: Rules, now: datetime) -> Case:
    decision, facts = event.decision, event.facts
    crossed = case.acknowledged_at is not None and case.acknowledged_at >= event.decided_at
    if case.state is CaseState.ACKNOWLEDGED and (crossed or event.cause.kind is CauseKind.CENTER_CLOSED):
        # A closing centre loses only what routing holds for unacknowledged: the two crossed, and they should know.
        case = noted(
            case,
            TimelineEntry(at=now, kind=EntryKind.VOID, center_id=case.center_id, by=case.acknowledged_by),
        )
    case = offer_died(_answered(case, event, now), now, event.cause.kind)
    before = event.previous_center_id
    came_back = _CAME_BACK.get(case.ended) if case.ended is not None else None
    if came_back is not None:
        # It is open again in the same record, at another centre: the one before was declined meanwhile, or is closed.
        case = noted(case, TimelineEntry(at=event.decided_at, kind=came_back, center_id=before))
    moved: dict[str, Any] = {
        "ownership": event.ownership,
        "center_id": decision.center_id,
        "reason": decision.reason,
        "over_capacity": decision.over_capacity,
        "copy_central": decision.copy_central,
        "urgency": urgency_of(facts),
        "harm_types": facts.harm_types,
        "declined_centers": facts.declined_centers,
        "other_centers": facts.other_centers,
        **_reach(facts),
        # Whoever has the case now has to read for themselves what is safe, and asks the reporters anew.
        "rules_known_to": (),
        "joined": (),
        "decided_at": event.decided_at,
        "moved_from": before,
        "moved_by": event.cause.kind if came_back is None else None,
        "former": case.former if before in case.former else (*case.former, before),
        "unread": False,
        **_OPENED,
    }
    entry = TimelineEntry(
        at=event.decided_at,
        kind=EntryKind.MOVED,
        center_id=decision.center_id,
        other_center_id=before,
        reason=decision.reason.value,
    )
    return policy.begin(noted(case.model_copy(update=moved), entry), rules, now)


_UPDATES: Final = {
    UpdateKind.AMENDED: EntryKind.AMENDED,
    UpdateKind.MESSAGE_LEFT: EntryKind.MESSAGE_LEFT,
    UpdateKind.REOPENED: EntryKind.REOPENED,
    UpdateKind.REINSTATED: EntryKind.REINSTATED,
}


_CAME_BACK: Final = {EndReason.WITHDRAWN: EntryKind.REINSTATED, EndReason.CLOSED: EntryKind.REOPENED}


_RULES_CHANGE: Final = frozenset({UpdateKind.AMENDED, UpdateKind.REINSTATED})
"""After these the rules of safe contact may be others than those somebody has read."""


_BACK: Final = frozenset({UpdateKind.REOPENED, UpdateKind.REINSTATED})


_OPENED: Final[dict[str, Any]] = {
    "state": CaseState.WAITING,
    "ended": None,
    "ended_at": None,
    "outcome": None,
    "acknowledged_at": None,
    "acknowledged_by": None,
    "assignee": None,
}


def _reach(facts: ReportFacts) -> dict[str, Any]:
    return {
        "linked": facts.linked_reports,
        "contact_channels": facts.contact_channels,
        "threat_deadline": facts.threat_deadline,
        "suspicion": facts.suspicion,
    }


def _updated(case: Case, event: ReportUpdated, rules: Rules, now: datetime) -> Case:
    facts = event.facts
    more_urgent = RANK[urgency_of(facts)] < RANK[case.urgency]
    told: dict[str, Any] = {
        "urgency": urgency_of(facts),
        "harm_types": facts.harm_types,
        "declined_centers": facts.declined_centers,
        "other_centers": facts.other_centers,
        **_reach(facts),
    }
    if event.kind in _RULES_CHANGE:
        told["rules_known_to"] = ()
    if event.kind is UpdateKind.MESSAGE_LEFT:
        told["unread_messages"] = case.unread_messages + 1
    if event.kind is UpdateKind.TRANSFER_VOID:
        return _answered(case.model_copy(update=told), event, now)
    entry = TimelineEntry(at=event.decided_at, kind=_UPDATES[event.kind], center_id=case.center_id)
    case = noted(case.model_copy(update=told), entry)
    if case.offer is not None and case.offer.to_center_id in facts.declined_centers:
        # As long as it stood, that centre could read the case: whoever harmed them may work there.
        case = scheduled(offer_died(case, now, TransferVoid.DECLINED))
    if event.kind in _BACK:
        back = _answered(case, event, now).model_copy(update=_OPENED)
        if case.interrupted is None or case.ended_at is None or event.kind is not UpdateKind.REINSTATED:
            return policy.begin(back, rules, now)
        return policy.resume(back, case.interrupted, event.decided_at - case.ended_at, rules, now)
    if case.ended is EndReason.WITHDRAWN:
        return case  # All contact has stopped.
    unread = case.model_copy(update={"unread": True})
    running = case.escalation is not None and case.escalation.cause is not EscalationCause.CONTACT
    if running and not more_urgent:
        return unread  # The escalation is already running: a second one would only be noise.
    waits = case.state is CaseState.WAITING
    return policy.begin(unread, rules, now, EscalationCause.ANSWER if waits else EscalationCause.MESSAGE)


def _ended(case: Case, event: ReportEnded, now: datetime) -> Case:
    withdrawn = event.reason is EndReason.WITHDRAWN
    unanswered = withdrawn and case.state is CaseState.WAITING
    case = offer_died(_answered(case, event, now), now, event.reason)
    kind = EntryKind.WITHDRAWN if withdrawn else EntryKind.CLOSED
    ended = {
        "state": CaseState.ENDED,
        "ended": event.reason,
        "ended_at": event.decided_at,
        # What was left while the case was being closed still has to be read.
        "unread": case.unread and not withdrawn,
        "unread_messages": 0 if withdrawn else case.unread_messages,
        "interrupted": case.escalation if unanswered else None,
    }
    case = noted(case.model_copy(update=ended), TimelineEntry(at=event.decided_at, kind=kind, center_id=case.center_id))
    return case if case.unread else policy.stop(case)


_VOID: Final = {
    AwaitingKind.MOVING: EntryKind.MOVE_VOID,
    AwaitingKind.CLOSING: EntryKind.CLOSING_VOID,
    AwaitingKind.REOPENING: EntryKind.REOPENING_VOID,
}


_ASKS_FOR_AN_OWNER: Final = {
    AwaitingKind.MOVING: CaseTransferAccepted.TYPE,
    AwaitingKind.REOPENING: CaseReopened.TYPE,
}
"""Entries a new owner may answer: a reopened case gets one if it may not go back to the one before."""


def _answered(case: Case, event: ReportRerouted | ReportUpdated | ReportEnded, now: datetime) -> Case:
    """The case with nothing awaited any more; a timeline line where routing made something else of it."""
    awaited = case.awaiting
    if awaited is None:
        return case
    done: dict[str, Any] = {"awaiting": None, "awaiting_since": None}
    if awaited.kind is AwaitingKind.MOVING:
        done["offered_to"] = None
    if _as_asked(case, event):
        return case.model_copy(update=done)
    if awaited.kind is AwaitingKind.CLOSING:
        done["outcome"] = None
    why: str = event.reason if isinstance(event, ReportEnded) else event.cause.kind
    if isinstance(event, ReportUpdated) and event.void_reason is not None:
        why = event.void_reason.value
    entry = TimelineEntry(
        at=now,
        kind=_VOID[awaited.kind],
        center_id=case.center_id,
        other_center_id=awaited.to_center_id,
        by=awaited.by,
        reason=why,
    )
    return noted(case.model_copy(update=done), entry)


def _as_asked(case: Case, event: ReportRerouted | ReportUpdated | ReportEnded) -> bool:
    awaited = case.awaiting
    match event:
        case ReportRerouted():
            asks = _ASKS_FOR_AN_OWNER.get(awaited.kind) if awaited is not None else None
            if awaited is None or asks is None:
                return False
            return event.cause.event_id == event_id("notify", asks, case.report_id, awaited.case_version)
        case ReportUpdated():
            return awaited is not None and awaited.kind is AwaitingKind.REOPENING
        case ReportEnded():
            closing = awaited is not None and awaited.kind is AwaitingKind.CLOSING
            return closing and event.reason is EndReason.CLOSED
