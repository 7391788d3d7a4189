"""By which digests which reports are found: one small document per digest, with the newest reports that have it.

What a report is found by stands in its own document, written with it in one insert (``links``), together with a mark
that the index does not know it yet (``links_since``). The index is derived from that, behind accepting, and can be
made anew from the reports; an index over the lists themselves would do where the store has one that works on lists,
which the embedded store has not (decision 20).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import DeleteMany, UpdateOne
from pymongo.errors import BulkWriteError

from services.intake.links.rules import MOST_LINKED
from services.intake.reports.documents import DIGESTS, UNINDEXED_SINCE, Document
from services.intake.reports.repository import COLLECTION
from shared.errors import TransientError
from shared.mongo import DUPLICATE_KEY, SLICE, by_ids, store_errors

INDEX: Final = "links"
KEPT: Final = 2 * MOST_LINKED
"""Reports remembered per digest: as many again as are named, since some will be withdrawn."""
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_NAMED: Final = {"received_at": 1, "life.withdrawal": 1, "life.erased_at": 1}


class LinkIndex:
    """The index, and what of the reports it is made from."""

    def __init__(self, database: "AsyncIOMotorDatabase[Document]") -> None:
        self._index = database[INDEX]
        self._reports = database[COLLECTION]

    async def prepare(self) -> None:
        """Make the index of reports not yet written to this one."""
        with store_errors():
            await self._reports.create_index(UNINDEXED_SINCE, name=UNINDEXED_SINCE, sparse=True)

    async def reports_with(self, digests: Iterable[str]) -> dict[str, list[str]]:
        """The reports of each digest that has any, newest last."""
        found = await by_ids(self._index, list(digests))
        return {digest: list(document["reports"]) for digest, document in found.items()}

    async def not_withdrawn(self, ids: Sequence[str]) -> list[str]:
        """Those of the reports that exist and are not taken back, newest first."""
        known = await by_ids(self._reports, ids, _NAMED)
        there = [document for document in known.values() if "received_at" in document and not _gone(document)]
        return [d["_id"] for d in sorted(there, key=lambda d: (d["received_at"], d["_id"]), reverse=True)]

    async def unindexed(self, until: datetime, limit: int = SLICE) -> list[Document]:
        """Reports with digests that the index may lack, oldest first."""
        wanted = {UNINDEXED_SINCE: {"$gte": _FIRST, "$lte": until}}
        with store_errors():
            found = self._reports.find(wanted, {DIGESTS: 1, UNINDEXED_SINCE: 1}).sort(UNINDEXED_SINCE, 1).limit(limit)
            return await found.to_list(limit)

    async def mark(self, documents: Sequence[Document]) -> None:
        """Take the marks off reports that are in the index. Killed before, they are indexed again."""
        with store_errors():
            await self._reports.bulk_write([_written(document) for document in documents], ordered=False)

    async def index(self, documents: Sequence[Document]) -> None:
        """Take reports into the index; their marks stay until ``mark``, or until the relay takes them off.

        Two processes at it in the same moment may enter a report twice, which readers do not mind. One that was erased
        meanwhile is taken out again.
        """
        by_digest: dict[str, list[str]] = {}
        for document in documents:
            for digest in document.get(DIGESTS) or ():
                by_digest.setdefault(digest, []).append(document["_id"])
        known = await self.reports_with(by_digest)
        entries = [
            UpdateOne({"_id": digest}, {"$push": {"reports": {"$each": new[-KEPT:], "$slice": -KEPT}}}, upsert=True)
            for digest, ids in by_digest.items()
            if (new := [report_id for report_id in ids if report_id not in known.get(digest, ())])
        ]
        with store_errors():
            if entries:
                await self._upsert(entries)
        now = await by_ids(self._reports, [document["_id"] for document in documents], {"life.erased_at": 1})
        for document in documents:
            if _erased(now.get(document["_id"], {})):
                await self.forget(document)

    async def _upsert(self, entries: Sequence[UpdateOne]) -> None:
        try:
            await self._index.bulk_write(entries, ordered=False)
        except BulkWriteError as error:
            codes = {write.get("code") for write in (error.details or {}).get("writeErrors", ())}
            if codes != {DUPLICATE_KEY}:
                raise
            # Another process made the same entry in the same moment: done again, this one is added to it.
            raise TransientError("two processes made the same entry") from error

    async def forget(self, document: Document) -> None:
        """Take a report out of the index."""
        digests = document.get(DIGESTS) or ()
        if not digests:
            return
        out = [UpdateOne({"_id": digest}, {"$pull": {"reports": document["_id"]}}) for digest in digests]
        with store_errors():
            await self._index.bulk_write(
                [*out, DeleteMany({"_id": {"$in": list(digests)}, "reports": []})], ordered=True
            )

    async def waiting(self, now: datetime) -> timedelta:
        """For how long the index has lacked a report."""
        oldest = await self.unindexed(now, 1)
        return now - oldest[0][UNINDEXED_SINCE] if oldest else timedelta()


def _written(document: Document) -> UpdateOne:
    # Only the mark that was read: an addition that came meanwhile has set a newer one.
    as_read = {"_id": document["_id"], UNINDEXED_SINCE: document[UNINDEXED_SINCE]}
    return UpdateOne(as_read, {"$unset": {UNINDEXED_SINCE: ""}})


def _gone(document: Mapping[str, Any]) -> bool:
    return bool((document.get("life") or {}).get("withdrawal")) or _erased(document)


def _erased(document: Mapping[str, Any]) -> bool:
    return bool((document.get("life") or {}).get("erased_at"))
