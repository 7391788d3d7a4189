"""Rotas in the document store: one document per centre, each write over the state it was made from."""

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo.errors import DuplicateKeyError

from services.notify.cases.repository import Document
from services.notify.team.rota import Rota
from shared.mongo import store_errors


class RotaStore:
    """The collection of rotas."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        """``database`` is notify's own."""
        self.collection: AsyncIOMotorCollection[Document] = database["rotas"]

    async def get(self, center_id: str) -> Rota:
        """A centre's rota; an empty one where nobody has made any."""
        with store_errors():
            found = await self.collection.find_one({"_id": center_id})
        return Rota.model_validate(found) if found is not None else Rota(center_id=center_id, rev=0)

    async def save(self, rota: Rota, was: int) -> bool:
        """Write a new state over state ``was`` (0: none yet); False where somebody was faster."""
        fields = rota.model_dump(exclude={"center_id"})
        with store_errors():
            if was == 0:
                try:
                    await self.collection.insert_one({"_id": rota.center_id, **fields})
                except DuplicateKeyError:
                    return False
                return True
            done = await self.collection.update_one({"_id": rota.center_id, "rev": was}, {"$set": fields})
        return done.matched_count == 1
