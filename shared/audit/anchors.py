"""Anchors: signed positions of the chain, in a collection beside the log and in a file outside the store.

The file holds heads only: whoever controls the store alone can neither remove nor replace them. One file per log, one
line for each process that wrote to it and one for the last verification. A process replaces its own line only, so the
heads of earlier processes stay until a verification confirms them.
"""

import fcntl
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ReplaceOne
from pymongo.errors import BulkWriteError

from shared import log as logs
from shared.audit import chain
from shared.audit.model import Mark
from shared.mongo import Document, store_errors

_log = logs.get(__name__)

_PROVEN: Final = "proven"
COLLECTION: Final = "audit_anchors"
HEAD: Final = "head"
CHECKPOINT: Final = "checkpoint"
_DUPLICATE: Final = 11000


class Marks:
    """The marks of one log."""

    def __init__(self, database: "AsyncIOMotorDatabase[Document]") -> None:
        """``database`` is the service's own."""
        self.collection: Final = database[COLLECTION]

    async def keep(self, name: str, made: Mark) -> None:
        """Write a mark unless there is a later one under its name."""
        write = ReplaceOne({"_id": name, "seq": {"$lt": made.seq}}, mark_document(name, made), upsert=True)
        with store_errors():
            try:
                # Where a later one is there, the upsert collides with it: that is the guard.
                await self.collection.bulk_write([write])
            except BulkWriteError as error:
                if refused_at(error) is None:
                    raise

    async def get(self, name: str) -> Mark | None:
        """One mark."""
        with store_errors():
            found = await self.collection.find_one({"_id": name})
        return None if found is None else mark_of(found)

    async def heads(self) -> list[Mark]:
        """Every head that is kept: the newest, and those whose lines were found missing."""
        with store_errors():
            found = await self.collection.find({}).to_list(None)
        return [mark_of(document) for document in found if document["_id"] != CHECKPOINT]


def refused_at(error: BulkWriteError) -> int | None:
    """Where a unique index refused, if nothing else was wrong."""
    details: Mapping[str, Any] = error.details or {}
    refused = details.get("writeErrors") or ()
    if details.get("writeConcernErrors") or not refused or refused[0].get("code") != _DUPLICATE:
        return None
    return int(refused[0]["index"])


def mark_document(name: str, mark: Mark) -> Document:
    """A mark as it is stored."""
    return {"_id": name, "seq": mark.seq, "mac": mark.mac, "at": mark.at, "signature": mark.signature}


def mark_of(document: Document) -> Mark:
    """A stored mark."""
    return Mark(int(document["seq"]), str(document["mac"]), document["at"], str(document["signature"]))


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
