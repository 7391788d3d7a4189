"""Yearly: whom it happened to, who reports, who did it, where it was seen, how people were helped."""

from typing import Final

from markupsafe import Markup

from services.analytics.dashboard.charts import Bar, Group, bar_chart, grouped_chart
from services.analytics.dashboard.edition import Edition
from services.analytics.dashboard.panels.parts import Panel, bars, compared, drawn, frequent, lines, not_released
from services.analytics.dashboard.wording import Wording
from services.analytics.releases.published import Row, Table
from shared.web.translations import gettext_noop

_CROSSED: Final = {"age": "reports-by-age-and-gender", "role": "reports-by-role-and-channel"}
_PLAIN: Final = {
    "relationship": "reports-by-relationship",
    "platform": "reports-by-platform",
    "support": "support-given",
}


def panels(edition: Edition, words: Wording) -> list[Panel]:
    """All panels of the page."""
    return [_panel(anchor, name, edition, words) for anchor, name in (_CROSSED | _PLAIN).items()]


def _panel(anchor: str, name: str, edition: Edition, words: Wording) -> Panel:
    table = edition.table(name)
    if table is None:
        return not_released(anchor, name, words)
    rows = frequent([(row.key, row.figures[0]) for row in drawn(table)])
    return Panel(
        anchor,
        words.text(table.definition.question),
        words.what(rows),
        words.text(table.definition.definition),
        _crossed_chart(anchor, table, words) if anchor in _CROSSED else _plain_chart(anchor, table, words),
        words.text(table.definition.title),
        (words.name(table.definition.row_key), words.text(gettext_noop("Reports"))),
        lines(table, words),
        table,
        compared(table, edition.before(table), rows[0][0], words) if rows else "",
    )


def _plain_chart(anchor: str, table: Table, words: Wording) -> Markup:
    rows = sorted(drawn(table), key=lambda row: -(row.figures[0].low or -1))
    return bar_chart(
        bars(rows, words),
        chart_id=f"{anchor}-chart",
        title=words.text(table.definition.title),
        description=words.text(gettext_noop("Bars, longest first; the same numbers stand in the table beside.")),
    )


def _crossed_chart(anchor: str, table: Table, words: Wording) -> Markup:
    """Bars of the second dimension under headings of the first; what is shown together has a heading of its own."""
    groups: dict[str, list[Row]] = {}
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


def _bar(row: Row, words: Wording) -> Bar:
    short = words.text(gettext_noop("together")) if row.of else words.name(row.key.partition("/")[2])
    return Bar(words.name(row.key), row.figures[0], words.figure(row.figures[0]), short=short)
