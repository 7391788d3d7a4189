"""The escalation ladder: whom to tell, when to tell the next, when to try again. Pure; ``now`` is an argument.

The times are this project's own: critical follows the five-minute default of Grafana OnCall's ladders, the others are
multiples of it. After the last rung it starts again and again until someone answers.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from services.notify.model import SEOUL, Case, Center, Ladder, Target
from shared.events.vocabulary import Urgency

LAST_STEP: Final = 2


@dataclass(frozen=True, slots=True)
class Times:
    """Minutes until step 2 after step 1, and between repeats of step 2."""

    escalate: int
    repeat: int


LADDER: Final[dict[Urgency, Times]] = {
    Urgency.CRITICAL: Times(escalate=5, repeat=10),
    Urgency.HIGH: Times(escalate=15, repeat=30),
    Urgency.NORMAL: Times(escalate=60, repeat=120),
}
TARGETS: Final[dict[int, tuple[Target, ...]]] = {1: (Target.DUTY,), 2: (Target.LEAD, Target.CENTRAL)}
RANK: Final = {Urgency.CRITICAL: 0, Urgency.HIGH: 1, Urgency.NORMAL: 2}

OFFER_LASTS: Final[dict[Urgency, timedelta]] = {
    Urgency.CRITICAL: timedelta(minutes=30),
    Urgency.HIGH: timedelta(hours=4),
    Urgency.NORMAL: timedelta(hours=24),
}
"""How long another centre may think about an offer; this project's own times."""

RETRY_FIRST_S: Final = 5.0
RETRY_MAX_S: Final = 300.0
JITTER: Final = 0.2


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
        if start == end:
            raise ValueError("start and end are the same")
        return cls(start, end)

    def end_of(self, moment: datetime) -> datetime | None:
        """When the quiet hours around ``moment`` end, or None if it is not in them."""
        local = moment.astimezone(SEOUL)
        clock = local.time().replace(tzinfo=None)
        spans_midnight = self.start > self.end
        inside = (clock >= self.start or clock < self.end) if spans_midnight else self.start <= clock < self.end
        if not inside:
            return None
        day = local.date() + timedelta(days=1 if spans_midnight and clock >= self.start else 0)
        return datetime.combine(day, self.end, SEOUL).astimezone(moment.tzinfo)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the deployment decides about alerting."""

    quiet: QuietHours | None = None

    def hold(self, moment: datetime, urgency: Urgency) -> datetime:
        """``moment``, or the end of the quiet hours it falls in where it can wait."""
        if self.quiet is None or urgency is not Urgency.NORMAL:
            return moment
        return self.quiet.end_of(moment) or moment


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send for one claimed case, and how the ladder stands while it is sent."""

    run: int
    step: int
    round: int
    attempt: int
    targets: tuple[Target, ...]
    escalated: bool
    nobody: bool
    center_id: str
    ownership: int


@dataclass(frozen=True, slots=True)
class Result:
    """What came of telling one target; ``reason`` is a short code where it failed."""

    target: Target
    alert_id: str
    ok: bool
    reason: str = ""


def begin(case: Case, rules: Rules, now: datetime) -> Case:
    """Start a new run of the ladder: the staff on duty are due at once, or when the quiet hours end."""
    due = rules.hold(now, case.urgency)
    copied = (Target.CENTRAL,) if case.copy_central or case.over_capacity else ()
    ladder = Ladder(
        run=case.runs + 1,
        step=1,
        round=1,
        attempt=0,
        tries=0,
        pending=TARGETS[1] + copied,
        next_step_at=None,
        due_at=due,
        held=due != now,
    )
    return rescheduled(case.model_copy(update={"runs": ladder.run, "ladder": ladder}))


def stop(case: Case) -> Case:
    """No more alerts: someone answered, or nothing is left to answer."""
    return rescheduled(case.model_copy(update={"ladder": None}))


def next_due(case: Case) -> datetime | None:
    """When somebody has to look at the case next: the ladder, the mail about an offer, or the offer's end."""
    due = [case.ladder.due_at] if case.ladder is not None else []
    if case.offer is not None:
        due += [moment for moment in (case.offer.tell_at, case.offer.expires_at) if moment is not None]
    return min(due, default=None)


def rescheduled(case: Case) -> Case:
    """The case to be claimed when something is due next. Whoever holds it now has lost it."""
    return case.model_copy(update={"wake_at": next_due(case), "lease_by": None})


def scheduled(case: Case) -> Case:
    """The same, but a worker that is at the case keeps it: it looks again at what is due when it writes down."""
    return case if case.lease_by is not None else rescheduled(case)


def plan(case: Case, center: Center, now: datetime) -> Plan | None:
    """What is due for a case now; None where nothing is (somebody was faster)."""
    ladder = case.ladder
    if ladder is None or ladder.due_at > now:
        return None
    nobody = ladder.step == 1 and Target.DUTY in ladder.pending and center.nobody
    onward = nobody or (ladder.next_step_at is not None and ladder.next_step_at <= now)
    step, round_, targets = ladder.step, ladder.round, ladder.pending
    if onward:
        step, round_ = (step + 1, 1) if step < LAST_STEP else (step, round_ + 1)
        # Whom the rung before could not reach is not forgotten; where nobody is on duty there is nobody to reach.
        left = tuple(t for t in ladder.pending if t not in TARGETS[step] and not (nobody and t is Target.DUTY))
        targets = TARGETS[step] + left
    return Plan(
        run=ladder.run,
        step=step,
        round=round_,
        attempt=1 if step != ladder.step else ladder.attempt + 1,
        targets=targets,
        escalated=step != ladder.step,
        nobody=nobody,
        center_id=case.center_id,
        ownership=case.ownership,
    )


def advance(case: Case, made: Plan, results: tuple[Result, ...], rules: Rules, now: datetime) -> Case:
    """The ladder after a sending. A ladder that was started anew or stopped meanwhile stays as it is."""
    ladder = case.ladder
    if ladder is None or ladder.run != made.run:
        return case
    reached = {result.target for result in results if result.ok}
    pending = tuple(target for target in made.targets if target not in reached)
    times = LADDER[case.urgency]
    wait = timedelta(minutes=times.escalate if made.step < LAST_STEP else times.repeat)
    same_round = made.step == ladder.step and made.round == ladder.round
    next_step = ladder.next_step_at if same_round and ladder.next_step_at is not None else now + wait
    tries = ladder.tries + 1 if pending else 0
    at = min(next_step, retry_at(case.report_id, tries, now)) if pending else next_step
    due = rules.hold(at, case.urgency)
    after = Ladder(
        run=made.run,
        step=made.step,
        round=made.round,
        attempt=made.attempt,
        tries=tries,
        pending=pending,
        next_step_at=next_step,
        due_at=due,
        held=due != at,
    )
    return rescheduled(case.model_copy(update={"ladder": after}))


@dataclass(frozen=True, slots=True)
class Notice:
    """A mail to the centre that has an open offer."""

    offer_id: str
    to_center_id: str
    target: Target
    attempt: int
    alert_id: str


def notice(case: Case, receiver: Center, now: datetime) -> Notice | None:
    """The mail about an offer that is due now: to the lead where nobody is on duty; none where nothing is due."""
    offer = case.offer
    if offer is None or offer.tell_at is None or offer.tell_at > now or offer.expires_at <= now:
        return None
    return Notice(
        offer_id=offer.offer_id,
        to_center_id=offer.to_center_id,
        target=Target.LEAD if receiver.nobody else Target.DUTY,
        attempt=offer.tries + 1,
        alert_id=_uuid_like(f"offer|{case.report_id}|{offer.offer_id}"),
    )


def offer_id(report_id: str, case_version: int) -> str:
    """The id of an offer, made from the event that tells of it."""
    return "offer-" + hashlib.sha256(f"{report_id}|{case_version}".encode()).hexdigest()[:16]


def retry_at(report_id: str, tries: int, now: datetime) -> datetime:
    """When to try again after ``tries`` failures in a row: doubling, bounded, with a jitter made from the id."""
    base = min(RETRY_FIRST_S * 2.0 ** min(tries - 1, 10), RETRY_MAX_S)
    digest = hashlib.sha256(f"{report_id}|{tries}".encode()).digest()
    share = int.from_bytes(digest[:4], "big") / 2**32
    return now + timedelta(seconds=base * (1 + JITTER * (2 * share - 1)))


def alert_id(report_id: str, made: Plan, target: Target) -> str:
    """The id of an alert: the same for every attempt to deliver it, so that a receiver can tell a double."""
    name = f"alert|{report_id}|{made.ownership}|{made.run}|{made.step}|{made.round}|{target}"
    return _uuid_like(name)


def _uuid_like(name: str) -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
