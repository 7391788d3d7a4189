"""A case as a fold of routing's records and of what notify did about it. Pure; ``now`` is an argument."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from services.notify import policy
from services.notify.model import Case, CaseState, Entry, EntryKind, Target
from services.notify.policy import Plan, Result, Rules
from services.notify.rendering import alias
from shared.errors import FatalError
from shared.events.alerts import AlertEscalated, AlertEvent, AlertFailed, AlertSent
from shared.events.base import Event
from shared.events.routings import ReportEnded, ReportRerouted, ReportRouted, ReportUpdated
from shared.events.vocabulary import AlertChannel, CauseKind, EndReason, UpdateKind

ENTRIES_FIRST: Final = 20
ENTRIES_LAST: Final = 80
"""A timeline keeps its beginning and its end; what lies between is counted."""

RoutingEvent = ReportRouted | ReportRerouted | ReportUpdated | ReportEnded


def fold(case: Case | None, event: RoutingEvent, traceparent: str, rules: Rules, now: datetime) -> Case | None:
    """The case after a record, or None where the record is already in it.

    The first record of a version is the truth. A hole means that this process and the log disagree: ``FatalError``.
    """
    known = case.version if case is not None else 0
    if event.version <= known:
        return None
    if event.version != known + 1:
        raise FatalError(f"routings: version {event.version} of a report of which version {known} is known")
    if case is None:
        if not isinstance(event, ReportRouted):
            raise FatalError(f"routings: a report begins with {event.TYPE}")
        return _sorted(_routed(event, traceparent, rules, now))
    after = case.model_copy(update={"version": event.version, "rev": case.rev + 1, "traceparent": traceparent})
    match event:
        case ReportRerouted():
            after = _rerouted(after, event, rules, now)
        case ReportUpdated():
            after = _updated(after, event, rules, now)
        case ReportEnded():
            after = _ended(after, event)
        case ReportRouted():
            raise FatalError("routings: a report was routed twice")
    return _sorted(after)


def _routed(event: ReportRouted, traceparent: str, rules: Rules, now: datetime) -> Case:
    decision, facts = event.decision, event.facts
    case = Case(
        report_id=event.report_id,
        rev=1,
        version=event.version,
        ownership=event.ownership,
        center_id=decision.center_id,
        alias=alias(event.report_id),
        urgency=facts.urgency,
        harm_types=facts.harm_types,
        channel=facts.channel,
        language=facts.language,
        synthetic=facts.synthetic,
        reason=decision.reason,
        over_capacity=decision.over_capacity,
        copy_central=decision.copy_central,
        received_at=event.received_at,
        decided_at=event.decided_at,
        state=CaseState.WAITING,
        traceparent=traceparent,
    )
    entry = Entry(at=event.decided_at, kind=EntryKind.ROUTED, center_id=case.center_id, reason=decision.reason)
    return policy.begin(noted(case, entry), rules, now)


def _rerouted(case: Case, event: ReportRerouted, rules: Rules, now: datetime) -> Case:
    decision, facts = event.decision, event.facts
    crossed = case.acknowledged_at is not None and case.acknowledged_at >= event.decided_at
    if case.state is CaseState.ACKNOWLEDGED and (crossed or event.cause.kind is CauseKind.CENTER_CLOSED):
        # A closing centre loses only what routing holds for unacknowledged: the two crossed, and they should know.
        case = noted(
            case,
            Entry(at=now, kind=EntryKind.VOID, center_id=case.center_id, by=case.acknowledged_by),
        )
    moved: dict[str, Any] = {
        "ownership": event.ownership,
        "center_id": decision.center_id,
        "reason": decision.reason,
        "over_capacity": decision.over_capacity,
        "copy_central": decision.copy_central,
        "urgency": facts.urgency,
        "harm_types": facts.harm_types,
        "decided_at": event.decided_at,
        "acknowledged_at": None,
        "acknowledged_by": None,
    }
    entry = Entry(
        at=event.decided_at,
        kind=EntryKind.MOVED,
        center_id=decision.center_id,
        other_center_id=event.previous_center_id,
        reason=decision.reason,
    )
    case = noted(case.model_copy(update=moved), entry)
    if case.state is CaseState.ENDED:
        return case
    return policy.begin(case.model_copy(update={"state": CaseState.WAITING, "unread": False}), rules, now)


_UPDATES: Final = {
    UpdateKind.AMENDED: EntryKind.AMENDED,
    UpdateKind.MESSAGE_LEFT: EntryKind.MESSAGE_LEFT,
    UpdateKind.REOPENED: EntryKind.REOPENED,
}


def _updated(case: Case, event: ReportUpdated, rules: Rules, now: datetime) -> Case:
    facts = event.facts
    more_urgent = policy.RANK[facts.urgency] < policy.RANK[case.urgency]
    case = noted(
        case.model_copy(update={"urgency": facts.urgency, "harm_types": facts.harm_types}),
        Entry(at=event.decided_at, kind=_UPDATES[event.kind], center_id=case.center_id),
    )
    if case.ended is EndReason.WITHDRAWN and event.kind is not UpdateKind.REOPENED:
        return case  # All contact has stopped.
    if event.kind is UpdateKind.REOPENED:
        opened = {"state": CaseState.WAITING, "ended": None, "acknowledged_at": None, "acknowledged_by": None}
        return policy.begin(case.model_copy(update=opened), rules, now)
    unread = case.model_copy(update={"unread": True})
    if case.ladder is not None and not more_urgent:
        return unread  # The ladder is already running: a second one would only be noise.
    return policy.begin(unread, rules, now)


def _ended(case: Case, event: ReportEnded) -> Case:
    kind = EntryKind.WITHDRAWN if event.reason is EndReason.WITHDRAWN else EntryKind.CLOSED
    ended = case.model_copy(update={"state": CaseState.ENDED, "ended": event.reason, "unread": False})
    return policy.stop(noted(ended, Entry(at=event.decided_at, kind=kind, center_id=case.center_id)))


def record(
    case: Case, made: Plan, results: Sequence[Result], rules: Rules, now: datetime
) -> tuple[Case, tuple[Event, ...]]:
    """The case after a sending, and the events that tell of it.

    Telling the same sending twice changes nothing: a write whose answer was lost may be repeated.
    """
    tried = {(entry.alert_id, entry.attempt) for entry in case.entries if entry.alert_id is not None}
    if any((result.alert_id, made.attempt) in tried for result in results):
        return case, ()
    events: list[AlertEvent] = []
    entries: list[Entry] = []
    version = case.alert_version
    if made.nobody:
        entries.append(Entry(at=now, kind=EntryKind.NOBODY_ON_DUTY, center_id=made.center_id, step=1))
    if made.escalated:
        version += 1
        entries.append(Entry(at=now, kind=EntryKind.ESCALATED, center_id=made.center_id, step=made.step))
        events.append(AlertEscalated(**_common(case, made, version, made.center_id, now)))
    for result in results:
        version += 1
        told = "central" if result.target is Target.CENTRAL else made.center_id
        shared = _common(case, made, version, told, now)
        more = {"channel": AlertChannel.EMAIL, "attempt": made.attempt}
        events.append(
            AlertSent(**shared, **more) if result.ok else AlertFailed(**shared, **more, reason=result.reason[:80])
        )
        entries.append(
            Entry(
                at=now,
                kind=EntryKind.SENT if result.ok else EntryKind.FAILED,
                center_id=told,
                step=made.step,
                target=result.target,
                attempt=made.attempt,
                reason=result.reason or None,
                alert_id=result.alert_id,
            )
        )
    case = noted(case.model_copy(update={"alert_version": version, "rev": case.rev + 1}), *entries)
    return _sorted(policy.advance(case, made, tuple(results), rules, now)), tuple(events)


def _common(case: Case, made: Plan, version: int, center_id: str, now: datetime) -> dict[str, Any]:
    return {
        "report_id": case.report_id,
        "alert_version": version,
        "ownership": made.ownership,
        "center_id": center_id,
        "step": made.step,
        "at": now,
    }


def noted(case: Case, *entries: Entry) -> Case:
    """The case with lines added to its timeline, which stays bounded."""
    lines = (*case.entries, *entries)
    over = len(lines) - ENTRIES_FIRST - ENTRIES_LAST
    if over > 0:
        lines = (*lines[:ENTRIES_FIRST], *lines[ENTRIES_FIRST + over :])
    return case.model_copy(update={"entries": lines, "entries_dropped": case.entries_dropped + max(over, 0)})


def _sorted(case: Case) -> Case:
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
