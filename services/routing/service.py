"""Take partitions over, decide about what is read, and give up what closed centres own.

Two processes may believe they own the same partition (one was paused and wakes up). That is harmless: what both publish
lies in one order in the log, the first record of a version counts, and the changelog notices who was second.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, Protocol

from services.routing import metrics
from services.routing.assignment.models import CenterLoads
from services.routing.models import FirstRouting, Incoming
from services.routing.record_encoding import Message, message_of
from services.routing.state.changelog import Changelog
from services.routing.state.loads import LoadView
from services.routing.state.partition import PartitionState
from services.routing.transitions.models import Moment, TransitionResult, reasons_of
from services.routing.transitions.rules import cases_ahead_of, decide, links_of, links_of_moves, moves, next_to_move
from services.routing.transitions.transfers import known_target
from shared import log, trace
from shared.centers import TABLES, Tables
from shared.clock import Clock, whole_milliseconds
from shared.errors import FatalError, OutOfSequenceError, TransientError
from shared.events.cases import CaseAcknowledged
from shared.kafka.publisher import NoLeaderError
from shared.kafka.router import Blocked, Partitions, Received, Rejected
from shared.topics import CASES, REPORTS

_log = log.get(__name__)

SLICE: Final = 400
"""Events decided and published together: about 0.8 MB of records of 2 KB, below ``BATCH_BYTES``, above which everything
is decided twice."""
BATCH_BYTES: Final = 900_000
"""Above this a slice is halved; the broker refuses batches above 1,048,588 bytes, headers and framing included."""
_HEADER_BYTES: Final = 500
MOVES_AT_ONCE: Final = 50
LATE_S: Final = 1.0
"""Between two looks whether a partition without a leader has one again."""
OWNERS_AWAY_S: Final = 10.0
"""How long the read model is not asked again after it did not answer: each question to one that is away is a wait."""
SURGE_RECORDS: Final = 100
"""A batch of so many records means that people wait; work that can wait makes room."""
SURGE_SECONDS: Final = 0.3
"""How long after such a batch the next one is still expected."""


class Owners(Protocol):
    """The read model's word on who owns what, for linked reports of partitions this process does not fold."""

    async def owners_of(self, report_ids: Sequence[str]) -> dict[str, str]:
        """Centres by report id; reports not found are left out."""


class RoutingService:
    """Decides for the partitions it is given."""

    def __init__(
        self,
        changelog: Changelog,
        view: LoadView,
        owners: Owners,
        clock: Clock,
        *,
        linked_lookup_s: float,
        tables: Tables = TABLES,
    ) -> None:
        """``tables`` are those it decides with as long as it lives."""
        self._changelog = changelog
        self._tables = tables
        self._view = view
        self._owners = owners
        self._clock = clock
        self._linked_lookup_s = linked_lookup_s
        self._owned: set[int] = set()
        self._late: set[int] = set()
        """Those of them that had no leader when they were assigned, and are not restored yet."""
        self.any_late: Final = asyncio.Event()
        self.changed: Final = asyncio.Event()
        """Sums may have changed, or the partitions they are of."""
        self._surge_until = 0.0
        self._owners_asked_from = 0.0
        """When the read model may be asked again."""

    def surging(self) -> bool:
        """Return whether a backlog is being worked off."""
        return self._clock.monotonic() < self._surge_until

    def owned(self) -> Mapping[int, PartitionState]:
        """The partitions this process decides for, with what it knows of them.

        One that is being read anew is left out: of it counts what was told before, not the part that is read by now.
        """
        owned = sorted(self._owned - self._late)
        return {p: self._changelog.states[p] for p in owned if self._changelog.is_restored(p)}

    async def on_assigned(self, assigned: Partitions) -> Mapping[tuple[str, int], int]:
        """Restore the state of these partitions before anything is decided. Reading starts at the committed offsets.

        One without a leader is left for later (``restore_late``): the others wait for none.
        """
        partitions = _partitions(assigned)
        started = self._clock.monotonic()
        late = await self._changelog.without_leader(partitions)
        with self._changelog.guarded():
            await self._changelog.restore(partitions - late)
        self._owned, self._late = set(partitions), set(late)
        if late:
            _log.error("routing.partitions_without_leader", partitions=sorted(late))
            self.any_late.set()
        self.changed.set()
        metrics.PARTITIONS.set(len(partitions))
        ms = round((self._clock.monotonic() - started) * 1000)
        known = sum(len(self._changelog.states[p].report_states) for p in partitions - late)
        _log.info("routing.partitions_assigned", partitions=sorted(partitions), reports=known, ms=ms)
        return {}

    async def on_revoked(self, revoked: Partitions) -> None:
        """Stop telling loads and moving reports; the state store is kept, for the partition may come back."""
        self._owned -= {partition for _, partition in revoked}
        self._late &= self._owned
        metrics.PARTITIONS.set(len(self._owned))

    def check(self) -> str | None:
        """For health: which of this process's partitions have stopped, and at which record."""
        stops = [(p, *stop) for p, stop in sorted(self._changelog.gaps.items()) if p in self._owned]
        where = "; ".join(f"routings/{partition}: {error} (offset {offset})" for partition, offset, error in stops)
        return f"stopped at {where}" if where else None

    async def restore_late(self) -> None:
        """Restore what had no leader when it was assigned and has one now; asked again as long as there is some."""
        late = frozenset(self._late)
        found = late - await self._changelog.without_leader(late)
        with self._changelog.guarded():
            await self._changelog.restore(found)
        self._late -= found
        self.changed.set()
        if not self._late:
            self.any_late.clear()

    async def handle(self, batch: list[Received]) -> Sequence[Rejected | Blocked]:
        """Decide about one batch; when this returns, all is in the log but of a partition without leader.

        That partition is tried again; what it already has in the log is then known, and not published twice.
        """
        self._surging_for(len(batch), math.inf)
        by_partition: dict[int, list[Received]] = {}
        for received in batch:
            by_partition.setdefault(received.partition, []).append(received)
        tasks = [self._partition(p, _reports_first(part)) for p, part in by_partition.items()]
        # Every partition is waited for, even when one fails: a batch must not go on behind the bus's back.
        try:
            results = await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            self._surging_for(len(batch), SURGE_SECONDS)
        failures = [
            result
            for result in results
            if isinstance(result, BaseException) and not isinstance(result, _STOPS_PARTITION)
        ]
        if failures:
            try:
                raise min(failures, key=lambda failure: isinstance(failure, TransientError))
            finally:
                # The raised one's traceback holds this frame: it must not hold the failures in turn, or each failed
                # batch, all its records included, would stay until the (rarely woken) collector of cycles comes by.
                del failures, results
        answered: list[Rejected | Blocked] = []
        for part, result in zip(by_partition.values(), results, strict=True):
            if isinstance(result, _STOPS_PARTITION):
                answered += _stops(part, str(result), passes=isinstance(result, NoLeaderError))
            elif not isinstance(result, BaseException):
                answered += result
        return answered

    def _surging_for(self, records: int, seconds: float) -> None:
        """A batch of many is being worked off, or the next one expected."""
        if records >= SURGE_RECORDS:
            self._surge_until = self._clock.monotonic() + seconds

    async def _partition(self, partition: int, batch: list[Received]) -> list[Rejected]:
        rejected: list[Rejected] = []
        if partition in self._late:
            raise NoLeaderError(f"kafka: routings/{partition} or cases/{partition} had no leader and is not restored")
        async with self._changelog.locks[partition]:
            with self._changelog.guarded():
                for start in range(0, len(batch), SLICE):
                    try:
                        rejected += await self._slice(partition, batch[start : start + SLICE])
                    finally:
                        self.changed.set()
        return rejected

    async def _slice(self, partition: int, batch: Sequence[Received]) -> list[Rejected]:
        """Decide about a few hundred events and publish; again if somebody wrote in between.

        Deciding again is what keeps an amendment or a withdrawal: its record may have come second to one of the same
        version. What did reach the log is then seen to be known, and is not published twice.
        """
        state = self._changelog.state(partition)
        await self._changelog.catch_up(partition)
        incoming = [Incoming(r.event, r.envelope.id, r.envelope.traceparent) for r in batch]
        if cases_ahead_of(incoming, state):
            await self._changelog.read_on([partition])
            self._changelog.refuse_at_gap(partition)
        owners = await self._linked_owners(partition, links_of(incoming, state))
        rejected: list[Rejected] = []
        waiting = list(range(len(batch)))
        while waiting:
            now = waiting
            outcome, messages = self._decided(partition, [incoming[place] for place in now], owners)
            while len(now) > 1 and _too_large(messages):
                now = now[: len(now) // 2]
                outcome, messages = self._decided(partition, [incoming[place] for place in now], owners)
            if messages and not await self._changelog.publish(partition, outcome.drafts, messages):
                continue
            rejected += [Rejected(batch[now[place]], reason, detail) for place, reason, detail in outcome.refused]
            _count(outcome)
            waiting = [now[place] for place in outcome.deferred] + waiting[len(now) :]
        refused = {id(one.received) for one in rejected}
        for received in batch:
            if received.topic == CASES.name:
                if isinstance(received.event, CaseAcknowledged) and id(received) not in refused:
                    state.acknowledge(received.event)
                state.cases_position = max(state.cases_position, received.offset + 1)
        self._changelog.commit(partition)
        return rejected

    def _decided(
        self, partition: int, incoming: Sequence[Incoming], owners: Mapping[str, str]
    ) -> tuple[TransitionResult, list[Message]]:
        state = self._changelog.state(partition)
        outcome = decide(incoming, state, self._center_loads(partition), self._moment(), owners)
        return outcome, [message_of(draft) for draft in outcome.drafts]

    async def move_from_closed(self) -> None:
        """Give a bounded number of reports of closed centres new owners; asked again as long as one is closed.

        Raises ``TransientError`` at the end where that failed for a partition: the others wait for none.
        """
        if not self._view.closed():
            return
        failed: list[TransientError] = []
        for partition in sorted(self._owned):
            async with self._changelog.locks[partition]:
                if partition in self._owned - self._late:
                    with self._changelog.guarded():
                        try:
                            await self._move(partition)
                        except OutOfSequenceError:
                            continue  # nothing is decided for it until a person has looked
                        except TransientError as error:
                            failed.append(error)
        if failed:
            raise failed.pop()

    async def _move(self, partition: int) -> None:
        state = self._changelog.state(partition)
        await self._changelog.catch_up(partition)
        self.changed.set()
        coming = next_to_move(state, self._view.closed(), MOVES_AT_ONCE)
        owners = await self._linked_owners(partition, links_of_moves(state, coming))
        center_loads, moment, traceparent = self._center_loads(partition), self._moment(), trace.new_traceparent()
        drafts = moves(state, center_loads, moment, traceparent, limit=MOVES_AT_ONCE, owners=owners)
        messages = [message_of(draft) for draft in drafts]
        while _too_large(messages):
            # The first half, as it was decided: no draft rests on a later one. The others are moved the next time.
            drafts, messages = drafts[: len(drafts) // 2], messages[: len(messages) // 2]
        # After a gap nothing need be decided again here: closing is a level, and is looked at again.
        if drafts and await self._changelog.publish(partition, drafts, messages):
            self._changelog.commit(partition)
            metrics.MOVED.inc(len(drafts))
            _count(TransitionResult(drafts=drafts))

    def _center_loads(self, partition: int) -> CenterLoads:
        return self._view.center_loads({**self.owned(), partition: self._changelog.state(partition)})

    def _moment(self) -> Moment:
        # As the log will hold it: memory must come out the same whether it was decided here or read back.
        return Moment(now=whole_milliseconds(self._clock.now()), tables=self._tables)

    async def _linked_owners(self, partition: int, linked: AbstractSet[str]) -> Mapping[str, str]:
        """Owners of linked reports: from this process's own state, else from the read model, within a limit.

        The read model may lag or be away, and is then left alone for a while. The report is decided without the link: a
        linked report apart is a nuisance, a report that waits for a store is a person who waits.
        """
        if not linked:
            return {}
        found = {}
        for other in linked:
            # Not from partitions given away: whoever has them may have moved the report since.
            for state in (*self.owned().values(), self._changelog.state(partition)):
                if (report_state := state.report_states.get(other)) is not None:
                    found[other] = report_state.center_id
        missing = sorted(linked - set(found))
        if missing and self._clock.monotonic() >= self._owners_asked_from:
            try:
                async with asyncio.timeout(self._linked_lookup_s):
                    told = await self._owners.owners_of(missing)
            except Exception as error:  # whatever it is: deciding needs no store
                self._owners_asked_from = self._clock.monotonic() + OWNERS_AWAY_S
                _log.warning("routing.linked_not_found", reports=len(missing), error=type(error).__name__)
            else:
                # It goes into the record as it is, and who writes to the store must not write that: only centres count.
                found |= {other: center_id for other, center_id in told.items() if known_target(center_id)}
        return found


def _too_large(messages: Sequence[Message]) -> bool:
    """Return whether the broker may refuse them as one batch. One alone it takes."""
    return len(messages) > 1 and sum(len(value) + _HEADER_BYTES for _, value, _ in messages) > BATCH_BYTES


def _partitions(assigned: Partitions) -> frozenset[int]:
    """A report and its cases must meet in one process."""
    reports = frozenset(p for topic, p in assigned if topic == REPORTS.name)
    cases = frozenset(p for topic, p in assigned if topic == CASES.name)
    if reports != cases:
        raise FatalError(f"assigned reports {sorted(reports)} but cases {sorted(cases)}: the assignor must be Range")
    return reports


_STOPS_PARTITION: Final = (NoLeaderError, OutOfSequenceError)
"""What stops one partition and no other."""


def _stops(part: Sequence[Received], why: str, *, passes: bool) -> list[Blocked]:
    """Stop before the first record of each topic in this part of a batch; for a moment where it ``passes``."""
    first = {received.topic: received for received in reversed(part)}
    return [Blocked(one.topic, one.partition, one.offset, why, passes=passes) for one in first.values()]


def _reports_first(batch: list[Received]) -> list[Received]:
    """Between the two topics there is no order; a report comes before what a centre did with it."""
    reports = [received for received in batch if received.topic == REPORTS.name]
    return reports if len(reports) == len(batch) else reports + [r for r in batch if r.topic != REPORTS.name]


SAMPLE: Final = 10
"""Of a slice of more than so many decisions only every tenth is timed: timing costs a tenth of deciding."""


def _count(outcome: TransitionResult) -> None:
    metrics.REPEATED.inc(outcome.repeated)
    for reason, number in outcome.void.items():
        metrics.VOID.labels(reason).inc(number)
    reasons, over = reasons_of(outcome.drafts)
    for reason, number in reasons.items():
        metrics.DECISIONS.labels(reason).inc(number)
    if over:
        metrics.OVER_CAPACITY.inc(over)
        _log.warning("routing.over_capacity", decisions=over)
    for draft in outcome.drafts[:: SAMPLE if len(outcome.drafts) > SAMPLE else 1]:
        if isinstance(draft.body, FirstRouting):
            waited = (draft.decided_at - draft.body.report.received_at).total_seconds()
            metrics.DECISION_SECONDS.observe(max(0.0, waited))
