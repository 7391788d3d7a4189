"""Routing's store: a copy of its own stream, for pages, replay and the owners of linked reports.

Nothing is decided from it but where a linked report of another worker's partition went.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo.errors import BulkWriteError
from shared.mongo import store_errors

from shared.errors import TransientError

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
    """The collection ``decisions``: one document per report and version."""

    def __init__(self, database: AsyncIOMotorDatabase[dict[str, Any]]) -> None:
        self.database = database
        self._decisions = database["decisions"]

    async def prepare(self) -> None:
        """Create the index; harmless to repeat."""
        with store_errors():
            await self._decisions.create_index([("report_id", 1), ("version", 1)])

    async def save(self, entries: Sequence[Entry]) -> None:
        """Insert what is not there yet: the first record of a version stays, as for every reader of the log."""
        if not entries:
            return
        documents = [{"_id": f"{e.report_id}:{e.version}", **asdict(e)} for e in entries]
        with store_errors():
            try:
                await self._decisions.insert_many(documents, ordered=False)
            except BulkWriteError as error:
                codes = {failure.get("code") for failure in (error.details or {}).get("writeErrors", [])}
                if codes != {_DUPLICATE_KEY}:
                    raise TransientError(f"decisions: insert failed with codes {sorted(map(str, codes))}") from error

    async def history(self, report_id: str) -> list[Entry]:
        """Everything routing did about a report, oldest first."""
        with store_errors():
            found = await self._decisions.find({"report_id": report_id}).sort("version", 1).to_list(None)
        return [Entry(**{name: value for name, value in document.items() if name != "_id"}) for document in found]

    async def owners_of(self, report_ids: Sequence[str]) -> dict[str, str]:
        """The owning centre of each report found."""
        owners: dict[str, tuple[int, str]] = {}
        with store_errors():
            cursor = self._decisions.find(
                {"report_id": {"$in": list(report_ids)}}, {"report_id": 1, "version": 1, "center_id": 1}
            )
            async for document in cursor:
                known = owners.get(document["report_id"], (0, ""))
                owners[document["report_id"]] = max(known, (document["version"], document["center_id"]))
        return {report_id: center for report_id, (_, center) in owners.items()}
