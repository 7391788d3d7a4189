"""Counts that cannot be true stop a release before they are frozen, and pages say why."""

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from services.analytics.releases.plausibility import MOST_STAFF, implausible
from services.analytics.releases.sample import MONTHS, _month
from services.analytics.releases.service import HeldBack
from services.analytics.releases.suppression import MonthCounts
from shared.metrics import REGISTRY
from tests.unit.analytics import worlds
from tests.unit.analytics.releases.test_service import Office


@pytest.fixture(scope="module")
def month() -> MonthCounts:
    return worlds.month("2026-10", 20, random.Random(1))


def test_what_can_be_is_let_through(month: MonthCounts) -> None:
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
        ({"staff": {"daegu": 31 * 24 * MOST_STAFF + 1}}, "staff-on-duty"),
        ({"staff": {"daegu": -1}}, "staff-on-duty"),
    ],
)
def test_what_cannot_be_is_named_without_a_number(month: MonthCounts, change: Mapping[str, Any], table: str) -> None:
    [found] = implausible(replace(month, **change))
    assert found.partition(":")[0] == table
    assert "9999" not in found


async def test_a_month_that_cannot_be_is_neither_frozen_nor_released_and_leaves_once_it_is_mended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = Office()
    office.store.reports = 11
    before = REGISTRY.get_sample_value("ieum_analytics_releases_total", {"outcome": "implausible"}) or 0
    hours = office.store.hours_on_duty

    async def far_too_many(*given: Any) -> dict[str, float]:
        return {**await hours(*given), "daegu": 1e6}

    monkeypatch.setattr(office.store, "hours_on_duty", far_too_many)
    assert await office.released() == []
    assert office.store.kept == {}, "frozen, it would be wrong for ever"
    assert office.publications.held_back == HeldBack("2026-08", ("staff-on-duty",))
    assert "implausible" in (office.publications.check() or "")
    assert REGISTRY.get_sample_value("ieum_analytics_releases_total", {"outcome": "implausible"}) == before + 1
    monkeypatch.setattr(office.store, "hours_on_duty", hours)
    await office.clock.advance(601)
    assert (await office.released())[0] == "2026-08"
    assert office.publications.held_back is None
