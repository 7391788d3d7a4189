"""How fast analytics folds and stores, beside two baselines of the same run, and how fast and large a rebuild is.

``python -m tests.bench.bench_analytics [--reports N] [--rebuild EVENTS]``. The baselines, alternated with it: the same
records only consumed and validated; the same documents only written, in the same transactions, to the same store. The
goal is 0.7 of the slower of the two. The rebuild counts so many events anew in a process of its own, compares them with
the generation that serves and takes its place. Uses the engines of the environment, or starts its own. One line of JSON
at the end; 1 where a goal is missed.
"""

import argparse
import asyncio
import json
import re
import statistics
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from pydantic import SecretStr

from deploy.local.engines import Engines
from deploy.local.settings import LocalSettings
from services.analytics.cubes import CUBES
from services.analytics.handlers import Folder
from services.analytics.policy.periods import parse
from services.analytics.rebuild import rebuild_of
from services.analytics.store.folding import Batch, Write, prepare, stored_offsets
from services.analytics.store.generations import CELLS_MARK, Database, Generation, drop_others
from services.analytics.store.reading import Reader
from shared import log
from shared.bus.admin import ensure_topics
from shared.bus.bus import Bus
from shared.bus.connection import bare_name, client_options, topic_name
from shared.bus.publisher import Publisher
from shared.bus.records import Received, receive
from shared.clock import SystemClock
from shared.events.base import Event
from shared.events.vocabulary import HarmType
from shared.health import Health
from shared.mongo import connect
from shared.settings import BusSettings, StoreSettings
from shared.topics import ALERTS, CASES, CENTERS, REPORTS, ROUTINGS
from tests.integration.analytics.traffic import record
from tests.integration.analytics.worker import command
from tests.unit.analytics import events as make

TOPICS = (REPORTS, ROUTINGS, CASES, ALERTS)
ROUNDS: Final = 3
BATCH: Final = 2000
GOAL: Final = 0.7
SMALL_HISTORY: Final = 10_000
"""Events of the history that reading is compared with."""
REBUILD_MB: Final = 250
TEN_YEARS: Final = timedelta(days=3650)
A_DAY: Final = 28
"""Reports nationwide; 10,305 people were helped in 2024."""
HARMS: Final = tuple(HarmType)
Writes = list[list[tuple[str, list[Write]]]]
CENTERS_USED = ("busan", "daegu", "gyeonggi", "incheon", "jeju")


def stories(reports: int) -> Iterator[Event]:
    """Received, routed, alerted and acknowledged, of 28 reports a day, or of as many as it takes to fit ten years."""
    span = min(TEN_YEARS, timedelta(days=reports / A_DAY))
    for number in range(reports):
        rid = make.report_id(number)
        at = make.START - span * (reports - number) / reports
        body = make.varied(number, (HARMS[number % len(HARMS)],))
        yield make.received(rid, body, at)
        yield make.routed(rid, CENTERS_USED[number % len(CENTERS_USED)], body, at)
        yield make.alert_sent(rid)
        yield make.acknowledged(rid).model_copy(update={"at": at + timedelta(seconds=number % 4000)})


async def cleared(database: Database) -> None:
    """Remove the database; what is filled is emptied first, as to drop it would stop the embedded store."""
    await drop_others(database, set())
    await database.client.drop_database(database.name)


async def fill(settings: BusSettings, reports: int) -> int:
    await ensure_topics(settings)
    publisher = Publisher(settings)
    await publisher.start()
    events, total = stories(reports), 0
    while some := [record(event) for event in islice(events, 5000)]:
        await publisher.publish(some)
        total += len(some)
    await publisher.stop()
    return total


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


async def folding(settings: BusSettings, store: StoreSettings, total: int) -> tuple[float, Writes]:
    """Events per second through the service's own bus, handler and store, and what was written; from an empty store."""
    database = connect(store, "analytics")
    await cleared(database)
    await prepare(database)
    folder, done = Folder(database), asyncio.Event()
    first: list[float] = []
    written: Writes = []
    place: Any = Batch
    real = place.operations

    def operations(self: Batch, *arguments: Any) -> list[tuple[str, list[Write]]]:
        written.append(real(self, *arguments))
        return written[-1]

    async def handle(records: list[Received]) -> None:
        first.append(time.perf_counter())
        await folder.handle(records)
        offsets = await stored_offsets(database, range(settings.topic_partitions))
        if sum(n for (topic, _), n in offsets.items() if topic != CENTERS.name) >= total:
            done.set()

    group = f"bench-{uuid.uuid4().hex[:8]}"
    bus = Bus(settings, "bench", Health(), SystemClock())
    topics = (*TOPICS, CENTERS)
    bus.subscribe(*topics, group=group, handler=handle, max_records=BATCH, on_assigned=folder.assigned)
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


async def compare(settings: BusSettings, store: StoreSettings, reports: int) -> dict[str, Any]:
    """The three rates, alternated, and the ratio of their medians."""
    total = await fill(settings, reports)
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


async def rebuilding(settings: BusSettings, store: StoreSettings, events: int) -> dict[str, Any]:
    """A rebuild of so many events: twice, so that the second has a whole generation to compare with."""
    total = await fill(settings, events // 4)
    database = connect(store, "analytics")
    await prepare(database)
    async with rebuild_of(settings, database) as rebuild:
        ends = {
            (topic.name, partition): end
            for topic, reader in rebuild.logs.items()
            for partition, end in (
                await reader.ends(range(settings.topic_partitions if topic != CENTERS else 1))
            ).items()
        }
        first = await rebuild.as_of(ends)
    serves = {"$set": {"generation": first.number}, "$unset": {"building": ""}}
    await database.cells.update_one({"_id": CELLS_MARK}, serves)
    started = time.perf_counter()
    ended = await command(settings, store, "services.analytics.rebuild", limit_s=3600)
    whole = time.perf_counter() - started
    said = re.search(r"([\d,]+) events counted anew in ([\d.]+) s .*?(\d+) MB at most", ended.said)
    if ended.status or said is None or "\n0 cells differ" not in ended.said:
        raise SystemExit(f"the rebuild failed: {ended.said[-2000:]}")
    read = await reading(store)
    return {
        "history_events": total,
        "read_year_p50_ms": round(read["p50"], 1),
        "read_year_p95_ms": round(read["p95"], 1),
        "rebuilt_events": int(said[1].replace(",", "")),
        "rebuilt_per_s": round(total / float(said[2])),
        "rebuild_with_compare_and_swap_s": round(whole, 1),
        "rebuild_mb": int(said[3]),
        "rebuild_mb_goal": REBUILD_MB,
    }


async def reading(store: StoreSettings) -> dict[str, float]:
    """Milliseconds that 95 of 100 questions take at most: a year by each cube that is kept, and its times."""
    reader = Reader(connect(store, "analytics"))
    found: list[float] = []
    for year in (parse(str(number)) for number in range(2017, 2027)):
        if year is None:
            continue
        for question in (*(reader.counts(year, cube) for cube in CUBES), reader.times(year, "waiting", by="center")):
            started = time.perf_counter()
            await question
            found.append(1000 * (time.perf_counter() - started))
    return {"p50": statistics.median(found), "p95": statistics.quantiles(found, n=20)[18]}


async def remove(settings: BusSettings) -> None:
    """Take the benchmark's own topics away again."""
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    await admin.delete_topics([name for name in await admin.list_topics() if name.startswith(settings.topic_prefix)])
    await admin.close()


async def measure(kafka: str, mongodb: str, reports: int, events: int, *, tidy: bool) -> dict[str, Any]:
    """Both parts, each with topics and databases of its own, which are removed unless the engines are."""
    found: dict[str, Any] = {}
    for size, part in ((reports, compare), (SMALL_HISTORY if events else 0, rebuilding), (events, rebuilding)):
        if not size:
            continue
        name = f"bench{uuid.uuid4().hex[:8]}"
        settings = BusSettings(bootstrap_servers=kafka, topic_prefix=f"{name}.", call_timeout_s=60)
        store = StoreSettings(uri=SecretStr(mongodb), database_prefix=f"{name}_", call_timeout_s=60)
        try:
            measured = await part(settings, store, size)
        finally:
            if tidy:
                await remove(settings)
                await cleared(connect(store, "analytics"))
        print(json.dumps(measured), flush=True)  # as above
        if part is rebuilding and size == SMALL_HISTORY:
            found["read_year_p95_ms_small_history"] = measured["read_year_p95_ms"]
        else:
            found |= measured
    return found


def main() -> int:
    """Measure and print; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=int, default=5000, help="with four events each; 0: not this part")
    parser.add_argument("--rebuild", type=int, default=0, help="events to be counted anew; 0: not this part")
    chosen = parser.parse_args()
    log.configure("bench-analytics", "WARNING")
    given, own = LocalSettings(), None
    kafka, mongodb = given.kafka_bootstrap_servers, given.mongodb_uri.get_secret_value()
    if not (kafka and mongodb):
        own = Engines()
        running = own.start()
        kafka, mongodb = running.kafka, running.mongodb
    try:
        found = asyncio.run(measure(kafka, mongodb, chosen.reports, chosen.rebuild, tidy=own is None))
    finally:
        if own is not None:
            own.stop()
    print(json.dumps({"bench": "analytics", **found}))  # as above
    missed = found.get("ratio", GOAL) < GOAL or found.get("rebuild_mb", 0) > REBUILD_MB
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
