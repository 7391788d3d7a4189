"""Analytics as its own process, and the numbers in its store."""

import base64
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from motor.motor_asyncio import AsyncIOMotorClient

from services.analytics.counting.repository import serving
from shared.clock import SystemClock
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.analytics import sessions
from tests.support import forking
from tests.support.staff import TestIdentity
from tests.support.waiting import DEADLINE_S, eventually
from tools.local import ports, processes

STAFF = TestIdentity(SystemClock(), "analytics")
"""Whom the processes of these tests know: they find the key in the file that outlives a restart, and no notify."""
NOBODY_THERE = "http://127.0.0.1:9"


def environment(bus: KafkaSettings, store: StoreSettings) -> dict[str, str]:
    """What a process needs to find this test's topics and databases."""
    return {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": bus.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": bus.topic_prefix,
        "KAFKA_TOPIC_PARTITIONS": str(bus.topic_partitions),
        "KAFKA_SESSION_TIMEOUT_MS": str(bus.session_timeout_ms),
        "MONGODB_URI": store.uri.get_secret_value(),
        "MONGODB_DATABASE_PREFIX": store.database_prefix,
        "ANALYTICS_AUDIT_KEY": base64.b64encode(b"a" * 32).decode(),
    }


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended: its status (-9: it was killed) and what it printed."""

    status: int
    said: str


async def command(bus: KafkaSettings, store: StoreSettings, *arguments: str, limit_s: float = 2 * DEADLINE_S) -> Ended:
    """Run a module of the project to its end, as an operator would."""
    return Ended(*await forking.run(arguments, env=environment(bus, store), limit_s=limit_s))


@dataclass
class Worker:
    """One analytics process; ``kill`` is SIGKILL."""

    bus: KafkaSettings
    store: StoreSettings
    folder: Path
    batch: int = 200
    port: int = field(default_factory=ports.free_port)
    child: processes.Child | None = None
    command: tuple[str, ...] = ("services.analytics",)
    """The module that is run, and its arguments."""
    release_every_s: float = 3600
    """Counting is what most tests look at: a year's releases made meanwhile take its processor for longer than a test
    waits on a busy machine."""
    extra: dict[str, str] = field(default_factory=dict)
    """Further settings."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / f"analytics-{self.port}.log"

    @property
    def sessions(self) -> Path:
        """Where it notes in which sessions it began transactions."""
        return self.log.with_suffix(".sessions")

    def environment(self) -> dict[str, str]:
        """What the process is told."""
        keys = self.folder / "identity-keys.json"
        keys.write_text(STAFF.kept(), encoding="utf-8")
        return {
            **environment(self.bus, self.store),
            "ANALYTICS_PORT": str(self.port),
            "ANALYTICS_BATCH_RECORDS": str(self.batch),
            "ANALYTICS_PACE_S": "0",  # small batches, so that deaths fall inside many of them; not half a second each
            "ANALYTICS_RECONCILE_EVERY_S": "1",
            "ANALYTICS_RELEASE_EVERY_S": str(self.release_every_s),
            "IEUM_IDENTITY_URL": NOBODY_THERE,
            "IEUM_KEYS_CACHE": str(keys),
            **self.extra,
        }

    def start(self) -> "Worker":
        noted = sessions.noted_in(self.sessions, self.command)
        self.child = forking.start(noted, log=self.log, env=self.environment())
        return self

    def kill(self) -> None:
        if self.child is not None:
            processes.kill(self.child)

    def lives(self) -> None:
        """Fails if the process has ended: nobody need wait for what it will not do any more."""
        if self.child is not None and self.child.poll() is not None:
            raise AssertionError(f"analytics ended:\n{self.log.read_text()[-3000:]}")

    async def ready(self) -> None:
        """Wait until it counts too: pages are served, and health is fine, without that."""

        async def answers() -> bool:
            self.lives()
            try:
                async with httpx.AsyncClient() as client:
                    answer = await client.get(f"{self.url}/health/ready")
                    return answer.status_code == 200 and answer.json()["status"] == "ok"
            except httpx.TransportError:
                return False

        await eventually(answers, "analytics is ready")

    async def answers(self, path: str) -> bool:
        """Whether a page is served; fails if the process has ended."""
        self.lives()
        try:
            return (await self.get(path)).status_code == 200
        except httpx.TransportError:
            return False

    async def get(self, path: str, role: str = "auditor", **headers: str) -> httpx.Response:
        async with httpx.AsyncClient(timeout=DEADLINE_S) as client:
            return await client.get(f"{self.url}{path}", headers={**STAFF.bearer("ministry", role), **headers})


class Numbers:
    """What lies in the store of analytics."""

    def __init__(self, store: StoreSettings) -> None:
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(store.uri.get_secret_value(), tz_aware=True)
        self.database = client[f"{store.database_prefix}analytics"]

    async def undo_transactions_of(self, dead: Path) -> None:
        """What the store does by itself after a minute, so that nobody waits for it; ``dead`` noted its sessions."""
        await sessions.end(self.database.client, dead)

    async def next_offsets(self) -> int:
        """All stored offsets added up: how many records were folded or skipped so far."""
        return sum([sum(d["next"].values()) async for d in (await serving(self.database)).offsets.find({})])

    async def cells(self) -> Counter[tuple[str, str]]:
        """By (day, cell), summed over source partitions, without zeros."""
        return await self._summed("day")

    async def months(self) -> Counter[tuple[str, str]]:
        """By (month, cell), the same."""
        return await self._summed("month")

    async def _summed(self, span: str) -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        async for document in (await serving(self.database)).part(f"{span}s").find({}):
            for cell, n in document["n"].items():
                found[document[span], cell] += n
        return Counter({key: n for key, n in found.items() if n})

    async def stages(self) -> Counter[str]:
        found: Counter[str] = Counter()
        async for document in (await serving(self.database)).totals.find({}):
            found.update(document["n"])
        return Counter({stage: n for stage, n in found.items() if n})
