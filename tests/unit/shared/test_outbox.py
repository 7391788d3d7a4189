"""Events inside documents: there and back."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pymongo import UpdateMany

from shared import jobs, outbox
from shared.clock import SystemClock
from shared.errors import PermanentError, TransientError
from shared.events.base import Record
from shared.kafka.publisher import Message, NoLeaderError, Publisher, partition_of
from shared.mongo import SLICE
from shared.outbox import Relay, pending, pending_records, push
from shared.settings import KafkaSettings
from shared.topics import BY_NAME, Topic
from tests.integration.kafka.tools import NOW, message_left, report_id
from tests.support.waiting import DEADLINE_S, eventually

RECORDS = [message_left(report_id(1), 1), message_left(report_id(1), 2)]


def test_what_is_embedded_comes_back_the_same_and_in_order() -> None:
    document = pending(RECORDS, NOW)
    assert document["outbox_since"] == NOW
    assert pending_records(document) == RECORDS
    assert [entry["id"] for entry in document["outbox"]] == [dict(r.headers)["ce_id"].decode() for r in RECORDS]


def test_appending_keeps_the_oldest_time() -> None:
    assert push(RECORDS, NOW) == {
        "$push": {"outbox": {"$each": pending(RECORDS, NOW)["outbox"]}},
        "$min": {"outbox_since": NOW},
    }


def test_no_events_leave_no_trace() -> None:
    assert pending([], NOW) == {}
    assert push([], NOW) == {}
    assert pending_records({"_id": "x"}) == []


async def test_a_failure_beside_a_success_of_the_other_task_does_not_end_the_relay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collection = cast("Any", SimpleNamespace(database=defaultdict(object)))
    relay = Relay(collection, cast("Any", None), SystemClock(), name="relay")
    calls = 0

    async def work() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise TransientError("kafka is away")
        raise asyncio.CancelledError

    async def drop_queue() -> None:
        relay._failures = 0  # the other task has published meanwhile

    monkeypatch.setattr(relay, "_drop_queue", drop_queue)
    with pytest.raises(asyncio.CancelledError):
        await relay._forever(work)
    assert calls == 2


async def test_lists_of_one_length_with_the_same_further_fields_are_cleared_together() -> None:
    written: list[UpdateMany] = []

    async def bulk_write(writes: list[UpdateMany], *, ordered: bool) -> SimpleNamespace:
        assert not ordered
        written.extend(writes)
        return SimpleNamespace(matched_count=33)

    collection = cast("Any", SimpleNamespace(database=defaultdict(object), bulk_write=bulk_write))
    relay = Relay(collection, cast("Any", None), SystemClock(), name="relay")
    ones: list[tuple[str, list[str], dict[str, Any]]] = [(f"one-{n}", [f"e-{n}"], {}) for n in range(30)]
    more: list[tuple[str, list[str], dict[str, Any]]] = [(f"more-{n}", [f"m-{n}"], {"todo": n}) for n in range(2)]
    await relay._clear([*ones, ("two", ["a", "b"], {}), *more])
    off = {"$unset": {"outbox": "", "outbox_since": ""}}
    assert written == [
        *(
            UpdateMany(
                {
                    "_id": {"$in": [name for name, _, _ in some]},
                    "outbox.0.id": {"$in": [ids[-1] for _, ids, _ in some]},
                    "outbox": {"$size": 1},
                },
                off,
            )
            for some in (ones[:20], ones[20:])
        ),
        UpdateMany({"_id": {"$in": ["two"]}, "outbox.1.id": {"$in": ["b"]}, "outbox": {"$size": 2}}, off),
        UpdateMany(
            {
                "_id": {"$in": ["more-0", "more-1"]},
                "outbox.0.id": {"$in": ["m-0", "m-1"]},
                "outbox": {"$size": 1},
                "todo": {"$in": [0, 1]},
            },
            {"$unset": {"outbox": "", "outbox_since": "", "todo": ""}},
        ),
    ]


class Backlog:
    """Documents whose events are pending for long."""

    def __init__(self, *documents: dict[str, Any]) -> None:
        self.documents = list(documents)
        self.database = self
        self.name, self.codec_options = "backlog", None

    def __getitem__(self, _: str) -> "Backlog":
        return self

    async def command(self, _: str, **__: object) -> dict[str, Any]:
        return {"localTime": NOW}

    def find(self, *_: object) -> "Backlog":
        return self

    sort = limit = find

    async def to_list(self, _: int) -> list[dict[str, Any]]:
        return self.documents

    async def update_one(self, *_: object, **__: object) -> None:
        pass

    async def update_many(self, *_: object) -> SimpleNamespace:
        return SimpleNamespace(modified_count=0)


class Log:
    """Takes records of the topics that there are, as the publisher does."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    async def publish(self, records: list[Record]) -> None:
        assert {BY_NAME[record.topic] for record in records}
        self.records += records


@pytest.mark.parametrize("wrong", [{"topic": "of-a-later-build"}, {"headers": [["ce_type", b"x"]]}, {"value": 10**12}])
async def test_an_event_that_cannot_be_published_blocks_no_other_document(wrong: dict[str, Any]) -> None:
    bad = pending([message_left(report_id(1), 1)], NOW)
    good = [message_left(report_id(2), 1)]
    bad["outbox"][0] |= wrong
    backlog = Backlog({"_id": report_id(1), **bad}, {"_id": report_id(2), **pending(good, NOW)})
    log = Log()
    relay = Relay(cast("Any", backlog), cast("Any", log), SystemClock(), name="relay")
    await relay._sweep()
    assert log.records == good
    assert relay.unreadable() == "relay: 1 unpublishable documents"


async def test_a_store_that_answers_later_than_the_lease_lasts_keeps_nothing_from_being_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "LEASE_SECONDS", 0.0)
    left = [message_left(report_id(1), 1)]
    log = Log()
    backlog = Backlog({"_id": report_id(1), **pending(left, NOW)})
    await Relay(cast("Any", backlog), cast("Any", log), SystemClock(), name="relay")._sweep()
    assert log.records == left


class Paged(Backlog):
    """The same, read by pages; nothing is cleared."""

    since = NOW

    def find(self, *asked: Any) -> "Paged":
        self.since = asked[0]["outbox_since"]["$gte"]
        return self

    sort = limit = lambda self, *_: self

    async def to_list(self, most: int) -> list[dict[str, Any]]:
        return [document for document in self.documents if document["outbox_since"] >= self.since][:most]

    async def delete_one(self, _: object) -> None:
        pass


class OneWithoutLeader(Publisher):
    """Publishes to eleven of twelve partitions."""

    def __init__(self) -> None:
        super().__init__(KafkaSettings())
        self.sent = Counter[bytes | None]()

    async def partitions(self, _: Topic) -> int:
        return 12

    async def send(self, _: str, partition: int, messages: Sequence[Message], *, one_batch: bool = False) -> int:
        assert not one_batch
        if partition == LOST:
            raise NoLeaderError("kafka: the partition has no leader")
        self.sent.update(key for key, _, _ in messages)
        return 0


LOST = 3


async def test_a_partition_without_a_leader_keeps_nothing_of_the_others_from_being_published_once() -> None:
    """More than a page of its events are the oldest of all."""
    keys = sorted((report_id(n) for n in range(2000)), key=lambda key: partition_of(key.encode(), 12) != LOST)
    first_sent = next(n for n, key in enumerate(keys) if partition_of(key.encode(), 12) != LOST)
    assert first_sent > SLICE
    documents = [
        {"_id": key, **pending([message_left(key, 1)], NOW + timedelta(milliseconds=n))}
        for n, key in enumerate(keys[: first_sent + SLICE])
    ]
    log = OneWithoutLeader()
    relay = Relay(cast("Any", Paged(*documents)), log, SystemClock(), name="relay")
    for _ in range(6):
        await relay._sweep()
    assert log.sent == Counter(key.encode() for key in keys[first_sent : first_sent + SLICE])


async def test_what_is_new_does_not_wait_for_a_partition_without_a_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is it dropped meanwhile, for the sweep to find it, nor does publishing rest."""
    keys = {partition_of(report_id(n).encode(), 12): report_id(n) for n in range(200)}
    lost = {"_id": keys[LOST], **pending([message_left(keys[LOST], 1)], NOW)}
    log = OneWithoutLeader()
    relay = Relay(cast("Any", Paged(lost)), log, SystemClock(), name="relay")
    monkeypatch.setattr(relay, "_clear_forever", asyncio.Event().wait)
    monkeypatch.setattr(relay, "_clear_published", lambda **_: asyncio.sleep(0))
    monkeypatch.setattr(outbox, "backoff", lambda *_: DEADLINE_S)
    running = asyncio.create_task(relay.run())
    await eventually(lambda: relay.check() is not None, "the sweep finds what cannot be published")
    assert relay.check() == "relay: kafka: the partition has no leader"
    relay.enqueue(keys[LOST], [message_left(keys[LOST], 1)])  # alone in its batch
    await eventually(lambda: not relay._first, "it is left to the sweep")
    relay.enqueue(keys[1], [message_left(keys[1], 1)])
    await eventually(lambda: bool(log.sent), "the new one is published")
    running.cancel()
    await asyncio.wait([running])
    assert log.sent == Counter([keys[1].encode()])


class Refusing(Publisher):
    """Never takes the event of one report, nor any batch that it is in."""

    def __init__(self, refused: str) -> None:
        super().__init__(KafkaSettings())
        self.refused = refused.encode()
        self.sent = Counter[bytes | None]()
        self.tried = 0

    async def partitions(self, _: Topic) -> int:
        return 2

    async def send(self, name: str, partition: int, messages: Sequence[Message], *, one_batch: bool = False) -> int:
        del name, partition, one_batch
        keys = [key for key, _, _ in messages]
        if self.refused in keys:
            self.tried += 1
            raise PermanentError("too_large", "the broker refuses a batch for reports")
        self.sent.update(keys)
        return 0


async def test_an_event_that_kafka_never_takes_holds_up_no_other_and_is_told_of() -> None:
    keys = [report_id(n) for n in range(30)]
    documents = [{"_id": key, **pending([message_left(key, 1)], NOW)} for key in keys]
    log = Refusing(keys[7])
    relay = Relay(cast("Any", Paged(*documents)), log, SystemClock(), name="relay")
    skipped = jobs.SKIPPED.labels("relay-relay")._value.get()
    for _ in range(5):
        await relay._sweep()
    assert log.sent == Counter(key.encode() for key in keys if key != keys[7]), "each once"
    assert log.tried == 2, "with the others, then alone, then not again for a while"
    assert relay.unreadable() == "relay: 1 unpublishable documents"
    assert jobs.SKIPPED.labels("relay-relay")._value.get() == skipped + 1
    relay._refused[keys[7]] = 0.0
    log.refused = b""
    await relay._sweep()
    assert log.sent[keys[7].encode()] == 1, "it is tried again"


async def test_the_first_sweep_is_due_at_once_however_short_the_machine_has_been_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collection = cast("Any", SimpleNamespace(database=defaultdict(object)))
    relay = Relay(collection, cast("Any", None), SystemClock(), name="relay")
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: 0.0)
    swept = False

    async def sweep() -> None:
        nonlocal swept
        swept = True

    monkeypatch.setattr(relay, "_sweep", sweep)
    publishing = asyncio.ensure_future(relay._publish_stored())
    for _ in range(3):
        await asyncio.sleep(0)
    publishing.cancel()
    assert swept
