"""What history costs: the rate for the next reports after none and after many, memory, and restarts with many open.

Every report of the history is an open case that nobody has acknowledged: the worst there can be. A restart is timed
from starting the process to the first decision in the log, with nothing but one new report to decide: once after the
process was asked to stop, and once after it was killed, when Kafka first waits until the dead member's session is over
(``KAFKA_SESSION_TIMEOUT_MS``).
"""

import asyncio
import statistics
import time
from dataclasses import dataclass
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorClient

from shared.kafka.publisher import Publisher
from shared.settings import StoreSettings
from tests.integration.routing.running import Traffic
from tests.performance.routing_stage import LIMIT_S, Stage, Workers, received, say

NEXT: Final = 5_000
_REPEATS: Final = 3
_COPIED_WITHIN_S: Final = 1_800.0
_STORE_DOCUMENTS: Final = 20_000
_PROBE_BATCH: Final = 1_000


@dataclass(frozen=True, slots=True)
class Costs:
    """What was measured at one length of history."""

    reports: int
    rate: float
    """Records a second over the next 5,000 reports; the median of a few goes."""
    memory_mb: float

    def shown(self) -> dict[str, float]:
        """For the result."""
        return {"history": self.reports, "per_s": round(self.rate), "memory_mb": self.memory_mb}


@dataclass(frozen=True, slots=True)
class Restarts:
    """Seconds from starting the process to the first decision, at the longest history."""

    after_stop: float
    after_kill: float
    session_s: float
    """How long Kafka waits for a member that was killed, before another may go on: part of ``after_kill``."""


async def measure(stage: Stage, lengths: list[int]) -> tuple[list[Costs], Restarts]:
    """The costs at each length of history, shortest first, and the restarts at the longest."""
    workers = Workers(stage, 1)
    traffic = Traffic(Publisher(stage.bus), seed=7)
    costs: list[Costs] = []
    done = 0
    try:
        await workers.start()
        for length in lengths:
            if length > done:
                await stage.history(length - done, seed=length)
                done = await _settled(stage, workers, length)
            rates = []
            for _ in range(_REPEATS):
                rates.append(await _next(stage, workers, traffic))
                done += NEXT
            costs.append(Costs(length, statistics.median(rates), workers.memory_mb()[0]))
            say(f"history {length:9,d}: {costs[-1].rate:10,.0f} records/s, {costs[-1].memory_mb:.0f} MB")
        await _settled(stage, workers, done)
        await workers.stop()
        after_stop = await _restart(stage, workers, traffic, "stop")
        workers.kill()
        after_kill = await _restart(stage, workers, traffic, "kill")
        return costs, Restarts(after_stop, after_kill, stage.bus.session_timeout_ms / 1000)
    finally:
        workers.kill()


async def _next(stage: Stage, workers: Workers, traffic: Traffic) -> float:
    records = received(traffic, NEXT)
    before = await stage.ends(stage.routings)
    workers.hold()
    await stage.publish(records)
    workers.go()
    return await stage.rate(stage.routings, NEXT, since=before)


async def _settled(stage: Stage, workers: Workers, reports: int) -> int:
    """Until all is decided and the read model has it; how many reports there are."""
    limit = time.monotonic() + LIMIT_S + _COPIED_WITHIN_S
    while time.monotonic() < limit:
        decided = sum((await stage.ends(stage.routings)).values())
        if decided >= reports and await workers.metric("ieum_kafka_lag_records", 'topic="routings"') == 0:
            return decided
        await asyncio.sleep(1)
    raise TimeoutError(f"the copy of {reports} reports was not done within {_COPIED_WITHIN_S:g} s")


async def _restart(stage: Stage, workers: Workers, traffic: Traffic, after: str) -> float:
    before = await stage.ends(stage.routings)
    await stage.publish(received(traffic, 1))
    started = time.time()
    workers.processes[0].start()
    await stage.rate(stage.routings, 1, since=before)
    seconds = await stage.newest(stage.routings) - started
    say(f"restart after a {after} to first decision: {seconds:.1f} s")
    return seconds


async def store_rates(settings: StoreSettings) -> dict[str, int]:
    """How fast the store writes and reads documents of a decision's size, a thousand at a time."""
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(settings.uri.get_secret_value())
    probe = client[f"{settings.database_prefix}probe"]["documents"]
    body = {f"field_{n}": "x" * 20 for n in range(60)}
    try:
        start = time.perf_counter()
        for at in range(0, _STORE_DOCUMENTS, _PROBE_BATCH):
            await probe.insert_many([{"_id": n, **body} for n in range(at, at + _PROBE_BATCH)], ordered=False)
        written = time.perf_counter()
        async for _ in probe.find({}, hint={"$natural": 1}):
            pass
        read = time.perf_counter()
    finally:
        await client.drop_database(probe.database.name)
        client.close()
    return {
        "inserts_per_s": round(_STORE_DOCUMENTS / (written - start)),
        "reads_per_s": round(_STORE_DOCUMENTS / (read - written)),
    }
