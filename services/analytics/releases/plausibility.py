"""Whether a month's counts can be true at all, before they are frozen. Pure: names of what cannot, never numbers.

What is frozen stays, and so does what follows from it: a month whose counts contradict each other, or say more than a
month can hold, is not released. Once the cause is found and mended it is counted again. Hours on duty share no total
with reports, and what a centre typed cannot be mended here: impossible ones cost the month its table of hours alone.
"""

from calendar import monthrange
from collections.abc import Iterator
from typing import Final

from services.analytics.releases.revisions import Reports
from services.analytics.releases.suppression import MonthCounts
from services.analytics.releases.tables import (
    BY_CENTER,
    BY_WEEK,
    CLOSED,
    CLOSED_TABLE,
    CLOSING_TABLE,
    HARM_TABLE,
    LATE_TABLE,
    OUTCOME_TABLE,
    TABLE_SPECS,
    TIME_TABLE,
    Marks,
    Totals,
)

MOST_STAFF: Final = 50
"""People on duty at one centre at the same moment: three are usual, and no centre employs as many."""


def implausible(month: MonthCounts, reports: Reports | None = None) -> tuple[str, ...]:
    """Return contradictions, as ``table: what``; nothing if there are none. ``reports``: the month's, one by one."""
    found = tuple(f"{table}: {what}" for table, what in _found(month))
    return found if reports is None else (*found, *incomplete(reports, month.total))


def incomplete(reports: Reports, counted: int) -> tuple[str, ...]:
    """The same, of reports read one by one: a contradiction if they are not as many as were counted."""
    if len(reports) == counted:
        return ()
    return (f"{BY_CENTER}: does not add up to the reports that are kept one by one",)


def _found(month: MonthCounts) -> Iterator[tuple[str, str]]:
    total = month.total
    for table, counts in ((BY_WEEK, month.days), (TIME_TABLE, month.times), (OUTCOME_TABLE, month.ends)):
        if counts and (sum(counts.values()) != total or min(counts.values()) < 0):
            yield table, "does not add up to the month's reports"
    for center, reports in month.centers.items():
        if any(not 0 <= n <= reports for n in month.harms.get(center, {}).values()):
            yield HARM_TABLE, f"more of a harm type than reports at {center}"
        if not 0 <= month.seen.get(center, 0) <= reports:
            yield LATE_TABLE, f"more seen in time than reports at {center}"
    whole = sum(month.ends.values()) == total  # or it is said above, and how many are closed is not known
    for name, counts in month.crossings.items():
        spec = TABLE_SPECS.get(name)
        closed = spec is not None and spec.base == "closed" and not spec.cube
        if closed and not whole:
            continue
        of = month.ends[CLOSED] if closed else total
        how = spec.protection if spec is not None else None
        if isinstance(how, Totals):  # of their own
            of, several = max(counts.values(), default=0), True
        else:
            several = isinstance(how, Marks) and not (spec is not None and spec.recoding)
        if any(not 0 <= n <= of for n in counts.values()) or (not several and sum(counts.values()) != of):
            yield name, "does not add up to the month's reports"
    if any(n > month.centers.get(center, 0) for center, n in month.crossings.get(CLOSED_TABLE, {}).items()):
        yield CLOSED_TABLE, "more closed than reports at a centre"
    reasons = TABLE_SPECS[CLOSING_TABLE].leaf_counts(month) or {}
    if whole and any(n < 0 for n in reasons.values()):
        yield CLOSING_TABLE, "more reasons than closed reports"


def impossible_hours(month: MonthCounts) -> tuple[str, ...]:
    """The centres with more hours on duty than `MOST_STAFF` people have in the month, or fewer than none."""
    year, number = map(int, month.month.split("-"))
    most = 24 * monthrange(year, number)[1] * MOST_STAFF
    return tuple(sorted(center for center, hours in month.staff.items() if not 0 <= hours <= most))
