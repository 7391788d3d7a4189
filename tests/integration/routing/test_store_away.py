"""The store is stopped under load: deciding goes on, old cases and linked reports too, even through a restart."""

import time
import uuid
from pathlib import Path

import httpx
import pytest

from shared.events.reports import ReportReceived
from shared.kafka.admin import ensure_topics
from shared.kafka.publisher import Publisher
from tests.integration.routing.ground import OneBroker
from tests.integration.routing.reader import Reader
from tests.integration.routing.running import STAFF, Process, Traffic
from tests.integration.routing.verifier import verify
from tests.support.engine_settings import kafka_settings, store_settings
from tests.support.waiting import DEADLINE_S, eventually
from tools.local.engines import Engines

pytestmark = [pytest.mark.kill, pytest.mark.timeout(480)]

PARTITIONS = 3
OLD = 150
LONGEST_S = 8.0
"""From sending to owned, on a busy machine; waiting for a store takes ten seconds (``shared.mongo``)."""


async def test_nothing_waits_while_the_store_is_away(own_engines: Engines, tmp_path: Path) -> None:
    ground, name = OneBroker(own_engines), f"a{uuid.uuid4().hex[:8]}"
    bus, store = kafka_settings(ground, name, partitions=PARTITIONS), store_settings(ground, name)
    await ensure_topics(bus)
    publisher = Publisher(bus)
    await publisher.start()
    process = Process(bus, store, tmp_path / "routing.log")
    reader = Reader(bus.bootstrap_servers, bus.topic_prefix, PARTITIONS)
    process.start()
    reader.start()
    try:
        traffic = Traffic(publisher, seed=5)
        old = [traffic.received(division="busan", declined_centers=[], synthetic=False) for _ in range(OLD)]
        await traffic.send(*old)

        async def owned() -> bool:
            return len(reader.stands) == OLD

        await eventually(owned, what="all of them are owned")
        await ground.kill_store()
        took: list[float] = []
        for number in range(6):
            if number == 3:
                process.kill()
                process.start()
            # Old cases, somebody who has just reported, and a report linked with one of another partition.
            taken = [r.report_id for r in old[number * 20 : number * 20 + 20]]
            fresh = [traffic.received(), traffic.received(linked_reports=[old[-1].report_id])]
            moves = [traffic.transfer(report, "jeju", 1, 1) for report in taken]
            began = time.monotonic()
            await traffic.send(*moves, *fresh)

            async def done(taken: list[str] = taken, new: list[ReportReceived] = fresh) -> bool:
                return all(report.report_id in reader.stands for report in new) and all(
                    reader.stands[report].owner == "jeju" for report in taken
                )

            await eventually(done, what=f"batch {number} is decided without the store")
            took.append(time.monotonic() - began)
        # Whatever waits for the store does so each time; a busy machine is late now and then.
        assert min(took[:3]) < LONGEST_S
        assert min(took[4:]) < LONGEST_S
        found = await verify(bus.bootstrap_servers, bus.topic_prefix, PARTITIONS)
        assert (found.reports, found.transfers_done, found.missing, found.passed_on_twice) == (OLD + 12, 120, [], [])
        assert process.ended() is None
        await ground.start_store()

        async def shown() -> bool:
            return await decision(process, fresh[0].report_id) == 200

        await eventually(shown, what="the read model has what was decided meanwhile")
    finally:
        process.kill()
        await reader.stop()
        await publisher.stop()
        await ground.start_store()


async def decision(process: Process, report_id: str) -> int:
    """The status of the page's data on a report."""
    url = f"http://127.0.0.1:{process.port}/api/v1/decisions/{report_id}"
    async with httpx.AsyncClient(timeout=DEADLINE_S) as client:
        try:
            return (await client.get(url, headers=STAFF.bearer("central", "counsellor"))).status_code
        except httpx.HTTPError:
            return 0
