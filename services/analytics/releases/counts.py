"""From cells to the true counts of a month. What comes out of here passes disclosure control before it leaves."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from services.analytics.counting.aggregate import ACK_BOUNDS, ALL, IN_CARE, NOT_ROUTED, ack_cell, end_cell
from services.analytics.releases.suppression import MonthCounts
from shared.events.vocabulary import EndReason

LONGER: Final = "longer"
UNANSWERED: Final = "unanswered"
ENDS: Final = (IN_CARE, *(reason.value for reason in EndReason))
"""Ends of a report: a centre looks after it, or it ended for one of the reasons there are."""

TIME_GROUPS: Final[Mapping[str, float]] = {
    "within_5_min": 300,
    "within_15_min": 900,
    "within_1_hour": 3600,
    "within_4_hours": 14400,
    "within_12_hours": 43200,
    "within_1_day": 86400,
    "within_3_days": 259200,
    LONGER: float("inf"),
}
"""Published groups of the time to acknowledgement, by upper bound in seconds; each starts where the one before ends."""


def month_counts(
    month: str,
    cells: Mapping[str, Counter[str]],
    *,
    days: Iterable[str],
    centers: Iterable[str],
    harms: Iterable[str],
    ahead: Mapping[str, int],
) -> MonthCounts:
    """Counts of the reports that have an owner. All given days, centres and harm types appear, at 0 if need be.

    ``cells`` are those of the month's days, ``ahead`` what they count of reports whose acceptance was not read. A
    centre that is no longer in the table keeps its reports.
    """
    total: Counter[str] = Counter()
    for of_day in cells.values():
        total.update(of_day)
    total.subtract(ahead)
    every_harm = tuple(harms)
    found = {parts[1] for parts in (name.split("|") for name in total) if parts[0] == "reports"}
    every_center = tuple(dict.fromkeys((*centers, *sorted(found - {NOT_ROUTED}))))
    by_center = {center: total[f"reports|{center}|{ALL}"] for center in every_center}
    return MonthCounts(
        month=month,
        days=dict.fromkeys(days, 0) | owned_by_day(cells),
        centers=by_center,
        harms={center: {harm: total[f"reports|{center}|{harm}"] for harm in every_harm} for center in every_center},
        times=_times(total, sum(by_center.values())),
        ends=_ends(total, sum(by_center.values())),
    )


def owned_by_day(cells: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """By day, the reports that a centre owns."""
    return {day: _owned(cells[day]) for day in sorted(cells)}


def _owned(cells: Mapping[str, int]) -> int:
    suffix = f"|{ALL}"
    return sum(
        n
        for name, n in cells.items()
        if name.startswith("reports|") and name.endswith(suffix) and name != f"reports|{NOT_ROUTED}{suffix}"
    )


def _ends(total: Mapping[str, int], reports: int) -> dict[str, int]:
    ended = {reason.value: total.get(end_cell(reason.value), 0) for reason in EndReason}
    return {IN_CARE: max(0, reports - sum(ended.values())), **ended}


def _times(total: Mapping[str, int], reports: int) -> dict[str, int]:
    counts = dict.fromkeys((*TIME_GROUPS, UNANSWERED), 0)
    for bucket in range(len(ACK_BOUNDS) + 1):
        bound = ACK_BOUNDS[bucket] if bucket < len(ACK_BOUNDS) else float("inf")
        group = next(name for name, upper in TIME_GROUPS.items() if bound <= upper)
        counts[group] += total.get(ack_cell(bucket), 0)
    counts[UNANSWERED] = max(0, reports - sum(counts.values()))
    return counts
