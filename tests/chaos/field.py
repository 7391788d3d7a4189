"""What faults are struck at: the running stack, its proxies and clocks, and three brokers where there are three."""

import asyncio
import contextlib
import os
import random
import signal
from pathlib import Path
from typing import Final

from tests.chaos.garbage import GarbageWriter
from tests.chaos.launch import put_ahead
from tests.chaos.proxy import Proxies
from tests.integration.routing.cluster import Cluster
from tests.kill.strike import Striker
from tools.local.stack import Stack

READY_S: Final = 300.0
"""How long everything may take to be ready where other tests want the same two cores."""


class Field:
    """Everything a fault may lay hands on."""

    def __init__(
        self, stack: Stack, proxies: Proxies, clocks: Path, draw: random.Random, cluster: Cluster | None
    ) -> None:
        """``clocks`` is the folder with one file for each service's clock."""
        self.stack = stack
        self.draw = draw
        self.striker = Striker(stack, (), draw.randrange(1 << 30))
        self.garbage = GarbageWriter(stack.administrator, draw)
        self.zombies = 0
        """Frozen processes that woke up again, still the same."""
        self._proxies = proxies
        self._clocks = clocks
        self._cluster = cluster

    @property
    def three_brokers(self) -> Cluster:
        """The cluster; RuntimeError where there is one broker."""
        if self._cluster is None:
            raise RuntimeError("there is only one broker")
        return self._cluster

    async def victim(self, target: str) -> tuple[str, int]:
        """Name and id of a process of the target; one that is down is waited for."""
        return await self.striker.victim(target)

    async def kafka_running(self) -> None:
        """Wait until Kafka is ready. A fault before may have taken a single broker away; of three, two stay."""
        if self._cluster is None:
            await asyncio.to_thread(self.stack.wait_ready, READY_S, "kafka")

    async def kill(self, target: str, *, hold: bool = False) -> None:
        """SIGKILL; ``hold`` keeps it from being started again."""
        name, pid = await self.victim(target)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        if hold:
            await asyncio.to_thread(self.stack.hold, name)

    def worker(self, target: str, engine: str) -> str:
        """Which connection: each worker of routing has its own to Kafka."""
        return self.draw.choice(("routing", "routing-2")) if (target, engine) == ("routing", "kafka") else target

    async def change(self, link: str, mode: str, *numbers: str) -> None:
        """Change what becomes of a connection."""
        await asyncio.to_thread(self._proxies.change, link, mode, *map(float, numbers))

    def set_clock(self, service: str, ahead_s: float) -> None:
        """Let a service's wall clock be so far ahead."""
        put_ahead(self._clocks / service, ahead_s)
