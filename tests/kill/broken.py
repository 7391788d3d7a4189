"""A build that is wrong on purpose: it commits a batch's offsets first and has its effects afterwards.

``python -m tests.kill.broken routing`` is routing with that one mistake. The pause between the two stands for a slow
broker, so that a kill falls between them about as often as it would in a year of running.
"""

import asyncio
import importlib
import sys
from collections.abc import Sequence
from typing import Any

from aiokafka import TopicPartition

from shared import process
from shared.kafka.bus import Bus
from shared.kafka.consumer import Handler, Subscription
from shared.kafka.records import Received, Rejected
from shared.settings import BusSettings, load
from shared.topics import Topic

_PAUSE_S = 0.3


def acknowledge_before_effect() -> None:
    """Replace the order that the bus promises."""
    subscribe = Bus.subscribe
    prefix = load(BusSettings).topic_prefix

    def subscribe_hastily(self: Bus, *topics: Topic, group: str, handler: Handler, **options: Any) -> Subscription:
        async def acknowledge_first(received: list[Received]) -> Sequence[Rejected] | None:
            ends = {TopicPartition(prefix + r.topic, r.partition): r.offset + 1 for r in received}
            await subscription.consumer.commit(ends)
            await asyncio.sleep(_PAUSE_S)
            return await handler(received)

        subscription = subscribe(self, *topics, group=group, handler=acknowledge_first, **options)
        return subscription

    setattr(Bus, "subscribe", subscribe_hastily)  # noqa: B010  # a type checker would rightly refuse it


def main(service: str) -> None:
    """Run a service with the mistake in it."""
    acknowledge_before_effect()
    process.run(importlib.import_module(f"services.{service}.main").run)


if __name__ == "__main__":
    main(sys.argv[1])
