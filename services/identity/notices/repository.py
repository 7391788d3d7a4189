"""Notices that the mail server has not taken yet."""

from datetime import UTC, datetime, timedelta
from typing import Final

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pydantic import ValidationError

from services.identity.accounts.models import Sealed
from services.identity.metrics import NOTICES
from services.identity.notices.models import KEPT, Queued
from shared import log
from shared.identity.keys import CLOCKS_APART
from shared.mongo import Document, store_errors

_log = log.get(__name__)

_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LATER: Final = timedelta(minutes=15)
"""When a notice that this build cannot read is looked at again."""
_AHEAD: Final = _LATER + CLOCKS_APART
"""No right clock puts one off further: the one that did was ahead."""


class NoticeStore:
    """The queue; processes share it."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
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
        """Those whose turn it is, the oldest first, and those that a clock put off which was far ahead.

        What this build cannot read, as a later build's may be, is left to that one and keeps no other back.
        """
        turns = ({"$gt": _LONG_AGO, "$lte": now}, {"$gt": now + _AHEAD})
        with store_errors():
            cursor = self.collection.find({"$or": [{"due_at": turn} for turn in turns]}).sort("due_at", 1).limit(most)
            found = await cursor.to_list(None)
        read = [(document, _queued(document)) for document in found]
        for document in (document for document, queued in read if queued is None):
            await self._leave(document, now)
        return [queued for _, queued in read if queued is not None]

    async def _leave(self, document: Document, now: datetime) -> None:
        _log.error("notices.unreadable", notice=str(document.get("notice"))[:40])
        same, at = {"_id": document["_id"], "due_at": document["due_at"]}, document.get("at")
        with store_errors():
            if not isinstance(at, datetime) or now - at >= KEPT:
                done = await self.collection.delete_one(same)
                NOTICES.labels("unknown", "given_up").inc(done.deleted_count)
            else:
                await self.collection.update_one(same, {"$set": {"due_at": now + _LATER}})

    async def addresses(self) -> list[tuple[str, str, Sealed]]:
        """Of every notice that waits, a later build's too: its id, the account's subject and the sealed address.

        Raises ``ValidationError`` where an address is none that this build can rewrap.
        """
        with store_errors():
            found = await self.collection.find({}, {"subject": 1, "to": 1}).to_list(None)
        return [(one["_id"], str(one["subject"]), Sealed.model_validate(one["to"])) for one in found]

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


def _queued(document: Document) -> Queued | None:
    try:
        return Queued.model_validate({**document, "id": document["_id"]})
    except ValidationError:
        return None
