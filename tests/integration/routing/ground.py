"""Where a scenario takes place: one broker or three, and a store, all of which may be killed."""

import asyncio
from typing import Protocol

from tools.local.engines import Engines


class Ground(Protocol):
    """Engines of this scenario alone."""

    replicas: int
    """How many brokers hold each record."""

    @property
    def kafka(self) -> str:
        """Bootstrap addresses."""

    @property
    def mongodb(self) -> str:
        """URI of the store."""

    async def kill_broker(self, topic: str) -> None:
        """SIGKILL to a broker that leads a partition of the topic."""

    async def start_broker(self) -> None:
        """Start what was killed."""

    async def kill_store(self) -> None:
        """SIGKILL to the store."""

    async def start_store(self) -> None:
        """Start it again."""


class OneBroker:
    """The engines of the local product."""

    replicas = 1

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self.kafka, self.mongodb = engines.kafka, engines.mongodb

    async def kill_broker(self, topic: str) -> None:
        del topic
        await asyncio.to_thread(self._engines.kill_kafka)

    async def start_broker(self) -> None:
        await asyncio.to_thread(self._engines.start_kafka)

    async def kill_store(self) -> None:
        await asyncio.to_thread(self._engines.kill_store)

    async def start_store(self) -> None:
        await asyncio.to_thread(self._engines.start_store)
