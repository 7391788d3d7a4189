"""Dead letters in the document store, one per origin, until the central desk has read of them."""

from datetime import datetime
from typing import Final

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase

from services.notify.dead_letters.models import StoredDeadLetter
from shared.jobs import Skipped
from shared.mongo import Document, insert_new, store_errors

SHOWN: Final = 100
"""Records that are read at once; of more it says how many at least."""


class DeadLetterStore:
    """Dead letters, one per origin, until the central desk has read of them."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self.collection: AsyncIOMotorCollection[Document] = database["dead"]
        self._logged: dict[str, object] = {}  # consoles ask every few seconds

    async def prepare(self) -> None:
        """Create the index; the same again changes nothing."""
        with store_errors():
            await self.collection.create_index([("open", 1), ("seen_at", 1)], name="open_seen")

    async def add(self, record: StoredDeadLetter) -> bool:
        """Remember a record; False where its origin is known already."""
        fields = record.model_dump(exclude={"origin"})
        return await insert_new(self.collection, {"_id": record.origin, "open": True, **fields})

    async def unread(self) -> list[StoredDeadLetter]:
        """The oldest records the central desk has not read of, up to ``SHOWN``."""
        with store_errors():
            found = await self.collection.find({"open": True}).sort("seen_at", 1).limit(SHOWN).to_list(None)
        return Skipped("dead-letters", self._logged).readable(found, StoredDeadLetter.model_validate)

    async def untold(self, skipped: Skipped) -> list[StoredDeadLetter]:
        """The oldest records the central desk has had no mail about."""
        with store_errors():
            # A missing field matches None.
            waiting = self.collection.find({"open": True, "told_at": None})
            found = await waiting.sort("seen_at", 1).limit(SHOWN).to_list(None)
        return skipped.readable(found, StoredDeadLetter.model_validate)

    async def open_count(self) -> int:
        """Count the records that the central desk has not read of."""
        with store_errors():
            return int(await self.collection.count_documents({"open": True}))

    async def told(self, origin: str, now: datetime) -> None:
        """The mail about a record was taken."""
        with store_errors():
            await self.collection.update_one({"_id": origin}, {"$set": {"told_at": now}})

    async def waits(self, origin: str) -> bool:
        """Return whether there is such a record, not yet read of."""
        with store_errors():
            return await self.collection.find_one({"_id": origin, "open": True}, {"_id": 1}) is not None

    async def read(self, origin: str, now: datetime) -> bool:
        """Mark a record as read of; False if there is no such record."""
        with store_errors():
            done = await self.collection.update_one({"_id": origin}, {"$set": {"read_at": now, "open": False}})
        return done.matched_count == 1
