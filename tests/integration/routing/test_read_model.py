"""The read model, in the real store: it goes on where it ends, and one of another log is made anew."""

from typing import Any

import pytest

from services.routing.read_model import Copied, DecisionStore, RoutingEntry
from services.routing.read_model.repository import AT_ONCE
from services.routing.read_model.service import SAY_EVERY_S, ReadModel
from shared import mongo
from shared.clock import Clock, SystemClock
from shared.errors import FatalError
from shared.kafka.decoding import Received, decode_record
from shared.settings import StoreSettings
from tests.support.clock import ManualClock
from tests.unit.routing.builders import NOW, received, report_id
from tests.unit.routing.fake_log import FakeLog, Place, received_record

PLACES = frozenset({("routings", 0)})


async def log_of(*numbers: int) -> FakeLog:
    """What a worker makes of so many reports."""
    place = Place()
    worker, _, _ = await place.worker()
    await worker.handle([received_record(received(number)) for number in numbers])
    return place.routings


async def batch(log: FakeLog, start: int = 0) -> list[Received]:
    return [decode_record(raw, "routings") async for raw in log.read({0: (start, len(log.records[0]))})]


def copier(store: DecisionStore, log: FakeLog, clock: Clock | None = None) -> ReadModel:
    return ReadModel(store, lambda: False, log, clock or SystemClock())


@pytest.fixture
def database(store_settings: StoreSettings) -> Any:
    return mongo.connect(store_settings, "routing")


async def test_the_copy_goes_on_where_it_ends_not_where_the_group_was(database: Any) -> None:
    store, log = DecisionStore(database), await log_of(1, 2, 3)
    first = copier(store, log)
    assert await first.on_assigned(PLACES) == {("routings", 0): 0}
    await first.handle((await batch(log))[:2])
    again = copier(store, log)
    assert await again.on_assigned(PLACES) == {("routings", 0): 2}
    await again.handle(await batch(log, 2))
    last = dict(log.records[0][-1].headers)["ce_id"].decode()
    assert await store.copied([0]) == {0: Copied(3, last)}
    assert [len(await store.history(report_id(n))) for n in (1, 2, 3)] == [1, 1, 1]
    owners = await store.owners_of([report_id(n) for n in range(1, 50)])
    assert owners == {e.report_id: e.decision.center_id for e in log.events()}, "and nothing of those it does not have"


async def test_copying_the_same_again_changes_nothing(database: Any) -> None:
    store, log = DecisionStore(database), await log_of(1, 2)
    one = copier(store, log)
    await one.on_assigned(PLACES)
    await one.handle(await batch(log))
    before = [document async for document in database["decisions"].find()]
    await one.handle(await batch(log))
    assert [document async for document in database["decisions"].find()] == before


async def test_a_gap_in_the_copy_is_never_passed_over(database: Any) -> None:
    store, log, clock = DecisionStore(database), await log_of(1, 2, 3), ManualClock(NOW)
    one = copier(store, log, clock)
    await one.on_assigned(PLACES)
    await one.handle((await batch(log))[:1])
    await clock.advance(SAY_EVERY_S)
    # The store was put back to what it was before: what this process believes to have copied is not there.
    await database["copied"].update_one({"_id": 0}, {"$set": {"upto": 0}})
    with pytest.raises(FatalError, match="ends at 0, before 1"):
        await one.handle(await batch(log, 1))
    assert await copier(store, log).on_assigned(PLACES) == {("routings", 0): 0}


async def test_how_far_it_goes_is_written_every_few_seconds_and_never_too_much(database: Any) -> None:
    # The clock stands still: however long the store takes, no few seconds pass.
    store, log, clock = DecisionStore(database), await log_of(1, 2, 3), ManualClock(NOW)
    records, one = await batch(log), copier(store, log, clock)
    await one.on_assigned(PLACES)
    said = []
    for record in records:
        await one.handle([record])
        said.append((await store.copied([0]))[0].upto)
    assert said == [1, 1, 1], "one write for all of them"
    # A process that dies here copies the last two again, which changes nothing.
    again = copier(store, log, clock)
    assert await again.on_assigned(PLACES) == {("routings", 0): 1}
    await again.handle(records[1:])
    assert (await store.copied([0]))[0].upto == 3
    await clock.advance(SAY_EVERY_S)
    await one.handle(records[2:])
    assert (await store.copied([0]))[0].upto == 3


@pytest.mark.parametrize("other", [(4, 5, 6), (1,)], ids=["other records", "a shorter log"])
async def test_a_copy_of_another_log_is_made_anew(database: Any, other: tuple[int, ...]) -> None:
    store, log, now = DecisionStore(database), await log_of(1, 2, 3), await log_of(*other)
    one = copier(store, log)
    await one.on_assigned(PLACES)
    await one.handle(await batch(log))
    two = copier(store, now)
    assert await two.on_assigned(PLACES) == {("routings", 0): 0}
    await two.handle(await batch(now))
    assert {d["report_id"] async for d in database["decisions"].find()} == {report_id(n) for n in other}


async def test_the_copy_grows_without_a_gap_or_says_so(store_settings: StoreSettings) -> None:
    store = DecisionStore(mongo.connect(store_settings, "routing"))
    assert await store.copied([0, 1]) == {}
    await store.advance(0, 0, Copied(10, "a"))
    await store.advance(0, 10, Copied(20, "b"))
    await store.advance(0, 10, Copied(20, "b"))
    await store.advance(0, 5, Copied(15, "x"))
    assert await store.copied([0, 1]) == {0: Copied(20, "b")}
    with pytest.raises(FatalError, match="ends at 20, before 30"):
        await store.advance(0, 30, Copied(40, "c"))
    with pytest.raises(FatalError):
        await store.advance(1, 3, Copied(4, "c"))
    await store.begin_anew(0)
    assert await store.copied([0]) == {}


def entry(report: str, version: int, center: str, partition: int) -> RoutingEntry:
    return RoutingEntry(
        report_id=report,
        version=version,
        ownership=version,
        center_id=center,
        type="report.routed.v1",
        partition=partition,
        offset=version,
        event={},
    )


async def test_the_newest_owner_counts_and_one_query_asks_for_many(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, asked = DecisionStore(database), []
    find = type(store._decisions).find

    def counted(collection: Any, *told: Any, **more: Any) -> Any:
        asked.append(told)
        return find(collection, *told, **more)

    monkeypatch.setattr(type(store._decisions), "find", counted)
    ids = [report_id(number) for number in range(1, 41)]
    await store.save([entry(one, version, center, 0) for one in ids for version, center in ((1, "busan"), (2, "jeju"))])
    assert await store.owners_of(ids) == dict.fromkeys(ids, "jeju")
    assert len(asked) == len(ids) // AT_ONCE


async def test_a_copy_is_thrown_away_whole_and_no_other(database: Any) -> None:
    store = DecisionStore(database)
    ids = [f"{first}{report_id(1)[2:]}" for first in ("00", "0f", "10", "7f", "9a", "a0", "fe", "ff")]
    await store.save([entry(one, 1, "busan", number % 2) for number, one in enumerate(ids)])
    await store.begin_anew(0)
    assert {d["report_id"] async for d in database["decisions"].find()} == set(ids[1::2])
