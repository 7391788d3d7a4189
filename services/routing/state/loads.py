"""How busy every centre is: exact for this worker's partitions, at most a second old for the others'.

Each worker publishes the sums of its partitions with the offset they stand for. Readers keep the highest, so a woken
worker's old sums change nothing, and no counter can drift. What nobody has repeated for a while gives way to
lower ones: they are of a log that has lost its newest records.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from services.routing import metrics
from services.routing.assignment.models import CenterLoad, CenterLoads
from services.routing.assignment.rules import RULE
from services.routing.models import CaseTotals, LiveLoad, LiveLoads
from services.routing.record_encoding import SOURCE
from services.routing.state.partition import PartitionState
from shared import log, trace
from shared.centers import CENTER_IDS, TABLES, Center, Tables
from shared.clock import Clock
from shared.events.base import Record, encode
from shared.events.centers import CenterChanged
from shared.events.loads import LoadSummarized, LoadTotal
from shared.events.vocabulary import CenterState, Urgency
from shared.kafka.decoding import Received
from shared.kafka.publisher import Publisher
from shared.severity import CASES_PER_PERSON

_log = log.get(__name__)

HEARTBEAT_SECONDS: Final = 2.0
"""Sums are repeated this often though nothing has changed, so that their age says whether their worker is alive."""
MEASURE_SECONDS: Final = 1.0
"""Gauges are set so often; Prometheus reads them every few seconds."""
SILENT_SECONDS: Final = 10.0
"""Five heartbeats: who is not heard for so long is slow, cut off or gone."""
_NORMAL = RULE.weights[Urgency.NORMAL]


class PartitionLoads(NamedTuple):
    """The newest sums heard of one partition."""

    upto: int
    loads: Mapping[str, LoadTotal]
    summarized_at: datetime


def load_keys(partitions: int) -> list[str]:
    """The keys of `loads`: of each partition of `routings` one."""
    return [str(number) for number in range(partitions)]


class CenterDuty(NamedTuple):
    """The newest word on one centre; version 0 is what holds before any word."""

    version: int
    state: CenterState
    staff_on_duty: int
    capacity: int
    severe_cap: int


class LoadView:
    """`loads` and `centers` as last told, kept by a follower."""

    def __init__(self, cases_per_person: int = CASES_PER_PERSON, tables: Tables = TABLES) -> None:
        self._tables = tables
        self.summaries: dict[int, PartitionLoads] = {}
        self.duties = {c: _before_any_word(tables.centers[c], cases_per_person) for c in CENTER_IDS}
        self.any_closed: Final = asyncio.Event()
        """Set while a centre is to be emptied."""

    def apply(self, received: Received) -> None:
        """Take one record of either topic; the newest of each partition and each centre counts."""
        match received.event:
            case LoadSummarized() as event:
                known = self.summaries.get(event.partition)
                if known is None or event.upto >= known.upto or _is_given_up(known, event):
                    self.summaries[event.partition] = PartitionLoads(event.upto, event.loads, event.summarized_at)
            case CenterChanged() as event:
                known_duty = self.duties.get(event.center_id)
                if known_duty is not None and event.center_version > known_duty.version:
                    self.duties[event.center_id] = _duty(
                        self._tables.centers[event.center_id],
                        event.center_version,
                        event.state,
                        event.staff_on_duty,
                        event.cases_per_person,
                    )
                    (self.any_closed.set if self.closed() else self.any_closed.clear)()
            case _:
                pass  # the follower reads no other type

    def center_loads(self, own: Mapping[int, PartitionState]) -> CenterLoads:
        """Every centre now. ``own`` are the partitions this worker folds itself."""
        load, guests, severe = (dict.fromkeys(CENTER_IDS, 0) for _ in range(3))
        heard: list[Mapping[str, LoadTotal | CaseTotals]] = [s.loads for p, s in self.summaries.items() if p not in own]
        heard += [state.case_totals for state in own.values()]
        for sums in heard:
            for center_id, part in sums.items():
                if center_id in load:
                    load[center_id] += part.weighted
                    guests[center_id] += part.guests
                    severe[center_id] += part.severe
        # Sums that are wrong may go below nothing until they are restored; deciding does not wait for that.
        return {
            c: CenterLoad(
                c,
                d.state,
                d.staff_on_duty,
                max(load[c], 0),
                d.capacity,
                max(guests[c], 0),
                max(severe[c], 0),
                d.severe_cap,
            )
            for c, d in self.duties.items()
        }

    def live_loads(self, now: datetime, partitions: int) -> LiveLoads:
        """Every centre as all workers told it, this one too: at most a second behind, and no work for it.

        What stands in memory here would be fresher, but finding out who waits longest takes as long as many wait.
        ``partitions`` is how many there are.
        """
        open_cases, waiting = Counter[str](), Counter[str]()
        since: dict[str, datetime] = {}
        for summary in self.summaries.values():
            for center_id, part in summary.loads.items():
                open_cases[center_id] += part.open_cases
                waiting[center_id] += part.waiting
                if part.waiting_since is not None:
                    since[center_id] = min(since.get(center_id, part.waiting_since), part.waiting_since)
        told = [summary.summarized_at for summary in self.summaries.values()]
        return LiveLoads(
            taken_at=now,
            centers=tuple(
                LiveLoad(center_load, open_cases[c], waiting[c], since.get(c))
                for c, center_load in self.center_loads({}).items()
            ),
            oldest=min(told, default=None),
            silent=self.silent(now, partitions),
            partitions=partitions,
        )

    def silent(self, now: datetime, partitions: int) -> int:
        """Partitions of which nothing was heard for a while, or ever: nobody decides there, or cannot say so."""
        heard = (now - summary.summarized_at for summary in self.summaries.values())
        return max(0, partitions - sum(ago.total_seconds() <= SILENT_SECONDS for ago in heard))

    def closed(self) -> list[str]:
        """The centres to be emptied."""
        return [center_id for center_id, duty in self.duties.items() if duty.state is CenterState.CLOSED]


class LoadPublisher:
    """Tells the other workers what this worker's partitions add up to."""

    def __init__(
        self,
        publisher: Publisher,
        owned: Callable[[], Mapping[int, PartitionState]],
        view: LoadView,
        clock: Clock,
        *,
        worker: str,
        partitions: int,
        suspect: Callable[[set[int]], None],
    ) -> None:
        """``partitions`` is how many of `routings` there are; ``suspect`` is told which sums cannot be true."""
        self._partitions = partitions
        self._publisher = publisher
        self._owned = owned
        self._view = view
        self._clock = clock
        self._worker = worker
        self._suspect = suspect
        self._impossible: set[int] = set()
        self._measured_at = -MEASURE_SECONDS
        self._told: dict[int, tuple[int, float]] = {}
        """By partition: how many changes the state had seen when it was last told, and when that was."""

    async def look(self) -> None:
        """Measure, and tell what is to be told. Raises ``TransientError``: sums are told again."""
        owned = self._owned()
        if (now := self._clock.monotonic()) - self._measured_at >= MEASURE_SECONDS:
            self._measured_at = now
            self._measure(owned)
        await self.tell(owned)

    def _measure(self, owned: Mapping[int, PartitionState]) -> None:
        now = self._clock.now()
        metrics.SILENT.set(self._view.silent(now, self._partitions))
        metrics.IGNORED.set(sum(state.ignored for state in owned.values()))
        waits = [state.waits(center_id) for state in owned.values() for center_id in state.waiting]
        since = min((wait.since for wait in waits if wait.since is not None), default=now)
        metrics.WAITING.set(sum(wait.number for wait in waits))
        metrics.OLDEST_WAITING.set(max(0.0, (now - since).total_seconds()))

    async def tell(self, owned: Mapping[int, PartitionState]) -> None:
        """Publish what has changed since it was last told, or was told too long ago; nothing that cannot be true."""
        now = self._clock.monotonic()
        wrong = {p for p, state in owned.items() if any(totals.impossible for totals in state.case_totals.values())}
        if wrong:
            self._doubt(wrong)
        self._impossible = wrong
        due = {p: s.changes for p, s in owned.items() if p not in wrong and self._due(p, s.changes, now)}
        if due:
            await self._publisher.publish([self._record(p, owned[p]) for p in due])
            self._told.update({p: (changes, now) for p, changes in due.items()})

    def _doubt(self, wrong: set[int]) -> None:
        """An error of ours, and no reason to end: the partition is restored while the others are decided for."""
        if new := wrong - self._impossible:
            _log.error("routing.sums_impossible", partitions=sorted(new))
        for partition in wrong:
            self._told.pop(partition, None)
        self._suspect(wrong)

    def _due(self, partition: int, changes: int, now: float) -> bool:
        told = self._told.get(partition)
        return told is None or told[0] != changes or now - told[1] >= HEARTBEAT_SECONDS

    def _record(self, partition: int, state: PartitionState) -> Record:
        now = self._clock.now()
        loads = {}
        for center_id, totals in state.case_totals.items():
            if totals.open_cases:
                waiting, since = state.waits(center_id)
                loads[center_id] = LoadTotal(**totals._asdict(), waiting=waiting, waiting_since=since)
        event = LoadSummarized(
            partition=partition, upto=state.position, loads=loads, summarized_at=now, worker=self._worker
        )
        return encode(event, source=SOURCE, time=now, traceparent=trace.new_traceparent())


def _is_given_up(known: PartitionLoads, event: LoadSummarized) -> bool:
    """Return whether sums have not been repeated for so long that a worker that knows less of the log is right.

    Kafka lost the end of the log: until it is as long again, no worker would tell sums that count.
    """
    return (event.summarized_at - known.summarized_at).total_seconds() > SILENT_SECONDS


def _before_any_word(center: Center, cases_per_person: int) -> CenterDuty:
    """Open with everybody funded on duty."""
    return _duty(center, 0, CenterState.OPEN, center.staff, cases_per_person)


def _duty(center: Center, version: int, state: CenterState, staff_on_duty: int, cases_per_person: int) -> CenterDuty:
    """Return a centre's duty. No one on duty is a state of its own, whatever was said of closing.

    What waits there for the next shift is measured against the staff the centre is funded for.
    """
    if state is not CenterState.CLOSED and staff_on_duty == 0:
        state = CenterState.UNSTAFFED
    measured = staff_on_duty or center.staff
    return CenterDuty(
        version, state, staff_on_duty, measured * cases_per_person * _NORMAL, measured * RULE.severe_per_person
    )
