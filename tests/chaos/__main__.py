"""Break everything on purpose and see that every promise is kept.

python -m tests.chaos                          # everything once, with one broker and with three: about five minutes
python -m tests.chaos short --seed 7        # one broker, struck while what takes longest still recovers
python -m tests.chaos long --faults 200 --reports 100000 --seed 1    # hours; goes on where it was stopped
python -m tests.chaos planted                  # builds that are wrong on purpose: each must be found
python -m tests.chaos page                     # docs/reference/chaos.json of what is in var/chaos
"""

import argparse
import asyncio
import math
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from shared.clock import seoul_day
from shared.settings import load
from tests.chaos.kinds import KINDS
from tests.chaos.mistakes import MISTAKES
from tests.chaos.run import Options, one_broker, run_chaos, short, three_brokers
from tests.support.rounds import Results
from tools.local.processes import PROJECT
from tools.local.settings import LocalSettings

_PER_ROUND: Final = 10
_MANY: Final = 8
_THREE_BROKERS_EVERY: Final = 5
_COUNTED: Final = ("accepted", "withdrawn", "reinstated", "messages", "moved", "rotated", "zombies", "garbage")
_LOST: Final = ("accepted, but not on the bus", "without owner", "not in analytics")
_TWO_OWNERS: Final = ("owned twice by the log",)
_UNACCOUNTED: Final = ("without alert.sent", "without a mail")


def main(arguments: list[str] | None = None) -> int:
    """1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("once", "short", "long", "planted", "page"), default="once")
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    parser.add_argument("--faults", type=int, default=200, help="in all rounds of this seed, earlier ones included")
    parser.add_argument("--reports", type=int, default=100_000, help="in all rounds of this seed")
    parser.add_argument("--rate", type=float, default=30.0, help="reports a second")
    parser.add_argument("--calm", type=float, default=0.5, help="how much of its longest time a fault may last")
    parser.add_argument("--strike", nargs="*", metavar="KIND:TARGET:SECONDS", help="these faults alone, once")
    parser.add_argument("--only", default="", help="of the mistakes: this one")
    given = parser.parse_args(arguments)
    folder = load(LocalSettings).var / "chaos"
    if given.what == "page":
        return _page(folder)
    if given.what == "planted":
        return max(_planted(folder, name) for name in MISTAKES if given.only in {"", name})
    if given.what == "long":
        return _long(folder, given)
    # Where faults overlap, nothing is measured that belongs on the page.
    runs = [short(given.seed)] if given.what == "short" else [one_broker(given.seed), three_brokers(given.seed)]
    if given.strike:
        runs = [replace(runs[0], plan=tuple(given.strike), reports=given.reports)]
    results, lines = Results(folder, name=given.what, counted=_COUNTED), []
    for options in runs:
        lines.append(_round(options, folder))
        results.add(lines[-1])
    return 1 if any(line["faults"] for line in lines) else 0


def _long(folder: Path, given: argparse.Namespace) -> int:
    results = Results(folder, counted=_COUNTED, first_seed=given.seed)
    reports = max(1, math.ceil(given.reports * _PER_ROUND / given.faults))
    while True:
        left = given.faults - sum(len(line.get("timeline", ())) for line in results.rounds)
        if left <= 0:
            break
        brokers = 3 if (len(results.rounds) + 1) % _THREE_BROKERS_EVERY == 0 else 1
        small = one_broker if brokers == 1 else three_brokers
        options = replace(
            small(results.next_seed),
            plan=(),
            reports=reports,
            faults=min(_PER_ROUND, left),
            rate=given.rate,
            calm=given.calm,
            settle_s=600.0,
        )
        results.add(_round(options, folder))
    summary = results.summary()
    sys.stdout.write(orjson.dumps(summary, option=orjson.OPT_INDENT_2).decode() + "\n")
    return 1 if summary["failed_seeds"] else 0


def _round(options: Options, folder: Path) -> dict[str, Any]:
    name = f"{options.mistake or options.seed}-{options.brokers}"
    faults = len(options.plan) or options.faults
    sys.stdout.write(f"{name}: {faults} faults, {options.reports} reports, {options.brokers} brokers …\n")
    sys.stdout.flush()
    logs = folder / "logs" / name
    try:
        line = asyncio.run(run_chaos(options, logs=logs)).to_json()
    except Exception as error:  # a round that could not be run is a failed round, and the next one is tried
        causes = "; ".join(f"{type(each).__name__}: {each}" for each in leaves(error))
        said = f"the round could not be finished: {causes}"[:2000]
        line = {"seed": options.seed, "brokers": options.brokers, "faults": [said], "struck": {}, "seconds": 0}
    for file in logs.glob("*.log*") if not line["faults"] else ():
        file.unlink()
    verdict = (
        "; ".join(line["faults"]) or "nothing lost, one owner each, every alert accounted for, numbers as recounted"
    )
    sys.stdout.write(f"{name}: {line.get('accepted', 0)} accepted in {line['seconds']:.0f} s: {verdict}\n")
    sys.stdout.flush()
    return line


def leaves(error: BaseException) -> list[BaseException]:
    """The errors themselves, where several came at once."""
    return (
        [leaf for each in error.exceptions for leaf in leaves(each)]
        if isinstance(error, BaseExceptionGroup)
        else [error]
    )


def _planted(folder: Path, name: str) -> int:
    """0 if the mistake was found, as it must be; kept for the page."""
    mistake = MISTAKES[name]
    options = Options(
        seed=1, reports=120, mistake=name, plan=mistake.plan, visits=0, ambushes=0, rotate_after=0, settle_s=25
    )
    line = _round(options, folder)
    found = [fault for fault in line["faults"] if any(words in fault for words in mistake.words)]
    sys.stdout.write(f"{name} was found: {found[0]}\n" if found else f"{name.upper()} WAS NOT FOUND\n")
    file = folder / "mistakes.json"
    known = orjson.loads(file.read_bytes()) if file.exists() else {}
    known[name] = re.sub(r": [0-9a-f-]{36}.*", "", found[0]) if found else "no"
    file.write_bytes(orjson.dumps(known, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    return 0 if found else 1


def _page(folder: Path) -> int:
    rounds = [line for name in ("once", "") for line in Results(folder, name=name, counted=_COUNTED).rounds]
    mistakes = folder / "mistakes.json"
    numbers = numbers_of(rounds) | {
        "date": seoul_day(datetime.now(UTC)),
        "mistakes": orjson.loads(mistakes.read_bytes()) if mistakes.exists() else {},
    }
    file = PROJECT / "docs" / "reference" / "chaos.json"
    file.write_bytes(orjson.dumps(numbers, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    return 0


def numbers_of(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Everything the page says of rounds, added up."""
    wrong = [fault for line in rounds for fault in line["faults"]]
    seeds = sorted(int(line["seed"]) for line in rounds)
    timeline = [fault for line in rounds for fault in line.get("timeline", ())]
    return {
        "seeds": ", ".join(map(str, seeds)) if len(seeds) < _MANY else f"{seeds[0]} to {seeds[-1]}",
        "rounds": len(rounds),
        "load": max((line.get("load", 0.0) for line in rounds), default=0.0),
        "faults": len(timeline),
        "faults_with_three_brokers": sum(len(line.get("timeline", ())) for line in rounds if line["brokers"] > 1),
        **{name: sum(int(line.get(name, 0)) for line in rounds) for name in _COUNTED},
        "lost": _counted(wrong, _LOST),
        "two_owners": _counted(wrong, _TWO_OWNERS),
        "unaccounted": _counted(wrong, _UNACCOUNTED),
        "wrong": [re.sub(r": [0-9a-f]{8}-.*", "", fault) for fault in wrong],
        "kinds": [
            {
                "name": kind.name,
                "breaks": kind.breaks,
                "undone": kind.undone,
                "holds": kind.holds,
                **_recovery([fault for fault in timeline if fault["kind"] == kind.name]),
            }
            for kind in KINDS
        ],
    }


def _counted(wrong: Sequence[str], words: Sequence[str]) -> int:
    """How many reports the checker's sentences name: each begins with the number."""
    said = [(fault.partition(" ")[0], fault.partition(" ")[2]) for fault in wrong]
    return sum(int(number) for number, what in said if number.isdigit() and what.startswith(tuple(words)))


def _recovery(struck: Sequence[dict[str, Any]]) -> dict[str, Any]:
    found = [fault for fault in struck if "alerted_s" in fault]
    if not found:
        return {"struck": len(struck)}
    alerted = sorted(fault["alerted_s"] for fault in found)
    return {
        "struck": len(struck),
        "accepted_p50": percentile([fault["accepted_s"] for fault in found], 0.5),
        "routed_p50": percentile([fault["routed_s"] for fault in found], 0.5),
        "p50": percentile(alerted, 0.5),
        "p99": percentile(alerted, 0.99),
        "worst": alerted[-1],
    }


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so much of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


if __name__ == "__main__":
    raise SystemExit(main())
