"""How many of analytics' files an event crosses from its topic to a number of a table: few enough to read."""

import asyncio
import csv
import io
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, Final

import httpx
import pytest

from services.analytics.main import build
from services.analytics.releases.repository import Register
from services.analytics.releases.tables import OUTCOME_TABLE
from services.analytics.settings import AnalyticsSettings
from shared.clock import SystemClock
from shared.kafka.publisher import Publisher
from shared.mongo import connect
from shared.settings import KafkaSettings, StoreSettings, load
from tests.integration.analytics.traffic import publish, thirds
from tests.integration.analytics.worker import STAFF, Worker
from tests.support.waiting import eventually

ANALYTICS: Final = str(Path("services/analytics").resolve()) + "/"
READ: Final = (
    *("counting/consumers.py", "counting/project.py", "counting/models.py", "counting/aggregate.py"),
    *("counting/repository.py", "counting/reader.py", "releases/service.py", "releases/counts.py"),
    *("releases/tables.py", "releases/hierarchies.py", "releases/suppression.py", "releases/release.py"),
    *("releases/repository.py", "releases/published.py", "exports/tables_api.py", "exports/table_files.py"),
    "exports/files.py",
)
"""What must be opened to follow it."""
HELPERS: Final = {
    *("counting/fact_cache.py", "counting/rebuild_repository.py", "releases/calendar.py", "releases/catalogue.py"),
    *("releases/errata.py", "releases/intervals.py", "releases/weekly.py", "exports/archive.py", "exports/words.py"),
    "http_caching.py",
}
"""What is handed something small whose name says what comes back."""
PROOF: Final = {"releases/audit.py", "releases/intruder_model.py", "releases/solver.py", "releases/plausibility.py"}
"""What says whether a release may leave, and changes no number."""
BESIDE: Final = {"main.py", "metrics.py", "counting/watch.py", "counting/reconciliation.py"}
"""Putting together, and the watch over both ends."""
MOST: Final = 18


@pytest.mark.thorough
async def test_an_event_crosses_few_files_on_its_way_to_a_table(
    bus_settings: KafkaSettings,
    store_settings: StoreSettings,
    publisher: Publisher,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await publish(publisher, thirds(36, datetime(2026, 10, 5, 3, tzinfo=UTC)), count=1)
    worker = Worker(bus_settings, store_settings, tmp_path, release_every_s=0.5)
    for name, value in worker.environment().items():
        monkeypatch.setenv(name, value)
    analytics = build(load(AnalyticsSettings), bus_settings, store_settings, SystemClock())
    register = Register(connect(store_settings, "analytics"))
    crossed = set[str]()

    async def released() -> bool:
        return "2026-10" in {entry.period for entry in await register.entries()}

    def calls(frame: FrameType, what: str, argument: Any) -> None:
        del argument
        name = frame.f_code.co_filename
        if what == "call" and name.startswith(ANALYTICS):
            crossed.add(name.removeprefix(ANALYTICS))

    working = asyncio.create_task(analytics.work())
    sys.setprofile(calls)
    try:
        await eventually(released, "the month is released")
        transport = httpx.ASGITransport(analytics.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            answer = await client.get(
                f"/api/v1/tables/{OUTCOME_TABLE}?period=2026-10&format=csv", headers=STAFF.bearer("ministry", "analyst")
            )
    finally:
        sys.setprofile(None)
        working.cancel()
        await asyncio.wait([working])
    assert answer.status_code == 200
    rows = csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")))
    assert [row["reports"] for row in rows][-1] == "36"
    assert crossed - HELPERS - PROOF - BESIDE == {*READ}
    assert len(READ) <= MOST


def test_the_architecture_names_every_file_of_it() -> None:
    text = Path("docs/architecture.md").read_text(encoding="utf-8")
    said = text[text.index("An event's way through analytics") :].partition("\n\n")[0]
    assert [name for name in READ if Path(name).stem not in said] == []
