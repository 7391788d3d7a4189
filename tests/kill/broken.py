"""A build that is wrong on purpose: it commits a batch's offsets first and has its effects afterwards.

``python -m tests.kill.broken routing`` is routing with that one mistake. The pause between the two stands for a slow
broker, so that a kill falls between them about as often as it would in a year of running.
"""

import asyncio
import importlib
import sys
from typing import Any

from aiokafka import TopicPartition
from faststream import StreamMessage

from shared import process
from shared.kafka.consumer import CallNext, Subscription
from shared.kafka.router import BatchMessage

_PAUSE_S = 0.3


def acknowledge_before_effect() -> None:
    """Replace the order that the bus promises."""
    handle = Subscription.handle

    async def handle_hastily(self: Subscription, message: BatchMessage, call_next: CallNext) -> None:
        async def acknowledge_first(delivered: StreamMessage[Any]) -> object:
            ends = {TopicPartition(r.topic, r.partition): r.offset + 1 for r in message.records}
            await self.consumer.commit(ends)
            await asyncio.sleep(_PAUSE_S)
            return await call_next(delivered)

        await handle(self, message, acknowledge_first)

    setattr(Subscription, "handle", handle_hastily)  # noqa: B010  # a type checker would rightly refuse it


def main(service: str) -> None:
    """Run a service with the mistake in it."""
    acknowledge_before_effect()
    process.run(importlib.import_module(f"services.{service}.main").run)


if __name__ == "__main__":
    main(sys.argv[1])
