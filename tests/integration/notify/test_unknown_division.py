"""A report from a place no table knows, through real routing: dead, told to central at once, and routed after all."""

from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.notify.dead_letters.models import StoredDeadLetter
from shared.kafka.redrive import redrive
from shared.settings import KafkaSettings, StoreSettings
from shared.topics import REPORTS
from tests.integration.notify.conftest import Start
from tests.integration.routing.running import Process, Traffic
from tests.support.mail import MailSink
from tests.support.tables import Change, write
from tests.support.waiting import DEADLINE_S, eventually

PLACE = "iwol"


def new_division(file: dict[str, Any]) -> None:
    row = next(row for row in file["divisions"] if row["slug"] == "jeju")
    names = {"name_ko": "이월도", "name_en": "Iwol", "short_ko": "이월", "short_en": "Iwol"}
    file["divisions"].append(
        {**row, **names, "slug": PLACE, "mois_code": "99", "iso_code": None, "former_codes": [], "aliases": ["이월도"]}
    )


def its_home(file: dict[str, Any]) -> None:
    row = next(row for row in file["catchments"] if row["division"] == "jeju")
    file["catchments"].append({**row, "division": PLACE})


@pytest.fixture
async def routing(bus_settings: KafkaSettings, store_settings: StoreSettings, tmp_path: Path) -> AsyncIterator[Process]:
    found = Process(bus_settings, store_settings, tmp_path / "routing.log")
    yield found
    found.kill()


@pytest.mark.own_service  # it shares its topics with a routing
async def test_a_report_from_nowhere_alarms_central_and_is_routed_once_the_tables_know_the_place(
    start: Start,
    sink: MailSink,
    routing: Process,
    bus_settings: KafkaSettings,
    store_settings: StoreSettings,
    tmp_path: Path,
) -> None:
    harness = await start()
    routing.start()
    traffic = Traffic(harness.publisher, seed=5)
    lost, wrong, fine = (
        traffic.received(division=PLACE, declined_centers=[], synthetic=False),
        traffic.received(division="busan", district="12210", declined_centers=[], synthetic=False),
        traffic.received(division="busan", declined_centers=[], synthetic=False),
    )
    await traffic.send(lost, wrong, fine)
    await eventually(lambda: harness.case(fine.report_id))

    def told() -> list[EmailMessage]:
        return [mail for to, mail in sink.mails if to.startswith("night-desk@") and "reports" in mail.get_content()]

    async def both() -> list[StoredDeadLetter] | None:
        unread = await harness.notify.dead_letter_store.unread()
        return unread if len(unread) == 2 else None

    assert {record.reason for record in await eventually(both)} == {"unknown_division"}
    await eventually(told)
    assert not any(PLACE in mail.get_content() or "12210" in mail.get_content() for mail in told())
    dead = 'ieum_kafka_dead_letters_total{group="routing",reason="unknown_division",topic="reports"} 2.0'

    async def measured() -> str:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{routing.port}", timeout=DEADLINE_S) as client:
            metrics = (await client.get("/metrics")).text
        return metrics if dead in metrics else ""

    assert PLACE not in await eventually(measured, "routing counts the dead, too")
    assert PLACE not in routing.log()
    assert await harness.case(lost.report_id) is None
    routing.kill()
    changes: dict[str, Change] = {"divisions": new_division, "catchments": its_home}
    folder = write(tmp_path / "tables", "2027-03-01", **changes)
    knowing = Process(bus_settings, store_settings, tmp_path / "routing.log", ROUTING_TABLES_DIR=str(folder))
    knowing.start()
    try:
        assert await redrive(bus_settings, REPORTS) == 2
        await eventually(lambda: harness.case(lost.report_id))
        row = await harness.case(lost.report_id)
        assert row is not None
        assert row["center_id"] == "jeju"
        assert await harness.case(wrong.report_id) is None, "the other is wrong under any table, and dead again"
    finally:
        knowing.kill()
