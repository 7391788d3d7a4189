"""A process whose store answers late still finds that its restore is not finished."""

import pytest
from motor.motor_asyncio import AsyncIOMotorDatabase

from shared import mongo
from shared.clock import SystemClock
from shared.errors import FatalError, TransientError
from shared.mongo import Document
from shared.settings import StoreSettings


async def test_a_process_that_began_without_its_store_asks_once_that_answers(
    store_settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    away, refuse = [TransientError("away")] * 2, mongo.refuse_unfinished_restore

    async def answers_late(database: "AsyncIOMotorDatabase[Document]") -> None:
        if away:
            raise away.pop()
        await refuse(database)

    monkeypatch.setattr(mongo, "refuse_unfinished_restore", answers_late)
    database = mongo.connect(store_settings, "routing")
    await database[mongo.RESTORE].insert_one({"_id": mongo.RESTORE, "backup": "b"})
    await mongo.check_restore(store_settings, "routing")  # it did not answer in time
    with pytest.raises(FatalError, match="is not finished"):
        await mongo.check_restore_when_ready(store_settings, "routing", SystemClock())
    assert not away
    database.client.close()
