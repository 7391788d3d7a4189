"""What processes share: when alerts went to each place, which tells whether the next are bundled, and who is alive."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError

from services.notify.escalation.rules import RecentAlerts
from shared.errors import TransientError
from shared.mongo import Document, by_ids, store_errors

KEPT: Final = 6
"""Times kept per place: one more than may go singly within the window."""


class RecentAlertStore:
    """One small document per place that was ever told."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        """``database`` is notify's own."""
        self.collection: AsyncIOMotorCollection[Document] = database["tallies"]

    async def load(self, keys: Iterable[str]) -> dict[str, RecentAlerts]:
        """What went to these places lately; those never told are missing."""
        with store_errors():
            found = await by_ids(self.collection, sorted(set(keys)))
        return {key: RecentAlerts(tuple(_in_utc(moment) for moment in d["at"])) for key, d in found.items()}

    async def add(self, keys: Sequence[str], now: datetime) -> None:
        """An alert each went to these places; a place may stand here several times."""
        if not keys:
            return
        counted = {key: keys.count(key) for key in keys}
        writes = [
            UpdateOne(
                {"_id": key},
                {"$push": {"at": {"$each": [now] * min(number, KEPT), "$slice": -KEPT}}},
                upsert=True,
            )
            for key, number in counted.items()
        ]
        with store_errors():
            await self.collection.bulk_write(writes, ordered=False)


_WORKERS: Final = "beats"


class WorkerStore:
    """Which processes send alerts: one document with a number for each, which it raises as long as it lives."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        """``database`` is notify's own."""
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


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
