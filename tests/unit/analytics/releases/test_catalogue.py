"""Releases on their shelf: a table is put together once, within a bound, however much was released."""

from typing import Any

import pytest

from services.analytics.releases import catalogue as module
from services.analytics.releases.catalogue import ReleaseCatalogue
from services.analytics.releases.published import build, exists
from services.analytics.releases.release import Release
from services.analytics.releases.tables import TABLE_SPECS
from tests.unit.analytics.dashboard.test_period_releases import ALL
from tests.unit.analytics.releases.test_published import period
from tests.unit.analytics.releases.test_service import Office
from tests.unit.analytics.test_authorization import House


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every table that is put together."""
    found: list[str] = []

    def counted(*arguments: Any) -> Any:
        found.append(f"{arguments[0].name} {arguments[1].name}")
        return build(*arguments)

    monkeypatch.setattr(module, "build", counted)
    return found


def test_a_table_on_the_shelf_is_the_table_of_all_releases() -> None:
    catalogue = ReleaseCatalogue(ALL)
    seen = 0
    for definition in TABLE_SPECS.values():
        expected = [release.period for release in ALL if exists(definition, release)]
        assert [each.name for each in catalogue.periods(definition)] == expected
        for name in expected:
            table = build(definition, period(name), ALL)
            assert (catalogue.table(definition, name), catalogue.cost(definition, name)) == (table, table.cost)
            seen += 1
    assert seen > 20


def test_a_table_is_made_once_and_held_within_the_bound(built: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TABLES_KEPT", 2)
    catalogue, definition = ReleaseCatalogue(ALL), TABLE_SPECS["reports-by-center"]
    months = [each.name for each in catalogue.periods(definition, "month")][:3]
    for name in (months[0], months[1], months[0], months[1]):
        catalogue.table(definition, name)
    assert len(built) == 2
    for name in (months[2], months[1], months[0]):
        catalogue.table(definition, name)
    assert len(built) == 4, "the one longest not asked for was given up"


async def test_pages_asked_for_again_put_no_table_together(built: list[str]) -> None:
    house = House()
    reader = house.staff.bearer("ministry", "analyst")
    for path in ("/", "/centers", "/people", "/trends", "/dictionary", "/api/v1/tables", "/api/v1/protection"):
        assert (await house.get(path, reader)).status_code == 200
    assert built
    before = len(built)
    for path in ("/", "/centers", "/people", "/trends", "/dictionary", "/api/v1/tables", "/api/v1/protection"):
        assert (await house.get(path, reader)).status_code == 200
    assert len(built) == before


async def test_a_register_that_did_not_change_is_the_same_shelf_and_a_release_makes_another() -> None:
    office = Office()
    office.store.reports = 11
    await office.released()
    catalogue = office.release_service.catalogue
    await office.released()
    assert office.release_service.catalogue is catalogue
    office.store.released.append(Release("2026-11", "t", "withheld"))
    await office.released()
    assert office.release_service.catalogue is not catalogue
    assert office.release_service.catalogue.releases[:-1] == catalogue.releases
