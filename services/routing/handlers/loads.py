"""How busy every centre is: exact for this worker's partitions, a quarter of a second old for the others'.

Each worker publishes the sums of its partitions with the offset they stand for. Readers keep the highest, so a woken
worker's old sums change nothing, and no counter can drift.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from services.routing import measures
from services.routing.model import Board, Seat
from services.routing.policy.rules import RULE
from services.routing.projection import PartitionState
from services.routing.rendering import SOURCE
from shared import log, trace
from shared.bus.publisher import Publisher
from shared.bus.records import Received
from shared.centers import CENTER_IDS, center
from shared.clock import Clock
from shared.errors import TransientError
from shared.events.base import Record, encode
from shared.events.centers import CenterChanged
from shared.events.loads import CenterLoad, LoadSummarized
from shared.events.vocabulary import CenterState, Urgency

_log = log.get(__name__)

HEARTBEAT_SECONDS: Final = 2.0
"""Sums are repeated this often though nothing has changed, so that their age says whether their worker is alive."""
_NORMAL = RULE.weights[Urgency.NORMAL]


class Summary(NamedTuple):
    """The newest sums heard of one partition."""

    upto: int
    weighted: Mapping[str, int]
    summarized_at: datetime


class Duty(NamedTuple):
    """The newest word on one centre; version 0 is what holds before any word."""

    version: int
    state: CenterState
    staff_on_duty: int
    capacity: int


class LoadView:
    """What `loads` and `centers` say, kept by a follower."""

    def __init__(self, cases_per_person: int) -> None:
        self.summaries: dict[int, Summary] = {}
        self.duties = {c: _before_any_word(center(c).staff, cases_per_person) for c in CENTER_IDS}

    def apply(self, received: Received) -> None:
        """Take one record of either topic; the newest of each partition and each centre counts."""
        match received.event:
            case LoadSummarized() as event:
                known = self.summaries.get(event.partition)
                if known is None or event.upto >= known.upto:
                    sums = {c: load.weighted for c, load in event.loads.items()}
                    self.summaries[event.partition] = Summary(event.upto, sums, event.summarized_at)
            case CenterChanged() as event:
                known_duty = self.duties.get(event.center_id)
                if known_duty is not None and event.center_version > known_duty.version:
                    capacity = event.staff_on_duty * event.cases_per_person * _NORMAL
                    duty = Duty(event.center_version, event.state, event.staff_on_duty, capacity)
                    self.duties[event.center_id] = duty
            case _:
                pass  # the follower reads no other type

    def board(self, own: Mapping[int, PartitionState]) -> Board:
        """Every centre now. ``own`` are the partitions this worker folds itself."""
        totals = dict.fromkeys(CENTER_IDS, 0)
        heard = (summary.weighted for p, summary in self.summaries.items() if p not in own)
        for sums in (*heard, *(state.weighted for state in own.values())):
            for center_id, weighted in sums.items():
                if center_id in totals:
                    totals[center_id] += weighted
        return {c: Seat(c, d.state, d.staff_on_duty, totals[c], d.capacity) for c, d in self.duties.items()}

    def any_closed(self) -> bool:
        """Whether there is a centre to be emptied."""
        return any(duty.state is CenterState.CLOSED for duty in self.duties.values())

    def age(self, own: Collection[int], now: datetime) -> float:
        """Seconds since the oldest word of a partition that is not ours; 0 where all are ours."""
        ages = [(now - s.summarized_at).total_seconds() for p, s in self.summaries.items() if p not in own]
        return max(0.0, *ages, 0.0)


class LoadTeller:
    """Tells the other workers what this worker's partitions add up to."""

    def __init__(
        self,
        publisher: Publisher,
        owned: Callable[[], Mapping[int, PartitionState]],
        view: LoadView,
        clock: Clock,
        *,
        worker: str,
        every_s: float,
    ) -> None:
        self._publisher = publisher
        self._owned = owned
        self._view = view
        self._clock = clock
        self._worker = worker
        self._every_s = every_s
        self._told: dict[int, tuple[int, float]] = {}
        """By partition: the offset last told, and when."""

    async def run(self) -> None:
        """Tell until cancelled. Kafka being away is nothing to end for: sums are told again."""
        while True:
            await self._clock.sleep(self._every_s)
            owned = self._owned()
            measures.LOAD_VIEW_AGE.set(self._view.age(owned, self._clock.now()))
            measures.IGNORED.set(sum(state.ignored for state in owned.values()))
            try:
                await self.tell(owned)
            except TransientError as error:
                _log.warning("routing.loads_not_told", error=str(error))

    async def tell(self, owned: Mapping[int, PartitionState]) -> None:
        """Publish what has changed since it was last told, or was told too long ago."""
        now = self._clock.monotonic()
        due = {p: state.position for p, state in owned.items() if self._due(p, state.position, now)}
        if due:
            await self._publisher.publish([self._record(p, owned[p]) for p in due])
            self._told.update({p: (upto, now) for p, upto in due.items()})

    def _due(self, partition: int, upto: int, now: float) -> bool:
        told = self._told.get(partition)
        return told is None or told[0] != upto or now - told[1] >= HEARTBEAT_SECONDS

    def _record(self, partition: int, state: PartitionState) -> Record:
        now = self._clock.now()
        loads = {
            c: CenterLoad(open_cases=state.counted.get(c, 0), weighted=weighted)
            for c, weighted in state.weighted.items()
            if weighted
        }
        event = LoadSummarized(
            partition=partition, upto=state.position, loads=loads, summarized_at=now, worker=self._worker
        )
        return encode(event, source=SOURCE, time=now, traceparent=trace.new_traceparent())


def _before_any_word(staff: int, cases_per_person: int) -> Duty:
    """Open with everybody funded on duty."""
    return Duty(0, CenterState.OPEN, staff, staff * cases_per_person * _NORMAL)
