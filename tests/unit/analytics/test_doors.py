"""Who may open which page: tables for analysts, exact national totals only for those who run the service."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from services.analytics.main import application
from services.analytics.policy.reconciliation import Tally, reconcile
from services.analytics.settings import AnalyticsSettings
from services.analytics.store.publications import Publications
from shared.clock import ManualClock
from shared.health import Health
from shared.web.app import create_app
from shared.web.gate import unnamed
from tests.support.staff import TestIdentity
from tests.unit.analytics.test_service import Cells

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
TABLES = ("/", "/api/v1/tables", "/api/v1/tables/reports-by-outcome", "/api/v1/tables/reports-by-center")
TOTALS = ("/operations", "/api/v1/reconciliation")
WHO = [
    ("ministry", "analyst", True, False),
    ("ministry", "auditor", True, True),
    ("ministry", "administrator", False, True),
    ("central", "lead", True, True),
    ("central", "counsellor", False, False),
    ("busan", "lead", True, False),
    ("busan", "counsellor", False, False),
    ("busan", "operator", False, False),
    ("busan", "administrator", False, False),
]


class Watching:
    """A watch that has looked, and a store without centres."""

    async def reconcile(self) -> Any:
        return reconcile(Tally(sums={"accepted": 3, "routed": 3}, without_owner=0, dead=0, ahead=0, oldest=None), NOW)

    def caught_up(self) -> None:
        return None

    async def centers(self) -> list[Any]:
        return []


class House:
    def __init__(self) -> None:
        clock = ManualClock(NOW)
        self.staff = TestIdentity(clock)
        parts: Any = (Cells(), Watching())
        publications = Publications(parts[0], clock, centers=["busan"], harms=["other"], caught_up=lambda: None)
        settings = AnalyticsSettings()
        self.app = application(settings, Health(), publications, parts[1], parts[1], self.staff.identity, clock)

    async def get(self, path: str, who: dict[str, str]) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://127.0.0.1") as client:
            return await client.get(path, headers=who)

    async def status(self, path: str, who: dict[str, str]) -> int:
        return (await self.get(path, who)).status_code


@pytest.mark.parametrize(("organisation", "role", "tables", "totals"), WHO)
async def test_who_sees_tables_and_who_sees_totals(organisation: str, role: str, tables: bool, totals: bool) -> None:
    house = House()
    who = house.staff.bearer(organisation, role)
    assert {await house.status(path, who) for path in TABLES} == {200 if tables else 403}
    assert {await house.status(path, who) for path in TOTALS} == {200 if totals else 403}
    if tables:
        assert ('href="/operations"' in (await house.get("/", who)).text) == totals, "no link into a closed door"


async def test_a_stranger_is_led_to_the_sign_in_page_or_refused() -> None:
    house = House()
    assert [await house.status(path, {}) for path in (*TABLES, *TOTALS)] == [303, 401, 401, 401, 303, 401]
    expired = {"Authorization": "Bearer nonsense"}
    assert await house.status("/api/v1/tables", expired) == 401


def test_every_route_of_the_service_has_its_door() -> None:
    bare = create_app(service="analytics", title="t", description="d", settings=AnalyticsSettings(), health=Health())
    assert set(unnamed(House().app)) <= set(unnamed(bare))
