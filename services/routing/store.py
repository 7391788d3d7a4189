"""Routing's store: a copy of its own stream, for pages, replay and the owners of linked reports.

Nothing is decided from it but where a linked report of another worker's partition went.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo.errors import BulkWriteError

from shared.errors import TransientError
from shared.mongo import store_errors

_DUPLICATE_KEY: Final = 11000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record of routing's stream about a report."""

    report_id: str
    version: int
    ownership: int
    center_id: str
    type: str
    partition: int
    offset: int
    event: dict[str, Any]


class DecisionStore:
    """The collection ``decisions``: one document per report and version, keyed so that a report's lie side by side.

    The ``_id`` is all the index there is: writing the copy of a surge must not cost two.
    """

    def __init__(self, database: AsyncIOMotorDatabase[dict[str, Any]]) -> None:
        self._decisions = database["decisions"]

    async def save(self, entries: Sequence[Entry]) -> None:
        """Insert what is not there yet: the first record of a version stays, as for every reader of the log."""
        if not entries:
            return
        documents = [_document(entry) for entry in entries]
        with store_errors():
            try:
                await self._decisions.insert_many(documents, ordered=False)
            except BulkWriteError as error:
                details = error.details or {}
                codes = {failure.get("code") for failure in details.get("writeErrors", [])}
                # Inserted but perhaps not durable counts as not inserted: trying again finds duplicates.
                unsure = {failure.get("code") for failure in details.get("writeConcernErrors", [])}
                if codes != {_DUPLICATE_KEY} or unsure:
                    shown = sorted(map(str, codes | unsure))
                    raise TransientError(f"decisions: insert failed with codes {shown}") from error

    async def history(self, report_id: str) -> list[Entry]:
        """Everything routing did about a report, oldest first."""
        with store_errors():
            found = await self._decisions.find(_of(report_id)).sort("_id", 1).to_list(None)
        return [Entry(**{name: value for name, value in document.items() if name != "_id"}) for document in found]

    async def owners_of(self, report_ids: Sequence[str]) -> dict[str, str]:
        """The owning centre of each report found."""
        owners: dict[str, str] = {}
        with store_errors():
            for report_id in report_ids:
                newest = self._decisions.find(_of(report_id), {"center_id": 1}).sort("_id", -1).limit(1)
                for document in await newest.to_list(1):
                    owners[report_id] = document["center_id"]
        return owners


def _document(entry: Entry) -> dict[str, Any]:
    # Not ``asdict``: it copies the whole event, which took twenty times as long as writing it.
    fields = {name: getattr(entry, name) for name in Entry.__slots__}
    return {"_id": f"{entry.report_id}:{entry.version:06d}", **fields}


def _of(report_id: str) -> dict[str, Any]:
    """The documents of one report: its id, a colon and a version; the semicolon comes next after the colon."""
    return {"_id": {"$gte": f"{report_id}:", "$lt": f"{report_id};"}}
