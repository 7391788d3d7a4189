"""Which release of a table stands on the page of a period, and which one before it."""

from collections.abc import Sequence

import pytest

from services.analytics.dashboard.period_releases import PeriodReleases
from services.analytics.releases.catalogue import ReleaseCatalogue
from services.analytics.releases.release import Release, of_month, of_quarter, of_year
from services.analytics.releases.suppression import MonthCounts
from tests.unit.analytics.releases.test_published import AS_OF, period, some_counts

MONTHS = [f"2025-{n:02d}" for n in range(10, 13)] + [f"2026-{n:02d}" for n in range(1, 12) if n != 8]


def releases() -> list[Release]:
    counts = {name: some_counts(name) for name in MONTHS}
    months = {name: of_month(each, AS_OF, "full") for name, each in counts.items()}
    quarters = [
        of_quarter(q, [months[m] for m in own], [counts[m] for m in own], AS_OF, {})
        for q in ("2025-Q4", "2026-Q1", "2026-Q2", "2026-Q3")
        if (own := [m for m in MONTHS if m in period(q).months])
    ]
    own = MONTHS[:3]
    year = of_year("2025", [months[m] for m in own], [counts[m] for m in own], AS_OF, {}, {"corrections": {"came": 20}})
    return [*months.values(), *quarters, year]


ALL = releases()


@pytest.mark.parametrize(
    ("asked", "table", "stands"),
    [
        ("2026-09", "reports-by-center", "2026-09"),
        ("2026-Q3", "reports-by-center", "2026-Q3"),
        ("2026-Q3", "reports-by-center-and-harm", "2026-Q3"),
        ("2026-09", "reports-by-center-and-harm", "in 2026-Q3"),  # the quarter it ends
        ("2026-10", "reports-by-center-and-harm", "in 2026-Q3"),  # its own is not released yet
        ("2026-10", "corrections", "in 2025"),
        ("2025-11", "corrections", "in 2025"),
        ("2025", "corrections", "2025"),
        ("2025", "alert-outcomes", "nowhere"),
        ("2026-10", "support-given", "nowhere"),
    ],
)
def test_a_table_is_of_the_period_itself_or_it_is_said_where_else_it_is(asked: str, table: str, stands: str) -> None:
    releases = PeriodReleases(ReleaseCatalogue(ALL), period(asked))
    found, nearest = releases.table(table), releases.nearest(table)
    assert (found.period.name if found else f"in {nearest}" if nearest else "nowhere") == stands


@pytest.mark.parametrize(
    ("asked", "before"),
    [
        *[("2026-03", "2026-02"), ("2026-01", "2025-12"), ("2026-09", None), ("2025-10", None), ("2026-Q1", "2025-Q4")],
        ("2026-Q3", None),  # two of its months beside all three of the quarter before
    ],
)
def test_the_one_before_is_the_very_one_before(asked: str, before: str | None) -> None:
    releases = PeriodReleases(ReleaseCatalogue(ALL), period(asked))
    table = releases.table("reports-by-center")
    assert table is not None
    found = releases.before(table)
    assert (found and found.period.name) == before


@pytest.mark.parametrize(("days", "before"), [(range(1, 31), "2026-09"), (range(20, 31), None)])
def test_nothing_is_compared_with_a_month_that_counting_began_within(days: Sequence[int], before: str | None) -> None:
    """Of the first month alone: ten days of it beside a whole one would be said to be a leap."""
    whole = [of_month(some_counts(name), AS_OF, "full") for name in ("2026-10", "2026-11")]
    counted = {f"2026-09-{day:02d}": 12 for day in days}
    total = sum(counted.values())
    begun = MonthCounts("2026-09", counted, {"busan": total}, {}, {"longer": total}, {"in_care": total})

    def compared(asked: str, *months: Release) -> str | None:
        releases = PeriodReleases(ReleaseCatalogue(months), period(asked))
        table = releases.table("reports-by-center")
        assert table is not None
        found = releases.before(table)
        return found.period.name if found else None

    first = of_month(begun, AS_OF, "full")
    assert compared("2026-10", first, *whole) == before
    assert compared("2026-11", first, *whole) == "2026-10"
    earlier = of_month(some_counts("2026-08"), AS_OF, "full")
    assert compared("2026-10", earlier, first, *whole) == "2026-09", "few came at its beginning, and it was counted"


def test_a_series_ends_with_the_period_and_is_as_long_as_asked_for() -> None:
    releases = PeriodReleases(ReleaseCatalogue(ALL), period("2026-05"))
    assert [t.period.name for t in releases.series("reports-by-center-and-harm", "quarter", 8)] == [
        "2025-Q4",
        "2026-Q1",
        "2026-Q2",
    ]
    assert [t.period.name for t in releases.series("reports-by-center", "month", 2)] == ["2026-04", "2026-05"]
    assert releases.series("support-given", "year", 3) == []


def test_years_are_compared_only_where_the_same_months_of_both_are_counted() -> None:
    def year(name: str, first: int, last: int) -> list[Release]:
        names = [f"{name}-{n:02d}" for n in range(first, last + 1)]
        counts = [some_counts(each) for each in names]
        months = [of_month(each, AS_OF, "full") for each in counts]
        return [*months, of_year(name, months, counts, AS_OF, {}, {"corrections": {"came": 20}})]

    def before(*made: Release) -> str | None:
        releases = PeriodReleases(ReleaseCatalogue(made), period("2025"))
        table = releases.table("corrections")
        assert table is not None
        found = releases.before(table)
        return found.period.name if found else None

    assert before(*year("2024", 12, 12), *year("2025", 1, 12)) is None, "a month is no year"
    assert before(*year("2024", 1, 12), *year("2025", 1, 12)) == "2024"
    assert before(*year("2024", 12, 12), *year("2025", 1, 1)) is None, "as many months, and others"
