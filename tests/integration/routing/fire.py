"""Routing under fire: workers on the real bus, blows from a plan, and at the end every promise is looked at."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaError

from shared.errors import TransientError
from shared.kafka.admin import ensure_topics
from tests.integration.routing import blows
from tests.integration.routing.blows import Blow
from tests.integration.routing.crew import Crew
from tests.integration.routing.feeding import Feed, Post
from tests.integration.routing.ground import Ground
from tests.integration.routing.reader import Reader, differences
from tests.integration.routing.records import Line, read_everything
from tests.integration.routing.replaying import not_replayed
from tests.integration.routing.running import Process
from tests.integration.routing.verifier import Audit, audit
from tests.support import waiting
from tests.support.engine_settings import kafka_settings, store_settings
from tests.support.waiting import DEADLINE_S, eventually

SESSION_TIMEOUT_S = 3.0
"""Shorter than in production, so that a run has time for many take-overs; the rules are the same."""
CALL_TIMEOUT_S = 5.0
"""Shorter too, so that calls fail while a broker is away and are not only late."""
_FRESH = 20
_LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One run; the seed draws reports, acts and victims."""

    seed: int
    blows: tuple[Blow, ...] = blows.BRIEF
    rate: float = 30.0
    """Reports a second."""
    workers: int = 3
    partitions: int = 6
    settle_s: float = DEADLINE_S
    """How long everything may take to come to rest after the last blow."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Settings of the workers beyond the usual ones."""
    lose_state: bool = False
    """Whether workers have nothing but the log to begin from: each has a new folder."""
    changes: str = ""
    """What ``broken`` is to build into the workers."""


@dataclass(slots=True)
class Result:
    """What became of a run. It is good when ``faults`` is empty."""

    seed: int
    env: Mapping[str, str]
    brokers: int
    faults: list[str] = field(default_factory=list)
    audit: Audit = field(default_factory=Audit)
    struck: Mapping[str, int] = field(default_factory=dict)
    sent: Mapping[str, int] = field(default_factory=dict)
    zombies: int = 0
    ends: Mapping[str, int] = field(default_factory=dict)
    """Workers that ended by themselves, by status."""
    seconds: float = 0.0
    settled_after_s: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """As a line of the torture's results; the numbers that are added up stand on top."""
        return {**asdict(self.audit), **asdict(self)}


class Fire:
    """One scenario on one ground. ``folder`` takes the workers' logs."""

    def __init__(self, scenario: Scenario, ground: Ground, folder: Path) -> None:
        self._scenario = scenario
        self._ground = ground
        self._folder = folder
        name = f"f{uuid.uuid4().hex[:8]}"
        self.bus = kafka_settings(
            ground, name, partitions=scenario.partitions, replicas=ground.replicas, call_timeout_s=CALL_TIMEOUT_S
        )
        self._store = store_settings(ground, name)
        self.crew = Crew(self._worker, scenario.workers, scenario.seed)
        self._post = Post(self.bus)
        self._early, self._late = self._reader(), self._reader()
        self._feed = Feed(self._post, self._early, scenario.seed, scenario.rate)
        self._struck: Counter[str] = Counter()
        self._sleeping: list[asyncio.Task[None]] = []
        self._faults: list[str] = []

    async def run(self) -> Result:
        """Everything, from the first report to the verdict."""
        began = time.monotonic()
        self._folder.mkdir(parents=True, exist_ok=True)
        # Making the topics is no part of what is tried, and several scenarios may begin at once.
        await ensure_topics(self.bus.model_copy(update={"call_timeout_s": waiting.CALL_TIMEOUT_S}))
        self._early.start()
        self.crew.start()
        try:
            await self._burn()
            settled = time.monotonic()
            lines = await self._settled()
            settled = time.monotonic() - settled
            await self._compare(lines)
        finally:
            await self._put_out()
        found = audit(lines)
        self._faults += found.faults + [f"not replayed: {which}" for which in not_replayed(lines)]
        return Result(
            seed=self._scenario.seed,
            env=dict(self._scenario.env),
            brokers=self._ground.replicas,
            faults=self._faults,
            audit=found,
            struck=dict(self._struck),
            sent=dict(self._feed.sent),
            zombies=self.crew.zombies,
            ends=dict(self.crew.ends),
            seconds=round(time.monotonic() - began, 1),
            settled_after_s=round(settled, 1),
        )

    async def _burn(self) -> None:
        """Blows while reports come in; then what is sent again long after, and peace."""
        stop = asyncio.Event()
        feeding = [asyncio.create_task(self._feed.run(stop)), asyncio.create_task(self._feed.centers(stop))]
        try:
            await eventually(self._deciding, what="the first report is owned")
            for number, blow in enumerate(self._scenario.blows):
                if number == len(self._scenario.blows) // 2:  # halfway through
                    self._late.start()
                await self._strike(blow)
                await asyncio.sleep(blow.pause)  # the pace of the blows is the scenario
                for task in feeding:
                    if task.done():
                        task.result()
            await asyncio.gather(*self._sleeping)
        finally:
            stop.set()
            await asyncio.wait(feeding, timeout=60)
        await asyncio.gather(*feeding)
        await self._feed.old_again()
        await self._feed.to_nobody()

    async def _deciding(self) -> bool:
        self.crew.check()
        return bool(self._early.stands)

    async def _strike(self, blow: Blow) -> None:
        self._struck[blow.kind] += 1
        match blow.kind:
            case "kill":
                await self.crew.kill()
            case "freeze":
                self._sleeping.append(asyncio.create_task(self.crew.freeze(blow.number)))
            case "scale":
                self.crew.scale(int(blow.number))
            case "broker":
                await self._ground.kill_broker(f"{self.bus.topic_prefix}routings")
                await asyncio.sleep(blow.number)  # how long it is away is the fault
                await self._ground.start_broker()
            case "store":
                await self._without_store(blow.number)

    async def _without_store(self, seconds: float) -> None:
        """Reports that come while the store is away are owned before it is back."""
        await self._ground.kill_store()
        try:
            before = len(self._feed.lodged)
            await asyncio.sleep(seconds)  # how long it is away is the fault

            async def fresh() -> bool:
                reports = list(self._feed.lodged)[before : before + _FRESH]
                return len(reports) == _FRESH and all(report in self._early.stands for report in reports)

            await eventually(fresh, what=f"{_FRESH} reports owned while the store is away")
        except AssertionError as error:
            self._faults.append(str(error))
        finally:
            await self._ground.start_store()

    async def _settled(self) -> list[Line]:
        """Everything sent is dealt with and summed up, or the time for that is over."""
        end = time.monotonic() + self._scenario.settle_s
        while True:
            lines = await self._everything()
            if not audit(lines).faults or time.monotonic() > end:
                return lines
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _everything(self) -> list[Line]:
        for attempt in range(5):
            try:
                return await read_everything(
                    self.bus.bootstrap_servers, self.bus.topic_prefix, self.bus.topic_partitions
                )
            except (KafkaError, TransientError):
                if attempt == 4:
                    raise
                await asyncio.sleep(_LOOK_EVERY_S)
        raise AssertionError("not reached")

    async def _compare(self, lines: list[Line]) -> None:
        """Who read from the beginning, who began later and who begins now know the same."""
        now = self._reader()
        now.start()
        readers = {"from the beginning": self._early, "later": self._late, "at the end": now}
        ends = Counter(x.partition for x in lines if x.topic == "routings")

        async def there() -> bool:
            for reader in readers.values():
                reader.check()
            mine = [{p.partition: n for p, n in reader.positions.items()} for reader in readers.values()]
            return all(positions[p] >= end for positions in mine for p, end in ends.items())

        try:
            await eventually(there, what="every reader has read everything")
        finally:
            await now.stop()
        for name, reader in readers.items():
            self._faults += differences(f"from the beginning and {name}", self._early.stands, reader.stands)
            self._faults += [f"reader {name}: {hole}" for hole in reader.holes[:5]]

    async def _put_out(self) -> None:
        for task in self._sleeping:
            task.cancel()
        await self.crew.stop()
        for reader in (self._early, self._late):
            await reader.stop()
        await self._post.close()

    def _reader(self) -> Reader:
        return Reader(self.bus.bootstrap_servers, self.bus.topic_prefix, self.bus.topic_partitions)

    def _worker(self, number: int) -> Process:
        changes = self._scenario.changes
        # Otherwise one folder for all, as of containers with a common volume: each takes one nobody holds, and finds
        # there what another has left.
        states = self._folder / (f"state-{uuid.uuid4().hex}" if self._scenario.lose_state else "state")
        return Process(
            self.bus,
            self._store,
            self._folder / f"worker{number}.log",
            module=("tests.integration.routing.broken", changes) if changes else ("services.routing",),
            KAFKA_SESSION_TIMEOUT_MS=str(int(SESSION_TIMEOUT_S * 1000)),
            KAFKA_CALL_TIMEOUT_S=str(CALL_TIMEOUT_S),
            ROUTING_STATE_DIR=str(states),
            **self._scenario.env,
        )
