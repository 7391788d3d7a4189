"""By when somebody should have seen a report, and how many were. Pure; true counts, as the cubes hold them."""

from collections.abc import Mapping
from typing import Final

from services.analytics.counting.aggregate import Histogram
from shared.events.vocabulary import UNKNOWN, Urgency

_CRITICAL_S: Final = 3_600
SEEN_WITHIN_S: Final[Mapping[str, int]] = {
    Urgency.CRITICAL: _CRITICAL_S,
    Urgency.HIGH: 86_400,
    Urgency.NORMAL: 259_200,
    UNKNOWN: _CRITICAL_S,
}
"""Seconds by which somebody should have seen a report of each urgency, whoever is on duty: what intake promises to
those who report (`AT_THE_LATEST`; a test holds the two together). What this build does not know may be critical."""


def seen_within_target(by_urgency: Mapping[str, Histogram]) -> int:
    """How many of the times of waiting are within the target of their urgency."""
    return sum(histogram.within(SEEN_WITHIN_S[urgency]) for urgency, histogram in by_urgency.items())
