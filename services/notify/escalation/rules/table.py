"""The one table of steps: who is told, by which channels, after how long, how often. Pure.

Reads downwards: each step begins when nobody answered the one above it in time; the last repeats for ever. The times
are this project's own. Critical: the lead hears within the five minutes that are the default of Grafana OnCall's
ladders, ``central`` after ten; the others are multiples of it. A change of the table is a new ``TABLE_VERSION``.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from services.notify.cases.models import Target
from shared.events.vocabulary import AlertChannel, Urgency

TABLE_VERSION: Final = 2
"""1 was the plain ladder of two steps."""

RANK: Final = {Urgency.CRITICAL: 0, Urgency.HIGH: 1, Urgency.NORMAL: 2}

_EVERY: Final = (AlertChannel.EMAIL, AlertChannel.WEBHOOK, AlertChannel.APPRISE)
_CALM: Final = (AlertChannel.EMAIL, AlertChannel.WEBHOOK)
"""What is not urgent does not ring a telephone until a lead has to hear of it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One rung. ``times`` is how often it is told before the next begins; None: again and again."""

    who: tuple[Target, ...]
    channels: tuple[AlertChannel, ...]
    wait: timedelta
    """From one telling to the next, of this step or of the one below it."""
    times: int | None = 1


def _steps(calm: tuple[AlertChannel, ...], minutes: tuple[int, int, int], every: int) -> tuple[Step, ...]:
    duty, colleagues, lead = (timedelta(minutes=wait) for wait in minutes)
    return (
        Step((Target.DUTY,), calm, duty),
        Step((Target.COLLEAGUES,), calm, colleagues),
        Step((Target.LEAD,), _EVERY, lead),
        Step((Target.LEAD, Target.CENTRAL), _EVERY, timedelta(minutes=every), times=None),
    )


LADDER: Final[dict[Urgency, tuple[Step, ...]]] = {
    Urgency.CRITICAL: _steps(_EVERY, (2, 3, 5), every=10),
    Urgency.HIGH: _steps(_EVERY, (5, 10, 15), every=30),
    Urgency.NORMAL: _steps(_CALM, (30, 30, 60), every=120),
}

NOBODY_STEP: Final = 3
"""Where the ladder goes on at once when nobody is on duty: the lead, and ``central`` beside them."""
NOBODY_TARGETS: Final = (Target.LEAD, Target.CENTRAL)

CONTACT_WITHIN: Final[dict[Urgency, timedelta]] = {
    Urgency.CRITICAL: timedelta(minutes=30),
    Urgency.HIGH: timedelta(hours=2),
    Urgency.NORMAL: timedelta(hours=24),
}
"""The second deadline: from the acknowledgement to the first contact with the reporter. This project's own times."""

OVERDUE_AFTER: Final = timedelta(seconds=120)
"""A step that begins later than this after it was due is told as overdue; twice the usual lease."""


def step_of(urgency: Urgency, number: int) -> Step:
    """A rung by its number from 1; numbers past the last are the last."""
    steps = LADDER[urgency]
    return steps[min(number, len(steps)) - 1]


def is_last(urgency: Urgency, number: int) -> bool:
    """Whether there is no rung above this one."""
    return number >= len(LADDER[urgency])
