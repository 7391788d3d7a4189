"""The workers under fire: started again when they end, as the launcher does, killed, frozen, more or fewer of them."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Callable

from tests.integration.routing.running import Process

Make = Callable[[int], Process]
"""A worker by its number."""
_LOOK_S = 0.1
_RESTART_S = 0.5
"""A worker that has ended by itself is started again after so long."""


class Crew:
    """Keeps ``wanted`` workers running."""

    def __init__(self, make: Make, wanted: int, seed: int) -> None:
        self._make = make
        self._dice = random.Random(seed)
        self._frozen: set[int] = set()
        self._leaving: list[Process] = []
        self._task: asyncio.Task[None] | None = None
        self.workers: dict[int, Process] = {}
        self.wanted = wanted
        self.ends: Counter[str] = Counter()
        """Of workers nobody had killed or asked to leave, by status."""
        self.zombies = 0
        """Frozen workers that woke up, still the same process."""

    def start(self) -> None:
        self._task = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        for worker in (*self.workers.values(), *self._leaving):
            worker.kill()

    def check(self) -> None:
        """Raise what ended the supervision, if anything did."""
        if self._task is not None and self._task.done():
            self._task.result()

    def scale(self, wanted: int) -> None:
        """More or fewer; who leaves is asked to, as an operator would."""
        self.wanted = wanted

    async def kill(self) -> None:
        """SIGKILL to one that runs."""
        if (number := self._one()) is not None:
            self.workers.pop(number).kill()

    async def freeze(self, seconds: float) -> None:
        """SIGSTOP to one that runs and after a while SIGCONT: it does not know that others have taken over."""
        if (number := self._one()) is None:
            return
        worker = self.workers[number]
        child = worker.child
        self._frozen.add(number)
        worker.send(signal.SIGSTOP)
        await asyncio.sleep(seconds)  # how long it stands still is the fault
        worker.send(signal.SIGCONT)
        self._frozen.discard(number)
        self.zombies += worker.child is child and worker.ended() is None

    def _one(self) -> int | None:
        able = [n for n, worker in self.workers.items() if n not in self._frozen and worker.ended() is None]
        return self._dice.choice(able) if able else None

    async def _supervise(self) -> None:
        while True:
            for number in range(self.wanted):
                if number not in self.workers:
                    self.workers[number] = self._make(number)
                    self.workers[number].start()
            for number, worker in list(self.workers.items()):
                if (status := worker.ended()) is not None:
                    self.ends[str(status)] += 1
                    del self.workers[number]
                    await asyncio.sleep(_RESTART_S)
                elif number >= self.wanted and number not in self._frozen:
                    worker.send(signal.SIGTERM)
                    self._leaving.append(self.workers.pop(number))
            await asyncio.sleep(_LOOK_S)
