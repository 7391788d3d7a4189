"""How much room the store's disk has: asked of the store, else of a folder on that disk."""

import asyncio
import shutil
from pathlib import Path

from motor.motor_asyncio import AsyncIOMotorDatabase

from shared.errors import TransientError
from shared.mongo import Document, store_errors


class DiskSpace:
    """Free bytes on the store's disk."""

    def __init__(self, database: "AsyncIOMotorDatabase[Document]", folder: Path | None) -> None:
        """``folder`` lies on the store's disk, if that is here; a store that says its free room itself is believed."""
        self._database = database
        self._folder = folder

    async def free(self) -> int | None:
        """Bytes, or None where nobody can say."""
        told: Document = {}
        try:
            with store_errors():
                told = await self._database.command("dbStats")
        except TransientError:
            pass  # the store is away, and the folder may be here all the same
        if told.get("fsTotalSize"):
            return int(told["fsTotalSize"] - told.get("fsUsedSize", 0))
        if self._folder is None:
            return None
        try:
            return (await asyncio.to_thread(shutil.disk_usage, self._folder)).free
        except OSError:
            return None
