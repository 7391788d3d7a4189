"""How fast a backlog is worked off: routing with one and with two workers, and the loops it is measured against."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from shared.events.base import Record
from shared.kafka.publisher import Publisher
from tests.integration.routing.running import ROOT, Traffic
from tests.performance.routing_stage import Stage, Workers, received, say

LOOPS: Final = ("bare", "explained", "same_job")
CONTESTANTS: Final = ("one_worker", "two_workers", *LOOPS, "idiomatic")
_IDIOMATIC_REPORTS: Final = 1_000
"""As many as a slow service does in a few seconds."""


async def one_round(stages: Mapping[str, Stage], reports: int, turn: int) -> tuple[dict[str, float], list[float]]:
    """Every contestant once, beginning with another one each time: records a second, and each worker's megabytes.

    All work off the same reports; the two forms of routing have topics of their own, the loops share theirs.
    """
    backlog = received(Traffic(Publisher(stages["loops"].bus), seed=turn), reports)
    await stages["loops"].publish(backlog)
    rates: dict[str, float] = {}
    memory: list[float] = []
    at = turn % len(CONTESTANTS)
    for name in CONTESTANTS[at:] + CONTESTANTS[:at]:
        if name in ("one_worker", "two_workers"):
            rates[name], used = await _routing(stages[name], 1 if name == "one_worker" else 2, backlog)
            memory += used
        else:
            rates[name] = await _loop(stages["loops"], name, reports)
        say(f"round {turn + 1}: {name:12s} {rates[name]:10,.0f} records/s")
    return rates, memory


async def _routing(stage: Stage, count: int, backlog: Sequence[Record]) -> tuple[float, list[float]]:
    """Workers that stand still while the backlog is written: neither their start nor a rebalance is measured."""
    workers = Workers(stage, count)
    try:
        await workers.start()
        workers.hold()
        await stage.publish(backlog)
        workers.go()
        rate = await stage.rate(stage.routings, len(backlog))
        return rate, workers.memory_mb()
    finally:
        workers.kill()


async def _loop(stage: Stage, name: str, reports: int) -> float:
    module, more = ("raw_router", [name]) if name in LOOPS else ("idiomatic_router", [])
    topic = await stage.extra_topic(f"raw.{name}" if more else name)
    command = [
        sys.executable,
        "-m",
        f"tests.performance.{module}",
        stage.bus.bootstrap_servers,
        stage.bus.topic_prefix,
        *more,
    ]
    process = _start(command, stage.folder / f"{stage.bus.topic_prefix}{name}.log")
    try:
        return await stage.rate(topic, reports if more else min(reports, _IDIOMATIC_REPORTS))
    finally:
        process.kill()
        process.wait()


def _start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)
