"""Drills of the calendar, on the real store: one after the other, and none twice however many processes look."""

from datetime import datetime, timedelta

from pydantic import SecretStr

from services.notify.cases.repository import CaseStore
from services.notify.drills.repository import DrillStore
from services.notify.drills.service import Drills
from services.notify.settings import NotifySettings
from shared import centers, mongo
from shared.clock import SEOUL
from shared.settings import StoreSettings
from tests.support.clock import ManualClock


async def test_two_processes_begin_one_drill_of_the_calendar_and_the_next_ten_minutes_later(
    settings: NotifySettings, store_settings: StoreSettings
) -> None:
    clock = ManualClock(datetime(2026, 8, 5, 16, 0, tzinfo=SEOUL))
    database = mongo.connect(store_settings, "notify")
    own = {"drills": "monthly", "drill_credential": SecretStr("x"), "intake_url": "http://127.0.0.1:1"}
    both = [Drills(DrillStore(database), CaseStore(database), settings.model_copy(update=own), clock) for _ in range(2)]

    async def begun() -> list[str]:
        for one in both:
            await one.look()
        return sorted(drill.center_id for drill, _ in await both[0].latest(None))

    assert await begun() == sorted(centers.CENTER_IDS[:1])
    await clock.advance(timedelta(minutes=9).total_seconds())
    assert await begun() == sorted(centers.CENTER_IDS[:1])
    await clock.advance(timedelta(minutes=1).total_seconds())
    assert await begun() == sorted(centers.CENTER_IDS[:2])
