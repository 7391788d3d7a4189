"""Routing beside a raw loop, on one broker, alternated in one run.

``python -m tests.bench.bench_routing [REPORTS [ROUNDS]]``.
Each round has its own topics and works off the same backlog three times: routing as a real process (validation, the
rule with all 16 candidates explained, gap check, copies to the store), and the raw loop of ``raw_router`` in both its
forms. Rates are records over the time from the first to the last output record's timestamp. Medians, and medians
of the rounds' ratios, are printed and written to ``var/bench/routing.json``.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pydantic import SecretStr

from deploy.local.engines import Engines
from shared.bus.admin import ensure_topics
from shared.bus.publisher import Publisher
from shared.settings import BusSettings, StoreSettings
from tests.integration.routing.running import ROOT, Process, Traffic, in_pieces

PARTITIONS = 6
REPORTS, ROUNDS = 30_000, 3
LIMIT_S = 180.0
RESULT = ROOT / "var" / "bench" / "routing.json"
CONTESTANTS = ("routing", "bare", "explained")


async def main(reports: int, rounds: int) -> None:
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS"), os.environ.get("MONGODB_URI")
    own = None if all(given) else Engines().start()
    try:
        kafka, mongodb = (own.kafka, own.mongodb) if own else (str(given[0]), str(given[1]))
        rates: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
        for number in range(rounds):
            turn = number % len(CONTESTANTS)
            for name, rate in (
                await one_round(kafka, mongodb, reports, CONTESTANTS[turn:] + CONTESTANTS[:turn])
            ).items():
                rates[name].append(rate)
                print(f"round {number + 1}: {name:10s} {rate:10,.0f} records/s", flush=True)
        report(rates, reports)
    finally:
        if own:
            own.stop()


async def one_round(kafka: str, mongodb: str, reports: int, order: tuple[str, ...]) -> dict[str, float]:
    name = f"bench{uuid.uuid4().hex[:8]}"
    bus = BusSettings(bootstrap_servers=kafka, topic_prefix=f"{name}.", topic_partitions=PARTITIONS)
    store = StoreSettings(uri=SecretStr(mongodb), database_prefix=f"{name}_")
    await ensure_topics(bus)
    await backlog(bus, reports)
    return {contestant: await measured(contestant, bus, store, reports) for contestant in order}


async def backlog(bus: BusSettings, reports: int) -> None:
    publisher = Publisher(bus)
    await publisher.start()
    traffic = Traffic(publisher, seed=reports)
    for piece in in_pieces([traffic.received() for _ in range(reports)], 2000):
        await traffic.send(*piece)
    await publisher.stop()


async def measured(contestant: str, bus: BusSettings, store: StoreSettings, reports: int) -> float:
    log = Path(tempfile.mkdtemp(prefix="bench-routing-")) / f"{contestant}.log"
    if contestant == "routing":
        topic, process = f"{bus.topic_prefix}routings", Process(bus, store, log)
        process.start()
        stop = process.kill
    else:
        topic = await make_topic(bus, f"{bus.topic_prefix}raw.{contestant}")
        stop = start_raw(bus, contestant, log).kill
    try:
        return await rate_of(bus.bootstrap_servers, topic, reports)
    finally:
        stop()


async def make_topic(bus: BusSettings, name: str) -> str:
    admin = AIOKafkaAdminClient(bootstrap_servers=bus.bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, PARTITIONS, 1)])
    finally:
        await admin.close()
    return name


def start_raw(bus: BusSettings, form: str, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.bench.raw_router", bus.bootstrap_servers, bus.topic_prefix, form]
    with log.open("wb") as out:
        return subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)


async def rate_of(kafka: str, topic: str, reports: int) -> float:
    """Wait until all are written, then read the first and the last timestamp."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest", group_id=None)
    await consumer.start()
    places = [TopicPartition(topic, p) for p in range(PARTITIONS)]
    consumer.assign(places)
    try:
        end = time.monotonic() + LIMIT_S
        while sum((ends := await consumer.end_offsets(places)).values()) < reports:
            if time.monotonic() > end:
                raise TimeoutError(f"{topic}: {sum(ends.values())} of {reports} after {LIMIT_S:g} s")
            await asyncio.sleep(0.2)
        first = [await stamp(consumer, place, 0) for place in places]
        last = [await stamp(consumer, place, ends[place] - 1) for place in places]
        return reports / ((max(last) - min(first)) / 1000)
    finally:
        await consumer.stop()


async def stamp(consumer: AIOKafkaConsumer, place: TopicPartition, offset: int) -> int:
    consumer.seek(place, offset)
    while True:
        for record in (await consumer.getmany(place, timeout_ms=500, max_records=1)).get(place, []):
            return int(record.timestamp)


def report(rates: dict[str, list[float]], reports: int) -> None:
    medians = {name: round(statistics.median(found)) for name, found in rates.items()}
    ratios = {
        f"routing/{name}": round(
            statistics.median(a / b for a, b in zip(rates["routing"], rates[name], strict=True)), 2
        )
        for name in CONTESTANTS[1:]
    }
    result = {"reports": reports, "rounds": len(rates["routing"]), "medians_per_s": medians, "ratios": ratios}
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1), flush=True)


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:3]]
    asyncio.run(main(*(given + [REPORTS, ROUNDS][len(given) :])))
