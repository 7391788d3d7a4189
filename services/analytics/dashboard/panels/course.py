"""The course of reports: how long until somebody answers, in which weeks they came in, what became of them."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Final

from services.analytics.dashboard.charts import Bar, Group, bar_chart, grouped_chart
from services.analytics.dashboard.panels.parts import Panel, PanelLine, cell, compared, drawn, frequent, lines, needed
from services.analytics.dashboard.period_releases import PeriodReleases
from services.analytics.dashboard.wording import Wording
from services.analytics.releases.calendar import period_of
from services.analytics.releases.catalogue import ReleaseCatalogue
from services.analytics.releases.derived import change_of_share, percentile, within_target
from services.analytics.releases.hierarchies import TOTAL, days_of
from services.analytics.releases.published import Table, TableRow
from services.analytics.releases.tables import BY_WEEK, FIRST_WEEKS, OUTCOME_TABLE, TABLE_SPECS, TIME_TABLE
from shared.web.translations import gettext_noop

_WEEK: Final = 7
_MANY_WEEKS: Final = 20
"""More than a quarter has: then they stand close together, under their quarters."""


def times(releases: PeriodReleases, words: Wording) -> Panel:
    """Make the panel of times until a person answers."""
    table = needed(releases, TIME_TABLE)
    within, earlier = within_target(table), releases.before(table)
    before = words.change(change_of_share(within, within_target(earlier)) if earlier else None, earlier)
    return _panel("when", table, words.how_fast(percentile(table, 0.5), within), words, before)


def weeks(releases: PeriodReleases, words: Wording) -> Panel:
    """Weeks that a counted month cuts are drawn and say how many days they have; the sentence compares whole ones.

    A week that counting may have begun within says so and is not compared.
    """
    table, begun = needed(releases, BY_WEEK), releases.catalogue.begun_within_week
    rows = [row for row in table.rows[:-1] if not row.of]
    days = {row.key: _counted_days(row.key, table) for row in rows}
    whole = [row for row in rows if (days[row.key][1] - days[row.key][0]).days + 1 == _WEEK and row.key != begun]
    said = words.in_all(table.rows[-1].figures[0], [(words.days(*days[row.key]), row.figures[0]) for row in whole])
    before = compared(table, releases.before(table), TOTAL, words)
    names = {key: words.week(key, *span) for key, span in days.items()}
    names |= {key: words.begun(name) for key, name in names.items() if key == begun}
    together = _quarters(rows, days, names, words) if len(rows) > _MANY_WEEKS else ()
    return _panel("weeks", table, said, words, before, names, together)


def _counted_days(week: str, table: Table) -> tuple[date, date]:
    """The first and last day of a week that lie in months the table covers; a week touches two at most."""
    spans = [days_of(week, month.first, month.last) for month in map(period_of, table.months)]
    own = [span for span in spans if span[0] <= span[1]]
    return own[0][0], own[-1][1]


def first_weeks(catalogue: ReleaseCatalogue, words: Wording) -> Panel | None:
    """Make the panel of the weeks that are told before any month; None where there are none."""
    spec = TABLE_SPECS[FIRST_WEEKS]
    tables = [catalogue.table(spec, period.name) for period in catalogue.periods(spec)]
    if not tables:
        return None
    names = [words.period(table.period.name) for table in tables]
    if tables[0].period.name == catalogue.begun_within_week:
        names[0] = words.begun(names[0])
    figures = [(name, table.rows[-1].figures[0]) for name, table in zip(names, tables, strict=True)]
    title, newest = words.text(spec.title), tables[-1]
    about = words.text(gettext_noop("Bars in their order; the same numbers stand in the table beside."))
    return Panel(
        "first-weeks",
        words.text(spec.question),
        words.newest(*figures[-1]),
        words.text(spec.definition),
        bar_chart(
            [Bar(name, figure, words.figure(figure)) for name, figure in figures],
            chart_id="first-weeks-chart",
            title=title,
            description=about,
        ),
        title,
        (words.name(spec.key), words.text(gettext_noop("Reports"))),
        tuple(PanelLine(name, (cell(figure, words),)) for name, figure in figures),
        newest,
    )


def outcomes(releases: PeriodReleases, words: Wording) -> Panel:
    """Make the panel of outcomes."""
    table = needed(releases, OUTCOME_TABLE)
    rows = frequent([(row.key, row.figures[0]) for row in drawn(table)])
    before = compared(table, releases.before(table), rows[0][0], words) if rows else ""
    return _panel("outcome", table, words.what(rows), words, before)


def _quarters(
    rows: Sequence[TableRow], days: Mapping[str, tuple[date, date]], names: Mapping[str, str], words: Wording
) -> list[Group]:
    """Weeks by the quarter that they begin in."""

    def quarter(row: TableRow) -> str:
        first = days[row.key][0]
        return f"{first.year}-Q{(first.month + 2) // 3}"

    def bar(row: TableRow) -> Bar:
        return Bar(names[row.key], row.figures[0], words.figure(row.figures[0]), short=words.days(*days[row.key]))

    return [Group(words.period(name), tuple(map(bar, own))) for name, own in groupby(rows, quarter)]


def _panel(
    anchor: str,
    table: Table,
    sentence: str,
    words: Wording,
    before: str,
    names: Mapping[str, str] | None = None,
    groups: Sequence[Group] = (),
) -> Panel:
    """``names``: words for rows that have none of their own; ``groups``: the bars where they are many."""
    name = {row.key: words.name(row.key) for row in table.rows} | dict(names or {})
    bars = [Bar(name[row.key], row.figures[0], words.figure(row.figures[0])) for row in drawn(table)]
    chart_id, title = f"{anchor}-chart", words.text(table.definition.title)
    about = words.text(gettext_noop("Bars in their order; the same numbers stand in the table beside."))
    return Panel(
        anchor,
        words.text(table.definition.question),
        sentence,
        words.text(table.definition.definition),
        grouped_chart(groups, chart_id=chart_id, title=title, description=about)
        if groups
        else bar_chart(bars, chart_id=chart_id, title=title, description=about),
        title,
        (words.name(table.definition.key), words.text(gettext_noop("Reports"))),
        lines(table, words, names=names),
        table,
        before,
    )
