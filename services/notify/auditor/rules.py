"""Decide by when each alert must happen, and what a report is owed as the topics tell it. Pure, and independent.

The three topics are read side by side, so an acknowledgement may come before the record it answers. Nothing is
concluded while events come in: what came is kept, and read in the order of ownerships and times when somebody asks.
"""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from shared.clock import SEOUL
from shared.events.alerts import AlertEvent, AlertFailed, AlertSent, AlertSettled
from shared.events.base import ReportEvent
from shared.events.cases import CaseAcknowledged, CaseContacted, CaseEvent
from shared.events.routings import ReportEnded, ReportRerouted, ReportRouted, ReportUpdated
from shared.events.vocabulary import AlertTrouble, EndReason, SettledReason, UpdateKind, Urgency
from shared.severity import urgency_of

GRACE: Final = timedelta(seconds=20)
"""A step may be this late: claiming, a bundle's gathering (10 s), sending and publishing. Alarms come within 30 s."""


FIRST_ALERT: Final = timedelta(seconds=60)
"""From a critical report's acceptance to its first alert: the promise of the objective ``critical_alert``."""


ACKNOWLEDGED_WITHIN: Final[dict[Urgency, timedelta]] = {
    Urgency.CRITICAL: timedelta(minutes=10),
    Urgency.HIGH: timedelta(minutes=30),
    Urgency.NORMAL: timedelta(hours=4),
}
"""From the owner's decision to its acknowledgement: the promise of the objective ``owned_to_seen``. Quiet hours do not
count for what is not urgent."""


WAITS_MINUTES: Final[dict[Urgency, tuple[int, int, int, int]]] = {
    Urgency.CRITICAL: (2, 3, 5, 10),
    Urgency.HIGH: (5, 10, 15, 30),
    Urgency.NORMAL: (30, 30, 60, 120),
}
"""From each step of the escalation to the one after it; from the last to its repetition."""


CONTACT_HOURS: Final[dict[Urgency, float]] = {Urgency.CRITICAL: 0.5, Urgency.HIGH: 2, Urgency.NORMAL: 24}
"""From the acknowledgement to the first contact."""


LAST: Final = 4


RANK: Final = {Urgency.CRITICAL: 0, Urgency.HIGH: 1, Urgency.NORMAL: 2}


class Owed(StrEnum):
    """An alert that is owed."""

    ANSWER = "answer"
    MESSAGE = "message"
    CONTACT = "contact"


class AlertingFault(StrEnum):
    """A fault of alerting."""

    LATE = "late"
    """A step was not told to anyone in time."""
    NO_CHANNEL = "no_channel"
    """There is no way to tell somebody of the step."""


@dataclass(frozen=True, slots=True)
class Promise:
    """Something is owed to a reporter from ``since`` on; the first step is due then."""

    owed: Owed
    since: datetime
    urgency: Urgency


@dataclass(frozen=True, slots=True)
class AlertedStep:
    """A step somebody was told of, at whatever channel."""

    step: int
    at: datetime
    ownership: int = 1


@dataclass(frozen=True, slots=True)
class Due:
    """The next thing that must happen: somebody is told of ``step`` or a higher one, by ``at`` (grace included)."""

    step: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours in Seoul in which what is not urgent may wait."""

    start: time
    end: time

    @classmethod
    def read(cls, setting: str) -> "Quiet | None":
        """From the deployment's setting."""
        if setting.strip().lower() == "off":
            return None
        start, end = (time.fromisoformat(part.strip()) for part in setting.split("-"))
        return cls(start, end)

    def pushed(self, moment: datetime) -> datetime:
        """``moment``, or the end of the hours it falls in."""
        there = moment.astimezone(SEOUL)
        for days in (-1, 0):
            begins = datetime.combine(there.date() + timedelta(days=days), self.start, SEOUL)
            ends = datetime.combine(begins.date(), self.end, SEOUL)
            if self.end <= self.start:
                ends += timedelta(days=1)
            if begins <= there < ends:
                return ends.astimezone(moment.tzinfo)
        return moment

    def after(self, since: datetime, length: timedelta) -> datetime:
        """Return when so much time has passed since then, without these hours."""
        at, day = since + length, timedelta(days=1)
        begins = datetime.combine(since.astimezone(SEOUL).date() - day, self.start, SEOUL)
        while begins <= at:
            ends = datetime.combine(begins.date(), self.end, SEOUL) + (day if self.end <= self.start else timedelta())
            at += max(ends - max(begins, since), timedelta())
            begins += day
        return at


def next_due(promise: Promise, told: list[AlertedStep], quiet: Quiet | None) -> Due:
    """Return the next alert that must happen for a promise, given who was told since it was made."""
    highest = max((one.step for one in told), default=0)
    if highest == 0:
        step, at = 1, promise.since
    else:
        of_it = [one.at for one in told if one.step == highest]
        # A step begins once; what is told of it later are repetitions of failures. Only the last one begins anew.
        begun = max(of_it) if highest >= LAST else min(of_it)
        step = min(highest + 1, LAST)
        at = begun + timedelta(minutes=WAITS_MINUTES[promise.urgency][min(highest, LAST) - 1])
    return Due(step, _latest(at, promise.urgency, quiet))


def _latest(at: datetime, urgency: Urgency, quiet: Quiet | None) -> datetime:
    """``at`` and the grace; what is not urgent waits for the end of quiet hours."""
    return (quiet.pushed(at) if quiet is not None and urgency is Urgency.NORMAL else at) + GRACE


def contact_due(acknowledged: datetime, urgency: Urgency) -> datetime:
    """The second deadline."""
    return acknowledged + timedelta(hours=CONTACT_HOURS[urgency])


def reading_leaves(urgency: Urgency) -> timedelta:
    """Return the time left to the reader of a message after the second deadline: one step's time."""
    return timedelta(minutes=WAITS_MINUTES[urgency][0])


RoutingEvent = ReportRouted | ReportRerouted | ReportUpdated | ReportEnded


_ANEW: Final = frozenset({UpdateKind.REOPENED, UpdateKind.REINSTATED})


_SKEW: Final = timedelta(seconds=1)
"""Clocks of two machines may differ so much."""


_AHEAD: Final = timedelta(minutes=1)
"""Of a clock that is ahead by more than this no time is believed: so much later at most a missing alert is told."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """Something that should have happened and did not."""

    report_id: str
    center_id: str
    urgency: Urgency
    owed: Owed
    fault: AlertingFault
    step: int
    due: datetime


class Settled(NamedTuple):
    """A report to which nothing is owed: which records were seen, and how it ended."""

    version: int
    alert_version: int
    case_version: int
    ended: EndReason | None


@dataclass(slots=True)
class Watched:
    """Events about one report."""

    report_id: str
    version: int = 0
    alert_version: int = 0
    case_version: int = 0
    center_id: str = ""
    routings: list[RoutingEvent] = field(default_factory=list)
    acts: list[CaseAcknowledged | CaseContacted | AlertSettled] = field(default_factory=list)
    told: list[AlertedStep] = field(default_factory=list)
    no_channel: list[AlertedStep] = field(default_factory=list)
    received_at: datetime | None = None
    """When it was accepted; kept when the history goes, for one that is withdrawn and comes back."""
    alerted: bool = False
    """Whether an alert about it was ever taken."""
    changed: bool = True
    promise: Promise | None = None
    due: Due | None = None
    heard_at: datetime | None = None
    """When the newest event about it happened."""
    ended: EndReason | None = None
    """How it stands ended now, or None."""
    settled_before: Settled | None = None
    """The state kept of it while nothing was owed and nothing came; earlier events are in here alone."""


def settled(seen: Watched) -> Settled | None:
    """Return the state to keep of a report to which nothing is owed; None if something is, or if no owner is known.

    Whatever is owed again begins with an event that says the rest itself: a message, a new owner, a reopening.
    """
    if seen.changed or seen.promise is not None or not (seen.routings or seen.settled_before is not None):
        return None
    return Settled(seen.version, seen.alert_version, seen.case_version, seen.ended)


def resumed(report_id: str, kept: Settled) -> Watched:
    """The report as it goes on when something comes about it again."""
    return Watched(
        report_id,
        version=kept.version,
        alert_version=kept.alert_version,
        case_version=kept.case_version,
        ended=kept.ended,
        alerted=True,  # or it was answered without, or withdrawn before
        settled_before=kept,
    )


def happened_at(event: ReportEvent) -> datetime | None:
    """Return when an event happened, by its writer's clock."""
    if isinstance(event, ReportRouted | ReportRerouted | ReportUpdated | ReportEnded):
        return event.decided_at
    return event.at if isinstance(event, CaseEvent | AlertEvent) else None


def dated(event: ReportEvent, now: datetime) -> ReportEvent:
    """The event, dated now where its writer's clock was ahead: what it says puts off nothing that is owed."""
    update: dict[str, datetime] = {}
    for name in ("at", "decided_at", "received_at"):
        moment = getattr(event, name, None)
        if isinstance(moment, datetime) and moment > now + _AHEAD:
            update[name] = now
    return event.model_copy(update=update) if update else event


def note(seen: Watched, event: ReportEvent) -> None:
    """Keep an event; the first record of each version is the truth, later ones are ignored."""
    at = happened_at(event)
    seen.heard_at = at if seen.heard_at is None or at is None else max(seen.heard_at, at)
    if isinstance(event, ReportRouted | ReportRerouted | ReportUpdated | ReportEnded):
        if event.version <= seen.version:
            return
        seen.version = event.version
        seen.routings.append(event)
        if isinstance(event, ReportRouted):
            seen.received_at = event.received_at
    elif isinstance(event, CaseEvent):
        if event.case_version <= seen.case_version:
            return
        seen.case_version = event.case_version
        if isinstance(event, CaseAcknowledged | CaseContacted):
            seen.acts.append(event)
    elif isinstance(event, AlertEvent):
        if event.alert_version <= seen.alert_version:
            return
        seen.alert_version = event.alert_version
        _note_alert(seen, event)
    seen.changed = True


def _note_alert(seen: Watched, event: AlertEvent) -> None:
    if isinstance(event, AlertSettled):
        seen.acts.append(event)
    elif isinstance(event, AlertSent):
        seen.alerted = True
        seen.told.append(AlertedStep(event.step, event.at, event.ownership))
    elif isinstance(event, AlertFailed) and event.reason == AlertTrouble.NO_CHANNEL:
        seen.no_channel.append(AlertedStep(event.step, event.at, event.ownership))


def conclude(seen: Watched, quiet: Quiet | None) -> None:
    """Conclude what is owed now and what must happen next; drop what can matter no more."""
    if not seen.changed:
        return
    seen.changed = False
    seen.promise = _promise(seen)
    if seen.promise is None:
        seen.due = None
        _let_go(seen)
        return
    begins, owner = seen.promise.since - _SKEW, seen.routings[-1].ownership
    seen.told = [one for one in seen.told if one.at >= begins and one.ownership >= owner]
    seen.no_channel = [one for one in seen.no_channel if one.at >= begins and one.ownership >= owner]
    seen.due = next_due(seen.promise, seen.told, quiet)
    if len(seen.told) > _MANY:
        seen.told = [*{one.step: one for one in reversed(seen.told)}.values(), seen.told[-1]]


def _let_go(seen: Watched) -> None:
    """Drop the history: nothing is owed. Of a report that ended, how it ended is enough; later events say the rest."""
    if seen.routings and isinstance(seen.routings[-1], ReportEnded):
        seen.routings = seen.routings[-1:]
        seen.acts.clear()
        seen.told.clear()
        seen.no_channel.clear()


_MANY: Final = 40
"""The last step repeats for ever; of each step its first telling is needed, and of all the last."""


def wrong(seen: Watched, now: datetime) -> Deviation | None:
    """Return the faults of a report now. ``conclude`` comes first. A report without a known owner owes nothing."""
    if seen.promise is None or seen.due is None:
        return None
    late = now > seen.due.at
    nowhere = bool(seen.no_channel) and not (seen.told and seen.told[-1].at >= seen.no_channel[-1].at)
    if not late and not nowhere:
        return None
    fault = AlertingFault.LATE if late else AlertingFault.NO_CHANNEL
    step = seen.due.step if late else seen.no_channel[-1].step
    return Deviation(seen.report_id, seen.center_id, seen.promise.urgency, seen.promise.owed, fault, step, seen.due.at)


def unalerted(seen: Watched, now: datetime) -> bool:
    """Whether a critical report waits for an answer and its first alert, which should have been taken by now.

    ``conclude`` comes first. Notify counts a first alert once it is taken: one that never is would be in no count.
    """
    promise = seen.promise
    if seen.alerted or promise is None or promise.owed is not Owed.ANSWER or promise.urgency is not Urgency.CRITICAL:
        return False
    return seen.received_at is not None and now > seen.received_at + FIRST_ALERT + GRACE


def unacknowledged(seen: Watched, now: datetime, quiet: Quiet | None) -> bool:
    """Whether a report waits for its acknowledgement, which should have been given by now.

    ``conclude`` comes first. Notify counts an acknowledgement once it is given: one that never is would be in no count.
    """
    promise = seen.promise
    if promise is None or promise.owed is not Owed.ANSWER:
        return False
    within = ACKNOWLEDGED_WITHIN[promise.urgency] + GRACE
    if quiet is None or promise.urgency is not Urgency.NORMAL:
        return now > promise.since + within
    return now > quiet.after(promise.since, within)


@dataclass(slots=True)
class _Life:
    """Where a report stands while its events are read in order."""

    ownership: int = 0
    sandbox: bool = False
    urgency: Urgency = Urgency.NORMAL
    waiting: bool = False
    ended: EndReason | None = None
    acknowledged: datetime | None = None
    contacted: bool = False
    unread: bool = False
    messages: bool = False
    """A message was left since the details were last opened."""
    owed: Owed | None = None
    since: datetime | None = None

    def owe(self, owed: Owed | None, since: datetime | None = None) -> None:
        self.owed, self.since = owed, since


def _promise(seen: Watched) -> Promise | None:
    events = sorted([*seen.routings, *seen.acts], key=_order)
    life = _Life(ended=seen.settled_before.ended if seen.settled_before is not None else None)
    for event in events:
        if isinstance(event, CaseAcknowledged | CaseContacted | AlertSettled):
            _act(life, event)
        else:
            _routing(life, event, seen)
    seen.ended = life.ended
    if life.owed is None or life.since is None:
        return None
    return Promise(life.owed, life.since, life.urgency)


def _order(event: RoutingEvent | CaseAcknowledged | CaseContacted | AlertSettled) -> tuple[int, datetime]:
    at = event.at if isinstance(event, CaseAcknowledged | CaseContacted | AlertSettled) else event.decided_at
    return event.ownership, at


def _routing(life: _Life, event: RoutingEvent, seen: Watched) -> None:
    life.ownership = event.ownership
    if isinstance(event, ReportEnded):
        seen.center_id = event.center_id
        life.ended = event.reason
        if event.reason is EndReason.WITHDRAWN or not life.unread:
            life.unread = life.messages = False
            life.owe(None)
        return
    if event.facts.sandbox:
        life.sandbox = True  # nobody is owed anything for it, whether or not the deployment alerts staff of it
        return
    before, life.urgency = life.urgency, urgency_of(event.facts)
    if isinstance(event, ReportUpdated):
        seen.center_id = event.center_id
        _updated(life, event, worse=RANK[life.urgency] < RANK[before])
        return
    seen.center_id = event.decision.center_id
    _anew(life, event.decided_at)


def _anew(life: _Life, at: datetime) -> None:
    life.ended, life.waiting, life.acknowledged, life.contacted, life.unread = None, True, None, False, False
    life.owe(Owed.ANSWER, at)


def _updated(life: _Life, event: ReportUpdated, *, worse: bool) -> None:
    if event.kind is UpdateKind.TRANSFER_VOID:
        return
    if event.kind in _ANEW:
        _anew(life, event.decided_at)
        return
    life.messages = life.messages or event.kind is UpdateKind.MESSAGE_LEFT
    if life.ended is EndReason.WITHDRAWN:
        return
    climbing = life.owed in (Owed.ANSWER, Owed.MESSAGE)
    life.unread = True
    if not climbing or worse:
        life.owe(Owed.ANSWER if life.waiting else Owed.MESSAGE, event.decided_at)


def _act(life: _Life, event: CaseAcknowledged | CaseContacted | AlertSettled) -> None:
    if event.ownership != life.ownership or life.sandbox:
        return
    if isinstance(event, CaseAcknowledged):
        life.waiting, life.unread, life.acknowledged, life.contacted = False, life.messages, event.at, False
        if life.messages:
            life.owe(Owed.MESSAGE, event.at + reading_leaves(life.urgency))
        else:
            life.owe(Owed.CONTACT, contact_due(event.at, life.urgency))
    elif isinstance(event, CaseContacted):
        life.contacted = True
        if life.owed is Owed.CONTACT:
            life.owe(None)
    elif event.reason is SettledReason.READ:
        life.unread = life.messages = False
        if life.waiting:
            return
        if life.ended is not None or life.contacted or life.acknowledged is None:
            life.owe(None)
            return
        first = contact_due(life.acknowledged, life.urgency)
        life.owe(Owed.CONTACT, max(first, event.at + reading_leaves(life.urgency)))
    elif life.owed is Owed.CONTACT:
        life.owe(Owed.CONTACT, contact_due(event.at, life.urgency))
