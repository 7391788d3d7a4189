"""What must have happened by when. Pure; ``now`` is an argument. Knows the rule by itself, not from the ladder."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Final

from shared.clock import SEOUL
from shared.events.vocabulary import Urgency

GRACE: Final = timedelta(seconds=20)
"""A step may be this late: claiming, a bundle's gathering (10 s), sending and publishing. Alarms come within 30 s."""

WAITS_MINUTES: Final[dict[Urgency, tuple[int, int, int, int]]] = {
    Urgency.CRITICAL: (2, 3, 5, 10),
    Urgency.HIGH: (5, 10, 15, 30),
    Urgency.NORMAL: (30, 30, 60, 120),
}
"""From each step of the ladder to the one after it; from the last to its repetition."""
CONTACT_HOURS: Final[dict[Urgency, float]] = {Urgency.CRITICAL: 0.5, Urgency.HIGH: 2, Urgency.NORMAL: 24}
"""From the acknowledgement to the first contact."""
LAST: Final = 4
RANK: Final = {Urgency.CRITICAL: 0, Urgency.HIGH: 1, Urgency.NORMAL: 2}


class Owed(StrEnum):
    """What somebody is owed."""

    ANSWER = "answer"
    MESSAGE = "message"
    CONTACT = "contact"


class Fault(StrEnum):
    """What is wrong."""

    LATE = "late"
    """Nobody was told in time of a step."""
    NO_CHANNEL = "no_channel"
    """There is no way to tell somebody of the step."""


@dataclass(frozen=True, slots=True)
class Promise:
    """Something is owed to a reporter from ``since`` on; the first step is due then."""

    owed: Owed
    since: datetime
    urgency: Urgency


@dataclass(frozen=True, slots=True)
class Told:
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


def next_due(promise: Promise, told: list[Told], quiet: Quiet | None) -> Due:
    """What must happen next for a promise, given who was told since it was made."""
    highest = max((one.step for one in told), default=0)
    if highest == 0:
        step, at = 1, promise.since
    else:
        of_it = [one.at for one in told if one.step == highest]
        # A step begins once; what is told of it later are repetitions of failures. Only the last one begins anew.
        begun = max(of_it) if highest >= LAST else min(of_it)
        step = min(highest + 1, LAST)
        at = begun + timedelta(minutes=WAITS_MINUTES[promise.urgency][min(highest, LAST) - 1])
    if quiet is not None and promise.urgency is Urgency.NORMAL:
        at = quiet.pushed(at)
    return Due(step, at + GRACE)


def contact_due(acknowledged: datetime, urgency: Urgency) -> datetime:
    """The second deadline."""
    return acknowledged + timedelta(hours=CONTACT_HOURS[urgency])


def reading_leaves(urgency: Urgency) -> timedelta:
    """What is left to whoever reads a message when the second deadline has passed: one step's time."""
    return timedelta(minutes=WAITS_MINUTES[urgency][0])
