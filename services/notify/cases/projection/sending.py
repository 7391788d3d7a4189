"""What came of alerts and of mails about offers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from services.notify.cases.models import CENTRAL_DESK, Case, Entry, EntryKind, Target
from services.notify.cases.projection.timeline import in_order, noted
from services.notify.escalation import rules as policy
from services.notify.escalation.rules import Left, Notice, Plan, Result, Rules
from shared.events.alerts import AlertEscalated, AlertEvent, AlertFailed, AlertSent
from shared.events.base import Event
from shared.events.vocabulary import AlertChannel, AlertTrouble


def record(
    case: Case,
    made: Plan,
    results: Sequence[Result],
    rules: Rules,
    now: datetime,
    left: Left = policy.NOTHING_LEFT,
) -> tuple[Case, tuple[Event, ...]]:
    """The case after a telling, and the events that say so. ``left``: what has not gone yet.

    Recording the same telling twice changes nothing: a write whose answer was lost may be repeated.
    """
    if any(_known(case, result.alert_id, made.attempt) for result in results):
        return case, ()
    ladder = case.ladder
    begins = ladder is not None and ladder.run == made.run and ladder.due_at <= now
    if not results and not begins:
        return case, ()
    story = _Story(case, made, now)
    if made.overdue:
        story.trouble(AlertTrouble.OVERDUE)
    if made.nobody:
        story.trouble(AlertTrouble.NOBODY_ON_DUTY)
    if made.escalated:
        story.escalated()
    for result in results:
        story.result(result)
    told = {"alert_version": story.version, "rev": case.rev + 1}
    case = noted(case.model_copy(update=told), *story.entries)
    return in_order(policy.advance(case, made, tuple(results), rules, now, left)), tuple(story.events)


_TROUBLE: Final = {
    AlertTrouble.OVERDUE: EntryKind.OVERDUE,
    AlertTrouble.NOBODY_ON_DUTY: EntryKind.NOBODY_ON_DUTY,
    AlertTrouble.NO_CHANNEL: EntryKind.NO_CHANNEL,
}


class _Story:
    """The lines and events of one telling, in order."""

    def __init__(self, case: Case, made: Plan, now: datetime) -> None:
        self.version = case.alert_version
        self.entries: list[Entry] = []
        self.events: list[AlertEvent] = []
        self._case, self._made, self._now = case, made, now

    def trouble(self, why: AlertTrouble, target: Target | None = None, alert_id: str | None = None) -> None:
        made = self._made
        # Nobody on duty is about the rung the staff on duty stand on, not the one the ladder goes on to.
        step = 1 if why is AlertTrouble.NOBODY_ON_DUTY else made.step
        self._line(_TROUBLE[why], made.center_id, step=step, target=target, alert_id=alert_id, attempt=made.attempt)
        common = {**self._common(made.center_id), "step": step}
        self.events.append(AlertFailed(**common, channel=AlertChannel.NONE, attempt=made.attempt, reason=why))

    def escalated(self) -> None:
        self._line(EntryKind.ESCALATED, self._made.center_id, step=self._made.step)
        self.events.append(AlertEscalated(**self._common(self._made.center_id)))

    def result(self, result: Result) -> None:
        if result.channel is AlertChannel.NONE:
            self.trouble(AlertTrouble.NO_CHANNEL, result.target, result.alert_id)
            return
        told_to = CENTRAL_DESK if result.target is Target.CENTRAL else self._made.center_id
        more = {"channel": result.channel, "attempt": self._made.attempt}
        shared = self._common(told_to)
        self.events.append(
            AlertSent(**shared, **more) if result.ok else AlertFailed(**shared, **more, reason=result.reason[:80])
        )
        self._line(
            EntryKind.SENT if result.ok else EntryKind.FAILED,
            told_to,
            step=self._made.step,
            target=result.target,
            reason=result.reason or None,
            alert_id=result.alert_id,
            **more,
        )

    def _line(self, kind: EntryKind, center_id: str, **more: Any) -> None:  # noqa: ANN401  # fields of an entry
        self.entries.append(Entry(at=self._now, kind=kind, center_id=center_id, **more))

    def _common(self, center_id: str) -> dict[str, Any]:
        self.version += 1
        return {
            "report_id": self._case.report_id,
            "alert_version": self.version,
            "ownership": self._made.ownership,
            "center_id": center_id,
            "step": self._made.step,
            "at": self._now,
        }


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
