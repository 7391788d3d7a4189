"""How fast analytics folds and stores, beside two baselines of the same run, and how fast and large a rebuild is.

``python -m tests.performance.bench_analytics [--reports N] [--rebuild EVENTS] [--pages EVENTS]``. The baselines,
alternated with it: the same records only consumed and validated; the same documents only written, in the same
transactions, to the same store. The goal is 0.7 of the slower of the two. The rebuild counts so many events again in a
separate process, compares the result with the generation that serves, and replaces it. Then ten years of so many events
are released. Pages are requested by turns from that service and from one whose ten years hold 10,000 events, and all
tables are exported beside a plain read of the register. Uses the engines of the environment, or starts its own. One
line of JSON at the end; 1 where a goal is missed.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
import uuid
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import SecretStr

from services.analytics.counting.consumers import ProjectionConsumer
from services.analytics.counting.repository import Generation, OpenBatch, Write, prepare, stored_offsets
from shared import log
from shared.clock import SystemClock
from shared.health import Health
from shared.kafka.broker import KafkaClient
from shared.kafka.connection import bare_name, client_options, topic_name
from shared.kafka.decoding import Received, decode_record
from shared.mongo import connect
from shared.settings import KafkaSettings, StoreSettings
from shared.topics import ALERTS, CASES, CENTERS, REPORTS, ROUTINGS
from tests.performance.analytics_history import (
    REBUILD_MB,
    TEN_YEARS,
    Ground,
    cleared,
    fill,
    history,
    reading,
    rebuilding,
    remove,
    span_of,
)
from tests.performance.analytics_pages import PAGES_GOAL, serving
from tests.support.subscribing import subscribe
from tools.local.engines import Engines
from tools.local.settings import LocalSettings

TOPICS = (REPORTS, ROUTINGS, CASES, ALERTS)
ROUNDS: Final = 3
BATCH: Final = 2000
GOAL: Final = 0.7
SMALL_HISTORY: Final = 10_000
"""Events of the history that pages and reading are compared with, over the same ten years."""
Writes = list[list[tuple[str, list[Write]]]]


async def raw(settings: KafkaSettings, total: int) -> float:
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
            seen += len([decode_record(each, name) for each in records])
    seconds = time.perf_counter() - started
    await consumer.stop()
    return total / seconds


async def folding(settings: KafkaSettings, store: StoreSettings, total: int) -> tuple[float, Writes]:
    """Events per second through the service's own bus, handler and store, and what was written; from an empty store."""
    database = connect(store, "analytics")
    await cleared(database)
    await prepare(database)
    folder, done = ProjectionConsumer(database), asyncio.Event()
    first: list[float] = []
    written: Writes = []
    place: Any = OpenBatch
    real = place.operations

    def operations(self: OpenBatch, *arguments: Any) -> list[tuple[str, list[Write]]]:
        written.append(real(self, *arguments))
        return written[-1]

    async def handle(records: list[Received]) -> None:
        first.append(time.perf_counter())
        await folder.handle(records)
        offsets = await stored_offsets(database, range(settings.topic_partitions))
        if sum(n for (topic, _), n in offsets.items() if topic != CENTERS.name) >= total:
            done.set()

    group = f"bench-{uuid.uuid4().hex[:8]}"
    bus = KafkaClient(settings, "bench", Health(), SystemClock())
    topics = (*TOPICS, CENTERS)
    subscribe(bus, *topics, group=group, handler=handle, max_records=BATCH, on_assigned=folder.assigned)
    place.operations = operations
    try:
        await bus.start()
        async with asyncio.timeout(300):
            await done.wait()
        seconds = time.perf_counter() - first[0]
        await bus.stop()
    finally:
        place.operations = real
    await cleared(database)
    return total / seconds, written


async def writing(store: StoreSettings, total: int, batches: Writes) -> float:
    """Events per second of the store alone: the same documents in the same transactions, ready made."""
    database = connect(store, "analytics")
    await cleared(database)
    await prepare(database)
    generation = Generation(database)
    started = time.perf_counter()
    for batch in batches:
        async with await database.client.start_session() as session, session.start_transaction():
            for part, operations in batch:
                if operations:
                    await generation.part(part).bulk_write(operations, ordered=False, session=session)
    seconds = time.perf_counter() - started
    await cleared(database)
    return total / seconds


async def compare(settings: KafkaSettings, store: StoreSettings, reports: int) -> dict[str, Any]:
    """The three rates, alternated, and the ratio of their medians."""
    total = await fill(settings, reports, span_of(reports))
    rates: dict[str, list[float]] = {"raw": [], "folded": [], "store": []}
    for number in range(ROUNDS):
        rates["raw"].append(await raw(settings, total))
        folded, written = await folding(settings, store, total)
        rates["folded"].append(folded)
        rates["store"].append(await writing(store, total, written))
        said = ", ".join(f"{name} {found[-1]:,.0f}/s" for name, found in rates.items())
        print(f"round {number + 1}: {said}; {len(written)} batches", flush=True)  # a benchmark's output
    medians = {name: statistics.median(found) for name, found in rates.items()}
    return {
        "events": total,
        "raw_per_s": round(medians["raw"]),
        "store_per_s": round(medians["store"]),
        "folded_per_s": round(medians["folded"]),
        "ratio": round(medians["folded"] / min(medians["raw"], medians["store"]), 3),
        "goal": GOAL,
    }


async def measure(kafka: str, mongodb: str, reports: int, rebuilt: int, shown: int, *, tidy: bool) -> dict[str, Any]:
    """All parts, each with topics and databases of its own, which are removed unless the engines are."""
    found: dict[str, Any] = {}
    grounds: list[Ground] = []

    def ground() -> Ground:
        name = f"bench{uuid.uuid4().hex[:8]}"
        bus = KafkaSettings(bootstrap_servers=kafka, topic_prefix=f"{name}.", call_timeout_s=60)
        store = StoreSettings(uri=SecretStr(mongodb), database_prefix=f"{name}_", call_timeout_s=60)
        grounds.append(Ground(bus, store))
        return grounds[-1]

    try:
        if reports:
            own = ground()
            found |= told(await compare(own.bus, own.store, reports))
        if rebuilt:
            own = ground()
            total = await history(own, rebuilt, TEN_YEARS)
            found |= told({"history_events": total, **await rebuilding(own, total)})
        if shown:
            small, large = ground(), ground()
            await history(small, SMALL_HISTORY, TEN_YEARS)
            read: dict[str, float] = {"shown_events": await history(large, shown, TEN_YEARS)}
            for name, each in (("read_year_{}_ms_small_history", small), ("read_year_{}_ms", large)):
                read |= {name.format(of): round(ms, 1) for of, ms in (await reading(each.database)).items()}
            found |= told(read)
            found |= told(await serving(small, large))
    finally:
        for each in grounds if tidy else ():
            await remove(each.bus)
            await cleared(each.database)
    return found


def told(measured: dict[str, Any]) -> dict[str, Any]:
    """The same, printed."""
    print(json.dumps(measured), flush=True)  # a benchmark's output
    return measured


def main() -> int:
    """Measure and print; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=int, default=5000, help="with four events each; 0: not this part")
    parser.add_argument("--rebuild", type=int, default=0, help="events to be counted anew; 0: not this part")
    parser.add_argument("--pages", type=int, default=0, help="events behind the pages; 0: not this part")
    chosen = parser.parse_args()
    log.configure("bench-analytics", "WARNING")
    given, own = LocalSettings(), None
    kafka, mongodb = given.kafka_bootstrap_servers, given.mongodb_uri.get_secret_value()
    if not (kafka and mongodb):
        own = Engines()
        running = own.start()
        kafka, mongodb = running.kafka, running.mongodb
    try:
        found = asyncio.run(measure(kafka, mongodb, chosen.reports, chosen.rebuild, chosen.pages, tidy=own is None))
    finally:
        if own is not None:
            own.stop()
    print(json.dumps({"bench": "analytics", **found}))  # as above
    missed = found.get("ratio", GOAL) < GOAL or found.get("rebuild_mb", 0) > REBUILD_MB
    missed = missed or found.get("pages_ratio", 0) > PAGES_GOAL
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
