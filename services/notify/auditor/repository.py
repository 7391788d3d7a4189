"""The auditor's findings, and when it last looked: written by the auditor, read by the pages."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import DeleteOne, ReplaceOne

from services.notify.cases.models import StoredModel
from shared.events.vocabulary import Urgency
from shared.jobs import Skipped
from shared.mongo import Document, store_errors

DATABASE: Final = "auditor"
"""Without the deployment's prefix. A database of its own: the auditor can write nothing of notify's."""
_LOOK: Final = "auditor"
SHOWN: Final = 500
"""Findings that are read for a console; of more it says how many at least."""


class OverdueReport(StoredModel):
    """One report somebody should have been told of. ``alias`` is what people call the case."""

    report_id: str
    alias: str
    center_id: str
    urgency: Urgency
    owed: str
    fault: str
    step: int
    due_at: datetime
    seen_at: datetime


class Look(StoredModel):
    """The auditor's last look: the dead-man signal."""

    at: datetime
    watched: int
    findings: int


class FindingStore:
    """Few documents: only what is wrong now."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self.collection: AsyncIOMotorCollection[Document] = database["findings"]
        self.looks: AsyncIOMotorCollection[Document] = database["auditor"]
        # Consoles ask every few seconds.
        self._logged: dict[str, object] = {}

    async def put(self, new: Sequence[OverdueReport], over: Sequence[str]) -> None:
        """Write what is wrong, newly or in another way, and take away what is right again (report ids)."""
        writes: list[ReplaceOne[Document] | DeleteOne] = [DeleteOne({"_id": report_id}) for report_id in over]
        writes += [ReplaceOne({"_id": f.report_id}, f.model_dump(), upsert=True) for f in new]
        if writes:
            with store_errors():
                await self.collection.bulk_write(writes, ordered=False)

    async def known(self) -> set[str]:
        """The reports something is written about."""
        with store_errors():
            return {document["_id"] async for document in self.collection.find({}, {"_id": 1})}

    async def of(self, center_id: str | None) -> list[OverdueReport]:
        """Return the findings at a centre (None: at all), up to ``SHOWN``, the longest overdue first."""
        wanted = {} if center_id is None else {"center_id": center_id}
        with store_errors():
            found = await self.collection.find(wanted).limit(SHOWN).to_list(None)
        return sorted(
            Skipped("findings", self._logged).readable(found, OverdueReport.model_validate), key=lambda f: f.due_at
        )

    async def looked(self, look: Look) -> None:
        """The auditor lives."""
        with store_errors():
            await self.looks.replace_one({"_id": _LOOK}, {"_id": _LOOK, **look.model_dump()}, upsert=True)

    async def last_look(self) -> datetime | None:
        """Return when the auditor last looked; None: never, or it cannot be read."""
        with store_errors():
            found = await self.looks.find({"_id": _LOOK}).to_list(1)
        return next((look.at for look in Skipped("last-look", self._logged).readable(found, Look.model_validate)), None)
