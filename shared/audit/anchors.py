"""Anchors: signed positions of the chain, in a collection beside the log and in a file outside the store.

The file holds heads only: an attacker who controls the store alone cannot remove or replace them. One file per log, one
line for each process that wrote to it and one for the last verification. A process replaces its own line only, so the
heads of earlier processes stay until a verification confirms them.
"""

import fcntl
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ReplaceOne
from pymongo.errors import BulkWriteError

from shared import log as logs
from shared.audit import chain
from shared.audit.documents import tolerant
from shared.audit.model import Anchor
from shared.mongo import DUPLICATE_KEY, Document, store_errors

_log = logs.get(__name__)

_PROVEN: Final = "proven"
COLLECTION: Final = "audit_anchors"
HEAD: Final = chain.HEAD
CHECKPOINT: Final = "checkpoint"
_NO_ANCHOR: Final = Anchor(0, "", datetime(1970, 1, 1, tzinfo=UTC), "")


class AnchorStore:
    """The anchors of one log in its store."""

    def __init__(self, database: "AsyncIOMotorDatabase[Document]") -> None:
        self.collection: Final = tolerant(database[COLLECTION])

    async def keep(self, name: str, made: Anchor) -> None:
        """Write an anchor unless there is a later one under its name."""
        write = ReplaceOne({"_id": name, "seq": {"$lt": made.seq}}, anchor_document(name, made), upsert=True)
        with store_errors():
            try:
                # A later one makes the upsert collide: that is the guard.
                await self.collection.bulk_write([write])
            except BulkWriteError as error:
                if refused_at(error) is None:
                    raise

    async def get(self, name: str) -> Anchor | None:
        """One anchor."""
        with store_errors():
            found = await self.collection.find_one({"_id": name})
        return None if found is None else anchor_of(found)

    async def heads(self) -> list[Anchor]:
        """Every stored head: the newest, and those whose lines were found missing."""
        with store_errors():
            found = await self.collection.find({}).to_list(None)
        return [anchor_of(document) for document in found if document["_id"] != CHECKPOINT]


def refused_at(error: BulkWriteError) -> int | None:
    """The index of the write that a unique index refused, if there was no other error."""
    details: Mapping[str, Any] = error.details or {}
    refused = details.get("writeErrors") or ()
    if details.get("writeConcernErrors") or not refused or refused[0].get("code") != DUPLICATE_KEY:
        return None
    return int(refused[0]["index"])


def anchor_document(name: str, anchor: Anchor) -> Document:
    """An anchor as it is stored."""
    return {"_id": name, "seq": anchor.seq, "mac": anchor.mac, "at": anchor.at, "signature": anchor.signature}


def anchor_of(document: Document) -> Anchor:
    """A stored anchor; what is none is one that was never signed."""
    try:
        found = Anchor(int(document["seq"]), str(document["mac"]), document["at"], str(document["signature"]))
        chain.format_anchor(found)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        return _NO_ANCHOR
    return found


class HeadFile:
    """The heads of one log, in a file outside the store; without a folder, none."""

    def __init__(self, folder: Path | None, name: str) -> None:
        """``name`` is the file's: that of the log's database."""
        self._file = folder / f"{name}.heads" if folder is not None else None
        self._run = uuid.uuid4().hex[:12]

    def all(self) -> list[Anchor]:
        """Every head of the file; lines that are none are skipped. Raises ``OSError``."""
        return list(self._read().values())

    def keep(self, head: Anchor) -> None:
        """Write the head that was just stored. An error is logged: the store has the head nevertheless.

        Not synced to disk: after a power loss the file may be a little older, which only proves less.
        """
        try:
            with self._held() as known:
                if self._run not in known or known[self._run].seq < head.seq:
                    known[self._run] = head
        except OSError as error:
            _log.error("audit.head_write_failed", error=type(error).__name__)

    def proven(self, head: Anchor) -> None:
        """Replace all earlier heads by this one, up to which the chain was verified. Raises ``OSError``."""
        with self._held() as known:
            for run in [run for run, anchor in known.items() if anchor.seq < head.seq]:
                del known[run]
            if all(anchor.seq < head.seq for anchor in known.values()):
                known[_PROVEN] = head

    def _read(self) -> dict[str, Anchor]:
        known: dict[str, Anchor] = {}
        if self._file is None or not self._file.exists():
            return known
        for line in self._file.read_text("utf-8", errors="replace").splitlines():
            run, _, text = line.partition(" ")
            try:
                known[run] = chain.parse_anchor(text)
            except (ValueError, OverflowError):
                _log.error("audit.head_skipped", file=self._file.name)
        return known

    @contextmanager
    def _held(self) -> Iterator[dict[str, Anchor]]:
        """Read the file for a change and write it back at the end. One process at a time."""
        if self._file is None:
            yield {}
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = self._read()
            yield known
            draft = self._file.with_suffix(f".{os.getpid()}.new")
            draft.write_text(
                "".join(f"{run} {chain.format_anchor(anchor)}\n" for run, anchor in known.items()), "utf-8"
            )
            draft.replace(self._file)
