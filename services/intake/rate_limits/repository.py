"""Counts of wrong receipts that all intake processes share: by hour and place, without an address, gone by themselves.

A place is named by a keyed digest. A document is written only for wrong receipts, and only behind their answers.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import UpdateOne

from shared.mongo import Document, by_ids, store_errors

COLLECTION: Final = "wrong_receipts"
_KEPT: Final = timedelta(hours=2)
"""After the last wrong receipt, or after a place is no longer held back: longer than any count matters."""
_NEWEST: Final = 300


class WrongReceiptCounts:
    """The collection. Raises ``TransientError`` while the store is away."""

    def __init__(self, database: "AsyncIOMotorDatabase[Document]") -> None:
        self.collection: Final = database[COLLECTION]

    async def prepare(self) -> None:
        """The index by which the store forgets, and the one that finds who is held back."""
        with store_errors():
            await self.collection.create_index("until", expireAfterSeconds=0, name="expiry")
            await self.collection.create_index("held_until", name="held", sparse=True)

    async def add(self, counts: Mapping[str, int], now: datetime) -> dict[str, int]:
        """Add to these counts, each by its id; the totals after it."""
        writes = [
            UpdateOne({"_id": name}, {"$inc": {"n": n}, "$max": {"until": now + _KEPT}}, upsert=True)
            for name, n in counts.items()
        ]
        with store_errors():
            await self.collection.bulk_write(writes, ordered=False)
        found = await by_ids(self.collection, list(counts), {"n": 1})
        return {name: int(document["n"]) for name, document in found.items()}

    async def hold(self, places: Mapping[str, datetime]) -> None:
        """Say to every process until when these places are held back."""
        writes = [
            UpdateOne({"_id": name}, {"$max": {"held_until": until, "until": until + _KEPT}}, upsert=True)
            for name, until in places.items()
        ]
        with store_errors():
            await self.collection.bulk_write(writes, ordered=False)

    async def held(self, after: datetime, latest: datetime) -> list[tuple[str, datetime]]:
        """Places held back until later than ``after``, the newest first; in a burst not all of them.

        One that is not among them is held back by whichever process meets its next wrong receipt. Nobody is held back
        until after ``latest``: such a time was written by a clock that is ahead, or by hand, and would hide others.
        """
        wanted: dict[str, Any] = {"held_until": {"$gt": after, "$lte": latest}}
        with store_errors():
            found = await self.collection.find(wanted, {"held_until": 1}).sort("held_until", -1).to_list(_NEWEST)
        return [(document["_id"], document["held_until"]) for document in found]

    async def sweep(self, now: datetime) -> None:
        """Forget what is over, where the store itself is late."""
        with store_errors():
            await self.collection.delete_many({"until": {"$lte": now}})
