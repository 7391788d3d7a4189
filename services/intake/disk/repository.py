"""How much room the store's disk has, asked of the store."""

from motor.motor_asyncio import AsyncIOMotorDatabase

from shared.mongo import Document, store_errors


class DiskSpace:
    """Free bytes on the store's disk."""

    def __init__(self, database: "AsyncIOMotorDatabase[Document]") -> None:
        """``database`` is any of the store's that may be read."""
        self._database = database

    async def free(self) -> int | None:
        """Bytes, or None where the store does not say. Raises ``TransientError``."""
        with store_errors():
            told = await self._database.command("dbStats")
        return int(told["fsTotalSize"] - told.get("fsUsedSize", 0)) if told.get("fsTotalSize") else None
