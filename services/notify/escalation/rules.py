"""Rules of alerting: the policy table, quiet hours, what is due, batching, what came of it. Pure; ``now`` is given."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final, TypeVar

from services.notify.cases.models import (
    CENTRAL_DESK,
    Case,
    CaseState,
    DueCase,
    EntryKind,
    Escalation,
    EscalationCause,
    Target,
    TimelineEntry,
    in_order,
    noted,
    rescheduled,
)
from services.notify.team.models import CenterDuty
from shared.clock import SEOUL
from shared.events.alerts import AlertEscalated, AlertEvent, AlertFailed, AlertSent
from shared.events.base import Event
from shared.events.vocabulary import AlertChannel, AlertTrouble, Urgency

_EVERY: Final = (AlertChannel.EMAIL, AlertChannel.WEBHOOK, AlertChannel.APPRISE)


_CALM: Final = (AlertChannel.EMAIL, AlertChannel.WEBHOOK)
"""A case that is not urgent rings no telephone until a lead has to hear of it."""


@dataclass(frozen=True, slots=True)
class EscalationStep:
    """One step, told once; the last one again and again."""

    who: tuple[Target, ...]
    channels: tuple[AlertChannel, ...]
    wait: timedelta
    """From its telling to that of the next step, or of the last one again."""


def _steps(calm: tuple[AlertChannel, ...], minutes: tuple[int, int, int], every: int) -> tuple[EscalationStep, ...]:
    duty, colleagues, lead = (timedelta(minutes=wait) for wait in minutes)
    return (
        EscalationStep((Target.DUTY,), calm, duty),
        EscalationStep((Target.COLLEAGUES,), calm, colleagues),
        EscalationStep((Target.LEAD,), _EVERY, lead),
        EscalationStep((Target.LEAD, Target.CENTRAL), _EVERY, timedelta(minutes=every)),
    )


ESCALATION_POLICY: Final[dict[Urgency, tuple[EscalationStep, ...]]] = {
    Urgency.CRITICAL: _steps(_EVERY, (2, 3, 5), every=10),
    Urgency.HIGH: _steps(_EVERY, (5, 10, 15), every=30),
    Urgency.NORMAL: _steps(_CALM, (30, 30, 60), every=120),
}


NOBODY_STEP: Final = 3
"""The step to go on with at once when nobody is on duty: the lead, and ``central`` beside them."""


NOBODY_TARGETS: Final = (Target.LEAD, Target.CENTRAL)


CONTACT_WITHIN: Final[dict[Urgency, timedelta]] = {
    Urgency.CRITICAL: timedelta(minutes=30),
    Urgency.HIGH: timedelta(hours=2),
    Urgency.NORMAL: timedelta(hours=24),
}
"""The second deadline: from the acknowledgement to the first contact with the reporter. This project's own times."""


OVERDUE_AFTER: Final = timedelta(seconds=120)
"""A step that begins later than this after it was due is told as overdue; twice the usual lease."""


def step_of(urgency: Urgency, number: int) -> EscalationStep:
    """Return a step by its number from 1; numbers past the last are the last."""
    steps = ESCALATION_POLICY[urgency]
    return steps[min(number, len(steps)) - 1]


def is_last(urgency: Urgency, number: int) -> bool:
    """Return whether there is no step above this one."""
    return number >= len(ESCALATION_POLICY[urgency])


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours in Seoul in which what is not urgent waits; ``start`` is in, ``end`` is out; may span midnight."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> "QuietHours | None":
        """From ``22:00-07:00``, or None for ``off``. ValueError says what is wrong."""
        if text.strip().lower() == "off":
            return None
        first, dash, last = text.partition("-")
        if not dash:
            raise ValueError("expected HH:MM-HH:MM or off")
        start, end = time.fromisoformat(first.strip()), time.fromisoformat(last.strip())
        if start.tzinfo is not None or end.tzinfo is not None:
            raise ValueError("expected HH:MM-HH:MM or off, without a zone: the hours are Seoul's")
        if start == end:
            raise ValueError("start and end are the same")
        return cls(start, end)

    def end_of(self, moment: datetime) -> datetime | None:
        """Return when the quiet hours around ``moment`` end, or None if it is not in them."""
        local = moment.astimezone(SEOUL)
        clock = local.time().replace(tzinfo=None)
        spans_midnight = self.start > self.end
        inside = (clock >= self.start or clock < self.end) if spans_midnight else self.start <= clock < self.end
        if not inside:
            return None
        day = local.date() + timedelta(days=1 if spans_midnight and clock >= self.start else 0)
        return datetime.combine(day, self.end, SEOUL).astimezone(moment.tzinfo)

    def within(self, since: datetime, until: datetime) -> timedelta:
        """Return how much of a span lies in them."""
        first = since.astimezone(SEOUL).date() - timedelta(days=1)
        quiet = timedelta()
        for day in range((until.astimezone(SEOUL).date() - first).days + 1):
            begins = datetime.combine(first + timedelta(days=day), self.start, SEOUL)
            ends = datetime.combine(begins.date() + timedelta(days=self.start > self.end), self.end, SEOUL)
            quiet += max(min(ends, until) - max(begins, since), timedelta())
        return quiet


@dataclass(frozen=True, slots=True)
class Rules:
    """The deployment's decisions about alerting."""

    quiet: QuietHours | None = None
    alert_sandbox: bool = False
    """Whether drills of front ends that are being tried out alert staff like others."""

    def hold(self, moment: datetime, urgency: Urgency) -> datetime:
        """``moment``, or the end of the quiet hours it falls in where it can wait."""
        if self.quiet is None or urgency is not Urgency.NORMAL:
            return moment
        return self.quiet.end_of(moment) or moment

    def waited(self, since: datetime, until: datetime, urgency: Urgency) -> timedelta:
        """Return how long something has waited, without quiet hours where it can wait."""
        quiet = self.quiet.within(since, until) if self.quiet is not None and urgency is Urgency.NORMAL else timedelta()
        return max(until - since - quiet, timedelta())


RETRY_FIRST_S: Final = 5.0


RETRY_MAX_S: Final = 300.0


JITTER: Final = 0.2


def retry_at(report_id: str, tries: int, now: datetime) -> datetime:
    """Return when to retry after ``tries`` failures in a row: doubling, bounded, with a jitter made from the id."""
    base = min(RETRY_FIRST_S * 2.0 ** min(tries - 1, 10), RETRY_MAX_S)
    digest = hashlib.sha256(f"{report_id}|{tries}".encode()).digest()
    share = int.from_bytes(digest[:4], "big") / 2**32
    return now + timedelta(seconds=base * (1 + JITTER * (2 * share - 1)))


def batch_id(alert_ids: Iterable[str]) -> str:
    """The id of a message that stands for several alerts: the same alerts make the same id."""
    return uuid_like("bundle|" + "|".join(sorted(alert_ids)))


def uuid_like(name: str) -> str:
    """An id in the shape of a UUID, made from a name."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))


ALWAYS: Final = Rules()
"""No quiet hours."""


def begin(case: Case, rules: Rules, now: datetime, cause: EscalationCause = EscalationCause.ANSWER) -> Case:
    """Start a new run of the escalation: the staff on duty are due at once, or when the quiet hours end."""
    return _run(case, rules, now, now, cause)


def resume(case: Case, stopped: Escalation, paused: timedelta, rules: Rules, now: datetime) -> Case:
    """Start a new run at the step at which a withdrawal stopped one; its time does not run while it is withdrawn.

    Begun at the first step each time, it would never reach a lead: whoever found the receipt could take the report
    back and bring it back every minute.
    """
    case = begin(case, rules, now)
    if case.escalation is None or stopped.next_step_at is None:
        return case
    told = case.escalation.pending if stopped.step == 1 else step_of(case.urgency, stopped.step).who
    where = {
        "step": stopped.step,
        "round": stopped.round,
        "pending": told,
        "next_step_at": stopped.next_step_at + paused,
    }
    return case.model_copy(update={"escalation": case.escalation.model_copy(update=where)})


def watch(case: Case, rules: Rules, now: datetime, *, tried: bool = False) -> Case:
    """Start the timer of the first contact, unless the reporter was reached since the acknowledgement.

    While messages are unread, their timer runs instead: one step's time is left to open them. Whoever ``tried`` to
    reach the reporter gets the whole time again; who reads a message past it gets one step's time.
    """
    if case.state is not CaseState.ACKNOWLEDGED or case.acknowledged_at is None:
        return stop(case)
    if case.unread:
        return _run(case, rules, now + step_of(case.urgency, 1).wait, now, EscalationCause.MESSAGE)
    if contacted(case):
        return stop(case)
    within = CONTACT_WITHIN[case.urgency]
    first = case.acknowledged_at + within
    at = now + within if tried else max(first, now + step_of(case.urgency, 1).wait)
    return _run(case, rules, at, now, EscalationCause.CONTACT)


def contacted(case: Case) -> bool:
    """Return whether the reporter was reached since this centre took the case."""
    taken = case.acknowledged_at
    return case.contacted_at is not None and (taken is None or case.contacted_at >= taken)


def _run(case: Case, rules: Rules, at: datetime, now: datetime, cause: EscalationCause) -> Case:
    if case.sandbox and not rules.alert_sandbox:
        return stop(case)
    due = rules.hold(max(at, now), case.urgency)
    copied = (Target.CENTRAL,) if case.copy_central or case.over_capacity else ()
    escalation = Escalation(
        run=case.runs + 1,
        cause=cause,
        step=1,
        round=1,
        attempt=0,
        tries=0,
        pending=step_of(case.urgency, 1).who + copied,
        next_step_at=None,
        due_at=due,
        held=due != max(at, now),
    )
    return rescheduled(case.model_copy(update={"runs": escalation.run, "escalation": escalation}))


def stop(case: Case) -> Case:
    """No more alerts: someone answered, or nothing is left to answer."""
    return rescheduled(case.model_copy(update={"escalation": None}))


CLOCKS_APART: Final = timedelta(minutes=1)
"""The clocks of two processes may differ so much; of more ``ClockApart`` tells."""


def shortest_wait(urgency: Urgency) -> timedelta:
    """Return the shortest time from one step of an escalation to the next, without quiet hours."""
    return min(step.wait for step in ESCALATION_POLICY[urgency])


def brought_forward(case: Case, rules: Rules, lease: timedelta, now: datetime) -> Case | None:
    """The case, due now where it waits for longer than these rules can make it wait; None where it does not.

    Such a time was written by a process whose clock was ahead, or whose lease it was; nobody would be told until then.
    """
    escalation, offer = case.escalation, case.offer
    if escalation is not None:
        untold = escalation.cause is EscalationCause.CONTACT and escalation.next_step_at is None
        wait = CONTACT_WITHIN[case.urgency] if untold else step_of(case.urgency, escalation.step).wait
        if escalation.due_at > rules.hold(now + wait, case.urgency) + CLOCKS_APART:
            at, next_step = rules.hold(now, case.urgency), escalation.next_step_at
            update = {
                "due_at": at,
                "held": at != now,
                "next_step_at": None if next_step is None else min(next_step, at),
            }
            escalation = escalation.model_copy(update=update)
    if offer is not None:
        lasts = OFFER_LASTS[case.urgency]
        if offer.expires_at > now + lasts + CLOCKS_APART:
            offer = offer.model_copy(update={"expires_at": now + lasts})
        if offer.tell_at is not None and offer.tell_at > rules.hold(now + lasts, case.urgency) + CLOCKS_APART:
            offer = offer.model_copy(update={"tell_at": rules.hold(now, case.urgency)})
    stale = case.lease_by is not None and case.wake_at is not None and case.wake_at > now + lease + CLOCKS_APART
    if escalation is case.escalation and offer is case.offer and not stale:
        return None
    return rescheduled(case.model_copy(update={"escalation": escalation, "offer": offer, "rev": case.rev + 1}))


@dataclass(frozen=True, slots=True)
class Plan:
    """The alerts to send for one claimed case, and its escalation while they are sent."""

    run: int
    cause: EscalationCause
    step: int
    round: int
    attempt: int
    targets: tuple[Target, ...]
    """Whom no channel has reached yet in this round: they are told by every channel."""
    again: tuple[str, ...]
    """Endpoints of targets that another channel has reached: only these are tried again."""
    channels: tuple[AlertChannel, ...]
    escalated: bool
    nobody: bool
    overdue: bool
    center_id: str
    ownership: int


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """Result of alerting one target at one endpoint; ``reason`` is a short code if it failed."""

    target: Target
    alert_id: str
    ok: bool
    reason: str = ""
    channel: AlertChannel = AlertChannel.EMAIL
    endpoint: str = ""
    """The target's endpoint (``Endpoint.key``); empty if it has none at all."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """The alerts that have not gone yet and are still wanted."""

    endpoints: tuple[tuple[Target, str], ...] = ()
    """Whom it is for, and which endpoint (``Endpoint.key``)."""
    deferred_until: datetime | None = None
    """When what was left for a bundle may go; None where nothing was left for one."""


NOTHING_DEFERRED: Final = Deferred()


def plan(case: Case, center: CenterDuty, now: datetime) -> Plan | None:
    """Return what is due for a case now; None if nothing is (another process has it)."""
    escalation = case.escalation
    if escalation is None or escalation.due_at > now:
        return None
    nobody = escalation.step == 1 and Target.DUTY in escalation.pending and center.nobody
    onward = nobody or (escalation.next_step_at is not None and escalation.next_step_at <= now)
    step, round_, targets, again = escalation.step, escalation.round, escalation.pending, escalation.again
    if onward:
        step, round_ = _next(case, escalation, nobody=nobody)
        who = NOBODY_TARGETS if nobody else step_of(case.urgency, step).who
        # Whom the step before could not reach is not forgotten; where nobody is on duty there is nobody to reach.
        left = tuple(t for t in escalation.pending if t not in who and not (nobody and t is Target.DUTY))
        targets, again = who + left, ()
    return Plan(
        run=escalation.run,
        cause=escalation.cause,
        step=step,
        round=round_,
        attempt=1 if step != escalation.step else escalation.attempt + 1,
        targets=targets,
        again=again,
        channels=step_of(case.urgency, step).channels,
        escalated=step != escalation.step,
        nobody=nobody,
        overdue=now - escalation.due_at > OVERDUE_AFTER,
        center_id=case.center_id,
        ownership=case.ownership,
    )


def _next(case: Case, escalation: Escalation, *, nobody: bool) -> tuple[int, int]:
    if nobody:
        return NOBODY_STEP, 1
    if is_last(case.urgency, escalation.step):
        return escalation.step, escalation.round + 1
    return escalation.step + 1, 1


def advance(
    case: Case,
    made: Plan,
    results: Sequence[AttemptResult],
    rules: Rules,
    now: datetime,
    left: Deferred = NOTHING_DEFERRED,
) -> Case:
    """Return the escalation after alerts. One that was stopped, started anew or told meanwhile stays.

    What was ``left`` for a batch is no failure, and nothing is tried in between. A target that one channel has reached
    is still told by the others.
    """
    escalation = _planned_for(case, made)
    if escalation is None:
        return case
    reached = {result.target for result in results if result.ok}
    pending = tuple(target for target in made.targets if target not in reached)
    same_round = made.step == escalation.step and made.round == escalation.round
    begun = escalation.next_step_at if same_round else None
    # A step that was only left for a bundle has not begun: its time runs from the telling.
    fresh = now + step_of(case.urgency, made.step).wait if results or left.deferred_until is None else None
    next_step = begun if begun is not None else fresh
    # Whoever has no channel at all is not tried again in this round: the step above is what helps.
    failed = [r for r in results if not r.ok and r.channel is not AlertChannel.NONE]
    if results and all(r.channel is AlertChannel.NONE for r in results) and not is_last(case.urgency, made.step):
        next_step = now
    undone = [(r.target, r.endpoint) for r in results if not r.ok and r.endpoint]
    again = tuple(dict.fromkeys(key for target, key in (*undone, *left.endpoints) if target not in pending))
    tries = escalation.tries + 1 if failed else 0
    waits = [moment for moment in (next_step, left.deferred_until) if moment is not None]
    if failed or (left.endpoints and left.deferred_until is None):
        waits.append(retry_at(case.report_id, max(tries, 1), now))
    at = min(waits)
    due = rules.hold(at, case.urgency)
    after = escalation.model_copy(
        update={
            "step": made.step,
            "round": made.round,
            "attempt": made.attempt if results else made.attempt - 1,
            "tries": tries,
            "pending": pending,
            "again": again,
            "next_step_at": next_step,
            "due_at": due,
            "held": due != at,
            "was_deferred": left.deferred_until is not None,
        }
    )
    return rescheduled(case.model_copy(update={"escalation": after}))


def _planned_for(case: Case, made: Plan) -> Escalation | None:
    """Return the escalation as the plan knew it; None where it was stopped, started anew or told since by others.

    Those told it where the plan's own process was paused. Thrown back, it would come again to what is recorded already:
    that would be sent for ever and recorded no more, and nobody above would ever be told.
    """
    escalation = case.escalation
    if escalation is None or escalation.run != made.run:
        return None
    told = (escalation.step, escalation.round, escalation.attempt)
    return escalation if (made.step, made.round, made.attempt) > told else None


def alert_id(report_id: str, made: Plan, target: Target) -> str:
    """The id of an alert: the same for every attempt and channel, so that a receiver can tell a double."""
    name = f"alert|{report_id}|{made.ownership}|{made.run}|{made.step}|{made.round}|{target}"
    return uuid_like(name)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One way to a target: an address, a webhook, an Apprise URL. ``key`` names it in the store and says no secret."""

    key: str
    target: Target
    channel: AlertChannel
    where: str
    """The address, or the name under which the channel keeps URL and secret."""


def endpoints_for(made: Plan, endpoints: Sequence[Endpoint]) -> tuple[list[Endpoint], list[Target]]:
    """The endpoints to tell now, and whoever has none at all.

    A target that has none of the step's channels is told by what it has: a wrong channel is better than silence.
    """
    chosen: list[Endpoint] = []
    nowhere: list[Target] = []
    for target in made.targets:
        own = [endpoint for endpoint in endpoints if endpoint.target is target]
        fitting = [endpoint for endpoint in own if endpoint.channel in made.channels]
        chosen += fitting or own
        if not own:
            nowhere.append(target)
    again = set(made.again)
    chosen += [e for e in endpoints if e.key in again and e.target not in made.targets]
    return chosen, nowhere


OFFER_LASTS: Final[dict[Urgency, timedelta]] = {
    Urgency.CRITICAL: timedelta(minutes=30),
    Urgency.HIGH: timedelta(hours=4),
    Urgency.NORMAL: timedelta(hours=24),
}
"""How long another centre may think about an offer; this project's own times."""


@dataclass(frozen=True, slots=True)
class OfferNotice:
    """An alert to the centre that has an open offer."""

    offer_id: str
    to_center_id: str
    target: Target
    attempt: int
    alert_id: str


def notice(case: Case, receiver: CenterDuty, now: datetime) -> OfferNotice | None:
    """The alert about an offer that is due now: to the lead where nobody is on duty; none where nothing is due."""
    offer = case.offer
    if offer is None or offer.tell_at is None or offer.tell_at > now or offer.expires_at <= now:
        return None
    return OfferNotice(
        offer_id=offer.offer_id,
        to_center_id=offer.to_center_id,
        target=Target.LEAD if receiver.nobody else Target.DUTY,
        attempt=offer.tries + 1,
        alert_id=uuid_like(f"offer|{case.report_id}|{offer.offer_id}"),
    )


def offer_id(report_id: str, case_version: int) -> str:
    """The id of an offer, made from the event that tells of it."""
    return "offer-" + hashlib.sha256(f"{report_id}|{case_version}".encode()).hexdigest()[:16]


MOST: Final = 5
"""So many alerts go to one place on their own within ``WINDOW``; more are batched."""


WINDOW: Final = timedelta(minutes=2)


GAP: Final = timedelta(seconds=10)
"""Between one batched alert and the next: long enough to read one, short against the shortest step."""


BATCH_SIZE: Final = 50


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RecentAlerts:
    """When alerts went to one place, alone or in a batch: the newest ``MOST`` and one, oldest first."""

    at: tuple[datetime, ...] = ()

    def within(self, now: datetime) -> int:
        """Count those that went within the window. What a clock that was ahead wrote down counts for nothing."""
        return sum(1 for moment in self.at if now - WINDOW < moment <= now + WINDOW)


def batches(due: Sequence[T], sent: RecentAlerts, now: datetime) -> list[list[T]]:
    """Split what is due to one place into messages: singly while few, otherwise batched."""
    if len(due) + sent.within(now) <= MOST:
        return [[one] for one in due]
    return [list(due[start : start + BATCH_SIZE]) for start in range(0, len(due), BATCH_SIZE)]


def claim_together(due: Iterable[DueCase], most: int) -> tuple[list[DueCase], list[DueCase]]:
    """Select due cases to claim now, up to a number, and those left for the next claim.

    Whole messages: as many of a center as one message holds, the center first whose case has been due for longest. A
    center that has more comes last among those that are left, so that it keeps no other waiting.
    """
    centers: dict[str, list[DueCase]] = {}
    for one in due:
        centers.setdefault(one.center_id, []).append(one)
    taken: list[DueCase] = []
    left: list[DueCase] = []
    more: list[DueCase] = []
    for of_center in centers.values():
        room = min(BATCH_SIZE, most - len(taken))
        taken += of_center[:room]
        (more if room > 0 else left).extend(of_center[room:])
    return taken, left + more


def deferred_until(sent: RecentAlerts, now: datetime) -> datetime | None:
    """Until when alerts to a place are gathered that has had many; None: they may go now."""
    if sent.within(now) <= MOST:
        return None
    opens = min(sent.at[-1], now) + GAP
    return opens if opens > now else None


def record(
    case: Case,
    made: Plan,
    results: Sequence[AttemptResult],
    rules: Rules,
    now: datetime,
    left: Deferred = NOTHING_DEFERRED,
) -> tuple[Case, tuple[Event, ...]]:
    """The case after a telling, and the events that say so. ``left``: what has not gone yet.

    Recording the same telling twice changes nothing: a write whose answer was lost may be repeated.
    """
    if any(_known(case, result.alert_id, made.attempt) for result in results):
        return case, ()
    escalation = _planned_for(case, made)
    if not results and (escalation is None or escalation.due_at > now):
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
    return in_order(advance(case, made, tuple(results), rules, now, left)), tuple(story.events)


_TROUBLE: Final = {
    AlertTrouble.OVERDUE: EntryKind.OVERDUE,
    AlertTrouble.NOBODY_ON_DUTY: EntryKind.NOBODY_ON_DUTY,
    AlertTrouble.NO_CHANNEL: EntryKind.NO_CHANNEL,
}


class _Story:
    """The lines and events of one telling, in order."""

    def __init__(self, case: Case, made: Plan, now: datetime) -> None:
        self.version = case.alert_version
        self.entries: list[TimelineEntry] = []
        self.events: list[AlertEvent] = []
        self._case, self._made, self._now = case, made, now

    def trouble(self, why: AlertTrouble, target: Target | None = None, alert_id: str | None = None) -> None:
        made = self._made
        # Nobody on duty is about the step of the staff on duty, not the one the escalation goes on to.
        step = 1 if why is AlertTrouble.NOBODY_ON_DUTY else made.step
        self._line(_TROUBLE[why], made.center_id, step=step, target=target, alert_id=alert_id, attempt=made.attempt)
        common = {**self._common(made.center_id), "step": step}
        self.events.append(AlertFailed(**common, channel=AlertChannel.NONE, attempt=made.attempt, reason=why))

    def escalated(self) -> None:
        self._line(EntryKind.ESCALATED, self._made.center_id, step=self._made.step)
        self.events.append(AlertEscalated(**self._common(self._made.center_id)))

    def result(self, result: AttemptResult) -> None:
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
        self.entries.append(TimelineEntry(at=self._now, kind=kind, center_id=center_id, **more))

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


def record_notice(case: Case, made: OfferNotice, result: AttemptResult, rules: Rules, now: datetime) -> Case:
    """The case after an alert about its offer. The same again, or one about an offer that is over by now, is no news.

    No event: the offer itself is on the bus, and alerts there are the owner's.
    """
    offer = case.offer
    if offer is None or offer.offer_id != made.offer_id or _known(case, made.alert_id, made.attempt):
        return case
    again = None if result.ok else rules.hold(retry_at(case.report_id, made.attempt, now), case.urgency)
    entry = TimelineEntry(
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
    return rescheduled(noted(case.model_copy(update={"offer": tried, "rev": case.rev + 1}), entry))


def _known(case: Case, alert_id: str, attempt: int) -> bool:
    return any(entry.alert_id == alert_id and entry.attempt == attempt for entry in case.entries)
