"""Generations: complete sets of facts, cells and offsets, of which one serves.

The mark (one document) names the one that serves; a rebuild makes another beside it and changes that name in one write.
Whoever folds reads the mark in the transaction it writes in, so it always writes to the generation that serves.
"""

from dataclasses import dataclass
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import DeleteOne
from pymongo.errors import CollectionInvalid, OperationFailure

from shared import log
from shared.errors import TransientError
from shared.mongo import store_errors

_log = log.get(__name__)

Database = AsyncIOMotorDatabase[dict[str, Any]]
Collection = AsyncIOMotorCollection[dict[str, Any]]
Session = AsyncIOMotorClientSession

CELLS_MARK: Final = "cells"
"""The one document of the collection ``cells``: cells version and generation that serves, and what is being made."""
PARTS: Final = ("offsets", "facts", "days", "months", "totals", "centers")
"""The collections of a generation, in the order in which they are emptied: without offsets no other worker's open batch
can still commit into what is being emptied."""
Index = tuple[tuple[str, int], ...]
STANDING: Final[Index] = (("standing", 1), ("at", 1))
"""Over the facts in flight or ahead, which are few."""
UNSEEN: Final[Index] = (("unseen", 1), ("since", 1))
"""Over those whose owner has not acknowledged them. The embedded store takes a partial index only where it is named."""
_AT_ONCE: Final = 1000
_NONE: Final = -1
_NAMESPACE_EXISTS: Final = 48
"""MongoDB's error code for a collection that exists."""


@dataclass(frozen=True, slots=True)
class Generation:
    """The collections of one generation; the first has plain names."""

    database: Database
    number: int = 0

    def part(self, name: str) -> Collection:
        """One of its collections."""
        return self.database[f"{name}_{self.number}" if self.number else name]

    @property
    def offsets(self) -> Collection:
        """How far each topic and partition is folded: ``next`` by topic, one document per partition."""
        return self.part("offsets")

    @property
    def facts(self) -> Collection:
        """One document per report."""
        return self.part("facts")

    @property
    def days(self) -> Collection:
        """Cells, one document per source partition and day."""
        return self.part("days")

    @property
    def months(self) -> Collection:
        """Cells, one document per source partition and month."""
        return self.part("months")

    @property
    def totals(self) -> Collection:
        """Sums by stage, one document per source partition."""
        return self.part("totals")

    @property
    def centers(self) -> Collection:
        """One document per centre."""
        return self.part("centers")

    async def create(self) -> None:
        """Make collections and indexes; harmless to repeat. They must exist before a transaction writes."""
        with store_errors():
            existing = set(await self.database.list_collection_names())
            for name in PARTS:
                if self.part(name).name not in existing:
                    await create(self.database, self.part(name).name)
            for index in (STANDING, UNSEEN):
                few = {index[0][0]: {"$exists": True}}
                await self.facts.create_index(list(index), partialFilterExpression=few)
            await self.days.create_index("day")
            await self.months.create_index("month")

    async def drop(self) -> None:
        """Remove it whole. Raises ``TransientError`` where that takes too long; calling again goes on.

        Emptied first, a thousand documents at a time: to drop a filled collection stops the embedded store for all who
        use it, 0.7 ms a document, and one deletion of all costs the square of what it removes (both measured).
        """
        with store_errors():
            for name in reversed(PARTS):
                collection = self.part(name)
                while ids := await _some_ids(collection):
                    for start in range(0, len(ids), _AT_ONCE):
                        gone = [DeleteOne({"_id": _id}) for _id in ids[start : start + _AT_ONCE]]
                        await collection.bulk_write(gone, ordered=False)
                await collection.drop()


async def _some_ids(collection: Collection) -> list[Any]:
    found = collection.find({}, {"_id": 1}).hint([("$natural", 1)]).limit(5 * _AT_ONCE)
    return [document["_id"] async for document in found]


async def drop_others(database: Database, kept: set[int]) -> None:
    """Remove all generations but these. What does not go in time is left to the next rebuild: it is read by nobody."""
    try:
        with store_errors():
            names = await database.list_collection_names()
        for number in sorted({_number(name) for name in names} - kept - {_NONE}):
            _log.info("analytics.generation_cleared_away", generation=number)
            await Generation(database, number).drop()
    except TransientError as error:
        _log.warning("analytics.generation_left", error=str(error), hint="the next rebuild clears it away")


def _number(name: str) -> int:
    """The generation a collection belongs to."""
    plain, _, number = name.partition("_")
    if plain not in PARTS or not (number.isdecimal() or not number):
        return _NONE
    return int(number or 0)


async def create(database: Database, name: str) -> None:
    """Create a collection, unless another worker was faster."""
    try:
        await database.create_collection(name)
    except CollectionInvalid:
        return
    except OperationFailure as error:
        if error.code != _NAMESPACE_EXISTS:
            raise


async def read_mark(database: Database, session: Session | None = None) -> dict[str, Any]:
    """The mark; empty before the store was prepared."""
    return await database.cells.find_one({"_id": CELLS_MARK}, session=session) or {}


async def serving(database: Database, session: Session | None = None) -> Generation:
    """The generation that serves now."""
    return Generation(database, (await read_mark(database, session)).get("generation", 0))
