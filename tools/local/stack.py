"""The whole of Ieum on this machine: engines, mailbox, five services, kept running.

>>> stack = Stack(settings, say=print)   # starts nothing
>>> stack.start()                        # returns when everything is ready, or raises with everything stopped again
>>> stack.urls["intake"], stack.secrets["INTAKE_MASTER_KEY"], stack.pids["routing"]
>>> stack.stop()                         # nothing is left behind
"""

import os
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Self

from shared.settings import KafkaSettings
from tools.local import drilling, jars, keys, plan, ports, security
from tools.local.kafka import LocalKafka
from tools.local.settings import SERVICES, LocalSettings, environment
from tools.local.state import ProcessEntry, RunFolder, State
from tools.local.supervisor import Program, Say, Supervisor

START_LIMIT_S = 240.0
_STATE_EVERY_S = 2.0
_HEALTH_EVERY = 5
"""Once all is up who was ready is asked again for every fifth state: engines are asked over TLS."""


class Stack:
    """Synchronous; methods may be called from any thread, one at a time. Everything dies with this process."""

    def __init__(
        self,
        settings: LocalSettings,
        *,
        say: Say = print,
        extra_env: Mapping[str, Mapping[str, str]] | None = None,
        commands: Mapping[str, Sequence[str]] | None = None,
        services: Sequence[str] = SERVICES,
        kafka_doors: Mapping[int, int] | None = None,
        store_doors: Mapping[str, int] | None = None,
    ) -> None:
        """For tests: ``extra_env`` replaces variables by service or process, ``commands`` command lines by process.

        ``kafka_doors`` are further ports of the broker, as ``tools.local.kafka.with_doors`` describes them;
        ``store_doors`` ports by service, behind each of which somebody forwards to the store.
        """
        self._kafka_doors = kafka_doors
        self._store_doors = store_doors or {}
        self.settings = settings
        self.secrets: dict[str, str] = {}
        self.services = tuple(services)
        self.urls = plan.urls(settings)
        self.run_folder = RunFolder(settings.var / "run")
        self._say = say
        self._extra_env = extra_env or {}
        self._commands = commands or {}
        self._supervisor: Supervisor | None = None
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._phase = "starting"
        self._ended = threading.Event()
        self._phase_changed = threading.Event()
        self.security = security.security_of(settings)
        self._store = security.local_store(settings)
        self._broker: LocalKafka | None = None
        self._reporter = threading.Thread(target=self._report, name="state", daemon=True)

    @property
    def kafka(self) -> str:
        """Bootstrap address the services use."""
        return self.settings.kafka_bootstrap_servers or f"{ports.LOOPBACK}:{self.settings.kafka_port}"

    def kafka_settings(self, principal: str = "reader") -> KafkaSettings:
        """Return how a client outside the services connects: as one that only reads, unless another is named."""
        return security.kafka_settings(
            {**environment("KAFKA_"), "KAFKA_BOOTSTRAP_SERVERS": self.kafka, **self._access(principal)}
        )

    def administrator(self) -> KafkaSettings:
        """Return how the administrator connects, while the broker runs."""
        return self._broker.administrator() if self._broker is not None else self.kafka_settings()

    @property
    def mongodb(self) -> str:
        """URI of the store for who may do everything there; each service has its own."""
        return self.settings.mongodb_uri.get_secret_value() or self._store.uri

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name: ``kafka``, ``store``, ``mailbox``, the services, ``routing-2`` and so on."""
        return self._supervisor.pids if self._supervisor else {}

    @property
    def preloader_pid(self) -> int | None:
        """The process that services are forks of; no part of ``pids``."""
        return self._supervisor.preloader_pid if self._supervisor else None

    @property
    def restarts(self) -> dict[str, int]:
        """How often each process was started again."""
        return self._supervisor.restarts if self._supervisor else {}

    def log_file(self, name: str) -> Path:
        """Log of one process."""
        return self.settings.var / "logs" / f"{name}.log"

    def start(self, timeout_s: float = START_LIMIT_S) -> Self:
        """Start everything and wait until it is ready.

        Raises AlreadyRunningError, PortTakenError, JarError, SecretsError or StartError; then nothing runs.
        """
        self.run_folder.take()
        try:
            ports.check(self.settings.listening())
            self.secrets = self._read_secrets()
            if self.security is not None:
                self.security.ensure()
            self._supervisor = Supervisor(self._programs(), self.settings.var / "logs", self._say)
            self._reporter.start()
            self._supervisor.start(timeout_s)
            self._prepare_drills()
            self._phase = "up"
            self._phase_changed.set()
        except BaseException:
            self.stop()
            raise
        return self

    def _prepare_drills(self) -> None:
        """Without it everything works but the drill's button, so a fault is said and no more."""
        real = not self._commands.keys() & {"intake", "notify"}
        if not real or not {"intake", "notify"} <= set(self.services):
            return
        try:
            made = drilling.ensure(self.settings.var, self.environment_of("intake"), self.run_once)
        except OSError:
            made = False
        if not made:
            self._say("the front end for drills could not be made; /drills has no button")

    def wait_ready(self, timeout_s: float = START_LIMIT_S, *names: str) -> None:
        """Return once all (or the named) processes run and are ready; StartError after ``timeout_s``."""
        self._running().wait_ready(timeout_s, names or None)

    def hold(self, name: str) -> None:
        """Stop one process and leave it stopped."""
        self._running().hold(name)

    def release(self, name: str) -> None:
        """Start a held process again."""
        self._running().release(name)

    def run_once(self, module: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
        """Run a command beside the services to its end: its exit status and what it wrote. Raises ``OSError``.

        As a fork of what they are forks of: importing takes a process of its own more than a second.
        """
        return self._running().run_once(module, env)

    def renew_secrets(self) -> None:
        """Read the secrets again and restart, one after the other, each process that sees one that changed.

        The engines learn a user's new password before: whoever is connected stays so until its turn comes.
        """
        self.secrets = self._read_secrets()
        if self._broker is not None and self.security is not None:
            self._broker.set_passwords(self.security.kafka_passwords())
        if self.settings.starts_store:
            self._store.set_password(plan.VERIFIER)  # no process stays signed in as it
        fresh = {program.name: program for service in self.services for program in self._programs_of(service)}
        for program in self._running().programs:
            if program.name in fresh:
                env = {**fresh[program.name].env, **_port_of(program)}
                if env != program.env:
                    if env.get("MONGODB_URI") != program.env.get("MONGODB_URI"):
                        # Just before its turn: it may need new connections at any moment.
                        self._store.set_password(security.PRINCIPAL_OF.get(program.name, _service_of(program)))
                    self._running().replace(replace(program, env=env))
                    self.wait_ready(START_LIMIT_S, program.name)

    def environment_of(self, service: str) -> dict[str, str]:
        """Return the environment of a process of this service, for commands that work beside it."""
        env = plan.service_environment(
            service,
            self.settings,
            self.secrets,
            kafka=self.kafka,
            mongodb=self.mongodb,
            access=self._access(service),
        )
        env |= self._extra_env.get(service, {})
        if service in self._store_doors:
            direct, door = f":{self.settings.store_port}/", f":{self._store_doors[service]}/"
            env["MONGODB_URI"] = env["MONGODB_URI"].replace(direct, door)
        return env

    def verifier_environment(self, *, writes: bool = False) -> dict[str, str]:
        """Return the environment of ``ieum audit``, which reads the audits of all services.

        ``writes``: of those of its commands that write, as the store's administrator: nobody else may in all of them.
        """
        own = plan.verifier_environment(self.settings, self.secrets, self._access(plan.VERIFIER))
        administrator = {"MONGODB_URI": self.mongodb}
        return {**self.environment_of("notify"), **administrator, **own, **(administrator if writes else {})}

    def _access(self, process: str) -> dict[str, str]:
        """Return how a process signs in to the engines that are started here."""
        return security.access(self.settings, process)

    def stop(self) -> None:
        """Stop services, then identity and the mailbox, then engines. May be called twice."""
        self._phase = "stopping"
        try:
            if self._supervisor is not None:
                self._supervisor.stop()
        finally:
            self._ended.set()
            self._phase_changed.set()
            if self._reporter.is_alive():
                self._reporter.join()
            self.run_folder.give_up()

    def state(self, ready: Mapping[str, int] = MappingProxyType({})) -> State:
        """Return what runs, with the health of each.

        ``ready`` names who was ready a moment ago, with its process id: while that one runs it is not asked again.
        """
        supervisor = self._running()
        pids, restarts = supervisor.pids, supervisor.restarts

        def health(program: Program) -> str:
            pid = pids.get(program.name)
            return "ready" if pid is not None and ready.get(program.name) == pid else _health(program, pids)

        entries = tuple(
            ProcessEntry(program.name, pids.get(program.name, 0), program.port, restarts[program.name], health(program))
            for program in supervisor.programs
        )
        return State(os.getpid(), self._phase, self._started, self.urls, entries)

    def _running(self) -> Supervisor:
        if self._supervisor is None:
            raise RuntimeError("the stack was not started")
        return self._supervisor

    def _report(self) -> None:
        known: Mapping[str, int] = {}
        ready, said = known, ""
        for number in count(1):
            try:
                state = self.state(known)
                ready = {entry.name: entry.pid for entry in state.entries if entry.health == "ready"}
                self.run_folder.write(state)
                said = ""
            except Exception as error:  # a full disk, passwords that others may read: `status` would show this state on
                if said != (line := f"`ieum status` shows an earlier state: {type(error).__name__}: {error}"):
                    said = line
                    self._say(line)
            changed = self._phase_changed.wait(_STATE_EVERY_S)
            self._phase_changed.clear()
            if self._ended.is_set():
                return
            known = {}
            if changed:
                known = self._running().pids  # a start has just seen all of them ready
            elif self._phase == "up" and number % _HEALTH_EVERY:
                known = ready

    def _programs(self) -> list[Program]:
        programs = []
        if self.settings.starts_kafka:
            classpath = jars.classpath(self._say)
            known = self.security.kafka if self.security is not None else None
            folder, port = self.settings.var / "kafka", self.settings.kafka_port
            self._broker = LocalKafka(folder, port, classpath, security=known, doors=self._kafka_doors)
            programs.append(plan.kafka_program(self._broker))
        if self.settings.starts_store:
            programs.append(plan.store_program(self._store))
        if self.settings.starts_mailbox and self.services:
            programs.append(plan.mailbox_program(self.settings, self.secrets))
        for service in self.services:
            programs += self._programs_of(service)
        return [self._with_overrides(program) for program in programs]

    def _programs_of(self, service: str) -> list[Program]:
        beside = self._access(plan.BESIDE[service]) if service in plan.BESIDE else {}
        programs = plan.service_programs(service, self.settings, self.environment_of(service), beside)
        own = {p.name: self._extra_env.get(p.name, {}) for p in programs if p.name != service}
        return [replace(p, env={**p.env, **own.get(p.name, {})}) for p in programs]

    def _with_overrides(self, program: Program) -> Program:
        if program.name not in self._commands:
            return program
        command = self._commands[program.name]
        is_module = tuple(command[:2]) == (sys.executable, "-m")
        return replace(program, command=command, preloaded=program.preloaded and is_module)

    def _read_secrets(self) -> dict[str, str]:
        return {**keys.ensure(self.settings.var), **environment(*keys.KEYS)}


def _port_of(program: Program) -> dict[str, str]:
    """The variables that give a process the port it has: a further worker keeps the free one it was given."""
    return {name: value for name, value in program.env.items() if name.endswith("_PORT") and value == str(program.port)}


def _service_of(program: Program) -> str:
    """A further worker is named after the first, with a number."""
    return program.name.partition("-")[0]


def _health(program: Program, pids: Mapping[str, int]) -> str:
    if program.name not in pids:
        return "down"
    return "ready" if program.ready() else "not ready"
