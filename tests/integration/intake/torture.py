"""The long form of the nonsense test: 100,000 bodies that are wrong, in rounds, going on where it was stopped.

    python -m tests.integration.intake.torture                  # 20 rounds of 5,000 bodies
    python -m tests.integration.intake.torture --rounds 100     # as many as that in all, those of earlier runs included
    python -m tests.integration.intake.torture --seed 1003      # one round with this seed, not kept

Results are lines of ``var/torture/bodies.jsonl``; ``var/torture/bodies-summary.json`` adds them up.
"""

import argparse
import asyncio
import logging
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import orjson

from shared import log
from shared.settings import load
from tests.integration.intake.fuzz import fuzzed
from tests.integration.intake.harness import running
from tests.support.engine_settings import kafka_settings, store_settings
from tests.support.rounds import Results
from tools.local.engines import Engines
from tools.local.settings import LocalSettings

BODIES = 5_000
ROUNDS = 20
_COUNTED = ("bodies", "refused", "accepted")


def main(arguments: list[str] | None = None) -> int:
    """Run rounds until enough are done; 1 if any round ever failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds in all, those of earlier runs included")
    parser.add_argument("--bodies", type=int, default=BODIES, help="in each round")
    parser.add_argument("--seconds", type=float, help="start no new round after so many")
    parser.add_argument("--seed", type=int, help="one round with this seed, not kept")
    given = parser.parse_args(arguments)
    log.configure("torture", "ERROR")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    engines = Engines()
    try:
        engines.start()
        if given.seed is not None:
            return 1 if _round(engines, given.seed, given.bodies)["faults"] else 0
        return _rounds(engines, given)
    finally:
        engines.stop()


def _rounds(engines: Engines, given: argparse.Namespace) -> int:
    results = Results(_folder(), name="bodies", counted=_COUNTED)
    until = time.monotonic() + given.seconds if given.seconds is not None else None
    while len(results.rounds) < given.rounds and (until is None or time.monotonic() < until):
        results.add(_round(engines, results.next_seed, given.bodies))
    summary = results.summary()
    sys.stdout.write(orjson.dumps(summary, option=orjson.OPT_INDENT_2).decode() + "\n")
    return 1 if summary["failed_seeds"] else 0


def _folder() -> Path:
    return load(LocalSettings).var / "torture"


def _round(engines: Engines, seed: int, bodies: int) -> dict[str, Any]:
    started = time.monotonic()
    try:
        line = asyncio.run(_bodies(engines, seed, bodies))
    except Exception as error:  # a round that could not be run is a failed round, and the next one is tried
        said = f"the round could not be finished: {type(error).__name__}: {error}"[:2000]
        line = {"faults": [said], "struck": {}, **dict.fromkeys(_COUNTED, 0)}
    line |= {"seed": seed, "seconds": round(time.monotonic() - started, 1)}
    verdict = "; ".join(line["faults"][:5]) or "refused, and the store is as it was"
    sys.stdout.write(f"seed {seed}: {line['bodies']} bodies in {line['seconds']} s: {verdict}\n")
    sys.stdout.flush()
    return line


async def _bodies(engines: Engines, seed: int, bodies: int) -> dict[str, Any]:
    unique = f"n{uuid.uuid4().hex[:8]}"
    async with running(kafka_settings(engines, unique), store_settings(engines, unique)) as harness:
        outcome = await fuzzed(harness, seed, bodies)
    sent = sum(outcome.statuses.values())
    return {
        "faults": outcome.faults[:20],
        "struck": dict(outcome.kinds),
        "statuses": {str(status): number for status, number in sorted(outcome.statuses.items())},
        "bodies": sent,
        "accepted": len(outcome.accepted),
        "refused": sent - len(outcome.accepted),
    }


if __name__ == "__main__":
    raise SystemExit(main())
