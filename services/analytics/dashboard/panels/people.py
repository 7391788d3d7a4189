"""Yearly: whom it happened to, who reports, who did it, where it was seen, how people were helped."""

from collections.abc import Collection
from typing import Final

from markupsafe import Markup

from services.analytics.dashboard.charts import Bar, Group, bar_chart, grouped_chart
from services.analytics.dashboard.panels.parts import (
    Panel,
    compared,
    drawn,
    frequent,
    lines,
    longest_first,
    not_released,
    pictured,
)
from services.analytics.dashboard.period_releases import PeriodReleases
from services.analytics.dashboard.wording import Wording
from services.analytics.releases.published import Table, TableRow
from services.analytics.releases.suppression import HIDDEN, Figure
from services.analytics.releases.tables import SUPPORT_TABLE, TABLE_SPECS, Marks
from shared.events.vocabulary import SupportKind
from shared.web.translations import gettext_noop

_PAGE: Final = "/people"


def panels(releases: PeriodReleases, words: Wording) -> list[Panel]:
    """All panels of the page."""
    return registered(_PAGE, releases, words)


def registered(page: str, releases: PeriodReleases, words: Wording, drawn: Collection[str] = ()) -> list[Panel]:
    """Panels of the tables that the registry puts on a page and that are not drawn otherwise."""
    placed = [(spec, spec.panel.partition("#")) for spec in TABLE_SPECS.values()]
    return [
        _panel(anchor, spec.name, releases, words)
        for spec, (where, _, anchor) in placed
        if where == page and anchor not in drawn
    ]


def _panel(anchor: str, name: str, releases: PeriodReleases, words: Wording) -> Panel:
    table = releases.table(name)
    if table is None:
        return not_released(anchor, name, releases, words)
    how = table.definition.protection
    chart = _crossed_chart if len(table.definition.dimensions) > 1 else _plain_chart
    column = len(table.columns) - 1
    rows = frequent([(row.key, row.figures[column]) for row in pictured(table, column)])
    return Panel(
        anchor,
        words.text(table.definition.question),
        words.what([*rows, *_unsaid(table)], table.definition.measure, several=isinstance(how, Marks)),
        words.text(table.definition.definition),
        chart(anchor, table, words),
        words.text(table.definition.title),
        tuple(words.name(key) for key in (table.definition.key, *table.columns)),
        lines(table, words, range(len(table.columns))),
        table,
        compared(table, releases.before(table), rows[0][0], words, column) if rows else "",
    )


def _unsaid(table: Table) -> list[tuple[str, Figure]]:
    """Kinds of support of which a table has no row: hidden ones, what nearly all were given among them."""
    shown = {row.key for row in table.rows}
    return [(kind, HIDDEN) for kind in SupportKind if table.definition.name == SUPPORT_TABLE and kind not in shown]


def _plain_chart(anchor: str, table: Table, words: Wording) -> Markup:
    return bar_chart(
        longest_first(table, words, len(table.columns) - 1),
        chart_id=f"{anchor}-chart",
        title=words.text(table.definition.title),
        description=words.text(gettext_noop("Bars, longest first; the same numbers stand in the table beside.")),
    )


def _crossed_chart(anchor: str, table: Table, words: Wording) -> Markup:
    """Bars of the second dimension under headings of the first; what is shown together has a heading of its own."""
    groups: dict[str, list[TableRow]] = {}
    for row in drawn(table):
        groups.setdefault(row.key if row.of else row.key.partition("/")[0], []).append(row)
    return grouped_chart(
        [Group(words.name(key), tuple(_bar(row, words) for row in rows)) for key, rows in groups.items()],
        chart_id=f"{anchor}-chart",
        title=words.text(table.definition.title),
        description=words.text(
            gettext_noop("Bars under headings, all of one scale; the same numbers stand in the table beside.")
        ),
    )


def _bar(row: TableRow, words: Wording) -> Bar:
    short = words.text(gettext_noop("together")) if row.of else words.name(row.key.partition("/")[2])
    return Bar(words.name(row.key), row.figures[0], words.figure(row.figures[0]), short=short)
