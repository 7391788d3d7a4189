"""The long form of routing under fire: round after round with a new seed, going on where it was stopped.

    python -m tests.integration.routing.torture                 # 4 rounds: one broker and three, state kept and lost
    python -m tests.integration.routing.torture --hours 8       # as many rounds as fit
    python -m tests.integration.routing.torture --seed 1003 --brokers 1 --env ROUTING_MAX_RECORDS=20
    python -m tests.integration.routing.torture --broken        # builds with a mistake in them: shows what is found

Results are lines of ``var/torture/routing.jsonl``; ``var/torture/routing-summary.json`` adds them up.
"""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from shared.settings import load
from tests.integration.routing import blows
from tests.integration.routing.cluster import Cluster
from tests.integration.routing.fire import Fire, Scenario
from tests.integration.routing.ground import Ground, OneBroker
from tests.integration.routing.mistakes import MISTAKES
from tests.support.rounds import Results
from tools.local.engines import Engines
from tools.local.settings import LocalSettings

_COUNTED = (
    "reports",
    "records",
    "ignored",
    "ignored_other_owner",
    "transfers",
    "transfers_done",
    "transfers_void",
    "transfers_told_void",
    "transfers_refused",
    "moved_by_closing",
    "zombies",
)
"""Numbers of a round that the summary adds up."""
_BLOWS = 30


def main(arguments: list[str] | None = None) -> int:
    """Run rounds until enough are done; 1 if any round ever failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4, help="rounds in all, those of earlier runs included")
    parser.add_argument("--hours", type=float, help="instead of rounds: start no new round after so many hours")
    parser.add_argument("--seed", type=int, help="one round with this seed, not kept")
    parser.add_argument("--brokers", type=int, choices=(1, 3), help="always so many, instead of in turn")
    parser.add_argument("--blows", type=int, default=_BLOWS, help="in each round; 0: those of the short form")
    parser.add_argument("--rate", type=float, default=40.0, help="reports a second")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="a setting of the workers")
    parser.add_argument("--changes", default="", help="what tests.integration.routing.broken is to build in")
    parser.add_argument("--broken", action="store_true", help="builds with a mistake: 0 if each was found")
    given = parser.parse_args(arguments)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it floods while a broker is away
    folder = load(LocalSettings).var / "torture"
    if given.broken:
        return _broken(folder)
    if given.seed is not None:
        return 1 if _round(given, given.seed, folder)["faults"] else 0
    results = Results(folder, name="routing", counted=_COUNTED)
    until = time.monotonic() + given.hours * 3600 if given.hours is not None else None
    while time.monotonic() < until if until is not None else len(results.rounds) < given.rounds:
        results.add(_round(given, results.next_seed, folder))
    summary = results.summary()
    sys.stdout.write(orjson.dumps(summary, option=orjson.OPT_INDENT_2).decode() + "\n")
    return 1 if summary["failed_seeds"] else 0


def _round(given: argparse.Namespace, seed: int, folder: Path) -> dict[str, Any]:
    chosen = dict(one.split("=", 1) for one in given.env)
    scenario = Scenario(
        seed=seed,
        blows=blows.draw(seed, given.blows) if given.blows else blows.BRIEF,
        rate=given.rate,
        env=chosen,
        changes=given.changes,
        settle_s=120,
        lose_state=bool(seed // 2 % 2),
    )
    return run(scenario, given.brokers or (1, 3)[seed % 2], folder)


def run(scenario: Scenario, brokers: int, folder: Path) -> dict[str, Any]:
    """One round as a line of the results; what went wrong leaves its logs."""
    _say(f"seed {scenario.seed}: {brokers} broker(s), {len(scenario.blows)} blows, {scenario.env} {scenario.changes} …")
    logs = folder / "routing-logs" / str(scenario.seed)
    for file in logs.glob("*.log*"):
        file.unlink()
    try:
        with _ground(brokers) as ground:
            line = asyncio.run(Fire(scenario, ground, logs).run()).to_json()
    except Exception as error:  # a round that could not be run is a failed round, and the next one is tried
        line = _unfinished(scenario.seed, error)
    for file in logs.glob("*.log*") if not line["faults"] else ():
        file.unlink()
    shown = {name: line[name] for name in _COUNTED}
    _say(f"seed {scenario.seed}: {shown}, sent {line.get('sent')}, struck {line['struck']}, ends {line.get('ends')}")
    verdict = "\n  ".join(line["faults"]) or "one owner each, nothing missing, readers agree, sums are right"
    _say(f"seed {scenario.seed}, {line['seconds']} s, at rest after {line.get('settled_after_s')} s:\n  {verdict}")
    return line


@contextmanager
def _ground(brokers: int) -> Iterator[Ground]:
    if brokers == 1:
        engines = Engines()
        try:
            yield OneBroker(engines.start())
        finally:
            engines.stop()
    else:
        cluster = Cluster()
        try:
            yield cluster.start()
        finally:
            cluster.stop()


def _unfinished(seed: int, error: Exception) -> dict[str, Any]:
    said = f"the round could not be finished: {type(error).__name__}: {error}"[:2000]
    return {"seed": seed, "faults": [said], "struck": {}, "seconds": 0, **dict.fromkeys(_COUNTED, 0)}


def _broken(folder: Path) -> int:
    """0 if every mistake was found, and misfortune alone forgiven."""
    wrong = 0
    for name, mistake in MISTAKES.items():
        line = run(mistake.scenario, 1, folder)
        right = mistake.verdict(line["faults"]) is None
        _say(f"{name}: {mistake.verdict(line['faults']) or 'as it must be'}")
        wrong += not right
    return 1 if wrong else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
