"""Delays after failed sign-ins, in the store."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase

from services.identity.accounts.rules import FORGOTTEN, FailedAttempts
from shared.errors import TransientError
from shared.mongo import Document, insert_new, store_errors

_TRIES: Final = 25


class DelayStore:
    """Attempts that did not succeed; shared by all processes, and there after a restart."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self.collection: AsyncIOMotorCollection[Document] = database["sign_in_delays"]

    async def prepare(self) -> None:
        """Create the index; the same again changes nothing."""
        with store_errors():
            await self.collection.create_index("last_at", name="last_at")

    async def get(self, key: str) -> FailedAttempts | None:
        """Return the count under a key."""
        with store_errors():
            found = await self.collection.find_one({"_id": key})
        return _attempts_of(found)

    async def change(self, key: str, decide: Callable[[FailedAttempts | None], FailedAttempts | None]) -> bool:
        """Write what ``decide`` makes of the attempts so far; False (and nothing written) where it gives None.

        Raises ``TransientError`` where every try ends in a conflict.
        """
        for _ in range(_TRIES):
            with store_errors():
                found = await self.collection.find_one({"_id": key})
            after = decide(_attempts_of(found))
            if after is None:
                return False
            if await self._put(key, int(found["rev"]) if found else 0, after):
                return True
        raise TransientError("a delay changes too often")

    async def forget(self, key: str) -> None:
        """Begin anew."""
        with store_errors():
            await self.collection.delete_one({"_id": key})

    async def sweep(self, now: datetime) -> int:
        """Delete what is forgotten anyway."""
        old = {"last_at": {"$gt": datetime(2000, 1, 1, tzinfo=now.tzinfo), "$lt": now - FORGOTTEN}}
        with store_errors():
            return int((await self.collection.delete_many(old)).deleted_count)

    async def _put(self, key: str, was: int, attempts: FailedAttempts) -> bool:
        fields = {"failures": attempts.failures, "last_at": attempts.last_at, "until": attempts.until, "rev": was + 1}
        if was == 0:
            return await insert_new(self.collection, {"_id": key, **fields})
        with store_errors():
            done = await self.collection.update_one({"_id": key, "rev": was}, {"$set": fields})
        return done.matched_count == 1


def _attempts_of(found: Document | None) -> FailedAttempts | None:
    return FailedAttempts(int(found["failures"]), found["last_at"], found["until"]) if found is not None else None
