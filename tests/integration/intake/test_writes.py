"""What a report costs the store: every write is counted on the wire."""

import asyncio
import threading
from collections import Counter
from functools import partial
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from services.intake.links import service as links
from shared import mongo
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.intake.harness import LEAST, IntakeHarness, running
from tests.integration.intake.test_accepting import nothing_pending
from tests.integration.intake.test_following import routing
from tests.support.waiting import DEADLINE_S, eventually

REPORTS = 20
_STATEMENTS = {"insert": "documents", "update": "updates", "delete": "deletes"}


class Writes(CommandListener):
    """Documents written, by collection and kind. The driver's threads tell of them."""

    def __init__(self) -> None:
        self.of: Counter[tuple[str, str]] = Counter()
        self.changed: Counter[str] = Counter()
        """Documents that updates changed, by collection: one asked for twice, as after a rebalance, changes nothing."""
        self._updates: dict[int, str] = {}
        self._counting = threading.Lock()

    def started(self, event: CommandStartedEvent) -> None:
        kind = event.command_name
        with self._counting:
            if kind in _STATEMENTS:
                self.of[event.command[kind], kind] += len(event.command[_STATEMENTS[kind]])
            if kind == "update":
                self._updates[event.request_id] = event.command[kind]

    def succeeded(self, event: CommandSucceededEvent) -> None:
        with self._counting:
            if (collection := self._updates.get(event.request_id)) is not None:
                self.changed[collection] += event.reply["nModified"]
                del self._updates[event.request_id]  # last: who waits for it finds it counted

    def failed(self, event: CommandFailedEvent) -> None:
        self._updates.pop(event.request_id, None)

    async def counted(self) -> None:
        """Wait for the answers to updates: another connection sees a change before its own answer is counted."""
        await eventually(lambda: not self._updates)


async def settled(harness: IntakeHarness) -> None:
    await eventually(lambda: nothing_pending(harness))

    async def indexed() -> bool:
        return not await harness.collection.count_documents({"links_since": {"$exists": True}})

    await eventually(indexed)


async def test_a_report_costs_three_writes_and_a_new_link_one(
    bus_settings: KafkaSettings, store_settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = Writes()
    monkeypatch.setattr(mongo, "AsyncIOMotorClient", partial(AsyncIOMotorClient, event_listeners=[writes]))
    # On a busy machine neither mark waits in vain for the other, nor is a report taken for one left behind.
    monkeypatch.setattr(links, "WAITED_FOR_S", DEADLINE_S)
    monkeypatch.setattr(links, "LEFT_BEHIND_S", DEADLINE_S)
    async with running(bus_settings, store_settings) as harness:
        writes.of.clear()
        bodies: list[dict[str, Any]] = [{**LEAST, "urls": [f"https://seen.example/{n}"]} for n in range(REPORTS)]
        answers = await asyncio.gather(*(harness.lodge(body) for body in bodies))
        assert {answer.status_code for answer in answers} == {202}
        await settled(harness)
        await writes.counted()
        assert {of: many for of, many in writes.of.items() if of[0] in {"reports", "links"}} == {
            ("reports", "insert"): REPORTS,
            ("reports", "update"): writes.of["reports", "update"],  # many documents in one
            ("links", "update"): REPORTS,
        }
        assert writes.of["reports", "update"] < REPORTS
        assert writes.changed["reports"] == REPORTS, "published and indexed in one"
        ids = [answer.json()["report_id"] for answer in answers]
        await harness.publish([await routing(harness, report_id, 1, "busan") for report_id in ids])
        await _progress(harness, "ownership", REPORTS)
        await writes.counted()
        assert writes.changed["reports"] == 2 * REPORTS, "its progress"


async def test_progress_that_comes_soon_clears_the_event_in_the_same_write(
    bus_settings: KafkaSettings, store_settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = Writes()
    monkeypatch.setattr(mongo, "AsyncIOMotorClient", partial(AsyncIOMotorClient, event_listeners=[writes]))
    async with running(bus_settings, store_settings, leave_s=60.0) as harness:
        writes.of.clear()
        answers = await asyncio.gather(*(harness.lodge({**LEAST}) for _ in range(REPORTS)))
        ids = {answer.json()["report_id"] for answer in answers}

        async def published() -> bool:
            return {key for key, _ in await harness.log()} == ids

        await eventually(published)
        await harness.publish([await routing(harness, report_id, 1, "busan") for report_id in ids])
        await _progress(harness, "ownership", REPORTS)
        await writes.counted()
        assert await harness.nothing_pending()
        assert (writes.of["reports", "insert"], writes.changed["reports"]) == (REPORTS, REPORTS)


async def _progress(harness: IntakeHarness, part: str, many: int) -> None:
    async def known() -> bool:
        return bool(await harness.collection.count_documents({f"progress.{part}": {"$ne": None}}) == many)

    await eventually(known)
