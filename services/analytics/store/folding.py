"""The writing side of the store: one transaction per batch holds its facts, its increments and its offsets.

Either all of a batch is there or nothing of it. The offsets are read inside the transaction, so a worker that was
paused and wakes up after another took its partitions finds that its records are folded already, or conflicts and tries
again. Cells lie in one document per source partition and day: workers never write to the same document.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError, CollectionInvalid, OperationFailure

from services.analytics.model import CELLS_VERSION, CenterFact, Fact
from services.analytics.projection import CellKey, Changes
from services.analytics.store.renewing import CELLS_MARK, WRITE_CONFLICT, renew
from shared.errors import FatalError, TransientError
from shared.mongo import store_errors

Database = AsyncIOMotorDatabase[dict[str, Any]]
Position = tuple[str, int]
"""Bare topic name and partition."""

SLICE: Final = 100
"""Ids per query: an index read costs the square of what it returns on the embedded store (STACK, section 0)."""
_STAGE: Final = "stage|"
_CENTERS: Final = "centers"
_NAMESPACE_EXISTS: Final = 48
"""MongoDB's error code for a collection that exists."""
_LOST_RACE: Final = frozenset({WRITE_CONFLICT, 11000})
"""Write conflict, and a key that appeared after the transaction's snapshot."""


async def prepare(database: Database) -> None:
    """Create collections and indexes and make the store one of today's cells; harmless to repeat.

    Collections must exist before a transaction writes. Raises ``FatalError`` where a newer build has folded.
    """
    with store_errors():
        existing = set(await database.list_collection_names())
        for name in ("facts", "days", "totals", "offsets", "centers", "dead", "releases", "cells"):
            if name not in existing:
                await _create(database, name)
        standing = {"standing": {"$exists": True}}
        await database.facts.create_index([("standing", 1), ("at", 1)], partialFilterExpression=standing)
        await database.days.create_index("day")
    await renew(database)


async def _create(database: Database, name: str) -> None:
    try:
        await database.create_collection(name)
    except CollectionInvalid:  # another worker made it in between
        return
    except OperationFailure as error:
        if error.code != _NAMESPACE_EXISTS:
            raise


async def stored_offsets(database: Database, partitions: Iterable[int]) -> dict[Position, int]:
    """The first offset not folded yet, for every topic and partition anything was folded of, and of `centers`."""
    with store_errors():
        return await _offsets(database, None, set(partitions))


async def _offsets(
    database: Database, session: AsyncIOMotorClientSession | None, partitions: set[int]
) -> dict[Position, int]:
    wanted = [*(str(p) for p in sorted(partitions)), _CENTERS]
    found: dict[Position, int] = {}
    for start in range(0, len(wanted), SLICE):
        query = {"_id": {"$in": wanted[start : start + SLICE]}}
        async for document in database.offsets.find(query, session=session):
            partition = 0 if document["_id"] == _CENTERS else int(document["_id"])
            found |= {(topic, partition): offset for topic, offset in document["next"].items()}
    return found


class Batch:
    """One open transaction. Reads see the state at its start; ``save`` writes everything at once."""

    def __init__(self, database: Database, session: AsyncIOMotorClientSession) -> None:
        self._database = database
        self._session = session
        self._stored: frozenset[str] = frozenset()

    async def offsets(self, partitions: set[int]) -> dict[Position, int]:
        """As `stored_offsets`. Raises ``FatalError`` where the store is no longer one of this build's cells."""
        mark = await self._database.cells.find_one({"_id": CELLS_MARK}, session=self._session) or {}
        if mark.get("version") != CELLS_VERSION or "clearing" in mark:
            raise FatalError(f"the store is not folded by cells version {CELLS_VERSION}: start again")
        return await _offsets(self._database, self._session, partitions)

    async def facts(self, report_ids: Iterable[str]) -> dict[str, Fact]:
        """The known ones of these reports."""
        wanted = sorted(set(report_ids))
        found: dict[str, Fact] = {}
        for start in range(0, len(wanted), SLICE):
            query = {"_id": {"$in": wanted[start : start + SLICE]}}
            documents = await self._database.facts.find(query, session=self._session).to_list(None)
            found |= {document["_id"]: Fact.from_document(document) for document in documents}
        self._stored = frozenset(found)
        return found

    async def centers(self) -> dict[str, CenterFact]:
        """All centres known so far, by id."""
        documents = await self._database.centers.find({}, session=self._session).to_list(None)
        return {d["_id"]: CenterFact(d["_id"], d["version"], d["state"], d["staff"]) for d in documents}

    async def save(self, changes: Changes, centers: Iterable[CenterFact], offsets: Mapping[Position, int]) -> None:
        """Write what a batch changed and how far it was read."""
        session = self._session
        facts = [
            ReplaceOne({"_id": rid}, fact.to_document()) if rid in self._stored else InsertOne(fact.to_document())
            for rid, fact in changes.facts.items()
        ]
        for collection, operations in (
            (self._database.facts, facts),
            (self._database.days, _day_increments(changes.cells)),
            (self._database.totals, _total_increments(changes.cells)),
            (self._database.centers, [_center_replacement(center) for center in centers]),
            (self._database.offsets, _offset_updates(offsets)),
        ):
            if operations:
                await collection.bulk_write(operations, ordered=False, session=session)


@asynccontextmanager
async def batch(database: Database) -> AsyncIterator[Batch]:
    """A transaction around one batch: committed on the way out, undone by any exception.

    Raises ``TransientError`` where it lost against another worker or the store is away; the same batch may then be
    tried again, even if the commit did take effect.
    """
    try:
        with store_errors():
            async with await database.client.start_session() as session, session.start_transaction():
                yield Batch(database, session)
    except BulkWriteError as error:
        codes = {write.get("code") for write in (error.details or {}).get("writeErrors", ())}
        if codes and codes <= _LOST_RACE:
            raise TransientError("store: another worker wrote the same documents first") from error
        raise


def _day_increments(cells: Mapping[CellKey, int]) -> list[UpdateOne]:
    by_document: dict[tuple[int, str], dict[str, int]] = {}
    for (partition, day, cell), by in cells.items():
        if by:
            by_document.setdefault((partition, day), {})[f"n.{cell}"] = by
    return [
        UpdateOne(
            {"_id": f"{partition}|{day}"},
            {"$inc": increments, "$setOnInsert": {"partition": partition, "day": day}},
            upsert=True,
        )
        for (partition, day), increments in by_document.items()
    ]


def _total_increments(cells: Mapping[CellKey, int]) -> list[UpdateOne]:
    by_partition: dict[int, dict[str, int]] = {}
    for (partition, _, cell), by in cells.items():
        if cell.startswith(_STAGE):
            sums = by_partition.setdefault(partition, {})
            name = f"n.{cell.removeprefix(_STAGE)}"
            sums[name] = sums.get(name, 0) + by
    return [
        UpdateOne({"_id": p}, {"$inc": sums}, upsert=True) for p, sums in by_partition.items() if any(sums.values())
    ]


def _center_replacement(center: CenterFact) -> ReplaceOne[dict[str, Any]]:
    document = {"version": center.version, "state": center.state, "staff": center.staff_on_duty}
    return ReplaceOne({"_id": center.center_id}, document, upsert=True)


def _offset_updates(offsets: Mapping[Position, int]) -> list[UpdateOne]:
    by_document: dict[str, dict[str, int]] = {}
    for (topic, partition), offset in offsets.items():
        document = _CENTERS if topic == _CENTERS else str(partition)
        by_document.setdefault(document, {})[f"next.{topic}"] = offset
    return [UpdateOne({"_id": _id}, {"$set": fields}, upsert=True) for _id, fields in by_document.items()]
