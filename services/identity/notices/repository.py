"""Notices that the mail server has not taken yet."""

from datetime import UTC, datetime
from typing import Final

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase

from services.identity.accounts.models import Sealed
from services.identity.notices.models import Queued
from shared.mongo import Document, store_errors

_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)


class NoticeStore:
    """The queue; processes share it."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        """``database`` is identity's own."""
        self.collection: AsyncIOMotorCollection[Document] = database["notices"]

    async def prepare(self) -> None:
        """Create the index; the same again changes nothing."""
        with store_errors():
            await self.collection.create_index("due_at", name="due_at")

    async def add(self, queued: Queued) -> None:
        """Queue one."""
        with store_errors():
            await self.collection.insert_one({"_id": queued.id, **queued.model_dump(exclude={"id"})})

    async def due(self, now: datetime, most: int) -> list[Queued]:
        """Those whose turn it is, the oldest first."""
        with store_errors():
            found = self.collection.find({"due_at": {"$gt": _LONG_AGO, "$lte": now}}).sort("due_at", 1).limit(most)
            return [
                Queued.model_validate({**document, "id": document["_id"]}) for document in await found.to_list(None)
            ]

    async def all(self) -> list[Queued]:
        """Every notice that waits."""
        with store_errors():
            found = await self.collection.find({}).to_list(None)
        return [Queued.model_validate({**document, "id": document["_id"]}) for document in found]

    async def rewrapped(self, name: str, to: Sealed) -> None:
        """Keep the same address under another master key; nothing where it was sent meanwhile."""
        with store_errors():
            await self.collection.update_one({"_id": name}, {"$set": {"to": to.model_dump()}})

    async def postpone(self, queued: Queued, until: datetime) -> bool:
        """Try (again) not before then; False where another process has it."""
        change = {"$set": {"due_at": until, "tries": queued.tries + 1}}
        with store_errors():
            done = await self.collection.update_one({"_id": queued.id, "tries": queued.tries}, change)
        return done.modified_count == 1

    async def remove(self, name: str) -> None:
        """Forget one."""
        with store_errors():
            await self.collection.delete_one({"_id": name})
