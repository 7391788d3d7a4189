"""Counts that cannot be true stop a release before they are frozen, and pages say why."""

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.analytics.releases.plausibility import MOST_STAFF, implausible, impossible_hours
from services.analytics.releases.sample import MONTHS, _month
from services.analytics.releases.service import HeldBack
from services.analytics.releases.suppression import MonthCounts
from tests.unit.analytics import worlds
from tests.unit.analytics.releases.test_service import Office

REPORTS = 620
ONE_CLOSED = {"in_care": REPORTS - 1, "closed": 1}
TWO_SUPPORTED = {"in_care": REPORTS - 2, "supported": 2}


@pytest.fixture(scope="module")
def month() -> MonthCounts:
    return worlds.month("2026-10", 20, random.Random(1))


def test_what_can_be_is_let_through(month: MonthCounts) -> None:
    assert month.total == REPORTS
    assert implausible(month) == ()
    assert [implausible(_month(number, name)) for number, name in enumerate(MONTHS)] == [()] * 12, "the sample"


@pytest.mark.parametrize(
    ("change", "table"),
    [
        ({"days": {"2026-10-01": 3}}, "reports-by-week"),
        ({"times": {"within_5_min": 1}}, "acknowledgement-times"),
        ({"ends": {"closed": 1}}, "reports-by-outcome"),
        ({"harms": {"busan": {"synthesis": 9999}}}, "reports-by-center-and-harm"),
        ({"seen": {"busan": 9999}}, "reports-seen-late"),
        ({"crossings": {"reports-by-platform": {"messenger": 1}}}, "reports-by-platform"),
        ({"crossings": {"support-given": {"legal": 9999}}}, "support-given"),
        ({"crossings": {"first-contact-times": {"reached_1_hour": 1}}}, "first-contact-times"),
        ({"crossings": {"closing-times": {"closed_1_day": 9999}}}, "closing-times"),
        ({"ends": ONE_CLOSED, "crossings": {"closings-by-center": {"central": 1}}}, "closings-by-center"),
        ({"ends": ONE_CLOSED, "crossings": {"closings-by-reason": TWO_SUPPORTED}}, "closings-by-reason"),
    ],
)
def test_what_cannot_be_is_named_without_a_number(month: MonthCounts, change: Mapping[str, Any], table: str) -> None:
    [found] = implausible(replace(month, **change))
    assert found.partition(":")[0] == table
    assert "9999" not in found


@pytest.mark.parametrize(
    ("hours", "wrong"), [(31 * 24 * MOST_STAFF, ()), (31 * 24 * MOST_STAFF + 1, ("daegu",)), (-1, ("daegu",))]
)
def test_hours_that_cannot_be_name_their_centre_and_make_no_month_implausible(
    month: MonthCounts, hours: float, wrong: tuple[str, ...]
) -> None:
    typed = replace(month, staff={**month.staff, "daegu": hours})
    assert impossible_hours(typed) == wrong
    assert implausible(typed) == ()


async def test_a_typing_error_in_hours_costs_the_month_its_hours_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = Office()
    office.store.reports = 11
    hours = office.store.hours_on_duty

    async def typed(period: Any, now: Any) -> dict[str, float]:
        found = await hours(period, now)
        return {**found, "daegu": 999 * 38.0} if period.name == "2026-08" else found

    monkeypatch.setattr(office.store, "hours_on_duty", typed)
    with capture_logs() as logs:
        assert (await office.released())[:3] == ["2026-08", "2026-09", "2026-Q3"]
    august, september = office.store.released[:2]
    assert {*september.tables} - {*august.tables} == {"staff-on-duty"}
    assert office.release_service.held_back is None
    [told] = [entry for entry in logs if entry["event"] == "analytics.hours_left_out"]
    assert (told["log_level"], told["period"], told["centers"]) == ("error", "2026-08", ("daegu",))


async def test_a_month_that_cannot_be_is_neither_frozen_nor_released_and_leaves_once_it_is_mended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = Office()
    office.store.reports = 11
    seen = office.store.seen_within_target

    async def far_too_many(*given: Any) -> dict[str, tuple[int, int]]:
        return {**await seen(*given), "daegu": (9999, 11)}

    monkeypatch.setattr(office.store, "seen_within_target", far_too_many)
    assert await office.released() == []
    assert office.store.kept == {}, "frozen, it would be wrong for ever"
    assert office.release_service.held_back == HeldBack("2026-08", ("reports-seen-late",))
    assert "implausible" in (office.release_service.check() or "")
    monkeypatch.setattr(office.store, "seen_within_target", seen)
    await office.clock.advance(601)
    assert (await office.released())[0] == "2026-08"
    assert office.release_service.held_back is None


async def test_a_month_waits_while_there_are_other_reports_one_by_one_than_were_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = Office()
    office.store.reports = 11
    counted = office.store.counted_reports

    async def one_less(*given: Any) -> Any:
        found = await counted(*given)
        return found and dict([*found.items()][1:])

    monkeypatch.setattr(office.store, "counted_reports", one_less)
    assert await office.released() == []
    assert office.store.kept == {}
    assert office.release_service.held_back == HeldBack("2026-08", ("reports-by-center",))
    monkeypatch.setattr(office.store, "counted_reports", counted)
    await office.clock.advance(601)
    assert (await office.released())[0] == "2026-08"


async def test_a_year_waits_while_its_bulletin_would_tell_reports_as_gone_that_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = Office()
    office.store.reports = 40
    counted = office.store.counted_reports

    async def ten_fewer_of_the_year(asked: Any) -> Any:
        found = await counted(asked)
        return dict([*found.items()][10:]) if found and isinstance(asked, list) and len(asked) > 1 else found

    monkeypatch.setattr(office.store, "counted_reports", ten_fewer_of_the_year)
    await office.at(datetime(2027, 1, 4, tzinfo=UTC))
    assert (await office.released())[-1] == "2026-Q4"
    assert office.release_service.held_back == HeldBack("2026", ("reports-by-center",))
    monkeypatch.setattr(office.store, "counted_reports", counted)
    await office.clock.advance(601)
    assert (await office.released())[-1] == "2026"
    assert office.store.released[-1].tables["corrections"] == {}
