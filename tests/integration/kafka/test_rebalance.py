"""Partitions that come and go while records flow."""

import asyncio
from collections.abc import Mapping

import pytest

from shared.errors import TransientError
from shared.kafka import consumer as consuming
from shared.kafka.decoding import Received
from shared.settings import KafkaSettings
from shared.topics import CASES, REPORTS
from tests.integration.kafka.tools import (
    Seen,
    committed,
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
from tests.support.waiting import DEADLINE_S, eventually

REPORT_IDS = [report_id(n) for n in range(30)]


async def test_consumers_come_and_go_and_every_record_is_done(bus_settings: KafkaSettings) -> None:
    one, two, three = Seen(), Seen(), Seen()
    first, _ = new_bus(bus_settings)
    subscribe(first, REPORTS, group="moving", handler=one, max_records=20)
    async with running(first):
        enough = asyncio.Event()

        async def feed() -> None:
            version = 0
            while not enough.is_set():
                version += 1
                await first.publisher.publish(messages(REPORT_IDS, range(version, version + 1)))
                await asyncio.sleep(0.02)  # a steady stream, which members that come and go meet

        feeding = asyncio.create_task(feed())
        await eventually(lambda: len(one.received) > 200, "the first is at work")
        for seen in (two, three):
            other, _ = new_bus(bus_settings)
            subscribe(other, REPORTS, group="moving", handler=seen, max_records=20)
            async with running(other):
                await eventually(lambda seen=seen: len(seen.received) > 200, "the other gets its share")  # type: ignore[misc]  # default
        enough.set()
        await feeding
        await until_committed(bus_settings, "moving")
    everything = {
        (partition, offset) for partition, end in (await ends_of(bus_settings)).items() for offset in range(end)
    }
    assert {*one.places, *two.places, *three.places} == everything
    for seen in (one, two, three):
        for partition in range(3):
            firsts = list(dict.fromkeys(offset for number, offset in seen.places if number == partition))
            assert firsts == sorted(firsts), "order within a partition"


async def test_what_is_done_is_committed_before_the_partitions_go(
    bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consuming, "COMMIT_SECONDS", 3600.0)  # no other commit comes in this test
    one, two = Seen(), Seen()
    first, _ = new_bus(bus_settings)
    subscribe(first, REPORTS, group="handing-on", handler=one)
    async with running(first):
        for version in range(1, 4):
            await first.publisher.publish(messages(REPORT_IDS, range(version, version + 1)))
            await eventually(lambda: len(one.received) == len(REPORT_IDS) * version, "all done")  # noqa: B023  # waited for here
        second, _ = new_bus(bus_settings)
        subscribe(second, REPORTS, group="handing-on", handler=two)
        async with running(second):
            await first.publisher.publish(messages(REPORT_IDS, range(4, 5)))
            await eventually(lambda: len(one.received) + len(two.received) >= len(REPORT_IDS) * 4, "all done")
            assert two.received, "the second has partitions"
    assert len([*one.places, *two.places]) == len({*one.places, *two.places}), "nothing is done twice"


async def test_a_batch_that_outlives_its_partitions_commits_nothing(
    bus_settings: KafkaSettings, monkeypatch: object
) -> None:
    entered, let_go = asyncio.Event(), asyncio.Event()
    slow = Seen()

    async def slow_handler(batch: list[Received]) -> None:
        await slow(batch)
        entered.set()
        await let_go.wait()

    first, _ = new_bus(bus_settings)
    subscribe(first, REPORTS, group="outlive", handler=slow_handler)
    async with running(first):
        await first.publisher.publish(messages(REPORT_IDS, range(1, 3)))
        async with asyncio.timeout(DEADLINE_S):
            await entered.wait()
        quick = Seen()
        second, _ = new_bus(bus_settings)
        subscribe(second, REPORTS, group="outlive", handler=quick)
        async with running(second):
            await eventually(lambda: quick.received, "the second does its partitions without the first")

            async def by_the_second_alone() -> bool:
                return set(await committed(bus_settings, "outlive")) == {partition for partition, _ in quick.places}

            await eventually(by_the_second_alone, "what the second did is committed, and nothing else")
            let_go.set()
            await until_committed(bus_settings, "outlive")
    assert {*slow.places, *quick.places} >= {
        (p, o) for p, end in (await ends_of(bus_settings)).items() for o in range(end)
    }


async def test_a_hook_runs_before_the_first_record_and_says_where_to_start(bus_settings: KafkaSettings) -> None:
    seen, calls = Seen(), []
    revoked: list[frozenset[tuple[str, int]]] = []
    released = asyncio.Event()

    async def on_assigned(places: frozenset[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        calls.append(places)
        if len(calls) < 3:
            raise TransientError("not yet")
        await released.wait()
        return {("reports", 0): 5} if len(calls) == 3 else {}

    async def on_revoked(places: frozenset[tuple[str, int]]) -> None:
        revoked.append(places)

    first, _ = new_bus(bus_settings)
    subscribe(first, REPORTS, CASES, group="hook", handler=seen, on_assigned=on_assigned, on_revoked=on_revoked)
    without_hook = Seen()
    subscribe(first, REPORTS, CASES, group="without-hook", handler=without_hook)
    zero, two = id_in(0, 3), id_in(2, 3)
    async with running(first):
        await first.publisher.publish(messages([zero, two], range(1, 11)))
        await eventually(lambda: len(without_hook.received) == 20, "who has no hook has received them all")
        await eventually(lambda: len(calls) == 3, "the hook is called until it succeeds")
        assert seen.received == [], "between its calls there was time for a record, and others have received all"
        released.set()
        await until_committed(bus_settings, "hook")
        assert [k for k in seen.keys if k[0] == zero] == [(zero, n) for n in range(6, 11)]
        assert [k for k in seen.keys if k[0] == two] == [(two, n) for n in range(1, 11)]
        second, _ = new_bus(bus_settings)
        subscribe(second, REPORTS, CASES, group="hook", handler=Seen(), on_assigned=on_assigned)
        async with running(second):
            await eventually(lambda: len(calls) >= 5, "both take over what is theirs now")
    everything = frozenset((topic, number) for topic in ("reports", "cases") for number in range(3))
    assert calls[0] == everything
    assert everything in revoked
    assert {*calls[3], *calls[4]} == everything
    for places in calls[3:5]:
        # Range: equal partitions of both topics meet in one worker.
        assert {n for topic, n in places if topic == "reports"} == {n for topic, n in places if topic == "cases"}


async def test_a_retry_ends_when_the_partitions_go(bus_settings: KafkaSettings) -> None:
    stuck = Seen()
    stuck.failures = 10_000
    first, _ = new_bus(bus_settings)
    subscribe(first, REPORTS, group="retry", handler=stuck)
    async with running(first):
        await first.publisher.publish(messages(REPORT_IDS, range(1, 3)))
        await eventually(lambda: stuck.attempts > 2, "the first fails and fails")
        willing = Seen()
        second, _ = new_bus(bus_settings)
        subscribe(second, REPORTS, group="retry", handler=willing)
        async with running(second):
            await eventually(lambda: willing.received, "the second does its share")
            stuck.failures = 0
            await until_committed(bus_settings, "retry")
    assert len({*stuck.places, *willing.places}) == 60


async def test_restarted_it_goes_on_after_the_last_commit(bus_settings: KafkaSettings) -> None:
    for round_ in range(3):
        seen = Seen()
        bus, _ = new_bus(bus_settings)
        subscribe(bus, REPORTS, group="restart", handler=seen)
        async with running(bus):
            await bus.publisher.publish([message_left(REPORT_IDS[0], round_ + 1)])
            await until_committed(bus_settings, "restart")
        assert seen.keys == [(REPORT_IDS[0], round_ + 1)]
