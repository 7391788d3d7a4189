"""Over time: what was published since 2018, reports by month as counted here, harm types by quarter.

Persons, cases and reports are different figures: each has its own picture and axis, and says what it counts.
"""

from collections.abc import Sequence
from typing import Final

from services.analytics.dashboard.charts import STRIP_PERIODS, Bar, Group, bar_chart, strips_chart
from services.analytics.dashboard.history import Point, PublishedFigure, national
from services.analytics.dashboard.panels.parts import Cell, Panel, PanelLine, cell, compared, harm_figures, not_released
from services.analytics.dashboard.period_releases import PeriodReleases
from services.analytics.dashboard.wording import Wording
from services.analytics.releases.hierarchies import TOTAL
from services.analytics.releases.published import Table
from services.analytics.releases.suppression import HIDDEN, Figure
from services.analytics.releases.tables import BY_CENTER, HARM_TABLE, HARMS
from shared.web.translations import gettext_noop

_MONTHS: Final = 13
"""A year and the month before it, so that each month stands with itself a year ago."""
_YEARLY: Final = {
    "persons": ("victims_supported", "persons", gettext_noop("How many people were supported, year by year?")),
    "cases": ("support_cases", "cases", gettext_noop("How often was support given, year by year?")),
}
_WHAT: Final = {
    "persons": gettext_noop(
        "Persons the central support centre supported, as published by it or in the press. Not reports: one person may "
        "have sent several, and most are not counted here. Where prints disagree all of them stand; a year nobody "
        "printed a number for is not known."
    ),
    "cases": gettext_noop(
        "Cases of support the central support centre gave, as published by it or in the press; one person is given "
        "many. Neither persons nor reports."
    ),
}
_GROWN: Final = {
    "persons": gettext_noop("%(one)s persons in %(first)s, %(other)s in %(last)s."),
    "cases": gettext_noop("Support was given %(one)s times in %(first)s and %(other)s times in %(last)s."),
}
_UNITS: Final = {"persons": gettext_noop("Persons"), "cases": gettext_noop("Cases of support")}


def panels(releases: PeriodReleases, words: Wording, published: Sequence[PublishedFigure] | None) -> list[Panel]:
    """All panels of the page; ``published`` is None where the figures of before cannot be read."""
    yearly = [_yearly(anchor, releases, words, published) for anchor in _YEARLY]
    return [*yearly, _months(releases, words), _harms(releases, words)]


def _yearly(
    anchor: str, releases: PeriodReleases, words: Wording, published: Sequence[PublishedFigure] | None
) -> Panel:
    metric, unit, question = _YEARLY[anchor]
    definition = words.text(_WHAT[anchor])
    if published is None:
        return Panel(anchor, words.text(question), words.text(gettext_noop("Cannot be read now.")), definition)
    points = national(published, metric, unit, until=releases.period.last.year - 1)
    if not points:
        nothing = gettext_noop("No published figures are loaded.")
        return Panel(anchor, words.text(question), words.text(nothing), definition)
    title = words.text(_UNITS[anchor])
    return Panel(
        anchor,
        words.text(question),
        words.grown([(p.year, p.values[0]) for p in points if p.state == "known" and p.values], _GROWN[anchor]),
        definition,
        bar_chart(
            [_bar(point, words) for point in points],
            chart_id=f"{anchor}-chart",
            title=title,
            description=words.text(
                gettext_noop("Bars by year; hatched between numbers that disagree, an empty box where none is known.")
            ),
        ),
        title,
        (words.text(gettext_noop("Year")), title, words.text(gettext_noop("How sure"))),
        tuple(
            PanelLine(str(point.year), (Cell(words.values(point.values)), Cell(words.state(point.state), words=True)))
            for point in points
        ),
        notes=tuple(
            dict.fromkeys(f"{point.year}: {source}" for point in points if point.values for source in point.sources)
        ),
    )


def _bar(point: Point, words: Wording) -> Bar:
    figure = Figure(round(min(point.values)), round(max(point.values))) if point.values else HIDDEN
    return Bar(str(point.year), figure, words.values(point.values), unknown=not point.values)


def _months(releases: PeriodReleases, words: Wording) -> Panel:
    tables = releases.series(BY_CENTER, "month", _MONTHS)
    figures = [(table.period.name, table.rows[-1].figures[0]) for table in tables]
    whole = [each for each in figures if each[0] != releases.catalogue.begun_within]
    newest = tables[-1] if tables else None
    title = words.text(gettext_noop("Reports by month, nationwide"))
    return Panel(
        "months",
        words.text(gettext_noop("How many reports came in, month by month?")),
        " ".join(
            [
                *([words.over_time([(words.period(name), n) for name, n in whole])] if whole else []),
                *(words.newest(words.period(name), n) for name, n in figures[-1:]),
            ]
        ),
        words.text(
            gettext_noop(
                "Reports that a centre owns, as counted here and released. Not persons: the figures of before stand "
                "apart."
            )
        ),
        bar_chart(
            words.bars(figures),
            chart_id="months-chart",
            title=title,
            description=words.text(gettext_noop("Bars in their order; the same numbers stand in the table beside.")),
        ),
        title,
        words.all(gettext_noop("Month"), gettext_noop("Reports")),
        tuple(PanelLine(name, (cell(figure, words),)) for name, figure in figures),
        newest,
        compared(newest, releases.before(newest), TOTAL, words) if newest else "",
    )


def _harms(releases: PeriodReleases, words: Wording) -> Panel:
    tables = releases.series(HARM_TABLE, "quarter", STRIP_PERIODS)
    if not tables:
        return not_released("harms", HARM_TABLE, releases, words)
    begun = releases.catalogue.begun_within
    whole = [table for table in tables if not table.partial and begun not in table.months] or tables[-1:]
    title = words.text(gettext_noop("Reports by harm type and quarter, nationwide"))
    return Panel(
        "harms",
        words.text(gettext_noop("What happened to people, quarter by quarter?")),
        words.harms_over_time(*((t.period.name, harm_figures(t)) for t in (whole[0], whole[-1]))),
        words.text(tables[-1].definition.definition),
        strips_chart(
            [Group(words.name(harm), tuple(_column(table, harm, words) for table in tables)) for harm in HARMS],
            [table.period.name for table in tables],
            chart_id="harms-chart",
            title=title,
            description=words.text(
                gettext_noop("A row of columns for each harm type, one column a quarter, all of one scale.")
            ),
        ),
        title,
        (words.text(gettext_noop("Harm type")), *(table.period.name for table in tables)),
        tuple(
            PanelLine(words.name(harm), tuple(cell(harm_figures(table)[harm], words) for table in tables))
            for harm in HARMS
        ),
        tables[-1],
    )


def _column(table: Table, harm: str, words: Wording) -> Bar:
    figure = harm_figures(table)[harm]
    return Bar(table.period.name, figure, "*" if figure.hidden else words.figure(figure))
