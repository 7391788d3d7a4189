"""Services of tests as forks of one process that has imported what they have in common: that is most of a start."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.local import processes
from tools.local.preloading import Preloader, can_fork

_running: list[Preloader] = []
"""One for all tests of a worker, begun by the first that asks."""


def start(module: Sequence[str], *, log: Path, env: Mapping[str, str]) -> processes.Child:
    """Run ``python -m module`` (and its arguments) until it is killed or this process ends; output goes to ``log``."""
    if not can_fork():
        return processes.start([sys.executable, "-m", *module], log=log, env=env)
    if not _running or _running[-1].process.poll() is not None:
        _running.append(processes.preloader())
    return processes.fork(_running[-1], module, log=log, env=env)
