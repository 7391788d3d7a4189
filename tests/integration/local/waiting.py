"""Waiting for conditions on processes, with a deadline."""

import time
from collections.abc import Callable, Iterable

import psutil

STEP_S = 0.05


def until(condition: Callable[[], object], timeout_s: float, what: str) -> None:
    """Return once the condition holds; AssertionError naming ``what`` after the deadline."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        time.sleep(STEP_S)


def alive(pids: Iterable[int]) -> set[int]:
    """Those that exist and are no zombies."""
    return {pid for pid in pids if _lives(pid)}


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
