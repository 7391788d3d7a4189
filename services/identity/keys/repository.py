"""Signing keys in the store."""

from datetime import UTC, datetime
from typing import Final

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pydantic import ValidationError

from services.identity.accounts.models import KeyRecord, Sealed
from shared.mongo import Document, insert_new, store_errors

_NEVER: Final = datetime(2000, 1, 1, tzinfo=UTC)


class KeyStore:
    """Signing keys."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self.collection: AsyncIOMotorCollection[Document] = database["signing_keys"]

    async def prepare(self) -> None:
        """Create the index; the same again changes nothing."""
        with store_errors():
            await self.collection.create_index("number", name="number", unique=True)

    async def all(self) -> list[KeyRecord]:
        """Every document that is there, oldest first; a handful. Whether identity wrote it is not judged here."""
        with store_errors():
            found = await self.collection.find({}).to_list(None)
        return sorted(map(_key, found), key=lambda key: key.number)

    async def add(self, key: KeyRecord) -> bool:
        """A new key; False where another process made this number first."""
        return await insert_new(self.collection, {"_id": key.kid, **key.model_dump(exclude={"kid"})})

    async def rewrapped(self, kid: str, private: Sealed) -> None:
        """The same private half under another master key."""
        with store_errors():
            await self.collection.update_one({"_id": kid}, {"$set": {"private": private.model_dump()}})

    async def drop(self, kid: str) -> None:
        """Delete a key nothing of which counts any more."""
        with store_errors():
            await self.collection.delete_one({"_id": kid})


def _key(document: Document) -> KeyRecord:
    """The key; of what identity could not have written only the name, under a seal that never fits."""
    try:
        return KeyRecord.model_validate({**document, "kid": document["_id"]})
    except ValidationError:
        nothing = Sealed(key_id="", key=b"", blob=b"")
        return KeyRecord(
            kid=str(document["_id"])[:40],
            number=0,
            private=nothing,
            created_at=_NEVER,
            signs_from=_NEVER,
            valid_until=_NEVER,
        )
