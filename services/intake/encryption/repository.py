"""Wraps the keys of stored reports with the current master key, while everything else goes on.

Only the wrapping changes, one guarded write per report, so it may be cut off anywhere, run twice or race with an
erasure: a report whose key is gone is not touched, and one that is done is passed over.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import UpdateOne

from services.intake.reports.authentication import BESIDE, FIELD, ReportAuthentication
from services.intake.reports.documents import Document
from services.intake.reports.repository import COLLECTION
from shared.encryption import Keyring, WrappedKey
from shared.errors import PermanentError
from shared.mongo import SLICE, store_errors

_WRAPPING = {"sealed.key_id": 1, "sealed.key": 1}
_LONG = {name: 0 for name in BESIDE if name not in {"_id", "progress", FIELD}}


@dataclass(slots=True)
class Rewrapped:
    """Progress of the rewrap."""

    done: int = 0
    passed: int = 0
    """Moved on meanwhile: erased, or wrapped by somebody else."""
    broken: list[str] = field(default_factory=list)
    """Reports whose wrapped key does not open: changed, or moved here from another report."""


class Signatures:
    """The codes by which all reports are authenticated."""

    def __init__(self, database: "AsyncIOMotorDatabase[Document]", authentication: ReportAuthentication) -> None:
        self._reports = database[COLLECTION]
        self._authentication = authentication

    async def examined(self, wanted: Sequence[str] | None = None) -> AsyncIterator[tuple[Document, bool]]:
        """The reports that are wanted, or all, without what is long; and whether each is as intake wrote it."""
        query: Document = {} if wanted is None else {"_id": {"$in": list(wanted)}}
        with store_errors():
            async for document in self._reports.find(query, _LONG).hint([("$natural" if wanted is None else "_id", 1)]):
                yield document, self._authentication.is_authentic(document)

    async def sign(self, read: Document) -> bool:
        """Sign a report on what was read; False where it has moved on meanwhile: look again."""
        codes = self._authentication.signed({**read, "progress": read.get("progress") or {}})[FIELD]
        changes = read.get("changes", {"$exists": False})
        as_read = {"_id": read["_id"], "changes": changes, "progress": read.get("progress")}
        with store_errors():
            result = await self._reports.update_one(as_read, {"$set": {FIELD: codes}})
        return bool(result.matched_count)


class Wrappings:
    """The wrapped keys of all reports."""

    def __init__(self, database: "AsyncIOMotorDatabase[Document]") -> None:
        self._reports = database[COLLECTION]

    async def count(self) -> Counter[str]:
        """Reports by the id of the master key theirs is wrapped with; erased ones have none."""
        found: Counter[str] = Counter()
        async for document in self._all():
            found[document["sealed"]["key_id"]] += 1
        return found

    async def rewrap(self, keyring: Keyring) -> AsyncIterator[Rewrapped]:
        """Wrap what is not wrapped with the current key; yields after each batch. ``TransientError``: run it again."""
        so_far = Rewrapped()
        batch: list[Document] = []
        async for document in self._all():
            if document["sealed"]["key_id"] != keyring.current:
                batch.append(document)
            if len(batch) == SLICE:
                await self._write(keyring, batch, so_far)
                batch = []
                yield so_far
        if batch:
            await self._write(keyring, batch, so_far)
            yield so_far

    async def _all(self) -> AsyncIterator[Document]:
        with store_errors():
            async for document in self._reports.find({}, _WRAPPING).hint([("$natural", 1)]):
                if "sealed" in document:
                    yield document

    async def _write(self, keyring: Keyring, batch: list[Document], so_far: Rewrapped) -> None:
        writes = []
        for document in batch:
            report_id, sealed = document["_id"], document["sealed"]
            try:
                wrapped = keyring.rewrap(report_id, WrappedKey(sealed["key_id"], bytes(sealed["key"])))
            except PermanentError:
                so_far.broken.append(report_id)
                continue
            as_read = {"_id": report_id, "sealed.key_id": sealed["key_id"], "sealed.key": sealed["key"]}
            fresh = {"sealed.key_id": wrapped.key_id, "sealed.key": wrapped.blob}
            writes.append(UpdateOne(as_read, {"$set": fresh}))
        if not writes:
            return
        with store_errors():
            result = await self._reports.bulk_write(writes, ordered=False)
        so_far.done += result.matched_count
        so_far.passed += len(writes) - result.matched_count
