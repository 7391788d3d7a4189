"""The intruder model: constraints that anyone can derive from all releases and this code. A system for the solver.

Names of unknown counts are ``period/table/leaf``. Releases of different calendar years share no report, so a year's
releases are a system of their own. A variable is a true count that was not published. A row bounds a sum. A choice
says that at least one of several rows holds, perhaps only if another choice was made: that is how the rules themselves
are known.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from services.analytics.releases import weekly
from services.analytics.releases.calendar import period_of, quarter_of
from services.analytics.releases.hierarchies import CENTERS, CENTRAL_LEAF, TOTAL, Tree
from services.analytics.releases.intervals import read
from services.analytics.releases.release import (
    BETWEEN,
    Release,
    base_of,
    of_mark,
    places_of_mark,
    reports_in,
    told_by_quarters,
    told_weeks,
)
from services.analytics.releases.suppression import LEAST, LEAST_OF_WEEK, SMALL, Shown, fits, joined, places
from services.analytics.releases.tables import (
    AGE_GENDER_TABLE,
    ASSIGNMENT_TABLE,
    AT_HOME,
    BY_CENTER,
    BY_WEEK,
    CLOSED,
    CLOSED_AFTER,
    CLOSED_TABLE,
    CLOSING_TABLE,
    CLOSING_TIME_TABLE,
    CLOSING_TIMES,
    CONTACT_TABLE,
    ELSEWHERE_TABLE,
    FROM_ELSEWHERE,
    GENDER_TABLE,
    HARM_TABLE,
    HOMES,
    LAST_RESORT,
    LATE,
    LATE_IF_NORMAL,
    LATE_TABLE,
    LATE_UNLESS_CRITICAL,
    LINKED,
    MOVED_IN,
    MOVED_OUT,
    MOVES_TABLE,
    NO_HOME,
    OVERFLOW,
    REACHED_AFTER,
    REACHED_LATE,
    REACHED_SOON,
    RESIDENCE_TABLE,
    SURELY_IN_TIME,
    TABLE_SPECS,
    TIME_TABLE,
    URGENCY_TABLE,
    WITHHELD,
    Marks,
    Split,
    TableSpec,
    Totals,
)
from shared.events.vocabulary import UNKNOWN, AgeBand, HarmType, Urgency

Sum = Mapping[str, int]
"""Coefficients by variable."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """``low <= sum <= high``; None leaves a side open."""

    of: Sum
    low: int | None = None
    high: int | None = None
    assumed: bool = False
    """It rests on rules outside analytics, or on clocks: dropped where what was published contradicts it."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way a choice can come true: a row, and all the further choices below it."""

    row: Constraint
    then: tuple["Choice", ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """At least one of the ways holds."""

    ways: tuple[Way, ...]

    def variables(self) -> Iterable[str]:
        """All it speaks of."""
        for way in self.ways:
            yield from way.row.of
            for further in way.then:
                yield from further.variables()


@dataclass(frozen=True, slots=True)
class Corrected:
    """A sum that is hidden now, and the numbers that former revisions show of it."""

    of: Sum
    before: tuple[int, ...]


@dataclass(slots=True)
class System:
    """Variables with their bounds, rows, choices. ``sums`` are cells of tables that are more than one variable."""

    tops: dict[str, int] = field(default_factory=dict)
    """Variables with the most each can be; the least is 0."""
    rows: list[Constraint] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    sums: dict[str, Sum] = field(default_factory=dict)
    corrected: dict[str, Corrected] = field(default_factory=dict)
    """By cell: by how much it differs from a former revision must not be known to be a small count."""

    def add(self, name: str, top: int) -> None:
        """A count from 0 to ``top``."""
        self.tops[name] = top

    def sum_of(self, cell: str) -> Sum:
        """What a cell is the sum of."""
        if cell in self.tops:
            return {cell: 1}
        return self.sums[cell] if cell in self.sums else self.corrected[cell].of

    def certain(self) -> "System":
        """The same without what is only assumed."""
        return replace(self, rows=[row for row in self.rows if not row.assumed])

    def known(self) -> dict[str, int]:
        """Variables that a row states outright."""
        return {
            name: row.low
            for row in self.rows
            if len(row.of) == 1 and row.low is not None and row.low == row.high
            for name, k in row.of.items()
            if k == 1
        }

    def contradictions(self) -> list[tuple[str, ...]]:
        """The counts of each statement that known numbers contradict: without an unknown, it is in no block."""
        known = self.known()
        rows = ((tuple(row.of), _reduced(row, known)) for row in self.rows if not row.assumed)
        choices = ((tuple(choice.variables()), _reduced_choice(choice, known)) for choice in self.choices)
        return [
            *((name,) for name, n in known.items() if not 0 <= n <= self.tops.get(name, n)),
            *(names for names, row in rows if not row.of and not _holds(row)),
            *(names for names, choice in choices if choice is not None and not choice.ways),
        ]

    def blocks(self) -> list["System"]:
        """The parts that share no unknown variable, each to be solved on its own."""
        known = self.known()
        rows = [row for row in (_reduced(row, known) for row in self.rows) if row.of and not _idle(row, self.tops)]
        choices = [reduced for choice in self.choices if (reduced := _reduced_choice(choice, known)) and reduced.ways]
        parents = {name: name for name in self.tops if name not in known}

        def root(name: str) -> str:
            while parents[name] != name:
                parents[name] = parents[parents[name]]
                name = parents[name]
            return name

        sums = {name: {v: k for v, k in of.items() if v not in known} for name, of in self.sums.items()}
        corrected = {name: _unknown_part(each, known) for name, each in self.corrected.items()}
        told = (*sums.values(), *(each.of for each in corrected.values()))
        for group in (*(row.of for row in rows), *(tuple(choice.variables()) for choice in choices), *told):
            names = list(group)
            for other in names[1:]:
                parents[root(other)] = root(names[0])
        found: dict[str, System] = {}
        for name in parents:
            found.setdefault(root(name), System()).add(name, self.tops[name])
        for row in rows:
            found[root(next(iter(row.of)))].rows.append(row)
        for choice in choices:
            found[root(next(iter(choice.variables())))].choices.append(choice)
        for cell, of in sums.items():
            if of and len(of) == len(self.sums[cell]):
                found[root(next(iter(of)))].sums[cell] = of
        for cell, each in corrected.items():
            if each.of:
                found[root(next(iter(each.of)))].corrected[cell] = each
        return list(found.values())


def _unknown_part(corrected: Corrected, known: Mapping[str, int]) -> Corrected:
    fixed = sum(k * known[name] for name, k in corrected.of.items() if name in known)
    of = {name: k for name, k in corrected.of.items() if name not in known}
    return Corrected(of, tuple(n - fixed for n in corrected.before))


def _reduced(row: Constraint, known: Mapping[str, int]) -> Constraint:
    fixed = sum(k * known[name] for name, k in row.of.items() if name in known)
    return Constraint(
        {name: k for name, k in row.of.items() if name not in known},
        None if row.low is None else row.low - fixed,
        None if row.high is None else row.high - fixed,
        row.assumed,
    )


def _idle(row: Constraint, tops: Mapping[str, int]) -> bool:
    """Return whether the variables' own bounds already say it."""
    least = sum(k * tops[name] for name, k in row.of.items() if k < 0)
    most = sum(k * tops[name] for name, k in row.of.items() if k > 0)
    return (row.low is None or row.low <= least) and (row.high is None or row.high >= most)


def _holds(row: Constraint) -> bool:
    """Return whether a row without unknowns is true."""
    return (row.low is None or row.low <= 0) and (row.high is None or row.high >= 0)


def _reduced_choice(choice: Choice, known: Mapping[str, int]) -> Choice | None:
    """Without what is known: None where known numbers settle it, without ways where they contradict it."""
    ways = []
    for way in choice.ways:
        row = _reduced(way.row, known)
        then = [further for each in way.then if (further := _reduced_choice(each, known)) is not None]
        if any(not further.ways for further in then) or not (row.of or _holds(row)):
            continue
        if not row.of and not then:
            return None
        ways.append(Way(row, tuple(then)))
    return Choice(tuple(ways))


_EVERY_LEVEL: Final = 99


def system(releases: Sequence[Release], register: Sequence[Release] = ()) -> System:
    """The system of a year's releases. Figures and hours are totals of their own: nothing follows from them.

    ``register``: all that was released, in that order, with former revisions. Their counts were others; of a later one
    a part may also be hidden because it differs by a small count from what an earlier one shows. What a former year
    says of months that stand is still true.
    """
    found = System()
    by_period = {release.period: release for release in releases}
    for release in releases:
        months = [by_period[month] for month in release.months]
        for name, shown in release.tables.items():
            spec = TABLE_SPECS[name]
            if release.kind == "week":  # its month's proof knows of it
                continue
            earlier = [entry.tables.get(name, {}) for entry in _before(release, register)]
            if spec.says_intervals and release.kind == "year":
                _intervals(found, cells_of(release, name), name, shown, months)
            elif name == BY_WEEK and release.kind == "month" and not release.revision:
                _weeks(found, release, shown, releases)
            elif isinstance(spec.protection, Split):
                tree = spec.protection.made_in(period_of(release.period), shown)
                step = release.coarser.get(name, release.step)
                depth = spec.protection.depths[step] if spec.recoding else _EVERY_LEVEL
                _tree(found, cells_of(release, name), tree, shown, depth, earlier)
            elif isinstance(spec.protection, Marks):
                told = told_by_quarters(spec, release.kind, months, releases)
                _of_marks(found, release, spec, spec.protection, months, earlier, told)
        if LATE_TABLE in release.tables:
            _late(found, cells_of(release, LATE_TABLE), months)
        if release.tables.get(GENDER_TABLE) and release.tables.get(AGE_GENDER_TABLE):
            _genders(found, release)
        if release.tables.get(URGENCY_TABLE):
            _urgency(found, release, releases)
        if release.tables.get(MOVED_OUT) or release.tables.get(MOVED_IN):
            _moved(found, release, months)
        if release.kind == "year" and months:
            _contacts(found, release, releases, months)
            _closings(found, release, months)
            _guests(found, release, months)
            _assignments(found, release, months, register)
            _residences(found, release, months)
    _former_years(found, releases, register)
    return found


def _before(release: Release, register: Sequence[Release]) -> list[Release]:
    """The revisions of its period before it."""
    return [each for each in register if each.period == release.period and each.revision < release.revision]


def cells_of(release: Release, table: str) -> str:
    """Return the first parts of the names of a table's unknown counts."""
    return f"{release.period}/{table}"


def _weeks(found: System, release: Release, shown: Shown, releases: Sequence[Release]) -> None:
    """A month's weeks. Those that were told before are known; of those that were not, that they are below a limit."""
    prefix, tree = cells_of(release, BY_WEEK), TABLE_SPECS[BY_WEEK].hierarchy(period_of(release.period))
    before = weekly.before(release.period, releases)
    told = told_weeks(before)
    rest = Tree(tree.key, tuple(part for part in tree.parts if part.key not in told))
    left = {key: n for key, n in shown.items() if key not in told}
    if TOTAL in left:
        left[TOTAL] -= sum(told.values())
    _tree(found, prefix, rest, left, 1)
    silent = [f"{prefix}/{week}" for week in before if week not in told]
    found.rows += [Constraint({name: 1}, None, LEAST_OF_WEEK - 1) for name in silent if name in found.tops]


def _of_marks(
    found: System,
    release: Release,
    spec: TableSpec,
    how: Marks,
    months: Sequence[Release],
    former: Sequence[Shown],
    told: Sequence[Shown],
) -> None:
    prefix = cells_of(release, spec.name)
    if not how.by_place:
        _kinds(found, prefix, release.tables[spec.name], months)
        return
    _marks(found, release, spec.name, how, months, former, told)
    if told:  # its quarters say that each report carries one
        _of_quarters(found, prefix, spec.name, how.names, months)
    elif how.cover:
        _covered(found, prefix, how.names, months)


def _of_quarters(found: System, prefix: str, table: str, names: Sequence[str], months: Sequence[Release]) -> None:
    """A year's marks are those of its quarters, and of months whose quarter has no such table."""
    quarters = [f"{name}/{table}" for name in dict.fromkeys(quarter_of(month.period) for month in months)]
    for center in CENTERS.leaves():
        for name in names:
            cell = f"{center}{BETWEEN}{name}"
            parts = {f"{quarter}/{cell}": -1 for quarter in quarters if f"{quarter}/{cell}" in found.tops}
            found.rows.append(
                Constraint({f"{prefix}/{cell}": 1, **parts}, 0, 0 if len(parts) == len(quarters) else None)
            )


def _intervals(found: System, prefix: str, name: str, table: Shown, months: Sequence[Release]) -> None:
    """Bounds of what a leaf counts in the months that hide it, together; a quarter hides it if all its months do."""
    for leaf, bounds in read(table).items():
        hidden = {f"{cells_of(month, name)}/{leaf}": 1 for month in months if leaf not in month.tables[name]}
        _hidden_sums(found, prefix, name, leaf, months)
        known = sum(month.tables[name].get(leaf, 0) for month in months)
        found.sums[f"{prefix}/{leaf}"] = hidden
        found.rows.append(Constraint(hidden, bounds.low - known, bounds.high - known))


def _former_years(found: System, releases: Sequence[Release], register: Sequence[Release]) -> None:
    """Bounds by former years of what a leaf counts in months that hid it then, where none of these was corrected.

    A year was made of the months as they were released before it: the order of the register, which no clock changes.
    """
    standing = {(each.period, each.revision) for each in releases}
    for number, year in enumerate(register):
        if year.kind != "year" or (year.period, year.revision) in standing:
            continue
        then = {each.period: each for each in register[:number] if each.period in year.months}
        for name in (name for name in year.tables if TABLE_SPECS[name].says_intervals):
            for leaf, bounds in read(year.tables[name]).items():
                hiding = [month for month in then.values() if leaf not in month.tables[name]]
                hidden = {f"{cells_of(month, name)}/{leaf}": 1 for month in hiding}
                if {(each.period, each.revision) for each in hiding} <= standing and hidden.keys() <= found.tops.keys():
                    known = sum(month.tables[name].get(leaf, 0) for month in then.values())
                    found.rows.append(Constraint(hidden, bounds.low - known, bounds.high - known))


def _tree(found: System, prefix: str, tree: Tree, shown: Shown, depth: int, former: Sequence[Shown] = ()) -> None:
    """The leaves of a table that splits. ``depth``: how deep the shape was published at that level of recoding."""
    if tree.key in shown:
        _node(found, prefix, tree, shown, shown[tree.key], depth, former)


def _node(found: System, prefix: str, node: Tree, shown: Shown, top: int, depth: int, former: Sequence[Shown]) -> None:
    value = shown.get(node.key)
    top = top if value is None else value
    cells = {f"{prefix}/{key}": 1 for key in node.leaves()}
    if not node.parts:
        found.add(f"{prefix}/{node.key}", top)
    elif value is None:
        found.sums[f"{prefix}/{node.key}"] = cells
    if value is None:
        _correct(found, f"{prefix}/{node.key}", cells, [old[node.key] for old in former if node.key in old])
    else:
        found.rows.append(Constraint(cells, value, value))
    if value is not None and node.parts and depth > 0 and node.parts[0].key not in shown:
        parts = {part.key: {f"{prefix}/{key}": 1 for key in part.leaves()} for part in node.parts}
        ways = [Way(Constraint(of, None, SMALL - 1)) for of in parts.values()]
        ways += [way for key, of in parts.items() for old in former if key in old for way in _near(of, old[key])]
        ways += [way for old in former for way in _near_rest(node, parts, old)]
        found.choices.append(Choice(tuple(ways)))
    for part in node.parts:
        _node(found, prefix, part, shown, top, depth - 1, former)


def _near(of: Sum, n: int) -> tuple[Way, ...]:
    """It differs from what a former revision shows, and by a small count."""
    return Way(Constraint(of, n - SMALL + 1, n - 1)), Way(Constraint(of, n + 1, n + SMALL - 1))


def _near_rest(node: Tree, parts: Mapping[str, Sum], old: Shown) -> tuple[Way, ...]:
    """The same of the rest that was left beside parts shown alone: weeks told before a month."""
    rest = [key for key in parts if key not in old]
    if node.key not in old or not 0 < len(rest) < len(parts):
        return ()
    was = old[node.key] - sum(old[key] for key in parts if key in old)
    return _near({name: k for key in rest for name, k in parts[key].items()}, was)


def _correct(found: System, cell: str, of: Sum, before: Sequence[int]) -> None:
    if before:
        found.corrected[cell] = Corrected(of, tuple(dict.fromkeys(before)))


def _marks(
    found: System,
    release: Release,
    table_name: str,
    how: Marks,
    months: Sequence[Release],
    former: Sequence[Shown],
    told: Sequence[Shown],
) -> None:
    prefix, table = cells_of(release, table_name), release.tables[table_name]
    reports = joined([month.tables[BY_CENTER] for month in months])
    tops = _tops(CENTERS, reports, reports[TOTAL])
    for name in how.names:
        for center in CENTERS.leaves():
            cell = f"{prefix}/{center}{BETWEEN}{name}"
            found.add(cell, tops[center])
            found.rows.append(Constraint({cell: 1, **dict.fromkeys(_of_center(center, months), -1)}, None, 0))
        for place in places(CENTERS, reports).nodes():  # each is a row of the table, whatever the step
            cells = _cells(prefix, place, name)
            value = table.get(f"{place.key}{BETWEEN}{name}")
            if value is not None:
                found.rows.append(Constraint(cells, value, value))
            elif len(cells) > 1:
                found.sums[f"{prefix}/{place.key}{BETWEEN}{name}"] = cells
        for key in dict.fromkeys(key for old in former for key in old if key.endswith(f"{BETWEEN}{name}")):
            if key not in table:
                of = _cells(prefix, Tree(key.partition(BETWEEN)[0]), name)
                _correct(found, f"{prefix}/{key}", of, [old[key] for old in former if key in old])
        if release.coarser.get(name) != WITHHELD:
            hierarchy = places_of_mark(how, release.kind, name, reports, release.coarser)
            silent = {key for shown in told for key in of_mark(name, shown)}
            _closed(found, prefix, hierarchy, reports, table, name, _near_before(prefix, name, former), silent)


def _near_before(prefix: str, name: str, former: Sequence[Shown]) -> tuple[Way, ...]:
    """A revision leaves out a mark that anywhere differs by a small count from what was shown before."""
    shown = ((key.partition(BETWEEN), n) for old in former for key, n in old.items())
    return tuple(
        way for (place, _, mark), n in shown if mark == name for way in _near(_cells(prefix, Tree(place), name), n)
    )


def _closed(
    found: System,
    prefix: str,
    place: Tree,
    reports: Shown,
    table: Shown,
    name: str,
    near: tuple[Way, ...] = (),
    silent: Collection[str] = (),
) -> None:
    """``silent``: places that some shorter period tells; that the longer one does not follows from that alone."""
    if f"{place.key}{BETWEEN}{name}" not in table:
        if place.key not in silent:
            found.choices.append(Choice((*_not_open(prefix, place, reports, name), *near)))
    elif place.parts and f"{place.parts[0].key}{BETWEEN}{name}" not in table:
        if not any(part.key in silent for part in place.parts):
            found.choices.append(_some_part_not_open(prefix, place, reports, name))
    else:
        for part in place.parts:
            _closed(found, prefix, part, reports, table, name, silent=silent)


def _not_open(prefix: str, place: Tree, reports: Shown, name: str) -> tuple[Way, ...]:
    cells, of = _cells(prefix, place, name), reports[place.key]
    ways = (Way(Constraint(cells, None, SMALL - 1)), Way(Constraint(cells, of - SMALL + 1, None)))
    if not place.parts:
        return ways
    dominated = Constraint(cells, fits(place, reports) + 1, None)
    return (*ways, Way(dominated, (_some_part_not_open(prefix, place, reports, name),)))


def _some_part_not_open(prefix: str, place: Tree, reports: Shown, name: str) -> Choice:
    return Choice(tuple(way for part in place.parts for way in _not_open(prefix, part, reports, name)))


def _cells(prefix: str, place: Tree, name: str) -> Sum:
    members = CENTERS.leaves() if place.key == TOTAL else tuple(place.key.split("+"))
    return {f"{prefix}/{center}{BETWEEN}{name}": 1 for center in members}


def _tops(node: Tree, reports: Shown, top: int) -> Mapping[str, int]:
    top = reports.get(node.key, top)
    return {key: n for part in node.parts for key, n in _tops(part, reports, top).items()} or {node.key: top}


def _of_center(center: str, months: Sequence[Release]) -> list[str]:
    return [f"{cells_of(month, BY_CENTER)}/{center}" for month in months]


def _covered(found: System, prefix: str, names: Sequence[str], months: Sequence[Release]) -> None:
    """Assume that every report carries at least one of the marks: one of a later build alone is none of them."""
    for center in CENTERS.leaves():
        carried = {f"{prefix}/{center}{BETWEEN}{name}": 1 for name in names}
        of = {**carried, **dict.fromkeys(_of_center(center, months), -1)}
        found.rows.append(Constraint(of, 0, None, assumed=True))


def _late(found: System, prefix: str, months: Sequence[Release]) -> None:
    """Constrain: a report acknowledged within an hour was not seen late. A month without times says nothing."""
    late = [f"{prefix}/{center}{BETWEEN}{LATE}" for center in CENTERS.leaves()]
    times = (f"{cells_of(month, TIME_TABLE)}/{group}" for month in months for group in SURELY_IN_TIME)
    quick = [name for name in times if name in found.tops]
    reports = reports_in(months)
    found.rows.append(Constraint(dict.fromkeys((*late, *quick), 1), None, reports))


def _genders(found: System, release: Release) -> None:
    """A gender is the sum of its ages."""
    ages, genders = cells_of(release, AGE_GENDER_TABLE), cells_of(release, GENDER_TABLE)
    for gender in TABLE_SPECS[GENDER_TABLE].hierarchy(period_of(release.period)).leaves():
        own = [name for name in found.tops if name.startswith(f"{ages}/") and name.endswith(f"/{gender}")]
        found.rows.append(Constraint({f"{genders}/{gender}": 1, **dict.fromkeys(own, -1)}, 0, 0))


def _urgency(found: System, release: Release, releases: Sequence[Release]) -> None:
    """Constrain: a report seen late was critical or waited long; one that concerns a child is critical."""
    prefix = cells_of(release, URGENCY_TABLE)
    critical, high = f"{prefix}/{Urgency.CRITICAL}", f"{prefix}/{Urgency.HIGH}"
    quarters = _quarters(releases, release)
    late = _marked(found, quarters, LATE_TABLE, LATE)
    for urgent, groups in (((critical,), LATE_UNLESS_CRITICAL), ((critical, high), LATE_IF_NORMAL)):
        slow = [f"{month}/{TIME_TABLE}/{group}" for month in release.months for group in groups]
        if late and all(name in found.tops for name in slow):
            _tied(found, prefix, {**dict.fromkeys(late, 1), **dict.fromkeys((*urgent, *slow), -1)}, 0)
    ages = f"{cells_of(release, AGE_GENDER_TABLE)}/{AgeBand.UNDER_14}/"
    for children in (
        [name for name in found.tops if name.startswith(ages)],
        _marked(found, quarters, HARM_TABLE, HarmType.CHILD_MATERIAL),
    ):
        _tied(found, prefix, {**dict.fromkeys(children, 1), critical: -1}, 0)


def _tied(found: System, cells: str, of: Sum, high: int) -> None:
    """Assume that a sum with numbers of the release that ``cells`` is of is at most ``high``.

    What it bounds is looked at even where these numbers are known themselves, under a name of ``cells``; where several
    tables bound the same, under that of the last, so that it goes first.
    """
    row = Constraint(of, None, high, assumed=True)
    found.rows.append(row)
    left = _reduced(row, found.known())
    if _idle(left, found.tops):
        return
    own = f"{cells.partition('/')[0]}/"
    bounded: dict[str, list[str]] = {}
    for name in left.of:  # all of a table: each alone may be 0 where their sum cannot
        if not name.startswith(own):
            bounded.setdefault(name.rpartition("/")[0], []).append(name)
    for table, names in bounded.items():
        hidden = f"/{table}/{'+'.join(name.rpartition('/')[2].partition(BETWEEN)[0] for name in names)}"
        found.sums = {cell: told for cell, told in found.sums.items() if not cell.endswith(hidden)}
        found.sums[cells + hidden] = dict.fromkeys(names, 1)


def _quarters(releases: Sequence[Release], year: Release) -> list[Release]:
    return [each for each in releases if each.kind == "quarter" and {*each.months} <= {*year.months}]


def _marked(found: System, quarters: Sequence[Release], table: str, mark: str) -> list[str]:
    """The reports that carry a mark, in all quarters that say something of it."""
    cells = (f"{cells_of(q, table)}/{center}{BETWEEN}{mark}" for q in quarters for center in CENTERS.leaves())
    return [cell for cell in cells if cell in found.tops]


def _leaves(release: Release, table: str, *leaves: str) -> list[str]:
    return [f"{cells_of(release, table)}/{leaf}" for leaf in leaves]


def _contacts(found: System, release: Release, releases: Sequence[Release], months: Sequence[Release]) -> None:
    """Constrain: a centre reaches nobody before it acknowledges, so who was seen late was critical or reached late.

    Nobody was seen late whose reporter was reached within the hour.
    """
    _acknowledged_before(found, release, CONTACT_TABLE, REACHED_AFTER, months)
    prefix = cells_of(release, CONTACT_TABLE)
    critical, high = _leaves(release, URGENCY_TABLE, Urgency.CRITICAL, Urgency.HIGH)
    quarters = _quarters(releases, release)
    late = _marked(found, quarters, LATE_TABLE, LATE)
    for urgent, groups in (((critical,), REACHED_LATE), ((critical, high), REACHED_LATE[1:])):
        names = (*late, *urgent, *_leaves(release, CONTACT_TABLE, *groups))
        if late and found.tops.keys() >= {*names}:
            _tied(found, prefix, {name: 1 if name in late else -1 for name in names}, 0)
    (soon,) = _leaves(release, CONTACT_TABLE, REACHED_SOON)
    if late and soon in found.tops:
        _tied(found, prefix, dict.fromkeys((*late, soon), 1), reports_in(months))


def _acknowledged_before(
    found: System,
    release: Release,
    table: str,
    after: Mapping[tuple[str, ...], tuple[str, ...]],
    months: Sequence[Release],
) -> None:
    """Constrain: what a centre did by some time it did not do before it acknowledged the report."""
    for groups, acknowledged in after.items():
        done = _leaves(release, table, *groups)
        seen = [f"{cells_of(month, TIME_TABLE)}/{group}" for month in months for group in acknowledged]
        if found.tops.keys() >= {*done, *seen}:
            _tied(found, cells_of(release, table), {**dict.fromkeys(done, 1), **dict.fromkeys(seen, -1)}, 0)


def _closings(found: System, release: Release, months: Sequence[Release]) -> None:
    """Every closed report is closed at one centre, and acknowledged before; without a time there is no reason either.

    A reason of a later version is unknown, too, and keeps its time.
    """
    (unknown,) = _leaves(release, CLOSING_TABLE, UNKNOWN)
    (timeless,) = _leaves(release, CLOSING_TIME_TABLE, CLOSING_TIMES.unmeasured)
    if found.tops.keys() >= {unknown, timeless}:
        found.rows.append(Constraint({unknown: 1, timeless: -1}, 0, None, assumed=True))
    _acknowledged_before(found, release, CLOSING_TIME_TABLE, CLOSED_AFTER, months)
    closed = base_of(TABLE_SPECS[CLOSED_TABLE], months)
    if CLOSED_TABLE in release.tables and release.coarser.get(CLOSED) != WITHHELD:
        cells = [f"{cells_of(release, CLOSED_TABLE)}/{center}{BETWEEN}{CLOSED}" for center in CENTERS.leaves()]
        found.rows.append(Constraint(dict.fromkeys(cells, 1), closed, closed))


def _guests(found: System, release: Release, months: Sequence[Release]) -> None:
    """Constrain: the central desk is nobody's home, so all its reports are from elsewhere."""
    prefix, own = cells_of(release, ELSEWHERE_TABLE), _of_center(CENTRAL_LEAF, months)
    guests = _guests_of(release)[CENTRAL_LEAF]
    if release.tables.get(ELSEWHERE_TABLE):
        for center in CENTERS.leaves():
            _hidden_sums(found, prefix, BY_CENTER, center, months, FROM_ELSEWHERE)
    if found.tops.keys() >= {guests, *own}:
        found.rows.append(Constraint({guests: 1, **dict.fromkeys(own, -1)}, 0, None, assumed=True))


def _guests_of(release: Release) -> dict[str, str]:
    """The cells of reports from elsewhere, by centre."""
    prefix = cells_of(release, ELSEWHERE_TABLE)
    return {center: f"{prefix}/{center}{BETWEEN}{FROM_ELSEWHERE}" for center in CENTERS.leaves()}


def _nowhere(release: Release) -> list[str]:
    """The cells of residences where no centre is at home."""
    return _leaves(release, RESIDENCE_TABLE, *(residence for residence, homes in HOMES.items() if not homes))


def _residences(found: System, release: Release, months: Sequence[Release]) -> None:
    """Constrain: who is at home lives there; who lives there and is not, or has no home, is from elsewhere.

    With the totals these are all there are: whoever is from elsewhere may live anywhere but where their centre is.
    """
    prefix, guests = cells_of(release, RESIDENCE_TABLE), _guests_of(release)
    if not found.tops.keys() >= {*_leaves(release, RESIDENCE_TABLE, *HOMES), *guests.values()}:
        return
    for residence, homes in HOMES.items():
        if not homes:
            continue
        lives, own = f"{prefix}/{residence}", [name for center in homes for name in _of_center(center, months)]
        _bound(found, prefix, {**dict.fromkeys(own, 1), **{guests[c]: -1 for c in homes}, lives: -1}, 0)
        # Of two homes of one residence each may look after people of the other's.
        here = {guests[center]: 1 for center in homes} if len(homes) == 1 else {}
        others = dict.fromkeys((guests[center] for center in guests if center not in homes), -1)
        _bound(found, prefix, {lives: 1, **dict.fromkeys(own, -1), **here, **others}, 0)
        for center in homes:
            _hidden_sums(found, prefix, BY_CENTER, center, months)
    _bound(found, prefix, {**dict.fromkeys(_nowhere(release), 1), **dict.fromkeys(guests.values(), -1)}, 0)


def _assignments(found: System, release: Release, months: Sequence[Release], register: Sequence[Release]) -> None:
    """Constrain: without a move a report is where it was assigned first. Who has no home lives where none is.

    Who lives where no home is stays from elsewhere by any move, and was not assigned by overflow, which past a home is.
    Only a place that was told anew after the decision breaks this.
    """
    prefix, guests = cells_of(release, ASSIGNMENT_TABLE), [*_guests_of(release).values()]
    reasons = _leaves(release, ASSIGNMENT_TABLE, AT_HOME, OVERFLOW, NO_HOME, LINKED, LAST_RESORT)
    if not found.tops.keys() >= {*reasons}:
        return
    home, overflow, no_home, linked, last = reasons
    nowhere = _nowhere(release)
    several = _leaves(release, RESIDENCE_TABLE, *(residence for residence, homes in HOMES.items() if len(homes) > 1))
    away = dict.fromkeys(guests, -1)
    if found.tops.keys() >= {*guests}:
        _bound(found, prefix, {no_home: 1, **away}, 0)
    if moves := _moves(found, release, prefix, register):
        moved, central = dict.fromkeys(moves, -1), _of_center(CENTRAL_LEAF, months)
        if found.tops.keys() >= {*guests}:
            _bound(found, prefix, {overflow: 1, no_home: 1, **away, **moved}, 0)
            _bound(found, prefix, {home: 1, **dict.fromkeys(guests, 1), **moved}, reports_in(months))
        if found.tops.keys() >= {*guests, *nowhere}:
            _bound(found, prefix, {overflow: 1, **dict.fromkeys(nowhere, 1), **away, **moved}, 0)
        if found.tops.keys() >= {*central}:
            _bound(found, prefix, {**dict.fromkeys(central, 1), last: -1, **moved}, 0)
            _hidden_sums(found, prefix, BY_CENTER, CENTRAL_LEAF, months)
    if found.tops.keys() >= {*nowhere}:
        _bound(found, prefix, {no_home: 1, **dict.fromkeys((*nowhere, *several), -1)}, 0)
        _bound(found, prefix, {**dict.fromkeys(nowhere, 1), no_home: -1, linked: -1, last: -1}, 0)


def _moves(found: System, release: Release, cells: str, register: Sequence[Release]) -> list[str]:
    """How often reports moved, under names of ``cells``.

    A figure that is not shown is below `LEAST`, or differs by a small count from what a former revision shows.
    """
    how, shown = TABLE_SPECS[MOVES_TABLE].protection, release.tables.get(MOVES_TABLE)
    if shown is None or not isinstance(how, Totals):
        return []
    earlier = [entry.tables.get(MOVES_TABLE, {}) for entry in _before(release, register)]
    for figure in how.names:
        name, value = f"{cells}/{figure}", shown.get(figure)
        near = [old[figure] for old in earlier if figure in old]
        found.add(name, max((LEAST - 1, *(n + SMALL - 1 for n in near))) if value is None else value)
        if value is not None:
            found.rows.append(Constraint({name: 1}, value, value))
        elif near:
            _correct(found, name, {name: 1}, near)
            differs = (way for n in near for way in _near({name: 1}, n))
            found.choices.append(Choice((Way(Constraint({name: 1}, None, LEAST - 1)), *differs)))
    return [f"{cells}/{figure}" for figure in how.names]


def _hidden_sums(
    found: System, cells: str, table: str, row: str, months: Sequence[Release], mark: str | None = None
) -> None:
    """Look at the quarters and the year of which all months hide a row: they hide it, too. Under names of ``cells``.

    Where several tables bound the same, it has the name of the last, so that it goes first.
    """
    end = "" if mark is None else f"{BETWEEN}{mark}"
    for period in dict.fromkeys(name for month in months for name in (quarter_of(month.period), month.period[:4])):
        own = [month for month in months if period in (quarter_of(month.period), month.period[:4])]
        if len(own) > 1 and all(row not in month.tables[table] for month in own):
            hidden = dict.fromkeys((f"{cells_of(month, table)}/{row}" for month in own), 1)
            found.sums = {name: told for name, told in found.sums.items() if told != hidden}
            found.sums[f"{cells}/{period}/{row}{end}"] = hidden


def _bound(found: System, cells: str, of: Sum, high: int) -> None:
    """The same as `_tied`; marks of the release that it bounds are looked at under a name of ``cells``, too.

    So that this table goes before they are recoded.
    """
    _tied(found, cells, of, high)
    own, known = f"{cells.partition('/')[0]}/", found.known()
    for name in of:
        if name.startswith(own) and BETWEEN in name and name not in known:
            alias = f"/{name.partition('/')[2].replace(BETWEEN, '/')}"
            found.sums = {cell: told for cell, told in found.sums.items() if not cell.endswith(alias)}
            found.sums[cells + alias] = {name: 1}


def _moved(found: System, release: Release, months: Sequence[Release]) -> None:
    """No more left a centre than stood there, and no more came to it than stood elsewhere."""
    total = reports_in(months)
    for center in CENTERS.leaves():
        own = _of_center(center, months)
        if not all(name in found.tops for name in own):
            continue
        left, came = (f"{cells_of(release, table)}/{center}" for table in (MOVED_OUT, MOVED_IN))
        bounds = {
            left: Constraint({left: 1, **dict.fromkeys(own, -1)}, None, 0),
            came: Constraint(dict.fromkeys((came, *own), 1), None, total),
        }
        hidden = [f"{cells_of(m, BY_CENTER)}/{center}" for m in months if center not in m.tables[BY_CENTER]]
        for cell in found.tops.keys() & bounds.keys():
            found.rows.append(bounds[cell])
            if hidden:  # what it bounds is looked at even where it is known itself
                found.sums[f"{cell}/of"] = dict.fromkeys(hidden, 1)


def _kinds(found: System, prefix: str, table: Shown, months: Sequence[Release]) -> None:
    total = reports_in(months)
    for name, value in table.items():
        cell = f"{prefix}/{name}"
        found.add(cell, total)
        found.rows.append(Constraint({cell: 1}, value, value))
