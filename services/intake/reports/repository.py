"""The collection of reports: its indexes, looking up by receipt, and following what the streams say."""

from collections.abc import Callable, Mapping, Sequence

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import UpdateOne

from services.intake.reports.documents import Document
from services.intake.reports.models import Progress
from shared.clock import Clock
from shared.errors import TransientError
from shared.mongo import by_ids, store_errors, wait_until_ready

COLLECTION = "reports"
BATCH = 100
"""Ids per read: the local store's reads by id cost the square of what they return (see ``shared.mongo.by_ids``)."""

Fold = Callable[[str, Progress], Progress]


class ProgressRepository:
    """Reads and updates of accepted reports."""

    def __init__(self, database: "AsyncIOMotorDatabase[Document]", clock: Clock) -> None:
        """``database`` is intake's own."""
        self.collection = database[COLLECTION]
        self._database = database
        self._clock = clock

    async def prepare(self) -> None:
        """Wait for the store and make receipts unique. What the outbox needs, the relay creates."""
        await wait_until_ready(self._database, self._clock)
        with store_errors():
            await self.collection.create_index("receipt_hash", unique=True, name="receipt")

    async def advance(self, ids: Sequence[str], fold: Fold) -> list[str]:
        """Fold new events into the progress of these reports; the ids that are not here are given back.

        Each write is made only on what was read, so a paused writer that wakes up changes nothing. Raises
        ``TransientError`` if another writer was faster; doing it again is safe.
        """
        missing: list[str] = []
        for start in range(0, len(ids), BATCH):
            some = ids[start : start + BATCH]
            with store_errors():
                known = await by_ids(self.collection, some, {"progress": 1})
            missing.extend(report_id for report_id in some if report_id not in known)
            # What is erased has no progress any more, and needs none.
            known = {report_id: document for report_id, document in known.items() if "progress" in document}
            await self._write(known, fold)
        return missing

    async def _write(self, known: Mapping[str, Document], fold: Fold) -> None:
        writes = []
        for report_id, document in known.items():
            before = Progress.model_validate(document["progress"])
            after = fold(report_id, before)
            if after != before:
                writes.append(UpdateOne(_unchanged(report_id, before), {"$set": {"progress": after.model_dump()}}))
        if not writes:
            return
        with store_errors():
            result = await self.collection.bulk_write(writes, ordered=False)
        if result.matched_count != len(writes):
            raise TransientError("another worker moved the same reports on")


def _unchanged(report_id: str, before: Progress) -> Document:
    ownership, work = before.ownership, before.work
    return {
        "_id": report_id,
        "life.erased_at": None,
        "progress.ownership.version": ownership.version if ownership else None,
        "progress.work.version": work.version if work else None,
        "progress.hole": before.hole,
    }
