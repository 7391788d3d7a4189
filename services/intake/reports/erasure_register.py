"""The register of withdrawals and erasures, outside the store: what a restored store must be told before it serves.

A backup brings back reports that were withdrawn or destroyed after it. The register is a folder that no backup holds
and no restore touches; each process appends to a file of its own. A line is a time, what happened, the report's id, and
a code under a key that only intake has, so that nobody adds one. It names nobody: the id is on the bus for ever.
"""

import asyncio
import hashlib
import hmac
import os
import uuid
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from shared import log
from shared.errors import TransientError
from shared.events.envelope import iso

SUFFIX: Final = ".register"
_PARTS: Final = 4
_log = log.get(__name__)


class Happened(StrEnum):
    """What became of a report."""

    WITHDRAWN = "withdrawn"
    REINSTATED = "reinstated"
    ERASED = "erased"


class Entry(NamedTuple):
    """One line."""

    at: datetime
    what: Happened
    report_id: str


class ErasureRegister:
    """Appends to the register and reads all of it."""

    def __init__(self, folder: Path | None, key: bytes) -> None:
        """Without a folder nothing is noted, and a restored store cannot be told."""
        self._folder = folder
        self._key = key
        self._file = folder / f"{uuid.uuid4().hex}{SUFFIX}" if folder is not None else None

    async def note(self, what: Happened, report_id: str, at: datetime) -> None:
        """Append a line; on disk when this returns. Raises ``TransientError`` where that fails."""
        if self._file is not None:
            try:
                await asyncio.to_thread(self._append, self._file, self._line(Entry(at, what, report_id)))
            except OSError as error:
                _log.critical("erasure_register.write_failed", what=what.value, error=type(error).__name__)
                raise TransientError(f"the erasure register: {type(error).__name__}") from error

    def entries(self) -> list[Entry]:
        """Every line of every process, oldest first; one that is not genuine is logged and left out.

        Raises ``OSError``. Of a process that was killed while it wrote the last line may be cut off.
        """
        found = []
        for file in sorted(self._folder.glob(f"*{SUFFIX}")) if self._folder is not None else ():
            for number, line in enumerate(file.read_text("utf-8", errors="replace").splitlines(), 1):
                entry = self._read(line)
                if entry is None:
                    _log.error("erasure_register.line_refused", file=file.name, line=number)
                else:
                    found.append(entry)
        return sorted(found)

    def _append(self, file: Path, line: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line.encode())
            os.fsync(handle)
        finally:
            os.close(handle)

    def _line(self, entry: Entry) -> str:
        return f"{iso(entry.at)} {entry.what.value} {entry.report_id} {self._code(entry)}\n"

    def _code(self, entry: Entry) -> str:
        content = f"erasure register {iso(entry.at)} {entry.what.value} {entry.report_id}"
        return hmac.new(self._key, content.encode(), hashlib.sha256).hexdigest()

    def _read(self, line: str) -> Entry | None:
        parts = line.split(" ")
        if len(parts) != _PARTS:
            return None
        try:
            entry = Entry(datetime.fromisoformat(parts[0]), Happened(parts[1]), parts[2])
        except ValueError:
            return None
        return entry if hmac.compare_digest(self._code(entry), parts[3]) else None


class LastWord(NamedTuple):
    """What the register says of one report in the end."""

    withdrawn_at: datetime | None
    erased_at: datetime | None


def last_words(entries: Iterable[Entry]) -> dict[str, LastWord]:
    """The last word about each report, ``entries`` oldest first. Erased is the end, whatever stands after it."""
    words: dict[str, LastWord] = {}
    for at, what, report_id in entries:
        before = words.get(report_id, LastWord(None, None))
        if what is Happened.ERASED:
            words[report_id] = before._replace(erased_at=before.erased_at or at)
        elif before.erased_at is None:
            words[report_id] = LastWord(at if what is Happened.WITHDRAWN else None, None)
    return words
