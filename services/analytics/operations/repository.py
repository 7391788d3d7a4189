"""Lock and last result of redriving the dead letters of a topic: one run at a time, over all processes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.analytics.counting.repository import Database
from shared.mongo import insert_new, store_errors

LEASE: Final = timedelta(minutes=2)
"""After so long it is taken that whoever began has died; sending back goes on where they stopped."""


@dataclass(frozen=True, slots=True)
class Redriven:
    """Last result of a redrive."""

    topic: str
    at: datetime
    sent: int


class Redrives:
    """One document for each topic."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, topic: str, now: datetime) -> bool:
        """Take the lock, held until ``end`` or the lease's end; False if another run holds it."""
        redrives = self._database.redrives
        if await insert_new(redrives, {"_id": topic, "until": now + LEASE}):
            return True
        free = {"_id": topic, "until": {"$lt": now}}
        with store_errors():
            taken = await redrives.update_one(free, {"$set": {"until": now + LEASE}})
        return taken.modified_count == 1

    async def end(self, topic: str, now: datetime, sent: int | None) -> None:
        """Let go. ``sent`` None: it failed, and what came of it last stays what it was."""
        last = {} if sent is None else {"at": now, "sent": sent}
        with store_errors():
            await self._database.redrives.update_one({"_id": topic}, {"$set": {"until": now - LEASE, **last}})

    async def last(self) -> list[Redriven]:
        """Of each topic that ever was sent back."""
        with store_errors():
            documents = await self._database.redrives.find({}).to_list(None)
        return [Redriven(d["_id"], d["at"], d["sent"]) for d in documents if "at" in d]
