"""On the real engines: whatever the order, repeats, deaths and rebalances, the numbers are those of a recount."""

import asyncio
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.analytics.counting.reader import CountReader
from services.analytics.releases.repository import Register
from services.analytics.releases.tables import OUTCOME_TABLE
from shared.events.base import Record
from shared.kafka.connection import topic_name
from shared.kafka.publisher import Message, Publisher, partition_of
from shared.mongo import connect
from shared.settings import KafkaSettings, StoreSettings
from shared.topics import REPORTS
from tests.integration.analytics.answers import answers_are
from tests.integration.analytics.dying import COUNTING_POINTS
from tests.integration.analytics.recount import Recounted, recount
from tests.integration.analytics.traffic import awkward, publish, record, thirds, waves
from tests.integration.analytics.worker import Numbers, Worker
from tests.support.members import let_go
from tests.support.waiting import eventually
from tests.unit.analytics import events as make
from tools.local.engines import Running

pytestmark = pytest.mark.timeout(480)

ORPHANED_S = 120
"""A process killed inside a transaction leaves it open; the store undoes it after 60 s, and until then whoever folds
the same partitions conflicts with it and tries again, in the end every half minute."""


@pytest.fixture
def workers(bus_settings: KafkaSettings, store_settings: StoreSettings, tmp_path: Path) -> Iterator[list[Worker]]:
    both = [Worker(bus_settings, store_settings, tmp_path) for _ in range(2)]
    yield both
    for worker in both:
        worker.kill()


async def folded(numbers: Numbers, least: int) -> None:
    """Wait until so many records are; fails where the number stands still, not where the machine is busy."""
    while (seen := await numbers.next_offsets()) < least:

        async def more(before: int = seen) -> bool:
            return await numbers.next_offsets() > before

        await eventually(more, f"more than {seen} of {least} records folded", seconds=ORPHANED_S)


async def settled(numbers: Numbers, topics: dict[str, list[Record]]) -> None:
    published = sum(map(len, topics.values()))
    await folded(numbers, published)
    assert await numbers.next_offsets() == published


async def compare(numbers: Numbers, engines: Running, bus_settings: KafkaSettings) -> Recounted:
    """Every cell of every day and month, and every sum, as counted apart from the service."""
    again = await recount(engines.kafka, bus_settings.topic_prefix)
    assert again.days.total() > 500
    assert again.months.total() > 500
    assert await numbers.cells() == again.days
    assert await numbers.months() == again.months
    assert await numbers.stages() == again.stages
    return again


async def test_awkward_order_and_repeats_end_in_exact_numbers(
    engines: Running,
    bus_settings: KafkaSettings,
    store_settings: StoreSettings,
    publisher: Publisher,
    workers: list[Worker],
) -> None:
    topics = awkward(range(300), random.Random(1))
    workers[0].start()
    await publish(publisher, topics)
    numbers = Numbers(store_settings)
    await settled(numbers, topics)
    again = await compare(numbers, engines, bus_settings)
    await answers_are(CountReader(numbers.database), again)
    await workers[0].ready()
    answer = (await workers[0].get("/api/v1/reconciliation")).json()
    stages = await numbers.stages()
    assert {stage: answer[stage] for stage in stages} == dict(stages)
    assert (answer["difference"], answer["in_flight"], answer["ahead"], answer["dead"]) == (0, 0, 0, 0)


async def test_a_month_with_closed_reports_is_released(
    store_settings: StoreSettings, publisher: Publisher, workers: list[Worker]
) -> None:
    """By the process itself: from the topics over what it freezes to what is asked for."""
    await publish(publisher, thirds(36, datetime(2026, 10, 5, 3, tzinfo=UTC)), count=1)
    workers[0].release_every_s = 0.5
    workers[0].start()
    register = Register(connect(store_settings, "analytics"))

    async def released() -> bool:
        workers[0].lives()
        return "2026-10" in {entry.period for entry in await register.entries()}

    await eventually(released, "the month is released")
    table = (await workers[0].get(f"/api/v1/tables/{OUTCOME_TABLE}?period=2026-10")).json()
    assert {row["key"]: row["figures"][0].get("value") for row in table["rows"]} == {
        **dict.fromkeys(("in_care", "closed", "withdrawn"), 12),
        "total": 36,
    }


@pytest.mark.thorough
async def test_kill_9_again_and_again_changes_no_number(
    engines: Running,
    bus_settings: KafkaSettings,
    store_settings: StoreSettings,
    publisher: Publisher,
    workers: list[Worker],
) -> None:
    chance = random.Random(2)
    topics = awkward(range(300), chance)
    worker, numbers = workers[0], Numbers(store_settings)
    worker.batch = 50
    worker.start()
    await publish(publisher, topics)
    seen, deaths = 0, 0
    total = sum(map(len, topics.values()))
    for goal in (0.15, 0.4, 0.7):
        await folded(numbers, max(seen + 1, int(goal * total)))
        await asyncio.sleep(chance.random() * 0.05)  # the moment of death is the point: anywhere in a transaction
        worker.kill()
        await numbers.undo_transactions_of(worker.sessions)
        await let_go(bus_settings, "analytics")
        deaths += 1
        seen = await numbers.next_offsets()
        worker.start()
    await settled(numbers, topics)
    await compare(numbers, engines, bus_settings)
    assert deaths == 3


@pytest.mark.thorough
async def test_killed_at_each_named_point_of_a_batch_no_number_changes(
    engines: Running,
    bus_settings: KafkaSettings,
    store_settings: StoreSettings,
    publisher: Publisher,
    workers: list[Worker],
    tmp_path: Path,
) -> None:
    topics = awkward(range(400), random.Random(6))
    worker, numbers = workers[0], Numbers(store_settings)
    worker.batch = 50
    worker.command = ("tests.integration.analytics.dying", "counting", str(tmp_path))
    worker.start()
    parts = list(waves(topics, len(COUNTING_POINTS)))
    for number, point in enumerate(COUNTING_POINTS):
        (tmp_path / point).touch()
        for _, records in parts[number * len(topics) : (number + 1) * len(topics)]:
            await publisher.publish(records)

        async def died() -> bool:
            return worker.child is not None and worker.child.poll() is not None

        await eventually(died, f"death at the point {point!r}")
        assert worker.child is not None
        assert (worker.child.poll(), (tmp_path / point).exists()) == (-9, False)
        await numbers.undo_transactions_of(worker.sessions)
        await let_go(bus_settings, "analytics")
        worker.start()
    await settled(numbers, topics)
    await compare(numbers, engines, bus_settings)


@pytest.mark.thorough
async def test_stopped_for_a_week_it_catches_up_to_the_same_numbers(
    engines: Running,
    bus_settings: KafkaSettings,
    store_settings: StoreSettings,
    publisher: Publisher,
    workers: list[Worker],
) -> None:
    """10,305 reports a year are 200 a week; here are five times as many, and all that happened to them."""
    before, week = awkward(range(200), random.Random(7)), awkward(range(200, 1200), random.Random(8))
    worker, numbers = workers[0], Numbers(store_settings)
    worker.batch = 2000
    worker.start()
    await publish(publisher, before)
    await settled(numbers, before)
    worker.kill()
    await numbers.undo_transactions_of(worker.sessions)
    await publish(publisher, week)
    assert await numbers.next_offsets() == sum(map(len, before.values())), "nobody counts"
    started = time.monotonic()
    worker.start()
    both = {topic: [*before[topic], *week[topic]] for topic in week}
    await settled(numbers, both)
    events = sum(map(len, week.values()))
    took = time.monotonic() - started
    print(f"caught up with {events} events in {took:.1f} s, the start of the process included")
    await compare(numbers, engines, bus_settings)


@pytest.mark.thorough
async def test_two_workers_coming_and_going_count_the_same(
    engines: Running,
    bus_settings: KafkaSettings,
    store_settings: StoreSettings,
    publisher: Publisher,
    workers: list[Worker],
) -> None:
    topics = awkward(range(1200), random.Random(3))
    parts = list(waves(topics, 6))
    numbers = Numbers(store_settings)
    first, second = workers
    first.start()
    for _, records in parts[:8]:
        await publisher.publish(records)
    await first.ready()
    second.start()
    for _, records in parts[8:16]:
        await publisher.publish(records)
    await second.ready()
    first.kill()
    await numbers.undo_transactions_of(first.sessions)
    for _, records in parts[16:]:
        await publisher.publish(records)
    await settled(numbers, topics)
    await compare(numbers, engines, bus_settings)


async def test_in_flight_and_dead_are_seen(
    bus_settings: KafkaSettings, store_settings: StoreSettings, publisher: Publisher, workers: list[Worker]
) -> None:
    worker = workers[0].start()
    lost, waiting, fine = (make.report_id(n) for n in (1, 2, 3))
    events = [make.received(lost), make.received(waiting), make.received(fine), make.routed(fine)]
    await publisher.publish([record(event) for event in events])
    dead = record(make.received(lost))
    letter: Message = (
        dead.key.encode(),
        dead.value,
        [*dead.headers, ("dead_group", b"routing"), ("dead_reason", b"test")],
    )
    place = partition_of(dead.key.encode(), bus_settings.topic_partitions)
    await publisher.send(f"{topic_name(bus_settings, REPORTS)}.dead", place, [letter])
    await worker.ready()

    async def seen() -> bool:
        answer = (await worker.get("/api/v1/reconciliation")).json()
        return (answer["accepted"], answer["routed"], answer["in_flight"], answer["dead"]) == (3, 1, 1, 1)

    await eventually(seen, "3 accepted, 1 routed, 1 in flight, 1 dead")
    answer = (await worker.get("/api/v1/reconciliation")).json()
    assert answer["difference"] == 0
    assert answer["oldest_in_flight_seconds"] > 0
    metrics = (await worker.get("/metrics")).text
    assert "ieum_analytics_reconciliation_difference_reports 0.0" in metrics
    assert "ieum_analytics_in_flight_reports 1.0" in metrics
