"""Accepted → shown on the console's stream at 20 a second, beside a raw round trip on the same broker.

``python -m tests.performance.bench_latency``. Both in turns in one run; the ratio of the medians over the rounds
counts. The first is the way of a report: 202 → intake's outbox → `reports` → routing → `routings` → notify → stream.
The second is one record of the same size, sent idempotently with acks=all and read by a consumer that waits for it.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.centers import CENTRAL
from shared.identity.roles import StaffRole
from tests.performance.routing_latency import Spread
from tools.demo import desk, frontends, params, people, simulator
from tools.demo.frontends import FrontEnds
from tools.demo.people import Crew, Wanted
from tools.demo.progress import Progress
from tools.demo.submitter import submit_all
from tools.local.settings import LocalSettings
from tools.local.stack import Stack

RATE: Final = 20.0
GOAL: Final = 10.0
"""p99 of the whole way over p99 of the raw round trip (issue 3)."""
_RECORD_BYTES: Final = 700
"""About what a `report.received` record weighs."""
_LIMIT_S: Final = 30.0
OVERSIGHT: Final = Wanted(CENTRAL, (StaffRole.COUNSELLOR,))
"""Who looks at what no centre has answered yet."""


@dataclass(frozen=True, slots=True)
class Desks:
    """Who looks at the oversight desk, and the front ends reports come from."""

    crew: Crew
    front_ends: FrontEnds


async def whole_way(stack: Stack, desks: Desks, count: int, seed: int) -> Spread:
    """Lodge ``count`` reports and time each from its 202 to the row on the oversight desk's stream."""
    progress, opened = Progress(), asyncio.Event()
    run = f"bench-{uuid.uuid4().hex[:10]}"
    wanted = [
        r for r in simulator.requests(params.load(), seed=seed, count=count, run=run) if r.kind == simulator.ACCEPTED
    ]
    async with (
        desks.crew.client(OVERSIGHT.name) as notify,
        httpx.AsyncClient(base_url=stack.urls["intake"], timeout=_LIMIT_S, trust_env=False) as intake,
    ):
        listening = asyncio.create_task(desk.follow(notify, desk.OVERSIGHT, desk.shower(progress), opened))
        try:
            async with asyncio.timeout(_LIMIT_S):
                await opened.wait()
            await submit_all(intake, wanted, progress, RATE, desks.front_ends)
            async with asyncio.timeout(_LIMIT_S):
                while len(progress.latencies_ms()) < count:  # noqa: ASYNC110  # the stream's reader has no signal
                    await asyncio.sleep(0.05)
        finally:
            listening.cancel()
    if progress.unexpected:
        raise RuntimeError(progress.unexpected[0])
    return Spread.of(list(progress.latencies_ms().values()))


async def raw_round_trip(kafka: str, topic: str, count: int) -> Spread:
    """Send ``count`` records at the same rate and time each from the call to send to its arrival at a consumer."""
    sent: dict[bytes, float] = {}
    times: list[float] = []
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="latest")
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True, linger_ms=0)
    await consumer.start()
    await producer.start()
    for partition in consumer.assignment():
        await consumer.position(partition)  # Before this "latest" may be later than the first record.

    async def receive() -> None:
        async for record in consumer:
            times.append((time.monotonic() - sent[record.key]) * 1000)
            if len(times) == count:
                return

    try:
        async with asyncio.timeout(count / RATE + _LIMIT_S):
            reading = asyncio.create_task(receive())
            start = time.monotonic()
            for number in range(count):
                await asyncio.sleep(max(0.0, start + number / RATE - time.monotonic()))
                key = f"{number}".encode()
                sent[key] = time.monotonic()
                await producer.send_and_wait(topic, b"x" * _RECORD_BYTES, key=key)
            await reading
    finally:
        await producer.stop()
        await consumer.stop()
    return Spread.of(times)


async def measure(stack: Stack, desks: Desks, rounds: int, count: int) -> tuple[list[Spread], list[Spread]]:
    """Both in turns, after one round of each that is not counted."""
    topic = f"bench-{uuid.uuid4().hex[:10]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    await admin.close()
    await whole_way(stack, desks, int(RATE) * 2, seed=0)
    await raw_round_trip(stack.kafka, topic, int(RATE) * 2)
    ours, theirs = [], []
    for number in range(1, rounds + 1):
        ours.append(await whole_way(stack, desks, count, seed=number))
        theirs.append(await raw_round_trip(stack.kafka, topic, count))
    return ours, theirs


def result_of(ours: Sequence[Spread], theirs: Sequence[Spread], count: int) -> dict[str, Any]:
    """Medians over the rounds, and their ratios."""

    def median(spreads: Sequence[Spread], name: str) -> float:
        return float(statistics.median(getattr(spread, name) for spread in spreads))

    p50, p99 = median(ours, "p50"), median(ours, "p99")
    raw_p50, raw_p99 = median(theirs, "p50"), median(theirs, "p99")
    return {
        "bench": "latency",
        "per_second": RATE,
        "samples_per_round": count,
        "shown_p50_ms": round(p50, 1),
        "shown_p99_ms": round(p99, 1),
        "raw_p50_ms": round(raw_p50, 1),
        "raw_p99_ms": round(raw_p99, 1),
        "ratio_p50": round(p50 / raw_p50, 2),
        "ratio": round(p99 / raw_p99, 2),
        "goal": GOAL,
        "goal_is": "at most",
        "rounds": [[round(a.p99, 1), round(b.p99, 1)] for a, b in zip(ours, theirs, strict=True)],
    }


def main() -> int:
    """Run, print one JSON line, return 0 if the goal is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--reports", type=int, default=200, help="in each round")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ieum-bench-", ignore_cleanup_errors=True) as folder:
        stack = Stack(LocalSettings.on_free_ports(Path(folder)), say=lambda _: None)
        try:
            stack.start()
            made = people.create(stack.environment_of("identity"), [OVERSIGHT])
            desks = Desks(Crew(stack.urls, made), frontends.create(stack.environment_of("intake")))
            ours, theirs = asyncio.run(measure(stack, desks, given.rounds, given.reports))
        finally:
            stack.stop()
    result = result_of(ours, theirs, given.reports)
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if float(result["ratio"]) <= GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())
