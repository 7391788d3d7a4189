"""Kafka and the store for tests and benchmarks: started in one folder, killed and started again at will."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from shared.settings import KafkaSettings
from tools.local import jars, ports, processes
from tools.local.kafka import LocalKafka
from tools.local.security import LocalSecurity
from tools.local.store import LocalStore

_START_LIMIT_S = 120.0
_STOP_LIMIT_S = 15.0
_TAIL_CHARACTERS = 2000


class EngineError(Exception):
    """An engine did not come up; the text holds the end of its log."""


class Running(Protocol):
    """Where a broker and a store answer."""

    @property
    def kafka(self) -> str:
        """Bootstrap address."""

    @property
    def mongodb(self) -> str:
        """URI of the store."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Engines somebody else runs."""

    kafka: str
    mongodb: str


class Engines:
    """A broker and a store as processes of this one. Synchronous; safe to call from any thread, one at a time.

    ``stop`` ends both and removes the folder if it was made here. Both die with this process, however it ends.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        kafka_port: int | None = None,
        security: LocalSecurity | None = None,
    ) -> None:
        """Nothing is started yet. Without ``kafka_port`` one is chosen, without ``folder`` a temporary one is used.

        With ``security``, which is made here if it is missing, they let in only whom they know.
        """
        self._own_folder = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="ieum-engines-"))
        self.security = security
        self._kafka = LocalKafka(
            self.folder / "kafka",
            kafka_port or ports.free_port(),
            jars.classpath(),
            security=security.kafka if security is not None else None,
        )
        self.store = LocalStore(
            self.folder / "store",
            ports.free_port(),
            security=security.store if security is not None else None,
        )
        self._kafka_process: subprocess.Popen[bytes] | None = None
        self._store_process: subprocess.Popen[bytes] | None = None

    @property
    def kafka(self) -> str:
        """Bootstrap address of the broker."""
        return self._kafka.bootstrap

    @property
    def kafka_ports(self) -> tuple[int, int, int]:
        """Where a broker with ``security`` listens: for clients, for itself and the administrator, as controller."""
        return self._kafka.ports

    def administrator(self) -> KafkaSettings:
        """Return how the administrator connects to a broker, while it runs."""
        return self._kafka.administrator()

    @property
    def mongodb(self) -> str:
        """URI of the store, for who may do everything there."""
        return self.store.uri

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of what runs, by name: ``kafka``, ``store``."""
        both = {"kafka": self._kafka_process, "store": self._store_process}
        return {name: child.pid for name, child in both.items() if child is not None and child.poll() is None}

    def start(self) -> Self:
        """Start both and wait until they answer. PortTakenError if another process has one of the ports."""
        if self.security is not None:
            self.security.ensure()
        self._begin_kafka()
        self._begin_store()
        self._await("store", self._store_process, self.store.answers)
        self._await("kafka", self._kafka_process, self._kafka.answers)
        return self

    def stop(self) -> None:
        """End both, with a time limit each, and remove a temporary folder."""
        for child in (self._kafka_process, self._store_process):
            if child is not None:
                # What lies in a temporary folder need not be put in order first.
                processes.stop(child, 0 if self._own_folder else _STOP_LIMIT_S)
        self._kafka_process = self._store_process = None
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start_kafka(self) -> None:
        """Start the broker (again), same port and data, and wait until it answers. Nothing if it runs."""
        self._begin_kafka()
        self._await("kafka", self._kafka_process, self._kafka.answers)

    def start_store(self) -> None:
        """Start the store (again), same port and data, and wait until it answers. Nothing if it runs."""
        self._begin_store()
        self._await("store", self._store_process, self.store.answers)

    def kill_kafka(self) -> None:
        """SIGKILL to the broker; returns when it is gone."""
        if self._kafka_process is not None:
            processes.kill(self._kafka_process)

    def kill_store(self) -> None:
        """SIGKILL to the store; returns when it is gone."""
        if self._store_process is not None:
            processes.kill(self._store_process)

    def restart(self) -> None:
        """Kill both and start them again."""
        self.kill_kafka()
        self.kill_store()
        self.start()

    def _begin_kafka(self) -> None:
        if self._kafka_process is None or self._kafka_process.poll() is not None:
            ports.check({"kafka_port": self._kafka.port})
            self._kafka.prepare()
            self._kafka_process = self._spawn("kafka", self._kafka.command())

    def _begin_store(self) -> None:
        if self._store_process is None or self._store_process.poll() is not None:
            ports.check({"store_port": self.store.port})
            self.store.prepare()
            self._store_process = self._spawn("store", self.store.command())

    def _spawn(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        # Its own folder is where it runs, so that whatever it drops lies there.
        return processes.start(command, log=self._log(name), env=processes.base_environment(), cwd=self.folder / name)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _await(self, name: str, child: subprocess.Popen[bytes] | None, answers: Callable[[], bool]) -> None:
        until = time.monotonic() + _START_LIMIT_S
        while not answers():  # only once its port was free: else somebody else's engine would answer in its place
            ended = child is None or child.poll() is not None
            if ended or time.monotonic() > until:
                what = "ended at start" if ended else f"did not answer within {_START_LIMIT_S:.0f} s"
                tail = self._log(name).read_text(encoding="utf-8", errors="replace")[-_TAIL_CHARACTERS:]
                raise EngineError(f"{name} {what}; its log ends:\n{tail}")
            time.sleep(0.1)  # the poll of a wait with a deadline
