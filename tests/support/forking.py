"""Services and commands of tests as forks of one process that has imported what they have in common.

That is most of a start.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.waiting import DEADLINE_S
from tools.local import processes
from tools.local.preloading import Preloader, can_fork

_running: list[Preloader] = []
"""One for all tests of a worker, begun by the first that asks."""


def start(module: Sequence[str], *, log: Path, env: Mapping[str, str]) -> processes.Child:
    """Run ``python -m module`` (and its arguments) until it is killed or this process ends; output goes to ``log``."""
    if not can_fork():
        return processes.start([sys.executable, "-m", *module], log=log, env=env)
    return processes.fork(_preloader(), module, log=log, env=env)


async def ended(child: processes.Child, limit_s: float = DEADLINE_S) -> int:
    """The exit status, waited for without blocking the loop."""
    return await asyncio.to_thread(child.wait, limit_s)


async def run(module: Sequence[str], *, env: Mapping[str, str], limit_s: float = DEADLINE_S) -> tuple[int, str]:
    """Run ``python -m module`` (and its arguments) to its end: the exit status, and what it wrote to either output."""
    if not can_fork():
        return await asyncio.to_thread(processes.run_module, module, env)
    with os.fdopen(os.memfd_create("output"), "rb") as output:
        child = await asyncio.to_thread(_preloader().start, module, output=output, env=env)
        try:
            status = await ended(child, limit_s)
        finally:
            processes.kill(child)
        output.seek(0)
        return status, output.read().decode(errors="replace")


def _preloader() -> Preloader:
    if not _running or _running[-1].process.poll() is not None:
        _running.append(processes.preloader())
    return _running[-1]
