"""Which processes are alive."""

from collections.abc import Iterable

import psutil


def alive(pids: Iterable[int]) -> set[int]:
    """Those that exist and are no zombies."""
    return {pid for pid in pids if _lives(pid)}


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
