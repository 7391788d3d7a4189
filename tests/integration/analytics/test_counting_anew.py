"""A store folded before today's cells: emptied and folded again, whatever interrupts it, as if fresh."""

import asyncio
from collections import Counter
from typing import Any
from unittest.mock import Mock

import pytest
from pymongo import DeleteOne

from services.analytics.counting import repository
from services.analytics.counting.consumers import ProjectionConsumer
from services.analytics.counting.models import CELLS_VERSION
from services.analytics.counting.reader import CountReader
from services.analytics.counting.repository import Database, prepare
from shared.errors import FatalError, TransientError
from shared.events.base import Event
from shared.kafka.decoding import RawRecord, Received, decode_record
from shared.mongo import connect
from shared.settings import StoreSettings
from tests.integration.analytics.traffic import record
from tests.integration.analytics.worker import Numbers
from tests.unit.analytics import events as make

FOUR = frozenset((topic, 0) for topic in ("reports", "routings", "cases", "alerts"))
REPORTS = 250


def at(offset: int, event: Event) -> Received:
    one = record(event)
    return decode_record(RawRecord(one.topic, 0, offset, 0, one.key.encode(), one.value, one.headers), one.topic)


def topics() -> list[Received]:
    """Every report received, routed and ended."""
    ids = [make.report_id(number) for number in range(REPORTS)]
    found = [at(n, make.received(rid)) for n, rid in enumerate(ids)]
    routings: list[Event] = [make.routed(rid) for rid in ids]
    routings += [make.ended(rid, 2) for rid in ids]
    return found + [at(n, event) for n, event in enumerate(routings)]


async def folded(projection: ProjectionConsumer, records: list[Received]) -> None:
    """What the bus does: from where the folder says."""
    starts = await projection.assigned(FOUR)
    left = [one for one in records if one.offset >= starts[one.topic, one.partition]]
    for start in range(0, len(left), 200):
        await projection.handle(left[start : start + 200])


async def old_store(settings: StoreSettings) -> Database:
    """As the build before the cells of ends left it: everything folded but those cells, and no version."""
    database = connect(settings, "analytics")
    await prepare(database)
    await folded(ProjectionConsumer(database), topics())
    async for day in database.days.find({}):
        kept = {cell: n for cell, n in day["n"].items() if not cell.startswith("end|")}
        await database.days.update_one({"_id": day["_id"]}, {"$set": {"n": kept}})
    await database.cells.drop()
    await database.releases.insert_one({"_id": "2026-10", "closed": True})
    return database


async def numbers_of_a_fresh_store(settings: StoreSettings) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    fresh = settings.model_copy(update={"database_prefix": f"{settings.database_prefix}fresh_"})
    database = connect(fresh, "analytics")
    await prepare(database)
    await folded(ProjectionConsumer(database), topics())
    numbers = Numbers(fresh)
    result = await numbers.cells(), await numbers.stages()
    await database.client.drop_database(database.name)
    return result


async def test_an_old_store_ends_in_the_numbers_of_a_fresh_one(store_settings: StoreSettings) -> None:
    expected = await numbers_of_a_fresh_store(store_settings)
    assert sum(n for (_, cell), n in expected[0].items() if cell.startswith("end|")) == REPORTS
    database, numbers = await old_store(store_settings), Numbers(store_settings)
    assert await numbers.cells() != expected[0]
    await prepare(database)
    assert await numbers.cells() == {}
    assert await database.facts.count_documents({}) == 0
    await folded(ProjectionConsumer(database), topics())
    assert (await numbers.cells(), await numbers.stages()) == expected
    assert await database.releases.find_one({"_id": "2026-10"}) is not None, "what is published stays"
    await prepare(database)
    assert (await numbers.cells(), await numbers.stages()) == expected, "once is enough"


async def test_a_clearing_that_was_killed_or_shared_goes_on(
    store_settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = await numbers_of_a_fresh_store(store_settings)
    database, numbers = await old_store(store_settings), Numbers(store_settings)
    monkeypatch.setattr(repository, "_AT_ONCE", 20)  # a hundred in a transaction
    whole, slices = repository.clear_slice, 0

    async def killed(*arguments: Any) -> bool:
        nonlocal slices
        slices += 1
        if slices > 3:
            raise SystemExit
        return await whole(*arguments)

    monkeypatch.setattr(repository, "clear_slice", killed)
    with pytest.raises(SystemExit):
        await prepare(database)
    monkeypatch.setattr(repository, "clear_slice", whole)
    assert 0 < await database.facts.count_documents({}) < REPORTS
    with pytest.raises(FatalError):
        await ProjectionConsumer(database).handle(topics()[:1])
    await asyncio.gather(*(prepare(database) for _ in range(3)))
    await folded(ProjectionConsumer(database), topics())
    assert (await numbers.cells(), await numbers.stages()) == expected


async def test_a_step_of_clearing_takes_thousands_and_leaves_all_where_it_was_killed(
    store_settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await old_store(store_settings)
    await database.cells.insert_one({"_id": "cells", "version": 1, "clearing": CELLS_VERSION})
    with monkeypatch.context() as patched:
        patched.setattr(repository, "_AT_ONCE", REPORTS // 2)
        patched.setattr(repository, "DeleteOne", Mock(side_effect=[*map(by_id, range(REPORTS // 2)), SystemExit]))
        with pytest.raises(SystemExit):
            await repository.clear_slice(database, database.facts)
    assert await database.facts.count_documents({}) == REPORTS
    assert "steps" not in await repository.read_mark(database)
    assert await repository.clear_slice(database, database.facts)
    assert await database.facts.count_documents({}) == 0
    assert (await repository.read_mark(database))["steps"] == 1


def by_id(number: int) -> DeleteOne:
    """One of the reports is removed."""
    return DeleteOne({"_id": make.report_id(number)})


async def demand_counted(database: Database) -> None:
    """As a release does before it reads."""
    async with CountReader(database).snapshot() as reader:
        await reader.demand_counted()


async def test_nothing_is_released_while_the_store_is_emptied_nor_by_a_build_of_other_cells(
    store_settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await old_store(store_settings)
    with pytest.raises(TransientError):
        await demand_counted(database)
    whole, asked = repository.clear_slice, 0

    async def looked_at(*arguments: Any) -> bool:
        nonlocal asked
        with pytest.raises(TransientError):
            await demand_counted(database)
        asked += 1
        return await whole(*arguments)

    monkeypatch.setattr(repository, "clear_slice", looked_at)
    await prepare(database)
    assert asked > len(repository.PARTS)
    await demand_counted(database)
    await database.cells.update_one({"_id": "cells"}, {"$set": {"version": CELLS_VERSION + 1}})
    with pytest.raises(TransientError):
        await demand_counted(database)


async def test_who_was_slow_clears_nothing_of_what_is_folded_anew(store_settings: StoreSettings) -> None:
    database = await old_store(store_settings)
    await prepare(database)
    await folded(ProjectionConsumer(database), topics())
    assert not await repository.clear_slice(database, database.facts)
    assert await database.facts.count_documents({}) == REPORTS


async def test_a_store_of_a_newer_build_is_left_alone(store_settings: StoreSettings) -> None:
    database = await old_store(store_settings)
    await database.cells.insert_one({"_id": "cells", "version": CELLS_VERSION + 1})
    with pytest.raises(FatalError):
        await prepare(database)
    with pytest.raises(FatalError):
        await ProjectionConsumer(database).handle(topics()[:1])
    assert await database.facts.count_documents({}) == REPORTS
