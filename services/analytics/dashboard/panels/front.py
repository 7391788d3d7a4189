"""The front page: six answers, the map, harm types, times, weeks, and what became of the reports."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from services.analytics.dashboard.charts import bar_chart
from services.analytics.dashboard.panels import course
from services.analytics.dashboard.panels.centers import load_before, load_of
from services.analytics.dashboard.panels.parts import (
    Panel,
    PanelLine,
    cell,
    compared,
    frequent,
    harm_figures,
    lines,
    needed,
    not_released,
    when_released,
)
from services.analytics.dashboard.period_releases import PeriodReleases
from services.analytics.dashboard.wording import Wording
from services.analytics.releases.derived import (
    by_division,
    change,
    change_of_share,
    level,
    levels,
    most_reports,
    per_100000,
    percentile,
    share_of,
    within_target,
)
from services.analytics.releases.hierarchies import TOTAL
from services.analytics.releases.published import Table
from services.analytics.releases.suppression import Figure
from services.analytics.releases.tables import BY_CENTER, HARM_TABLE, STAFF_TABLE, TABLE_SPECS, TIME_TABLE
from shared.web.korea import MERGER, MapCell
from shared.web.translations import gettext_noop

_LONGEST_FIRST: Final = gettext_noop("Bars, longest first; the same numbers stand in the table beside.")


@dataclass(frozen=True, slots=True)
class Answer:
    """One figure of the front page: its question, number, change, definition, and the release it is from."""

    id: str
    question: str
    value: str
    note: str
    hidden: bool = False
    """Marked as hidden: a number that is known and not published."""
    change: str = ""
    definition: str = ""
    table: Table | None = None
    leads_to: str = ""
    alarm: bool = False
    see: str | None = None
    """Without a table: the period whose page answers it."""


_NOT_OF_THE_PERIOD: Final = "–"


def answers(releases: PeriodReleases, words: Wording, *, accounted: bool | None) -> list[Answer]:
    """Answer: how many, from where, of what kind, how fast, who is overloaded, is anything unaccounted for."""
    return [
        _how_many(releases, words),
        _where(releases, words),
        _what(releases, words),
        _how_fast(releases, words),
        _overloaded(releases, words),
        _accounted(words, accounted),
    ]


def _how_many(releases: PeriodReleases, words: Wording) -> Answer:
    table = _centers(releases)
    total, before, rate = table.rows[-1].figures[0], releases.before(table), per_100000(table)
    return Answer(
        "how-many",
        words.text(gettext_noop("How many reports came in?")),
        words.reports(total),
        words.per_100000(rate),
        total.hidden,
        compared(table, before, TOTAL, words),
        words.text(table.definition.definition),
        table,
        "#weeks",
    )


def _where(releases: PeriodReleases, words: Wording) -> Answer:
    table = _centers(releases)
    question = words.text(gettext_noop("Where do most of them end up?"))
    found = most_reports(table)
    if found is None or not found[1]:
        value = words.hidden if found is None else words.text(gettext_noop("not known"))
        return Answer("from-where", question, value, "", True, table=table, leads_to="#where")
    most = found[0]
    before = releases.before(table)
    return Answer(
        "from-where",
        question,
        words.name(most.key),
        words.part(most.figures[0], share_of(most.figures[0], table.rows[-1].figures[0])),
        False,
        compared(table, before, most.key, words),
        words.text(table.definition.definition),
        table,
        "#where",
    )


def _what(releases: PeriodReleases, words: Wording) -> Answer:
    table = releases.table(HARM_TABLE)
    definition = TABLE_SPECS[HARM_TABLE]
    question = words.text(gettext_noop("What happens most often?"))
    rows = harm_rows(table) if table is not None else []
    if table is None:
        return _not_of_the_period("what-kind", question, words.text(definition.definition), HARM_TABLE, releases, words)
    if rows[0][1].hidden:
        note = words.what(rows, several=True)
        return Answer("what-kind", question, words.hidden, note, True, "", words.text(definition.definition), table)
    harm, count = rows[0]
    sure = not any(figure.hidden for _, figure in rows)
    before = releases.before(table)
    return Answer(
        "what-kind",
        question,
        words.name(harm),
        words.part(count, share_of(count, table.rows[-1].figures[0])) if sure else words.what(rows, several=True),
        False,
        words.change(change(count, harm_figures(before)[harm]) if before else None, before),
        words.text(definition.definition),
        table,
        "#what",
    )


def _how_fast(releases: PeriodReleases, words: Wording) -> Answer:
    table = needed(releases, TIME_TABLE)
    within, before = within_target(table), releases.before(table)
    half, nine = percentile(table, 0.5), percentile(table, 0.9)
    return Answer(
        "how-fast",
        words.text(gettext_noop("How many are answered within an hour?")),
        words.percent(within),
        words.halves(half, nine),
        within is None,
        words.change(change_of_share(within, within_target(before)) if before else None, before),
        words.text(table.definition.definition),
        table,
        "#when",
    )


def _overloaded(releases: PeriodReleases, words: Wording) -> Answer:
    found = load_of(releases)
    question = words.text(gettext_noop("Who is overloaded?"))
    definition = words.text(
        gettext_noop("Reports of the month for each full-time person (160 hours on duty) are 40 or more.")
    )
    if found is None:
        return _not_of_the_period("overloaded", question, definition, STAFF_TABLE, releases, words)
    staff, bands = found
    value, note = words.who_is_overloaded(bands)
    before, unknown = load_before(releases, words), all(band is None for _, band in bands)
    return Answer("overloaded", question, value, note, unknown, before, definition, staff, "/centers#load")


def _not_of_the_period(
    answer: str, question: str, definition: str, name: str, releases: PeriodReleases, words: Wording
) -> Answer:
    """In place of a figure whose table the period does not have."""
    note, see = when_released(name, releases, words), releases.nearest(name)
    return Answer(answer, question, _NOT_OF_THE_PERIOD, note, definition=definition, see=see)


def _accounted(words: Wording, accounted: bool | None) -> Answer:
    value = {
        True: gettext_noop("Nothing"),
        False: gettext_noop("Something"),
        None: gettext_noop("Cannot be said now"),
    }[accounted]
    seen = gettext_noop("Looked at just now, over all reports there ever were; no numbers are shown.")
    unseen = gettext_noop("It could not be looked at, or counting has stood still.")
    return Answer(
        "accounted",
        words.text(gettext_noop("Is anything unaccounted for?")),
        words.text(value),
        words.text(unseen if accounted is None else seen),
        alarm=accounted is False,
        definition=words.text(
            gettext_noop(
                "Every accepted report, counted at the entrance, has a centre or has been on its way for less than an "
                "hour, every one at a centre was counted at the entrance, and none had to be set aside. The numbers "
                "belong to those who run the service."
            )
        ),
    )


def _centers(releases: PeriodReleases) -> Table:
    return needed(releases, BY_CENTER)


def band_words(table: Table) -> list[str]:
    """The limits of the map's bands, for as many months as the table covers."""
    least = levels(len(table.months))
    return [f"{low}–{high - 1}" for low, high in pairwise(least)] + [f"{least[-1]}+"]


def map_cells(table: Table, words: Wording) -> dict[str, MapCell]:
    """The map's divisions as they were on the period's last day."""
    cells: dict[str, MapCell] = {}
    for slug, figure in by_division(table, merged=table.period.last >= MERGER).items():
        band = level(figure, len(table.months))
        css = "hidden" if band is None else "none" if figure.high == 0 else f"level-{band}"
        cells[slug] = MapCell(css, words.figure(figure))
    return cells


def harm_table(releases: PeriodReleases, words: Wording) -> dict[str, object]:
    """Centre by harm type, as the template takes it."""
    table = releases.table(HARM_TABLE)
    if table is None:
        return {"harms": None}
    headings = (words.text(gettext_noop("Centre")), *(words.name(column) for column in table.columns))
    return {"harms": table, "harm_headings": headings, "harm_lines": lines(table, words, range(len(table.columns)))}


def harm_rows(table: Table) -> list[tuple[str, Figure]]:
    """Harm types of the whole country, most frequent first."""
    return frequent(harm_figures(table).items())


def panels(releases: PeriodReleases, words: Wording) -> list[Panel]:
    """Make the panels below the map."""
    return [
        _harms(releases, words),
        course.times(releases, words),
        course.weeks(releases, words),
        course.outcomes(releases, words),
    ]


def _harms(releases: PeriodReleases, words: Wording) -> Panel:
    table = releases.table(HARM_TABLE)
    if table is None:
        return not_released("what", HARM_TABLE, releases, words)
    rows = harm_rows(table)
    return Panel(
        "what",
        words.text(table.definition.question),
        words.what(rows, several=True),
        words.text(table.definition.definition),
        bar_chart(
            words.bars(rows),
            chart_id="what-chart",
            title=words.text(gettext_noop("Reports by harm type, nationwide")),
            description=words.text(_LONGEST_FIRST),
        ),
        words.text(gettext_noop("Reports by harm type, nationwide")),
        words.all(gettext_noop("Harm type"), gettext_noop("Reports")),
        tuple(PanelLine(words.name(key), (cell(figure, words),)) for key, figure in rows),
        table,
        compared(table, releases.before(table), TOTAL, words, table.columns.index(rows[0][0])),
    )
