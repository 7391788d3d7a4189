"""Three brokers and a store on one machine, from the same jars as the local product's one; leaders are killed."""

import asyncio
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.support.waiting import DEADLINE_S
from tools.local import jars, ports, processes
from tools.local.engines import EngineError
from tools.local.kafka import LocalKafka, random_name
from tools.local.store import LocalStore

_NODES = (1, 2, 3)
_HEAP_MB = 192
_STOP_LIMIT_S = 15.0
_LOOK_S = 0.1


class Cluster:
    """Every record on three brokers, acknowledged once two have it. All die with this process."""

    replicas = len(_NODES)

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ieum-cluster-"))
        identity = random_name()
        controllers = {node: ports.free_port() for node in _NODES}
        path = jars.classpath()
        self._brokers = {
            node: LocalKafka(
                self._folder / f"kafka{node}",
                ports.free_port(),
                path,
                heap_mb=_HEAP_MB,
                cluster=identity,
                more=node_settings(node, controllers),
                controller_port=controllers[node],
            )
            for node in _NODES
        }
        self._store = LocalStore(self._folder / "store", ports.free_port())
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._killed: int | None = None

    @property
    def kafka(self) -> str:
        return ",".join(broker.bootstrap for broker in self._brokers.values())

    @property
    def mongodb(self) -> str:
        return self._store.uri

    def start(self, *, store: bool = True) -> Self:
        for node in _NODES:
            self._begin_broker(node)
        if store:
            self._begin_store()
        for node in _NODES:
            self._await(f"kafka{node}", self._brokers[node].answers)
        if store:
            self._await("store", self._store.answers)
        return self

    def stop(self) -> None:
        for child in self._running.values():
            processes.kill(child)
        shutil.rmtree(self._folder, ignore_errors=True)

    async def kill_broker(self, topic: str) -> None:
        self._killed = await self._leader(topic)
        await asyncio.to_thread(processes.kill, self._running[f"kafka{self._killed}"])

    async def start_broker(self) -> None:
        if self._killed is not None:
            self._begin_broker(self._killed)
            await asyncio.to_thread(self._await, f"kafka{self._killed}", self._brokers[self._killed].answers)

    async def restart_each(self) -> None:
        """One broker after the other in an orderly way, each back before the next one goes."""
        for node in _NODES:
            await asyncio.to_thread(processes.stop, self._running[f"kafka{node}"], _STOP_LIMIT_S)
            self._begin_broker(node)
            await asyncio.to_thread(self._await, f"kafka{node}", self._brokers[node].answers)
            await self._in_sync()

    async def _in_sync(self) -> None:
        """Wait until every partition has all its copies again."""
        until = time.monotonic() + DEADLINE_S
        while time.monotonic() < until:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka, request_timeout_ms=5000)
            try:
                await admin.start()
                described = await admin.describe_topics()
                partitions = [p for topic in described for p in topic["partitions"]]
                if all(len(p["isr"]) == len(p["replicas"]) for p in partitions):
                    return
            except (KafkaError, OSError):
                pass
            finally:
                await admin.close()
            await asyncio.sleep(_LOOK_S)
        raise EngineError("partitions have not got all their copies back")

    async def kill_store(self) -> None:
        await asyncio.to_thread(processes.kill, self._running["store"])

    async def start_store(self) -> None:
        self._begin_store()
        await asyncio.to_thread(self._await, "store", self._store.answers)

    async def _leader(self, topic: str) -> int:
        """The node that leads partition 0. The client may pick a node that is away, so it is asked again."""
        until = time.monotonic() + DEADLINE_S
        while time.monotonic() < until:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka, request_timeout_ms=5000)
            try:
                await admin.start()
                (described,) = await admin.describe_topics([topic])
                leaders = {p["partition"]: p["leader"] for p in described["partitions"]}
                if leaders.get(0) in self._brokers:
                    return int(leaders[0])
            except (KafkaError, OSError):
                await asyncio.sleep(_LOOK_S)
            finally:
                await admin.close()
        raise EngineError(f"nobody leads {topic}/0")

    def _begin_broker(self, node: int) -> None:
        self._brokers[node].prepare()
        self._begin(f"kafka{node}", self._brokers[node].command())

    def _begin_store(self) -> None:
        self._store.prepare()
        self._begin("store", self._store.command())

    def _begin(self, name: str, command: list[str]) -> None:
        log, folder = self._folder / f"{name}.log", self._folder / name
        self._running[name] = processes.start(command, log=log, env=processes.base_environment(), cwd=folder)

    def _await(self, name: str, answers: Callable[[], bool]) -> None:
        until = time.monotonic() + DEADLINE_S
        while not answers():
            if self._running[name].poll() is not None or time.monotonic() > until:
                tail = (self._folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-2000:]
                raise EngineError(f"{name} did not come up; its log ends:\n{tail}")
            time.sleep(_LOOK_S)  # the poll of a wait with a deadline


def node_settings(node: int, controllers: dict[int, int]) -> dict[str, str]:
    """What one of three sets otherwise than the only one."""
    copies = str(len(controllers))
    return {
        "node.id": str(node),
        "controller.quorum.voters": ",".join(f"{n}@{ports.LOOPBACK}:{port}" for n, port in controllers.items()),
        "default.replication.factor": copies,
        "min.insync.replicas": "2",
        # A killed leader is missed soon, so that another one serves while it is still away, which may be four seconds.
        # With Kafka's own times, which an only broker keeps, it would be back before.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": "2",
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": "2",
    }
