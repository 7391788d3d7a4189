"""Workers that are killed, stopped and restarted: nothing is lost, and what is done again was not committed."""

import signal
from pathlib import Path

import pytest

from shared.kafka.admin import ensure_topics
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings
from shared.topics import REPORTS
from tests.integration.kafka.tools import (
    Seen,
    committed,
    ends_of,
    messages,
    new_bus,
    report_id,
    running,
    until_committed,
)
from tests.integration.kafka.workers import workers
from tests.support.forking import ended
from tests.support.subscribing import subscribe
from tests.support.waiting import eventually


async def publish(settings: KafkaSettings, reports: int, versions: range) -> None:
    await ensure_topics(settings)
    publisher = Publisher(settings)
    await publisher.start()
    try:
        await publisher.publish(messages([report_id(n) for n in range(reports)], versions))
    finally:
        await publisher.stop()


async def everything(settings: KafkaSettings) -> set[tuple[int, int]]:
    return {(partition, offset) for partition, end in (await ends_of(settings)).items() for offset in range(end)}


async def test_killed_after_the_effect_and_before_the_commit_it_is_done_again(
    bus_settings: KafkaSettings, tmp_path: Path
) -> None:
    await publish(bus_settings, 10, range(1, 31))
    with workers(bus_settings, tmp_path) as some:
        first = some.start(behaviour="hang_before_return")
        await eventually(some.sign.exists, "the first batch takes effect")
        first.send_signal(signal.SIGKILL)
        assert await ended(first) == -signal.SIGKILL
        before = list(some.effects)
        assert before
        assert await committed(bus_settings, "workers") == {}
        some.start()
        await until_committed(bus_settings, "workers")
        assert set(some.effects) == await everything(bus_settings)
        repeated = len(some.effects) - len(set(some.effects))
        assert repeated == len(before)


async def test_killed_between_two_commits_it_repeats_what_was_not_committed_and_skips_nothing(
    bus_settings: KafkaSettings, tmp_path: Path
) -> None:
    await publish(bus_settings, 10, range(1, 31))
    with workers(bus_settings, tmp_path) as some:
        first = some.start(max_records=20, killed_after=200)
        assert await ended(first) == -signal.SIGKILL
        before = list(some.effects)
        there = await committed(bus_settings, "workers")
        waiting = {(partition, offset) for partition, offset in before if offset >= there.get(partition, 0)}
        some.start()
        await until_committed(bus_settings, "workers")
        after = some.effects[len(before) :]
        assert {*before, *after} == await everything(bus_settings)
        again = {*before} & {*after}
        assert before[-1] in again, "it was killed in the handler of this batch"
        assert again <= waiting, "a commit that was on its way may have come after the look"
        assert len(after) == len({*after}), "what is repeated is repeated once"


async def test_a_stopped_worker_that_wakes_up_commits_nothing_and_loses_nothing(
    bus_settings: KafkaSettings, tmp_path: Path
) -> None:
    settings = bus_settings.model_copy(update={"session_timeout_ms": 6000})
    await publish(settings, 10, range(1, 6))
    with workers(settings, tmp_path) as some:
        zombie = some.start()
        await until_committed(settings, "workers")
        zombie.send_signal(signal.SIGSTOP)
        await publish(settings, 10, range(6, 31))
        seen = Seen()
        bus, _ = new_bus(settings)
        subscribe(bus, REPORTS, group="workers", handler=seen)
        async with running(bus):
            await until_committed(settings, "workers")
            zombie.send_signal(signal.SIGCONT)
            await publish(settings, 10, range(31, 51))
            await until_committed(settings, "workers")
        # Left alone again, the woken worker goes on by itself.
        await publish(settings, 10, range(51, 61))
        await until_committed(settings, "workers")
        assert zombie.poll() is None
        done = set(some.effects) | set(seen.places)
        assert done == await everything(settings)


@pytest.mark.parametrize("behaviour", ["fatal", "unexpected"])
async def test_what_a_handler_does_not_understand_ends_the_process(
    bus_settings: KafkaSettings, tmp_path: Path, behaviour: str
) -> None:
    await publish(bus_settings, 1, range(1, 2))
    with workers(bus_settings, tmp_path) as some:
        worker = some.start(behaviour=behaviour)
        assert await ended(worker) == 70
        assert "kafka.batch_failed" in some.said
        assert "secret-value" not in some.said
    assert await committed(bus_settings, "workers") == {}


async def test_asked_to_stop_it_finishes_commits_and_repeats_nothing(
    bus_settings: KafkaSettings, tmp_path: Path
) -> None:
    await publish(bus_settings, 10, range(1, 31))
    with workers(bus_settings, tmp_path) as some:
        worker = some.start(max_records=7)
        await eventually(lambda: some.effects, "some effects")
        worker.send_signal(signal.SIGTERM)
        assert await ended(worker) == 0
        assert "process.stopped" in some.said
        some.start(max_records=7)
        await until_committed(bus_settings, "workers")
        assert sorted(some.effects) == sorted(await everything(bus_settings))


@pytest.mark.parametrize("point", ["assignment", "restore", "rebalance"])
async def test_asked_to_stop_while_it_is_given_partitions_it_stops(
    bus_settings: KafkaSettings, tmp_path: Path, point: str
) -> None:
    await publish(bus_settings, 10, range(1, 31))
    with workers(bus_settings, tmp_path) as some:
        worker = some.start(stops_at=point)
        if point == "rebalance":
            await eventually(some.sign.exists, "it restores its partitions")
            some.start(stops_at="never")  # a rebalance, in the middle of that
        assert await ended(worker) == 0
        assert '"level": "critical"' not in some.said
        assert some.effects == []
