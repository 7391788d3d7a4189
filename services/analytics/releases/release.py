"""From frozen months to releases: what leaves for a month, a quarter and a year, and how it is coarsened.

Levels of recoding are tried in order until one is proven safe: all there is; centres only as regions; only the whole
country; nothing. A month goes down the levels as one, a table of marks mark by mark: only what was found narrow. What a
step leaves out is never published for that period; the next longer period is tried anew. Harm types are never merged:
how many reports have one of two types does not follow from how many have each.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import floor
from typing import Final

from services.analytics.releases.calendar import Kind, Period, period_of, quarter_of
from services.analytics.releases.hierarchies import CENTERS, TOTAL, Tree, members, weeks
from services.analytics.releases.intervals import intervals
from services.analytics.releases.suppression import (
    LEAST,
    LEAST_OF_WEEK,
    MonthCounts,
    Shown,
    figures_shown,
    joined,
    mark,
    places,
    split,
)
from services.analytics.releases.tables import (
    BY_CENTER,
    BY_WEEK,
    CLOSED,
    CORRECTIONS,
    OUTCOME_TABLE,
    STEPS,
    TABLE_SPECS,
    WITHHELD,
    Counts,
    Marks,
    Rounded,
    Split,
    TableSpec,
    Totals,
    added,
    center_counts,
    decided_with,
)

BETWEEN: Final = "|"
"""Between place and mark in the keys of tables of marks."""


@dataclass(frozen=True, slots=True)
class Release:
    """A release of a period. It never changes. ``tables`` is empty if nothing could leave."""

    period: str
    as_of: str
    """When it was made, ISO 8601 in UTC."""
    step: str
    """The level of recoding."""
    tables: Mapping[str, Shown] = field(default_factory=dict)
    months: tuple[str, ...] = ()
    """The months it covers: of a longer period, those that were released."""
    coarser: Mapping[str, str] = field(default_factory=dict)
    """The step of each mark that is not at `step`, by mark, or by region and mark; of tables, too."""
    revision: int = 0
    """0 as it was first released; one more for each erratum."""
    erratum: Mapping[str, str] = field(default_factory=dict)
    """Of a later revision: what was wrong, by language."""

    @property
    def says_anything(self) -> bool:
        """Whether there is anything in it; a week is made of no months."""
        return bool(self.months or self.tables)

    @property
    def kind(self) -> Kind:
        """Of which kind its period is."""
        return period_of(self.period).kind

    def weeks(self) -> tuple[str, ...]:
        """The ISO weeks its period touches."""
        period = period_of(self.period)
        return weeks(period.first, period.last).leaves()


def of_month(counts: MonthCounts, as_of: str, step: str, weeks: Mapping[str, int | None] | None = None) -> Release:
    """A month. Tables of reports share the total: one that comes to another would publish the difference: left out.

    ``weeks``: what weeks of it were told to have before; None of one that had too few to be told.
    """
    period = period_of(counts.month)
    tables: dict[str, Shown] = {}
    for spec in decided_with("month"):
        how = spec.protection
        if isinstance(how, Split):
            tables[spec.name] = _split(spec, how, period, spec.leaf_counts(counts) or {}, step)
        elif isinstance(how, Totals) and how.counts is not None and (own := how.counts(counts)):
            tables[spec.name] = figures_shown({name: own.get(name, 0) for name in how.names})
        elif isinstance(how, Rounded) and (hours := how.counts(counts)):
            tables[spec.name] = _rounded(hours, how.step)
    if weeks:
        tables[BY_WEEK] = beside(weeks, tables[BY_WEEK])
    total = tables[BY_CENTER].get(TOTAL)
    if total is None or (weeks and not tables[BY_WEEK]):
        return Release(counts.month, as_of, WITHHELD)
    same = {
        name: {} if isinstance(TABLE_SPECS[name].protection, Split) and shown.get(TOTAL) != total else shown
        for name, shown in tables.items()
    }
    return Release(counts.month, as_of, step, same, (counts.month,))


def _split(spec: TableSpec, how: Split, period: Period, counts: Counts, step: str) -> Shown:
    hierarchy = how.hierarchy(period)
    shown = split(hierarchy, counts)
    kept = hierarchy.down_to(how.depths[step]) if spec.recoding else hierarchy
    return {node.key: shown[node.key] for node in kept.nodes() if node.key in shown}


def told_weeks(before: Mapping[str, int | None]) -> dict[str, int]:
    """The figures of weeks that were told before a month; ``before`` has None of those with too few reports."""
    return {week: n for week, n in before.items() if n is not None}


def beside(before: Mapping[str, int | None], shown: Shown) -> Shown:
    """A month's weeks, split as ever, beside weeks that were told before and keep their figures.

    Empty where the rest is too small to be told. It is not split where it holds what was counted late: that a week had
    too few once and has enough now would say of how many that is true.
    """
    told = told_weeks(before)
    if shown.get(TOTAL, 0) - sum(told.values()) < LEAST:
        return {}
    same = all(shown.get(week, 0) < LEAST_OF_WEEK if n is None else shown.get(week) == n for week, n in before.items())
    return shown if same else {TOTAL: shown[TOTAL], **told}


def _rounded(hours: Mapping[str, float], step: int) -> dict[str, int]:
    """By centre and in total, to the nearest step, half of it up, from the exact time: rounded once."""
    by_center = center_counts(hours)
    exact = {**by_center, TOTAL: sum(by_center.values())}
    return {key: floor(n / step + 0.5) * step for key, n in exact.items()}


def of_quarter(
    period: str, months: Sequence[Release], counts: Sequence[MonthCounts], as_of: str, coarser: Mapping[str, str]
) -> Release:
    """A quarter, over the months that were released."""
    if not months:
        return Release(period, as_of, WITHHELD)
    tables = _longer("quarter", period, months, counts, coarser)
    return Release(period, as_of, STEPS[0], tables, tuple(month.period for month in months), dict(coarser))


def of_year(
    period: str,
    months: Sequence[Release],
    counts: Sequence[MonthCounts],
    as_of: str,
    coarser: Mapping[str, str],
    bulletin: Mapping[str, Shown],
    quarters: Sequence[Release] = (),
) -> Release:
    """A year: each table over all released months or not at all, and the tables of the bulletin.

    ``quarters``: its released quarters, which tell some of its tables, too.
    """
    tables: dict[str, Shown] = {}
    if months:
        own = {name: shown for name, shown in bulletin.items() if coarser.get(name) != WITHHELD}
        tables = {CORRECTIONS: {}, **own, **_intervals(months, counts, coarser)}
        tables |= _longer("year", period, months, counts, coarser, quarters)
    covered = tuple(month.period for month in months)
    return Release(period, as_of, STEPS[0] if tables else WITHHELD, tables, covered, dict(coarser))


def _longer(
    kind: Kind,
    period: str,
    months: Sequence[Release],
    counts: Sequence[MonthCounts],
    coarser: Mapping[str, str],
    quarters: Sequence[Release] = (),
) -> dict[str, Shown]:
    """The tables decided for a period of several months, each offered by all of them or left out."""
    tables: dict[str, Shown] = {}
    reports = joined([month.tables[BY_CENTER] for month in months])
    for spec in decided_with(kind):
        how, total = spec.protection, base_of(spec, months)
        if coarser.get(spec.name) == WITHHELD or total is None:
            continue
        if isinstance(how, Marks):
            marked = [own for month in counts if (own := spec.mark_counts(month)) is not None]
            if len(marked) == len(counts) and not how.doubtful(counts):
                by_mark = {name: added([own.get(name, {}) for own in marked]) for own in marked for name in own}
                told = told_by_quarters(spec, kind, months, quarters)
                tables[spec.name] = _marks(how, kind, reports, by_mark, coarser, told)
        elif isinstance(how, Split):  # yearly only
            leaves = [found for month in counts if (found := spec.leaf_counts(month)) is not None]
            step = coarser.get(spec.name, STEPS[0])
            shown = _split(spec, how, period_of(period), added(leaves), step) if len(leaves) == len(counts) else {}
            if shown.get(TOTAL) == total:  # as in a month
                tables[spec.name] = shown
        elif isinstance(how, Totals) and how.counts is not None:  # yearly only
            figures = [found for month in counts if (found := how.counts(month)) is not None]
            if len(figures) == len(counts):
                tables[spec.name] = figures_shown(added(figures))
    return tables


def base_of(spec: TableSpec, months: Sequence[Release]) -> int | None:
    """How many reports a table of a longer period counts, by what its months show; None where one of them hides it."""
    if spec.base == "closed":
        return joined([month.tables.get(OUTCOME_TABLE, {}) for month in months]).get(CLOSED)
    return reports_in(months)


def reports_in(months: Sequence[Release]) -> int:
    """How many reports released months have together."""
    return sum(month.tables[BY_CENTER][TOTAL] for month in months)


def _intervals(
    months: Sequence[Release], counts: Sequence[MonthCounts], coarser: Mapping[str, str]
) -> dict[str, Shown]:
    """Of each table that says intervals and is not coarser than that, those of its year."""
    found: dict[str, Shown] = {}
    for spec in TABLE_SPECS.values():
        if spec.says_intervals and coarser.get(spec.name) != WITHHELD:
            hierarchy = spec.hierarchy(period_of(months[0].period))
            shown = [month.tables[spec.name] for month in months]
            quarters = [quarter_of(month.period) for month in months]
            if own := intervals(hierarchy, shown, [spec.leaf_counts(month) or {} for month in counts], quarters):
                found[spec.name] = own
    return found


def told_by_quarters(
    spec: TableSpec, kind: Kind, months: Sequence[Release], quarters: Iterable[Release]
) -> list[Shown]:
    """What each quarter of a year's months tells of a table; nothing where quarters have no such table."""
    if kind != "year" or "quarter" not in spec.kinds:
        return []
    tables = {quarter.period: quarter.tables.get(spec.name, {}) for quarter in quarters}
    return [tables.get(name, {}) for name in dict.fromkeys(quarter_of(month.period) for month in months)]


def of_mark(name: str, shown: Shown) -> dict[str, int]:
    """One mark's numbers by place."""
    return {place: n for key, n in shown.items() for place, _, mark in (key.partition(BETWEEN),) if mark == name}


def places_of_mark(how: Marks, kind: Kind, name: str, reports: Shown, coarser: Mapping[str, str]) -> Tree:
    """The places a mark may be shown for: as deep as its level says, and no centres of a region that is coarser."""
    tree = places(CENTERS, reports, depth=how.depth(kind, coarser.get(name, STEPS[0])))
    parts = (Tree(part.key) if f"{part.key}{BETWEEN}{name}" in coarser else part for part in tree.parts)
    return Tree(tree.key, tuple(parts))


def _marks(
    how: Marks,
    kind: Kind,
    reports: Shown,
    counts: Mapping[str, Counts],
    coarser: Mapping[str, str],
    told: Sequence[Shown],
) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in how.names if how.by_place else counts:
        if coarser.get(name) == WITHHELD:
            continue
        if how.by_place:
            hierarchy = places_of_mark(how, kind, name, reports, coarser)
            leaves = center_counts(counts.get(name, {}))
            by_place = {node.key: _sum_of(node.key, leaves) for node in hierarchy.nodes()}
        else:
            hierarchy, by_place = Tree(TOTAL), dict(counts[name])
        own = [of_mark(name, shown) for shown in told]
        found |= {f"{key}{BETWEEN}{name}": n for key, n in mark(hierarchy, reports, by_place, own).items()}
    return found


def _sum_of(key: str, leaves: Mapping[str, int]) -> int:
    return sum(leaves.values()) if key == TOTAL else sum(leaves[each] for each in members(key))


def marks_by_place() -> set[str]:
    """All marks that may be recoded to fewer places."""
    how = (spec.protection for spec in TABLE_SPECS.values() if spec.recoding)
    return {name for each in how if isinstance(each, Marks) for name in each.names}


def splits_alone(spec: TableSpec) -> bool:
    """Return whether it splits counts of a longer period that are no sums of what months show."""
    return isinstance(spec.protection, Split) and spec.kinds[0] != "month"


_NOTHING: Final[Mapping[str, Shown]] = {}


def lower(
    coarser: Mapping[str, str], narrow: Sequence[str], tables: Mapping[str, Shown] = _NOTHING
) -> dict[str, str] | None:
    """One coarser level for every mark with a narrow cell; None where that helps no further.

    First the centres of the regions with narrow cells go, then those of all. ``tables`` are those of the release. Where
    a cell of a table that splits by the year alone is narrow, that table is recoded, or goes. Where one of a table with
    intervals is, or nothing was found because time ran out (``narrow`` is empty), these go first. Last of all every
    table that splits by the year alone goes.
    """
    plain = [cell for cell in narrow if BETWEEN not in cell]
    left = [name for name in tables if coarser.get(name) != WITHHELD]
    if own := [name for name in left if splits_alone(TABLE_SPECS[name]) and any(f"/{name}/" in cell for cell in plain)]:
        return {**coarser, **{name: _coarser(TABLE_SPECS[name], coarser.get(name, STEPS[0])) for name in own}}
    bounded = {name for name in left if TABLE_SPECS[name].says_intervals}
    if found := {name for name in bounded if not narrow or any(f"/{name}/" in cell for cell in plain)}:
        return {**coarser, **dict.fromkeys(sorted(found), WITHHELD)}
    if regions := {region for cell in narrow if BETWEEN in cell for region in _split_region(cell, tables)}:
        return {**coarser, **dict.fromkeys(sorted(regions), STEPS[1])}
    marks = {cell.partition(BETWEEN)[2] for cell in narrow if BETWEEN in cell} or marks_by_place()
    movable = {name for name in marks if coarser.get(name, STEPS[0]) != WITHHELD}
    if not movable:
        alone = [name for name in left if splits_alone(TABLE_SPECS[name])]
        return {**coarser, **dict.fromkeys(alone, WITHHELD)} if alone else None
    return {**coarser, **{name: STEPS[STEPS.index(coarser.get(name, STEPS[0])) + 1] for name in movable}}


def _split_region(cell: str, tables: Mapping[str, Shown]) -> list[str]:
    """The region of a narrow cell, with its mark, where the release shows the region's centres."""
    place, _, name = cell.rpartition("/")[2].partition(BETWEEN)
    within = {key for shown in tables.values() for key in of_mark(name, shown)}
    return [
        f"{region.key}{BETWEEN}{name}"
        for region in CENTERS.parts
        if {*members(place)} <= {*region.leaves()} and any({*members(key)} < {*region.leaves()} for key in within)
    ]


def _coarser(spec: TableSpec, step: str) -> str:
    """Return the next level of a table that splits by the year alone."""
    return next((level for level in spec.recoding if STEPS.index(level) > STEPS.index(step)), WITHHELD)
