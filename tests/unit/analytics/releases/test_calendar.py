"""Calendar periods in Seoul's calendar."""

from datetime import UTC, date, datetime

import pytest

from services.analytics.releases.calendar import Period, closes_at, days_of_month, parse, running


def period(name: str) -> Period:
    found = parse(name)
    assert found is not None
    return found


NOW = datetime(2026, 10, 31, 16, 0, tzinfo=UTC)  # 1 November, 01:00 in Seoul


@pytest.mark.parametrize("text", ["", "202", "2026-13", "2026-Q5", "2026-W54", "2027-W53", "2026-11-01", "26-11"])
def test_what_is_no_period(text: str) -> None:
    assert parse(text) is None


def test_periods_have_whole_days_and_months() -> None:
    assert period("2026-Q4").months == ("2026-10", "2026-11", "2026-12")
    assert (period("2028-02").first, period("2028-02").last) == (date(2028, 2, 1), date(2028, 2, 29))
    assert period("2026-W53").last == date(2027, 1, 3)


def test_the_running_period_follows_seouls_calendar() -> None:
    assert [running(NOW, kind).name for kind in ("month", "quarter", "year", "week")] == [
        "2026-11",
        "2026-Q4",
        "2026",
        "2026-W44",
    ]
    assert days_of_month("2026-11", NOW) == ["2026-11-01"]
    assert days_of_month("2026-12", NOW) == []


def test_a_month_closes_three_days_after_its_end_in_seoul() -> None:
    assert closes_at("2026-10") == datetime(2026, 11, 3, 15, 0, tzinfo=UTC)
