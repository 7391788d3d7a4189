"""The writing side of the store: one transaction per batch holds its facts, its increments and its offsets.

Either all of a batch is there or nothing of it. The offsets are read inside the transaction, so a worker that was
paused and wakes up after another took its partitions finds that its records are folded already, or conflicts and tries
again. Cells lie in one document per source partition and day: workers never write to the same document.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorClientSession
from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError

from services.analytics.counting.aggregate import stage_cell
from services.analytics.counting.generations import Database, Generation, create, read_mark, serving
from services.analytics.counting.models import CELLS_VERSION, CenterFact, Fact
from services.analytics.counting.project import CellKey, Changes
from services.analytics.counting.renewing import WRITE_CONFLICT, renew
from shared.errors import FatalError, TransientError
from shared.mongo import SLICE, store_errors

Write = InsertOne[dict[str, Any]] | ReplaceOne[dict[str, Any]] | UpdateOne
Position = tuple[str, int]
"""Bare topic name and partition."""

_STAGE: Final = stage_cell("")
CENTERS: Final = "centers"
"""The topic with a partition of its own; its offset has a document of its own."""
_LOST_RACE: Final = frozenset({WRITE_CONFLICT, 11000})
"""Write conflict, and a key that appeared after the transaction's snapshot."""


async def prepare(database: Database) -> None:
    """Create collections and indexes and make the store one of today's cells; harmless to repeat.

    Collections must exist before a transaction writes. Raises ``FatalError`` where a newer build has folded.
    """
    with store_errors():
        existing = set(await database.list_collection_names())
        for name in ("dead", "releases", "cells", "positions", "history"):
            if name not in existing:
                await create(database, name)
        generation = await serving(database)
    await generation.create()
    await renew(database)


async def stored_offsets(database: Database, partitions: Iterable[int]) -> dict[Position, int]:
    """The first offset not folded yet, for every topic and partition anything was folded of, and of `centers`."""
    with store_errors():
        return await offsets_of(await serving(database), None, set(partitions))


async def offsets_of(
    generation: Generation, session: AsyncIOMotorClientSession | None, partitions: set[int]
) -> dict[Position, int]:
    """The same of one generation, as a session sees it."""
    wanted = [*(str(p) for p in sorted(partitions)), CENTERS]
    found: dict[Position, int] = {}
    for start in range(0, len(wanted), SLICE):
        query = {"_id": {"$in": wanted[start : start + SLICE]}}
        documents = await generation.offsets.find(query, session=session).to_list(None)
        found |= positions(documents)
    return found


def positions(documents: Iterable[Mapping[str, Any]]) -> dict[Position, int]:
    """Offsets out of their documents."""
    return {
        (topic, 0 if document["_id"] == CENTERS else int(document["_id"])): offset
        for document in documents
        for topic, offset in document["next"].items()
    }


class Batch:
    """One open transaction. Reads see the state at its start; ``save`` writes everything at once."""

    def __init__(self, generation: Generation, session: AsyncIOMotorClientSession) -> None:
        self._generation = generation
        self._session = session
        self._stored: frozenset[str] = frozenset()

    async def offsets(self, partitions: set[int]) -> dict[Position, int]:
        """As `stored_offsets`. Raises ``FatalError`` where the store is no longer one of this build's cells."""
        mark = await read_mark(self._generation.database, self._session)
        if mark.get("version") != CELLS_VERSION or "clearing" in mark:
            raise FatalError(f"the store is not folded by cells version {CELLS_VERSION}: start again")
        return await offsets_of(self._generation, self._session, partitions)

    @property
    def generation(self) -> int:
        """The number of the generation it writes to."""
        return self._generation.number

    async def facts(self, report_ids: Iterable[str], trusted: Mapping[str, Fact]) -> dict[str, Fact]:
        """The known ones of these reports. ``trusted`` are facts known to be as the store holds them."""
        wanted = set(report_ids)
        found = {rid: trusted[rid] for rid in wanted & trusted.keys()}
        asked = sorted(wanted - found.keys())
        for start in range(0, len(asked), SLICE):
            query = {"_id": {"$in": asked[start : start + SLICE]}}
            documents = await self._generation.facts.find(query, session=self._session).to_list(None)
            found |= {document["_id"]: Fact.from_document(document) for document in documents}
        self._stored = frozenset(found)
        return found

    async def centers(self) -> dict[str, CenterFact]:
        """All centres known so far, by id."""
        documents = await self._generation.centers.find({}, session=self._session).to_list(None)
        return {d["_id"]: center_of(d) for d in documents}

    async def save(self, changes: Changes, centers: Iterable[CenterFact], offsets: Mapping[Position, int]) -> None:
        """Write what a batch changed and how far it was read."""
        for part, operations in self.operations(changes, centers, offsets):
            if operations:
                collection = self._generation.part(part)
                await collection.bulk_write(operations, ordered=False, session=self._session)

    def operations(
        self, changes: Changes, centers: Iterable[CenterFact], offsets: Mapping[Position, int]
    ) -> list[tuple[str, list[Write]]]:
        """What is written, by collection of the generation."""
        facts: list[Write] = [
            ReplaceOne({"_id": rid}, fact.to_document()) if rid in self._stored else InsertOne(fact.to_document())
            for rid, fact in changes.facts.items()
        ]
        return [
            ("facts", facts),
            ("days", _increments(changes.cells, "day")),
            ("months", _increments(changes.months, "month")),
            ("totals", _total_increments(changes.cells)),
            ("centers", [_center_replacement(center) for center in centers]),
            ("offsets", _offset_updates(offsets)),
        ]


@asynccontextmanager
async def batch(database: Database, generation: Generation | None = None) -> AsyncIterator[Batch]:
    """A transaction around one batch, of the generation that serves unless another is given.

    Committed on the way out, undone by any exception.

    Raises ``TransientError`` where it lost against another worker or the store is away; the same batch may then be
    tried again, even if the commit did take effect.
    """
    try:
        with store_errors():
            async with await database.client.start_session() as session, session.start_transaction():
                yield Batch(generation or await serving(database, session), session)
    except BulkWriteError as error:
        codes = {write.get("code") for write in (error.details or {}).get("writeErrors", ())}
        if codes and codes <= _LOST_RACE:
            raise TransientError("store: another worker wrote the same documents first") from error
        raise


def _increments(cells: Mapping[CellKey, int], span: str) -> list[Write]:
    by_document: dict[tuple[int, str], dict[str, int]] = {}
    for (partition, name, cell), by in cells.items():
        if by:
            by_document.setdefault((partition, name), {})[f"n.{cell}"] = by
    return [
        UpdateOne(
            {"_id": f"{partition}|{name}"},
            {"$inc": increments, "$setOnInsert": {"partition": partition, span: name}},
            upsert=True,
        )
        for (partition, name), increments in by_document.items()
    ]


def _total_increments(cells: Mapping[CellKey, int]) -> list[Write]:
    by_partition: dict[int, dict[str, int]] = {}
    for (partition, _, cell), by in cells.items():
        if cell.startswith(_STAGE):
            sums = by_partition.setdefault(partition, {})
            name = f"n.{cell.removeprefix(_STAGE)}"
            sums[name] = sums.get(name, 0) + by
    return [
        UpdateOne({"_id": p}, {"$inc": sums}, upsert=True) for p, sums in by_partition.items() if any(sums.values())
    ]


def _center_replacement(center: CenterFact) -> Write:
    return ReplaceOne({"_id": center.center_id}, center_document(center), upsert=True)


def center_document(center: CenterFact) -> dict[str, Any]:
    """The stored form of a centre, without its id."""
    return {
        "version": center.version,
        "state": center.state,
        "staff": center.staff_on_duty,
        "since": center.since,
    }


def center_of(document: Mapping[str, Any]) -> CenterFact:
    """A centre out of its document."""
    return CenterFact(document["_id"], document["version"], document["state"], document["staff"], document.get("since"))


def _offset_updates(offsets: Mapping[Position, int]) -> list[Write]:
    by_document: dict[str, dict[str, int]] = {}
    for (topic, partition), offset in offsets.items():
        document = CENTERS if topic == CENTERS else str(partition)
        by_document.setdefault(document, {})[f"next.{topic}"] = offset
    return [UpdateOne({"_id": _id}, {"$set": fields}, upsert=True) for _id, fields in by_document.items()]
