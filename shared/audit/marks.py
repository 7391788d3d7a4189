"""Signed places of the chain, kept in a collection of their own beside the log."""

from collections.abc import Mapping
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ReplaceOne
from pymongo.errors import BulkWriteError

from shared.audit.documents import mark_document, mark_of
from shared.audit.model import Mark
from shared.mongo import Document, store_errors

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
