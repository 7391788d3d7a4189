"""Dead letters in the document store, one per origin, until the central desk has read of them."""

from datetime import datetime, timedelta
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo.errors import DuplicateKeyError

from services.notify.dead_letters.models import StoredDeadLetter
from shared.jobs import Skipped
from shared.mongo import Document, insert_new, store_errors

SHOWN: Final = 100
"""Records that are read at once; of more it says how many at least."""
_MAIL: Final = "mail"
"""Of the document that says when the next mail may go; ids of records have slashes."""
_WITHOUT_MAIL: Final = {"open": True, "told_at": None}
"""A missing field matches None."""


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
        """Remember a record; False where this letter about it, or a later one, is known.

        One that central has read of is open again: of an origin that was named before anything died there, as whoever
        may write to the dead topic can, the true letter would else be told to nobody.
        """
        fields = record.model_dump(exclude={"origin"})
        if await insert_new(self.collection, {"_id": record.origin, "open": True, **fields}):
            return True
        later = {"_id": record.origin, "letter": {"$not": {"$gte": record.letter}}}
        said = record.model_dump(include={"letter", "reason", "seen_at"})
        with store_errors():
            done = await self.collection.update_one(later, {"$set": {"open": True, **said}})
        return done.matched_count == 1

    async def unread(self) -> list[StoredDeadLetter]:
        """The oldest records the central desk has not read of, up to ``SHOWN``."""
        with store_errors():
            found = await self.collection.find({"open": True}).sort("seen_at", 1).limit(SHOWN).to_list(None)
        return Skipped("dead-letters", self._logged).readable(found, StoredDeadLetter.model_validate)

    async def open_count(self) -> int:
        """Count the records that the central desk has not read of."""
        with store_errors():
            return int(await self.collection.count_documents({"open": True}))

    async def oldest_without_mail(self) -> str | None:
        """Name the oldest record the central desk has had no mail about, and the newest letter about it."""
        with store_errors():
            found = await self.collection.find(_WITHOUT_MAIL, {"letter": 1}).sort("seen_at", 1).limit(1).to_list(1)
        return next((f"{one['_id']} {one.get('letter')}" for one in found), None)

    async def take_turn(self, now: datetime, every: timedelta) -> bool:
        """Return whether a mail may go now; then none may for as long as ``every``, from whatever process.

        A turn further ahead than that is of a clock that was ahead, and keeps nobody.
        """
        over = [{"next_at": {"$lte": now}}, {"next_at": {"$gt": now + every}}]
        try:
            with store_errors():
                await self.collection.update_one(
                    {"_id": _MAIL, "$or": over}, {"$set": {"next_at": now + every}}, upsert=True
                )
        except DuplicateKeyError:
            return False
        return True

    async def give_back_turn(self, now: datetime) -> None:
        """Let the next mail go at once: this one did not."""
        with store_errors():
            await self.collection.update_one({"_id": _MAIL}, {"$set": {"next_at": now}})

    async def begin_mail(self, mail: str) -> tuple[int, list[str]]:
        """Note which records a mail tells of, all that central has had none about; how many, and of which topics."""
        with store_errors():
            begun = await self.collection.update_many(_WITHOUT_MAIL, {"$set": {"mail": mail}})
            return begun.matched_count, sorted(await self.collection.distinct("topic", {"mail": mail}))

    async def end_mail(self, mail: str, now: datetime) -> None:
        """The mail was taken. A record that was read of meanwhile, and died again, is not told by it."""
        with store_errors():
            await self.collection.update_many({"mail": mail}, {"$set": {"told_at": now}, "$unset": {"mail": ""}})

    async def waits(self, origin: str, letter: int) -> bool:
        """Return whether there is such a record, not yet read of as far as this letter about it."""
        with store_errors():
            return await self.collection.find_one(_shown(origin, letter), {"_id": 1}) is not None

    async def read(self, origin: str, letter: int, now: datetime) -> None:
        """Mark a record as read of, unless there is a later letter about it than the person was shown."""
        done = {"$set": {"read_at": now, "open": False}, "$unset": {"told_at": "", "mail": ""}}
        with store_errors():
            await self.collection.update_one(_shown(origin, letter), done)


def _shown(origin: str, letter: int) -> dict[str, Any]:
    return {"_id": origin, "open": True, "letter": {"$not": {"$gt": letter}}}
