"""How fast analytics folds, beside only reading and validating the same records: same broker, same run, alternated.

``KAFKA_BOOTSTRAP_SERVERS=… MONGODB_URI=… python -m tests.bench.bench_analytics [reports]``. Prints events per second
and the ratio of medians; one line of JSON at the end.
"""

import asyncio
import contextlib
import json
import statistics
import sys
import time
import uuid
from collections.abc import Iterator

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from services.analytics.handlers import Folder
from services.analytics.store.folding import prepare, stored_offsets
from shared.bus.admin import ensure_topics
from shared.bus.bus import Bus
from shared.bus.connection import bare_name, client_options, topic_name
from shared.bus.publisher import Publisher
from shared.bus.records import Received, receive
from shared.clock import SystemClock
from shared.events.base import Event
from shared.health import Health
from shared.mongo import connect
from shared.settings import BusSettings, StoreSettings, load
from shared.topics import ALERTS, CASES, CENTERS, REPORTS, ROUTINGS
from tests.integration.analytics.traffic import record
from tests.unit.analytics import events as make

TOPICS = (REPORTS, ROUTINGS, CASES, ALERTS)
ROUNDS = 3
BATCH = 2000
CENTERS_USED = ("busan", "daegu", "gyeonggi", "incheon", "jeju")


def stories(reports: int) -> Iterator[Event]:
    """Four events per report: received, routed, alerted, acknowledged."""
    for number in range(reports):
        rid = make.report_id(number)
        yield make.received(rid)
        yield make.routed(rid, CENTERS_USED[number % len(CENTERS_USED)])
        yield make.alert_sent(rid)
        yield make.acknowledged(rid, seconds=number % 4000)


async def fill(settings: BusSettings, reports: int) -> int:
    await ensure_topics(settings)
    publisher = Publisher(settings)
    await publisher.start()
    events = list(stories(reports))
    for start in range(0, len(events), 5000):
        await publisher.publish([record(event) for event in events[start : start + 5000]])
    await publisher.stop()
    return len(events)


async def raw(settings: BusSettings, total: int) -> float:
    """Events per second, consumed and validated, nothing else."""
    consumer = AIOKafkaConsumer(**client_options(settings), auto_offset_reset="earliest", fetch_max_wait_ms=100)
    await consumer.start()
    places = [TopicPartition(topic_name(settings, t), p) for t in TOPICS for p in range(settings.topic_partitions)]
    consumer.assign(places)
    for place in places:
        consumer.seek(place, 0)
    seen, started = 0, time.perf_counter()
    while seen < total:
        for place, records in (await consumer.getmany(timeout_ms=500, max_records=BATCH)).items():
            name = bare_name(settings, place.topic)
            seen += len([receive(each, name) for each in records])
    seconds = time.perf_counter() - started
    await consumer.stop()
    return total / seconds


async def folding(settings: BusSettings, store: StoreSettings, total: int) -> float:
    """Events per second through the service's own bus, handler and store; each round into an empty store."""
    database = connect(store, "analytics")
    await database.client.drop_database(database.name)
    await prepare(database)
    folder, done = Folder(database), asyncio.Event()
    first: list[float] = []

    async def handle(records: list[Received]) -> None:
        first.append(time.perf_counter())
        await folder.handle(records)
        offsets = await stored_offsets(database, range(settings.topic_partitions))
        if sum(n for (topic, _), n in offsets.items() if topic != CENTERS.name) >= total:
            done.set()

    group = f"bench-{uuid.uuid4().hex[:8]}"
    bus = Bus(settings, "bench", Health(), SystemClock())
    bus.subscribe(
        *TOPICS,
        CENTERS,
        group=group,
        handler=handle,
        max_records=BATCH,
        on_assigned=folder.assigned,
    )
    await bus.start()
    async with asyncio.timeout(300):
        await done.wait()
    seconds = time.perf_counter() - first[0]
    await bus.stop()
    await database.client.drop_database(database.name)
    return total / seconds


async def main(reports: int) -> None:
    base = load(BusSettings)
    settings = base.model_copy(update={"topic_prefix": f"bench{uuid.uuid4().hex[:8]}."})
    store = load(StoreSettings).model_copy(update={"database_prefix": f"bench{uuid.uuid4().hex[:8]}_"})
    try:
        await compare(settings, store, reports)
    finally:
        await remove(settings)


async def remove(settings: BusSettings) -> None:
    """Take the benchmark's own topics away again."""
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    await admin.delete_topics([name for name in await admin.list_topics() if name.startswith(settings.topic_prefix)])
    await admin.close()


async def compare(settings: BusSettings, store: StoreSettings, reports: int) -> None:
    total = await fill(settings, reports)
    raws, folds = [], []
    for number in range(ROUNDS):
        raws.append(await raw(settings, total))
        folds.append(await folding(settings, store, total))
        print(f"round {number + 1}: raw {raws[-1]:,.0f}/s, folded {folds[-1]:,.0f}/s")  # a benchmark's output
    ratio = statistics.median(folds) / statistics.median(raws)
    summary = {
        "events": total,
        "raw_per_s": round(statistics.median(raws)),
        "folded_per_s": round(statistics.median(folds)),
        "ratio": round(ratio, 3),
    }
    print(json.dumps(summary))  # as above


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000))
