"""Every figure of a generated history, counted again by the words of the data dictionary alone."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Final

import pytest

from services.analytics.counting.aggregate import acknowledgement, daily, monthly, outcome
from services.analytics.counting.models import CenterFact, CountedReport, Fact
from services.analytics.counting.project import fold_centers
from services.analytics.counting.reader import CountReader
from services.analytics.releases import weekly
from services.analytics.releases.calendar import Period, period_of
from services.analytics.releases.hierarchies import TOTAL
from services.analytics.releases.published import TableRow, build, exists
from services.analytics.releases.release import Release, of_month, of_quarter, of_year
from services.analytics.releases.service import ReleaseService
from services.analytics.releases.suppression import MonthCounts
from services.analytics.releases.tables import (
    ASSIGNMENT_TABLE,
    BULLETIN,
    CLOSING_TABLE,
    CLOSING_TIME_TABLE,
    CONTACT_TABLE,
    FIRST_WEEKS,
    MOVES_TABLE,
    RESIDENCE_TABLE,
    STAFF_TABLE,
    TABLE_SPECS,
    Marks,
    Split,
    TableSpec,
    Totals,
)
from shared.centers import CENTER_IDS
from shared.clock import seoul_day
from shared.events.base import Event
from shared.events.reports import ReportReceived
from shared.events.vocabulary import HarmType
from tests.integration.analytics.traffic import duty
from tests.support.clock import ManualClock, agreeing
from tests.unit.analytics import codebook
from tests.unit.analytics import events as make
from tests.unit.analytics.counting.test_project import folded
from tests.unit.analytics.histories import DAYS, history
from tests.unit.analytics.worlds import weeks_before

MONTHS: Final = ("2026-07", "2026-08", "2026-09")
NOW: Final = datetime(2026, 10, 4, tzinfo=UTC)
_NUMBERS: Final = [n for n in range(6000) if f"{make.START - timedelta(days=n * 37 % DAYS):%Y-%m}" in MONTHS][:1200]


class Folded(CountReader):
    """The reading side over cells in memory."""

    def __init__(
        self,
        days: Counter[tuple[str, str]],
        months: Counter[tuple[str, str]],
        on_duty: list[CenterFact],
        facts: list[Fact],
    ) -> None:
        self._days, self._months, self._centers, self._facts = days, months, on_duty, facts

    async def counted_reports(self, months: Iterable[str]) -> dict[str, CountedReport]:
        wanted = {*months}
        return {
            str(number): CountedReport(fact.owner, outcome(fact), fact.harm_types)
            for number, fact in enumerate(self._facts)
            if any(month in wanted for month, _ in monthly(fact)) and fact.owner is not None
        }

    async def cells(self, period: Period) -> dict[str, Counter[str]]:
        found: dict[str, Counter[str]] = {}
        for (day, cell), n in self._days.items():
            if period.first.isoformat() <= day <= period.last.isoformat():
                found.setdefault(day, Counter())[cell] += n
        return found

    async def acknowledged_ahead(self, period: Period) -> Counter[str]:
        own = [fact for fact in self._facts if fact.received_at and seoul_day(fact.received_at)[:7] == period.name]
        return Counter(cell for fact in own if fact.standing == "ahead" and (cell := acknowledgement(fact)))

    async def _month_cells(self, period: Period) -> list[tuple[Any, ...]]:
        return [(*cell.split("|"), n) for (month, cell), n in self._months.items() if month in period.months]

    async def centers(self) -> list[CenterFact]:
        return self._centers


@pytest.fixture(scope="module")
def told() -> tuple[list[list[Event]], list[Event]]:
    """One in ten once more, as a report whose acceptance nobody could read."""
    chance = random.Random(11)
    stories: list[list[Event]] = [[*chain(*history(n, chance.randrange(60)).values())] for n in _NUMBERS]
    lost: list[list[Event]] = [
        [event for event in story if not isinstance(event, ReportReceived)] for story in stories[::10]
    ]
    return [*stories, *lost], list(duty(chance))


@pytest.fixture(scope="module")
def counts(told: tuple[list[list[Any]], list[Any]]) -> list[MonthCounts]:
    days: Counter[tuple[str, str]] = Counter()
    months: Counter[tuple[str, str]] = Counter()
    facts = [folded(*events) for events in told[0]]
    for fact in facts:
        days.update(daily(fact))
        months.update(monthly(fact))
    centers, on_duty = fold_centers({}, told[1])
    months.update({(month, cell): n for (_, month, cell), n in on_duty.items()})
    nothing: Any = None
    harms = [harm.value for harm in HarmType]
    clock = ManualClock(NOW)
    office = ReleaseService(
        nothing, nothing, clock, agreeing(clock), centers=CENTER_IDS, harms=harms, caught_up=lambda: None
    )
    reader = Folded(days, months, centers, facts)

    async def true() -> list[MonthCounts]:
        return [await office._true(reader, month, await reader.counted_reports([month])) for month in MONTHS]

    return asyncio.run(true())


@pytest.fixture(scope="module")
def again(told: tuple[list[list[Any]], list[Any]]) -> list[dict[str, Counter[str]]]:
    stories = [codebook.Story((e.TYPE, e.model_dump(mode="json")) for e in events) for events in told[0]]
    return [codebook.figures(stories, month) for month in MONTHS]


def test_every_true_count_of_a_month_is_what_the_dictionary_says(
    counts: list[MonthCounts], again: list[dict[str, Counter[str]]]
) -> None:
    for month, own in zip(counts, again, strict=True):
        assert month.total > 300
        seen: set[str] = set()
        for name, spec in TABLE_SPECS.items():
            if isinstance(spec.protection, Marks):
                by_mark = spec.mark_counts(month) or {}
                found = {f"{at}|{mark}": n for mark, row in by_mark.items() for at, n in row.items()}
            elif name in BULLETIN or (leaves := _counted(spec, month)) is None:
                continue
            else:
                found = dict(leaves)
            seen.add(name)
            where = f"{month.month}, {name}: tests/unit/analytics/codebook.py counts it otherwise, or not at all"
            assert {key: n for key, n in found.items() if n} == dict(own.get(name, {})), where
        assert seen == TABLE_SPECS.keys() - BULLETIN - {STAFF_TABLE, FIRST_WEEKS}


@pytest.mark.parametrize(
    "name", [CONTACT_TABLE, CLOSING_TABLE, CLOSING_TIME_TABLE, MOVES_TABLE, RESIDENCE_TABLE, ASSIGNMENT_TABLE]
)
def test_the_histories_know_every_row(name: str, again: list[dict[str, Counter[str]]]) -> None:
    """A group that no history is in would be counted wrongly unseen."""
    how = TABLE_SPECS[name].protection
    rows = how.names if isinstance(how, Totals) else TABLE_SPECS[name].hierarchy(period_of("2026")).leaves()
    assert [row for row in rows if not sum(month[name][row] for month in again)] == []


def _counted(spec: TableSpec, month: MonthCounts) -> Any:
    how = spec.protection
    if isinstance(how, Totals) and how.counts is not None:
        figures = how.counts(month) or {}
        return {name: figures.get(name, 0) for name in how.names}
    return spec.leaf_counts(month) if isinstance(how, Split) else None


def test_hours_on_duty_are_what_the_dictionary_says(
    counts: list[MonthCounts], told: tuple[list[list[Any]], list[Any]]
) -> None:
    bodies = [event.model_dump(mode="json") for event in told[1]]
    for month in counts:
        own = codebook.hours(bodies, month.month, NOW)
        assert own
        assert {key: n for key, n in month.staff.items() if n} == pytest.approx(dict(own))


def test_every_published_number_is_a_sum_of_what_the_dictionary_says(
    counts: list[MonthCounts], again: list[dict[str, Counter[str]]]
) -> None:
    weeks = weeks_before(counts[0])
    months = [of_month(each, "2026-10-04T00:00:00Z", "full", weekly.before(each.month, weeks)) for each in counts]
    quarter = of_quarter("2026-Q3", months, counts, "2026-10-04T00:00:00Z", {})
    year = of_year("2026", months, counts, "2027-01-04T00:00:00Z", {}, {})
    releases = [*weeks, *months, quarter, year]
    compared: Counter[str] = Counter()
    for release in releases:
        for place, low, high, true in _published(release, releases, again):
            assert low <= true <= high, place
            compared[place[0]] += 1
    assert compared.keys() == TABLE_SPECS.keys() - BULLETIN - {STAFF_TABLE}
    assert compared.total() > 150


def _published(
    release: Release, releases: list[Release], again: list[dict[str, Counter[str]]]
) -> Iterator[tuple[tuple[str, str, str, str], int, int, int]]:
    """Each published number or interval, with the sum of the recount."""
    for name, spec in TABLE_SPECS.items():
        if not exists(spec, release) or name in BULLETIN or name == STAFF_TABLE:
            continue
        table = build(spec, period_of(release.period), releases)
        covered = release.months or period_of(release.period).months
        own = sum((again[MONTHS.index(month)].get(name, Counter()) for month in covered), Counter())
        reports = sum((again[MONTHS.index(m)]["reports-by-center"] for m in covered), Counter())
        if release.kind == "week":
            own = Counter({release.period: own[release.period]})
        for row in table.rows:
            for column, figure in zip(table.columns, row.figures, strict=True):
                if figure.low is None or figure.high is None:
                    continue
                place = name, release.period, row.key, column
                yield place, figure.low, figure.high, _true(spec, row, column, own, reports)


def _true(spec: TableSpec, row: TableRow, column: str, own: Counter[str], reports: Counter[str]) -> int:
    how, keys = spec.protection, row.of or (row.key,)
    if not isinstance(how, Marks):
        return own.total() if row.key == TOTAL else sum(own[key] for key in keys)
    if not how.by_place:
        return reports.total() if row.key == TOTAL else own[f"{TOTAL}|{row.key}"]
    centers = list(reports) if row.key == TOTAL else keys
    return sum(reports[c] if column == "reports" else own[f"{c}|{column}"] for c in centers)
