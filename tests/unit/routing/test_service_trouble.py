"""The changelog when a read fails: gaps that stay unread for a while, and readers that must be let go."""

import asyncio
import contextlib
import gc
import weakref
from collections.abc import Sequence
from typing import cast

import pytest
from pymongo.errors import AutoReconnect, BulkWriteError

from services.routing import metrics
from services.routing.read_model import DecisionStore, RoutingEntry
from services.routing.record_encoding import Message
from services.routing.service import BATCH_BYTES, RoutingService
from services.routing.state.loads import LoadPublisher
from shared.errors import TransientError
from shared.events.base import Record
from shared.events.cases import CaseAcknowledged
from shared.events.catalog import PASSED_ON_BYTES
from shared.events.vocabulary import CenterState
from shared.kafka.publisher import NoLeaderError, Publisher
from shared.kafka.router import Blocked
from tests.unit.routing.builders import NOW, received, report_id
from tests.unit.routing.fake_log import TOOK, Place, agrees, kill, received_record, refolded
from tests.unit.routing.test_service import set_state


async def test_a_partition_without_a_leader_waits_alone_and_nothing_is_published_twice() -> None:
    place = Place()
    worker, changelog, _ = await place.worker(0, 1)
    taken = CaseAcknowledged(report_id=report_id(2), case_version=1, ownership=1, center_id="busan", at=NOW)
    await worker.handle([received_record(received(number=2), 4, partition=1)])
    batch = [
        received_record(received(number=1), 4, partition=0),
        received_record(received(number=3), 5, partition=1),
        received_record(received(number=4), 6, partition=1),
        received_record(taken, 7, partition=1),
    ]
    place.routings.leaderless = {1}
    stops = [
        Blocked(topic, 1, offset, "kafka: routings/1 has no leader", passes=True)
        for topic, offset in (("cases", 7), ("reports", 5))
    ]
    for _ in range(3):
        assert sorted(await worker.handle(batch)) == stops
        assert len(place.routings.events(0)) == 1, "the other one is decided, once"
    place.routings.leaderless.clear()
    assert await worker.handle(batch[1:]) == []
    assert [event.report_id for event in place.routings.events(1)] == [report_id(n) for n in (2, 3, 4)]
    for partition in (0, 1):
        assert changelog.states[partition].report_states == refolded(place.routings, partition).report_states


@pytest.mark.parametrize("topic", ["routings", "cases"])
async def test_a_partition_that_has_no_leader_when_it_is_assigned_is_restored_later_and_holds_up_no_other(
    topic: str,
) -> None:
    place = Place()
    before, _, _ = await place.worker(0, 1)
    await before.handle([received_record(received(number=2), 4, partition=1)])
    getattr(place, topic).leaderless = {1}
    worker, changelog, view = await place.worker(0, 1)
    assert list(worker.owned()) == [0], "no sums are told of what is not known"
    again = [received_record(received(number=2), 4, partition=1), received_record(received(number=3), 5, partition=1)]
    for _ in range(2):
        [stop] = await worker.handle([received_record(received(number=1), 4), *again])
        assert isinstance(stop, Blocked)
        assert (stop.topic, stop.partition, stop.offset, stop.passes) == ("reports", 1, 4, True)
    assert len(place.routings.events(0)) == 1
    await worker.restore_late()
    assert worker.any_late.is_set(), "it is asked again"
    set_state(view, "busan", CenterState.CLOSED)
    await worker.move_from_closed()
    getattr(place, topic).leaderless = set()
    await worker.restore_late()
    assert not worker.any_late.is_set()
    assert list(worker.owned()) == [0, 1]
    assert await worker.handle(again) == []
    assert [event.report_id for event in place.routings.events(1)] == [report_id(2), report_id(3)], "each once"
    assert changelog.states[1].report_states == refolded(place.routings, 1).report_states


async def test_a_closed_centre_gives_up_its_reports_although_one_partition_has_no_leader() -> None:
    place = Place()
    worker, changelog, view = await place.worker(0, 1)
    await worker.handle([received_record(received(number=1), 0, partition=0)])
    await worker.handle([received_record(received(number=2), 0, partition=1)])
    owner = changelog.states[1].report_states[report_id(2)].center_id
    assert changelog.states[0].report_states[report_id(1)].center_id == owner, "or the test shows nothing"
    set_state(view, owner, CenterState.CLOSED)
    place.routings.leaderless = {0}
    with pytest.raises(NoLeaderError):
        await worker.move_from_closed()
    assert changelog.states[1].report_states[report_id(2)].center_id != owner


async def test_a_gap_that_cannot_be_read_at_once_is_read_before_anything_is_published_again() -> None:
    place = Place()
    a, changelog_a, _ = await place.worker()
    b, _, _ = await place.worker()
    await b.handle([received_record(received(number=2))])
    place.routings.read_failures = 2
    for _ in range(2):
        with pytest.raises(TransientError):
            await a.handle([received_record(received())])
    await a.handle([received_record(received())])
    assert len(place.routings.events()) == 2, "one record each, however often reading failed"
    assert agrees(changelog_a.states[0], place.routings)


async def test_the_record_of_the_largest_report_that_is_read_is_read_too() -> None:
    place = Place()
    worker, _, _ = await place.worker()
    report = received(linked_reports=[report_id(1)] * 800)
    while len(report.model_dump_json(exclude_none=True)) < PASSED_ON_BYTES - 50:
        more = (*report.facts.linked_reports, report_id(1))
        report = report.model_copy(update={"facts": report.facts.model_copy(update={"linked_reports": more})})
    await worker.handle([received_record(report)])
    assert [event.report_id for event in place.routings.events()] == [report.report_id]


async def test_a_closed_centre_gives_up_the_largest_reports_in_pieces_the_broker_takes() -> None:
    place = Place()
    worker, changelog, view = await place.worker()
    sizes: list[int] = []
    write = place.routings.send

    async def measured(name: str, partition: int, messages: Sequence[Message], *, one_batch: bool) -> int:
        sizes.append(sum(len(value) + 500 for _, value, _ in messages))
        return await write(name, partition, messages, one_batch=one_batch)

    large = [report_id(1)] * 800
    await worker.handle([received_record(received(n, linked_reports=large), n) for n in range(2, 42)])
    place.routings.send = measured  # type: ignore[method-assign]  # to look on
    set_state(view, "busan", CenterState.CLOSED)
    while any(state.center_id == "busan" for state in changelog.states[0].report_states.values()):
        await worker.move_from_closed()
    assert len(sizes) > 1, "or the test shows nothing"
    assert max(sizes) <= BATCH_BYTES


async def test_a_state_store_is_not_thrown_away_where_kafka_pauses_while_its_checkpoint_is_compared() -> None:
    place = Place()
    a, _, _ = await place.worker()
    await a.handle([received_record(received(number=number)) for number in (1, 2)])
    kill(place.folders[0])
    # What lies before the checkpoint is not read again, or this would be missed.
    first = place.routings.records[0][0]
    place.routings.records[0][0] = first.model_copy(update={"value": b"{}"})
    b, changelog, _ = await place.worker(assigned=False)
    place.routings.read_failures = 2
    for _ in range(2):
        with pytest.raises(TransientError):
            await b.on_assigned(TOOK)
    await b.on_assigned(TOOK)
    assert {report_id(1), report_id(2)} <= set(changelog.states[0].report_states)


async def failure_of(worker: RoutingService) -> "weakref.ref[TransientError]":
    """What a batch fails with, held by nobody here; pytest's own catching would hold it."""
    try:
        await worker.handle([received_record(received())])
    except TransientError as error:
        return weakref.ref(error)
    raise AssertionError("it did not fail")


async def test_a_failed_batch_is_let_go_without_the_collector_of_cycles() -> None:
    place = Place()
    a, _, _ = await place.worker()
    b, _, _ = await place.worker()
    await b.handle([received_record(received(number=2))])
    place.routings.read_failures = 1
    gc.collect()
    gc.disable()
    try:
        failure = await failure_of(a)
        await asyncio.sleep(0)  # the loop lets go of what it has finished
        assert failure() is None
    finally:
        gc.enable()


async def test_closing_reads_on_first_after_an_unread_gap() -> None:
    place = Place()
    a, changelog_a, view_a = await place.worker()
    b, _, _ = await place.worker()
    await a.handle([received_record(received())])
    await b.handle([received_record(received())])
    owner = changelog_a.states[0].report_states[report_id(1)].center_id
    set_state(view_a, owner, CenterState.CLOSED)
    await b.handle([received_record(received(number=2))])
    place.routings.read_failures = 2
    for _ in range(2):
        with pytest.raises(TransientError):
            await a.move_from_closed()
    published = len(place.routings.events())
    await a.move_from_closed()
    moved = [event for event in place.routings.events() if event.report_id == report_id(1) and event.version == 2]
    assert len(moved) == 1
    assert len(place.routings.events()) <= published + 1


async def test_a_read_that_ends_in_an_error_lets_the_reader_go() -> None:
    place = Place()
    a, _, _ = await place.worker()
    await a.handle([received_record(received())])
    strange = place.routings.records[0][0]
    headers = tuple((n, b"routing.report.strange.v1" if n == "ce_type" else v) for n, v in strange.headers)
    place.routings.append(0, Record(topic=strange.topic, key=strange.key, headers=headers, value=strange.value))
    place.routings.append(0, strange)
    with pytest.raises(TransientError) as caught:
        await place.worker()
    assert place.routings.open_reads == 0, caught.value


class Refusing:
    """A collection whose inserts end as told."""

    def __init__(self, **details: object) -> None:
        self.details = {"writeErrors": [], "writeConcernErrors": [], **details}

    def __getitem__(self, name: str) -> "Refusing":
        return self

    async def insert_many(self, documents: object, *, ordered: bool) -> None:
        raise BulkWriteError(self.details)


async def test_a_copy_that_may_not_be_durable_is_written_again() -> None:
    entry = RoutingEntry(
        report_id="r", version=1, ownership=1, center_id="busan", type="t", partition=0, offset=0, event={}
    )
    known: object = [{"code": 11000}]
    await DecisionStore(Refusing(writeErrors=known)).save([entry])  # type: ignore[arg-type]  # stands in for a database
    unsure = Refusing(writeErrors=known, writeConcernErrors=[{"code": 64}])
    with pytest.raises(TransientError, match="64"):
        await DecisionStore(unsure).save([entry])  # type: ignore[arg-type]  # stands in for a database


class LastFirst:
    """A collection that takes the documents of an unordered write from the last one on."""

    def __init__(self) -> None:
        self.taken: dict[str, dict[str, object]] = {}

    def __getitem__(self, name: str) -> "LastFirst":
        return self

    async def insert_many(self, documents: Sequence[dict[str, object]], *, ordered: bool) -> None:
        for document in documents if ordered else reversed(documents):
            self.taken.setdefault(str(document["_id"]), document)


async def test_of_two_records_of_a_version_in_one_batch_the_first_stays_whatever_order_the_store_takes_them_in() -> (
    None
):
    first, second = (
        RoutingEntry(
            report_id="r", version=1, ownership=1, center_id=center, type="t", partition=0, offset=offset, event={}
        )
        for offset, center in enumerate(("busan", "jeju"))
    )
    store = LastFirst()
    await DecisionStore(store).save([first, second])  # type: ignore[arg-type]  # stands in for a database
    assert [document["center_id"] for document in store.taken.values()] == ["busan"]


class Collections:
    """A store that ends its work when it has removed so many pieces."""

    def __init__(self, pieces: int) -> None:
        self.pieces = pieces
        self.marked = True

    def __getitem__(self, name: str) -> "Collections":
        return self

    async def delete_many(self, which: object) -> None:
        if not self.pieces:
            raise AutoReconnect
        self.pieces -= 1

    async def delete_one(self, which: object) -> None:
        self.marked = False


async def test_a_copy_of_another_log_is_known_as_such_until_nothing_is_left_of_it() -> None:
    for pieces, known in ((0, True), (100, True), (1000, False)):
        store = Collections(pieces)
        with contextlib.suppress(TransientError):
            await DecisionStore(store).begin_anew(0)  # type: ignore[arg-type]  # stands in for a database
        assert store.marked == known, "what is left would be taken for the first records of its reports"


class Told:
    """Takes what a worker tells the others."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    async def publish(self, records: Sequence[Record]) -> None:
        self.records += records


async def test_who_is_on_call_sees_who_waits_and_which_partitions_are_silent() -> None:
    place = Place()
    worker, _, view = await place.worker(0, 1)
    load_publisher = LoadPublisher(
        cast("Publisher", Told()),
        worker.owned,
        view,
        place.clock,
        worker="w",
        partitions=3,
        suspect=lambda partitions: None,
    )
    await worker.handle([received_record(received())])
    await place.clock.advance(60)
    await load_publisher.look()
    assert (metrics.WAITING._value.get(), metrics.OLDEST_WAITING._value.get()) == (1, 60)
    assert metrics.SILENT._value.get() == 3, "nothing has come back from the bus"
