"""State shared by processes: recent alerts of each place, which decide about batching, and living workers."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError

from services.notify.escalation.rules import RecentAlerts
from shared.errors import TransientError
from shared.mongo import Document, by_ids, store_errors

KEPT: Final = 6
"""Times kept per place: one more than may go singly within the window."""


RECENT_S: Final = 10.0
"""How long what was told is gathered before it is written, and what was read of other processes counts: a few messages
more may go singly, which a write for every pass would save."""


class RecentAlertStore:
    """One small document per place that was ever told, and what this process told since it last wrote."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self.collection: AsyncIOMotorCollection[Document] = database["tallies"]
        self.told: Final = asyncio.Event()
        """Something is to be written."""
        self._known: dict[str, tuple[float, RecentAlerts]] = {}
        """What was read, when by the loop's clock, and what this process told since."""
        self._unsaved: dict[str, list[datetime]] = {}

    async def load(self, keys: Iterable[str]) -> dict[str, RecentAlerts]:
        """Load the recent alerts of these places; those never told are missing. Raises ``TransientError``."""
        at, wanted = asyncio.get_running_loop().time(), sorted(set(keys))
        unknown = [key for key in wanted if key not in self._known or at - self._known[key][0] > RECENT_S]
        if unknown:
            with store_errors():
                found = await by_ids(self.collection, unknown)
            for key in unknown:
                stored = found[key]["at"] if key in found else []
                self._known[key] = (at, _newest([*stored, *self._unsaved.get(key, ())]))
        return {key: known for key in wanted if (known := self._known[key][1]).at}

    def note(self, keys: Iterable[str], now: datetime) -> None:
        """An alert each went to these places; a place may stand here several times. Written a little later."""
        for key in keys:
            self._unsaved[key] = [*self._unsaved.get(key, ()), now][-KEPT:]
            if key in self._known:
                at, known = self._known[key]
                self._known[key] = (at, _newest([*known.at, now]))
            self.told.set()

    async def save(self) -> None:
        """Write what was noted. Raises ``TransientError`` and keeps it for the next time."""
        unsaved, self._unsaved = self._unsaved, {}
        try:
            await self._add(unsaved)
        except TransientError:
            for key, moments in unsaved.items():
                self._unsaved[key] = [*moments, *self._unsaved.get(key, ())][-KEPT:]
            raise

    async def _add(self, told: Mapping[str, Sequence[datetime]]) -> None:
        writes = [
            UpdateOne({"_id": key}, {"$push": {"at": {"$each": list(moments), "$slice": -KEPT}}}, upsert=True)
            for key, moments in told.items()
        ]
        if writes:
            with store_errors():
                await self.collection.bulk_write(writes, ordered=False)


def _newest(moments: Iterable[datetime]) -> RecentAlerts:
    return RecentAlerts(tuple(sorted(moments)[-KEPT:]))


_WORKERS: Final = "beats"


class WorkerStore:
    """Processes that send alerts: one document with a number for each, which it raises as long as it lives."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self.collection: AsyncIOMotorCollection[Document] = database["workers"]

    async def beat(self, worker: str) -> dict[str, int]:
        """Raise a process's own number; the numbers of all."""
        try:
            with store_errors():
                found = await self.collection.find_one_and_update(
                    {"_id": _WORKERS},
                    {"$inc": {f"of.{worker}": 1}},
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
        except DuplicateKeyError as error:
            raise TransientError("store: another process made the document first") from error
        return dict(found["of"])

    async def forget(self, workers: Collection[str]) -> None:
        """Take processes off that are gone."""
        with store_errors():
            await self.collection.update_one({"_id": _WORKERS}, {"$unset": {f"of.{worker}": "" for worker in workers}})
