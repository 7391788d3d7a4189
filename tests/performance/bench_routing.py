"""Routing beside the loops it must beat, on one broker, alternated in one run.

``python -m tests.performance.bench_routing [--reports N] [--rounds N] [--history N]``. Measured are the backlog's rate
with one and two workers (``routing_speed``), the latency at 50 a second (``routing_latency``), what history costs, and
a restart (``routing_history``). Rates are records over the time from the first to the last output record's timestamp;
ratios are the medians of the rounds' ratios. All of it is the JSON line at the end; ``goals`` says what is met.

The engines are the local ones, or those of ``KAFKA_BOOTSTRAP_SERVERS`` and ``MONGODB_URI`` where both are set: the
goal for a restart is one for a store as fast as MongoDB.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.performance import kafka_streams_router, routing_history, routing_latency, routing_speed
from tests.performance.routing_history import Costs, Restarts
from tests.performance.routing_latency import Spread
from tests.performance.routing_speed import Round
from tests.performance.routing_stage import Stage, say
from tools.local.engines import Engines

REPORTS: Final = 30_000
ROUNDS: Final = 3
HISTORY: Final = 50_000
"""What `make bench` has time for; the goal is for 1,000,000."""
GOAL: Final = 1.0
"""One worker, which explains each decision, over the straightforward loop that explains nothing."""
_LATENCY_ROUNDS: Final = 3
_LATENCY_SAMPLES: Final = 400
_FLAT: Final = 0.95
"""The rate after history over the rate before it."""
_RESTART_S: Final = 3.0
"""After a kill this begins only when Kafka gives the dead member up: the goal there has its session on top."""

Goals = dict[str, tuple[float, str, float]]
"""By name: what was measured, ``at least`` or ``at most``, the goal."""


async def run(kafka: str, mongodb: str, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Everything, one after the other."""
    rounds: list[Round] = []
    contestants = ["loops", *routing_speed.WORKERS]
    if (lacking := kafka_streams_router.missing()) is None:
        contestants += routing_speed.STREAMS
    else:
        say(f"no row for Kafka Streams: {lacking}")
    for turn in range(given.rounds):
        stages = {name: await Stage.new(kafka, mongodb, folder) for name in contestants}
        rounds.append(await routing_speed.one_round(stages, given.reports, turn))
    ours, theirs = await routing_latency.measure(
        await Stage.new(kafka, mongodb, folder), _LATENCY_ROUNDS, _LATENCY_SAMPLES
    )
    stage = await Stage.new(kafka, mongodb, folder)
    costs, restarts = await routing_history.measure(stage, [0, given.history])
    store = await routing_history.store_rates(stage.store)
    return result_of(rounds, (ours, theirs), (costs, restarts), store)


def result_of(
    rounds: Sequence[Round],
    latency: tuple[Sequence[Spread], Sequence[Spread]],
    history: tuple[Sequence[Costs], Restarts],
    store: dict[str, int],
) -> dict[str, Any]:
    """Medians over the rounds, and what they are worth."""
    (ours, theirs), (costs, restarts) = latency, history
    rates = {name: [one.rates[name] for one in rounds] for name in rounds[0].rates}
    memory = [used for one in rounds for used in one.memory_mb]

    def ratio(mine: str, other: str) -> float:
        return round(statistics.median(a / b for a, b in zip(rates[mine], rates[other], strict=True)), 2)

    def times(name: str) -> float:
        return round(_median(ours, name) / _median(theirs, name), 2)

    goals: Goals = {
        "one_worker/bare": (ratio("one_worker", "bare"), "at least", GOAL),
        "two_workers/bare": (ratio("two_workers", "bare"), "at least", 1.6),
        "one_worker/same_job": (ratio("one_worker", "same_job"), "at least", 4.0),
        "latency_p50/raw": (times("p50"), "at most", 1.5),
        "latency_p99/raw": (times("p99"), "at most", 2.0),
        "memory_mb_per_worker": (max([*memory, *(cost.memory_mb for cost in costs)]), "at most", 100.0),
        "rate_after/before_history": (round(costs[-1].rate / costs[0].rate, 2), "at least", _FLAT),
        "restart_after_stop_s": (round(restarts.after_stop, 1), "at most", _RESTART_S),
        "restart_after_kill_s": (round(restarts.after_kill, 1), "at most", restarts.session_s + _RESTART_S),
    }
    for ours_is, streams in zip(routing_speed.WORKERS, routing_speed.STREAMS, strict=True):
        if streams in rates:
            goals[f"{ours_is}/{streams}"] = (ratio(ours_is, streams), "at least", 1.0)
    return {
        "bench": "routing",
        "per_s": {name: round(statistics.median(found)) for name, found in rates.items()},
        "one_worker/idiomatic": ratio("one_worker", "idiomatic"),
        "one_worker/explained": ratio("one_worker", "explained"),
        "cpu_us": {n: round(statistics.median(one.cpu_us[n] for one in rounds), 1) for n in rounds[0].cpu_us},
        "latency_ms": {name: round(_median(ours, name), 1) for name in ("p50", "p99")},
        "raw_latency_ms": {name: round(_median(theirs, name), 1) for name in ("p50", "p99")},
        "history": [cost.shown() for cost in costs],
        "store": store,
        "goals": {name: f"{value:g} {_verdict(value, how, goal)}" for name, (value, how, goal) in goals.items()},
        "ratio": goals["one_worker/bare"][0],
        "goal": GOAL,
        "goal_is": "at least",
        "rounds": {name: [round(rate) for rate in found] for name, found in rates.items()},
    }


def _median(spreads: Sequence[Spread], name: str) -> float:
    return float(statistics.median(getattr(spread, name) for spread in spreads))


def _verdict(value: float, how: str, goal: float) -> str:
    met = value >= goal if how == "at least" else value <= goal
    return f"({'met' if met else 'MISSED'}: {how} {goal:g})"


def main() -> int:
    """Run, print one JSON line, return 0 if every goal is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=int, default=REPORTS, help="in each round")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--history", type=int, default=HISTORY, help="reports decided before the last measurements")
    given = parser.parse_args()
    kafka, mongodb = os.environ.get("KAFKA_BOOTSTRAP_SERVERS"), os.environ.get("MONGODB_URI")
    own = None if kafka and mongodb else Engines().start()
    with tempfile.TemporaryDirectory(prefix="ieum-bench-", ignore_cleanup_errors=True) as folder:
        try:
            result = asyncio.run(
                run(own.kafka if own else kafka or "", own.mongodb if own else mongodb or "", Path(folder), given)
            )
        finally:
            if own:
                own.stop()
    for name, said in result["goals"].items():
        say(f"{name:28s} {said}")
    sys.stdout.write(json.dumps(result) + "\n")
    return 1 if any("MISSED" in said for said in result["goals"].values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
