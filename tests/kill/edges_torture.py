"""Intake made to die between two effects, again and again at places drawn by lot; resumable like the other long tests.

    python -m tests.kill.edges_torture                 # 5 rounds of 30 deaths
    python -m tests.kill.edges_torture --rounds 50     # in all, those of earlier runs included

Results are lines of ``var/torture/edges.jsonl``; ``var/torture/edges-summary.json`` adds them up.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

from shared.settings import load
from tests.kill.edges import Edges, deadly_intake
from tests.kill.test_between import EVERY
from tests.support.rounds import Results
from tools.local.settings import LocalSettings

_COUNTED = ("lodged",)


def main(arguments: list[str] | None = None) -> int:
    """Run rounds until enough are done; 1 if any round ever failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds in all, those of earlier runs included")
    parser.add_argument("--deaths", type=int, default=30, help="in each round")
    given = parser.parse_args(arguments)
    results = Results(load(LocalSettings).var / "torture", name="edges", counted=_COUNTED)
    while len(results.rounds) < given.rounds:
        results.add(_round(results.next_seed, given.deaths))
    summary = results.summary()
    sys.stdout.write(orjson.dumps(summary, option=orjson.OPT_INDENT_2).decode() + "\n")
    return 1 if summary["failed_seeds"] else 0


def _round(seed: int, deaths: int) -> dict[str, Any]:
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="edges-") as folder:
            line = asyncio.run(_died(Path(folder), random.Random(seed), deaths))
    except Exception as error:  # a round that could not be run is a failed round, and the next one is tried
        said = f"the round could not be finished: {type(error).__name__}: {error}"[:2000]
        line = {"faults": [said], "struck": {}, "lodged": 0}
    line |= {"seed": seed, "seconds": round(time.monotonic() - started, 1)}
    verdict = "; ".join(line["faults"][:5]) or "nothing lost, nothing twice"
    sys.stdout.write(f"seed {seed}: {sum(line['struck'].values())} deaths in {line['seconds']} s: {verdict}\n")
    sys.stdout.flush()
    return line


async def _died(folder: Path, draw: random.Random, deaths: int) -> dict[str, Any]:
    with deadly_intake(folder) as (stack, marks):
        edges = Edges(stack, marks)
        for _ in range(deaths):
            await edges.lodge(*draw.choice(EVERY))
        faults = await edges.accounts()
    return {"faults": faults, "struck": dict(edges.struck), "lodged": len(edges.lodged)}


if __name__ == "__main__":
    raise SystemExit(main())
