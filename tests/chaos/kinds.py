"""Every way in which something breaks: what it does, how it is undone, and what must hold afterwards.

A kind is a class in ``KINDS``; ``draw`` makes a plan of them from a seed. Whatever the kind, the whole of
``tests.kill.verdict`` must hold at the end; ``holds`` says what this kind puts to the test most.
"""

import asyncio
import contextlib
import os
import random
import resource
import signal
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Final

from tests.chaos.field import Field
from tests.kill.plan import SERVICES

_LOOK_S: Final = 0.1
_STORED: Final = ("intake", "notify", "analytics")
"""Services that cannot work without the store."""


class Kind(ABC):
    """One fault: ``strike`` breaks something, and ``undo`` mends it ``seconds`` later."""

    name: ClassVar[str]
    breaks: ClassVar[str]
    undone: ClassVar[str]
    holds: ClassVar[str]
    targets: ClassVar[tuple[str, ...]]
    brokers: ClassVar[tuple[int, ...]] = (1, 3)
    """With how many brokers it can be struck."""
    lasts: ClassVar[tuple[float, float]] = (0.0, 0.0)

    def __init__(self, target: str, seconds: float) -> None:
        """A fault of this kind, not struck yet."""
        self.target = target
        self.seconds = seconds

    def __repr__(self) -> str:
        """As ``chosen`` reads it."""
        return f"{self.name}:{self.target}:{self.seconds:.1f}"

    @abstractmethod
    async def strike(self, field: Field) -> None:
        """Break it."""

    async def undo(self, field: Field) -> None:  # noqa: B027  # nothing to do where the supervisor mends it
        """Mend it."""


class Kill(Kind):
    name, targets = "kill", SERVICES
    breaks = "SIGKILL of a service's process"
    undone = "the supervisor starts it again"
    holds = "accepted is durable; effects come before commits; a restart loses no timer"

    async def strike(self, field: Field) -> None:
        await field.kill(self.target)


class Freeze(Kind):
    name, targets, lasts = "freeze", SERVICES, (4.0, 7.0)
    breaks = "SIGSTOP for longer than the session timeout: others take over"
    undone = "SIGCONT: a process that believes its partitions are still its own"
    holds = "one owner; what the zombie writes late is ignored"

    async def strike(self, field: Field) -> None:
        self._name, self._pid = await field.victim(self.target)
        os.kill(self._pid, signal.SIGSTOP)

    async def undo(self, field: Field) -> None:
        if field.stack.pids.get(self._name) == self._pid:
            os.kill(self._pid, signal.SIGCONT)
            field.zombies += 1


class _Link(Kind):
    engine: ClassVar[str]
    mode: ClassVar[tuple[str, ...]]
    undone = "the proxy forwards again"
    lasts = (3.0, 9.0)
    brokers = (1,)

    async def strike(self, field: Field) -> None:
        self._link = f"{self.engine}:{field.worker(self.target, self.engine)}"
        await field.change(self._link, *self.mode)

    async def undo(self, field: Field) -> None:
        await field.change(self._link, "pass")


class KafkaCut(_Link):
    name, targets, engine, mode = "Kafka cut", SERVICES, "kafka", ("cut",)
    breaks = "one process's connections to Kafka are reset, new ones too"
    holds = "its partitions move to another worker; the outbox keeps what is not published"


class KafkaSlow(_Link):
    name, targets, engine, mode = "Kafka slow", SERVICES, "kafka", ("slow", "0.4", "20000")
    breaks = "0.4 s and 20 KB a second between one process and Kafka"
    holds = "time limits end no process that only waits, and repeat no effect"


class KafkaHalfOpen(_Link):
    name, targets, engine, mode = "Kafka half-open", SERVICES, "kafka", ("half-open",)
    breaks = "one process's connections to Kafka stay open, and nothing is answered"
    undone = "what was held back arrives late"
    holds = "every call has a time limit; a late commit or record does no harm"


class StoreCut(_Link):
    name, targets, engine, mode = "store cut", _STORED, "store", ("cut",)
    breaks = "one service's connections to the store are reset, new ones too"
    holds = "no 202 without a durable report; a batch that could not be stored is not passed over"


class StoreSlow(_Link):
    name, targets, engine, mode = "store slow", _STORED, "store", ("slow", "0.2", "50000")
    breaks = "0.2 s and 50 KB a second between one service and the store"
    holds = "leases and time limits: nothing is done twice for being slow"


class StoreHalfOpen(_Link):
    name, targets, engine, mode = "store half-open", _STORED, "store", ("half-open",)
    breaks = "one service's connections to the store stay open, and nothing is answered"
    undone = "what was held back arrives late"
    holds = "a write that was given up and arrives late changes nothing twice"


class DiskFull(Kind):
    name, targets, lasts = "disk full", ("routing", "kafka", "store"), (3.0, 6.0)
    breaks = "a process can write no file any more: state, data, logs (RLIMIT_FSIZE, which needs no root)"
    undone = "the limit is lifted"
    holds = "a write that failed is not believed; nothing is promised that was not kept"
    brokers = (1,)

    async def strike(self, field: Field) -> None:
        self._name, _ = await field.victim(self.target)
        self._filling = asyncio.create_task(self._fill(field))

    async def _fill(self, field: Field) -> None:
        """A process that is started again finds the disk as full."""
        while True:
            self._limit(field, 1)
            await asyncio.sleep(_LOOK_S)  # nobody tells when a process was started again

    async def undo(self, field: Field) -> None:
        self._filling.cancel()
        self._limit(field, resource.RLIM_INFINITY)

    def _limit(self, field: Field, size: int) -> None:
        if (pid := field.stack.pids.get(self._name)) is not None:
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


class ClockJump(Kind):
    name, targets, lasts = "clock jump", SERVICES, (3.0, 6.0)
    breaks = "a service's wall clock is up to half a minute ahead, or up to 8 s behind"
    undone = "it jumps back"
    holds = "versions and offsets decide, never times; no timer is lost"

    async def strike(self, field: Field) -> None:
        # Further behind, tokens are from the future and refused (10 s). Further ahead, simulated staff believe that a
        # case was alerted whose next alert seems a minute away, and acknowledge before the alert.
        field.set_clock(self.target, field.draw.choice((-8.0, 30.0)) * field.draw.uniform(0.3, 1.0))

    async def undo(self, field: Field) -> None:
        field.set_clock(self.target, 0.0)


class Garbage(Kind):
    name, targets = "garbage", ("topics",)
    breaks = "bytes that are no event, events of the wrong shape and old records once more, on every topic"
    undone = "each bad record is a dead letter"
    holds = "the neighbours of a bad record go on; an old record changes nothing"

    async def strike(self, field: Field) -> None:
        await field.kafka_running()
        await field.garbage.write()


class EngineKill(Kind):
    name, targets = "engine kill", ("kafka", "store")
    breaks = "SIGKILL of the broker or the store"
    undone = "the supervisor starts it again"
    holds = "what was acknowledged is on disk"
    brokers = (1,)

    async def strike(self, field: Field) -> None:
        await field.kill(self.target)


class EngineRestart(Kind):
    name, targets, lasts = "engine restart", ("kafka", "store"), (0.5, 3.0)
    breaks = "the broker or the store is stopped in an orderly way"
    undone = "it is started again"
    holds = "every process finds its way back by itself"
    brokers = (1,)

    async def strike(self, field: Field) -> None:
        await asyncio.to_thread(field.stack.hold, self.target)

    async def undo(self, field: Field) -> None:
        await asyncio.to_thread(field.stack.release, self.target)


class EngineAway(Kind):
    name, lasts = "engine away", (8.0, 90.0)
    targets = tuple(f"{engine} and {service}" for engine in ("kafka", "store") for service in SERVICES)
    breaks = "the broker or the store is gone for long, and a service is killed meanwhile"
    undone = "it is started again"
    holds = "a process that starts while an engine is away waits for it and loses nothing"
    brokers = (1,)

    async def strike(self, field: Field) -> None:
        self._engine, _, service = self.target.partition(" and ")
        await field.kill(self._engine, hold=True)
        self._killing = asyncio.create_task(self._kill_meanwhile(field, service))

    async def _kill_meanwhile(self, field: Field, service: str) -> None:
        await asyncio.sleep(self.seconds / 2)  # the moment of the kill is the point
        await field.kill(service)

    async def undo(self, field: Field) -> None:
        await self._killing
        await asyncio.to_thread(field.stack.release, self._engine)


class LeaderKill(Kind):
    name, targets, lasts, brokers = "leader kill", ("routings", "cases", "reports"), (4.0, 8.0), (3,)
    breaks = "SIGKILL of the one of three brokers that leads a topic's first partition, while a routing worker sleeps"
    undone = "the broker is started again, and the worker wakes"
    holds = "two copies are enough: nothing acknowledged is lost, and the sleeper's records are ignored"

    async def strike(self, field: Field) -> None:
        self._sleeper = Freeze("routing", self.seconds)
        await self._sleeper.strike(field)
        await field.three_brokers.kill_broker(self.target)

    async def undo(self, field: Field) -> None:
        await field.three_brokers.start_broker()
        await self._sleeper.undo(field)


class RollingRestart(Kind):
    name, targets, brokers = "rolling restart", ("brokers",), (3,)
    breaks = "the three brokers are restarted one after the other"
    undone = "each is back before the next one goes"
    holds = "an upgrade of Kafka loses nothing and stops nothing for long"

    async def strike(self, field: Field) -> None:
        await field.three_brokers.restart_each()


KINDS: Final[tuple[type[Kind], ...]] = (
    Kill,
    Freeze,
    KafkaCut,
    KafkaSlow,
    KafkaHalfOpen,
    StoreCut,
    StoreSlow,
    StoreHalfOpen,
    DiskFull,
    ClockJump,
    Garbage,
    EngineKill,
    EngineRestart,
    EngineAway,
    LeaderKill,
    RollingRestart,
)


def draw(seed: int, number: int, *, brokers: int = 1, calm: float = 1.0) -> list[Kind]:
    """So many faults in a random order, every kind among them before any comes again; ``calm`` shortens them."""
    dice = random.Random(seed)
    possible = [kind for kind in KINDS if brokers in kind.brokers]
    plan: list[Kind] = []
    while len(plan) < number:
        for kind in dice.sample(possible, min(len(possible), number - len(plan))):
            low, high = kind.lasts
            plan.append(kind(dice.choice(kind.targets), round(low + (high - low) * calm * dice.random(), 2)))
    return plan


def chosen(named: Sequence[str]) -> list[Kind]:
    """Faults as ``repr`` writes them, ``kind:target:seconds``; without seconds, of a middle length."""
    by_name = {kind.name: kind for kind in KINDS}
    split = [[*one.split(":"), ""][:3] for one in named]
    return [by_name[k](target, float(seconds or sum(by_name[k].lasts) / 2)) for k, target, seconds in split]
