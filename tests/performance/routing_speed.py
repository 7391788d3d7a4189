"""How fast a backlog is worked off: routing with one and with two workers, and the loops it is measured against."""

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from shared.events.base import Record
from shared.kafka.publisher import Publisher
from tests.integration.routing.running import ROOT, Traffic
from tests.performance.kafka_streams_router import StreamsError, StreamsRouter, cpu_seconds
from tests.performance.routing_stage import Stage, Workers, received, say

LOOPS: Final = ("bare", "explained", "same_job")
WORKERS: Final = {"one_worker": 1, "two_workers": 2}
STREAMS: Final = {"kafka_streams": 1, "kafka_streams_2": 2}
"""Kafka Streams with so many stream threads: a core for each worker of ours."""
CONTESTANTS: Final = (*WORKERS, *LOOPS, "idiomatic")
_IDIOMATIC_REPORTS: Final = 1_000
"""As many as a slow service does in a few seconds."""


class Round(NamedTuple):
    """What one round found."""

    rates: dict[str, float]
    """Records a second by contestant."""
    cpu_us: dict[str, float]
    """CPU of a contestant's processes by record, in microseconds, where it is told."""
    memory_mb: list[float]
    """Of each of our workers."""


async def one_round(stages: Mapping[str, Stage], reports: int, turn: int) -> Round:
    """Every contestant once, beginning with another one each time.

    All work off the same reports; forms of routing and of Kafka Streams have topics of their own, the loops share
    theirs. ``stages`` has those of Kafka Streams only where it can run.
    """
    backlog = received(Traffic(Publisher(stages["loops"].bus), seed=turn), reports)
    await stages["loops"].publish(backlog)
    found = Round({}, {}, [])
    contestants = (*CONTESTANTS, *(name for name in STREAMS if name in stages))
    at = turn % len(contestants)
    for name in contestants[at:] + contestants[:at]:
        if name in WORKERS:
            found.rates[name], found.cpu_us[name], used = await _routing(stages[name], WORKERS[name], backlog)
            found.memory_mb.extend(used)
        elif name in STREAMS:
            found.rates[name], found.cpu_us[name] = await _streams(stages[name], STREAMS[name], backlog, turn)
        else:
            found.rates[name] = await _loop(stages["loops"], name, reports)
        cpu = f", {found.cpu_us[name]:.0f} us of CPU each" if name in found.cpu_us else ""
        say(f"round {turn + 1}: {name:15s} {found.rates[name]:10,.0f} records/s{cpu}")
    return found


async def _routing(stage: Stage, count: int, backlog: Sequence[Record]) -> tuple[float, float, list[float]]:
    """Workers that stand still while the backlog is written: neither their start nor a rebalance is measured."""
    workers = Workers(stage, count)
    try:
        await workers.start()
        workers.hold()
        await stage.publish(backlog)
        children = [process.child for process in workers.processes]
        before = sum(map(cpu_seconds, children))
        workers.go()
        rate = await stage.rate(stage.routings, len(backlog))
        used = sum(map(cpu_seconds, children)) - before
        return rate, used * 1e6 / len(backlog), workers.memory_mb()
    finally:
        workers.kill()


async def _streams(stage: Stage, threads: int, backlog: Sequence[Record], turn: int) -> tuple[float, float]:
    """Kafka Streams, warmed by as many other reports, so that neither its start nor the compiler is measured."""
    topic = await stage.extra_topic("raw.kafka_streams")
    warming = received(Traffic(Publisher(stage.bus), seed=1_000 + turn), len(backlog))
    router = StreamsRouter(stage, topic, threads)
    try:
        await stage.publish(warming)
        router.start()
        await stage.rate(topic, len(warming))
        if router.child is None:
            raise StreamsError("it was not started")
        router.child.send_signal(signal.SIGSTOP)
        since = await stage.ends(topic)
        await stage.publish(backlog)
        before = cpu_seconds(router.child)
        router.child.send_signal(signal.SIGCONT)
        rate = await stage.rate(topic, len(backlog), since=since)
        used = cpu_seconds(router.child) - before
    finally:
        router.kill()
    if differences := await router.differences():
        raise StreamsError(f"{len(differences)} decisions differ from ours, the first: {differences[0]}")
    return rate, used * 1e6 / len(backlog)


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
