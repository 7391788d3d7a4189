"""Signed heads in a file outside the store: whoever has the store alone can neither take them back nor replace them.

One file per log, one line for each process that wrote to it and one for the last proof. A process replaces its own
line only, so the heads of those before it stay until a proof has found everything as they say.
"""

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from shared import log as logs
from shared.audit import chain
from shared.audit.model import Mark

_log = logs.get(__name__)

_PROVEN: Final = "proven"


class Heads:
    """The heads of one log; without a folder, none."""

    def __init__(self, folder: Path | None, name: str) -> None:
        """``name`` is the file's: that of the log's database."""
        self._file = folder / f"{name}.heads" if folder is not None else None
        self._run = uuid.uuid4().hex[:12]

    def all(self) -> list[Mark]:
        """Every head that is kept; lines that are none are left out. Raises ``OSError``."""
        return list(self._read().values())

    def keep(self, head: Mark) -> None:
        """Take the head that was just written to the store. Trouble is logged: the store has it all the same.

        Not forced to the disk: after a loss of power the file may be a little older, which only vouches for less.
        """
        try:
            with self._held() as known:
                if self._run not in known or known[self._run].seq < head.seq:
                    known[self._run] = head
        except OSError as error:
            _log.error("audit.head_not_kept", error=type(error).__name__)

    def proven(self, head: Mark) -> None:
        """The chain was found whole up to this head: it replaces all before it. Raises ``OSError``."""
        with self._held() as known:
            for run in [run for run, mark in known.items() if mark.seq < head.seq]:
                del known[run]
            if all(mark.seq < head.seq for mark in known.values()):
                known[_PROVEN] = head

    def _read(self) -> dict[str, Mark]:
        known: dict[str, Mark] = {}
        if self._file is None or not self._file.exists():
            return known
        for line in self._file.read_text("utf-8", errors="replace").splitlines():
            run, _, text = line.partition(" ")
            try:
                known[run] = chain.read_mark(text)
            except (ValueError, OverflowError):
                _log.error("audit.head_unreadable", file=self._file.name)
        return known

    @contextmanager
    def _held(self) -> Iterator[dict[str, Mark]]:
        """What the file holds, for changing; written back at the end. One process at a time."""
        if self._file is None:
            yield {}
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = self._read()
            yield known
            draft = self._file.with_suffix(f".{os.getpid()}.new")
            draft.write_text("".join(f"{run} {chain.shown(mark)}\n" for run, mark in known.items()), "utf-8")
            draft.replace(self._file)
