"""The collection of callbacks: one document for each report whose front end asked to be told, until it is over."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo.errors import DuplicateKeyError

from services.intake.callbacks.models import Attempt, StatusChange, Subscription
from services.intake.reports.documents import CALLBACK_SINCE, Document
from services.intake.reports.repository import COLLECTION as REPORTS
from shared.mongo import by_ids, store_errors

COLLECTION: Final = "callbacks"
LEASE: Final = timedelta(seconds=30)
"""How long one sending may take; it is bounded well below."""
SWEPT: Final = 10_000
_FREE: Final = datetime(2000, 1, 1, tzinfo=UTC)
_ATTEMPTS: Final = 20
_OPEN_SINCE: Final = {"$gte": _FREE}


class CallbackRepository:
    """Reads and guarded writes. Every write names what it was decided on."""

    def __init__(self, database: "AsyncIOMotorDatabase[Document]") -> None:
        """``database`` is intake's own."""
        self._callbacks = database[COLLECTION]
        self._reports = database[REPORTS]

    async def prepare(self) -> None:
        """Make the indexes."""
        with store_errors():
            await self._callbacks.create_index([("client", 1), ("due_at", 1)], name="due")
            await self._reports.create_index(CALLBACK_SINCE, name=CALLBACK_SINCE, sparse=True)

    async def open_reports(self) -> list[str]:
        """The reports of which something may still be told."""
        with store_errors():
            cursor = self._reports.find({CALLBACK_SINCE: _OPEN_SINCE}, {"_id": 1}).limit(SWEPT)
            return [document["_id"] async for document in cursor]

    async def close_report(self, report_id: str) -> None:
        """Nothing more is told of it."""
        with store_errors():
            await self._reports.update_one({"_id": report_id}, {"$unset": {CALLBACK_SINCE: ""}})

    async def of_report(self, report_id: str) -> Subscription | None:
        """What is kept about a report."""
        with store_errors():
            found = await self._callbacks.find_one({"_id": report_id})
        return None if found is None else Subscription.model_validate(found)

    async def begin(self, subscription: Subscription) -> None:
        """A new one; nothing where there is one already."""
        document = {**subscription.model_dump(by_alias=True), "lease_until": _FREE}
        document.pop("due_at")
        with store_errors():
            try:
                await self._callbacks.insert_one(document)
            except DuplicateKeyError:
                return

    async def note(self, before: Subscription, after: Mapping[str, Any], change: StatusChange | None) -> bool:
        """Keep what was noticed, with the change to tell; False where another process was faster."""
        update: dict[str, Any] = {"$set": dict(after)}
        if change is not None:
            update["$push"] = {"pending": change.model_dump()}
            update["$min"] = {"due_at": change.noticed_at}
        with store_errors():
            result = await self._callbacks.update_one({"_id": before.report_id, "sequence": before.sequence}, update)
        return bool(result.matched_count)

    async def due(self, client: str, now: datetime, limit: int) -> list[Subscription]:
        """Those of a front end whose next change is due and that no process is at, the longest due first."""
        wanted = {"client": client, "due_at": {"$gte": _FREE, "$lte": now}, "lease_until": {"$lte": now}}
        with store_errors():
            found = await self._callbacks.find(wanted).sort("due_at", 1).limit(limit).to_list(limit)
        return [Subscription.model_validate(document) for document in found]

    async def claim(self, one: Subscription, now: datetime) -> bool:
        """Whether this process may send its next change now."""
        free = {"_id": one.report_id, "pending.0.id": one.pending[0].id, "lease_until": {"$lte": now}}
        with store_errors():
            result = await self._callbacks.update_one(free, {"$set": {"lease_until": now + LEASE}})
        return bool(result.matched_count)

    async def done(self, one: Subscription, attempt: Attempt, now: datetime) -> None:
        """The first change is told, or given up; the next is due at once."""
        told = one.pending[0].id
        update: dict[str, Any] = {
            "$pull": {"pending": {"id": told}},
            "$set": {"tries": 0, "lease_until": _FREE, "due_at": now},
            "$push": _logged(attempt),
        }
        last = {**update, "$set": {"tries": 0, "lease_until": _FREE}, "$unset": {"due_at": ""}}
        with store_errors():
            if len(one.pending) == 1:
                # Only if nothing was noticed since it was read.
                alone = {"_id": one.report_id, "sequence": one.sequence, "pending.0.id": told}
                if (await self._callbacks.update_one(alone, last)).matched_count:
                    await self.forget(one.report_id)
                    return
            await self._callbacks.update_one({"_id": one.report_id, "pending.0.id": told}, update)

    async def forget(self, report_id: str) -> None:
        """Delete it if nothing more changes and all is told."""
        with store_errors():
            await self._callbacks.delete_one({"_id": report_id, "over": True, "pending": []})

    async def failed(self, one: Subscription, attempt: Attempt, retry_at: datetime) -> None:
        """The first change is tried again then."""
        update = {
            "$set": {"tries": one.tries + 1, "lease_until": _FREE, "due_at": retry_at},
            "$push": _logged(attempt),
        }
        with store_errors():
            await self._callbacks.update_one({"_id": one.report_id, "pending.0.id": one.pending[0].id}, update)

    async def of_reports(self, report_ids: Sequence[str]) -> dict[str, Subscription]:
        """What is kept about these reports, by report."""
        found = await by_ids(self._callbacks, report_ids)
        return {report_id: Subscription.model_validate(document) for report_id, document in found.items()}


def _logged(attempt: Attempt) -> dict[str, Any]:
    return {"attempts": {"$each": [attempt.model_dump()], "$slice": -_ATTEMPTS}}
