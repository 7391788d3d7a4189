"""What health hears of a subscription's progress."""

from datetime import UTC, datetime

import pytest
from aiokafka import TopicPartition

from shared.clock import ManualClock
from shared.kafka.lag import SAMPLE_SECONDS, SILENT_SECONDS, STALLED_SECONDS, Progress
from shared.metrics import REGISTRY

PLACE, OTHER = TopicPartition("p.reports", 0), TopicPartition("p.reports", 1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 24, tzinfo=UTC))


@pytest.fixture
def progress(clock: ManualClock) -> Progress:
    return Progress("unit", clock, lambda name: name.removeprefix("p."))


def lag(partition: int) -> float | None:
    labels = {"subscription": "unit", "topic": "reports", "partition": str(partition)}
    return REGISTRY.get_sample_value("ieum_bus_lag_records", labels)


def test_before_and_between_assignments_it_waits(progress: Progress) -> None:
    assert progress.complaint() == "waits for its partitions"
    progress.own([PLACE])
    assert progress.complaint() is None
    progress.release()
    assert progress.complaint() == "waits for its partitions"


def test_owning_nothing_is_no_complaint(progress: Progress) -> None:
    progress.own([])
    progress.sample({})
    assert progress.complaint() is None


def test_lag_is_the_end_minus_what_comes_next(progress: Progress) -> None:
    progress.own([PLACE, OTHER])
    assert progress.unknown() == {PLACE, OTHER}
    progress.start(PLACE, 10)
    progress.sample({PLACE: 25, OTHER: 7})
    assert (lag(0), lag(1)) == (15, None)
    progress.done({PLACE: 25, OTHER: 7})
    progress.sample({PLACE: 25, OTHER: 7})
    assert (lag(0), lag(1)) == (0, 0)
    progress.release()
    assert (lag(0), lag(1)) == (None, None)


async def test_records_waiting_without_progress_are_a_complaint(progress: Progress, clock: ManualClock) -> None:
    progress.own([PLACE])
    progress.start(PLACE, 0)
    progress.sample({PLACE: 3})
    await clock.advance(STALLED_SECONDS + 1)
    progress.sample({PLACE: 3})
    assert "3 records wait" in str(progress.complaint())
    progress.done({PLACE: 1})
    assert progress.complaint() is None


async def test_nothing_waiting_is_progress(progress: Progress, clock: ManualClock) -> None:
    progress.own([PLACE])
    progress.start(PLACE, 3)
    for _ in range(10):
        await clock.advance(STALLED_SECONDS / 4)
        progress.sample({PLACE: 3})
    progress.sample({PLACE: 4})
    assert progress.complaint() is None


async def test_silence_of_kafka_is_a_complaint(progress: Progress, clock: ManualClock) -> None:
    progress.own([PLACE])
    await clock.advance(SILENT_SECONDS + 1)
    assert "kafka has not answered" in str(progress.complaint())


def test_a_blocked_partition_is_named_until_it_goes(progress: Progress) -> None:
    progress.own([PLACE])
    progress.block(PLACE, "a newer type")
    assert progress.complaint() == "waits for a newer build at p.reports/0: a newer type"
    progress.own([PLACE])
    assert progress.complaint() is None


async def test_it_is_current_only_after_a_look_at_every_end_with_nothing_waiting(
    progress: Progress, clock: ManualClock
) -> None:
    assert not progress.current()
    progress.own([PLACE, OTHER])
    assert not progress.current()
    progress.start(PLACE, 5)
    progress.start(OTHER, 0)
    progress.sample({PLACE: 5})
    assert not progress.current(), "one end was not seen"
    progress.sample({PLACE: 6, OTHER: 0})
    assert not progress.current(), "a record waits"
    progress.done({PLACE: 6})
    progress.sample({PLACE: 6, OTHER: 0})
    assert progress.current()
    await clock.advance(2 * SAMPLE_SECONDS + 1)
    assert not progress.current(), "nobody has looked for long"
    progress.sample({PLACE: 6, OTHER: 0})
    progress.block(OTHER, "a newer build")
    assert not progress.current()
    progress.release()
    assert not progress.current()
