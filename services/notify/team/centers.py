"""Who is on duty, per centre, and the records nobody could read."""

from datetime import datetime
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo.errors import DuplicateKeyError

from services.notify.cases.models import CENTRAL_DESK, Center, DeadRecord
from services.notify.cases.repository import Document, records_of
from shared import centers, outbox
from shared.events.base import Event
from shared.events.vocabulary import CenterState
from shared.mongo import store_errors

CASES_PER_PERSON: Final = 15
"""Until a centre says otherwise."""


def known(center_id: str) -> bool:
    """Whether there is such a centre, ``central`` included."""
    return center_id == CENTRAL_DESK or center_id in centers.CENTER_IDS


def nominal(center_id: str) -> Center:
    """A centre whose staff has not said anything yet: open, with everybody it is funded for."""
    return Center(
        center_id=center_id,
        rev=0,
        center_version=0,
        state=CenterState.OPEN,
        staff_on_duty=max(centers.center(center_id).staff, 1),
        cases_per_person=CASES_PER_PERSON,
    )


class CenterStore:
    """The collection of centres."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        """``database`` is notify's own."""
        self.collection: AsyncIOMotorCollection[Document] = database["centers"]

    async def all(self) -> dict[str, Center]:
        """Every centre by id, as its staff last said, otherwise nominal."""
        with store_errors():
            found = await self.collection.find({}).to_list(None)
        said = {document["_id"]: Center.model_validate(document) for document in found}
        return {i: said.get(i) or nominal(i) for i in (*centers.CENTER_IDS, CENTRAL_DESK)}

    async def get(self, center_id: str) -> Center:
        """One centre."""
        with store_errors():
            found = await self.collection.find_one({"_id": center_id})
        return Center.model_validate(found) if found is not None else nominal(center_id)

    async def save(self, center: Center, was: int, events: tuple[Event, ...], now: datetime) -> bool:
        """Write a new state over state ``was`` (0: none yet); False where somebody was faster."""
        fields = center.model_dump(exclude={"center_id"})
        records = records_of(events, now)
        with store_errors():
            if was == 0:
                try:
                    document = {"_id": center.center_id, **fields, **outbox.pending(records, now)}
                    await self.collection.insert_one(document)
                except DuplicateKeyError:
                    return False
                return True
            update: dict[str, Any] = {name: dict(values) for name, values in outbox.push(records, now).items()}
            update["$set"] = {**update.get("$set", {}), **fields}
            done = await self.collection.update_one({"_id": center.center_id, "rev": was}, update)
        return done.matched_count == 1


class DeadStore:
    """Dead records, one per origin, until the central desk has read of them."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        """``database`` is notify's own."""
        self.collection: AsyncIOMotorCollection[Document] = database["dead"]

    async def prepare(self) -> None:
        """Create the index; the same again changes nothing."""
        with store_errors():
            await self.collection.create_index([("open", 1), ("seen_at", 1)], name="open_seen")

    async def add(self, record: DeadRecord) -> bool:
        """Remember a record; False where its origin is known already."""
        try:
            with store_errors():
                fields = record.model_dump(exclude={"origin"})
                await self.collection.insert_one({"_id": record.origin, "open": True, **fields})
        except DuplicateKeyError:
            return False
        return True

    async def unread(self, limit: int = 100) -> list[DeadRecord]:
        """The oldest records the central desk has not read of."""
        with store_errors():
            found = await self.collection.find({"open": True}).sort("seen_at", 1).limit(limit).to_list(None)
        return [DeadRecord.model_validate(document) for document in found]

    async def untold(self, limit: int = 100) -> list[DeadRecord]:
        """The oldest records the central desk has had no mail about."""
        with store_errors():
            # A missing field matches None.
            waiting = self.collection.find({"open": True, "told_at": None})
            found = await waiting.sort("seen_at", 1).limit(limit).to_list(None)
        return [DeadRecord.model_validate(document) for document in found]

    async def open_count(self) -> int:
        """How many records the central desk has not read of."""
        with store_errors():
            return int(await self.collection.count_documents({"open": True}))

    async def told(self, origin: str, now: datetime) -> None:
        """The mail about a record was taken."""
        with store_errors():
            await self.collection.update_one({"_id": origin}, {"$set": {"told_at": now}})

    async def waits(self, origin: str) -> bool:
        """Whether there is such a record that nobody has read of."""
        with store_errors():
            return await self.collection.find_one({"_id": origin, "open": True}, {"_id": 1}) is not None

    async def read(self, origin: str, now: datetime) -> bool:
        """Somebody read of a record; False where there is no such record."""
        with store_errors():
            done = await self.collection.update_one({"_id": origin}, {"$set": {"read_at": now, "open": False}})
        return done.matched_count == 1
