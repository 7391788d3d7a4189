"""Disclosure control: what of the true counts may leave. Nobody may work out a count from 1 to 4 (DESIGN, promise 9).

One principle carries it: *base figures are published once per month, and every other number is computed from published
figures alone*. Months do not overlap, a closed month is frozen, and a total or a quarter tells nothing that its parts
did not tell. Where a part is hidden, a total is a range or hidden too.

Closed month. Four lines share their total: reports by day, by centre, by time to acknowledgement and by what became of
them (a withdrawn report stays in every line and is withdrawn in the last). The total is
known to everybody, so `suppress` hides every count from 1 to 4 and at least one larger one, picked by value alone:
exchanging the hidden values with each other gives the same publication, so each hidden cell could hold another value,
and even who knows which of them are the small ones finds at least two values possible for each. Centre by harm type
has no exact totals. A centre's row appears only if the centre's number of reports binds its hidden cells to nothing
(reports <= shown cells + number of hidden cells); otherwise the whole row is withheld. Then each hidden cell of a row
may be 1, 2, 3 or 4 whatever the others are.

Running month. Counts are rounded down to multiples of five, never exact, and the picture moves only when at least
`REFRESH_EVERY` more reports (or acknowledgements) have come in the whole country: what lies between two pictures, or
between the last one and the closed month, always leaves at least two values for any count from 1 to 4.

All of it is tried by enumeration in tests/unit/analytics/test_disclosure.py. Still to come (issue 8): more dimensions,
perturbation that is consistent over all tables, corrections of closed months, and an audit of every release by an
integer solver. Sources: domain facts, section 4; Hundepool et al., Statistical Disclosure Control (2012), chapter 4.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

SMALL: Final = 5
"""Counts from 1 to one below this are hidden (the k of the domain facts)."""
STEP: Final = 5
"""The running month is rounded down to multiples of this."""
REFRESH_EVERY: Final = 25
"""The running month's picture moves only after this many more reports or acknowledgements nationally."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A published number: exact (``low == high``), a range, or hidden (both None)."""

    low: int | None
    high: int | None

    @property
    def hidden(self) -> bool:
        """Nothing is said about it."""
        return self.low is None

    @property
    def exact(self) -> bool:
        """It is one number."""
        return self.low is not None and self.low == self.high


HIDDEN: Final = Figure(None, None)


@dataclass(frozen=True, slots=True)
class MonthCounts:
    """True counts of the reports of one month that have an owner. Never leaves the service."""

    month: str
    days: Mapping[str, int]
    centers: Mapping[str, int]
    harms: Mapping[str, Mapping[str, int]]
    """By centre, then by harm type; a report counts once in each of its harm types."""
    times: Mapping[str, int]
    """By group of the time to acknowledgement; adds up to the total."""
    ends: Mapping[str, int] = field(default_factory=dict)
    """By what became of the report; adds up to the total."""

    @property
    def total(self) -> int:
        """Reports of the month."""
        return sum(self.centers.values())


@dataclass(frozen=True, slots=True)
class Release:
    """What is published of one month; a closed one never changes."""

    month: str
    closed: bool
    as_of: str
    """When the counts were taken, ISO 8601 in UTC."""
    total: Figure
    days: Mapping[str, Figure]
    centers: Mapping[str, Figure]
    harms: Mapping[str, Mapping[str, Figure]]
    harm_totals: Mapping[str, Figure]
    """National, worked out from ``harms`` and ``centers`` as published."""
    times: Mapping[str, Figure]
    ends: Mapping[str, Figure] = field(default_factory=dict)


def suppress(values: Mapping[str, int]) -> frozenset[str]:
    """Which cells of a line to hide when everybody knows the line's total.

    All from 1 to 4, and the smallest larger ones (with all their equals) until each small one is open. Zeros are
    shown. Where that cannot be reached the whole line is hidden, zeros too.
    """
    small = [key for key, value in values.items() if 0 < value < SMALL]
    if not small:
        return frozenset()
    larger = sorted({value for value in values.values() if value >= SMALL})
    for taken, cut in enumerate(larger, 1):
        hidden = frozenset(key for key, value in values.items() if 0 < value <= cut)
        smallest_shown = larger[taken] if taken < len(larger) else None
        if _open(sum(values[key] for key in hidden), len(small), len(hidden) - len(small), smallest_shown):
            return hidden
    return frozenset(values)


def _open(hidden_sum: int, small: int, larger: int, smallest_shown: int | None) -> bool:
    """Whether who knows which hidden cells are the small ones still finds two values or more for each of them."""
    highest = min(SMALL - 1, hidden_sum - (small - 1) - SMALL * larger)
    lowest = 1
    if smallest_shown is not None:
        lowest = max(1, hidden_sum - (SMALL - 1) * (small - 1) - smallest_shown * larger)
    return highest > lowest


def close(counts: MonthCounts, as_of: str) -> Release:
    """The final publication of a month."""
    total = _exact(counts.total)
    centers = _line(counts.centers)
    harms = {center: _row(centers[center], row) for center, row in counts.harms.items()}
    return Release(
        month=counts.month,
        closed=True,
        as_of=as_of,
        total=total,
        days=_line(counts.days),
        centers=centers,
        harms=harms,
        harm_totals=_harm_totals(total, centers, harms, least_hidden=1),
        times=_line(counts.times),
        ends=_line(counts.ends),
    )


def picture(counts: MonthCounts, as_of: str) -> Release:
    """The publication of a month that still runs."""
    total = _floor(counts.total)
    centers = {key: _floor(value) for key, value in counts.centers.items()}
    harms = {center: _floor_row(centers[center], row) for center, row in counts.harms.items()}
    return Release(
        month=counts.month,
        closed=False,
        as_of=as_of,
        total=total,
        days={key: _floor(value) for key, value in counts.days.items()},
        centers=centers,
        harms=harms,
        harm_totals=_harm_totals(total, centers, harms, least_hidden=0),
        times={key: _floor(value) for key, value in counts.times.items()},
        ends={key: _floor(value) for key, value in counts.ends.items()},
    )


def _exact(value: int) -> Figure:
    return HIDDEN if 0 < value < SMALL else Figure(value, value)


def _floor(value: int) -> Figure:
    low = value // STEP * STEP
    return HIDDEN if value < SMALL else Figure(low, low + STEP - 1)


def _line(values: Mapping[str, int]) -> dict[str, Figure]:
    hidden = suppress(values)
    return {key: HIDDEN if key in hidden else Figure(value, value) for key, value in values.items()}


def _row(reports: Figure, row: Mapping[str, int]) -> dict[str, Figure]:
    shown = {harm: _exact(value) for harm, value in row.items()}
    hidden = sum(figure.hidden for figure in shown.values())
    if reports.low is None or (hidden and reports.low > _sum_low(shown.values()) + hidden):
        return dict.fromkeys(row, HIDDEN)
    return shown


def _floor_row(reports: Figure, row: Mapping[str, int]) -> dict[str, Figure]:
    shown = {harm: _floor(value) for harm, value in row.items()}
    if reports.low is None or reports.low > _sum_low(shown.values()) + len(row):
        return dict.fromkeys(row, HIDDEN)
    return shown


def _sum_low(figures: Iterable[Figure]) -> int:
    return sum(figure.low or 0 for figure in figures)


def _harm_totals(
    total: Figure,
    centers: Mapping[str, Figure],
    harms: Mapping[str, Mapping[str, Figure]],
    *,
    least_hidden: int,
) -> dict[str, Figure]:
    """What anybody can work out of the published rows, done for the reader.

    A hidden cell of a shown row is ``least_hidden`` to 4; a cell of a withheld row is 0 to the centre's reports. The
    reports of centres whose number is hidden are together what is missing to the total.
    """
    if total.high is None:
        return {harm: HIDDEN for row in harms.values() for harm in row}
    missing = total.high - _sum_low(centers.values())
    kinds = next(iter(harms.values()), {})
    found: dict[str, Figure] = {}
    for harm in kinds:
        low = high = 0
        for center, row in harms.items():
            withheld = all(figure.hidden for figure in row.values())
            cell = row[harm]
            if withheld:
                high += centers[center].high or 0
            elif cell.low is None or cell.high is None:
                low, high = low + least_hidden, high + SMALL - 1
            else:
                low, high = low + cell.low, high + cell.high
        if any(figure.hidden for figure in centers.values()):
            high += missing
        found[harm] = Figure(low, high)
    return found


def together(figures: Iterable[Figure]) -> Figure:
    """The sum of published figures; hidden where one is hidden."""
    low = high = 0
    for figure in figures:
        if figure.low is None or figure.high is None:
            return HIDDEN
        low, high = low + figure.low, high + figure.high
    return Figure(low, high)
