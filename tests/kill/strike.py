"""Strikes the blows of a plan against a running stack."""

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from tests.kill.plan import Fault
from tests.support.waiting import eventually
from tools.local.plan import AUDITOR
from tools.local.stack import Stack


class Striker:
    """``progress`` is told how many reports are accepted; what is due then is struck, in order, side by side."""

    def __init__(self, stack: Stack, faults: Sequence[Fault], seed: int) -> None:
        """``seed`` chooses which of several routing workers is hit."""
        self.struck: Counter[str] = Counter()
        self.zombies = 0
        """Frozen workers that woke up again, still the same process."""
        self._stack = stack
        self._left = list(faults)
        self._draw = random.Random(seed)
        self.alone = asyncio.Lock()
        """Held while an ambush is under way."""
        self._running: list[asyncio.Task[None]] = []

    def progress(self, accepted: int) -> None:
        """Strike whatever is due."""
        while self._left and self._left[0].after <= accepted:
            fault = self._left.pop(0)
            self._running.append(asyncio.create_task(self._strike(fault)))

    async def finish(self) -> None:
        """Wait for blows still being struck; raises if one could not be."""
        await asyncio.gather(*self._running)

    async def ambush(self, target: str, act: Callable[[], Awaitable[Any]]) -> Any:
        """Take the broker away, let ``act`` be answered, and kill ``target`` before it can publish what it promised.

        One at a time. Returns what ``act`` returned.
        """
        async with self.alone:
            await self._kill("kafka")
            answer = await act()
            await self._kill(target)
            self.struck[f"ambush {target}"] += 1
            return answer

    async def _kill(self, target: str) -> None:
        _, pid = await self.victim(target)
        with contextlib.suppress(ProcessLookupError):  # another blow was faster
            os.killpg(pid, signal.SIGKILL)

    async def _strike(self, fault: Fault) -> None:
        name, pid = await self.victim(fault.target)
        if fault.action == "kill":
            with contextlib.suppress(ProcessLookupError):  # another blow was faster
                os.killpg(pid, signal.SIGKILL)  # every child leads a process group of its own
        else:
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(fault.seconds)  # how long it stands still is the fault
            if self._stack.pids.get(name) == pid:
                os.kill(pid, signal.SIGCONT)
                self.zombies += 1
        self.struck[f"{fault.action} {fault.target}"] += 1

    async def victim(self, target: str) -> tuple[str, int]:
        """A process of the target that runs now. One that is down from an earlier blow is waited for."""

        def alive() -> list[tuple[str, int]]:
            return [
                (n, pid)
                for n, pid in self._stack.pids.items()
                if n == target or (n.startswith(f"{target}-") and n != AUDITOR)
            ]

        found: list[tuple[str, int]] = await eventually(alive, f"a process of {target} runs")
        return self._draw.choice(sorted(found))
