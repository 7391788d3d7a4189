"""What came of alerts and of mails about offers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.notify import policy
from services.notify.model import Case, Entry, EntryKind, Target
from services.notify.policy import Notice, Plan, Result, Rules
from services.notify.projection.timeline import in_order, noted
from shared.events.alerts import AlertEscalated, AlertEvent, AlertFailed, AlertSent
from shared.events.base import Event
from shared.events.vocabulary import AlertChannel


def record(
    case: Case, made: Plan, results: Sequence[Result], rules: Rules, now: datetime
) -> tuple[Case, tuple[Event, ...]]:
    """The case after a sending, and the events that tell of it.

    Telling the same sending twice changes nothing: a write whose answer was lost may be repeated.
    """
    if any(_known(case, result.alert_id, made.attempt) for result in results):
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
        told_to = "central" if result.target is Target.CENTRAL else made.center_id
        shared = _common(case, made, version, told_to, now)
        more = {"channel": AlertChannel.EMAIL, "attempt": made.attempt}
        events.append(
            AlertSent(**shared, **more) if result.ok else AlertFailed(**shared, **more, reason=result.reason[:80])
        )
        entries.append(
            Entry(
                at=now,
                kind=EntryKind.SENT if result.ok else EntryKind.FAILED,
                center_id=told_to,
                step=made.step,
                target=result.target,
                attempt=made.attempt,
                reason=result.reason or None,
                alert_id=result.alert_id,
            )
        )
    case = noted(case.model_copy(update={"alert_version": version, "rev": case.rev + 1}), *entries)
    return in_order(policy.advance(case, made, tuple(results), rules, now)), tuple(events)


def told(case: Case, made: Notice, result: Result, rules: Rules, now: datetime) -> Case:
    """The case after a mail about its offer. The same again, or a mail about an offer that is over by now, is no news.

    No event: the offer itself is on the bus, and alerts there are the owner's.
    """
    offer = case.offer
    if offer is None or offer.offer_id != made.offer_id or _known(case, made.alert_id, made.attempt):
        return case
    again = None if result.ok else rules.hold(policy.retry_at(case.report_id, made.attempt, now), case.urgency)
    entry = Entry(
        at=now,
        kind=EntryKind.OFFER_SENT if result.ok else EntryKind.OFFER_FAILED,
        center_id=case.center_id,
        other_center_id=made.to_center_id,
        target=made.target,
        attempt=made.attempt,
        reason=result.reason or None,
        alert_id=made.alert_id,
    )
    tried = offer.model_copy(update={"tell_at": again, "tries": made.attempt})
    return policy.rescheduled(noted(case.model_copy(update={"offer": tried, "rev": case.rev + 1}), entry))


def _known(case: Case, alert_id: str, attempt: int) -> bool:
    return any(entry.alert_id == alert_id and entry.attempt == attempt for entry in case.entries)


def _common(case: Case, made: Plan, version: int, center_id: str, now: datetime) -> dict[str, Any]:
    return {
        "report_id": case.report_id,
        "alert_version": version,
        "ownership": made.ownership,
        "center_id": center_id,
        "step": made.step,
        "at": now,
    }
