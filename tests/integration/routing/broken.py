"""Routing with a mistake or with misfortune built in, for showing that the audit finds the one and forgives the other.

``python -m tests.integration.routing.broken slow,no-comparison`` is routing with those changes. Misfortune, which a
sound worker must survive: ``slow`` waits between deciding and publishing, as for a busy broker, so that another worker
writes in between as often as it would in a year; ``flaky`` fails every fifth publish, half of these after the log has
the batch. Mistakes: ``no-comparison`` takes for granted that nobody wrote in between, ``remember-first`` remembers what
it is going to publish, ``no-lookup`` takes what memory has let go of for new. Two that what heals them can be seen by:
``miscount`` adds a case that is not there to every twentieth sum, while a process is young; ``spoiled-snapshot`` writes
sums down that are not those it has, so that whoever takes over begins with wrong ones.
"""

import asyncio
import random
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from services.routing.handlers import worker
from services.routing.handlers.ledger import Ledger
from services.routing.handlers.recalling import record_id
from services.routing.main import run
from services.routing.model import NO_CASES, Draft, Standing, Tally
from services.routing.projection import PartitionState
from services.routing.projection.snapshot import Snapshot
from services.routing.rendering import Message
from services.routing.store import SnapshotStore
from shared import process
from shared.errors import TransientError
from shared.kafka.publisher import Publisher

SLOW_S = 0.15
_FAILS = 0.2
_MISCOUNTS = 0.05
MISCOUNTED, SPOILED = "busan", "jeju"
"""The centres whose sums the two mistakes are about."""


def slow() -> None:
    send = Publisher.send

    async def slowly(self: Publisher, *args: Any, **more: Any) -> int:
        if more.get("one_batch"):
            await asyncio.sleep(SLOW_S)
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
    async def publish(self: Ledger, partition: int, drafts: Sequence[Draft], messages: Sequence[Message]) -> bool:
        state = self.state(partition)
        first = await self._writer.send(self._topic, partition, messages, one_batch=True)
        self._remember(state, drafts)
        state.position, state.last_id = first + len(drafts), record_id(messages[-1][2])
        return True

    _replace(Ledger, "publish", publish)


def remember_first() -> None:
    async def publish(self: Ledger, partition: int, drafts: Sequence[Draft], messages: Sequence[Message]) -> bool:
        state = self.state(partition)
        self._remember(state, drafts)
        state.position -= len(drafts)
        first = await self._writer.send(self._topic, partition, messages, one_batch=True)
        state.position, state.last_id = first + len(drafts), record_id(messages[-1][2])
        return True

    _replace(Ledger, "publish", publish)


def no_lookup() -> None:
    _replace(worker, "may_be_forgotten", lambda incoming, state: [])


YOUNG_S = 8.0
"""For so long from its first sum a process miscounts."""


def _while_young() -> Callable[[], bool]:
    ends: float | None = None

    def young() -> bool:
        nonlocal ends
        # Not from the start of the process: on a busy machine starting may take all of that time.
        ends = ends or time.monotonic() + YOUNG_S
        return time.monotonic() < ends

    return young


def miscount() -> None:
    accept, young, dice = PartitionState.accept, _while_young(), random.Random()

    def wrongly(self: PartitionState, report_id: str, standing: Standing) -> bool:
        accepted = accept(self, report_id, standing)
        if accepted and young() and dice.random() < _MISCOUNTS:
            known = self.tallies.get(MISCOUNTED, NO_CASES)
            self.tallies[MISCOUNTED] = known._replace(open_cases=known.open_cases + 1, weighted=known.weighted + 10)
        return accepted

    _replace(PartitionState, "accept", wrongly)


def spoiled_snapshot() -> None:
    save = SnapshotStore.save

    async def spoiled(self: SnapshotStore, snapshot: Snapshot) -> None:
        await save(self, snapshot._replace(tallies={**snapshot.tallies, SPOILED: Tally(99, 990, 0, 9)}))

    _replace(SnapshotStore, "save", spoiled)


CHANGES: dict[str, Callable[[], None]] = {
    "slow": slow,
    "flaky": flaky,
    "no-comparison": no_comparison,
    "remember-first": remember_first,
    "no-lookup": no_lookup,
    "miscount": miscount,
    "spoiled-snapshot": spoiled_snapshot,
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
