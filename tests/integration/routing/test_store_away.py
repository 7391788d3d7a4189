"""The store is stopped: old reports are decided about from the log, which is passed through once a partition."""

import uuid
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.kafka.admin import ensure_topics
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.routing.ground import OneBroker
from tests.integration.routing.reader import Reader
from tests.integration.routing.running import Process, Traffic
from tests.integration.routing.verifier import verify
from tests.integration.routing.watching import figure
from tests.support.waiting import eventually
from tools.local.engines import Engines

pytestmark = [pytest.mark.kill, pytest.mark.timeout(480)]

PARTITIONS = 3
OLD = 150
FORGETFUL = {"ROUTING_REMEMBERED": "6", "ROUTING_SNAPSHOT_EVERY_S": "1"}


async def test_old_cases_go_on_while_the_store_is_away_and_each_log_is_passed_through_once(
    own_engines: Engines, tmp_path: Path
) -> None:
    ground, prefix = OneBroker(own_engines), f"a{uuid.uuid4().hex[:8]}."
    bus = KafkaSettings(
        bootstrap_servers=ground.kafka, topic_prefix=prefix, topic_partitions=PARTITIONS, replication_factor=1
    )
    store = StoreSettings(uri=SecretStr(ground.mongodb), database_prefix=prefix.replace(".", "_"))
    await ensure_topics(bus)
    publisher = Publisher(bus)
    await publisher.start()
    process = Process(bus, store, tmp_path / "routing.log", **FORGETFUL)
    reader = Reader(bus.bootstrap_servers, prefix, PARTITIONS)
    process.start()
    reader.start()
    try:
        traffic = Traffic(publisher, seed=5)
        old = [traffic.received(division="busan", declined_centers=[], synthetic=False) for _ in range(OLD)]
        await traffic.send(*old)

        async def forgotten() -> bool:
            owned = len(reader.stands) == OLD
            remembered = await figure(process, "ieum_routing_remembered_reports")
            return owned and remembered is not None and 0 < remembered <= 2 * PARTITIONS

        await eventually(forgotten, what="nearly all of them are in the store only")
        await ground.kill_store()
        fresh = []
        for number in range(6):
            # Several batches, each about cases nobody remembers, and somebody who has just reported.
            taken = [r.report_id for r in old[number * 20 : number * 20 + 20]]
            fresh.append(traffic.received())
            moves = [traffic.transfer(report, "jeju", 1, 1) for report in taken]
            await traffic.send(*moves, fresh[-1])

            async def done(taken: list[str] = taken, new: str = fresh[-1].report_id) -> bool:
                return new in reader.stands and all(reader.stands[report].owner == "jeju" for report in taken)

            await eventually(done, what=f"batch {number} is decided without the store")
        passes = await figure(process, "ieum_routing_lookbacks_total")
        assert passes is not None
        assert 1 <= passes <= PARTITIONS
        found = await verify(bus.bootstrap_servers, prefix, PARTITIONS)
        assert (found.reports, found.transfers_done, found.missing, found.passed_on_twice) == (OLD + 6, 120, [], [])
        assert process.ended() is None
    finally:
        process.kill()
        await reader.stop()
        await publisher.stop()
        await ground.start_store()
