"""What a batch leaves behind in memory once it is done."""

import weakref
from typing import Any

from aiokafka import TopicPartition

from shared.clock import SystemClock
from shared.health import Health
from shared.kafka.broker import KafkaClient
from shared.kafka.router import BatchMessage
from shared.settings import KafkaSettings
from shared.topics import REPORTS
from tests.support.subscribing import subscribe
from tests.unit.shared.kafka.test_decoding import record


class Committing:
    """Stands for aiokafka's consumer."""

    def __init__(self) -> None:
        self.committed: dict[TopicPartition, int] = {}

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.committed |= offsets


async def test_a_batch_that_is_done_is_let_go_though_its_message_is_kept() -> None:
    """The contexts of timers that asyncio has not thrown away yet keep it."""

    async def handler(batch: list[Any]) -> None:
        del batch

    bus = KafkaClient(KafkaSettings(topic_prefix="p."), "test", Health(), SystemClock())
    subscription = subscribe(bus, REPORTS, group="test", handler=handler)
    consumer: Any = Committing()
    subscription.use(consumer)
    await subscription.on_partitions_assigned([TopicPartition("p.reports", 0)])
    subscription.on_polled()
    message = BatchMessage((record(4), record(5)), subscription.spec)
    message.set_decoder(subscription.spec.decode)
    seen: list[weakref.ref[Any]] = []

    async def call_next(given: Any) -> None:
        batch = await given.decode()
        assert [one.offset for one in batch] == [4, 5]
        seen.append(weakref.ref(batch))

    await subscription.handle(message, call_next)
    await subscription.commit_last()
    assert consumer.committed == {TopicPartition("p.reports", 0): 6}
    assert [batch() for batch in seen] == [None]
    assert not message.records
    assert not message.raw_message
