"""The published tables: which there are, what they mean, and how they are put together from months' publications."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.analytics.policy.counts import ENDS, TIME_GROUPS, UNANSWERED
from services.analytics.policy.disclosure import HIDDEN, Figure, Release, together
from services.analytics.policy.periods import Kind, Period
from shared.web.translations import gettext_noop

TOTAL: Final = "total"


@dataclass(frozen=True, slots=True)
class Definition:
    """One table: what it is called, which question it answers, and what exactly is counted."""

    name: str
    title: str
    question: str
    definition: str
    row_key: str
    kinds: tuple[Kind, ...]


_OWNED: Final = gettext_noop(
    "Counted are accepted reports that a centre owns, by the day of acceptance in Korea. Drills are left out."
)

DEFINITIONS: Final = {
    d.name: d
    for d in (
        Definition(
            "reports-by-center",
            gettext_noop("Reports by centre"),
            gettext_noop("Where do reports end up?"),
            gettext_noop("Each report counts once, at the centre that owns it now."),
            "center",
            ("month", "quarter"),
        ),
        Definition(
            "reports-by-center-and-harm",
            gettext_noop("Reports by centre and harm type"),
            gettext_noop("What happened to people, and where are they helped?"),
            gettext_noop(
                "A report counts once in each of its harm types, so harm types add up to more than the reports. "
                "National numbers per harm type are worked out from the published cells and are ranges where cells "
                "are hidden."
            ),
            "center",
            ("month", "quarter"),
        ),
        Definition(
            "reports-by-day",
            gettext_noop("Reports by day"),
            gettext_noop("How do reports come in over time?"),
            gettext_noop("National. A day is a day in Korea (UTC+9)."),
            "day",
            ("month", "week"),
        ),
        Definition(
            "acknowledgement-times",
            gettext_noop("Time to acknowledgement"),
            gettext_noop("How long until a person answers?"),
            gettext_noop(
                "From acceptance to the first acknowledgement by the centre that owns the report now. An "
                "acknowledgement by a centre that has handed the report on since does not count. Each group begins "
                "where the one before it ends."
            ),
            "time",
            ("month", "quarter"),
        ),
        Definition(
            "reports-by-outcome",
            gettext_noop("Reports by what became of them"),
            gettext_noop("What became of the reports?"),
            gettext_noop(
                "Withdrawn means that the reporter took the report back and has not changed their mind since. What the "
                "report said is destroyed; that there was one stays counted here and in every other table. A closed "
                "month shows what had become of its reports when it closed."
            ),
            "outcome",
            ("month", "quarter"),
        ),
    )
}

GENERAL: Final = (
    _OWNED,
    gettext_noop("Counts from 1 to 4 are hidden, and others with them where they would give a hidden count away."),
    gettext_noop(
        "A closed month is exact and never changes. It closes three days after its end, once everything has been read."
    ),
    gettext_noop(
        "The running month is provisional: rounded down to steps of 5 and renewed only after 25 more reports or "
        "acknowledgements nationwide."
    ),
)
"""What holds for every table."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table."""

    key: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table ready to be shown. The last row is the total."""

    definition: Definition
    period: Period
    provisional: bool
    as_of: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def build(definition: Definition, period: Period, releases: Sequence[Release]) -> Table:
    """The table of a period from the publications of its months (those that have begun), oldest first."""
    columns, rows = _MAKERS[definition.name](period, releases)
    return Table(
        definition=definition,
        period=period,
        provisional=not all(release.closed for release in releases) or len(releases) < len(period.months),
        as_of=max(release.as_of for release in releases),
        columns=columns,
        rows=tuple(rows),
    )


def _total(releases: Sequence[Release]) -> Figure:
    return together(release.total for release in releases)


def _by_center(_: Period, releases: Sequence[Release]) -> tuple[tuple[str, ...], list[Row]]:
    rows = [
        Row(center, (together(r.centers.get(center, HIDDEN) for r in releases),)) for center in releases[-1].centers
    ]
    return ("reports",), [*rows, Row(TOTAL, (_total(releases),))]


def _by_center_and_harm(_: Period, releases: Sequence[Release]) -> tuple[tuple[str, ...], list[Row]]:
    harms = tuple(releases[-1].harm_totals)
    rows = [
        Row(
            center,
            (
                together(r.centers.get(center, HIDDEN) for r in releases),
                *(together(r.harms.get(center, {}).get(harm, HIDDEN) for r in releases) for harm in harms),
            ),
        )
        for center in releases[-1].centers
    ]
    totals = (_total(releases), *(together(r.harm_totals.get(harm, HIDDEN) for r in releases) for harm in harms))
    return ("reports", *harms), [*rows, Row(TOTAL, totals)]


def _by_day(period: Period, releases: Sequence[Release]) -> tuple[tuple[str, ...], list[Row]]:
    first, last = period.first.isoformat(), period.last.isoformat()
    rows = [Row(day, (figure,)) for r in releases for day, figure in sorted(r.days.items()) if first <= day <= last]
    whole = period.kind == "month"
    total = _total(releases) if whole else together(row.figures[0] for row in rows)
    return ("reports",), [*rows, Row(TOTAL, (total,))]


def _by_time(_: Period, releases: Sequence[Release]) -> tuple[tuple[str, ...], list[Row]]:
    groups = (*TIME_GROUPS, UNANSWERED)
    rows = [Row(group, (together(r.times.get(group, HIDDEN) for r in releases),)) for group in groups]
    return ("reports",), [*rows, Row(TOTAL, (_total(releases),))]


def _by_outcome(_: Period, releases: Sequence[Release]) -> tuple[tuple[str, ...], list[Row]]:
    rows = [Row(end, (together(r.ends.get(end, HIDDEN) for r in releases),)) for end in ENDS]
    return ("reports",), [*rows, Row(TOTAL, (_total(releases),))]


_MAKERS: Final = {
    "reports-by-center": _by_center,
    "reports-by-center-and-harm": _by_center_and_harm,
    "reports-by-day": _by_day,
    "acknowledgement-times": _by_time,
    "reports-by-outcome": _by_outcome,
}


def answered_within(table: Table) -> str | None:
    """The time group by which half of the answered reports were answered, from the published table alone.

    None while fewer than half of the groups' reports can be seen.
    """
    lows = [(row.key, row.figures[0].low or 0) for row in table.rows if row.key in TIME_GROUPS]
    seen = 0
    half = sum(low for _, low in lows) / 2
    for key, low in lows:
        seen += low
        if low and seen >= half:
            return key
    return None
