"""How busy a centre is, as people are shown it: whole percent, bands, normal cases. Pure."""

from enum import StrEnum
from typing import Final

from services.routing.assignment.models import CenterLoad
from services.routing.assignment.rules import RULE
from shared.events.vocabulary import CenterState

TENTHS: Final = 10
"""Loads are counted in tenths of a normal case."""


class Band(StrEnum):
    """How busy a centre is, in words rather than counts."""

    FREE = "free"
    BUSY = "busy"
    NEARLY_FULL = "nearly_full"
    FULL = "full"
    CLOSED = "closed"
    UNSTAFFED = "unstaffed"
    """No one is on duty: how much waits for the next shift says nothing about who could look now."""


def band_of(center_load: CenterLoad) -> Band:
    """The band of a centre: half of what its staff can carry, the rule's threshold, and all of it are the borders."""
    if center_load.state is CenterState.CLOSED:
        return Band.CLOSED
    if center_load.state is CenterState.UNSTAFFED:
        return Band.UNSTAFFED
    if center_load.load >= center_load.capacity:
        return Band.FULL
    if center_load.load * 100 > center_load.capacity * RULE.threshold_percent:
        return Band.NEARLY_FULL
    return Band.BUSY if center_load.load * 2 >= center_load.capacity else Band.FREE


def percent_of(part: int, whole: int) -> int | None:
    """Whole percent, rounded down as the rule does; none of nothing."""
    return part * 100 // whole if whole else None


def normal_cases(weighted: int) -> float:
    """A load in normal cases, to a tenth."""
    return weighted / TENTHS
