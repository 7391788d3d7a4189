"""Centers and rotas in the document store: one document each per center, each write over the state it was made from."""

from datetime import datetime
from typing import Any

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase

from services.notify.cases.models import CENTRAL_DESK
from services.notify.cases.repository import records_of
from services.notify.team.models import CenterDuty, Rota
from shared import centers, outbox
from shared.events.base import Event, Record
from shared.events.vocabulary import CenterState
from shared.jobs import Skipped
from shared.mongo import Document, insert_new, store_errors
from shared.severity import CASES_PER_PERSON


def known(center_id: str) -> bool:
    """Return whether there is such a centre, ``central`` included."""
    return center_id == CENTRAL_DESK or center_id in centers.CENTER_IDS


def nominal(center_id: str) -> CenterDuty:
    """A centre whose staff has not said anything yet: open, with everybody it is funded for."""
    return CenterDuty(
        center_id=center_id,
        rev=0,
        center_version=0,
        state=CenterState.OPEN,
        staff_on_duty=max(centers.center(center_id).staff, 1),
        cases_per_person=CASES_PER_PERSON,
    )


class CenterStore:
    """The collection of centres."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self.collection: AsyncIOMotorCollection[Document] = database["centers"]
        self._logged: dict[str, object] = {}  # asked for with every alert
        self.saves = 0
        """How often this process has changed a center: what was read at another number may be out of date."""

    async def all(self) -> dict[str, CenterDuty]:
        """Every centre by id, as its staff last said; nominal where they said nothing or it cannot be read."""
        with store_errors():
            found = await self.collection.find({}).to_list(None)
        readable = Skipped("centers", self._logged).readable(found, CenterDuty.model_validate)
        said = {center.center_id: center for center in readable}
        return {i: said.get(i) or nominal(i) for i in (*centers.CENTER_IDS, CENTRAL_DESK)}

    async def get(self, center_id: str) -> CenterDuty:
        """One centre."""
        with store_errors():
            found = await self.collection.find_one({"_id": center_id})
        return CenterDuty.model_validate(found) if found is not None else nominal(center_id)

    async def save(self, center: CenterDuty, was: int, events: tuple[Event, ...], now: datetime) -> bool:
        """Write a new state over state ``was`` (0: none yet); False on a conflict."""
        try:
            return await self._write(center, was, records_of(events, now), now)
        finally:
            self.saves += 1

    async def _write(self, center: CenterDuty, was: int, records: list[Record], now: datetime) -> bool:
        fields = center.model_dump(exclude={"center_id"})
        if was == 0:
            document = {"_id": center.center_id, **fields, **outbox.pending(records, now)}
            return await insert_new(self.collection, document)
        update: dict[str, Any] = {name: dict(values) for name, values in outbox.push(records, now).items()}
        update["$set"] = {**update.get("$set", {}), **fields}
        with store_errors():
            done = await self.collection.update_one({"_id": center.center_id, "rev": was}, update)
        return done.matched_count == 1


class RotaStore:
    """The collection of rotas."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self.collection: AsyncIOMotorCollection[Document] = database["rotas"]

    async def get(self, center_id: str) -> Rota:
        """A centre's rota; an empty one where nobody has made any."""
        with store_errors():
            found = await self.collection.find_one({"_id": center_id})
        return Rota.model_validate(found) if found is not None else Rota(center_id=center_id, rev=0)

    async def save(self, rota: Rota, was: int) -> bool:
        """Write a new state over state ``was`` (0: none yet); False on a conflict."""
        fields = rota.model_dump(exclude={"center_id"})
        if was == 0:
            return await insert_new(self.collection, {"_id": rota.center_id, **fields})
        with store_errors():
            done = await self.collection.update_one({"_id": rota.center_id, "rev": was}, {"$set": fields})
        return done.matched_count == 1
