"""What a subscription does with good, bad and unknown records, on the real broker."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import ClassVar

import pytest
from aiokafka import AIOKafkaProducer

from shared.events import catalog
from shared.events.reports import ReportMessageLeft
from shared.kafka.connection import client_options, dead_topic_name, topic_name
from shared.kafka.decoding import Blocked, Received, Rejected
from shared.kafka.metrics import BLOCKED
from shared.kafka.publisher import Message, NoLeaderError
from shared.settings import KafkaSettings
from shared.topics import REPORTS
from tests.integration.kafka.tools import (
    Seen,
    committed,
    dead_letters,
    ends_of,
    id_in,
    message_left,
    messages,
    new_bus,
    report_id,
    running,
    until_committed,
)
from tests.support.subscribing import subscribe
from tests.support.waiting import eventually

GOOD = message_left(report_id(1), 1)


class MessageLeftLater(ReportMessageLeft):
    TYPE: ClassVar[str] = "report.message_left.v9"


async def test_records_of_a_key_arrive_in_order_however_they_are_published(bus_settings: KafkaSettings) -> None:
    seen = Seen()
    bus, _ = new_bus(bus_settings)
    subscribe(bus, REPORTS, group="order", handler=seen, max_records=97)
    reports = [report_id(n) for n in range(40)]
    async with running(bus):
        # Twenty publishers at once, each with keys of its own: their batches meet in the same partitions.
        await asyncio.gather(
            *(bus.publisher.publish(messages(reports[start::20], range(1, 26))) for start in range(20))
        )
        await eventually(lambda: len(seen.received) >= 1000, "1,000 records")
        await until_committed(bus_settings, "order")
    by_key: defaultdict[str, list[int]] = defaultdict(list)
    for key, sequence in seen.keys:
        by_key[key].append(sequence)
    assert by_key == {report: list(range(1, 26)) for report in reports}
    assert max(len(batch) for batch in seen.batches) <= 97


async def test_trace_and_place_come_with_the_event(bus_settings: KafkaSettings) -> None:
    seen = Seen()
    bus, _ = new_bus(bus_settings)
    subscribe(bus, REPORTS, group="trace", handler=seen)
    async with running(bus):
        await bus.publisher.publish([GOOD])
        await eventually(lambda: seen.received, "the record")
    received = seen.received[0]
    headers = dict(GOOD.headers)
    assert received.topic == "reports"
    assert received.offset == 0
    assert received.envelope.traceparent.encode() == headers["ce_traceparent"]
    assert received.envelope.id.encode() == headers["ce_id"]


def headers_with(**changed: bytes | None) -> list[tuple[str, bytes | None]]:
    return [(name, changed.get(name, value)) for name, value in GOOD.headers]


POISON: dict[str, Message] = {
    "not_json": (GOOD.key.encode(), b"\xff\xfe{", GOOD.headers),
    "tombstone": (GOOD.key.encode(), None, GOOD.headers),
    "no_key": (None, GOOD.value, GOOD.headers),
    "wrong_key": (b"somebody else", GOOD.value, GOOD.headers),
    "no_headers": (GOOD.key.encode(), GOOD.value, []),
    "null_header": (GOOD.key.encode(), GOOD.value, headers_with(ce_id=None)),
    "header_not_utf8": (GOOD.key.encode(), GOOD.value, headers_with(ce_id=b"\xff\xfe")),
    "stranger_header_not_utf8": (GOOD.key.encode(), b"{}", [*GOOD.headers, ("x", b"\xff\xfe"), ("y", None)]),
    "too_large": (GOOD.key.encode(), b" " * 70_000 + GOOD.value, GOOD.headers),
    "wrong_topic": (GOOD.key.encode(), GOOD.value, headers_with(ce_type=b"case.closed.v1")),
    "wrong_source": (GOOD.key.encode(), GOOD.value, headers_with(ce_source=b"/ieum/routing")),
    "empty": (GOOD.key.encode(), b"", GOOD.headers),
    "deep": (GOOD.key.encode(), b"[" * 20_000, GOOD.headers),
}


async def test_poison_goes_to_the_dead_topic_and_its_neighbours_are_processed(bus_settings: KafkaSettings) -> None:
    seen = Seen()
    bus, health = new_bus(bus_settings)
    subscribe(bus, REPORTS, group="poison", handler=seen)
    name = topic_name(bus_settings, REPORTS)
    mixed: list[Message] = []
    for number, poison in enumerate(POISON.values()):
        good = message_left(report_id(1), number + 1)
        mixed += [(good.key.encode(), good.value, good.headers), poison]
    async with running(bus):
        await bus.publisher.send(name, 1, mixed)
        await until_committed(bus_settings, "poison")
        dead = await dead_letters(bus_settings)
        assert health.ready["kafka.poison"]() is None
    assert seen.places == [(1, 2 * n) for n in range(len(POISON))]
    assert [(r.key, r.value) for r in dead] == [(key, value) for key, value, _ in POISON.values()]
    for number, (record, (_, _, headers)) in enumerate(zip(dead, POISON.values(), strict=True)):
        added = {k: v.decode() for k, v in record.headers if k.startswith("dead_") and v is not None}
        assert added["dead_topic"] == "reports"
        assert (added["dead_partition"], added["dead_offset"]) == ("1", str(2 * number + 1))
        assert (added["dead_group"], added["dead_service"]) == ("poison", "test")
        assert added["dead_reason"]
        assert added["dead_time"]
        assert [(k, v) for k, v in record.headers if not k.startswith("dead_")] == list(headers)


async def test_poison_alone_and_with_neither_key_nor_value_is_dead_too(bus_settings: KafkaSettings) -> None:
    seen = Seen()
    bus, _ = new_bus(bus_settings)
    subscribe(bus, REPORTS, group="nothing", handler=seen)
    async with running(bus):
        await bus.publisher.send(topic_name(bus_settings, REPORTS), 0, [(None, b"x", []), (None, None, [])])
        await until_committed(bus_settings, "nothing")
        dead = await dead_letters(bus_settings)
    assert [r.value for r in dead] == [b"x", None]
    assert seen.received == []


async def test_what_the_handler_refuses_is_dead_and_the_rest_is_done(bus_settings: KafkaSettings) -> None:
    seen = Seen()

    async def handler(batch: list[Received]) -> list[Rejected]:
        await seen(batch)
        return [Rejected(r, "odd", "the version is odd") for r in batch if r.event.sequence % 2]

    bus, _ = new_bus(bus_settings)
    subscribe(bus, REPORTS, group="refuse", handler=handler)
    async with running(bus):
        await bus.publisher.publish(messages([report_id(1)], range(1, 11)))
        await until_committed(bus_settings, "refuse")
        dead = await dead_letters(bus_settings)
    assert len(seen.received) == 10
    assert [dict(r.headers)["dead_reason"] for r in dead] == [b"odd"] * 5
    assert {r.key for r in dead} == {report_id(1).encode()}


async def test_an_unknown_version_stops_its_partition_alone_until_a_build_knows_it(
    bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, free = id_in(0, 3), id_in(2, 3)
    seen = Seen()
    bus, health = new_bus(bus_settings)
    subscribe(bus, REPORTS, group="versions", handler=seen)
    newer = message_left(stuck, 2)
    headers = [(k, b"report.message_left.v9" if k == "ce_type" else v) for k, v in newer.headers]
    name = topic_name(bus_settings, REPORTS)
    async with running(bus):
        await bus.publisher.publish([message_left(stuck, 1)])
        await bus.publisher.send(name, 0, [(newer.key.encode(), newer.value, headers)])
        await bus.publisher.publish([message_left(stuck, 3)])
        await eventually(lambda: health.ready["kafka.versions"]() is not None, "ready turns red")
        await bus.publisher.publish(messages([free], range(1, 51)))
        await eventually(lambda: len(seen.received) >= 51, "the other partition goes on")
        word = health.ready["kafka.versions"]()
        await until_committed(bus_settings, "versions", {0: 1, 2: 50})
        assert await dead_letters(bus_settings) == []
    assert word is not None
    assert f"{name}/0" in word
    assert "report.message_left.v9" in word
    assert seen.keys == [(stuck, 1), *((free, n) for n in range(1, 51))]

    monkeypatch.setitem(catalog.EVENT_TYPES, "report.message_left.v9", MessageLeftLater)
    later = Seen()
    bus, health = new_bus(bus_settings)
    subscribe(bus, REPORTS, group="versions", handler=later)
    async with running(bus):
        await until_committed(bus_settings, "versions")
        assert health.ready["kafka.versions"]() is None
    assert later.keys == [(stuck, 2), (stuck, 3)]
    assert isinstance(later.received[0].event, MessageLeftLater)


async def test_a_partition_whose_handler_stops_it_for_a_moment_is_tried_again_and_keeps_up_no_other(
    bus_settings: KafkaSettings,
) -> None:
    stuck, free = id_in(0, 3), id_in(2, 3)
    seen, stops = Seen(), True

    async def handler(batch: list[Received]) -> list[Blocked]:
        stopped = [one for one in batch if stops and one.partition == 0]
        await seen([one for one in batch if one not in stopped])
        return [Blocked(one.topic, 0, one.offset, "no leader", passes=True) for one in stopped[:1]]

    bus, health = new_bus(bus_settings)
    subscribe(bus, REPORTS, group="passing", handler=handler)
    async with running(bus):
        await bus.publisher.publish(messages([stuck], range(1, 4)))
        await eventually(lambda: health.ready["kafka.passing"]() is not None, "ready turns red")
        await bus.publisher.publish(messages([free], range(1, 51)))
        await eventually(lambda: len(seen.received) == 50, "the other partition goes on")
        await bus.publisher.publish(messages([stuck], range(4, 6)))
        asked = seen.attempts
        await eventually(lambda: seen.attempts > asked + 1, "it is tried again")
        await until_committed(bus_settings, "passing", {0: 0, 2: 50})
        stops = False
        await eventually(lambda: len(seen.received) == 55, "and goes on")
        await until_committed(bus_settings, "passing")
        assert health.ready["kafka.passing"]() is None
    assert [version for key, version in seen.keys if key == stuck] == [1, 2, 3, 4, 5]


async def test_a_transient_failure_repeats_the_same_batch_and_skips_nothing(bus_settings: KafkaSettings) -> None:
    seen = Seen()
    bus, health = new_bus(bus_settings)
    subscribe(bus, REPORTS, group="transient", handler=seen)
    async with running(bus):
        seen.failures = 10_000
        await bus.publisher.publish(messages([report_id(1), report_id(2)], range(1, 6)))
        await eventually(lambda: health.ready["kafka.transient"]() is not None, "ready turns red after some attempts")
        assert "told to fail" in str(health.ready["kafka.transient"]())
        assert await committed(bus_settings, "transient") == {}
        seen.failures = 0
        await eventually(lambda: len(seen.received) >= 10, "the batch comes again")
        await until_committed(bus_settings, "transient")
        assert health.ready["kafka.transient"]() is None
    assert sorted(seen.places) == sorted({*seen.places})
    assert [s for k, s in seen.keys if k == report_id(1)] == [1, 2, 3, 4, 5]


async def test_too_many_dead_letters_in_a_row_stop_the_subscription(bus_settings: KafkaSettings) -> None:
    settings = bus_settings.model_copy(update={"dead_letter_cap": 10})
    seen = Seen()
    bus, health = new_bus(settings)
    subscribe(bus, REPORTS, group="cap", handler=seen)
    name = topic_name(settings, REPORTS)
    async with running(bus):
        await bus.publisher.send(name, 0, [(b"k", b"bad", [])] * 9)
        await bus.publisher.publish([message_left(id_in(0, 3), 1)])  # a good one: counting begins again
        await eventually(lambda: len(seen.received) == 1, "the good one")
        assert health.ready["kafka.cap"]() is None
        await bus.publisher.send(name, 0, [(b"k", b"bad", [])] * 30)
        await eventually(lambda: health.ready["kafka.cap"]() is not None, "ready turns red")
        await eventually(
            lambda: sum(one.labels["group"] == "cap" for metric in BLOCKED.collect() for one in metric.samples) == 3,
            "the metric that calls somebody counts all partitions",
        )
        await bus.publisher.publish([message_left(id_in(1, 3), 1)])
        assert len(await dead_letters(settings)) == 19
        assert await committed(settings, "cap") == {0: 20}
    assert len(seen.received) == 1
    # Restarted, it goes on where it stopped, and stops again.
    bus, health = new_bus(settings)
    subscribe(bus, REPORTS, group="cap", handler=seen)
    async with running(bus):
        await eventually(lambda: health.ready["kafka.cap"]() is not None, "ready turns red again")
    assert len(await dead_letters(settings)) == 29
    assert (await ends_of(settings))[0] == 40


async def test_records_of_a_stranger_without_our_conventions_do_no_harm(bus_settings: KafkaSettings) -> None:
    """aiokafka's own producer, compressed, with a batch of its own making."""
    seen = Seen()
    bus, _ = new_bus(bus_settings)
    subscribe(bus, REPORTS, group="stranger", handler=seen)
    async with running(bus):
        producer = AIOKafkaProducer(**client_options(bus_settings), compression_type="gzip")
        await producer.start()
        try:
            await producer.send_and_wait(topic_name(bus_settings, REPORTS), b"hello", partition=1)
            for key, value, headers in [(GOOD.key.encode(), GOOD.value, list(GOOD.headers))]:
                await producer.send_and_wait(
                    topic_name(bus_settings, REPORTS), value, key, headers=headers, partition=1
                )
        finally:
            await producer.stop()
        await eventually(lambda: len(seen.received) == 1, "the good one")
        await until_committed(bus_settings, "stranger")
        assert len(await dead_letters(bus_settings)) == 1


async def test_a_dead_letter_topic_without_a_leader_holds_up_one_partition_and_no_other(
    bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, free = id_in(0, 3), id_in(2, 3)
    seen, lost = Seen(), True
    bus, health = new_bus(bus_settings)
    subscribe(bus, REPORTS, group="nowhere", handler=seen)
    name, dead_name = topic_name(bus_settings, REPORTS), dead_topic_name(bus_settings, REPORTS)
    send = bus.publisher.send

    async def sent(topic: str, partition: int, some: Sequence[Message]) -> int:
        if lost and (topic, partition) == (dead_name, 0):
            raise NoLeaderError("kafka: it has no leader")
        return await send(topic, partition, some)

    monkeypatch.setattr(bus.publisher, "send", sent)
    async with running(bus):
        good = [message_left(stuck, version) for version in (1, 2)]
        [first, second] = [(one.key.encode(), one.value, one.headers) for one in good]
        await bus.publisher.send(name, 0, [first, (b"k", b"bad", []), second])
        await bus.publisher.send(name, 2, [(b"k", b"bad", [])])
        await eventually(lambda: health.ready["kafka.nowhere"]() is not None, "ready turns red")
        await bus.publisher.publish(messages([free], range(1, 51)))
        await eventually(lambda: sum(key == free for key, _ in seen.keys) == 50, "the other partition goes on")
        await until_committed(bus_settings, "nowhere", {0: 1, 2: 51})
        assert [(r.partition, r.value) for r in await dead_letters(bus_settings)] == [(2, b"bad")]
        lost = False
        await until_committed(bus_settings, "nowhere")
        assert [(r.partition, r.value) for r in await dead_letters(bus_settings)] == [(0, b"bad"), (2, b"bad")]
        assert health.ready["kafka.nowhere"]() is None
    assert (stuck, 2) in seen.keys
