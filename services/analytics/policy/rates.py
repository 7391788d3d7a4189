"""Shares and rates out of true counts. Pure. Like those counts they pass disclosure control before they leave."""

from collections.abc import Mapping
from typing import Final

from services.analytics.cubes import Histogram
from shared.events.vocabulary import Urgency

SEEN_WITHIN_S: Final[Mapping[str, int]] = {Urgency.CRITICAL: 3_600, Urgency.HIGH: 86_400, Urgency.NORMAL: 259_200}
"""Seconds by which somebody should have seen a report of each urgency, whoever is on duty: what intake promises to
those who report (`AT_THE_LATEST`; a test holds the two together)."""
UNKNOWN_VALUE: Final = "unknown"
_PER: Final = 100_000


def seen_within_target(by_urgency: Mapping[str, Histogram]) -> int:
    """How many of the times of waiting are within the target of their urgency."""
    return sum(histogram.within(SEEN_WITHIN_S[urgency]) for urgency, histogram in by_urgency.items())


def unknown_share(counts: Mapping[tuple[str, ...], int], place: int = 0) -> float | None:
    """The share of reports whose value at this place of the key is unknown; None without any report."""
    total = sum(counts.values())
    unknown = sum(n for values, n in counts.items() if values[place] == UNKNOWN_VALUE)
    return unknown / total if total else None


def per_100_000(by_division: Mapping[tuple[str, ...], int], population: Mapping[str, int]) -> dict[str, float]:
    """Reports for each 100,000 people of a division; places without people (overseas, unknown) have no rate."""
    return {
        division: n * _PER / population[division]
        for (division,), n in by_division.items()
        if population.get(division, 0) > 0
    }
