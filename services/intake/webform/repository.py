"""Half-filled forms: sealed, found by a keyed digest of what only a browser holds, gone when their time is over."""

from datetime import datetime

from motor.motor_asyncio import AsyncIOMotorDatabase

from services.intake.reports.documents import Document
from shared.mongo import store_errors

COLLECTION = "drafts"


class DraftRepository:
    """One document per draft: its digest, its sealed answers, until when it counts."""

    def __init__(self, database: "AsyncIOMotorDatabase[Document]") -> None:
        self.collection = database[COLLECTION]

    async def prepare(self) -> None:
        """The index by which the store itself forgets; ``sweep`` is for where it is late."""
        with store_errors():
            await self.collection.create_index("until", expireAfterSeconds=0, name="expiry")

    async def read(self, draft_id: str, now: datetime) -> tuple[bytes, datetime] | None:
        """The sealed answers and until when they count. Raises ``TransientError``."""
        with store_errors():
            found = await self.collection.find_one({"_id": draft_id})
        return (bytes(found["sealed"]), found["until"]) if found is not None and found["until"] > now else None

    async def write(self, draft_id: str, sealed: bytes, until: datetime) -> None:
        """Keep it, durably. Raises ``TransientError``."""
        with store_errors():
            await self.collection.update_one(
                {"_id": draft_id}, {"$set": {"sealed": sealed, "until": until}}, upsert=True
            )

    async def extend(self, draft_id: str, until: datetime) -> None:
        """Extend a draft that was looked at. One that is gone stays gone. Raises ``TransientError``."""
        with store_errors():
            await self.collection.update_one({"_id": draft_id}, {"$set": {"until": until}})

    async def remove(self, draft_id: str) -> None:
        """Forget it now. Raises ``TransientError``."""
        with store_errors():
            await self.collection.delete_one({"_id": draft_id})

    async def sweep(self, now: datetime) -> int:
        """Forget those whose time is over; how many."""
        with store_errors():
            result = await self.collection.delete_many({"until": {"$lte": now}})
        return result.deleted_count
