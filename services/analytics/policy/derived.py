"""Shares, percentiles and rates, each worked out from a published table and from nothing else.

So they say nothing that the table does not say, and none exists where the numbers it needs are hidden.
"""

from typing import Final

from services.analytics.policy.shapes import TIMES, TOTAL, members
from services.analytics.policy.tables import Table, finest

LEAST_FOR_PERCENTILES: Final = 10
TARGET: Final = "within_1_hour"
"""The published group by whose end a report should have been seen."""
POPULATION: Final = 51_084_159
"""Residents at 2026-08-31 by the resident registration; the split by province is not sure enough for rates."""
_PER: Final = 100_000
_UNKNOWN: Final = "unknown"


def percentile(table: Table, share: float) -> str | None:
    """The time group by whose end this share of all reports was answered; None if not, or of fewer than 10 reports."""
    total = table.rows[-1].figures[0].low
    if total is None or total < LEAST_FOR_PERCENTILES:
        return None
    seen = 0
    for key, count in finest(table):
        seen += count
        if seen >= share * total:
            last = members(key)[-1]
            return None if last in ("unanswered", TOTAL) else last
    return None


def within_target(table: Table) -> float | None:
    """The share of reports answered within the target; None where a group reaches across it."""
    total = table.rows[-1].figures[0].low
    order = TIMES.leaves()
    inside = set(order[: order.index(TARGET) + 1])
    seen = 0
    for key, count in finest(table):
        own = set(members(key))
        if own & inside and not own <= inside:
            return None
        seen += count if own <= inside else 0
    return round(seen / total, 4) if total and finest(table) else None


def unknown_share(table: Table) -> float | None:
    """The share of reports of which this is not known; None where any part of that number is hidden."""
    total = table.rows[-1].figures[0].low
    rows = [row for row in table.rows[:-1] if not row.of and _UNKNOWN in row.key.split("/")]
    values = [row.figures[0].low for row in rows]
    if not total or not rows or None in values:
        return None
    return round(sum(value or 0 for value in values) / total, 4)


def per_100000(table: Table) -> float | None:
    """Reports per 100,000 residents in the period."""
    total = table.rows[-1].figures[0].low
    return None if total is None else round(total * _PER / POPULATION, 3)


def derived(table: Table) -> dict[str, str | float | None]:
    """What goes with a table, by name."""
    if table.definition.name == "acknowledgement-times":
        return {
            "half_answered": percentile(table, 0.5),
            "nine_of_ten_answered": percentile(table, 0.9),
            "share_within_1_hour": within_target(table),
        }
    if table.definition.name == "reports-by-center":
        return {"per_100000": per_100000(table)}
    return {"share_unknown": share} if (share := unknown_share(table)) is not None else {}
