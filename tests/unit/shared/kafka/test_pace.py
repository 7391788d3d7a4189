"""A consumer that is not urgent rests after a batch, but not while there is more than a batch holds."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.kafka.consumer import LongPollingConsumer

REPORTS = TopicPartition("reports", 0)


async def rests_after(records: int, monkeypatch: pytest.MonkeyPatch, *, most: int | None) -> bool:
    """Whether a consumer rests that polled and got so many."""

    async def polled(*_: object, **__: object) -> dict[TopicPartition, list[int]]:
        return {REPORTS: [0] * records} if records else {}

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", polled)
    consumer: Any = object.__new__(LongPollingConsumer)
    consumer._closed = True  # it was never opened
    consumer._owner = SimpleNamespace(on_polled=lambda: None)
    consumer._pace_s, consumer._rest_until = 60.0, 0.0
    await consumer.getmany(max_records=most)
    return bool(consumer._rest_until)


async def test_it_rests_after_a_batch_that_took_all_there_was(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await rests_after(2, monkeypatch, most=3)
    assert await rests_after(2, monkeypatch, most=None)


async def test_it_reads_on_at_once_while_batches_are_full(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not await rests_after(3, monkeypatch, most=3)


async def test_it_reads_on_at_once_where_nothing_came(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not await rests_after(0, monkeypatch, most=3)
