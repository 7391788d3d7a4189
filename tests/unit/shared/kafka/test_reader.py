"""What a follower asks of its client."""

from typing import Any
from unittest.mock import create_autospec

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.clock import SystemClock
from shared.kafka import reader
from shared.kafka.reader import POLL_MS, Follower
from shared.settings import KafkaSettings
from shared.topics import LOADS


@pytest.mark.parametrize("limit", [0.5, 1.0, 2.0, 20.0])
async def test_a_poll_that_finds_nothing_ends_within_the_time_a_call_may_take(
    limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def partitions(*_: object) -> list[TopicPartition]:
        return [TopicPartition("loads", 0)]

    monkeypatch.setattr(reader, "_tps", partitions)
    monkeypatch.setattr(reader, "ended_task", lambda _: None)
    monkeypatch.setattr(reader, "wait_for_records", lambda *_: None)
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
