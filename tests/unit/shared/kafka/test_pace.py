"""A consumer that is not urgent rests after a batch, but not while there is more than a batch holds; an idle one asks
less often.
"""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.kafka import consumer as consuming
from shared.kafka.consumer import FETCH_WAIT_MS, IDLE_SECONDS, IDLE_WAIT_MS, LongPollingConsumer


def polling(records: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[int]]:
    """A consumer that gets so many records at every poll, and how long the broker was told to wait after each."""
    waits: list[int] = []

    async def polled(*_: object, **__: object) -> dict[TopicPartition, list[int]]:
        return {TopicPartition("reports", 0): [0] * records} if records else {}

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", polled)
    monkeypatch.setattr(consuming, "wait_for_records", lambda _, milliseconds: waits.append(milliseconds))
    consumer: Any = object.__new__(LongPollingConsumer)
    consumer._closed = True  # it was never opened
    consumer._owner = SimpleNamespace(on_polled=lambda _: None)
    consumer._pace_s, consumer._rest_until, consumer._busy_until = 60.0, 0.0, 0.0
    return consumer, waits


async def rests_after(records: int, monkeypatch: pytest.MonkeyPatch, *, most: int | None) -> bool:
    consumer, _ = polling(records, monkeypatch)
    await consumer.getmany(max_records=most)
    return bool(consumer._rest_until)


async def test_it_rests_after_a_batch_that_took_all_there_was(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await rests_after(2, monkeypatch, most=3)
    assert await rests_after(2, monkeypatch, most=None)


async def test_it_reads_on_at_once_while_batches_are_full(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not await rests_after(3, monkeypatch, most=3)


async def test_it_reads_on_at_once_where_nothing_came(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not await rests_after(0, monkeypatch, most=3)


async def test_the_broker_is_to_wait_longer_once_no_record_has_come_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consumer, waits = polling(1, monkeypatch)
    await consumer.getmany()
    consumer, later = polling(0, monkeypatch)
    consumer._busy_until = asyncio.get_running_loop().time() + IDLE_SECONDS
    await consumer.getmany()
    consumer._busy_until = 0.0
    await consumer.getmany()
    assert (waits, later) == ([FETCH_WAIT_MS], [FETCH_WAIT_MS, IDLE_WAIT_MS])
