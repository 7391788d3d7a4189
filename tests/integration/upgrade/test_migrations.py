"""Steps of a store: one that was killed goes on, two processes may do it at once, a later build's store is refused."""

import asyncio
import importlib
import inspect
import re
from collections.abc import AsyncIterator

import pytest

from services.notify.migrations import STEPS as NOTIFY
from services.routing.migrations import STEPS as ROUTING
from shared import migrations, mongo
from shared.clock import SystemClock
from shared.errors import FatalError, TransientError
from shared.migrations import Database, Step, migrate
from shared.settings import StoreSettings
from shared.store_access import DATABASES

MANY = 450


@pytest.fixture
async def database(store_settings: StoreSettings) -> AsyncIterator["Database"]:
    found = mongo.connect(store_settings, "routing")
    yield found
    found.client.close()


async def done(database: "Database") -> dict[int, bool]:
    return {mark["_id"]: "done_at" in mark async for mark in database.migrations.find({})}


async def test_a_step_that_was_cut_off_goes_on_and_is_done_once(database: "Database") -> None:
    await database.old.insert_many([{"_id": number} for number in range(5)])
    visits: list[int] = []

    async def work(database: "Database") -> None:
        async for one in database.old.find({}):
            await database.old.delete_one({"_id": one["_id"]})
            visits.append(one["_id"])
            if len(visits) == 2:
                raise TransientError("killed")

    steps = (Step(1, "empty", work, at_start=True),)
    with pytest.raises(TransientError):
        await migrate(database, steps, SystemClock())
    assert await done(database) == {1: False}
    assert await migrate(database, steps, SystemClock()) == ["empty"]
    assert (sorted(visits), await done(database)) == ([0, 1, 2, 3, 4], {1: True})
    assert await migrate(database, steps, SystemClock()) == []
    assert len(visits) == 5


async def test_what_an_earlier_build_still_needs_waits_for_the_end_of_the_upgrade(database: "Database") -> None:
    await database.snapshots.insert_many([{"_id": number} for number in range(MANY)])
    await database.decisions.insert_one({"_id": "kept"})
    assert await migrate(database, ROUTING, SystemClock()) == []
    assert await database.snapshots.count_documents({}) == MANY
    both = await asyncio.gather(*(migrate(database, ROUTING, SystemClock(), finish=True) for _ in range(2)))
    assert ["drop-snapshots"] in both
    assert set(await database.list_collection_names()) == {"decisions", "migrations"}
    assert await done(database) == {1: True}


async def test_a_build_starts_beside_a_later_one_until_that_takes_something_away(
    database: "Database", store_settings: StoreSettings
) -> None:
    later = len(ROUTING) + 1

    async def nothing(_: "Database") -> None:
        pass

    await migrate(database, (*ROUTING, Step(later, "add-a-field", nothing, at_start=True)), SystemClock())
    await migrations.admit(store_settings, "routing", ROUTING)
    await migrate(database, (Step(later + 1, "take-a-field-away", nothing),), SystemClock(), finish=True)
    with pytest.raises(FatalError, match=f"of a later build: step {later + 1} .take-a-field-away."):
        await migrations.admit(store_settings, "routing", ROUTING)
    with pytest.raises(FatalError, match=r"upgrade\.md"):
        await migrate(database, ROUTING, SystemClock())


async def test_a_process_that_began_without_its_store_asks_once_that_answers(
    database: "Database", store_settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    away, refuse = [TransientError("away")] * 2, mongo.refuse_unfinished_restore

    async def answers_late(database: "Database") -> None:
        if away:
            raise away.pop()
        await refuse(database)

    monkeypatch.setattr(mongo, "refuse_unfinished_restore", answers_late)
    await database[mongo.RESTORE].insert_one({"_id": mongo.RESTORE, "backup": "b"})
    await migrations.admit(store_settings, "routing", ROUTING)  # it did not answer in time
    with pytest.raises(FatalError, match="is not finished"):
        await migrations.admit_whenever(store_settings, "routing", ROUTING, SystemClock())
    assert not away


@pytest.mark.parametrize("service", DATABASES)
def test_every_service_with_a_store_asks_whether_the_store_is_for_it(service: str) -> None:
    main = importlib.import_module(f"services.{'notify.auditor' if service == 'auditor' else service}.main")
    named = re.findall(r'\badmit\(store_settings, "?(\w+)', inspect.getsource(main.run))
    assert [getattr(main, name, name) for name in named] == [service]


def test_numbers_have_no_gap_and_names_are_given_once() -> None:
    for steps in (NOTIFY, ROUTING):
        assert [step.number for step in steps] == list(range(1, len(steps) + 1))
        assert len({step.name for step in steps}) == len(steps)
