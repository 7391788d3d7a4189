"""Published figures in the real store: all of a file or nothing of it."""

from pathlib import Path

from services.analytics.dashboard.history_repository import history
from shared.mongo import connect
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.analytics.worker import command
from tests.unit.analytics.dashboard.test_history import FILE, GOOD, file

LOAD = ("tools.command", "load-history")


async def test_a_file_is_loaded_whole_or_not_at_all(
    bus_settings: KafkaSettings, store_settings: StoreSettings, tmp_path: Path
) -> None:
    database = connect(store_settings, "analytics")
    loaded = await command(bus_settings, store_settings, *LOAD, str(FILE))
    assert (loaded.status, "202 figures from 2018 to 2026" in loaded.said) == (0, True), loaded.said
    assert len(await history(database)) == 202

    bad = tmp_path / "bad.csv"
    bad.write_text(file(GOOD, GOOD.replace("4973", "many").replace("2020,", "2021,")), encoding="utf-8")
    refused = await command(bus_settings, store_settings, *LOAD, str(bad))
    assert (refused.status, "bad.csv:3: value 'many'" in refused.said) == (1, True), refused.said
    assert len(await history(database)) == 202, "what was there stays"

    good = tmp_path / "good.csv"
    good.write_text(file(GOOD), encoding="utf-8")
    again = await command(bus_settings, store_settings, *LOAD, str(good))
    assert (again.status, "202 figures were there before" in again.said) == (0, True), again.said
    assert [row.value for row in await history(database)] == [4973.0]
