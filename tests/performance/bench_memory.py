"""Idle memory of each process of the local stack: ``python -m tests.performance.bench_memory``.

PSS shares what processes have in common (Python itself, its libraries) among them, so the sum is true; RSS counts it
every time. Megabytes of 1,048,576 bytes.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import psutil

from tools.local.settings import LocalSettings
from tools.local.stack import Stack

_MB: Final = 1024 * 1024
_SAMPLES: Final = 5


def memory_of(pid: int) -> tuple[float, float]:
    """PSS and RSS of a process in megabytes."""
    found = psutil.Process(pid).memory_full_info()
    return found.pss / _MB, found.rss / _MB


def measure(stack: Stack, settle_s: float) -> dict[str, dict[str, float]]:
    """Medians of a few looks, after the stack has had nothing to do for ``settle_s`` seconds."""
    pids = dict(stack.pids)
    if stack.preloader_pid is not None:
        pids["preloader"] = stack.preloader_pid
    looks: dict[str, list[tuple[float, float]]] = {name: [] for name in pids}
    for _ in range(_SAMPLES):
        time.sleep(settle_s / _SAMPLES)  # idle is what is measured
        for name, pid in pids.items():
            looks[name].append(memory_of(pid))
    return {
        name: {
            "pss_mb": round(statistics.median(pss for pss, _ in found), 1),
            "rss_mb": round(statistics.median(rss for _, rss in found), 1),
        }
        for name, found in looks.items()
    }


def main() -> int:
    """Run and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settle", type=float, default=10.0, help="seconds of idleness before and between looks")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ieum-bench-", ignore_cleanup_errors=True) as folder:
        stack = Stack(LocalSettings.on_free_ports(Path(folder)), say=lambda _: None)
        try:
            stack.start()
            found = measure(stack, given.settle)
        finally:
            stack.stop()
    total = {kind: round(sum(entry[kind] for entry in found.values()), 1) for kind in ("pss_mb", "rss_mb")}
    sys.stdout.write(json.dumps({"bench": "memory", "processes": found, "total": total}) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
