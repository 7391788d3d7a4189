"""The published tables, put together from releases alone: numbers of longer periods are sums of published numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from services.analytics.releases.calendar import Period, period_of
from services.analytics.releases.hierarchies import CENTERS, TOTAL, Tree, leaf, members
from services.analytics.releases.intervals import read
from services.analytics.releases.release import BETWEEN, Release
from services.analytics.releases.suppression import HIDDEN, Figure, Shown, figure, joined
from services.analytics.releases.tables import BY_CENTER, Marks, Rounded, Split, TableSpec, Totals

Level = Literal["leaf", "group", "region", "total"]
"""Of a row: one place, week or value; several that are shown only together; several whose parts are shown too; all."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One line of a table. ``of`` names the rows it is the sum of, where it stands for hidden ones together."""

    key: str
    figures: tuple[Figure, ...]
    of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of protection in a table, worked out from what is published."""

    cells: int
    hidden: int
    intervals: int
    lost: float | None
    """Of the table's total, the share that no cell states: in hidden cells, and above what intervals begin with.

    None where no total is shown, of hours, which are rounded and not hidden, and where a report may be in several rows
    of one column, so that these add up to no total.
    """

    @property
    def share(self) -> float:
        """Of the cells, the share that is hidden."""
        return self.hidden / self.cells if self.cells else 0.0


@dataclass(frozen=True, slots=True)
class Table:
    """A table ready to be shown. The last row is the total."""

    definition: TableSpec
    period: Period
    as_of: str
    months: tuple[str, ...]
    """The months it covers."""
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    coarser: Mapping[str, str] = field(default_factory=dict)
    """Coarsened parts of the table, and how."""
    revision: int = 0
    """How often the period was corrected."""
    erratum: Mapping[str, str] = field(default_factory=dict)
    """The mistake of the revision before, by language."""

    @property
    def coverage(self) -> tuple[int, int]:
        """How many of the period's months are in it, and how many the period has; 0 of 0 for a week."""
        return (len(self.months), len(self.period.months)) if self.period.whole_months else (0, 0)

    @property
    def partial(self) -> bool:
        """Whether months of the period are missing: it began before counting did, or a month was withheld."""
        covered, months = self.coverage
        return covered < months

    def covers_as(self, other: "Table") -> bool:
        """Return whether the same months of their periods are in both, so that their numbers may be compared."""
        mine, theirs = ([t.period.months.index(month) for month in t.months] for t in (self, other))
        return mine == theirs

    @property
    def listed(self) -> tuple[TableRow, ...]:
        """The rows there are in files: figures that do not add up have no total, hidden or not."""
        return self.rows[:-1] if isinstance(self.definition.protection, Totals) else self.rows

    def level(self, row: TableRow) -> Level:
        """Return the level of a row: of one column, leaves do not overlap, nor do groups."""
        if row.key == TOTAL:
            return "total"
        if not row.of:
            return "leaf"
        within = (other for other in self.rows[:-1] if {*members(other.key)} < {*row.of})
        return "group" if not any(other.figures[0].exact for other in within) else "region"

    @property
    def cost(self) -> Cost:
        """Cells are those of rows that stand for themselves; of marks, each mark counts with its own total.

        Where none does, as by region, of all rows.
        """
        own = [row for row in self.rows[:-1] if not row.of] or self.rows[:-1]
        cells = [figure for row in own for figure in row.figures]
        totals = self.rows[-1].figures
        known = [column for column, total in enumerate(totals) if total.low is not None]
        whole = sum(totals[column].low or 0 for column in known)
        seen = sum(row.figures[column].low or 0 for row in own for column in known)
        hidden = sum(figure.hidden for figure in cells)
        between = len(cells) - hidden - sum(figure.exact for figure in cells)
        how = self.definition.protection
        stated = whole and not isinstance(how, Rounded) and not (isinstance(how, Marks) and not how.by_place)
        return Cost(len(cells), hidden, between, (whole - seen) / whole if stated else None)


def build(definition: TableSpec, period: Period, releases: Sequence[Release]) -> Table:
    """The table of a released period. ``releases``: the register's entries, at least those of the period's year."""
    by_period = {release.period: release for release in releases}
    own = by_period[period.name]
    months = [by_period[month] for month in own.months]
    rows = _rows(definition, own, months)
    step = {} if own.kind != "month" or own.step == "full" else {"center": own.step}
    return Table(
        definition,
        period,
        own.as_of,
        own.months,
        definition.columns,
        tuple(rows),
        {**step, **own.coarser},
        own.revision,
        own.erratum,
    )


def exists(definition: TableSpec, release: Release) -> bool:
    """Return whether a released period has this table."""
    if release.kind not in definition.kinds or not release.says_anything:
        return False
    return _of_months(definition) or definition.name in release.tables


def _of_months(spec: TableSpec) -> bool:
    """Return whether longer periods are sums of what their months show."""
    return isinstance(spec.protection, Split) and spec.kinds[0] == "month"


def _rows(spec: TableSpec, own: Release, months: Sequence[Release]) -> list[TableRow]:
    how = spec.protection
    if isinstance(how, Split):
        if not _of_months(spec):
            period, table = period_of(own.period), own.tables[spec.name]
            return _of_tree(how.made_in(period, table), table, how.rows(period))
        return _with_intervals(_over_months(spec, months), own.tables.get(spec.name, {}) if own.kind == "year" else {})
    shown = own.tables[spec.name]
    if isinstance(how, Totals):
        return _figures(shown, (*how.names, *(name for name in how.former if name in shown)))
    if isinstance(how, Rounded):
        return _hours(shown)
    reports = joined([month.tables[BY_CENTER] for month in months])
    if not how.by_place:
        return _kinds(shown, reports)
    return _of_regions(shown, reports, how.names) if own.kind == how.by_region else _of_marks(shown, reports, how.names)


def _figures(shown: Shown, keys: Sequence[str]) -> list[TableRow]:
    """Figures that do not add up to anything."""
    return [*(TableRow(key, (figure(shown, key),)) for key in keys), TableRow(TOTAL, (HIDDEN,))]


def _hours(shown: Shown) -> list[TableRow]:
    own = CENTERS.leaves()
    total = shown.get(TOTAL, sum(shown[key] for key in own if key in shown))  # releases of before have none
    return [*(TableRow(key, (figure(shown, key),)) for key in own), TableRow(TOTAL, (Figure(total, total),))]


def _with_intervals(rows: Sequence[TableRow], shown: Shown) -> list[TableRow]:
    found = read(shown)
    return [TableRow(row.key, (Figure(own.low, own.high),)) if (own := found.get(row.key)) else row for row in rows]


def _of_tree(tree: Tree, shown: Shown, leaves: Sequence[str] = ()) -> list[TableRow]:
    """The leaves, what is shown of them together only, and the total."""
    rows = [TableRow(key, (figure(shown, key),)) for key in leaves or tree.leaves()]
    rows += [TableRow(node.key, (figure(shown, node.key),), node.leaves()) for node in _unsplit(tree, shown)]
    return [*rows, TableRow(TOTAL, (figure(shown, TOTAL),))]


def _unsplit(tree: Tree, shown: Shown) -> list[Tree]:
    return [
        node
        for node in tree.nodes()
        if node.parts and node.key != TOTAL and node.key in shown and node.parts[0].key not in shown
    ]


def _over_months(spec: TableSpec, months: Sequence[Release]) -> list[TableRow]:
    """A longer period. Where its months split differently, as by week, a row is shown where all its parts are."""
    hierarchies = {month.period: spec.hierarchy(period_of(month.period)) for month in months}
    tables = [month.tables[spec.name] for month in months]
    if len(set(hierarchies.values())) == 1:
        return _of_tree(hierarchies[months[0].period], joined(tables))
    total = joined(tables).get(TOTAL)
    rows = []
    for key in sorted({key for hierarchy in hierarchies.values() for key in hierarchy.leaves()}):
        parts = [figure(month.tables[spec.name], key) for month in months if key in hierarchies[month.period].leaves()]
        lows = [part.low for part in parts]
        value = None if None in lows else sum(low or 0 for low in lows)
        rows.append(TableRow(key, (Figure(value, value),)))
    return [*rows, TableRow(TOTAL, (Figure(total, total),))]


def _of_regions(table: Shown, reports: Shown, marks: Sequence[str]) -> list[TableRow]:
    return [_marked(node, table, reports, marks) for node in (*CENTERS.parts, Tree(TOTAL))]


def _marked(node: Tree, table: Shown, reports: Shown, marks: Sequence[str]) -> TableRow:
    numbers = (figure(table, f"{node.key}{BETWEEN}{name}") for name in marks)
    return TableRow(node.key, (figure(reports, node.key), *numbers), node.leaves() if node.parts else ())


def _of_marks(table: Shown, reports: Shown, marks: Sequence[str]) -> list[TableRow]:
    def row(node: Tree) -> TableRow:
        return _marked(node, table, reports, marks)

    regions = [part for part in CENTERS.parts if part.key in reports]
    blocks = [node for node in _unsplit(CENTERS, reports) if node.key not in {region.key for region in regions}]
    rows = [row(leaf(key)) for key in CENTERS.leaves()]
    rows += [row(node) for node in (*blocks, *regions)]
    return [*rows, row(Tree(TOTAL))]


def _kinds(table: Shown, reports: Shown) -> list[TableRow]:
    rows = [TableRow(key.partition(BETWEEN)[2], (figure(table, key),)) for key in sorted(table)]
    return [*rows, TableRow(TOTAL, (figure(reports, TOTAL),))]


def finest(table: Table) -> list[tuple[str, int]]:
    """A table that splits, as the finest shown parts in the order of its shape: they add up to the total."""
    found = {row.key: row.figures[0].low for row in table.rows[:-1] if row.figures[0].exact}
    order = [row.key for row in table.rows[:-1] if not row.of]
    parts = sorted(found, key=lambda key: order.index(members(key)[0]))
    return [(key, found[key] or 0) for key in parts]
