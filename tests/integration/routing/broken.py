"""Routing with a mistake or with misfortune built in, for showing that the audit finds the one and forgives the other.

``python -m tests.integration.routing.broken slow,no-comparison`` is routing with those changes. Misfortune, which a
sound worker must survive: ``slow`` waits between deciding and publishing, as for a busy broker, so that another worker
writes in between as often as it would in a year; ``flaky`` fails every fifth publish, half of these after the log has
the batch. Mistakes: ``no-comparison`` takes for granted that nobody wrote in between, ``remember-first`` remembers what
it is going to publish, ``commit-first`` writes to the state store what it is going to publish. Two that the recount
must find: ``miscount`` adds a case that is not there to every twentieth sum, ``spoiled-checkpoint`` commits sums that
are not those it has, so that whoever takes over begins with wrong ones.
"""

import asyncio
import random
import sys
from collections.abc import Callable, Sequence
from typing import Any

from services.routing.main import run
from services.routing.models import NO_CASES, CaseTotals, Draft, ReportState
from services.routing.record_encoding import Message
from services.routing.state.changelog import Changelog
from services.routing.state.partition import PartitionState
from services.routing.state.store import Checkpoint, StateStore, digest
from shared import process
from shared.errors import TransientError
from shared.kafka.publisher import Publisher

SLOW_S = 0.15
_FAILS = 0.2
_MISCOUNTED_EACH = 20
"""Not by chance: in two hundred reports it would leave out all, once in thirty thousand times."""
MISCOUNTED, SPOILED = "busan", "jeju"
"""The centres whose sums the two mistakes are about."""


def slow() -> None:
    send = Publisher.send

    async def slowly(self: Publisher, *args: Any, **more: Any) -> int:
        if more.get("one_batch"):
            await asyncio.sleep(SLOW_S)  # to be slow is the fault
        return await send(self, *args, **more)

    _replace(Publisher, "send", slowly)


def flaky() -> None:
    send = Publisher.send
    dice = random.Random()

    async def sometimes(self: Publisher, *args: Any, **more: Any) -> int:
        before, after = (dice.random() < _FAILS / 2 and more.get("one_batch") for _ in range(2))
        if before:
            raise TransientError("not sent, on purpose")
        first = await send(self, *args, **more)
        if after:
            raise TransientError("sent, and not known to be, on purpose")
        return first

    _replace(Publisher, "send", sometimes)


def no_comparison() -> None:
    async def publish(self: Changelog, partition: int, drafts: Sequence[Draft], messages: Sequence[Message]) -> bool:
        state = self.state(partition)
        first = await self._writer.send(self._topic, partition, messages, one_batch=True)
        self._remember(state, drafts)
        state.position, state.last = first + len(drafts), digest(messages[-1][1])
        return True

    _replace(Changelog, "publish", publish)


def remember_first() -> None:
    async def publish(self: Changelog, partition: int, drafts: Sequence[Draft], messages: Sequence[Message]) -> bool:
        state = self.state(partition)
        self._remember(state, drafts)
        state.position -= len(drafts)
        first = await self._writer.send(self._topic, partition, messages, one_batch=True)
        state.position, state.last = first + len(drafts), digest(messages[-1][1])
        return True

    _replace(Changelog, "publish", publish)


def commit_first() -> None:
    async def publish(self: Changelog, partition: int, drafts: Sequence[Draft], messages: Sequence[Message]) -> bool:
        state = self.state(partition)
        self._remember(state, drafts)
        state.position -= len(drafts)
        self.commit(partition)
        first = await self._writer.send(self._topic, partition, messages, one_batch=True)
        state.position, state.last = first + len(drafts), digest(messages[-1][1])
        return True

    _replace(Changelog, "publish", publish)


def miscount() -> None:
    accept, number = PartitionState.accept, 0

    def wrongly(self: PartitionState, report_id: str, report_state: ReportState) -> bool:
        nonlocal number
        accepted = accept(self, report_id, report_state)
        number += accepted
        if accepted and number % _MISCOUNTED_EACH == 0:
            known = self.case_totals.get(MISCOUNTED, NO_CASES)
            self.case_totals[MISCOUNTED] = known._replace(open_cases=known.open_cases + 1, weighted=known.weighted + 10)
        return accepted

    _replace(PartitionState, "accept", wrongly)


def spoiled_checkpoint() -> None:
    commit = StateStore.commit

    def spoiled(self: StateStore, checkpoint: Checkpoint) -> None:
        commit(self, checkpoint._replace(case_totals={**checkpoint.case_totals, SPOILED: CaseTotals(99, 990, 0, 9)}))

    _replace(StateStore, "commit", spoiled)


CHANGES: dict[str, Callable[[], None]] = {
    "slow": slow,
    "flaky": flaky,
    "no-comparison": no_comparison,
    "remember-first": remember_first,
    "commit-first": commit_first,
    "miscount": miscount,
    "spoiled-checkpoint": spoiled_checkpoint,
}


def _replace(owner: object, name: str, function: Callable[..., Any]) -> None:
    setattr(owner, name, function)


def main(names: str) -> None:
    """Run routing with the changes named."""
    for name in names.split(","):
        CHANGES[name]()
    process.run(run)


if __name__ == "__main__":
    main(sys.argv[1])
