"""Snapshots, the copy and lookups on the real store and broker: restarts, kills, a store that is away."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.routing.assignment.rules import RULE_VERSION
from services.routing.projection.snapshot import Snapshot, parts_of
from services.routing.store import Copied, DecisionStore, SnapshotStore
from shared import mongo
from shared.errors import FatalError
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.routing.running import Process, Traffic
from tests.integration.routing.verifier import Audit, verify
from tests.support.waiting import eventually
from tests.unit.routing.builders import NOW, report_id

TINY = {"ROUTING_REMEMBERED": "6", "ROUTING_SNAPSHOT_EVERY_S": "0.2", "ROUTING_RECOUNT_EVERY_S": "1"}


@pytest.fixture
async def process(
    publisher: Publisher, bus_settings: KafkaSettings, store_settings: StoreSettings, tmp_path: Path
) -> AsyncIterator[Process]:
    running = Process(bus_settings, store_settings, tmp_path / "routing.log", **TINY)
    running.start()
    yield running
    running.kill()


async def settled(settings: KafkaSettings, reports: int) -> Audit:
    async def audited() -> Audit:
        return await verify(settings.bootstrap_servers, settings.topic_prefix, settings.topic_partitions)

    async def done() -> bool:
        found = await audited()
        return found.reports == reports and found.complete and not found.loads_wrong

    await eventually(done, what=f"{reports} reports owned and summed up")
    return await audited()


async def test_a_worker_with_hardly_any_memory_goes_on_after_a_kill_as_if_it_remembered_all(
    process: Process, publisher: Publisher, bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    traffic = Traffic(publisher, seed=21)
    first = [traffic.received(division="busan", declined_centers=[], synthetic=False) for _ in range(120)]
    await traffic.send(*first)
    await settled(bus_settings, 120)
    heads = mongo.connect(store_settings, "routing")["snapshots"]

    async def written_down() -> bool:
        return sum([int(head["position"]) async for head in heads.find()]) == 120

    await eventually(written_down, what="the snapshots of all partitions reach the end of the log")
    process.kill()
    process.start()
    # Old reports again, and things that happen to them: none of it is in the new process's memory.
    moved = [traffic.transfer(r.report_id, "jeju", 1, 1) for r in first[:10]]
    amended = [traffic.amended(r.report_id) for r in first[10:20]]
    await traffic.send(*first[:60], *moved, *amended, *(traffic.received() for _ in range(30)))
    found = await settled(bus_settings, 150)
    assert found.sound, found
    assert (found.records, found.ignored, found.transfers_done) == (170, 0, 10)
    log = process.log()
    assert "routing.sums_wrong" not in log
    assert "routing.snapshot_unfit" not in log

    async def recounted() -> bool:
        return '"wrong": 0' in process.log().rpartition("routing.took_over")[2]

    await eventually(recounted, what="a recount that found nothing wrong")


def empty(position: int, waiting: int = 0) -> Snapshot:
    since = {report_id(number): NOW for number in range(waiting)}
    return Snapshot(0, position, f"id-{position}", 0, NOW, {}, {"busan": since} if since else {}, frozenset(), {})


async def test_a_snapshot_comes_back_as_it_was_and_an_older_one_never_replaces_it(
    store_settings: StoreSettings,
) -> None:
    store = SnapshotStore(mongo.connect(store_settings, "routing"))
    assert await store.restore(0) is None
    await store.save(empty(5, waiting=3))
    await store.save(empty(9, waiting=2))
    await store.save(empty(7, waiting=1))
    found = await store.restore(0)
    assert found is not None
    assert (found.position, found.last_id, len(found.waiting["busan"])) == (9, "id-9", 2)
    assert found.waiting["busan"].since == {report_id(0): NOW, report_id(1): NOW}
    await store.drop(0)
    assert await store.restore(0) is None


async def test_a_snapshot_of_another_rule_or_without_its_parts_is_not_used(store_settings: StoreSettings) -> None:
    database = mongo.connect(store_settings, "routing")
    store = SnapshotStore(database)
    await store.save(empty(5, waiting=3))
    await database["snapshots"].update_one({"_id": 0}, {"$set": {"rule_version": RULE_VERSION + 1}})
    assert await store.restore(0) is None
    await store.save(empty(5, waiting=3))
    assert await store.restore(0) is not None, "one of another rule is replaced, wherever it stands"
    await database["snapshot_parts"].delete_many({})
    with pytest.raises(ValueError, match="missing"):
        await store.restore(0)


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


def test_a_million_waiting_reports_fit_into_documents_of_the_store() -> None:
    parts = parts_of(empty(1, waiting=250_000))
    assert len(parts) == 3
    assert max(len(piece) for part in parts for piece in part.values()) < 16_000_000


async def test_parts_of_one_that_is_being_written_further_on_are_left_alone(store_settings: StoreSettings) -> None:
    database = mongo.connect(store_settings, "routing")
    store = SnapshotStore(database)
    await database["snapshot_parts"].insert_one({"_id": f"0000:{9:016d}:0000", "waiting": {}})
    await store.save(empty(5, waiting=1))
    await store.save(empty(7, waiting=1))
    assert {d["_id"] async for d in database["snapshot_parts"].find()} == {f"0000:{n:016d}:0000" for n in (7, 9)}


async def test_a_part_that_was_cut_off_is_damage_and_no_crash(store_settings: StoreSettings) -> None:
    database = mongo.connect(store_settings, "routing")
    store = SnapshotStore(database)
    await store.save(empty(5, waiting=3))
    await database["snapshot_parts"].update_many({}, {"$set": {"waiting": {"busan": b"short"}}})
    with pytest.raises(ValueError, match="damaged"):
        await store.restore(0)
