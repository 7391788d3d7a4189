"""Counting anew where what the cells are made of has changed since this store was folded.

Cells move by the difference between what a fact added before and what it adds now, both computed by today's code. Over
a fact folded by other code that difference is wrong. So the store says by which version of the cells it was folded; an
older one is emptied, and as the offsets lie in the store too, all topics (kept for ever) are folded again.

Order: the mark that clearing has begun, the offsets, everything folded, and last the new version in the mark's place.
Killed anywhere, the next start goes on. Every step also writes to the mark, so that a slower worker cannot go on
clearing what a faster one already folds anew. Publications, remembered positions and the list of the dead stay; of
generations only the one that serves is left.
"""

import asyncio
import random
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorClientSession
from pymongo.errors import DuplicateKeyError

from services.analytics.counting.generations import CELLS_MARK, PARTS, Collection, Database, Generation, drop_others
from services.analytics.counting.models import CELLS_VERSION
from shared import log
from shared.errors import FatalError, TransientError
from shared.mongo import SLICE, store_errors

_log = log.get(__name__)

WRITE_CONFLICT: Final = 112
"""MongoDB's error code."""
FIRST_VERSION: Final = 1
"""Of stores from before the version was written down."""


async def renew(database: Database) -> bool:
    """Make the store one of today's cells, emptied where it was not; True if it was emptied here.

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
        hint="facts, cells and offsets are emptied and all topics folded again; publications stay",
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
    while True:
        try:
            with store_errors():
                async with await database.client.start_session() as session, session.start_transaction():
                    return await _clear_slice(database, collection, session)
        except TransientError as error:
            if not _lost(error):
                raise
        await asyncio.sleep(random.uniform(0.02, 0.1))  # noqa: S311  # spreads workers, hides nothing


async def _clear_slice(database: Database, collection: Collection, session: AsyncIOMotorClientSession) -> bool:
    step = await database.cells.update_one(
        {"_id": CELLS_MARK, "clearing": CELLS_VERSION}, {"$inc": {"steps": 1}}, session=session
    )
    if step.matched_count == 0:
        return False
    found = await collection.find({}, {"_id": 1}, session=session).limit(SLICE).to_list(None)
    if not found:
        return False
    await collection.delete_many({"_id": {"$in": [one["_id"] for one in found]}}, session=session)
    return True


def _lost(error: TransientError) -> bool:
    """Whether another worker wrote the mark first: nothing is wrong with the store."""
    return getattr(error.__cause__, "code", None) == WRITE_CONFLICT
