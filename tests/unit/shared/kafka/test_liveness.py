"""When a subscription counts as stuck: others are answered and it is not, for long enough."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from shared import process
from shared.kafka import liveness
from shared.kafka.liveness import (
    DOUBT_SECONDS,
    REQUEST_SECONDS,
    CoordinatorLiveness,
    ended_task,
    membership,
    probe_coordinator,
)
from shared.metrics import REGISTRY
from shared.settings import KafkaSettings
from tests.support.clock import ManualClock

SETTINGS = KafkaSettings(bootstrap_servers="nowhere:9092")
LOOK = 5.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 26, tzinfo=UTC))


@pytest.fixture
def coordinator(clock: ManualClock) -> CoordinatorLiveness:
    return CoordinatorLiveness(SETTINGS, clock)


class Broker:
    """What a client made for the question hears, and how often it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers = True
        self.asked = 0
        self.ends: list[str] = []
        monkeypatch.setattr(liveness, "coordinator_answers", self._asked)
        monkeypatch.setattr(process, "die", lambda event, **_: self.ends.append(event))

    async def _asked(self, _: KafkaSettings, group: str) -> bool:
        assert group == "unit"
        self.asked += 1
        return self.answers


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    return Broker(monkeypatch)


async def looks(
    coordinator: CoordinatorLiveness, clock: ManualClock, seconds: float, *, answered: bool = False
) -> None:
    for _ in range(int(seconds / LOOK)):
        await clock.advance(LOOK)
        if answered:
            coordinator.answered(offsets=False)
        await probe_coordinator(coordinator, SETTINGS, "unit")


def silence() -> float | None:
    """What somebody is called by."""
    return REGISTRY.get_sample_value("ieum_kafka_coordinator_silence_seconds", {"group": "unit"})


def test_the_limit_leaves_a_healthy_client_time_for_dead_connections_and_a_rebalance(
    coordinator: CoordinatorLiveness,
) -> None:
    terms = membership(SETTINGS)
    assert coordinator.limit_s == 2 * REQUEST_SECONDS + terms["rebalance_timeout_ms"] / 1000
    assert coordinator.doubt_s == DOUBT_SECONDS > terms["rebalance_timeout_ms"] / 1000


def test_with_rare_heartbeats_doubt_begins_later(clock: ManualClock) -> None:
    assert CoordinatorLiveness(SETTINGS.model_copy(update={"session_timeout_ms": 300_000}), clock).doubt_s == 200


def test_a_member_that_lives_is_heard_of_three_times_in_a_session_and_not_more_often() -> None:
    terms = membership(SETTINGS)
    assert terms["session_timeout_ms"] == 3 * terms["heartbeat_interval_ms"]


async def test_while_the_coordinator_is_heard_of_nobody_else_is_asked(
    coordinator: CoordinatorLiveness, clock: ManualClock, broker: Broker
) -> None:
    await looks(coordinator, clock, 600, answered=True)
    assert (broker.asked, broker.ends) == (0, [])
    assert coordinator.check() is None
    assert silence() == 0


async def test_kafka_away_is_waited_for_however_long_it_takes(
    coordinator: CoordinatorLiveness, clock: ManualClock, broker: Broker
) -> None:
    broker.answers = False
    await looks(coordinator, clock, 3600)
    assert broker.asked > 100
    assert broker.ends == []
    assert "coordinator has not answered for 3600 s" in str(coordinator.check())
    assert silence() == 3600


async def test_after_an_outage_there_is_all_the_time_again(
    coordinator: CoordinatorLiveness, clock: ManualClock, broker: Broker
) -> None:
    broker.answers = False
    await looks(coordinator, clock, 3600)
    broker.answers = True
    await looks(coordinator, clock, coordinator.limit_s)
    assert broker.ends == []
    coordinator.answered(offsets=False)
    await looks(coordinator, clock, coordinator.limit_s)
    assert broker.ends == []


async def test_silent_while_others_are_answered_the_process_ends(
    coordinator: CoordinatorLiveness, clock: ManualClock, broker: Broker
) -> None:
    await looks(coordinator, clock, DOUBT_SECONDS + coordinator.limit_s)
    assert broker.ends == []
    await looks(coordinator, clock, 2 * LOOK)
    assert broker.ends[0] == "kafka.client_stuck"


async def test_one_failed_question_begins_the_time_anew(
    coordinator: CoordinatorLiveness, clock: ManualClock, broker: Broker
) -> None:
    for _ in range(10):
        broker.answers = True
        await looks(coordinator, clock, coordinator.limit_s - LOOK)
        broker.answers = False
        await looks(coordinator, clock, LOOK)
    assert broker.ends == []


async def test_heartbeats_alone_do_not_excuse_a_commit_without_an_answer(
    coordinator: CoordinatorLiveness, clock: ManualClock, broker: Broker
) -> None:
    with coordinator.committing():
        await looks(coordinator, clock, DOUBT_SECONDS + coordinator.limit_s + 2 * LOOK, answered=True)
    assert broker.ends[0] == "kafka.client_stuck"


async def test_a_commit_that_is_refused_again_and_again_is_answered(
    coordinator: CoordinatorLiveness, clock: ManualClock, broker: Broker
) -> None:
    with coordinator.committing():
        for _ in range(100):
            coordinator.answered(offsets=True)
            await looks(coordinator, clock, LOOK)
    assert (broker.asked, broker.ends) == (0, [])


async def test_a_stopped_process_does_not_hold_the_time_against_its_client(
    coordinator: CoordinatorLiveness, clock: ManualClock, broker: Broker
) -> None:
    await looks(coordinator, clock, DOUBT_SECONDS + 2 * LOOK)
    await clock.advance(3600)
    await looks(coordinator, clock, LOOK)
    assert broker.ends == []


async def test_a_part_that_ended_is_named_with_the_type_of_its_error_only() -> None:
    async def fails() -> None:
        raise RuntimeError("something nobody should read")

    alive, ended = asyncio.create_task(asyncio.Event().wait()), asyncio.create_task(fails())
    await asyncio.wait([ended])
    client = SimpleNamespace(_sync_task=alive)
    consumer = SimpleNamespace(
        _client=client,
        _coordinator=SimpleNamespace(_coordination_task=alive),
        _fetcher=SimpleNamespace(_fetch_task=alive),
    )
    producer = SimpleNamespace(client=client, _sender=SimpleNamespace(_sender_task=alive))
    assert ended_task(consumer) is None
    assert ended_task(producer) is None
    consumer._coordinator._coordination_task = ended
    assert ended_task(consumer) == "looking after the group has ended: RuntimeError"
    producer._sender._sender_task = ended
    assert ended_task(producer) == "sending has ended: RuntimeError"
    alive.cancel()
    await asyncio.wait([alive])
    assert ended_task(consumer) == "looking after metadata has ended: without an error"
