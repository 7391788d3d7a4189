"""Many alerts to one place become one message that says how many and how old the oldest is. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

MOST: Final = 5
"""So many alerts go to one place on their own within ``WINDOW``; more are bundled."""
WINDOW: Final = timedelta(minutes=2)
GAP: Final = timedelta(seconds=10)
"""Between one bundle and the next: long enough to read one, short against the shortest step of the ladder."""
BUNDLE_SIZE: Final = 50
"""Alerts in one message: it names the id of each, and still has the one size all have."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sent:
    """When alerts went to one place, alone or in a bundle: the newest ``MOST`` and one, oldest first."""

    at: tuple[datetime, ...] = ()

    def within(self, now: datetime) -> int:
        """How many of them went within the window."""
        return sum(1 for moment in self.at if moment > now - WINDOW)


def bundles(due: Sequence[T], sent: Sent, now: datetime) -> list[list[T]]:
    """What is due to one place, as the messages it makes: singly while few, otherwise as bundles."""
    if len(due) + sent.within(now) <= MOST:
        return [[one] for one in due]
    return [list(due[start : start + BUNDLE_SIZE]) for start in range(0, len(due), BUNDLE_SIZE)]


def gathers_until(sent: Sent, now: datetime) -> datetime | None:
    """Until when alerts to a place are gathered that has had many; None: they may go now."""
    if sent.within(now) <= MOST:
        return None
    opens = sent.at[-1] + GAP
    return opens if opens > now else None
