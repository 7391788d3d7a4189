"""Group commit against a collection that answers when told to."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from pymongo.errors import AutoReconnect, BulkWriteError

from services.intake.submissions.batch_insert import CALM_PROBE_S, LARGEST_GROUP, PROBE_S, BusyError, GroupCommit
from shared.errors import TransientError
from shared.metrics import REGISTRY
from tests.support.clock import ManualClock
from tests.support.waiting import DEADLINE_S


class Collection:
    """Unique ``_id`` and ``receipt_hash`` in memory; every insert waits for ``go``."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.groups: list[int] = []
        self.go = asyncio.Event()
        self.failure: Exception | None = None
        self.away: Exception | None = None
        self.database = self

    async def command(self, name: str) -> None:
        assert name == "ping"
        if self.away is not None:
            raise self.away

    async def insert_many(self, documents: Sequence[dict[str, Any]], *, ordered: bool) -> None:
        assert not ordered
        self.groups.append(len(documents))
        await self.go.wait()
        if self.failure is not None:
            raise self.failure
        errors = []
        for index, document in enumerate(documents):
            receipts = {kept["receipt_hash"] for kept in self.documents.values()}
            if document["_id"] in self.documents or document["receipt_hash"] in receipts:
                errors.append({"index": index, "code": 11000})
            else:
                self.documents[document["_id"]] = document
        if errors:
            raise BulkWriteError({"writeErrors": errors, "writeConcernErrors": []})

    def find(self, query: dict[str, Any], _: object) -> AsyncIterator[dict[str, Any]]:
        async def found() -> AsyncIterator[dict[str, Any]]:
            for name in query["_id"]["$in"]:
                if name in self.documents:
                    yield self.documents[name]

        return found()


def document(name: str, receipt: str | None = None) -> dict[str, Any]:
    return {"_id": name, "receipt_hash": receipt or name, "content_mac": "c", "receipt_counter": 0}


def group_of(collection: Collection, *, waiting: int = 1000, clock: ManualClock | None = None) -> GroupCommit:
    clock = clock or ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    group = GroupCommit(cast("Any", collection), clock, waiting=waiting)
    group.open()
    return group


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_comes_while_an_insert_is_under_way_is_the_next_group() -> None:
    collection = Collection()
    group = group_of(collection)
    first = asyncio.create_task(group.store(document("a")))
    await settled()
    others = [asyncio.create_task(group.store(document(f"b{n}"))) for n in range(LARGEST_GROUP + 6)]
    await settled()
    assert collection.groups == [1]
    collection.go.set()
    assert (await first).inserted
    assert all(outcome.inserted for outcome in await asyncio.gather(*others))
    assert collection.groups == [1, LARGEST_GROUP, 6]


async def test_one_after_the_other_never_waits_for_a_writer_that_has_ended() -> None:
    collection = Collection()
    collection.go.set()
    group = group_of(collection)
    async with asyncio.timeout(DEADLINE_S):
        for number in range(200):
            assert (await group.store(document(str(number)))).inserted


async def test_repeats_in_one_group_and_later_see_the_one_that_was_stored() -> None:
    collection = Collection()
    collection.go.set()
    group = group_of(collection)
    outcomes = await asyncio.gather(*(group.store(document("same")) for _ in range(10)))
    assert [outcome.inserted for outcome in outcomes].count(True) == 1
    assert all(outcome.existing is not None for outcome in outcomes if not outcome.inserted)
    late = await group.store(document("same"))
    assert late.existing is not None


async def test_a_taken_receipt_refuses_only_its_own_document() -> None:
    collection = Collection()
    collection.go.set()
    group = group_of(collection)
    outcomes = await asyncio.gather(group.store(document("a", "r")), group.store(document("b", "r")))
    assert [(outcome.inserted, outcome.existing) for outcome in outcomes] == [(True, None), (False, None)]


async def test_an_absent_store_fails_everybody_and_then_health_recovers() -> None:
    collection = Collection()
    collection.go.set()
    collection.failure = AutoReconnect("gone")
    group = group_of(collection)
    before = failures()
    outcomes = await asyncio.gather(*(group.store(document(str(n))) for n in range(3)), return_exceptions=True)
    assert all(isinstance(outcome, TransientError) for outcome in outcomes)
    assert failures() > before
    assert group.check() is not None
    collection.failure = None
    assert (await group.store(document("0"))).inserted
    assert group.check() is None


async def test_without_traffic_health_follows_the_store() -> None:
    collection, clock = Collection(), ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    collection.go.set()
    group = group_of(collection, clock=clock)
    watching = asyncio.create_task(group.watch())
    await settled()
    collection.away = AutoReconnect("gone")
    await clock.advance(CALM_PROBE_S)
    await settled()
    assert group.check() is not None
    collection.away = None
    await clock.advance(PROBE_S)
    await settled()
    assert group.check() is None
    collection.failure = AutoReconnect("gone")
    with pytest.raises(TransientError):
        await group.store(document("a"))
    await clock.advance(CALM_PROBE_S)
    await settled()
    assert group.check() is not None
    await clock.advance(PROBE_S)
    await settled()
    assert group.check() is None
    watching.cancel()


async def test_other_refusals_of_the_store_are_not_taken_for_repeats() -> None:
    collection = Collection()
    collection.go.set()
    collection.failure = BulkWriteError({"writeErrors": [{"index": 0, "code": 121}], "writeConcernErrors": []})
    with pytest.raises(TransientError, match="121"):
        await group_of(collection).store(document("a"))


async def test_a_full_queue_and_a_closed_desk_say_so_at_once() -> None:
    collection = Collection()
    group = group_of(collection, waiting=2)
    held = [asyncio.create_task(group.store(document(str(n)))) for n in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(BusyError, match="full"):
        await group.store(document("x"))
    collection.go.set()
    await asyncio.gather(*held)
    closed = GroupCommit(cast("Any", collection), ManualClock(datetime(2026, 1, 1, tzinfo=UTC)), waiting=2)
    with pytest.raises(BusyError, match="not answered"):
        await closed.store(document("y"))


async def test_a_caller_that_left_does_not_disturb_the_others() -> None:
    collection = Collection()
    group = group_of(collection)
    left, stays = (asyncio.create_task(group.store(document(name))) for name in "ab")
    await settled()
    left.cancel()
    collection.go.set()
    assert (await stays).inserted


def failures() -> float:
    """What somebody is called by."""
    return REGISTRY.get_sample_value("ieum_intake_insert_failures_total") or 0.0
