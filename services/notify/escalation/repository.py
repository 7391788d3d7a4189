"""When alerts went to each place: what tells whether the next ones are bundled. All processes share it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import UpdateOne

from services.notify.escalation.rules import RecentAlerts
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


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
