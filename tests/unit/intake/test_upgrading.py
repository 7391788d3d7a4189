"""An intake that lets unsigned reports pass says so for as long as it does."""

import httpx
import pytest

from services.intake.main import build
from services.intake.settings import IntakeSettings
from shared.settings import KafkaSettings, StoreSettings
from tests.support.clock import ManualClock
from tests.unit.intake.retention.test_erasure import NOW
from tools.local.keys import new_key

_KEYS = ("INTAKE_MASTER_KEY", "INTAKE_RECEIPT_KEY", "INTAKE_LINK_KEY", "INTAKE_SIGNING_KEY")


@pytest.mark.parametrize("upgrading", [True, False])
async def test_health_names_the_setting_that_is_only_for_an_upgrade(
    monkeypatch: pytest.MonkeyPatch, upgrading: bool
) -> None:
    for name in (*_KEYS, "IEUM_TICKET_KEY", "INTAKE_AUDIT_KEY"):
        monkeypatch.setenv(name, new_key())
    monkeypatch.setenv("INTAKE_UPGRADING", str(upgrading))
    intake = build(IntakeSettings(), KafkaSettings(), StoreSettings(), ManualClock(NOW))
    here = httpx.ASGITransport(app=intake.app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=here, base_url="http://127.0.0.1:8001") as http:
        checks = (await http.get("/health/ready")).json()["checks"]
    assert ("INTAKE_UPGRADING" in checks.get("upgrading", "")) is upgrading
