"""Values that count once: challenges of passkeys, logout tokens."""

from datetime import datetime, timedelta
from typing import Final

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase

from shared.mongo import Document, insert_new, store_errors

_LONG_AGO: Final = 2000
_KEPT: Final = timedelta(hours=1)
"""After its end: a process whose clock is behind takes what was made for it a little longer."""


class UsedStore:
    """Used values. Nothing is written before the use, so asking for challenges fills nothing."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], collection: str) -> None:
        self.collection: AsyncIOMotorCollection[Document] = database[collection]

    async def prepare(self) -> None:
        """Create the index; the same again changes nothing."""
        with store_errors():
            await self.collection.create_index("until", name="until")

    async def known(self, nonce: str) -> bool:
        """Return whether it was used."""
        with store_errors():
            return await self.collection.find_one({"_id": nonce}) is not None

    async def use(self, nonce: str, until: datetime) -> bool:
        """Use what is over by itself at ``until``; False where it was used before."""
        return await insert_new(self.collection, {"_id": nonce, "until": until})

    async def note(self, name: str, until: datetime) -> None:
        """Keep the latest of the times that are noted under a name, as long as that has not passed."""
        with store_errors():
            await self.collection.update_one({"_id": name}, {"$max": {"until": until}}, upsert=True)

    async def noted(self, name: str) -> datetime | None:
        """Return the time that was noted under a name."""
        with store_errors():
            found = await self.collection.find_one({"_id": name})
        return found["until"] if found is not None else None

    async def sweep(self, now: datetime) -> int:
        """Delete what is over by itself for every process."""
        over = {"until": {"$gt": datetime(_LONG_AGO, 1, 1, tzinfo=now.tzinfo), "$lt": now - _KEPT}}
        with store_errors():
            return int((await self.collection.delete_many(over)).deleted_count)
