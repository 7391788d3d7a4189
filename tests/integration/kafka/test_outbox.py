"""Events embedded in documents: published in order, marked afterwards, whoever dies in between."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from motor.motor_asyncio import AsyncIOMotorCollection

from shared import outbox
from shared.clock import SystemClock, whole_milliseconds
from shared.errors import PermanentError, TransientError
from shared.events.base import Record
from shared.kafka.connection import topic_name
from shared.kafka.metrics import OUTBOX_PENDING_SECONDS
from shared.kafka.publisher import Publisher
from shared.mongo import by_ids, connect, wait_until_ready
from shared.outbox import ENOUGH, Relay, pending, pending_records, push
from shared.settings import KafkaSettings, StoreSettings
from shared.topics import REPORTS
from tests.integration.kafka.tools import log_of, message_left, report_id
from tests.support import forking
from tests.support.clock import JumpClock
from tests.support.waiting import DEADLINE_S, eventually

Things = AsyncIOMotorCollection[dict[str, Any]]
LONG_AGO = datetime.now(UTC) - timedelta(minutes=5)


@pytest.fixture
def unswept(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Pending since then, events are published only once they are enqueued: no sweep takes or redates them."""
    monkeypatch.setattr(outbox, "CLOCKS_APART", timedelta(hours=2))
    return datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
async def things(store_settings: StoreSettings) -> AsyncIterator[Things]:
    database = connect(store_settings, "outbox")
    await wait_until_ready(database, SystemClock())
    yield database["things"]
    database.client.close()


@asynccontextmanager
async def relaying(*relays: Relay) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(relay.run()) for relay in relays]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def until_clean(things: Things) -> None:
    async def clean() -> bool:
        return await things.count_documents({"outbox_since": {"$exists": True}}) == 0

    await eventually(clean, "nothing pending")


async def sequences(settings: KafkaSettings, key: str) -> list[int]:
    found = await log_of(settings, topic_name(settings, REPORTS))
    return [json.loads(r.value or b"")["intake_version"] for r in found if r.key == key.encode()]


async def insert(things: Things, key: str, records: list[Record], since: datetime) -> None:
    await things.insert_one({"_id": key, "name": "kept", **pending(records, since)})


async def test_enqueued_events_are_published_and_cleared(
    things: Things, publisher: Publisher, bus_settings: KafkaSettings, unswept: datetime
) -> None:
    relay = Relay(things, publisher, SystemClock(), name="offer")
    await relay.ensure_index()
    await relay.ensure_index()
    keys = [report_id(n) for n in range(250)]
    async with relaying(relay):
        for key in keys:
            records = [message_left(key, 1), message_left(key, 2)]
            await insert(things, key, records, unswept)
            relay.enqueue(key, records if key < "8" else None)
        await until_clean(things)
        assert relay.check() is None
    assert {tuple(await sequences(bus_settings, key)) for key in keys[:5]} == {(1, 2)}
    assert len(await log_of(bus_settings, topic_name(bus_settings, REPORTS))) == 500
    documents = await by_ids(things, keys)
    assert len(documents) == 250
    assert all(document == {"_id": key, "name": "kept"} for key, document in documents.items())


async def test_unreadable_pending_events_block_no_others_and_are_reported(
    things: Things, publisher: Publisher, bus_settings: KafkaSettings
) -> None:
    bad, good = report_id(1), report_id(2)
    await things.insert_one({"_id": bad, "outbox": [{"topic": "reports"}], "outbox_since": LONG_AGO})
    await insert(things, good, [message_left(good, 1)], LONG_AGO)
    relay = Relay(things, publisher, SystemClock(), name="broken")

    async def told(*, yes: bool) -> bool:
        return (relay.unreadable() is not None) is yes

    async with relaying(relay):
        relay.enqueue(bad)

        async def published() -> bool:
            return await sequences(bus_settings, good) == [1]

        await eventually(published)
        await eventually(lambda: told(yes=True))
        assert await things.count_documents({"_id": bad, "outbox_since": LONG_AGO}) == 1, "it stays pending"
        await things.delete_one({"_id": bad})
        await eventually(lambda: told(yes=False), "it heals once the document is gone")
        assert relay.check() is None


async def test_an_event_that_the_broker_finds_too_large_blocks_no_others_and_goes_once_it_may(
    things: Things, publisher: Publisher, bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "AGAIN_SECONDS", 2.0)
    key, others = report_id(1), [report_id(n) for n in range(2, 40)]
    large = message_left(key, 1)
    large = large.model_copy(update={"headers": (*large.headers, ("noise", os.urandom(5000)))})
    await allow(bus_settings, 2000)  # of the others so many come in a batch that they are refused together

    async def refuses() -> bool:
        try:
            await publisher.send(topic_name(bus_settings, REPORTS), 0, [(b"probe", os.urandom(5000), [])])
        except PermanentError:
            return True
        return False

    await eventually(refuses, "the broker has heard of it")
    relay = Relay(things, publisher, SystemClock(), name="offer")
    await insert(things, key, [large], LONG_AGO)
    for other in others:
        await insert(things, other, [message_left(other, 1)], LONG_AGO)
    async with relaying(relay):
        await eventually(lambda: relay.unreadable() is not None, "it is told of")

        async def alone() -> bool:
            left = {one["_id"] async for one in things.find({"outbox_since": {"$exists": True}})}
            return left == {key}

        await eventually(alone, "all others are published")
        await allow(bus_settings, 1_048_588)
        await until_clean(things)
        await eventually(lambda: relay.unreadable() is None, "nothing is left out")
    found = Counter(record.key for record in await log_of(bus_settings, topic_name(bus_settings, REPORTS)))
    del found[b"probe"]
    assert found == Counter(one.encode() for one in (key, *others)), "each once"


async def allow(settings: KafkaSettings, size: int) -> None:
    """Let `reports` take batches of so many bytes."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    await admin.start()
    name = topic_name(settings, REPORTS)
    await admin.alter_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name, configs={"max.message.bytes": str(size)})]
    )
    await admin.close()


async def test_the_check_recovers_once_nothing_publishable_is_left(
    things: Things, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document that cannot be read stays there: it must not keep the trouble of before alive."""
    original, away = publisher.publish, True

    async def publish(records: list[Record]) -> None:
        if away:
            raise TransientError("kafka: away")
        await original(records)

    async def trouble(*, there: bool) -> bool:
        return (relay.check() is not None) is there

    monkeypatch.setattr(publisher, "publish", publish)
    await things.insert_one({"_id": report_id(1), "outbox": [{"topic": "reports"}], "outbox_since": LONG_AGO})
    await insert(things, report_id(2), [message_left(report_id(2), 1)], LONG_AGO)
    relay = Relay(things, publisher, SystemClock(), name="trouble")
    async with relaying(relay):
        await eventually(lambda: trouble(there=True))
        await things.delete_one({"_id": report_id(2)})
        away = False
        await eventually(lambda: trouble(there=False))


async def test_with_a_linger_the_first_event_goes_at_once_and_the_next_ones_together(
    things: Things, publisher: Publisher, monkeypatch: pytest.MonkeyPatch, unswept: datetime
) -> None:
    sizes, published = _published(publisher, monkeypatch)
    relay = Relay(things, publisher, SystemClock(), name="pace", linger_s=3.0)
    queued = await _to_be_published(things, ENOUGH, unswept)
    async with relaying(relay):
        relay.enqueue(*queued[0])
        async with asyncio.timeout(DEADLINE_S):
            await published.wait()
        for key, records in queued[1:]:
            relay.enqueue(key, records)
            await asyncio.sleep(0)
        await until_clean(things)
    assert sizes == [1, ENOUGH - 1]


async def test_so_many_documents_end_the_linger_and_fewer_do_not(
    things: Things, publisher: Publisher, monkeypatch: pytest.MonkeyPatch, unswept: datetime
) -> None:
    sizes, published = _published(publisher, monkeypatch)
    relay = Relay(things, publisher, SystemClock(), name="enough", linger_s=10 * DEADLINE_S)
    queued = await _to_be_published(things, 2 * ENOUGH + 1, unswept)
    async with relaying(relay):
        for start, end in pairwise((0, 1, ENOUGH + 1, 2 * ENOUGH + 1)):
            published.clear()
            for key, records in queued[start:end]:
                assert not published.is_set()
                relay.enqueue(key, records)
                await asyncio.sleep(0)
            async with asyncio.timeout(DEADLINE_S):
                await published.wait()
    assert sizes == [1, ENOUGH, ENOUGH]


def _published(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], asyncio.Event]:
    """How many records each batch had, and an event that is set after each."""
    original, sizes, published = publisher.publish, list[int](), asyncio.Event()

    async def counted(records: list[Record]) -> None:
        sizes.append(len(records))
        await original(records)
        published.set()

    monkeypatch.setattr(publisher, "publish", counted)
    return sizes, published


async def _to_be_published(things: Things, many: int, since: datetime) -> list[tuple[str, list[Record]]]:
    """Documents with an event each."""
    queued = [(report_id(n), [message_left(report_id(n), 1)]) for n in range(many)]
    for key, records in queued:
        await insert(things, key, records, since)
    return queued


async def test_what_was_appended_while_publishing_stays_pending_and_follows(
    things: Things, publisher: Publisher, bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = report_id(1)
    relay = Relay(things, publisher, SystemClock(), name="append")
    original = publisher.publish
    appended = asyncio.Event()

    async def slow_publish(records: list[Record]) -> None:
        await original(records)
        if not appended.is_set():
            await things.update_one({"_id": key}, push([message_left(key, 3)], datetime.now(UTC)))
            appended.set()

    monkeypatch.setattr(publisher, "publish", slow_publish)
    first = [message_left(key, 1), message_left(key, 2)]
    await insert(things, key, first, datetime.now(UTC))
    relay.enqueue(key, first)
    async with relaying(relay):
        async with asyncio.timeout(DEADLINE_S):
            await appended.wait()
        await until_clean(things)
    assert await sequences(bus_settings, key) == [1, 2, 3]


async def test_another_relay_publishes_after_a_kill_between_publishing_and_clearing(
    things: Things, publisher: Publisher, bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    keys = [report_id(n) for n in range(30)]
    for key in keys:
        await insert(things, key, [message_left(key, 1)], LONG_AGO)
    plan = {
        "bus": bus_settings.model_dump(mode="json", exclude_none=True),
        "store": {"uri": store_settings.uri.get_secret_value(), "database_prefix": store_settings.database_prefix},
    }
    status, said = await forking.run(("tests.integration.kafka.outbox_worker", json.dumps(plan)), env=os.environ)
    assert status == 9, said
    assert len(await log_of(bus_settings, topic_name(bus_settings, REPORTS))) == 30
    assert await things.count_documents({"outbox_since": {"$exists": True}}) == 30
    async with relaying(Relay(things, publisher, SystemClock(), name="heir")):
        await until_clean(things)
    for key in keys:
        assert await sequences(bus_settings, key) == [1, 1]


async def test_two_relays_keep_the_order_of_one_document(
    things: Things, publisher: Publisher, bus_settings: KafkaSettings
) -> None:
    key = report_id(1)
    other = Publisher(bus_settings)
    await other.start()
    relays = [Relay(things, publisher, SystemClock(), name="a"), Relay(things, other, SystemClock(), name="b")]
    await insert(things, key, [message_left(key, 1)], datetime.now(UTC))
    async with relaying(*relays):
        for version in range(2, 201):
            await things.update_one({"_id": key}, push([message_left(key, version)], datetime.now(UTC)))
            relays[version % 2].enqueue(key)
        await until_clean(things)
    await other.stop()
    assert list(dict.fromkeys(await sequences(bus_settings, key))) == list(range(1, 201))


async def test_an_outage_of_kafka_loses_no_pending_event(
    things: Things, publisher: Publisher, bus_settings: KafkaSettings
) -> None:
    away = Publisher(bus_settings)  # not connected: every publish is refused
    keys = [report_id(n) for n in range(150)]
    relay = Relay(things, away, SystemClock(), name="away")

    async def failing() -> bool:
        return relay.check() is not None

    async with relaying(relay):
        for key in keys:
            records = [message_left(key, 1)]
            await insert(things, key, records, LONG_AGO)
            relay.enqueue(key, records)
        await eventually(failing, "the relay says that it fails")
    documents = await by_ids(things, keys)
    assert all(
        pending_records(document) == [] or len(pending_records(document)) == 1 for document in documents.values()
    )
    assert sum(len(pending_records(document)) for document in documents.values()) == 150
    async with relaying(Relay(things, publisher, SystemClock(), name="back")):
        await until_clean(things)
    assert len(await log_of(bus_settings, topic_name(bus_settings, REPORTS))) == 150


async def test_the_sweep_finds_documents_dropped_by_a_full_queue(
    things: Things, publisher: Publisher, bus_settings: KafkaSettings
) -> None:
    relay = Relay(things, publisher, SystemClock(), name="full")
    for n in range(10_050):
        relay.enqueue(f"nobody-{n}")
    key = report_id(1)
    await insert(things, key, [message_left(key, 1)], LONG_AGO)
    relay.enqueue(key)
    async with relaying(relay):
        await until_clean(things)
    assert await sequences(bus_settings, key) == [1]


async def test_an_idle_relay_finds_what_another_process_left(
    things: Things, publisher: Publisher, bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "IDLE_SECONDS", 0.0)
    relay, key = Relay(things, publisher, SystemClock(), name="idle"), report_id(1)
    async with relaying(relay):
        await eventually(lambda: relay._swept_at > 0, "a first sweep found nothing")
        await insert(things, key, [message_left(key, 1)], LONG_AGO)
        await until_clean(things)
    assert await sequences(bus_settings, key) == [1]


@pytest.mark.parametrize("why", ["publishing failed", "the queue was full"])
async def test_an_idle_relay_soon_looks_for_what_it_dropped_itself(
    things: Things, publisher: Publisher, bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    relay, key, records = (
        Relay(things, publisher, SystemClock(), name="drops", idle_sweep_s=10 * DEADLINE_S),
        report_id(1),
        [message_left(report_id(1), 1)],
    )
    publish, refused = publisher.publish, 0

    async def refuse_once(given: Sequence[Record]) -> None:
        nonlocal refused
        refused += 1
        if refused == 1:
            raise TransientError("kafka is away")
        await publish(given)

    with monkeypatch.context() as idle:
        idle.setattr(outbox, "IDLE_SECONDS", 0.0)
        async with relaying(relay):
            await eventually(lambda: relay._swept_at > 0, "a first sweep found nothing")
            idle.undo()
            await insert(things, key, records, LONG_AGO)
            if why == "publishing failed":
                monkeypatch.setattr(publisher, "publish", refuse_once)
                relay.enqueue(key, records)
            else:
                with monkeypatch.context() as full:
                    full.setattr(outbox, "QUEUE", 0)
                    relay.enqueue(key)
            await until_clean(things)
    assert await sequences(bus_settings, key) == [1]


async def test_the_store_away_is_a_transient_error(store_settings: StoreSettings) -> None:
    nobody = StoreSettings(uri=store_settings.uri.__class__("mongodb://127.0.0.1:1"), call_timeout_s=0.5)
    database = connect(nobody, "away")
    with pytest.raises(TransientError, match="ServerSelectionTimeoutError"):
        await by_ids(database["things"], ["x"])
    database.client.close()


async def test_publishing_does_not_wait_for_clearing_and_repeats_nothing_meanwhile(
    things: Things, publisher: Publisher, bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = Relay(things, publisher, SystemClock(), name="ahead")
    original, let_go = relay._clear, asyncio.Event()

    async def held_clear(published: Sequence[tuple[str, list[str], Mapping[str, Any]]]) -> None:
        await let_go.wait()
        await original(published)

    monkeypatch.setattr(relay, "_clear", held_clear)
    keys = [report_id(n) for n in range(3)]

    async def published(key: str, *versions: int) -> None:
        async def there() -> bool:
            return await sequences(bus_settings, key) == list(versions)

        await eventually(there, f"{key} is published")

    async with relaying(relay):
        for key in keys:  # one after the other: each is a batch of its own
            records = [message_left(key, 1)]
            await insert(things, key, records, LONG_AGO)
            relay.enqueue(key, records)
            await published(key, 1)
        await things.update_one({"_id": keys[0]}, push([message_left(keys[0], 2)], datetime.now(UTC)))
        relay.enqueue(keys[0])
        await published(keys[0], 1, 2)
        assert await things.count_documents({"outbox_since": {"$exists": True}}) == 3
        let_go.set()
        await until_clean(things)
    assert len(await log_of(bus_settings, topic_name(bus_settings, REPORTS))) == 4


async def test_after_an_outage_one_relay_publishes_the_backlog(
    things: Things, publisher: Publisher, bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine a lease of three seconds would run out in the middle of the page.
    monkeypatch.setattr(outbox, "LEASE_SECONDS", 600.0)
    keys = [report_id(n) for n in range(250)]
    await things.insert_many(
        [
            {"_id": key, **pending([message_left(key, 1)], LONG_AGO + timedelta(milliseconds=n))}
            for n, key in enumerate(keys)
        ]
    )
    relays = [Relay(things, publisher, SystemClock(), name=f"after-{n}") for n in range(3)]
    async with relaying(*relays):
        await until_clean(things)
    assert len(await log_of(bus_settings, topic_name(bus_settings, REPORTS))) == 250


async def test_what_a_clock_that_was_ahead_left_behind_is_published_now(things: Things, publisher: Publisher) -> None:
    """A process accepted a report while its clock was a day ahead, and died before it published it."""
    ahead = datetime.now(UTC) + timedelta(days=1)
    await insert(things, report_id(1), [message_left(report_id(1), 1)], ahead)
    lease = {"_id": things.name, "by": "a process that is gone", "until": ahead}
    await things.database["outbox_leases"].insert_one(lease)
    relay = Relay(things, publisher, SystemClock(), name="ahead")
    await relay.ensure_index()
    async with relaying(relay):
        await until_clean(things)


async def test_what_was_left_behind_is_published_by_a_process_whose_clock_is_behind(
    things: Things, publisher: Publisher
) -> None:
    """A process accepted a report and died before it published it; the clock of the one left is an hour slow."""
    await insert(things, report_id(1), [message_left(report_id(1), 1)], LONG_AGO)
    clock = JumpClock()
    clock.jump(hours=-1)
    relay = Relay(things, publisher, clock, name="slow")
    await relay.ensure_index()
    async with relaying(relay):
        await until_clean(things)


async def test_a_clock_that_is_behind_redates_nothing_and_takes_no_lease(
    things: Things, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two minutes behind, what others accept just now and the lease they have just taken look far ahead."""
    monkeypatch.setattr(outbox, "LEASE_SECONDS", 600.0)
    now = whole_milliseconds(datetime.now(UTC))
    since = {report_id(1): whole_milliseconds(LONG_AGO), report_id(2): now}
    for key, moment in since.items():
        await insert(things, key, [message_left(key, 1)], moment)
    lease = {"_id": things.name, "by": "another process", "until": now + timedelta(seconds=600)}
    await things.database["outbox_leases"].insert_one(lease)
    clock = JumpClock()
    clock.jump(minutes=-2)
    relay = Relay(things, publisher, clock, name="behind")
    await relay._sweep()
    assert {one["_id"]: one["outbox_since"] async for one in things.find()} == since
    assert await things.database["outbox_leases"].find_one({"_id": things.name}) == lease


async def test_an_empty_pending_list_is_cleared(things: Things, publisher: Publisher) -> None:
    """A relay died between taking the last event off and clearing the fields."""
    await things.insert_one({"_id": "emptied", "outbox": [], "outbox_since": LONG_AGO})
    async with relaying(Relay(things, publisher, SystemClock(), name="emptied")):
        await until_clean(things)


async def test_the_age_of_the_oldest_event_grows_although_publishing_fails_before_the_sweep(
    things: Things, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(records: list[Record]) -> None:
        raise TransientError("kafka is away")

    monkeypatch.setattr(publisher, "publish", away)
    relay = Relay(things, publisher, SystemClock(), name="age")
    key, records = report_id(1), [message_left(report_id(1), 1)]
    await insert(things, key, records, LONG_AGO)

    # Every attempt finds an offer first, as while people go on reporting.
    async def another() -> tuple[str, list[Record]]:
        relay._first.add(key)
        return key, records

    monkeypatch.setattr(relay._queue, "get", another)
    async with relaying(relay):
        age = OUTBOX_PENDING_SECONDS.labels("age")._value

        async def grown() -> bool:
            return bool(age.get() >= 300)

        await eventually(grown, "the gauge shows the age")


async def test_first_events_do_not_wait_for_the_store(
    things: Things, publisher: Publisher, bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay, let_go = Relay(things, publisher, SystemClock(), name="slow-store"), asyncio.Event()
    monkeypatch.setattr(relay, "_sweep", let_go.wait)
    key, records = report_id(1), [message_left(report_id(1), 1)]
    await insert(things, key, records, datetime.now(UTC))
    async with relaying(relay):
        relay.enqueue(key, records)

        async def published() -> bool:
            return await sequences(bus_settings, key) == [1]

        await eventually(published, "it is published while the store is asked for what was left behind")


async def test_a_slow_read_repeats_no_event_published_and_cleared_meanwhile(
    things: Things, publisher: Publisher, bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay, read, let_go = Relay(things, publisher, SystemClock(), name="stale"), asyncio.Event(), asyncio.Event()

    async def slow_read(*asked: Any) -> dict[str, Any]:
        found = await by_ids(*asked)
        read.set()
        await let_go.wait()
        return found

    monkeypatch.setattr(outbox, "by_ids", slow_read)
    key, records = report_id(1), [message_left(report_id(1), 1)]
    await insert(things, key, records, datetime.now(UTC))
    async with relaying(relay):
        relay.enqueue(key)
        await read.wait()
        relay.enqueue(key, records)
        await until_clean(things)
        await things.update_one({"_id": key}, push([message_left(key, 2)], datetime.now(UTC)))
        relay.enqueue(key)
        let_go.set()
        await until_clean(things)
    assert await sequences(bus_settings, key) == [1, 2]


async def test_further_fields_are_cleared_with_the_events_unless_they_changed(
    things: Things, publisher: Publisher
) -> None:
    asked: dict[str, int] = {}

    def also_clear(name: str) -> dict[str, Any] | None:
        asked[name] = asked.get(name, 0) + 1
        return {"todo": 1} if asked[name] > 1 else None

    same, changed = report_id(1), report_id(2)
    relay = Relay(things, publisher, SystemClock(), name="settled", also_clear=also_clear)
    for key, todo in ((same, 1), (changed, 2)):
        records = [message_left(key, 1)]
        await things.insert_one({"_id": key, "todo": todo, **pending(records, datetime.now(UTC))})
        relay.enqueue(key, records)
    async with relaying(relay):
        await until_clean(things)
    documents = await by_ids(things, [same, changed])
    assert documents == {same: {"_id": same}, changed: {"_id": changed, "todo": 2}}
    assert asked.keys() == {same, changed}
    # Once more where the relay was stopped before it heard that the store had done it.
    assert set(asked.values()) <= {2, 3}


async def cleared_in(things: Things, relay: Relay, key: str) -> bool:
    """What a writer does that changes a document and clears its events with it."""
    document = await things.find_one({"_id": key}, {"outbox.id": 1})
    if document is None or (clearing := relay.take(document)) is None:
        return False
    update = {"$set": {"changed": True}, "$unset": clearing.unset}
    done = await things.update_one({"_id": key, **clearing.match}, update)
    relay.taken([key], cleared=bool(done.matched_count))
    return bool(done.matched_count)


async def test_another_write_clears_published_events_and_nothing_else(
    things: Things, publisher: Publisher, bus_settings: KafkaSettings, unswept: datetime
) -> None:
    whole, grown, foreign = (report_id(n) for n in (1, 2, 3))
    relay = Relay(things, publisher, SystemClock(), name="taken", leave_s=10 * DEADLINE_S)
    for key in (whole, grown, foreign):
        first = [message_left(key, 1)]
        await insert(things, key, first, unswept)
        assert not await cleared_in(things, relay, key), "nothing is in the topic"
        if key != foreign:  # another process accepted it
            relay.enqueue(key, first)
    async with relaying(relay):
        await eventually(lambda: {whole, grown} <= relay._uncleared.keys(), "both published")
        later = [message_left(grown, 2)]
        await things.update_one({"_id": grown}, push(later, unswept))
        assert [await cleared_in(things, relay, key) for key in (whole, grown, foreign)] == [True, False, False]
        assert whole not in relay._uncleared
        relay.enqueue(grown)

        async def follows() -> bool:
            return await cleared_in(things, relay, grown)

        await eventually(follows, "the later event is published, and both are cleared")
        assert not relay._uncleared, "the relay had left them alone"
    assert await sequences(bus_settings, grown) == [1, 2]
    found = await by_ids(things, [whole, grown, foreign])
    assert {key: "outbox" in document for key, document in found.items()} == {whole: False, grown: False, foreign: True}


async def test_another_write_clears_no_field_that_was_set_anew(
    things: Things, publisher: Publisher, unswept: datetime
) -> None:
    key = report_id(1)
    relay = Relay(
        things, publisher, SystemClock(), name="taken", leave_s=10 * DEADLINE_S, also_clear=lambda _: {"todo": 1}
    )
    records = [message_left(key, 1)]
    await things.insert_one({"_id": key, "todo": 2, **pending(records, unswept)})
    relay.enqueue(key, records)
    async with relaying(relay):
        await eventually(lambda: key in relay._uncleared, "published")
        assert not await cleared_in(things, relay, key)
        assert (await by_ids(things, [key]))[key]["todo"] == 2
        await things.update_one({"_id": key}, {"$set": {"todo": 1}})
        assert await cleared_in(things, relay, key)
    assert await by_ids(things, [key]) == {key: {"_id": key, "changed": True}}
