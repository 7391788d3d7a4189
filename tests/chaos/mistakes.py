"""Builds that are wrong on purpose, each with the faults that bring the mistake out and what the checker must say.

A pause stands for a slow disk or broker, so that a fault falls between two effects as often as in a year of running.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import lmdb
from aiokafka import TopicPartition
from faststream import StreamMessage

from services.intake.submissions.batch_insert import GroupCommit, InsertResult
from services.routing.state.store import Checkpoint, StateStore
from shared.errors import TransientError
from shared.kafka.consumer import CallNext, Subscription
from shared.kafka.retry import Retry
from shared.kafka.router import BatchMessage

_PAUSE_S = 0.3


class Mistake(NamedTuple):
    """``words``: one of them must be in what the checker says."""

    service: str
    make: Callable[[], None]
    plan: tuple[str, ...]
    """The faults, struck one after the other; see ``tests.chaos.kinds.chosen``."""
    words: tuple[str, ...]
    visits: float = 0.0
    """Share of the reporters who come back, where it takes later events to bring the mistake out."""


def _replace(owner: object, name: str, function: Callable[..., Any]) -> None:
    setattr(owner, name, function)


def answer_before_write() -> None:
    """Intake promises before the report is durable."""
    insert = GroupCommit.store

    async def later(self: GroupCommit, document: dict[str, Any]) -> None:
        await asyncio.sleep(_PAUSE_S)
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
            await asyncio.sleep(_PAUSE_S)
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


def swallow_full_disk() -> None:
    """Routing's state store says nothing of what it could not write."""
    commit = StateStore.commit

    def commit_or_not(self: StateStore, checkpoint: Checkpoint) -> None:
        try:
            commit(self, checkpoint)
        except lmdb.Error:
            self.txn = self.env.begin(write=True)
            self.checkpoint = checkpoint

    _replace(StateStore, "commit", commit_or_not)


MISTAKES: Final = {
    "answer-before-write": Mistake(
        "intake", answer_before_write, ("kill:intake",) * 4, ("accepted, but not on the bus", "events were never")
    ),
    "commit-before-effect": Mistake("routing", commit_before_effect, ("kill:routing",) * 6, ("without owner",)),
    "skip-what-failed": Mistake("notify", skip_what_failed, ("store cut:notify:30",), ("without alert.sent",)),
    "swallow-full-disk": Mistake(
        "routing",
        swallow_full_disk,
        ("disk full:routing:6", "kill:routing:0", "kill:routing:0"),
        ("not ended", "not passed on", "not carried out", "loads of partition", "a hole", "records in"),
        visits=0.5,
    ),
}
"""By name. The mistake that a worker which woke up again brings out, an owner decided without comparing offsets, is in
``tests.integration.routing.mistakes`` ("no comparison"), with ten times as many sleepers."""
