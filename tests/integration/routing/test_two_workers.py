"""The prototype's holes, each alone, on the real broker: two workers that both believe they own partition 0."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from services.routing.service import RoutingService
from services.routing.state.changelog import Changelog
from services.routing.state.folder import StateFolder
from services.routing.state.loads import LoadView
from services.routing.state.partition import PartitionState
from services.routing.state.report_states import RoutingEvent
from shared.clock import SystemClock
from shared.events.vocabulary import CenterState
from shared.kafka.admin import ensure_topics
from shared.kafka.connection import topic_name
from shared.kafka.decoding import decode_record
from shared.kafka.publisher import Publisher
from shared.kafka.reader import PartitionReader
from shared.settings import KafkaSettings
from shared.topics import CASES, ROUTINGS
from tests.unit.routing.builders import received, report_id
from tests.unit.routing.fake_log import Owners, kill, received_record, temporary_folder
from tests.unit.routing.test_service import prefer, set_state, transfer

PLACES = frozenset({("reports", 0), ("cases", 0)})


@dataclass
class Hand:
    """One worker with its own producer and readers."""

    worker: RoutingService
    changelog: Changelog
    view: LoadView

    @property
    def state(self) -> PartitionState:
        return self.changelog.states[0]

    async def handle(self, *events: Any) -> list[Any]:
        return list(await self.worker.handle([received_record(event, n) for n, event in enumerate(events)]))


class Table:
    """Makes hands, and reads the log as a stranger would."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._parts: list[Any] = []
        self._folders: list[StateFolder] = []
        self._state_dir = temporary_folder()

    async def hand(self, center: str) -> Hand:
        """A worker that sends reports without a home to ``center``."""
        publisher = Publisher(self._settings)
        routings, cases = PartitionReader(self._settings, ROUTINGS), PartitionReader(self._settings, CASES)
        for part in (publisher, routings, cases):
            await part.start()
            self._parts.append(part)
        folder = StateFolder(self._state_dir, boot="boot")
        folder.take()
        self._folders.append(folder)
        changelog = Changelog(publisher, topic_name(self._settings, ROUTINGS), routings, cases, folder)
        view = LoadView(15)
        prefer(view, center)
        worker = RoutingService(changelog, view, Owners(), SystemClock(), linked_lookup_s=1)
        await worker.on_assigned(PLACES)
        return Hand(worker, changelog, view)

    async def log(self) -> list[RoutingEvent]:
        reader = PartitionReader(self._settings, ROUTINGS)
        await reader.start()
        ends = await reader.ends([0])
        events = [decode_record(raw, "routings").event async for raw in reader.read({0: (0, ends[0])})]
        await reader.stop()
        return [event for event in events if isinstance(event, RoutingEvent)]

    async def equal(self, hand: Hand) -> bool:
        """Whether the hand's memory is what a reader from offset 0 knows."""
        told = PartitionState()
        for event in await self.log():
            told.fold(event)
            told.position += 1
        mine = {c: t for c, t in hand.state.case_totals.items() if any(t)}
        theirs = {c: t for c, t in told.case_totals.items() if any(t)}
        same = hand.state.report_states == told.report_states and mine == theirs
        return same and hand.state.position == told.position

    async def close(self) -> None:
        for part in self._parts:
            await part.stop()
        for folder in self._folders:
            kill(folder)
        shutil.rmtree(self._state_dir)


@pytest.fixture
async def table(bus_settings: KafkaSettings) -> AsyncIterator[Table]:
    await ensure_topics(bus_settings)
    made = Table(bus_settings)
    yield made
    await made.close()


async def test_a_case_that_arrives_before_its_report(table: Table) -> None:
    b, a = await table.hand("ulsan"), await table.hand("busan")
    await a.handle(received(division="overseas"))
    assert await b.handle(transfer("jeju")) == []
    await b.handle(received(division="overseas"))
    assert b.state.report_states[report_id(1)].center_id == "jeju"
    assert [e.version for e in await table.log()] == [1, 2]
    assert await table.equal(b)


async def test_a_second_first_record_and_then_its_centre_closes(table: Table) -> None:
    a, b = await table.hand("busan"), await table.hand("jeju")
    await a.handle(received(division="overseas"))
    await b.handle(received(division="overseas"))
    set_state(b.view, "jeju", CenterState.CLOSED)
    await b.worker.move_from_closed()
    assert len(await table.log()) == 2
    assert b.state.report_states[report_id(1)].center_id == "busan"
    assert await table.equal(b)


async def test_a_late_first_record_after_the_second_version(table: Table) -> None:
    a, b = await table.hand("ulsan"), await table.hand("busan")
    await b.handle(received(division="overseas"))
    await b.handle(transfer("jeju"))
    await a.handle(received(division="overseas"))
    assert [e.version for e in await table.log()] == [1, 2, 1]
    assert a.state.report_states[report_id(1)].center_id == "jeju"
    assert await table.equal(a)


async def test_a_transfer_and_a_closing_at_the_same_time(table: Table) -> None:
    a = await table.hand("busan")
    await a.handle(received(division="overseas"))
    b = await table.hand("busan")
    set_state(a.view, "busan", CenterState.CLOSED)
    prefer(a.view, "ulsan")
    await b.handle(transfer("jeju"))
    await a.worker.move_from_closed()
    assert a.state.report_states[report_id(1)].center_id == "jeju"
    assert await table.equal(a)
    set_state(a.view, "jeju", CenterState.CLOSED)
    await a.worker.move_from_closed()
    await b.handle(transfer("sejong", ownership=2))
    assert b.state.report_states[report_id(1)].center_id not in {"sejong", "jeju"}
    assert await table.equal(b)
