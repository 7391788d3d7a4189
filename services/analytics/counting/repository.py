"""The writing side of the store: one transaction per batch holds its facts, its increments and its offsets.

Either all of a batch is there or nothing of it. The offsets are read inside the transaction, so a worker that was
paused and wakes up after another took its partitions finds that its records are folded already, or conflicts and tries
again. Cells are sums over documents: a batch adds all of its own to those of one of its partitions, which no other
worker has, so workers never write to the same document and a batch writes one a day, however many partitions it is of.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError, CollectionInvalid, DuplicateKeyError, OperationFailure

from services.analytics.counting.aggregate import stage_cell
from services.analytics.counting.models import CELLS_VERSION, CenterFact, Fact
from services.analytics.counting.project import OF_CENTERS, CellKey, Changes
from shared import log
from shared.errors import FatalError, TransientError
from shared.mongo import DUPLICATE_KEY, SLICE, WRITE_CONFLICT, store_errors

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
RECEIVED: Final[Index] = (("at", 1),)
"""Over all facts, for what is asked once of each month that closes. A report's time is written once, with its fact."""
_AT_ONCE: Final = 1000
_NONE: Final = -1
_NAMESPACE_EXISTS: Final = 48
"""MongoDB's error code for a collection that exists."""


@dataclass(frozen=True, slots=True)
class Generation:
    """A complete set of facts, cells and offsets, of which one serves; the first has collections of plain names.

    The mark (one document) names the one that serves; a rebuild makes another beside it and changes that name in one
    write. Whoever folds reads the mark in the transaction it writes in, so it always writes to the one that serves.
    """

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
        """Cells by day, in documents of which each is the part of one partition's worker."""
        return self.part("days")

    @property
    def months(self) -> Collection:
        """Cells by month, in documents of which each is the part of one partition's worker."""
        return self.part("months")

    @property
    def totals(self) -> Collection:
        """Sums by stage, in documents of which each is the part of one partition's worker."""
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
            await self.facts.create_index(list(RECEIVED))
            await self.days.create_index("day")
            await self.months.create_index("month")

    async def drop(self) -> None:
        """Remove it whole. Raises ``TransientError`` where that takes too long; calling again goes on.

        Emptied first: to drop a filled collection stops the embedded store for all who use it, 0.7 ms a document, and
        one deletion of all costs the square of what it removes (both measured).
        """
        for name in reversed(PARTS):
            collection = self.part(name)
            while await _once(self.database, partial(_remove_some, collection)):
                pass
            with store_errors():
                await collection.drop()


async def _remove_some(collection: Collection, session: Session) -> bool:
    """Remove some documents; False when there are none.

    The embedded store reads all of them to find some. So it is thousands a time: 20,000 facts go in 6 s, of which the
    largest transaction takes 2 (measured).
    """
    found = collection.find({}, {"_id": 1}, session=session).hint([("$natural", 1)]).limit(5 * _AT_ONCE)
    ids = [document["_id"] async for document in found]
    for start in range(0, len(ids), _AT_ONCE):
        gone = [DeleteOne({"_id": _id}) for _id in ids[start : start + _AT_ONCE]]
        await collection.bulk_write(gone, ordered=False, session=session)
    return bool(ids)


async def _once(database: Database, step: Callable[[Session], Awaitable[bool]]) -> bool:
    """Take a step in a transaction, again and again while others write the same: what it returned."""
    while True:
        try:
            with store_errors():
                async with await database.client.start_session() as session, session.start_transaction():
                    return await step(session)
        except TransientError as error:
            if not _lost(error):
                raise
        await asyncio.sleep(random.uniform(0.02, 0.1))  # noqa: S311  # spreads workers, hides nothing


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
    """Create a collection, unless another worker has made it."""
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


def counted_by_this_build(mark: Mapping[str, Any]) -> bool:
    """Return whether, by its mark, the store holds this build's cells and is not being emptied."""
    return mark.get("version") == CELLS_VERSION and "clearing" not in mark


async def serving(database: Database, session: Session | None = None) -> Generation:
    """The generation that serves now."""
    return Generation(database, (await read_mark(database, session)).get("generation", 0))


FIRST_VERSION: Final = 1
"""Of stores from before the version was written down."""


async def renew(database: Database) -> bool:
    """Make the store one of today's cells, emptied where it was not; True if it was emptied here.

    Cells move by the difference between what a fact added before and what it adds now, both computed by today's code.
    Over a fact folded by other code that difference is wrong. So the store says by which version of the cells it was
    folded; an older one is emptied, and as the offsets lie in the store too, all topics (kept for ever) are folded
    again. Order: the mark that clearing has begun, the offsets, everything folded, and last the new version in the
    mark's place. Killed anywhere, the next start goes on. Every step also writes to the mark, so that a slower worker
    cannot go on clearing what a faster one already folds anew. Releases, remembered positions and the list of the
    dead stay; of generations only the one that serves is left.

    To be called once collections exist and before anything is folded. Raises ``TransientError`` while the store is
    away (calling again goes on) and ``FatalError`` where a newer build has folded.
    """
    with store_errors():
        mark = await database.cells.find_one({"_id": CELLS_MARK}) or await _first_mark(database)
    version, clearing = mark["version"], mark.get("clearing")
    if max(version, clearing or 0) > CELLS_VERSION:
        raise FatalError(f"a newer build counted here (cells version {version}, this build knows {CELLS_VERSION})")
    if version == CELLS_VERSION and clearing is None:
        return False
    _log.warning(
        "analytics.counting_anew",
        stored=version,
        wanted=CELLS_VERSION,
        hint="facts, cells and offsets are emptied and all topics folded again; releases stay",
    )
    with store_errors():
        await database.cells.update_one({"_id": CELLS_MARK, "version": version}, {"$set": {"clearing": CELLS_VERSION}})
        current = Generation(database, mark.get("generation", 0))
        for name in PARTS:
            while await clear_slice(database, current.part(name)):
                pass
        await drop_others(database, {current.number})  # today's code cannot bring them up to date
        done = {"$set": {"version": CELLS_VERSION}, "$unset": {"clearing": "", "before": "", "building": ""}}
        await database.cells.update_one({"_id": CELLS_MARK, "clearing": CELLS_VERSION}, done)
    _log.warning("analytics.emptied", version=CELLS_VERSION)
    return True


async def _first_mark(database: Database) -> dict[str, Any]:
    """Of a store without one: nothing was ever folded, or before versions were written down."""
    used = [name for name in PARTS if await database[name].find_one({}) is not None]
    mark = {"_id": CELLS_MARK, "version": FIRST_VERSION if used else CELLS_VERSION}
    try:
        await database.cells.insert_one(mark)
    except DuplicateKeyError:  # another worker looked first
        return await database.cells.find_one({"_id": CELLS_MARK}) or mark
    return mark


async def clear_slice(database: Database, collection: Collection) -> bool:
    """Remove some documents while the mark says that clearing goes on; False when there is nothing (more) to do."""
    return await _once(database, partial(_clear_slice, database, collection))


async def _clear_slice(database: Database, collection: Collection, session: Session) -> bool:
    step = await database.cells.update_one(
        {"_id": CELLS_MARK, "clearing": CELLS_VERSION}, {"$inc": {"steps": 1}}, session=session
    )
    return step.matched_count > 0 and await _remove_some(collection, session)


def _lost(error: TransientError) -> bool:
    """Return whether another worker wrote first: nothing is wrong with the store."""
    return getattr(error.__cause__, "code", None) == WRITE_CONFLICT


Write = InsertOne[dict[str, Any]] | ReplaceOne[dict[str, Any]] | UpdateOne
Position = tuple[str, int]
"""Bare topic name and partition."""

_STAGE: Final = stage_cell("")
CENTERS: Final = "centers"
"""The topic with a partition of its own; its offset has a document of its own."""
_LOST_RACE: Final = frozenset({WRITE_CONFLICT, DUPLICATE_KEY})
"""Write conflict, and a key that appeared after the transaction's snapshot."""


async def prepare(database: Database) -> None:
    """Create collections and indexes and make the store one of today's cells; harmless to repeat.

    Collections must exist before a transaction writes. Raises ``FatalError`` where a newer build has folded.
    """
    with store_errors():
        existing = set(await database.list_collection_names())
        for name in ("dead", "cells", "positions", "history"):
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


class OpenBatch:
    """One open transaction. Reads see the state at its start; ``save`` writes everything at once."""

    def __init__(self, generation: Generation, session: AsyncIOMotorClientSession) -> None:
        self._generation = generation
        self._session = session
        self._stored: frozenset[str] = frozenset()

    async def offsets(self, partitions: set[int]) -> dict[Position, int]:
        """As `stored_offsets`. Raises ``FatalError`` where the store is no longer one of this build's cells."""
        mark = await read_mark(self._generation.database, self._session)
        if not counted_by_this_build(mark):
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
        """Return the writes, by collection of the generation."""
        facts: list[Write] = [
            ReplaceOne({"_id": rid}, fact.to_document()) if rid in self._stored else InsertOne(fact.to_document())
            for rid, fact in changes.facts.items()
        ]
        home = min((partition for topic, partition in offsets if topic != CENTERS), default=OF_CENTERS)
        return [
            ("facts", facts),
            ("days", _increments(changes.cells, "day", home)),
            ("months", _increments(changes.months, "month", home)),
            ("totals", _total_increments(changes.cells, home)),
            ("centers", [_center_replacement(center) for center in centers]),
            ("offsets", _offset_updates(offsets)),
        ]


@asynccontextmanager
async def batch(database: Database, generation: Generation | None = None) -> AsyncIterator[OpenBatch]:
    """A transaction around one batch, of the generation that serves unless another is given.

    Committed on the way out, undone by any exception.

    Raises ``TransientError`` where it lost against another worker or the store is away; the same batch may then be
    tried again, even if the commit did take effect.
    """
    try:
        with store_errors():
            async with await database.client.start_session() as session, session.start_transaction():
                yield OpenBatch(generation or await serving(database, session), session)
    except BulkWriteError as error:
        codes = {write.get("code") for write in (error.details or {}).get("writeErrors", ())}
        if codes and codes <= _LOST_RACE:
            raise TransientError("store: another worker wrote the same documents first") from error
        raise


def _increments(cells: Mapping[CellKey, int], span: str, home: int) -> list[Write]:
    """``home`` is the partition whose documents take the cells, whichever partition they are of."""
    by_document: dict[str, Counter[str]] = {}
    for (_, name, cell), by in cells.items():
        by_document.setdefault(name, Counter())[f"n.{cell}"] += by
    return [
        UpdateOne(
            {"_id": f"{home}|{name}"},
            {"$inc": increments, "$setOnInsert": {"partition": home, span: name}},
            upsert=True,
        )
        for name, sums in by_document.items()
        if (increments := {cell: by for cell, by in sums.items() if by})
    ]


def _total_increments(cells: Mapping[CellKey, int], home: int) -> list[Write]:
    sums: Counter[str] = Counter()
    for (_, _, cell), by in cells.items():
        if cell.startswith(_STAGE):
            sums[f"n.{cell.removeprefix(_STAGE)}"] += by
    increments = {cell: by for cell, by in sums.items() if by}
    return [UpdateOne({"_id": home}, {"$inc": increments}, upsert=True)] if increments else []


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
