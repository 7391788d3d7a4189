"""A routing record is missing: that partition stops, everything else goes on, and the remedy of the runbook works."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shared.kafka.publisher import Publisher, partition_of
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.analytics.traffic import record
from tests.integration.analytics.worker import Numbers, Worker
from tests.support.waiting import eventually
from tests.unit.analytics import events as make

pytestmark = pytest.mark.timeout(480)


@pytest.fixture
def worker(bus_settings: KafkaSettings, store_settings: StoreSettings, tmp_path: Path) -> Iterator[Worker]:
    made = Worker(bus_settings, store_settings, tmp_path)
    yield made
    made.kill()


async def test_one_hole_stops_one_partition_and_giving_the_report_up_lets_it_go_on(
    bus_settings: KafkaSettings, store_settings: StoreSettings, publisher: Publisher, worker: Worker
) -> None:
    def partition(number: int) -> int:
        return partition_of(make.report_id(number).encode(), bus_settings.topic_partitions)

    holed = make.report_id(0)
    beside = next(make.report_id(n) for n in range(1, 100) if partition(n) == partition(0))
    elsewhere = next(make.report_id(n) for n in range(1, 100) if partition(n) != partition(0))
    await publisher.publish([record(make.received(rid)) for rid in (holed, beside, elsewhere)])
    await publisher.publish([record(make.routed(holed)), record(make.updated(holed, 3))])
    await publisher.publish([record(make.routed(rid)) for rid in (beside, elsewhere)])
    numbers = Numbers(store_settings)
    worker.start()

    async def counted(routed: int) -> bool:
        worker.lives()
        stages = await numbers.stages()
        return (stages["accepted"], stages["routed"]) == (3, routed)

    async def named() -> bool:
        worker.lives()
        try:
            answer = await worker.get("/health/ready")
        except httpx.TransportError:
            return False
        checks = answer.json().get("checks", {})
        return answer.status_code == 200 and "does not follow" in checks.get("kafka.analytics", "")

    await eventually(lambda: counted(2), "all but what lies behind the hole is counted")
    await eventually(named, "health says which partition stopped and why, and is still ready")
    assert await worker.answers("/api/v1/tables")
    worker.kill()
    worker.start()
    await eventually(named, "a restart stops at the same place and ends no process")
    worker.kill()
    worker.extra["IEUM_GIVEN_UP_REPORTS"] = holed
    worker.start()
    await eventually(lambda: counted(3), "the report is given up, the others behind it are counted")
    await worker.ready()
