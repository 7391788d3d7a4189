"""The collection of callbacks: one document for each report whose front end asked to be told, until it is over."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from motor.motor_asyncio import AsyncIOMotorDatabase

from services.intake.callbacks.models import Attempt, CallbackSubscription, StatusChange
from services.intake.reports.documents import CALLBACK_SINCE, Document
from services.intake.reports.repository import COLLECTION as REPORTS
from shared.jobs import Skipped
from shared.mongo import by_ids, insert_new, store_errors

COLLECTION: Final = "callbacks"
LEASE: Final = timedelta(seconds=30)
"""How long one sending may take; it is bounded well below."""
PAGE: Final = 100
_FREE: Final = datetime(2000, 1, 1, tzinfo=UTC)
_ATTEMPTS: Final = 20
_UNREADABLE_AGAIN: Final = timedelta(hours=1)


class PageStart(NamedTuple):
    """Where a page of the reports begins of which something may still be told."""

    since: datetime = _FREE
    passed: tuple[str, ...] = ()
    """Reports with exactly this mark that were before it."""


class CallbackRepository:
    """Reads and guarded writes. Every write names what it was decided on."""

    def __init__(self, database: "AsyncIOMotorDatabase[Document]") -> None:
        self._callbacks = database[COLLECTION]
        self._reports = database[REPORTS]

    async def prepare(self) -> None:
        """Make the indexes."""
        with store_errors():
            await self._callbacks.create_index([("client", 1), ("due_at", 1)], name="due")
            await self._reports.create_index(CALLBACK_SINCE, name=CALLBACK_SINCE, sparse=True)

    async def open_reports(self, start: PageStart, now: datetime) -> tuple[list[str], PageStart | None]:
        """A page of the reports of which something may be told now, and where the next page begins, if there is one."""
        wanted: Document = {CALLBACK_SINCE: {"$gte": start.since, "$lte": now}}
        if start.passed:
            wanted["_id"] = {"$nin": list(start.passed)}
        with store_errors():
            page = self._reports.find(wanted, {CALLBACK_SINCE: 1}).sort(CALLBACK_SINCE, 1).limit(PAGE)
            found = await page.to_list(PAGE)
        ids = [document["_id"] for document in found]
        if len(found) < PAGE:
            return ids, None
        last = found[-1][CALLBACK_SINCE]
        passed = [document["_id"] for document in found if document[CALLBACK_SINCE] == last]
        return ids, PageStart(last, (*(start.passed if last == start.since else ()), *passed))

    async def look_from(self, report_id: str, at: datetime) -> None:
        """Have ``open_reports`` find a report from then on."""
        with store_errors():
            await self._reports.update_one(
                {"_id": report_id, CALLBACK_SINCE: {"$gte": _FREE}}, {"$set": {CALLBACK_SINCE: at}}
            )

    async def count(self, client: str, most: int) -> int:
        """Count the reports about which a front end is told, up to ``most``."""
        with store_errors():
            return int(await self._callbacks.count_documents({"client": client}, limit=most))

    async def close_report(self, report_id: str) -> None:
        """Nothing more is told of it."""
        with store_errors():
            await self._reports.update_one({"_id": report_id}, {"$unset": {CALLBACK_SINCE: ""}})

    async def of_report(self, report_id: str) -> CallbackSubscription | None:
        """What is kept about a report."""
        with store_errors():
            found = await self._callbacks.find_one({"_id": report_id})
        return None if found is None else CallbackSubscription.model_validate(found)

    async def begin(self, subscription: CallbackSubscription) -> None:
        """A new one; nothing where there is one already."""
        document = {**subscription.model_dump(by_alias=True), "lease_until": _FREE}
        document.pop("due_at")
        await insert_new(self._callbacks, document)

    async def note(self, before: CallbackSubscription, after: Mapping[str, Any], change: StatusChange | None) -> bool:
        """Keep what was noticed, with the change to tell; False where another process has it."""
        update: dict[str, Any] = {"$set": dict(after)}
        if change is not None:
            update["$push"] = {"pending": change.model_dump()}
            update["$min"] = {"due_at": change.noticed_at}
        with store_errors():
            result = await self._callbacks.update_one({"_id": before.report_id, "sequence": before.sequence}, update)
        return bool(result.matched_count)

    async def due(self, client: str, now: datetime, limit: int) -> list[CallbackSubscription]:
        """Those of a front end whose next change is due and that no process is at, the longest due first."""
        wanted = {"client": client, "due_at": {"$gte": _FREE, "$lte": now}, "lease_until": {"$lte": now}}
        with store_errors():
            found = await self._callbacks.find(wanted).sort("due_at", 1).limit(limit).to_list(limit)
        skipped = Skipped("callbacks")
        due = skipped.readable(found, CallbackSubscription.model_validate)
        if skipped.references:  # they make room for the others
            again = {"$set": {"due_at": now + _UNREADABLE_AGAIN}}
            with store_errors():
                await self._callbacks.update_many({"_id": {"$in": skipped.references}}, again)
        return [one for one in due if one.pending]

    async def claim(self, one: CallbackSubscription, now: datetime) -> bool:
        """Whether this process may send its next change now."""
        free = {"_id": one.report_id, "pending.0.id": one.pending[0].id, "lease_until": {"$lte": now}}
        with store_errors():
            result = await self._callbacks.update_one(free, {"$set": {"lease_until": now + LEASE}})
        return bool(result.matched_count)

    async def done(self, one: CallbackSubscription, attempt: Attempt, now: datetime) -> None:
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

    async def hush(self, one: CallbackSubscription) -> None:
        """Tell nothing of what waits, unless more was noticed since it was read; what comes later is told."""
        nothing_waits = {"$set": {"pending": [], "tries": 0}, "$unset": {"due_at": ""}}
        with store_errors():
            await self._callbacks.update_one({"_id": one.report_id, "sequence": one.sequence}, nothing_waits)

    async def drop(self, report_id: str) -> None:
        """Delete what is kept about a report, told or not."""
        with store_errors():
            await self._callbacks.delete_one({"_id": report_id})

    async def drop_old(self, noticed_before: datetime) -> int:
        """Drop changes that were noticed before then, whoever they are for; of how many reports."""
        old = {"noticed_at": {"$lte": noticed_before}}
        with store_errors():
            dropped = await self._callbacks.update_many(
                {"pending.noticed_at": {"$lte": noticed_before}}, {"$pull": {"pending": old}}
            )
            await self._callbacks.update_many(
                {"pending": [], "due_at": {"$gte": _FREE}}, {"$unset": {"due_at": ""}, "$set": {"tries": 0}}
            )
            await self._callbacks.delete_many({"over": True, "pending": []})
        return int(dropped.modified_count)

    async def failed(self, one: CallbackSubscription, attempt: Attempt, retry_at: datetime) -> None:
        """The first change is tried again then."""
        update = {
            "$set": {"tries": one.tries + 1, "lease_until": _FREE, "due_at": retry_at},
            "$push": _logged(attempt),
        }
        with store_errors():
            await self._callbacks.update_one({"_id": one.report_id, "pending.0.id": one.pending[0].id}, update)

    async def of_reports(self, report_ids: Sequence[str]) -> dict[str, CallbackSubscription]:
        """What is kept about these reports, by report."""
        found = await by_ids(self._callbacks, report_ids)
        readable = Skipped("sandbox").readable(found.values(), CallbackSubscription.model_validate)
        return {one.report_id: one for one in readable}


def _logged(attempt: Attempt) -> dict[str, Any]:
    return {"attempts": {"$each": [attempt.model_dump()], "$slice": -_ATTEMPTS}}
