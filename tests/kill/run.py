"""One kill test: reports go in, everything is killed, and at the end every promise is looked at."""

import asyncio
import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from shared.identity.roles import MINISTRY, StaffRole
from tests.kill import plan
from tests.kill.gather import Gatherer
from tests.kill.lodger import Lodger
from tests.kill.movers import Movers
from tests.kill.reporters import Reporters
from tests.kill.rotating import Rotating
from tests.kill.strike import Striker
from tests.kill.verdict import Evidence, faults
from tools.demo import desk, frontends, params, people, simulator
from tools.demo.auditor import Place
from tools.demo.people import Crew
from tools.demo.progress import Progress
from tools.local.settings import LocalSettings
from tools.local.stack import Stack

SESSION_TIMEOUT_S = 3.0
"""Shorter than in production, so that a run has time for many take-overs; the rules are the same."""
_STAFFED = ("gyeonggi", "busan")
STAFF: Final = (
    *(people.Wanted(center, (role,)) for center in _STAFFED for role in (StaffRole.LEAD, StaffRole.COUNSELLOR)),
    people.Wanted(MINISTRY, (StaffRole.AUDITOR,)),
)
"""Only whoever does something: hashing the passwords of all centres' leads and signing them in takes longer than a run
lasts."""
_LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Options:
    """One run; the seed draws reports and blows."""

    seed: int
    reports: int = 2000
    kills: int = 2
    freezes: int = 1
    rate: float = 40.0
    routing_workers: int = 2
    targets: Sequence[str] = plan.TARGETS
    visits: float = 0.1
    """Share of the reporters who come back with their receipt: a third each take their report back for good, take it
    back and think again, leave a message."""
    ambushes: int = 1
    """So many withdrawals, and so many transfers, are answered while the broker is away, and the service that answered
    is killed at once."""
    rotate_after: float = 0.4
    """The master key is rotated once so much of the reports is accepted; 0: not at all."""
    settle_s: float = 420.0
    """How long everything may take to come to rest after the last blow. Beside other work a broker alone starts for
    three minutes."""


@dataclass(slots=True)
class Result:
    """What became of a run. It is good when ``faults`` is empty."""

    seed: int
    accepted: int = 0
    faults: list[str] = field(default_factory=list)
    struck: Mapping[str, int] = field(default_factory=dict)
    zombies: int = 0
    restarts: Mapping[str, int] = field(default_factory=dict)
    records_twice: int = 0
    """`reports` records beyond the first of a report: published again after a kill, counted once."""
    routings_ignored: int = 0
    routings_ignored_other_owner: int = 0
    acknowledged: int = 0
    withdrawn: int = 0
    reinstated: int = 0
    messages: int = 0
    moved: int = 0
    rotated: bool = False
    rotations_killed: int = 0
    seconds: float = 0.0
    settled_after_s: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """As a line of ``results.jsonl``."""
        return asdict(self)


async def run_kill_test(options: Options, *, logs: Path | None = None) -> Result:
    """Run once in a temporary folder on free ports. ``logs``: where the services' logs are left, if anywhere."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ieum-kill-", ignore_cleanup_errors=True) as folder:
        stack = _stack(Path(folder), options)
        try:
            await asyncio.to_thread(stack.start)
            result = await _under_fire(stack, options)
            result.restarts = {name: count for name, count in stack.restarts.items() if count}
        finally:
            await asyncio.to_thread(stack.stop)
            if logs is not None:
                keep_logs(Path(folder) / "logs", logs)
    result.seconds = round(time.monotonic() - began, 1)
    return result


def _stack(folder: Path, options: Options) -> Stack:
    settings = LocalSettings.on_free_ports(folder, options.routing_workers, secured=True)
    # Engines of the environment are for others: these are going to be killed.
    settings = settings.model_copy(
        update={"kafka_bootstrap_servers": "", "mongodb_uri": type(settings.mongodb_uri)("")}
    )
    timeout = {"KAFKA_SESSION_TIMEOUT_MS": str(int(SESSION_TIMEOUT_S * 1000))}
    quick = {service: {**timeout, "IEUM_LOG_LEVEL": "INFO"} for service in plan.SERVICES}
    quick["intake"] |= {"INTAKE_STATUS_QUESTIONS_PER_MINUTE": "10000", "INTAKE_WRONG_RECEIPTS_PER_HOUR": "10000"}
    quick["notify"] |= {"NOTIFY_QUIET_HOURS": "off", "NOTIFY_LEASE_S": "10", "NOTIFY_SMTP_TIMEOUT_S": "5"}
    return Stack(settings, say=lambda _: None, extra_env=quick)


async def _under_fire(stack: Stack, options: Options) -> Result:
    blows = plan.draw(
        options.seed,
        reports=options.reports,
        kills=options.kills,
        freezes=options.freezes,
        session_timeout_s=SESSION_TIMEOUT_S,
        targets=options.targets,
    )
    striker = Striker(stack, blows, options.seed)
    crew = Crew(stack.urls, await asyncio.to_thread(people.create, stack.environment_of("identity"), STAFF))
    front_ends = await asyncio.to_thread(frontends.create, stack.environment_of("intake"), stack.run_once)
    reporters = Reporters(
        stack.urls["intake"],
        front_ends,
        options.seed,
        share=options.visits,
        ambushes=options.ambushes,
        ambush=striker.ambush,
    )
    rotating = Rotating(stack)
    rotate_at = int(options.rotate_after * options.reports)
    turning: list[asyncio.Task[None]] = []

    def told(accepted: int, report_id: str, receipt: str) -> None:
        striker.progress(accepted)
        reporters.lodged(report_id, receipt)
        if accepted == rotate_at:
            turning.append(asyncio.create_task(rotating.run()))

    lodger = Lodger(stack.urls["intake"], options.rate, told, front_ends)
    week = simulator.requests(params.load(), seed=options.seed, count=options.reports, run=f"kill-{options.seed}")
    good = [request for request in week if request.kind in {simulator.ACCEPTED, simulator.REPEAT}]
    async with staffed(
        crew, options.seed, striker, movers_work=options.visits > 0, ambushes=options.ambushes
    ) as movers:
        await lodger.lodge(good)
        await lodger.close()
        await striker.finish()
        await reporters.finish()
        await asyncio.gather(*turning)
    calm = time.monotonic()
    await asyncio.to_thread(stack.wait_ready)
    promised = Evidence(
        accepted=frozenset(lodger.accepted.values()),
        conflicting_answers=lodger.conflicts,
        withdrawn=frozenset(reporters.withdrawn),
        reinstated=frozenset(reporters.reinstated),
        messages=reporters.messages,
        moved=movers.moved,
    )
    evidence, found = await at_rest(stack, crew, promised, options.settle_s)
    ledger = evidence.ledger
    return Result(
        seed=options.seed,
        accepted=len(evidence.accepted),
        faults=found,
        struck=dict(striker.struck),
        zombies=striker.zombies,
        records_twice=sum(ledger.received.values()) - len(ledger.received),
        routings_ignored=ledger.ignored,
        routings_ignored_other_owner=ledger.ignored_other_owner,
        acknowledged=len(ledger.acknowledged),
        withdrawn=len(evidence.withdrawn),
        reinstated=len(evidence.reinstated),
        messages=len(evidence.messages),
        moved=len(evidence.moved),
        rotated=rotating.done,
        rotations_killed=rotating.killed,
        settled_after_s=round(time.monotonic() - calm, 1),
    )


@contextlib.asynccontextmanager
async def staffed(
    crew: Crew, seed: int, striker: Striker, *, movers_work: bool = True, ambushes: int = 1
) -> AsyncIterator[Movers]:
    """Staff of two centres acknowledge while it burns, and their leads move cases to each other."""
    progress = Progress()
    room = desk.capacities(_STAFFED, {}, reports=300, staff=3, spare=2.0, heaviest=999)
    await desk.set_duty(crew, room, staff=3)
    movers = Movers(crew, _STAFFED, seed, ambushes=ambushes, ambush=striker.ambush)
    tasks = [asyncio.create_task(movers.work())] if movers_work else []
    clients = [crew.client(f"{center}-counsellor", timeout=10) for center in _STAFFED]
    for number, (center, notify) in enumerate(zip(_STAFFED, clients, strict=True)):
        person = desk.Staff(notify, center, progress, seed + number)
        tasks.append(asyncio.create_task(desk.follow(notify, center, person.rows, asyncio.Event())))
        tasks.append(asyncio.create_task(person.work(only=lambda _: True)))
    try:
        yield movers
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for client in clients:
            await client.aclose()
        await movers.close()
    wrong = [*progress.unexpected, *movers.unexpected, *(repr(e) for e in ended if isinstance(e, Exception))]
    if wrong:
        raise AssertionError(f"staff met what they must not: {Counter(wrong)}")


async def at_rest(
    stack: Stack, crew: Crew, promised: Evidence, settle_s: float, garbage: Collection[Place] = frozenset()
) -> tuple[Evidence, list[str]]:
    """Look again and again until nothing is wrong, or the time for that is over."""
    until = time.monotonic() + settle_s
    gatherer = Gatherer(stack, crew.auth("ministry-auditor"), garbage=garbage)
    evidence, found = promised, ["nothing could be looked at"]
    try:
        await gatherer.start()
        while True:
            with contextlib.suppress(httpx.HTTPError, PyMongoError, KafkaError, TimeoutError):
                evidence = await gatherer.collect(promised)
                found = faults(evidence)
            if not found or time.monotonic() > until:
                return evidence, found
            await asyncio.sleep(_LOOK_EVERY_S)
    finally:
        await gatherer.stop()


def keep_logs(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for file in source.glob("*.log*"):
        (target / file.name).write_bytes(file.read_bytes())
