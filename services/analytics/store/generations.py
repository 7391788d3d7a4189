"""Generations: complete sets of facts, cells and offsets, of which one serves.

The mark (one document) names the one that serves; a rebuild makes another beside it and changes that name in one write.
Whoever folds reads the mark in the transaction it writes in, so it always writes to the generation that serves.
"""

from dataclasses import dataclass
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo.errors import CollectionInvalid, OperationFailure

from shared.mongo import store_errors

Database = AsyncIOMotorDatabase[dict[str, Any]]
Collection = AsyncIOMotorCollection[dict[str, Any]]
Session = AsyncIOMotorClientSession

CELLS_MARK: Final = "cells"
"""The one document of the collection ``cells``: cells version and generation that serves, and what is being made."""
PARTS: Final = ("offsets", "facts", "days", "months", "totals", "centers")
"""The collections of a generation, in the order in which they are emptied: without offsets no other worker's open batch
can still commit into what is being emptied."""
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
            standing = {"standing": {"$exists": True}}
            await self.facts.create_index([("standing", 1), ("at", 1)], partialFilterExpression=standing)
            await self.days.create_index("day")
            await self.months.create_index("month")

    async def drop(self) -> None:
        """Remove it whole."""
        with store_errors():
            for name in PARTS:
                await self.part(name).drop()


async def drop_others(database: Database, kept: set[int]) -> None:
    """Remove all generations but these."""
    names = {Generation(database, number).part(name).name for number in kept for name in PARTS}
    with store_errors():
        for name in await database.list_collection_names():
            plain, _, number = name.partition("_")
            if plain in PARTS and name not in names and (number.isdecimal() or not number):
                await database[name].drop()


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
