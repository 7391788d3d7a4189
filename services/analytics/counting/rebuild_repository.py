"""A new generation beside the one that serves: filled in bulk, compared, put in its place by one write, taken back.

The mark says what is being made, so that a rebuild that died is cleared away by the next. Until the swap nothing reads
what is being made; after it the former generation stays, to go back to. Two generations are only ever compared and
swapped where both are folded exactly as far.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorClientSession
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from services.analytics.counting.aggregate import stage_cell
from services.analytics.counting.models import CELLS_VERSION, CenterFact, Fact
from services.analytics.counting.project import Cells
from services.analytics.counting.repository import (
    CELLS_MARK,
    CENTERS,
    Collection,
    Database,
    Generation,
    Position,
    Session,
    center_document,
    counted_by_this_build,
    drop_others,
    positions,
    read_mark,
)
from shared.errors import FatalError, TransientError
from shared.mongo import WRITE_CONFLICT, store_errors

_AT_ONCE: Final = 1000
"""Documents per insert: the embedded store's best (docs/architecture.md, “Speed comes from batches”)."""
_STAGE: Final = stage_cell("")


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One cell that two generations count differently; 0 where one does not have it."""

    where: str
    """Collection, and the document's day, month or nothing."""
    cell: str
    old: int
    new: int


async def known_generations(database: Database) -> tuple[Generation, Generation | None]:
    """The one that serves and the one before it, if it is kept. Raises ``FatalError`` where other code counted."""
    with store_errors():
        mark = await read_mark(database)
    if not counted_by_this_build(mark):
        raise FatalError(f"the store is not folded by cells version {CELLS_VERSION}: start analytics first")
    before = mark.get("before")
    return Generation(database, mark.get("generation", 0)), None if before is None else Generation(database, before)


async def begin(database: Database, partitions: Iterable[int]) -> Generation:
    """An empty generation to be filled. What an earlier rebuild left half made is removed.

    Raises ``FatalError`` where another rebuild begins at the same moment.
    """
    current, before = await known_generations(database)
    with store_errors():
        mark = await read_mark(database)
        number = max(current.number, before.number if before else 0, mark.get("building", 0)) + 1
        guard = {"_id": CELLS_MARK, "version": CELLS_VERSION, "building": mark.get("building")}
        taken = await database.cells.update_one(guard, {"$set": {"building": number}})
        if not taken.matched_count:
            raise FatalError("another rebuild began at the same moment: let it finish")
        await drop_others(database, {current.number, before.number if before else current.number})
        generation = Generation(database, number)
        await generation.create()
        for _id in (*map(str, partitions), CENTERS):
            await _touch(current, _id)
    return generation


async def _touch(generation: Generation, _id: str) -> None:
    """An offsets document for every partition, so that the swap and whoever folds there meet in it."""
    try:
        await generation.offsets.update_one({"_id": _id}, {"$setOnInsert": {"next": {}}}, upsert=True)
    except DuplicateKeyError:  # the worker folded its first batch there in between
        return


async def abandon(generation: Generation) -> None:
    """Remove a generation that was made and is not wanted."""
    current, before = await known_generations(generation.database)
    with store_errors():
        guard = {"_id": CELLS_MARK, "building": generation.number}
        await generation.database.cells.update_one(guard, {"$unset": {"building": ""}})
    await drop_others(generation.database, {current.number, before.number if before else current.number})


async def insert_partition(
    generation: Generation, partition: int, facts: Mapping[str, Fact], days: Cells, months: Cells, next_: dict[str, int]
) -> None:
    """A whole partition in bulk, its offsets last: with them it is complete."""
    await _insert(generation.facts, (fact.to_document() for fact in facts.values()))
    await _insert(generation.days, _documents(days, "day"))
    await _insert(generation.months, _documents(months, "month"))
    sums: Counter[str] = Counter()
    for (_, _, cell), n in days.items():
        if cell.startswith(_STAGE):
            sums[cell.removeprefix(_STAGE)] += n
    await _insert(generation.totals, [{"_id": partition, "n": dict(sums)}] if sums else [])
    await _insert(generation.offsets, [{"_id": str(partition), "next": next_}])


async def insert_centers(generation: Generation, centers: Iterable[CenterFact], months: Cells, next_: int) -> None:
    """All centres and their time on duty in bulk, their offset last."""
    await _insert(generation.centers, ({"_id": c.center_id, **center_document(c)} for c in centers))
    await _insert(generation.months, _documents(months, "month"))
    await _insert(generation.offsets, [{"_id": CENTERS, "next": {CENTERS: next_} if next_ else {}}])


async def _insert(collection: Collection, documents: Iterable[dict[str, Any]]) -> None:
    left = iter(documents)
    while some := list(islice(left, _AT_ONCE)):
        with store_errors():
            await collection.insert_many(some, ordered=False)


def _documents(cells: Cells, span: str) -> Iterable[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for (partition, name, cell), n in cells.items():
        empty = {"_id": f"{partition}|{name}", "partition": partition, span: name, "n": {}}
        found.setdefault(f"{partition}|{name}", empty)["n"][cell] = n
    return found.values()


async def folded_to(generation: Generation, session: Session | None = None) -> dict[Position, int]:
    """Return how far a generation is folded."""
    with store_errors():
        documents = await generation.offsets.find({}, session=session).to_list(None)
    return {place: offset for place, offset in positions(documents).items() if offset}


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the cells, small enough to be held in memory at once and read in one short transaction."""

    part: str
    field: str = ""
    """Names of its cells there: ``day``, ``month`` or nothing."""
    start: str = ""

    @property
    def query(self) -> dict[str, Any]:
        """Its documents."""
        return {self.field: {"$gte": self.start, "$lte": f"{self.start}-99"}} if self.field else {}


async def stretches(old: Generation, new: Generation) -> list[Stretch]:
    """All cells of two generations: months of days, years of months, the sums."""
    found = [Stretch("totals")]
    for part, field, length in (("days", "day", 7), ("months", "month", 4)):
        starts: set[str] = set()
        for generation in (old, new):
            with store_errors():
                async for document in generation.part(part).find({}, {field: 1}):
                    starts.add(document[field][:length])
        found += [Stretch(part, field, start) for start in sorted(starts)]
    return found


async def differences(old: Generation, new: Generation, stretch: Stretch) -> list[Difference] | None:
    """Every cell of a stretch in which the two differ, or None while they are not folded exactly as far."""
    async with _transaction(old.database) as session:
        if await folded_to(old, session) != await folded_to(new, session):
            return None
        theirs = await _cells(old, stretch, session)
        ours = await _cells(new, stretch, session)
    return sorted(
        Difference(f"{stretch.part} {where}".strip(), cell, theirs[where, cell], ours[where, cell])
        for where, cell in {*theirs, *ours}
        if theirs[where, cell] != ours[where, cell]
    )


async def _cells(
    generation: Generation, stretch: Stretch, session: AsyncIOMotorClientSession
) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    async for document in generation.part(stretch.part).find(stretch.query, session=session):
        for cell, n in document.get("n", {}).items():
            found[document.get(stretch.field, ""), cell] += n
    return found


async def swap(old: Generation, new: Generation, *, made: bool) -> bool:
    """Let the new one serve from this moment; False where the old one was folded on in between, or is being.

    ``made`` tells a generation made just now from one that served before. Whoever folds writes the offsets that are
    touched here, so no batch can fall between the two. Raises ``FatalError`` where the mark says otherwise.
    """
    database = old.database
    try:
        async with _transaction(database) as session:
            mark = await read_mark(database, session)
            expected = mark.get("building") if made else mark.get("before")
            if mark.get("generation", 0) != old.number or expected != new.number or mark["version"] != CELLS_VERSION:
                raise FatalError("another rebuild was faster: nothing was changed")
            await old.offsets.update_many({}, {"$inc": {"swaps": 1}}, session=session)
            await _equally_far(old, new, session)
            change = {"$set": {"generation": new.number, "before": old.number}, "$unset": {"building": ""}}
            await database.cells.update_one({"_id": CELLS_MARK}, change, session=session)
    except _MovedOnError:
        return False
    except TransientError as error:
        if getattr(error.__cause__, "code", None) == WRITE_CONFLICT:
            return False
        raise
    await drop_others(database, {old.number, new.number})
    return True


class _MovedOnError(Exception):
    """Undoes the swap: the old generation is ahead."""


async def _equally_far(old: Generation, new: Generation, session: AsyncIOMotorClientSession) -> None:
    if await folded_to(old, session) != await folded_to(new, session):
        raise _MovedOnError


@asynccontextmanager
async def _transaction(database: Database) -> AsyncIterator[AsyncIOMotorClientSession]:
    concern = ReadConcern("snapshot")
    with store_errors():
        async with await database.client.start_session() as session, session.start_transaction(read_concern=concern):
            yield session


async def remember(
    database: Database, name: str, offsets: Mapping[Position, int], now: datetime, session: Session | None = None
) -> None:
    """Keep from how much of the topics the numbers of a release were made; the first word about a name stays."""
    by_place = {f"{topic}/{partition}": offset for (topic, partition), offset in offsets.items()}
    document = {"version": CELLS_VERSION, "at": now, "offsets": by_place}
    with store_errors():
        await database.positions.update_one({"_id": name}, {"$setOnInsert": document}, upsert=True, session=session)


async def remembered(database: Database, name: str) -> dict[Position, int]:
    """The offsets kept under a name. Raises ``FatalError`` naming those there are where it is not one of them."""
    with store_errors():
        document = await database.positions.find_one({"_id": name})
        if document is None:
            names = sorted([d["_id"] async for d in database.positions.find({}, {"_id": 1})])
            raise FatalError(f"{name} has not been counted for a release; there are: {', '.join(names) or 'none'}")
    split = {place.rpartition("/"): offset for place, offset in document["offsets"].items()}
    return {(topic, int(partition)): offset for (topic, _, partition), offset in split.items()}
