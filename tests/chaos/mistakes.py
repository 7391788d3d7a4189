"""Builds that are wrong on purpose, each with the faults that bring the mistake out and what the checker must say.

A pause stands for a slow disk or broker, so that a fault falls between two effects as often as in a year of running.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from aiokafka import TopicPartition
from faststream import StreamMessage

from services.intake.submissions.batch_insert import GroupCommit, InsertResult
from shared.errors import TransientError
from shared.kafka.consumer import CallNext, Subscription
from shared.kafka.retry import Retry
from shared.kafka.router import BatchMessage

_PAUSE_S = 0.3
_LONG_PAUSE_S = 1.5


class Mistake(NamedTuple):
    """``words``: one of them must be in what the checker says."""

    service: str
    make: Callable[[], None]
    plan: tuple[str, ...]
    """The faults, struck one after the other; see ``tests.chaos.kinds.chosen``."""
    words: tuple[str, ...]


def _replace(owner: object, name: str, function: Callable[..., Any]) -> None:
    setattr(owner, name, function)


def answer_before_write() -> None:
    """Intake promises before the report is durable."""
    insert = GroupCommit.store

    async def later(self: GroupCommit, document: dict[str, Any]) -> None:
        await asyncio.sleep(_PAUSE_S)  # room for a kill in between
        await insert(self, document)

    late: set[asyncio.Task[None]] = set()

    async def store(self: GroupCommit, document: dict[str, Any]) -> InsertResult:
        task = asyncio.create_task(later(self, document))
        late.add(task)
        task.add_done_callback(late.discard)
        return InsertResult(inserted=True, existing=None)

    _replace(GroupCommit, "store", store)


def commit_before_effect() -> None:
    """A batch's offsets are committed before its effects."""
    handle = Subscription.handle

    async def handle_hastily(self: Subscription, message: BatchMessage, call_next: CallNext) -> None:
        async def acknowledge_first(delivered: StreamMessage[Any]) -> object:
            ends = {TopicPartition(r.topic, r.partition): r.offset + 1 for r in message.records}
            await self.consumer.commit(ends)
            await asyncio.sleep(_LONG_PAUSE_S)  # room for a kill in between
            return await call_next(delivered)

        await handle(self, message, acknowledge_first)

    _replace(Subscription, "handle", handle_hastily)


def skip_what_failed() -> None:
    """A batch whose handler could not reach the store is passed over, and its offsets are committed."""
    repeat = Retry.repeat

    async def once(self: Retry, work: Callable[[], Any], what: str) -> object:
        if what != "the handler":
            return await repeat(self, work, what)
        try:
            return await work()
        except TransientError:
            return ()

    _replace(Retry, "repeat", once)


MISTAKES: Final = {
    "answer-before-write": Mistake(
        "intake", answer_before_write, ("kill:intake",) * 4, ("accepted, but not on the bus", "events were never")
    ),
    "commit-before-effect": Mistake("notify", commit_before_effect, ("kill:notify",) * 3, ("without alert.sent",)),
    "skip-what-failed": Mistake("notify", skip_what_failed, ("store cut:notify:30",), ("without alert.sent",)),
}
"""By name. Two more are found by tests of their own, since a run of minutes seldom brings them out: an owner decided
without comparing offsets after a sleep (``tests.integration.routing.mistakes``), and a state store that is believed
though the disk was full (``tests/planted/routing-failed-store-believed.patch``)."""
