"""A panel answers a question: a sentence, a picture, its table, its definition and the release it is from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from services.analytics.dashboard.charts import Bar
from services.analytics.dashboard.period_releases import PeriodReleases
from services.analytics.dashboard.wording import Wording
from services.analytics.releases.calendar import Kind
from services.analytics.releases.derived import change
from services.analytics.releases.hierarchies import TOTAL
from services.analytics.releases.published import Table, TableRow
from services.analytics.releases.suppression import HIDDEN, Figure
from services.analytics.releases.tables import TABLE_SPECS
from shared.web.translations import gettext_noop


@dataclass(frozen=True, slots=True)
class Cell:
    """The content of a table's cell."""

    text: str
    hidden: bool = False
    words: bool = False
    """Not a number: it may stand on several lines."""


@dataclass(frozen=True, slots=True)
class PanelLine:
    """One line of a panel's table."""

    label: str
    cells: tuple[Cell, ...]
    total: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. ``table`` is the released table it is made from, None where it is not one of ours."""

    id: str
    question: str
    sentence: str
    definition: str = ""
    chart: Markup | None = None
    caption: str = ""
    headings: tuple[str, ...] = ()
    lines: tuple[PanelLine, ...] = ()
    table: Table | None = None
    change: str = ""
    notes: tuple[str, ...] = field(default=())
    see: str | None = None
    """Without a table: the period whose page has it."""


def when_released(name: str, releases: PeriodReleases, words: Wording) -> str:
    """Say why the period has no such table: it is released for other periods, or not yet."""
    kinds: Sequence[Kind] = TABLE_SPECS[name].kinds
    if releases.nearest(name) is None:
        said = {
            "year": gettext_noop("Released with the year: not before January of the next one."),
            "quarter": gettext_noop("Released with the quarter, once its last month is."),
            "month": gettext_noop("Not in any release yet."),
        }[kinds[0]]
    elif releases.period.kind in kinds:
        said = gettext_noop("This is not in the release of the period.")
    else:
        one = {
            "year": gettext_noop("This is released by year."),
            "quarter": gettext_noop("This is released by quarter."),
            "month": gettext_noop("This is released by month."),
        }
        said = gettext_noop("This is released by quarter and by year.") if len(kinds) > 1 else one[kinds[0]]
    return words.text(said)


def not_released(anchor: str, name: str, releases: PeriodReleases, words: Wording) -> Panel:
    """In place of a panel whose table the period does not have."""
    definition = TABLE_SPECS[name]
    return Panel(
        anchor,
        words.text(definition.question),
        when_released(name, releases, words),
        words.text(definition.definition),
        see=releases.nearest(name),
    )


def needed(releases: PeriodReleases, name: str) -> Table:
    """A table every released period has."""
    table = releases.table(name)
    if table is None:
        raise ValueError(f"{releases.period.name} is not released")
    return table


def cell(figure: Figure, words: Wording) -> Cell:
    """A published number, or the mark."""
    return Cell(words.figure(figure), figure.hidden)


def share_cell(share: float | None, words: Wording) -> Cell:
    """A share, or the mark."""
    return Cell(words.percent(share), share is None)


def compared(table: Table, before: Table | None, key: str, words: Wording, column: int = 0) -> str:
    """A row's figure against the period before."""
    if before is None:
        return ""
    now, then = (next((row.figures[column] for row in each.rows if row.key == key), HIDDEN) for each in (table, before))
    return words.change(change(now, then), before)


def lines(
    table: Table, words: Wording, columns: Sequence[int] = (0,), names: Mapping[str, str] | None = None
) -> tuple[PanelLine, ...]:
    """All rows of a table with some of its columns; the total only where there is one. ``names``: other words."""
    name = dict(names or {})
    return tuple(
        PanelLine(
            name.get(row.key) or words.name(row.key),
            tuple(cell(row.figures[column], words) for column in columns),
            row.key == TOTAL,
        )
        for row in table.rows
        if row.key != TOTAL or not row.figures[0].hidden
    )


def drawn(table: Table) -> list[TableRow]:
    """The rows a picture shows: what is shown together stands for its parts; hidden is what is in nothing shown."""
    own = table.rows[:-1]
    order = {row.key: index for index, row in enumerate(own)}
    covered = {key for row in own if row.of and row.figures[0].exact for key in row.of}
    found = [row for row in own if not (row.key in covered and not row.figures[0].exact)]
    return sorted(found, key=lambda row: order[row.of[0]] if row.of else order[row.key])


def disjoint(table: Table, column: int) -> list[TableRow]:
    """The rows of a table by place that a picture shows: what is shown together only where no part of it is."""
    own = table.rows[:-1]
    shown = {row.key for row in own if not row.of and not row.figures[column].hidden}
    joint = [row for row in own if row.of and not row.figures[column].hidden and not shown & {*row.of}]
    covered = {key for row in joint for key in row.of}
    return [*(row for row in own if not row.of and row.key not in covered), *joint]


def pictured(table: Table, column: int) -> list[TableRow]:
    """The rows that a picture of a column shows: of a table of one column, or of a mark by place."""
    return disjoint(table, column) if column else drawn(table)


def longest_first(table: Table, words: Wording, column: int) -> list[Bar]:
    """Bars of a column with their words."""
    return bars(sorted(pictured(table, column), key=lambda row: -(row.figures[column].low or -1)), words, column)


def bars(rows: Iterable[TableRow], words: Wording, column: int = 0) -> list[Bar]:
    """Bars with their words."""
    return words.bars([(row.key, row.figures[column]) for row in rows])


def share_bars(pairs: Iterable[tuple[str, float | None]], words: Wording) -> list[Bar]:
    """Bars of shares, per mille, so that a full one is as long as the chart."""
    found = []
    for key, share in pairs:
        value = None if share is None else round(1000 * share)
        found.append(Bar(words.name(key), Figure(value, value), words.percent(share)))
    return found


def harm_figures(table: Table) -> dict[str, Figure]:
    """The figures of the harm types, of the whole country."""
    return dict(zip(table.columns[1:], table.rows[-1].figures[1:], strict=True))


def frequent(rows: Iterable[tuple[str, Figure]]) -> list[tuple[str, Figure]]:
    """Most frequent first, hidden last."""
    return sorted(rows, key=lambda pair: (-(pair[1].high or -1), -(pair[1].low or -1)))
