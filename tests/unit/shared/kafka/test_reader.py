"""What followers and readers ask of their client."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, create_autospec

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError, TopicAuthorizationFailedError

from shared.clock import SystemClock
from shared.errors import TransientError
from shared.kafka import reader
from shared.kafka.reader import (
    NEWEST,
    POLL_MS,
    Follower,
    PartitionReader,
)
from shared.settings import KafkaSettings
from shared.topics import CENTERS, LOADS, REPORTS, Topic
from tests.support.waiting import eventually


async def test_who_waits_at_the_start_for_a_partition_without_a_leader_says_which(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    led, lost = TopicPartition("loads", 0), TopicPartition("centers", 0)

    async def partitions(*_: object) -> list[TopicPartition]:
        return [led, lost]

    consumer: Any = create_autospec(AIOKafkaConsumer, instance=True)
    consumer.end_offsets.side_effect = KafkaError
    monkeypatch.setattr(reader, "_reader", lambda *_, **__: consumer)
    monkeypatch.setattr(reader, "_tps", partitions)
    monkeypatch.setattr(reader, "last_seen_without_leader", lambda *_: frozenset({lost}))
    follower = Follower(KafkaSettings(), (LOADS, CENTERS), lambda _: None, from_start=True, clock=SystemClock())
    starting = asyncio.create_task(follower.start())
    await eventually(lambda: follower.check() != "not started", "it has asked for the ends")
    assert "no leader of centers/0" in str(follower.check())
    assert not starting.done(), "nothing is decided before centres are known"
    starting.cancel()
    await follower.stop()


@pytest.mark.parametrize("limit", [0.5, 1.0, 2.0, 20.0])
async def test_a_poll_that_finds_nothing_ends_within_the_time_a_call_may_take(
    limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def partitions(*_: object) -> list[TopicPartition]:
        return [TopicPartition("loads", 0)]

    monkeypatch.setattr(reader, "_tps", partitions)
    monkeypatch.setattr(reader, "ended_task", lambda _: None)
    consumer: Any = create_autospec(AIOKafkaConsumer, instance=True)
    consumer.assignment.return_value = set()
    consumer.end_offsets.return_value = {TopicPartition("loads", 0): 0}
    consumer.getmany.side_effect = KafkaError
    settings = KafkaSettings(call_timeout_s=limit)
    follower = Follower(settings, (LOADS,), lambda _: None, from_start=True, clock=SystemClock())
    with pytest.raises(KafkaError):
        await follower._read(consumer)
    waited = consumer.getmany.await_args.kwargs["timeout_ms"]
    assert 0 < waited <= POLL_MS
    assert waited < limit * 1000


class Log:
    """A client that reads one partition of records, given by their keys."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = keys
        self._at = 0
        self.read = 0

    def assign(self, tps: Sequence[TopicPartition]) -> None:
        assert len(tps) == 1

    def seek(self, _: TopicPartition, offset: int) -> None:
        self._at = offset

    async def position(self, _: TopicPartition) -> int:
        return self._at

    async def getmany(self, tp: TopicPartition, **_: object) -> dict[TopicPartition, list[Any]]:
        found = self._keys[self._at : self._at + 70]
        self._at += len(found)
        self.read += len(found)
        return {tp: [SimpleNamespace(key=key.encode()) for key in found]}


async def began(topic: Topic, keys: Sequence[str], newest_of: Sequence[str]) -> tuple[int, int]:
    """Where a follower begins, and how many records it read to know."""
    follower = Follower(
        KafkaSettings(), (topic,), lambda _: None, from_start=True, clock=SystemClock(), newest_of=newest_of
    )
    log: Any = Log(keys)
    return await follower._begin_at(log, TopicPartition(topic.name, 0), len(keys)), log.read


async def test_what_was_repeated_since_is_not_read_at_a_start() -> None:
    repeated = ["0", "1", "2"] * 40_000
    at, read = await began(LOADS, repeated, "012")
    assert (len(repeated) - at, read <= NEWEST + 70) == (NEWEST, True)


async def test_one_that_was_told_long_ago_is_found_all_the_same() -> None:
    at, _ = await began(LOADS, ["0", "1", "2", *["0", "1"] * 5_000], "012")
    assert at == 0
    at, _ = await began(LOADS, ["0"] * 5_000 + ["2"] + ["0", "1"] * 500, "012")
    assert 0 < at <= 5_000


async def test_a_topic_that_is_kept_whole_and_one_that_is_short_are_read_from_their_first_record() -> None:
    assert await began(CENTERS, ["seoul", "busan"] * 5_000, "012") == (0, 0)
    assert await began(LOADS, ["0", "1"] * (NEWEST // 2), "012") == (0, 0)
    assert await began(LOADS, ["0", "1"] * 5_000, "") == (0, 0)


async def test_a_read_that_is_given_up_half_way_asks_for_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "ended_task", lambda _: None)
    tp = TopicPartition("reports", 0)
    consumer: Any = create_autospec(AIOKafkaConsumer, instance=True)
    common: dict[str, Any] = {
        "topic": "reports",
        "partition": 0,
        "timestamp": 0,
        "key": b"",
        "value": b"",
        "headers": (),
    }
    monkeypatch.setattr(reader, "partitions_of", AsyncMock(return_value={0}))
    consumer.getmany.return_value = {tp: [SimpleNamespace(offset=offset, **common) for offset in range(3)]}
    readable = PartitionReader(KafkaSettings(), REPORTS)
    readable._consumer = consumer
    async with aclosing(readable.read({0: (0, 9)})) as records:
        assert (await anext(records)).offset == 0
        consumer.pause.assert_not_called()
    consumer.pause.assert_called_once_with(tp)


@pytest.mark.parametrize("error", [TopicAuthorizationFailedError("reports"), ConsumerStoppedError()])
async def test_a_reader_that_may_not_read_or_is_stopped_says_so_like_one_that_gets_no_answer(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A command shows it as one line, and a consumer that is leaving gives up; anything else would be a failure."""
    monkeypatch.setattr(reader, "ended_task", lambda _: None)
    consumer: Any = create_autospec(AIOKafkaConsumer, instance=True)
    refused = AsyncMock(side_effect=error)
    consumer.end_offsets = consumer.getmany = refused
    monkeypatch.setattr(reader, "partitions_of", refused)
    monkeypatch.setattr(reader, "without_leader", refused)
    refusing = PartitionReader(KafkaSettings(), REPORTS)
    refusing._consumer = consumer
    for asked in (
        refusing.partitions(),
        refusing.without_leader([0]),
        refusing.ends([0]),
        anext(refusing.read({0: (0, 1)})),
    ):
        with pytest.raises(TransientError, match=type(error).__name__):
            await asked
