"""Shares, percentiles and rates, each worked out from a published table and from nothing else.

So they say nothing that the table does not say, and none exists where the numbers it needs are hidden. They are exact
and are rounded once, with ``rounded``, where they are shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import copysign, floor, inf
from typing import Final

from services.analytics.releases.hierarchies import TIMES, TOTAL, members
from services.analytics.releases.published import Table, TableRow, finest
from services.analytics.releases.suppression import HIDDEN, Figure
from services.analytics.releases.tables import BY_CENTER, TIME_TABLE

LEAST_FOR_PERCENTILES: Final = 10
TARGET: Final = "within_1_hour"
"""The published group by whose end a report should have been seen."""
POPULATION: Final = 51_084_159
"""Residents at 2026-08-31 by the resident registration; the split by province is not sure enough for rates."""
_PER: Final = 100_000
_UNKNOWN: Final = "unknown"
FULL_TIME_HOURS: Final = 160
"""Of one person in a month: 40 hours in each of four weeks."""
LOAD_BANDS: Final = (0, 10, 20, 40)
"""Least reports per full-time person and month in each band. The domain's even spread over 48 staff is about 18."""
MERGED: Final = "jeonnam-gwangju"
"""The division of two centres' areas since 2026-07-01."""
MERGED_CENTERS: Final = ("gwangju", "jeonnam")
_LEAST_TO_COMPARE: Final = 10
_NOISE: Final = 1e-9
"""What a float may lack of the half it stands for."""


def rounded(value: float, places: int) -> float:
    """To ``places`` decimal places, half of the last one away from 0, as a spreadsheet does."""
    scale = 10**places
    return copysign(floor(abs(value) * scale + 0.5 + _NOISE) / scale, value)


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
    return seen / total if total and finest(table) else None


def unknown_share(table: Table) -> float | None:
    """The share of reports of which this is not known; None where any part of that number is hidden."""
    total = table.rows[-1].figures[0].low
    rows = [row for row in table.rows[:-1] if not row.of and _UNKNOWN in row.key.split("/")]
    values = [row.figures[0].low for row in rows]
    if not total or not rows or None in values:
        return None
    return sum(value or 0 for value in values) / total


def per_100000(table: Table) -> float | None:
    """Reports per 100,000 residents in the period."""
    total = table.rows[-1].figures[0].low
    return None if total is None else rounded(total * _PER / POPULATION, 3)


def derived(table: Table) -> dict[str, str | float | None]:
    """Return the values derived from a table, by name."""
    if table.definition.name == TIME_TABLE:
        return {
            "half_answered": percentile(table, 0.5),
            "nine_of_ten_answered": percentile(table, 0.9),
            "share_within_1_hour": in_json(within_target(table)),
        }
    if table.definition.name == BY_CENTER:
        return {"per_100000": per_100000(table)}
    return {"share_unknown": in_json(share)} if (share := unknown_share(table)) is not None else {}


def in_json(share: float | None) -> float | None:
    """To four decimal places; None where there is none."""
    return None if share is None else rounded(share, 4)


@dataclass(frozen=True, slots=True)
class FigureChange:
    """Against the period before."""

    difference: float
    share: float | None = None
    """Of the number before; None where that is too small to speak of percent."""
    of_shares: bool = False
    """Both numbers are shares of 1 themselves."""


def change(now: Figure, before: Figure) -> FigureChange | None:
    """Between two published numbers; None where one is hidden."""
    if now.low is None or before.low is None or not (now.exact and before.exact):
        return None
    difference = now.low - before.low
    return FigureChange(difference, difference / before.low if before.low >= _LEAST_TO_COMPARE else None)


def change_of_share(now: float | None, before: float | None) -> FigureChange | None:
    """Between two shares; None where one is not known."""
    return None if now is None or before is None else FigureChange(now - before, of_shares=True)


def share_of(part: Figure, whole: Figure) -> float | None:
    """Of one published number in another; None where one is hidden."""
    if part.low is None or not whole.low or not (part.exact and whole.exact):
        return None
    return part.low / whole.low


def shares(table: Table) -> list[tuple[str, float | None]]:
    """By row of a table of marks, the share of its reports that carry the mark; the total last."""
    return [(row.key, share_of(row.figures[1], row.figures[0])) for row in table.rows]


def in_time(table: Table) -> list[tuple[str, float | None]]:
    """By row of the reports seen late, the share that was not."""
    return [(key, None if share is None else 1 - share) for key, share in shares(table)]


def loads(reports: Table, staff: Table) -> list[tuple[str, int | None]]:
    """By row of the reports by centre, the band of reports per full-time person and month; None where not known.

    Both tables are of the same month. Rows that stand for several centres have the hours of all of them.
    """
    hours = {row.key: row.figures[0].low or 0 for row in staff.rows[:-1]}
    return [(row.key, _band(row, sum(hours.get(key, 0) for key in members(row.key)))) for row in reports.rows[:-1]]


def _band(row: TableRow, hours: int) -> int | None:
    count = row.figures[0].low
    if count is None or not hours:
        return None
    return max(index for index, least in enumerate(LOAD_BANDS) if count * FULL_TIME_HOURS >= least * hours)


def most_reports(table: Table) -> tuple[TableRow, bool] | None:
    """The centre with the largest published number, and whether no other can have as many; None where all are hidden.

    A hidden centre has at most what is shown of it together with others, less what these have for themselves.
    """
    own = [row for row in table.rows[:-1] if not row.of]
    best = max((row for row in own if row.figures[0].low), key=lambda row: row.figures[0].low or 0, default=None)
    if best is None:
        return None
    return best, all(_most(row, own, table) < (best.figures[0].low or 0) for row in own if row is not best)


def _most(row: TableRow, own: Sequence[TableRow], table: Table) -> float:
    if row.figures[0].high is not None:
        return row.figures[0].high
    least = {each.key: each.figures[0].low or 0 for each in own}
    sums = [(each.figures[0].high, each.of) for each in table.rows[:-1] if row.key in each.of]
    sums.append((table.rows[-1].figures[0].high, tuple(least)))
    return min((high - sum(least[key] for key in of) for high, of in sums if high is not None), default=inf)


def by_division(table: Table, *, merged: bool) -> dict[str, Figure]:
    """The reports by centre, by the division the centre stands for; the central desk is none.

    Since Gwangju and Jeonnam are one division, their centres' numbers stand together: both added up, or the number
    that is shown of both together, or none.
    """
    found = {row.key: row.figures[0] for row in table.rows[:-1]}
    divisions = {key: found[key] for key in found if len(members(key)) == 1 and key != "central"}
    if not merged:
        return divisions
    apart = [divisions.pop(key, HIDDEN) for key in MERGED_CENTERS]
    together = next((figure for key, figure in found.items() if set(members(key)) == set(MERGED_CENTERS)), HIDDEN)
    if not together.exact and not any(part.hidden for part in apart):
        together = Figure(sum(part.low or 0 for part in apart), sum(part.high or 0 for part in apart))
    return {**divisions, MERGED: together}


LEVELS: tuple[int, ...] = (5, 10, 25, 50, 100)
"""Least numbers of the map's bands; below the first nothing was reported. Chosen for a month of one centre."""


def levels(months: int = 1) -> tuple[int, ...]:
    """The same for several months; the first stays, for no shown number is below it."""
    return (LEVELS[0], *(least * months for least in LEVELS[1:]))


def level(figure: Figure, months: int = 1) -> int | None:
    """The band of a published figure, from 0, by its least value; None where it is hidden."""
    if figure.low is None:
        return None
    return max(0, sum(figure.low >= least for least in levels(months)) - 1)
