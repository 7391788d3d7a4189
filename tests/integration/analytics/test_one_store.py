"""One store, and two workers that both believe the partition is theirs; a batch that dies; what a worker remembers."""

import asyncio
import random
from typing import Any

import pytest

from services.analytics.counting.consumers import ProjectionConsumer
from services.analytics.counting.project import Changes, fold
from services.analytics.counting.rebuild_repository import Stretch, begin, differences, swap
from services.analytics.counting.repository import Database, Generation, OpenBatch, batch, prepare, serving
from shared.errors import FatalError, TransientError
from shared.events.base import Record
from shared.kafka.decoding import RawRecord, Received, decode_record
from shared.mongo import connect
from shared.settings import StoreSettings
from tests.integration.analytics.traffic import awkward, record
from tests.integration.analytics.worker import Numbers
from tests.unit.analytics import events as make


def as_received(records: list[Record], partition: int) -> list[Received]:
    return [
        decode_record(RawRecord(r.topic, partition, offset, 0, r.key.encode(), r.value, r.headers), r.topic)
        for offset, r in enumerate(records)
    ]


async def handled(projection: ProjectionConsumer, records: list[Received]) -> None:
    """As the bus has a batch handled: the same batch again where the store gave a transaction up."""
    while True:
        try:
            await projection.handle(records)
        except TransientError:
            await asyncio.sleep(0.01)  # the other transaction ends meanwhile; the deadline is the test's
        else:
            return


async def test_a_worker_that_woke_up_late_changes_nothing(store_settings: StoreSettings) -> None:
    database = connect(store_settings, "analytics")
    await prepare(database)
    records = as_received([record(make.received(make.report_id(n))) for n in range(300)], 0)
    # Each is a worker: one worker handles one batch at a time.
    workers = [ProjectionConsumer(database) for _ in range(4)]
    await asyncio.gather(*(handled(worker, records) for worker in workers))
    assert await Numbers(store_settings).stages() == {"accepted": 300}
    assert await workers[0].assigned(frozenset({("reports", 0), ("routings", 0), ("cases", 0), ("alerts", 0)})) == {
        ("reports", 0): 300,
        ("routings", 0): 0,
        ("cases", 0): 0,
        ("alerts", 0): 0,
    }


class DiedError(Exception):
    """In place of a process's death between the writes and the commit."""


async def write_and_die(database: Database, changes: Changes) -> None:
    async with batch(database) as open_batch:
        await open_batch.save(changes, [], {("reports", 1): 50})
        raise DiedError


async def test_a_batch_that_dies_before_its_commit_leaves_nothing(store_settings: StoreSettings) -> None:
    database = connect(store_settings, "analytics")
    await prepare(database)
    numbers, projection = Numbers(store_settings), ProjectionConsumer(database)
    records = as_received([record(make.received(make.report_id(n))) for n in range(50)], 1)
    changes = fold({}, [(1, make.received(make.report_id(n))) for n in range(50)])
    with pytest.raises(DiedError):
        await write_and_die(database, changes)
    assert (await numbers.cells(), await numbers.stages(), await numbers.next_offsets()) == ({}, {}, 0)
    await handled(projection, records)
    assert (await numbers.stages(), await numbers.next_offsets()) == ({"accepted": 50}, 50)


async def test_two_workers_taking_turns_trust_nothing_the_other_has_changed(
    store_settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each remembers what it wrote last; in between the other folds the same reports on, and a commit fails."""
    log = [
        one
        for topic, records in awkward(range(120), random.Random(9)).items()
        for one in as_received(records, 0)
        if topic != "centers"
    ]
    chance = random.Random(10)
    order = sorted(log, key=lambda one: (one.offset, one.topic))
    batches = [order[start : start + 40] for start in range(0, len(order), 40)]
    alone = connect(
        store_settings.model_copy(update={"database_prefix": f"{store_settings.database_prefix}x_"}), "analytics"
    )
    await prepare(alone)
    only = ProjectionConsumer(alone)
    for one in batches:
        await handled(only, one)

    database = connect(store_settings, "analytics")
    await prepare(database)
    asked = 0
    real = OpenBatch.facts

    async def counted(self: OpenBatch, ids: object, trusted: dict[str, object]) -> object:
        nonlocal asked
        asked += bool(trusted)
        return await real(self, ids, trusted)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(OpenBatch, "facts", counted)
    workers = [ProjectionConsumer(database), ProjectionConsumer(database)]
    for number, one in enumerate(batches):
        await handled(workers[chance.random() < 0.3], one)
        if number % 5 == 4:
            await handled(workers[number % 2], one)  # again: repeats
    assert asked > 3, "something was remembered and trusted"
    for name in ("facts", "days", "months", "totals", "offsets"):
        theirs = sorted(await alone[name].find({}).to_list(None), key=lambda each: str(each["_id"]))
        ours = sorted(await database[name].find({}).to_list(None), key=lambda each: str(each["_id"]))
        assert ours == theirs, name


# --- two generations ----------------------------------------------------------------------------------------------


async def test_nothing_is_compared_or_swapped_while_one_generation_is_ahead(store_settings: StoreSettings) -> None:
    database = connect(store_settings, "analytics")
    await prepare(database)
    old, projection = Generation(database), ProjectionConsumer(database)
    records = as_received([record(make.received(make.report_id(n))) for n in range(60)], 0)
    await handled(projection, records[:40])
    new = await begin(database, range(3))
    other = ProjectionConsumer(database, new)
    await handled(other, records[:30])
    all_days = Stretch("days")
    assert await differences(old, new, all_days) is None
    assert not await swap(old, new, made=True)
    assert (await serving(database)).number == old.number
    await handled(other, records[:40])
    await database.days.update_one({}, {"$inc": {"n.stage|accepted": 1}})
    found = await differences(old, new, all_days)
    assert [(each.cell, each.old, each.new) for each in found or ()] == [("stage|accepted", 41, 40)]
    assert await swap(old, new, made=True)
    await handled(projection, records)
    assert (await serving(database)).number == new.number
    assert await Numbers(store_settings).stages() == {"accepted": 60}
    assert await old.facts.count_documents({}) == 40, "what was served before is folded no further"
    with pytest.raises(FatalError, match="another rebuild was faster"):
        await swap(old, new, made=True)


async def test_a_batch_that_is_open_during_the_swap_is_counted_where_it_serves_then(
    store_settings: StoreSettings,
) -> None:
    database = connect(store_settings, "analytics")
    await prepare(database)
    projection = ProjectionConsumer(database)
    records = as_received([record(make.received(make.report_id(n))) for n in range(60)], 0)
    await handled(projection, records[:30])
    old, new = Generation(database), await begin(database, range(3))
    await handled(ProjectionConsumer(database, new), records[:30])
    swapped: list[bool] = []
    real = OpenBatch.save

    async def swapped_before_the_save(self: OpenBatch, *arguments: Any) -> None:
        if not swapped:
            swapped.append(await swap(old, new, made=True))
        await real(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OpenBatch, "save", swapped_before_the_save)
        with pytest.raises(TransientError):
            await projection.handle(records)
        await handled(projection, records)
    assert swapped == [True]
    assert (await serving(database)).number == new.number
    assert await Numbers(store_settings).stages() == {"accepted": 60}


async def test_of_two_rebuilds_the_later_goes_on(store_settings: StoreSettings) -> None:
    database = connect(store_settings, "analytics")
    await prepare(database)
    await handled(ProjectionConsumer(database), as_received([record(make.received(make.report_id(1)))], 0))
    old, first = Generation(database), await begin(database, range(3))
    second = await begin(database, range(3))
    await handled(ProjectionConsumer(database, second), as_received([record(make.received(make.report_id(1)))], 0))
    with pytest.raises(FatalError, match="another rebuild was faster"):
        await swap(old, first, made=True)
    assert await swap(old, second, made=True)
    kept = {name for name in await database.list_collection_names() if name.startswith("facts")}
    assert kept == {"facts", second.facts.name}
