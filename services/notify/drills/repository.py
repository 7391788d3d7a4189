"""Drills in the document store. The id of a scheduled one is its month and centre: no two processes begin it."""

from datetime import datetime
from typing import Final

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase

from services.notify.drills.rules import Drill
from shared.jobs import Skipped
from shared.mongo import Document, insert_new, store_errors

SHOWN: Final = 100


class DrillStore:
    """The collection of drills."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self.collection: AsyncIOMotorCollection[Document] = database["drills"]

    async def prepare(self) -> None:
        """Create the index; the same again changes nothing."""
        with store_errors():
            await self.collection.create_index([("over", 1), ("started_at", 1)], name="over_started")

    async def begin(self, drill: Drill) -> bool:
        """Write a new drill; False where there is one of this id."""
        return await insert_new(self.collection, {"_id": drill.drill_id, **drill.model_dump()})

    async def begun(self, drill_ids: list[str]) -> dict[str, datetime]:
        """When those of these that were begun began."""
        with store_errors():
            found = self.collection.find({"_id": {"$in": drill_ids}}, {"started_at": 1})
            return {d["_id"]: d["started_at"] async for d in found}

    async def retake(self, drill: Drill, now: datetime) -> bool:
        """Take over the submission of a drill that was not accepted yet; False if another process has it."""
        with store_errors():
            unchanged = {"_id": drill.drill_id, "tried_at": drill.tried_at, "accepted_at": None}
            done = await self.collection.update_one(unchanged, {"$set": {"tried_at": now}})
        return done.modified_count == 1

    async def save(self, drill: Drill) -> None:
        """Write the result of the submission, or that the drill is over."""
        with store_errors():
            await self.collection.update_one({"_id": drill.drill_id}, {"$set": drill.model_dump()})

    async def running(self, skipped: Skipped) -> list[Drill]:
        """Those that are not over, the oldest first."""
        return await self._found({"over": False}, 1, skipped)

    async def latest(self, center_id: str | None) -> list[Drill]:
        """The newest of a centre (None: of all)."""
        return await self._found({} if center_id is None else {"center_id": center_id}, -1, Skipped("drills-list"))

    async def _found(self, wanted: Document, order: int, skipped: Skipped) -> list[Drill]:
        with store_errors():
            found = await self.collection.find(wanted).sort("started_at", order).limit(SHOWN).to_list(None)
        return skipped.readable(found, Drill.model_validate)
