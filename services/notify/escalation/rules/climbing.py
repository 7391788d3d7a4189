"""The ladder's climb: whom to tell now, and how the ladder stands after a telling. Pure; ``now`` is an argument."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.notify.cases.models import Case, Center, Ladder, RunCause, Target
from services.notify.escalation.rules.ids import retry_at, uuid_like
from services.notify.escalation.rules.quiet import Rules
from services.notify.escalation.rules.runs import rescheduled
from services.notify.escalation.rules.table import (
    NOBODY_STEP,
    NOBODY_TARGETS,
    OVERDUE_AFTER,
    is_last,
    step_of,
)
from shared.events.vocabulary import AlertChannel


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send for one claimed case, and how the ladder stands while it is sent."""

    run: int
    cause: RunCause
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
class Result:
    """What came of telling one target at one endpoint; ``reason`` is a short code where it failed."""

    target: Target
    alert_id: str
    ok: bool
    reason: str = ""
    channel: AlertChannel = AlertChannel.EMAIL
    endpoint: str = ""
    """Which of the target's endpoints it was (``Endpoint.key``); empty where it has none at all."""


@dataclass(frozen=True, slots=True)
class Left:
    """What of a telling has not gone yet and is still wanted."""

    endpoints: tuple[tuple[Target, str], ...] = ()
    """Whom it is for, and which endpoint (``Endpoint.key``)."""
    later: datetime | None = None
    """When what was left for a bundle may go; None where nothing was left for one."""


NOTHING_LEFT: Final = Left()


def plan(case: Case, center: Center, now: datetime) -> Plan | None:
    """What is due for a case now; None where nothing is (somebody was faster)."""
    ladder = case.ladder
    if ladder is None or ladder.due_at > now:
        return None
    nobody = ladder.step == 1 and Target.DUTY in ladder.pending and center.nobody
    onward = nobody or (ladder.next_step_at is not None and ladder.next_step_at <= now)
    step, round_, targets, again = ladder.step, ladder.round, ladder.pending, ladder.again
    if onward:
        step, round_ = _next(case, ladder, nobody=nobody)
        who = NOBODY_TARGETS if nobody else step_of(case.urgency, step).who
        # Whom the rung before could not reach is not forgotten; where nobody is on duty there is nobody to reach.
        left = tuple(t for t in ladder.pending if t not in who and not (nobody and t is Target.DUTY))
        targets, again = who + left, ()
    return Plan(
        run=ladder.run,
        cause=ladder.cause,
        step=step,
        round=round_,
        attempt=1 if step != ladder.step else ladder.attempt + 1,
        targets=targets,
        again=again,
        channels=step_of(case.urgency, step).channels,
        escalated=step != ladder.step,
        nobody=nobody,
        overdue=now - ladder.due_at > OVERDUE_AFTER,
        center_id=case.center_id,
        ownership=case.ownership,
    )


def _next(case: Case, ladder: Ladder, *, nobody: bool) -> tuple[int, int]:
    if nobody:
        return NOBODY_STEP, 1
    times = step_of(case.urgency, ladder.step).times
    if is_last(case.urgency, ladder.step) or times is None or ladder.round < times:
        return ladder.step, ladder.round + 1
    return ladder.step + 1, 1


def advance(
    case: Case, made: Plan, results: Sequence[Result], rules: Rules, now: datetime, left: Left = NOTHING_LEFT
) -> Case:
    """The ladder after a telling. A ladder that was started anew or stopped meanwhile stays as it is.

    What was ``left`` for a bundle is no failure, and nothing is tried in between. A target that one channel has reached
    is still told by the others.
    """
    ladder = case.ladder
    if ladder is None or ladder.run != made.run:
        return case
    reached = {result.target for result in results if result.ok}
    pending = tuple(target for target in made.targets if target not in reached)
    same_round = made.step == ladder.step and made.round == ladder.round
    begun = ladder.next_step_at if same_round else None
    # A step that was only left for a bundle has not begun: its time runs from the telling.
    fresh = now + step_of(case.urgency, made.step).wait if results or left.later is None else None
    next_step = begun if begun is not None else fresh
    # Whoever has no channel at all is not tried again in this round: the step above is what helps.
    failed = [r for r in results if not r.ok and r.channel is not AlertChannel.NONE]
    if results and all(r.channel is AlertChannel.NONE for r in results) and not is_last(case.urgency, made.step):
        next_step = now
    undone = [(r.target, r.endpoint) for r in results if not r.ok and r.endpoint]
    again = tuple(dict.fromkeys(key for target, key in (*undone, *left.endpoints) if target not in pending))
    tries = ladder.tries + 1 if failed else 0
    waits = [moment for moment in (next_step, left.later) if moment is not None]
    if failed or (left.endpoints and left.later is None):
        waits.append(retry_at(case.report_id, max(tries, 1), now))
    at = min(waits)
    due = rules.hold(at, case.urgency)
    after = ladder.model_copy(
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
            "gathered": left.later is not None,
        }
    )
    return rescheduled(case.model_copy(update={"ladder": after}))


def alert_id(report_id: str, made: Plan, target: Target) -> str:
    """The id of an alert: the same for every attempt and channel, so that a receiver can tell a double."""
    name = f"alert|{report_id}|{made.ownership}|{made.run}|{made.step}|{made.round}|{target}"
    return uuid_like(name)
