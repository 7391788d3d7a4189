"""State that a running launcher leaves for `status`, `down` and the next `up`: a lock it holds and a file it writes."""

import fcntl
import json
import os
import signal
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

_LOCK = "launcher.lock"
_STATE = "launcher.json"
RENEW = signal.SIGUSR1
"""Asks a launcher that is up to read the secrets again."""


class AlreadyRunningError(Exception):
    """Another launcher runs in this folder."""


@dataclass(frozen=True, slots=True)
class ProcessEntry:
    """One process as `status` shows it."""

    name: str
    pid: int
    port: int
    restarts: int
    health: str


@dataclass(frozen=True, slots=True)
class State:
    """The launcher's last state. ``phase``: ``starting``, ``up`` or ``stopping``."""

    pid: int
    phase: str
    started: str
    urls: dict[str, str] = field(default_factory=dict)
    entries: tuple[ProcessEntry, ...] = ()


class RunFolder:
    """The launcher's own folder below ``var``. The lock goes away with the process, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: IO[str] | None = None

    def take(self) -> None:
        """Become the one launcher of this folder; AlreadyRunningError if there is one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = (self._folder / _LOCK).open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise AlreadyRunningError(f"Ieum already runs from {self._folder.parent}: see `ieum status`") from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self._held = lock

    def give_up(self) -> None:
        """Let the next one in."""
        if self._held is not None:
            (self._folder / _STATE).unlink(missing_ok=True)
            self._held.close()
            self._held = None

    def runner(self) -> int | None:
        """Process id of the launcher that holds the lock, or None."""
        path = self._folder / _LOCK
        if not path.exists():
            return None
        with path.open("r") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                text = lock.read().strip()
                return int(text) if text.isdigit() else None
        return None

    def write(self, state: State) -> None:
        """Replace what is known of this run."""
        draft = self._folder / f"{_STATE}.new"
        draft.write_text(json.dumps(asdict(state), indent=1), encoding="utf-8")
        draft.replace(self._folder / _STATE)

    def read(self) -> State | None:
        """Read the running launcher's last state; None if none runs or it has written none yet."""
        if self.runner() is None:
            return None
        try:
            found = json.loads((self._folder / _STATE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        entries = tuple(ProcessEntry(**entry) for entry in found.pop("entries"))
        return State(**found, entries=entries)
