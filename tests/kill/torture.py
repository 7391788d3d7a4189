"""The long kill tests: round after round with a new seed, each result kept, going on where it was stopped.

    python -m tests.kill.torture                 # 10 rounds: everything is killed 20 times
    python -m tests.kill.torture --hours 8       # as many rounds as fit
    python -m tests.kill.torture --broken        # a build with a mistake in it: shows what is found

Results are lines of ``var/torture/results.jsonl``; ``var/torture/summary.json`` adds them up.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from shared.settings import load
from tests.kill.run import Options, run_kill_test
from tools.local.settings import LocalSettings

_FIRST_SEED = 1000
_BROKEN = Options(
    seed=1,
    reports=300,
    kills=3,
    freezes=0,
    targets=("routing",),
    routing_workers=1,
    broken="routing",
    visits=0,
    rotate_after=0,
    settle_s=20,
)
_COUNTED = (
    "accepted",
    "withdrawn",
    "reinstated",
    "messages",
    "moved",
    "rotated",
    "rotations_killed",
    "zombies",
    "records_twice",
    "routings_ignored",
    "routings_ignored_other_owner",
)
"""Numbers of a round that the summary adds up; rounds of older versions lack some."""


class Results:
    """What earlier rounds left, and the place for new ones."""

    def __init__(self, folder: Path, *, name: str = "", counted: Sequence[str] = _COUNTED) -> None:
        """``folder`` is made if it does not exist. ``name`` keeps other rounds than the kill tests' apart."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._file = folder / f"{name or 'results'}.jsonl"
        self._summary = folder / f"{f'{name}-' if name else ''}summary.json"
        self._counted = counted
        self.rounds: list[dict[str, Any]] = []
        if self._file.exists():
            self.rounds = [line for line in map(_parsed, self._file.read_bytes().splitlines()) if line is not None]

    @property
    def next_seed(self) -> int:
        """A seed no round has had."""
        return max([_FIRST_SEED - 1, *(int(line["seed"]) for line in self.rounds)]) + 1

    def add(self, line: dict[str, Any]) -> None:
        """Keep a round, on disk first."""
        cut_off = self._file.exists() and self._file.read_bytes()[-1:] not in {b"", b"\n"}
        with self._file.open("ab") as file:
            file.write((b"\n" if cut_off else b"") + orjson.dumps(line) + b"\n")
        self.rounds.append(line)
        fresh = self._summary.with_suffix(".json.new")
        fresh.write_bytes(orjson.dumps(self.summary(), option=orjson.OPT_INDENT_2) + b"\n")
        fresh.replace(self._summary)

    def summary(self) -> dict[str, Any]:
        """All rounds together."""
        struck: Counter[str] = Counter()
        for line in self.rounds:
            struck.update(line["struck"])
        return {
            "rounds": len(self.rounds),
            "failed_seeds": [line["seed"] for line in self.rounds if line["faults"]],
            "struck": dict(sorted(struck.items())),
            **{name: sum(line.get(name, 0) for line in self.rounds) for name in self._counted},
            "seconds": round(sum(line["seconds"] for line in self.rounds)),
        }


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None  # the round that was being written when the power went
    return found if isinstance(found, dict) else None


def main(arguments: list[str] | None = None) -> int:
    """Run rounds until enough are done; 1 if any round ever failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="rounds in all, those of earlier runs included")
    parser.add_argument("--hours", type=float, help="instead of rounds: start no new round after so many hours")
    parser.add_argument("--reports", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=2, help="of each target in each round")
    parser.add_argument("--freezes", type=int, default=2, help="of a routing worker in each round")
    parser.add_argument("--seed", type=int, help="one round with this seed, not kept")
    parser.add_argument("--broken", action="store_true", help="a build that acknowledges before the effect")
    given = parser.parse_args(arguments)
    folder = load(LocalSettings).var / "torture"
    if given.broken:
        return _broken(folder)
    if given.seed is not None:
        line = _round(_options(given, given.seed), folder)
        return 1 if line["faults"] else 0
    results = Results(folder)
    until = time.monotonic() + given.hours * 3600 if given.hours is not None else None
    while time.monotonic() < until if until is not None else len(results.rounds) < given.rounds:
        results.add(_round(_options(given, results.next_seed), folder))
    summary = results.summary()
    sys.stdout.write(orjson.dumps(summary, option=orjson.OPT_INDENT_2).decode() + "\n")
    return 1 if summary["failed_seeds"] else 0


def _options(given: argparse.Namespace, seed: int) -> Options:
    return Options(seed=seed, reports=given.reports, kills=given.kills, freezes=given.freezes)


def _round(options: Options, folder: Path) -> dict[str, Any]:
    sys.stdout.write(f"round with seed {options.seed}: {options.reports} reports …\n")
    sys.stdout.flush()
    logs = folder / "logs" / str(options.seed)
    try:
        line = asyncio.run(run_kill_test(options, logs=logs)).to_json()
    except Exception as error:  # a round that could not be run is a failed round, and the next one is tried
        line = _unfinished(options.seed, error)
    for file in logs.glob("*.log*") if not line["faults"] else ():
        file.unlink()
    verdict = "; ".join(line["faults"]) or "every accepted report owned, alerted and counted once, every promise kept"
    sys.stdout.write(
        f"seed {options.seed}: {line['accepted']} accepted in {line['seconds']} s, {sum(line['struck'].values())} "
        f"blows, {line['zombies']} zombies, {line['withdrawn']} taken back, {line['reinstated']} brought back, "
        f"{line['moved']} moved, {line['rotations_killed']} rotations killed: {verdict}\n"
    )
    sys.stdout.flush()
    return line


def _unfinished(seed: int, error: Exception) -> dict[str, Any]:
    said = f"the round could not be finished: {type(error).__name__}: {error}"[:2000]
    return {"seed": seed, "faults": [said], "struck": {}, "seconds": 0, **dict.fromkeys(_COUNTED, 0)}


def _broken(folder: Path) -> int:
    """0 if the mistake was found, as it must be."""
    line = _round(_BROKEN, folder)
    found = any("without owner" in fault for fault in line["faults"])
    sys.stdout.write("the mistake was found\n" if found else "THE MISTAKE WAS NOT FOUND\n")
    return 0 if found else 1


if __name__ == "__main__":
    raise SystemExit(main())
