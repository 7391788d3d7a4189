"""The register of withdrawals and erasures, outside the store: what a restored store must be told before it serves.

A backup brings back reports that were withdrawn or destroyed after it. The register is a folder that no backup holds
and no restore touches; each process appends to a file of its own. A line is a time, what happened, the report's id, how
often the report had changed before, and a code under a key that only intake has, so that nobody adds one. It names
nobody: the id is on the bus for ever.

The number of changes tells a restored store from a living one: a report that changed more often than a line says has
gone on since (reinstated, or kept by a decision), and the line says nothing of it any more. A restored store cannot
tell that of an erasure that another change came before; whoever wrote that change notes that the report was kept.
"""

import asyncio
import errno
import hashlib
import hmac
import os
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from prometheus_client import Counter

from shared import log
from shared.errors import TransientError
from shared.events.envelope import iso
from shared.metrics import REGISTRY

SUFFIX: Final = ".register"
NOTED_WITHIN_S: Final = 5.0
"""A disk that takes longer, as a network's may, counts as one that cannot be written: withdrawals wait for it."""
_PARTS: Final = 5
_log = log.get(__name__)


class Happened(StrEnum):
    """Events noted in the register."""

    WITHDRAWN = "withdrawn"
    REINSTATED = "reinstated"
    KEPT = "kept"
    """Something else was written of a report that was planned for destruction."""
    ERASED = "erased"
    """Is about to be erased: noted first, and so also where another change of the report then came before it."""


FAILURES: Final = Counter(
    "ieum_intake_erasure_register_failures",
    "Changes that end or save a report that could not be noted outside the store, by what was to be noted.",
    ["what"],
    registry=REGISTRY,
)
for _what in Happened:
    FAILURES.labels(_what.value)  # shown from the start: an alert sees no rise in what appears as 1


class RegisterLine(NamedTuple):
    """One line."""

    at: datetime
    what: Happened
    report_id: str
    changes: int
    """How often the report had changed before this."""


class ErasureRegister:
    """Appends to the register and reads all of it."""

    def __init__(self, folder: Path | None, key: bytes) -> None:
        """Without a folder nothing is noted, and a restored store cannot be told."""
        self._folder = folder
        self._key = key
        self._file = folder / f"{uuid.uuid4().hex}{SUFFIX}" if folder is not None else None
        # Of its own: where the disk hangs, nothing else waits for a thread.
        self._writing = ThreadPoolExecutor(1, "erasure-register")

    async def note(self, what: Happened, report_id: str, at: datetime, changes: int) -> None:
        """Append a line; on disk when this returns. Raises ``TransientError`` where that fails."""
        if self._file is not None:
            try:
                line = self._line(RegisterLine(at, what, report_id, changes))
                async with asyncio.timeout(NOTED_WITHIN_S):
                    await asyncio.get_running_loop().run_in_executor(self._writing, self._append, self._file, line)
            except OSError as error:  # a timeout is one
                FAILURES.labels(what.value).inc()
                said = type(error).__name__
                _log.critical("erasure_register.write_failed", what=what.value, report_id=report_id, error=said)
                raise TransientError(f"the erasure register: {type(error).__name__}") from error

    def entries(self) -> list[RegisterLine]:
        """Every line of every process, oldest first; one that is not genuine is logged and left out.

        Raises ``OSError``. Of a process that was killed while it wrote, or whose disk was full, a line may be cut off.
        """
        found = []
        for file in sorted(self._folder.glob(f"*{SUFFIX}")) if self._folder is not None else ():
            for number, line in enumerate(file.read_text("utf-8", errors="replace").splitlines(), 1):
                entry = self._read(line)
                if not line:
                    continue
                if entry is None:
                    _log.error("erasure_register.line_refused", file=file.name, line=number)
                else:
                    found.append(entry)
        return sorted(found, key=lambda line: (line.at, line.changes))

    def _append(self, file: Path, line: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            # A line of its own even after one that was cut off.
            content = f"\n{line}\n".encode()
            if os.write(handle, content) != len(content):
                raise OSError(errno.ENOSPC, "the line was cut off")
            os.fsync(handle)
        finally:
            os.close(handle)

    def _line(self, entry: RegisterLine) -> str:
        return f"{_content(entry)} {self._code(entry)}"

    def _code(self, entry: RegisterLine) -> str:
        return hmac.new(self._key, f"erasure register {_content(entry)}".encode(), hashlib.sha256).hexdigest()

    def _read(self, line: str) -> RegisterLine | None:
        parts = line.split(" ")
        if len(parts) != _PARTS:
            return None
        try:
            entry = RegisterLine(datetime.fromisoformat(parts[0]), Happened(parts[1]), parts[2], int(parts[3]))
        except ValueError:
            return None
        return entry if hmac.compare_digest(self._code(entry), parts[4]) else None


def _content(entry: RegisterLine) -> str:
    return f"{iso(entry.at)} {entry.what.value} {entry.report_id} {entry.changes}"


class LastWord(NamedTuple):
    """The last state of one report in the register."""

    withdrawn: RegisterLine | None = None
    erased: RegisterLine | None = None
    reinstated: RegisterLine | None = None
    """Its withdrawal was undone, and it was not withdrawn since."""

    def of(self, changes: int) -> "LastWord":
        """Return the register's state of a report that has changed so often: earlier entries do not count."""
        return LastWord(*(entry if entry is not None and changes <= entry.changes else None for entry in self))


def last_words(entries: Sequence[RegisterLine]) -> dict[str, LastWord]:
    """The last word about each report, ``entries`` oldest first. Erased is the end, whatever stands after it.

    An erasure did not happen where the same state of the report was changed in another way, or a later one after it.
    A later one before it is of a store in whose place a backup was put: there the report has changed less often.
    """
    went_on: dict[str, list[RegisterLine]] = {}
    for entry in entries:
        if entry.what in {Happened.REINSTATED, Happened.KEPT}:
            went_on.setdefault(entry.report_id, []).append(entry)
    words: dict[str, LastWord] = {}
    for entry in entries:
        before = words.get(entry.report_id, LastWord())
        if entry.what is Happened.ERASED:
            if not any(_came_before(other, entry) for other in went_on.get(entry.report_id, ())):
                words[entry.report_id] = before._replace(erased=entry)
        elif entry.what is not Happened.KEPT and before.erased is None:
            withdrawn = entry.what is Happened.WITHDRAWN
            words[entry.report_id] = LastWord(withdrawn=entry) if withdrawn else LastWord(reinstated=entry)
    return words


def _came_before(other: RegisterLine, erased: RegisterLine) -> bool:
    return other.changes == erased.changes or (other.changes > erased.changes and other.at >= erased.at)
