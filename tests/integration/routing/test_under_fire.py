"""Three workers, SIGKILL and SIGSTOP zombies, transfers and a closing centre, while reports come in."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.bus.admin import ensure_topics
from shared.bus.publisher import Publisher
from shared.bus.records import Received
from shared.clock import SystemClock
from shared.events.routings import ReportEnded, ReportRerouted, ReportRouted, ReportUpdated
from shared.events.vocabulary import CenterState
from shared.follow import Follower
from shared.settings import BusSettings, StoreSettings
from shared.topics import ROUTINGS
from tests.integration.routing.running import Process, Traffic, until
from tests.integration.routing.verifier import Audit, verify

REPORTS = 1200
PIECE = 20
KILLS = 4
FROZEN_S = 8.0
"""Longer than the session timeout of six seconds: the group gives the partitions away while the worker sleeps."""


@pytest.fixture
async def publisher(bus_settings: BusSettings) -> AsyncIterator[Publisher]:
    await ensure_topics(bus_settings)
    made = Publisher(bus_settings)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def workers(bus_settings: BusSettings, store_settings: StoreSettings, tmp_path: Path) -> list[Process]:
    return [Process(bus_settings, store_settings, tmp_path / f"worker{n}.log") for n in range(3)]


async def supervise(workers: list[Process]) -> None:
    """Start again whoever has ended, as the launcher does."""
    while True:
        for worker in workers:
            if worker.child is None or worker.ended() is not None:
                worker.start()
        await asyncio.sleep(0.2)


class Staff:
    """Sees what notify would see of `routings`, and accepts transfers of what it has seen."""

    def __init__(self) -> None:
        self._version: dict[str, int] = {}
        self.ownership: dict[str, int] = {}

    def apply(self, received: Received) -> None:
        event = received.event
        if not isinstance(event, ReportRouted | ReportRerouted | ReportUpdated | ReportEnded):
            return
        if event.version == self._version.get(event.report_id, 0) + 1:
            self._version[event.report_id] = event.version
            self.ownership[event.report_id] = event.ownership


async def feed(traffic: Traffic, staff: Staff) -> None:
    """Reports at sixty a second, two in a hundred of them twice; some are transferred, some amended a while later."""
    dice = random.Random(11)
    for number in range(REPORTS // PIECE):
        reports = [traffic.received() for _ in range(PIECE)]
        await traffic.send(*reports, *(r for r in reports if dice.random() < 0.02))
        for report_id in dice.sample(sorted(staff.ownership), min(2, len(staff.ownership))):
            to = dice.choice(["jeju", "sejong", "ulsan"])
            await traffic.send(traffic.transfer(report_id, to, staff.ownership[report_id], number + 1))
        if number > 10:
            await traffic.send(traffic.amended(traffic.reports[(number - 10) * PIECE]))
        await asyncio.sleep(PIECE / 60)


async def fire(workers: list[Process], traffic: Traffic) -> None:
    """Kill, freeze and wake, and close a centre for a while."""
    dice = random.Random(12)
    for _ in range(KILLS):
        frozen, killed = dice.sample(workers, 2)
        frozen.send(signal.SIGSTOP)
        await asyncio.sleep(dice.uniform(0.5, 1.5))
        killed.kill()
        await traffic.center("gyeonggi", CenterState.CLOSED)
        await asyncio.sleep(FROZEN_S)
        frozen.send(signal.SIGCONT)
        await traffic.center("gyeonggi", CenterState.OPEN)
        await asyncio.sleep(dice.uniform(0.5, 1.5))


@pytest.mark.kill
@pytest.mark.timeout(300)
async def test_one_owner_always_whatever_dies(
    workers: list[Process], publisher: Publisher, bus_settings: BusSettings
) -> None:
    traffic = Traffic(publisher, seed=10)
    staff = Staff()
    follower = Follower(bus_settings, (ROUTINGS,), staff.apply, from_start=True, clock=SystemClock())
    supervisor = asyncio.create_task(supervise(workers))
    try:
        await follower.start()
        await asyncio.gather(feed(traffic, staff), fire(workers, traffic))

        async def done() -> bool:
            found = await audit(bus_settings)
            return found.reports == REPORTS and found.complete and not found.loads_wrong

        await until(done, 60, "every report owned, every transfer settled, sums caught up")
    except AssertionError as error:
        raise AssertionError(f"{error}; {await audit(bus_settings)}") from error
    finally:
        supervisor.cancel()
        await follower.stop()
        for worker in workers:
            worker.kill()
    found = await audit(bus_settings)
    assert found.sound, found
    assert found.transfers_done + found.transfers_void == found.transfers > 0
    assert found.moved_by_closing > 0


async def audit(settings: BusSettings) -> Audit:
    return await verify(settings.bootstrap_servers, settings.topic_prefix, settings.topic_partitions)
