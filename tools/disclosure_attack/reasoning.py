"""From statements to bounds: what each published cell can be, by linear and integer programming.

Written from the published definitions alone, not from the protection's code: rows of a table that counts each report
once add up to its total; a quarter and a year are the sum of their months, a year's harm types that of its quarters;
tables of the same months count the same reports; a harm type is carried by no more reports than there are, and every
report has at least one. Of the rules it knows that a shown number is 5 or more, and that of what was hidden together at
least one is below 5.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from tools.disclosure_attack.gathering import MERGED, Cell, Published, Revision, Said

SMALL: Final = 5
CORRECTIONS: Final = "corrections"
MOVES: Final = "moves-between-centers"
LEAST_OF_FIGURES: Final = 10
"""A figure of its own that is hidden is smaller."""
APART: Final = (CORRECTIONS, "alert-outcomes", "staff-on-duty", MOVES)
"""Tables that count something else than the month's reports; their rows need not add up."""
MOVED: Final = ("reports-moved-out", "reports-moved-in")
"""Tables of the reports that moved after a month closed: they add up to that number."""
LATE: Final = "reports-seen-late"
AGE_GENDER: Final = "reports-by-age-and-gender"
GENDER: Final = "reports-by-gender"
URGENCY: Final = "reports-by-urgency"
ELSEWHERE: Final = "reports-from-elsewhere"
CENTRAL: Final = "central"
RESIDENCE: Final = "reports-by-residence"
WITHOUT_HOME: Final = ("seoul", "overseas", "unknown")
"""Where no centre is at home."""
ASSIGNMENT: Final = "reports-by-assignment"
CLOSED_BY_CENTER: Final = "closings-by-center"
BY_PLACE: Final = ("reports-by-center-and-harm", ELSEWHERE, LATE, CLOSED_BY_CENTER)
"""Tables of what reports of a place have in common."""
MARKS: Final = (*BY_PLACE, "support-given", *APART)
"""Tables in which a report may stand in several rows or columns."""
TIMES: Final = "acknowledgement-times"
QUICK: Final = ("within_5_min", "within_15_min", "within_1_hour")
"""A report acknowledged in one of these groups was not seen late, whatever its urgency."""
SLOW: Final = {("critical",): ("within_3_days", "longer", "unanswered"), ("critical", "high"): ("longer", "unanswered")}
"""A report seen late has one of these urgencies or was acknowledged in one of these groups."""
OUTCOMES: Final = "reports-by-outcome"
CLOSED: Final = ("closings-by-reason", "closing-times")
"""Tables of the closed reports: they add up to as many as the outcomes state."""
CONTACTS: Final = "first-contact-times"
REACHED_LATE: Final = {
    ("critical",): ("reached_3_days", "reached_1_week", "reached_later", "not_reached"),
    ("critical", "high"): ("reached_1_week", "reached_later", "not_reached"),
}
"""A report seen late has one of these urgencies or its reporter was reached in one of these groups."""
REACHED_SOON: Final = "reached_1_hour"
"""A report whose reporter was reached in this group was not seen late."""
WITHIN_A_DAY: Final = (*QUICK, "within_4_hours", "within_12_hours", "within_1_day")
CLOSED_AFTER: Final = {
    ("closed_1_day",): WITHIN_A_DAY,
    ("closed_1_day", "closed_3_days"): (*WITHIN_A_DAY, "within_3_days"),
    ("closed_1_day", "closed_3_days", "closed_1_week", "closed_2_weeks", "closed_later"): (
        *WITHIN_A_DAY,
        "within_3_days",
        "longer",
    ),
}
"""A report closed in one of these groups was acknowledged in one of those."""
REACHED_AFTER: Final = {
    (REACHED_SOON,): QUICK,
    (REACHED_SOON, "reached_1_day"): WITHIN_A_DAY,
    (REACHED_SOON, "reached_1_day", "reached_3_days"): (*WITHIN_A_DAY, "within_3_days"),
    (REACHED_SOON, "reached_1_day", "reached_3_days", "reached_1_week", "reached_later"): (
        *WITHIN_A_DAY,
        "within_3_days",
        "longer",
    ),
}
"""The same of reports whose reporter was reached."""
HARMS: Final = "reports-by-center-and-harm"
CHILD: Final = "child_material"
YOUNGEST: Final = "under_14"
"""Reports of either are critical: intake's rule is published."""
MONTHLY: Final = ("reports-by-center", "reports-by-week", "acknowledgement-times", "reports-by-outcome")
"""Tables whose longer periods are sums of months, in which a number may be hidden because one month's was."""
BY_CENTER: Final = "reports-by-center"
BY_WEEK: Final = "reports-by-week"
FIRST_WEEKS: Final = "reports-in-first-weeks"
LEAST_OF_WEEK: Final = 20
"""Of a whole week that was not told before its month, though another one was, it is known that it has fewer."""
MOST: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Bound:
    """Knowledge of the attack about a cell."""

    cell: Cell
    low: int
    high: int
    sure: bool = True
    """Whether it leaks or is narrowed was proven within the time."""

    @property
    def leaked(self) -> bool:
        """The count is known to be from 1 to 4."""
        return self.sure and self.low >= 1 and self.high < SMALL

    @property
    def narrowed(self) -> bool:
        """It may be below 5, and cannot be both 0 and 5 or more: less than is promised."""
        return self.low < SMALL and not (self.low == 0 and self.high >= SMALL)


@dataclass(slots=True)
class Problem:
    """Unknown cells with bounds, and rows over them."""

    lows: dict[Cell, int] = field(default_factory=dict)
    highs: dict[Cell, int] = field(default_factory=dict)
    rows: list[tuple[dict[Cell, int], int, int]] = field(default_factory=list)
    small: list[tuple[Cell, ...]] = field(default_factory=list)
    """At least one of them is below 5."""

    def tell(self, cell: Cell, low: int, high: int) -> None:
        """A cell lies between two numbers."""
        self.lows[cell] = max(low, self.lows.get(cell, 0))
        self.highs[cell] = min(high, self.highs.get(cell, MOST))

    def relate(self, row: Mapping[Cell, int], low: int = 0, high: int = 0) -> None:
        """``low <= sum <= high``; by default a sum of 0."""
        for cell in row:
            self.tell(cell, 0, MOST)
        self.rows.append((dict(row), low, high))

    def fixed(self, cell: Cell) -> int | None:
        """Its number, where it is one."""
        return self.lows[cell] if self.lows[cell] == self.highs[cell] else None


def problem(tables: Sequence[Published], said: Iterable[Said], revisions: Sequence[Revision] = ()) -> Problem:
    """All that follows from what was published; ``revisions``: as it is and as it was before corrections."""
    found = Problem()
    for table in tables:
        for row in (*table.rows, *table.together, table.total):
            for column in table.columns:
                found.tell(Cell(table.table, table.period, row, column), 0, MOST)
    for one in said:
        found.tell(one.cell, one.low, one.high)
    by_name = {(table.table, table.period): table for table in tables}
    for table in tables:
        _inside(found, table)
        _over_time(found, table, by_name)
        _between_tables(found, table, by_name)
        _told_before(found, table, by_name)
        _hidden_together(found, table)
    _former_years(found, revisions)
    return found


def _cell(table: Published, row: str, column: str = "reports") -> Cell:
    return Cell(table.table, table.period, row, column)


def _leaves(table: Published) -> tuple[str, ...]:
    """The rows that stand for themselves; of a table by region the centres, which it does not show."""
    return table.rows or tuple(member for members in table.together.values() for member in members)


def _inside(found: Problem, table: Published) -> None:
    """Sums within a table, and what marks and their reports have to do with each other."""
    by_place, leaves = table.table in BY_PLACE, _leaves(table)
    for column in table.columns:
        if table.table not in MARKS or by_place:
            parts = {_cell(table, row, column): 1 for row in leaves}
            found.relate({**parts, _cell(table, table.total, column): -1})
        for row, members in table.together.items():
            found.relate({**{_cell(table, m, column): 1 for m in members}, _cell(table, row, column): -1})
    if not by_place:
        return
    marks = table.columns[1:]
    for row in (*leaves, *table.together, table.total):
        for mark in marks:
            found.relate({_cell(table, row): 1, _cell(table, row, mark): -1}, 0, MOST)
        if table.table == BY_PLACE[0]:
            found.relate({**{_cell(table, row, mark): 1 for mark in marks}, _cell(table, row): -1}, 0, 10 * MOST)


def _over_time(found: Problem, table: Published, by_name: Mapping[tuple[str, str], Published]) -> None:
    """A longer period is the sum of its months, row by row; weeks that two months share are in both.

    A year's harm types are the sum of its quarters', centre by centre, though quarters show regions alone.
    """
    if table.table == HARMS:
        _over_quarters(found, table, by_name)
    if table.table not in MONTHLY or table.months == (table.period,):
        return
    months = [by_name[table.table, month] for month in table.months if (table.table, month) in by_name]
    if len(months) != len(table.months):
        return
    for row in (*table.rows, table.total):
        parts = {_cell(month, row): 1 for month in months if row in (*month.rows, month.total)}
        found.relate({**parts, _cell(table, row): -1})


def _over_quarters(found: Problem, year: Published, by_name: Mapping[tuple[str, str], Published]) -> None:
    quarters = [each for each in _within(year, by_name) if each.table == year.table and each is not year]
    if {month for each in quarters for month in each.months} == {*year.months}:
        for row in _leaves(year):
            for mark in year.columns[1:]:
                found.relate({**{_cell(each, row, mark): 1 for each in quarters}, _cell(year, row, mark): -1})


def _former_years(found: Problem, revisions: Sequence[Revision]) -> None:
    """What a year said of a row before it was corrected still bounds the months that hid it and stand as they were."""
    newest: dict[tuple[str, str], Revision] = {}
    for each in sorted(revisions, key=lambda one: one.number):
        newest[each.table, each.period] = each
    for year in revisions:
        now = newest[year.table, year.period]
        if year.table not in MONTHLY or len(year.period) != len("2026") or now is year:
            continue
        months = [newest[year.table, month] for month in year.months if (year.table, month) in newest]
        then = [_as_it_was(month, year.as_of, revisions) for month in months]
        corrections = sum(month.number for month in months) - sum(month.number for month in then)
        if len(months) < len(year.months) or corrections != now.number - year.number:
            continue  # two of them were released in the same second, or by clocks that differed
        for row, (low, high) in year.rows.items():
            hiding = [month for month in then if row not in month.rows]
            if hiding and all(month in months for month in hiding):
                known = sum(month.rows[row][0] for month in then if row in month.rows)
                cells = {Cell(year.table, month.period, row, "reports"): 1 for month in hiding}
                found.relate(cells, low - known, high - known)


def _as_it_was(month: Revision, moment: str, revisions: Sequence[Revision]) -> Revision:
    own = [one for one in revisions if (one.table, one.period) == (month.table, month.period)]
    return max((one for one in own if one.as_of <= moment), key=lambda one: one.number, default=month)


def _between_tables(found: Problem, table: Published, by_name: Mapping[tuple[str, str], Published]) -> None:
    """Tables of the same months have the same total; those by centre the same reports of each centre."""
    same = by_name.get((BY_CENTER, table.period))
    if same is None or same is table or table.table in APART or same.months != table.months:
        return
    if table.table in MOVED:
        _of_moved(found, table, same, by_name)
        return
    if table.table in CLOSED:
        _of_closed(found, table, by_name)
        return
    found.relate({_cell(table, table.total): 1, _cell(same, same.total): -1})
    if table.table in BY_PLACE:
        for row in _leaves(table):
            found.relate({_cell(table, row): 1, _cell(same, row): -1})
    _of_homes(found, table, same, by_name)
    if table.table == GENDER and (crossed := by_name.get((AGE_GENDER, table.period))) is not None:
        for gender in table.rows:
            ages = {_cell(crossed, row): 1 for row in crossed.rows if row.endswith(f"/{gender}")}
            found.relate({**ages, _cell(table, gender): -1})
    if table.table == CLOSED_BY_CENTER and (ends := by_name.get((OUTCOMES, table.period))) is not None:
        found.relate({_cell(table, table.total, table.columns[1]): 1, _cell(ends, "closed"): -1})
    times = by_name.get((TIMES, table.period))
    if table.table == CONTACTS:
        _of_contact(found, table, by_name)
    if table.table == URGENCY and times is not None:
        _of_urgency(found, table, times, by_name)
    if table.table == LATE and times is not None:
        in_time = {_cell(times, row): -1 for row in times.rows if row in QUICK}
        late = _cell(table, table.total, table.columns[1])
        found.relate({_cell(table, table.total): 1, late: -1, **in_time}, 0, MOST)


def _of_homes(found: Problem, table: Published, same: Published, by_name: Mapping[tuple[str, str], Published]) -> None:
    """Where people live, where they are helped, and why."""
    if table.table == ELSEWHERE:  # the central desk is nobody's home
        found.relate({_cell(table, CENTRAL, table.columns[1]): 1, _cell(table, CENTRAL): -1}, 0, MOST)
    if table.table == RESIDENCE:
        _of_residence(found, table, same, by_name)
    if table.table == ASSIGNMENT:
        _of_assignment(found, table, same, by_name)


def _of_residence(
    found: Problem, table: Published, same: Published, by_name: Mapping[tuple[str, str], Published]
) -> None:
    """Who is at home lives there; who lives there and is elsewhere, or has no home, is from elsewhere."""
    guests = by_name.get((ELSEWHERE, table.period))
    if guests is None:
        return
    column = guests.columns[1]
    for place in table.rows:
        centers = MERGED.get(place, () if place in WITHOUT_HOME else (place,))
        at_home = {_cell(same, center): 1 for center in centers}
        at_home |= {_cell(guests, center, column): -1 for center in centers}
        found.relate({_cell(table, place): 1, **{cell: -k for cell, k in at_home.items()}}, 0, MOST)
        # Whoever lives there is at home, or a guest of any centre that is not the only one at home there.
        sure = {_cell(guests, row, column): 1 for row in guests.rows if (row,) != centers}
        both = {cell: at_home.get(cell, 0) + sure.get(cell, 0) for cell in (*at_home, *sure)}
        found.relate({**both, _cell(table, place): -1}, 0, MOST)
    nowhere = {_cell(table, place): -1 for place in WITHOUT_HOME}
    found.relate({_cell(guests, guests.total, column): 1, **nowhere}, 0, MOST)


def _of_assignment(
    found: Problem, table: Published, same: Published, by_name: Mapping[tuple[str, str], Published]
) -> None:
    """A report that never moved is where it was assigned first; without a home, people live where no centre is.

    Wherever they move they stay from elsewhere, and overflow, which has a home, counts others.
    """
    moves, guests = by_name.get((MOVES, table.period)), by_name.get((ELSEWHERE, table.period))
    places = by_name.get((RESIDENCE, table.period))
    moved = {} if moves is None else {_cell(moves, row, moves.columns[0]): 1 for row in moves.rows}
    for cell in moved:
        if found.fixed(cell) is None:
            found.tell(cell, 0, LEAST_OF_FIGURES - 1)
    home, overflow, no_home, linked, last = (
        _cell(table, row) for row in ("home", "overflow", "no_home", "linked", "last_resort")
    )
    nowhere = {} if places is None else {_cell(places, place): 1 for place in WITHOUT_HOME}
    if guests is not None:
        away = _cell(guests, guests.total, guests.columns[1])
        found.relate({away: 1, no_home: -1}, 0, MOST)
        if moves is not None:
            found.relate({away: 1, **moved, overflow: -1, no_home: -1}, 0, MOST)
            found.relate({away: 1, **moved, overflow: -1, **dict.fromkeys(nowhere, -1)}, 0, MOST)
            found.relate({_cell(same, same.total): 1, away: -1, home: -1, **moved}, 0, MOST)
    if moves is not None:
        found.relate({last: 1, **moved, _cell(same, CENTRAL): -1}, 0, MOST)
    if places is not None:
        found.relate({**nowhere, **{_cell(places, place): 1 for place in MERGED}, no_home: -1}, 0, MOST)
        found.relate({no_home: 1, linked: 1, last: 1, **dict.fromkeys(nowhere, -1)}, 0, MOST)


def _within(table: Published, by_name: Mapping[tuple[str, str], Published]) -> list[Published]:
    return [t for t in by_name.values() if {*t.months} <= {*table.months}]


def _late(tables: Iterable[Published]) -> dict[Cell, int]:
    """Return those seen late, to be taken away from a sum."""
    return {_cell(t, t.total, t.columns[1]): -1 for t in tables if t.table == LATE}


def _of_urgency(
    found: Problem, table: Published, times: Published, by_name: Mapping[tuple[str, str], Published]
) -> None:
    """Return what a report seen late, or about a child, tells of its urgency."""
    within = _within(table, by_name)
    late = _late(within)
    for urgent, groups in SLOW.items():
        enough = {_cell(times, row): 1 for row in times.rows if row in groups}
        enough |= {_cell(table, urgency): 1 for urgency in urgent}
        found.relate({**enough, **late}, 0, MOST)
    shown = {_cell(t, t.total, CHILD): -1 for t in within if t.table == HARMS and CHILD in t.columns}
    young = {_cell(t, r): -1 for t in within if t.table == AGE_GENDER for r in t.rows if r.startswith(YOUNGEST)}
    for children in (shown, young):
        found.relate({_cell(table, "critical"): 1, **children}, 0, MOST)


def _of_closed(found: Problem, table: Published, by_name: Mapping[tuple[str, str], Published]) -> None:
    """As many as are closed; without a time there is no reason; a centre acknowledges a report before it closes it."""
    if (ends := by_name.get((OUTCOMES, table.period))) is not None:
        found.relate({_cell(table, table.total): 1, _cell(ends, "closed"): -1})
    if (other := by_name.get((CLOSED[1], table.period))) is not None and table.table == CLOSED[0]:
        found.relate({_cell(table, "unknown"): 1, _cell(other, "closed_unknown"): -1}, 0, MOST)
    if table.table == CLOSED[1]:
        _of_acknowledged(found, table, CLOSED_AFTER, by_name)


def _of_acknowledged(
    found: Problem,
    table: Published,
    after: Mapping[tuple[str, ...], tuple[str, ...]],
    by_name: Mapping[tuple[str, str], Published],
) -> None:
    """What a centre did by some time it did not do before it acknowledged the report."""
    if (times := by_name.get((TIMES, table.period))) is not None:
        for groups, acknowledged in after.items():
            seen = {_cell(times, row): 1 for row in times.rows if row in acknowledged}
            found.relate({**seen, **{_cell(table, row): -1 for row in groups}}, 0, MOST)


def _of_contact(found: Problem, table: Published, by_name: Mapping[tuple[str, str], Published]) -> None:
    """A centre acknowledges a report before it reaches anybody: who was reached soon was not seen late."""
    _of_acknowledged(found, table, REACHED_AFTER, by_name)
    urgencies = by_name.get((URGENCY, table.period))
    late = _late(_within(table, by_name))
    for urgent, groups in REACHED_LATE.items():
        if urgencies is not None:
            enough = {_cell(table, row): 1 for row in groups} | {_cell(urgencies, row): 1 for row in urgent}
            found.relate({**enough, **late}, 0, MOST)
    found.relate({_cell(table, table.total): 1, _cell(table, REACHED_SOON): -1, **late}, 0, MOST)


def _of_moved(found: Problem, table: Published, same: Published, by_name: Mapping[tuple[str, str], Published]) -> None:
    """As many left as came; no more left a centre than stood there, no more came than stood elsewhere."""
    other = by_name.get((MOVED[table.table == MOVED[0]], table.period))
    if other is not None:
        found.relate({_cell(table, table.total): 1, _cell(other, other.total): -1})
    moved = Cell(CORRECTIONS, table.period, "moved_on", "reports")
    if moved in found.lows:
        found.relate({_cell(table, table.total): 1, moved: -1})
    for row in table.rows:
        if table.table == MOVED[0]:
            found.relate({_cell(same, row): 1, _cell(table, row): -1}, 0, MOST)
        else:
            found.relate({_cell(same, same.total): 1, _cell(same, row): -1, _cell(table, row): -1}, 0, MOST)


def _told_before(found: Problem, month: Published, by_name: Mapping[tuple[str, str], Published]) -> None:
    """Weeks that were told before their month count the same there; those that were not had too few reports."""
    if month.table != BY_WEEK or month.months != (month.period,) or month.revised:
        return
    told = {row: by_name[FIRST_WEEKS, row] for row in month.rows if (FIRST_WEEKS, row) in by_name}
    for row, week in told.items():
        found.relate({_cell(week, week.total): 1, _cell(month, row): -1})
    for row in month.rows[1:-2] if told else ():  # the first and the last two are left to the month
        if row not in told and _begins(row).strftime("%Y-%m") == month.period:
            found.relate({_cell(month, row): 1}, 0, LEAST_OF_WEEK - 1)
    rest = tuple(_cell(month, row) for row in month.rows if row not in told)
    if told and all(found.fixed(cell) is None for cell in rest):
        found.small.append(rest)


def _begins(week: str) -> date:
    year, number = week.split("-W")
    return date.fromisocalendar(int(year), int(number), 1)


def _hidden_together(found: Problem, table: Published) -> None:
    """Apply the rule: of rows that are shown together only, or not at all beside a total, one is below 5.

    Not of a period that was counted again: it also hides what differs by 1 to 4 from what was shown before.
    """
    if table.revised or table.table in MARKS or table.coarser:
        return
    if table.table in MONTHLY and table.months != (table.period,):
        return
    groups = list(table.together.values()) or [table.rows]
    for rows in groups:
        cells = tuple(_cell(table, row) for row in rows)
        if all(found.fixed(cell) is None for cell in cells):
            found.small.append(cells)
