"""What health hears of a subscription's progress."""

from datetime import UTC, datetime

import pytest
from aiokafka import TopicPartition

from shared.kafka.lag import SAMPLE_SECONDS, SILENT_SECONDS, STALLED_SECONDS, ConsumerLag
from shared.kafka.metrics import BLOCKED
from shared.metrics import REGISTRY
from tests.support.clock import ManualClock

PLACE, OTHER = TopicPartition("p.reports", 0), TopicPartition("p.reports", 1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 24, tzinfo=UTC))


@pytest.fixture
def lag(clock: ManualClock) -> ConsumerLag:
    return ConsumerLag("unit", clock, lambda name: name.removeprefix("p."))


def lag_metric(partition: int) -> float | None:
    labels = {"group": "unit", "topic": "reports", "partition": str(partition)}
    return REGISTRY.get_sample_value("ieum_kafka_lag_records", labels)


def blocked() -> list[dict[str, str]]:
    """What somebody is called by, and told."""
    [metric] = BLOCKED.collect()
    return [sample.labels for sample in metric.samples if sample.labels["group"] == "unit"]


def stalled() -> float | None:
    """What somebody is called by."""
    return REGISTRY.get_sample_value("ieum_kafka_stalled_seconds", {"group": "unit"})


def test_before_and_between_assignments_it_waits(lag: ConsumerLag) -> None:
    assert lag.check() == "waits for its partitions"
    lag.assign([PLACE])
    assert lag.check() is None
    lag.release()
    assert lag.check() == "waits for its partitions"


def test_owning_nothing_is_no_complaint(lag: ConsumerLag) -> None:
    lag.assign([])
    lag.sample({})
    assert lag.check() is None


def test_lag_is_the_end_minus_what_comes_next(lag: ConsumerLag) -> None:
    lag.assign([PLACE, OTHER])
    assert lag.unknown() == {PLACE, OTHER}
    lag.start(PLACE, 10)
    lag.sample({PLACE: 25, OTHER: 7})
    assert (lag_metric(0), lag_metric(1)) == (15, None)
    lag.done({PLACE: 25, OTHER: 7})
    lag.sample({PLACE: 25, OTHER: 7})
    assert (lag_metric(0), lag_metric(1)) == (0, 0)
    lag.release()
    assert (lag_metric(0), lag_metric(1)) == (None, None)


async def test_records_waiting_without_progress_are_a_complaint(lag: ConsumerLag, clock: ManualClock) -> None:
    lag.assign([PLACE])
    lag.start(PLACE, 0)
    lag.sample({PLACE: 3})
    await clock.advance(STALLED_SECONDS + 1)
    lag.sample({PLACE: 3})
    assert "3 records wait" in str(lag.check())
    assert stalled() == STALLED_SECONDS + 1
    lag.done({PLACE: 1})
    assert lag.check() is None
    lag.sample({PLACE: 3})
    assert stalled() == 0


async def test_nothing_waiting_is_progress(lag: ConsumerLag, clock: ManualClock) -> None:
    lag.assign([PLACE])
    lag.start(PLACE, 3)
    for _ in range(10):
        await clock.advance(STALLED_SECONDS / 4)
        lag.sample({PLACE: 3})
    lag.sample({PLACE: 4})
    assert lag.check() is None


async def test_silence_of_kafka_is_a_complaint(lag: ConsumerLag, clock: ManualClock) -> None:
    lag.assign([PLACE])
    await clock.advance(SILENT_SECONDS + 1)
    assert "kafka has not answered" in str(lag.check())


def test_a_blocked_partition_is_named_until_it_goes(lag: ConsumerLag) -> None:
    lag.assign([PLACE])
    lag.block(PLACE, "a newer type")
    assert lag.check() == "stopped at p.reports/0: a newer type"
    lag.assign([PLACE])
    assert lag.check() is None


async def test_it_is_current_only_after_a_look_at_every_end_with_nothing_waiting(
    lag: ConsumerLag, clock: ManualClock
) -> None:
    assert not lag.current()
    lag.assign([PLACE, OTHER])
    assert not lag.current()
    lag.start(PLACE, 5)
    lag.start(OTHER, 0)
    lag.sample({PLACE: 5})
    assert not lag.current(), "one end was not seen"
    lag.sample({PLACE: 6, OTHER: 0})
    assert not lag.current(), "a record waits"
    lag.done({PLACE: 6})
    lag.sample({PLACE: 6, OTHER: 0})
    assert lag.current()
    await clock.advance(2 * SAMPLE_SECONDS + 1)
    assert not lag.current(), "nobody has looked for long"
    lag.sample({PLACE: 6, OTHER: 0})
    lag.block(OTHER, "a newer build")
    assert not lag.current()
    lag.release()
    assert not lag.current()


def test_a_partition_is_stopped_until_a_batch_of_it_is_done(lag: ConsumerLag) -> None:
    lag.assign([PLACE, OTHER])
    assert lag.block(PLACE, "no leader")
    assert not lag.block(PLACE, "no leader"), "known"
    lag.unblock([OTHER])
    assert lag.check() == "stopped at p.reports/0: no leader"
    assert blocked() == [{"group": "unit", "topic": "reports", "partition": "0", "offset": "none"}]
    assert lag.block(PLACE, "a gap", 17), "for another reason"
    assert str(lag.check()) == "stopped at p.reports/0: a gap (offset 17)"
    assert blocked() == [{"group": "unit", "topic": "reports", "partition": "0", "offset": "17"}]
    lag.unblock([PLACE])
    assert lag.check() is None
    assert blocked() == []
