"""Used tickets: one document each until it has expired, so that no process accepts one twice."""

from datetime import datetime

from motor.motor_asyncio import AsyncIOMotorDatabase

from services.intake.reports.documents import Document
from shared.mongo import SLICE, insert_new, store_errors

COLLECTION = "tickets"


class UsedTickets:
    """Remembers tickets."""

    def __init__(self, database: "AsyncIOMotorDatabase[Document]") -> None:
        self._collection = database[COLLECTION]

    async def use(self, ticket_id: str, expires_at: datetime) -> bool:
        """Mark a ticket as used; True if this was its first use. Raises ``TransientError``: then unknown."""
        return await insert_new(self._collection, {"_id": ticket_id, "until": expires_at})

    async def sweep(self, before: datetime) -> int:
        """Forget those that had expired by then; how many."""
        with store_errors():
            found = await self._collection.find({}, {"until": 1}).hint([("$natural", 1)]).to_list(None)
            old = [document["_id"] for document in found if document["until"] < before]
            for start in range(0, len(old), SLICE):
                await self._collection.delete_many({"_id": {"$in": old[start : start + SLICE]}})
        return len(old)
