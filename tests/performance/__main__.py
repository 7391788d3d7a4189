"""`make bench`: every benchmark of this folder, one after the other; a table here, all of it in var/bench/summary.json.

A goal that is missed is shown and fails nothing: ratios depend on the machine. A benchmark that does not end well does.
"""

import argparse
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
from rich.console import Console
from rich.table import Table

from shared.settings import load
from tools.local.settings import LocalSettings

_HERE: Final = Path(__file__).parent
_GOAL_MISSED: Final = 1
_LIMIT_S: Final = 900
_DETAILS: Final = ("processes", "rounds", "bench", "ratio", "goal", "goal_is")

Result = dict[str, Any]


def names() -> list[str]:
    """Every benchmark there is, without the ``bench_``."""
    return sorted(file.stem.removeprefix("bench_") for file in _HERE.glob("bench_*.py"))


def run(name: str) -> Result:
    """One benchmark in a process of its own: the JSON line it ends with, or why there is none."""
    command = [sys.executable, "-m", f"tests.performance.bench_{name}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return {"bench": name, "failed": f"took longer than {_LIMIT_S} s"}
    lines = done.stdout.strip().splitlines()
    try:
        result = orjson.loads(lines[-1]) if lines else None
    except orjson.JSONDecodeError:
        result = None
    if not isinstance(result, dict) or done.returncode not in {0, _GOAL_MISSED}:
        return {"bench": name, "failed": f"status {done.returncode}: {done.stderr[-500:]}"}
    return {"bench": name, **result}


def table(results: list[Result]) -> Table:
    """One row per benchmark."""
    shown = Table(title="Benchmarks (medians)", title_justify="left")
    for head in ("bench", "ratio", "goal", "", "more"):
        shown.add_column(head, overflow="fold")
    for result in results:
        ratio, goal = result.get("ratio"), result.get("goal")
        at_most = result.get("goal_is") == "at most"
        met = (
            ""
            if ratio is None or goal is None
            else ("met" if (ratio <= goal if at_most else ratio >= goal) else "MISSED")
        )
        wanted = "" if goal is None else f"{'≤' if at_most else '≥'} {goal:g}"
        more = result.get("failed") or ", ".join(f"{k} {v}" for k, v in result.items() if k not in _DETAILS)
        shown.add_row(result["bench"], "" if ratio is None else f"{ratio:g}", wanted, met, str(more))
    return shown


def memory_table(result: Result) -> Table:
    """Megabytes of each process."""
    shown = Table(title="Idle memory", title_justify="left")
    for head in ("process", "PSS MB", "RSS MB"):
        shown.add_column(head, justify="left" if head == "process" else "right")
    for name, entry in [*result["processes"].items(), ("all", result["total"])]:
        shown.add_row(name, f"{entry['pss_mb']:.0f}", f"{entry['rss_mb']:.0f}")
    return shown


def main() -> int:
    """Run all or the named benchmarks; 1 if one of them could not be run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=names(), help=f"only these of: {', '.join(names())}")
    wanted = parser.parse_args().names
    if unknown := sorted(set(wanted) - set(names())):
        parser.error(f"no such benchmark: {', '.join(unknown)}; there are: {', '.join(names())}")
    console = Console() if sys.stdout.isatty() else Console(width=160)
    results = []
    for name in wanted:
        console.print(f"{name} …", style="dim")
        results.append(run(name))
    folder = load(LocalSettings).var / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    summary = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "results": {result["bench"]: result for result in results},
    }
    (folder / "summary.json").write_bytes(orjson.dumps(summary, option=orjson.OPT_INDENT_2) + b"\n")
    console.print(table(results))
    for result in results:
        if "processes" in result:
            console.print(memory_table(result))
    console.print(f"all of it: {folder / 'summary.json'}", highlight=False)
    return 1 if any("failed" in result for result in results) else 0


if __name__ == "__main__":
    raise SystemExit(main())
