"""When a run of the ladder begins and ends, and when somebody has to look next. Pure; ``now`` is an argument."""

from datetime import datetime
from typing import Final

from services.notify.cases.models import Case, CaseState, Ladder, RunCause, Target
from services.notify.escalation.rules.quiet import Rules
from services.notify.escalation.rules.table import CONTACT_WITHIN, step_of

ALWAYS: Final = Rules()
"""No quiet hours."""


def begin(case: Case, rules: Rules, now: datetime, cause: RunCause = RunCause.ANSWER) -> Case:
    """Start a new run of the ladder: the staff on duty are due at once, or when the quiet hours end."""
    return _run(case, rules, now, now, cause)


def watch(case: Case, rules: Rules, now: datetime, *, tried: bool = False) -> Case:
    """Start the timer of the first contact, unless the reporter was reached since the acknowledgement.

    While messages are unread, their timer runs instead: one step's time is left to open them. Whoever ``tried`` to
    reach the reporter gets the whole time again; who reads a message past it gets one step's time.
    """
    if case.state is not CaseState.ACKNOWLEDGED or case.acknowledged_at is None:
        return stop(case)
    if case.unread:
        return _run(case, rules, now + step_of(case.urgency, 1).wait, now, RunCause.MESSAGE)
    if contacted(case):
        return stop(case)
    within = CONTACT_WITHIN[case.urgency]
    first = case.acknowledged_at + within
    at = now + within if tried else max(first, now + step_of(case.urgency, 1).wait)
    return _run(case, rules, at, now, RunCause.CONTACT)


def contacted(case: Case) -> bool:
    """Whether the reporter was reached since this centre took the case."""
    taken = case.acknowledged_at
    return case.contacted_at is not None and (taken is None or case.contacted_at >= taken)


def _run(case: Case, rules: Rules, at: datetime, now: datetime, cause: RunCause) -> Case:
    due = rules.hold(max(at, now), case.urgency)
    copied = (Target.CENTRAL,) if case.copy_central or case.over_capacity else ()
    ladder = Ladder(
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
