"""One chaos run: people report all the time, one thing after the other breaks, and every promise is looked at."""

import asyncio
import contextlib
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from aiokafka.errors import KafkaError
from pydantic import SecretStr

from tests.chaos import kinds
from tests.chaos.field import READY_S, Field
from tests.chaos.kinds import Kind
from tests.chaos.mistakes import MISTAKES
from tests.chaos.proxy import Proxies, Route
from tests.chaos.recovery import LIMIT_S, Watcher, measure, probes
from tests.integration.routing.cluster import Cluster
from tests.kill.lodger import Lodger
from tests.kill.plan import SERVICES
from tests.kill.reporters import Reporters
from tests.kill.rotating import Rotating
from tests.kill.run import SESSION_TIMEOUT_S, STAFF, at_rest, keep_logs, staffed
from tests.kill.verdict import Evidence
from tools.demo import frontends, params, people, simulator
from tools.demo.auditor import DemoAuditor
from tools.demo.people import Crew
from tools.local import ports
from tools.local.settings import LocalSettings
from tools.local.stack import Stack
from tools.local.supervisor import StartError

WORKERS = ("intake", "routing", "routing-2", "notify", "analytics")
"""Processes with a connection to Kafka of their own."""


@dataclass(frozen=True, slots=True)
class Options:
    """One run; the seed draws reports, faults and whom they hit."""

    seed: int
    reports: int = 400
    faults: int = 16
    rate: float = 20.0
    brokers: int = 1
    calm: float = 0.2
    """How much of the longest time each fault may last at most; 1: all of it."""
    visits: float = 0.1
    """Share of the reporters who come back with their receipt."""
    ambushes: int = 1
    """So many withdrawals and transfers are answered while the broker is away, their service killed at once."""
    rotate_after: float = 0.4
    """The master key is rotated after so much of the faults; 0: not at all."""
    patience_s: float = LIMIT_S
    """How long a fault is waited for to be recovered from before the next one is struck."""
    settle_s: float = 180.0
    mistake: str = ""
    """A mistake of ``tests.chaos.mistakes`` to run with."""
    plan: tuple[str, ...] = ()
    """These faults, in place of drawn ones."""


def one_broker(seed: int) -> Options:
    """The larger half of `make chaos`: every kind that one broker can suffer, once."""
    return Options(seed=seed, reports=300, faults=14, calm=0.1)


SHORT: Final = (
    "freeze:routing:4",
    "Kafka cut:routing:3",
    "Kafka half-open:notify:3",
    "store cut:notify:3",
    "store half-open:intake:3",
    "disk full:store:3",
    "clock jump:notify:3",
    "garbage:topics:0",
)
"""What the kill run of `make test` does not strike: it kills every process, the broker and the store."""


def short(seed: int) -> Options:
    """For `make test-all`: each struck while what takes longest still recovers."""
    return Options(seed=seed, reports=240, plan=SHORT, patience_s=8.0)


def three_brokers(seed: int) -> Options:
    """The smaller half: what three brokers alone can suffer, and garbage, whose writer waits for no single broker.

    Ambushes take the only broker away, so there are none.
    """
    plan = ("leader kill:routings:5", "rolling restart:brokers:0", "garbage:topics:0")
    return Options(seed=seed, brokers=3, reports=60, plan=plan, ambushes=0, rotate_after=0)


@dataclass(slots=True)
class Result:
    """What became of a run. It is good when ``faults`` is empty: what the checker found."""

    seed: int
    brokers: int
    accepted: int = 0
    faults: list[str] = field(default_factory=list)
    timeline: list[dict[str, Any]] = field(default_factory=list)
    """Each fault: kind, target, how long it lasted, and the seconds until probes were accepted, routed, alerted."""
    zombies: int = 0
    ambushes: int = 0
    restarts: Mapping[str, int] = field(default_factory=dict)
    garbage: int = 0
    withdrawn: int = 0
    reinstated: int = 0
    messages: int = 0
    moved: int = 0
    rotated: bool = False
    rotations_killed: int = 0
    routings_ignored_other_owner: int = 0
    settled_after_s: float = 0.0
    seconds: float = 0.0
    load: float = 0.0
    """The machine's load average at the end: with other work on it everything takes longer to come back."""

    def to_json(self) -> dict[str, Any]:
        """As a line of the results."""
        return {**asdict(self), "struck": dict(Counter(line["kind"] for line in self.timeline))}


async def run_chaos(options: Options, *, logs: Path | None = None) -> Result:
    """Run once in a temporary folder on free ports. ``logs``: where the services' logs are left, if anywhere."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ieum-chaos-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        try:
            async with _system(folder, options) as field_:
                result = await _Run(field_, options).whole()
                result.restarts = {name: count for name, count in field_.stack.restarts.items() if count}
        finally:
            if logs is not None:
                keep_logs(folder / "logs", logs)
    result.seconds = round(time.monotonic() - began, 1)
    result.load = round(os.getloadavg()[1], 1)
    return result


@contextlib.asynccontextmanager
async def _system(folder: Path, options: Options) -> AsyncIterator[Field]:
    cluster = Cluster() if options.brokers > 1 else None
    proxies: Proxies | None = None
    try:
        if cluster is not None:
            await asyncio.to_thread(cluster.start, store=False)
        settings = LocalSettings.on_free_ports(folder, 2, secured=cluster is None)
        elsewhere = {
            "kafka_bootstrap_servers": cluster.kafka if cluster is not None else "",
            "mongodb_uri": SecretStr(""),
        }
        settings = settings.model_copy(update=elsewhere)
        free = iter(ports.free_ports(2 * len(WORKERS) + len(SERVICES)))
        # To each process the broker is where its proxy listens; three brokers are reached without.
        kafka = {name: Route(next(free), next(free)) for name in WORKERS} if cluster is None else {}
        store = {name: Route(next(free), settings.store_port) for name in SERVICES}
        routes = {f"kafka:{n}": route for n, route in kafka.items()} | {f"store:{n}": r for n, r in store.items()}
        proxies = Proxies(routes, folder / "logs" / "proxies.log")
        await asyncio.to_thread(proxies.start)
        (folder / "clocks").mkdir()
        stack = Stack(
            settings,
            say=lambda _: None,
            extra_env=_environment(kafka),
            commands=_commands(folder / "clocks", options.mistake),
            kafka_doors={route.target: route.listen for route in kafka.values()},
            store_doors={name: route.listen for name, route in store.items()},
        )
        try:
            await asyncio.to_thread(stack.start, READY_S)
            yield Field(stack, proxies, folder / "clocks", random.Random(options.seed), cluster)
        finally:
            await asyncio.to_thread(stack.stop)
    finally:
        if proxies is not None:
            proxies.stop()
        if cluster is not None:
            await asyncio.to_thread(cluster.stop)


def _environment(kafka: Mapping[str, Route]) -> dict[str, dict[str, str]]:
    """Each process is sent through its own proxy to Kafka."""
    timeout = {"KAFKA_SESSION_TIMEOUT_MS": str(int(SESSION_TIMEOUT_S * 1000))}
    found: dict[str, dict[str, str]] = {service: {**timeout, "IEUM_LOG_LEVEL": "INFO"} for service in SERVICES}
    found["intake"] |= {"INTAKE_STATUS_QUESTIONS_PER_MINUTE": "10000", "INTAKE_WRONG_RECEIPTS_PER_HOUR": "10000"}
    found["notify"] |= {"NOTIFY_QUIET_HOURS": "off", "NOTIFY_LEASE_S": "10", "NOTIFY_SMTP_TIMEOUT_S": "5"}
    for process, route in kafka.items():
        found.setdefault(process, {})["KAFKA_BOOTSTRAP_SERVERS"] = f"{ports.LOOPBACK}:{route.listen}"
    return found


def _commands(clocks: Path, mistake: str) -> dict[str, Sequence[str]]:
    wrong = MISTAKES[mistake].service if mistake else ""
    return {
        name: [
            *(sys.executable, "-m", "tests.chaos.launch", service, str(clocks / service)),
            *([mistake] if service == wrong else []),
        ]
        for name, service in ((n, n.partition("-")[0]) for n in WORKERS)
    }


class _Run:
    """Everybody who does something during a run."""

    def __init__(self, at: Field, options: Options) -> None:
        self._at = at
        self._options = options
        self._plan: list[Kind] = (
            kinds.chosen(options.plan)
            if options.plan
            else kinds.draw(options.seed, options.faults, brokers=options.brokers, calm=options.calm)
        )
        self._result = Result(options.seed, options.brokers)
        self._more = asyncio.Condition()
        self._recovering: list[asyncio.Task[None]] = []

    async def whole(self) -> Result:
        stack, options, striker = self._at.stack, self._options, self._at.striker
        crew = Crew(stack.urls, await asyncio.to_thread(people.create, stack.environment_of("identity"), STAFF))
        front_ends = await asyncio.to_thread(frontends.create, stack.environment_of("intake"), stack.run_once)
        self._reporters = Reporters(
            stack.urls["intake"],
            front_ends,
            options.seed,
            share=options.visits,
            ambushes=options.ambushes,
            ambush=striker.ambush,
        )
        self._rotating = Rotating(stack)
        lodger = Lodger(stack.urls["intake"], options.rate, self._told, front_ends, self._may_send)
        auditor = DemoAuditor(stack.kafka_settings(), garbage=self._at.garbage.places)
        await auditor.start()
        watcher = Watcher(auditor, self._at.garbage.writing)
        watching = asyncio.create_task(watcher.run())
        week = simulator.requests(params.load(), seed=options.seed, count=options.reports, run=f"chaos-{options.seed}")
        good = [request for request in week if request.kind in {simulator.ACCEPTED, simulator.REPEAT}]
        self._requests = len(good)
        try:
            async with staffed(
                crew, options.seed, striker, movers_work=options.visits > 0, ambushes=options.ambushes
            ) as movers:
                lodging = asyncio.create_task(lodger.lodge(good))
                await self._strike_all(lodger, watcher, lodging)
                await lodging
                await asyncio.gather(*self._recovering)
                await self._reporters.finish()
        finally:
            for task in (watching, *self._recovering):
                task.cancel()
            await asyncio.gather(watching, *self._recovering, return_exceptions=True)
            await lodger.close()
            # aiokafka lets a cancelled task of its own through, which would hide what went wrong before.
            with contextlib.suppress(KafkaError, TimeoutError, asyncio.CancelledError):
                await auditor.stop()
        promised = Evidence(
            accepted=frozenset(lodger.accepted.values()),
            conflicting_answers=lodger.conflicts,
            withdrawn=frozenset(self._reporters.withdrawn),
            reinstated=frozenset(self._reporters.reinstated),
            messages=self._reporters.messages,
            moved=movers.moved,
        )
        await self._look(crew, promised)
        return self._result

    def _told(self, _: int, report_id: str, receipt: str) -> None:
        self._reporters.lodged(report_id, receipt)

    async def _may_send(self, number: int) -> None:
        """Reports are spread over the faults, so that some come in while each lasts."""
        async with self._more:
            await self._more.wait_for(
                lambda: (
                    number * len(self._plan) < self._requests * (len(self._result.timeline) + 1)
                    or len(self._result.timeline) == len(self._plan)
                )
            )

    async def _strike_all(self, lodger: Lodger, watcher: Watcher, lodging: "asyncio.Task[None]") -> None:
        share = self._requests / len(self._plan)
        for number, fault in enumerate(self._plan):
            if self._options.rotate_after and number == int(self._options.rotate_after * len(self._plan)):
                async with self._at.striker.alone:
                    await self._rotating.run()
            while len(lodger.accepted) < (number + 0.2) * share * 0.9 and not lodging.done():  # noqa: ASYNC110  # no signal
                await asyncio.sleep(0.05)  # reports come in before the fault, too
            async with self._at.striker.alone:
                await self._come_back()  # after an ambush that came before
                began = time.monotonic()
                await fault.strike(self._at)
                await asyncio.sleep(fault.seconds)  # how long it stays broken is the fault
                await fault.undo(self._at)
                line = {"kind": fault.name, "target": fault.target, "lasted_s": round(time.monotonic() - began, 2)}
                recovering = asyncio.create_task(self._recover(lodger, watcher, number, fault, line))
                self._recovering.append(recovering)
                await asyncio.wait({recovering}, timeout=self._options.patience_s)
            self._result.timeline.append(line)
            sys.stdout.write(f"{self._options.seed}: {number + 1} of {len(self._plan)}: {line}\n")
            sys.stdout.flush()
            async with self._more:
                self._more.notify_all()

    async def _come_back(self) -> None:
        """Wait until everything is ready, as long as there is patience for it."""
        with contextlib.suppress(StartError):
            await asyncio.to_thread(self._at.stack.wait_ready, self._options.patience_s)

    async def _recover(self, lodger: Lodger, watcher: Watcher, number: int, fault: Kind, line: dict[str, Any]) -> None:
        sent = probes(number, f"chaos-{self._options.seed}")
        try:
            line |= asdict(await measure(lodger, watcher, sent, time.monotonic()))
        except TimeoutError as error:
            self._result.faults.append(f"not recovered from {fault!r} after {LIMIT_S:.0f} s: {error}")

    async def _look(self, crew: Crew, promised: Evidence) -> None:
        stack, result, garbage = self._at.stack, self._result, self._at.garbage.places
        calm = time.monotonic()
        await asyncio.to_thread(stack.wait_ready, READY_S)
        evidence, wrong = await at_rest(stack, crew, promised, self._options.settle_s, garbage)
        result.faults += wrong
        result.accepted = len(evidence.accepted)
        result.zombies = self._at.zombies
        result.ambushes = sum(self._at.striker.struck.values())
        result.garbage = len(garbage)
        result.withdrawn, result.reinstated = len(evidence.withdrawn), len(evidence.reinstated)
        result.messages, result.moved = len(evidence.messages), len(evidence.moved)
        result.rotated, result.rotations_killed = self._rotating.done, self._rotating.killed
        result.routings_ignored_other_owner = evidence.ledger.ignored_other_owner
        result.settled_after_s = round(time.monotonic() - calm, 1)
