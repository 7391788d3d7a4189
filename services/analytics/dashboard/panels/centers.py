"""Centre by centre: seen in time against the target, load, helped away from home; and what became of alerts."""

from collections.abc import Sequence
from typing import Final

from services.analytics.dashboard.charts import Bar, bar_chart
from services.analytics.dashboard.panels.parts import (
    Cell,
    Panel,
    PanelLine,
    bars,
    cell,
    disjoint,
    lines,
    longest_first,
    not_released,
    share_bars,
    share_cell,
)
from services.analytics.dashboard.period_releases import PeriodReleases
from services.analytics.dashboard.wording import Wording
from services.analytics.releases.derived import LOAD_BANDS, change, change_of_share, in_time, loads, share_of, shares
from services.analytics.releases.hierarchies import TOTAL
from services.analytics.releases.published import Table
from services.analytics.releases.suppression import Figure
from services.analytics.releases.tables import ALERT_TABLE, BY_CENTER, ELSEWHERE_TABLE, LATE_TABLE, STAFF_TABLE
from shared.web.translations import gettext_noop

_TARGETS: Final = gettext_noop("Target: an hour if critical, a day if high, three days if normal.")
_WHOLE: Final = 1000
"""A full bar of shares, per mille."""


def panels(releases: PeriodReleases, words: Wording) -> list[Panel]:
    """All panels of the page."""
    return [seen(releases, words), load(releases, words), elsewhere(releases, words), alerts(releases, words)]


def seen(releases: PeriodReleases, words: Wording) -> Panel:
    """Waiting against the target."""
    table = releases.table(LATE_TABLE)
    if table is None:
        return not_released("seen", LATE_TABLE, releases, words)
    of_all = dict(in_time(table))[TOTAL]
    drawn = {row.key for row in disjoint(table, 1)}
    pairs = [pair for pair in in_time(table) if pair[0] in drawn]
    order = sorted((pair for pair in pairs if pair[1] is not None), key=lambda pair: pair[1] or 0)
    hidden = [pair for pair in pairs if pair[1] is None]
    before = releases.before(table)
    return Panel(
        "seen",
        words.text(table.definition.question),
        f"{words.text(_TARGETS)} {words.seen_in_time(of_all, order[0] if order else None)}",
        words.text(table.definition.definition),
        bar_chart(
            share_bars([*order, *hidden], words),
            chart_id="seen-chart",
            title=words.text(gettext_noop("Share of reports seen in time, by centre")),
            description=words.text(gettext_noop("Bars, lowest share first; a full bar would be all reports.")),
            top=_WHOLE,
        ),
        words.text(table.definition.title),
        words.all(gettext_noop("Centre"), gettext_noop("Reports"), gettext_noop("Seen late"), gettext_noop("In time")),
        _with_share(table, in_time(table), words),
        table,
        words.change(change_of_share(of_all, dict(in_time(before))[TOTAL] if before else None), before),
    )


def _with_share(table: Table, pairs: Sequence[tuple[str, float | None]], words: Wording) -> tuple[PanelLine, ...]:
    return tuple(
        PanelLine(line.label, (*line.cells, share_cell(share, words)), line.total)
        for line, (_, share) in zip(lines(table, words, (0, 1)), pairs, strict=True)
    )


def load(releases: PeriodReleases, words: Wording) -> Panel:
    """Reports per person, in bands."""
    staff = releases.table(STAFF_TABLE)
    if staff is None:
        return not_released("load", STAFF_TABLE, releases, words)
    reports = _of_month(releases, staff)
    found = loads(reports, staff)
    hours = {row.key: row.figures[0] for row in staff.rows}
    shown = sorted((pair for pair in found if pair[1] is not None), key=lambda pair: -(pair[1] or 0))
    hidden = [(key, None) for key, band in found if band is None and "+" not in key]
    rows = [(row, band) for row, (_, band) in zip(reports.rows[:-1], found, strict=True)]
    return Panel(
        "load",
        words.text(gettext_noop("Who is overloaded?")),
        words.overloaded(found),
        words.text(
            gettext_noop(
                "Reports of the month at a centre for each full-time person there (160 hours on duty), in bands. "
                "Worked out from the released reports by centre and the released hours; not known where one is missing."
            )
        ),
        bar_chart(
            [_load_bar(key, band, words) for key, band in (*shown, *hidden)],
            chart_id="load-chart",
            title=words.text(gettext_noop("Load for each person on duty, by centre")),
            description=words.text(gettext_noop("Bars of four lengths, one for each band; highest first.")),
            top=len(LOAD_BANDS),
        ),
        words.text(gettext_noop("Load for each person on duty, by centre")),
        words.all(gettext_noop("Centre"), gettext_noop("Reports"), gettext_noop("Hours on duty"), gettext_noop("Load")),
        tuple(
            PanelLine(
                words.name(row.key),
                (
                    cell(row.figures[0], words),
                    Cell("–") if row.of else cell(hours[row.key], words),
                    Cell(words.band(band), band is None, words=True),
                ),
            )
            for row, band in rows
        ),
        staff,
        load_before(releases, words),
    )


def _of_month(releases: PeriodReleases, staff: Table) -> Table:
    """The reports by centre of the month the hours are of."""
    reports = PeriodReleases(releases.catalogue, staff.period).table(BY_CENTER)
    if reports is None:
        raise ValueError(f"{staff.period.name} has hours and no reports")
    return reports


def load_of(releases: PeriodReleases) -> tuple[Table, list[tuple[str, int | None]]] | None:
    """The bands of the newest month, and the released hours they are worked out from."""
    staff = releases.table(STAFF_TABLE)
    return None if staff is None else (staff, loads(_of_month(releases, staff), staff))


def load_before(releases: PeriodReleases, words: Wording) -> str:
    """Return who was overloaded in the month before the newest; nothing if that is not known."""
    staff = releases.table(STAFF_TABLE)
    before = releases.before(staff) if staff else None
    if before is None:
        return ""
    return words.were_overloaded(loads(_of_month(releases, before), before), before.period.name)


def _load_bar(key: str, band: int | None, words: Wording) -> Bar:
    value = None if band is None else band + 1
    return Bar(words.name(key), Figure(value, value), words.band(band))


def elsewhere(releases: PeriodReleases, words: Wording) -> Panel:
    """Overflow: helped by another centre than the one at home."""
    table = releases.table(ELSEWHERE_TABLE)
    if table is None:
        return not_released("elsewhere", ELSEWHERE_TABLE, releases, words)
    total = table.rows[-1].figures
    before = releases.before(table)
    return Panel(
        "elsewhere",
        words.text(table.definition.question),
        words.from_elsewhere(share_of(total[1], total[0])),
        words.text(table.definition.definition),
        bar_chart(
            longest_first(table, words, 1),
            chart_id="elsewhere-chart",
            title=words.text(gettext_noop("Reports from elsewhere, by the centre that helps")),
            description=words.text(gettext_noop("Bars, longest first; the same numbers stand in the table beside.")),
        ),
        words.text(table.definition.title),
        words.all(
            gettext_noop("Centre"), gettext_noop("Reports"), gettext_noop("From elsewhere"), gettext_noop("Share")
        ),
        _with_share(table, shares(table), words),
        table,
        words.change(change(total[1], before.rows[-1].figures[1]) if before else None, before),
    )


def alerts(releases: PeriodReleases, words: Wording) -> Panel:
    """Make the panel of alerts by their result."""
    table = releases.table(ALERT_TABLE)
    if table is None:
        return not_released("alerts", ALERT_TABLE, releases, words)
    sent = table.rows[0].figures[0]
    before = releases.before(table)
    return Panel(
        "alerts",
        words.text(table.definition.question),
        words.alerts(sent, table.rows[1].figures[0], table.rows[2].figures[0]),
        words.text(table.definition.definition),
        bar_chart(
            bars(table.rows[:-1], words),
            chart_id="alerts-chart",
            title=words.text(gettext_noop("Alerts by what became of them, nationwide")),
            description=words.text(gettext_noop("Three bars; each counts something else and none is part of another.")),
        ),
        words.text(table.definition.title),
        words.all(gettext_noop("Alerts"), gettext_noop("Number")),
        lines(table, words),
        table,
        words.change(change(sent, before.rows[0].figures[0]) if before else None, before),
    )
