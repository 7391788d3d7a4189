"""A build that is wrong on purpose: it commits a batch's offsets first and has its effects afterwards.

``python -m tests.kill.broken routing`` is routing with that one mistake. The pause between the two stands for a slow
broker, so that a kill falls between them about as often as it would in a year of running.
"""

import asyncio
import importlib
import sys
from collections.abc import Sequence

from aiokafka import TopicPartition

from shared import process
from shared.bus.consumer import Subscription
from shared.bus.records import Received, Rejected

_PAUSE_S = 0.3


def acknowledge_before_effect() -> None:
    """Replace the order that the bus promises."""
    effect_first = Subscription._apply

    async def acknowledge_first(self: Subscription, accepted: list[Received]) -> Sequence[Rejected] | None:
        prefix = self._settings.topic_prefix
        offsets: dict[TopicPartition, int] = {}
        for received in accepted:
            offsets[TopicPartition(prefix + received.topic, received.partition)] = received.offset + 1
        await self._commit(offsets)
        await asyncio.sleep(_PAUSE_S)
        rejected: Sequence[Rejected] | None = await effect_first(self, accepted)
        return rejected

    setattr(Subscription, "_apply", acknowledge_first)  # noqa: B010  # a type checker would rightly refuse it


def main(service: str) -> None:
    """Run a service with the mistake in it."""
    acknowledge_before_effect()
    process.run(importlib.import_module(f"services.{service}.main").run)


if __name__ == "__main__":
    main(sys.argv[1])
