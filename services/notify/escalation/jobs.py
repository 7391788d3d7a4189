"""Looks at the store every few seconds: how much is due, how long the oldest waits, which process is there no more."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from services.notify import metrics
from services.notify.auditor.repository import FindingStore
from services.notify.cases.repository import CaseStore, Change
from services.notify.escalation import rules as policy
from services.notify.escalation.repository import WorkerStore
from services.notify.escalation.rules import Rules
from services.notify.escalation.service import EscalationWorker
from shared import log
from shared.clock import Clock
from shared.errors import TransientError
from shared.events.vocabulary import Urgency
from shared.jobs import Skipped
from shared.mongo import SLICE
from shared.severity import RANK
from shared.store_clock import StoreClock

_LOG = log.get(__name__)
EVERY_S: Final = 15.0
"""As often as metrics are usually read."""
CONFIRMED_WITHIN: Final = timedelta(seconds=30)
"""Routing answers within a second; what takes longer is stuck in front of it or dead."""


_SPAN: Final = timedelta(seconds=EVERY_S + 1)
"""A little more than from one look to the next."""


class OldestWaiting:
    """Finds the case that has waited longest without reading all that wait.

    It remembers how old the oldest of each urgency was. Older ones are rare (a case that comes back); once that one is
    answered, the next is looked for in ever longer spans after it.
    """

    def __init__(self, cases: CaseStore) -> None:
        self._cases = cases
        self._known: dict[int, datetime] = {}
        """By rank; where nothing waits, up to when that is known."""

    async def look(self, now: datetime) -> datetime | None:
        """Return when it was received; None if nothing waits. Raises ``TransientError``."""
        return min([at for rank in RANK.values() if (at := await self._of(rank, now)) is not None], default=None)

    async def _of(self, rank: int, now: datetime) -> datetime | None:
        known = self._known.get(rank)
        since, until, span = None, None if known is None else known + _SPAN, _SPAN
        found = await self._cases.first_waiting(rank, since, until)
        while found is None and until is not None and until <= now:
            span *= 2
            since, until = until, until + span
            found = await self._cases.first_waiting(rank, since, until)
        self._known[rank] = found or now
        return found


_LOOK_COUNTS: Final = timedelta(hours=1)
"""So long before this process started the auditor's look may be: an older one came back with a backup, or everything
stood, and tells nothing of an auditor that starts now. Newer ones count, or restarts would hide that it is silent."""


class StoreGauges:
    """Keeps the gauges fresh."""

    def __init__(self, cases: CaseStore, findings: FindingStore, clock: Clock) -> None:
        """Reads only."""
        self._cases = cases
        self._oldest = OldestWaiting(cases)
        self._findings = findings
        self._clock = clock
        self._waits_since: datetime | None = None
        self._audited_at = self._started_at = clock.now()
        self._forget()  # 0 would say that nothing is due
        # Told in seconds as of when the metrics are read: both grow on while the store is away.
        metrics.OLDEST.set_function(lambda: 0.0 if self._waits_since is None else self._age(self._waits_since))
        metrics.AUDITOR_SILENT.set_function(lambda: self._age(self._audited_at))

    def _age(self, then: datetime) -> float:
        return max((self._clock.now() - then).total_seconds(), 0.0)

    @staticmethod
    def _forget() -> None:
        """Nobody knows the counts until the store answers."""
        for count in (metrics.DUE, metrics.UNCONFIRMED):
            count.set(math.nan)

    async def look(self) -> None:
        """One look. Raises ``TransientError``: then the counts are unknown."""
        try:
            await self._look()
        except Exception:
            self._forget()
            raise

    async def _look(self) -> None:
        now = self._clock.now()
        looked = await self._findings.last_look()
        if looked is None or self._started_at - looked >= _LOOK_COUNTS:
            looked = self._started_at
        self._audited_at = looked
        self._waits_since = await self._oldest.look(now)
        metrics.DUE.set(await self._cases.backlog(now))
        stuck = await self._cases.unconfirmed(now - CONFIRMED_WITHIN)
        metrics.UNCONFIRMED.set(stuck)
        if stuck:
            _LOG.warning("cases.unconfirmed", cases=stuck)


class FarTimers:
    """Finds cases that nobody would be told of for longer than the rules allow, and makes them due now.

    A process whose clock was ahead for a while left them so; once it is right again, or gone, nobody would look.
    """

    def __init__(
        self,
        cases: CaseStore,
        store_clock: StoreClock,
        rules: Rules,
        lease_s: float,
        woken: Callable[[], None],
        clock: Clock,
    ) -> None:
        """``woken`` is called when there is something to claim."""
        self._cases = cases
        self._store_clock = store_clock
        self._rules = rules
        self._lease = timedelta(seconds=lease_s)
        self._woken = woken
        self._clock = clock
        self._right: dict[str, datetime] = {}
        """When cases are due that were found right: they stay so until they are due at another time."""
        self._looked_at = clock.now()

    async def look(self) -> int:
        """One look; how many cases it made due. Raises ``TransientError``, and ``SkippedError`` at the end.

        A process whose own clock is not right would take every time for far ahead: it leaves this to the others.
        """
        if abs(await self._store_clock.look()) > policy.CLOCKS_APART / 2:
            return 0
        now = self._clock.now()
        if now < self._looked_at:
            self._right.clear()  # set back, together with the store's clock: what was right is far ahead now
        self._looked_at = now
        asleep: dict[str, datetime] = {}
        for urgency in (Urgency.CRITICAL, Urgency.HIGH):
            latest = now + policy.shortest_wait(urgency) + policy.CLOCKS_APART
            asleep |= await self._cases.asleep_past(latest, critical=urgency is Urgency.CRITICAL)
        self._right = {report_id: at for report_id, at in self._right.items() if asleep.get(report_id) == at}
        unknown = [report_id for report_id in asleep if report_id not in self._right]
        found, skipped = list[str](), Skipped("alerts")
        for start in range(0, len(unknown), SLICE):
            found += await self._bring_forward(unknown[start : start + SLICE], asleep, now, skipped)
        if found:
            _LOG.error("timers.brought_forward", cases=len(found), report_ids=found[:SLICE], hint="a clock was ahead")
            self._woken()
        skipped.raise_if_any()
        return len(found)

    async def _bring_forward(
        self, report_ids: Sequence[str], asleep: Mapping[str, datetime], now: datetime, skipped: Skipped
    ) -> list[str]:
        changes = []
        for case in (await self._cases.load(report_ids, skipped)).values():
            after = policy.brought_forward(case, self._rules, self._lease, now)
            if after is not None:
                changes.append(Change(after, case))
            else:
                self._right[case.report_id] = asleep[case.report_id]
        lost = (await self._cases.save(changes, now)).lost if changes else frozenset[str]()
        return [change.case.report_id for change in changes if change.case.report_id not in lost]


ALIVE_S: Final = 4.0
SILENT_LOOKS: Final = 4
"""A process whose number has not risen for so many looks of another in a row is gone. One that fails begins the count
anew: while the store is away nobody is gone, and who comes back first waits for the others, whose job may rest ten
seconds. Where one only slept, its alerts go twice, under the same ids."""
_STOP_S: Final = 2.0


class WorkerLiveness:
    """Finds processes that died, and lets others claim what they held: nobody waits for the ends of their leases."""

    def __init__(
        self,
        workers: WorkerStore,
        cases: CaseStore,
        worker: str,
        lease_s: float,
        alerts: EscalationWorker,
        clock: Clock,
    ) -> None:
        """``worker`` names this process in leases; ``alerts`` is woken when there is something to claim."""
        self._workers = workers
        self._cases = cases
        self._worker = worker
        self._lease_s = lease_s
        self._alerts = alerts
        self._clock = clock
        self._seen: dict[str, tuple[int, int]] = {}
        """Of each other process its number, and at how many looks before this one it was the same."""

    async def look(self) -> None:
        """Say that this process lives, and see who does not. Raises ``TransientError``."""
        try:
            numbers = await self._workers.beat(self._worker)
        except TransientError:
            self._seen = {}  # the others could not say that they live either
            self._alerts.note_alone(alone=False)
            raise
        before = self._seen
        self._seen = {
            other: (number, before[other][1] + 1 if other in before and before[other][0] == number else 0)
            for other, number in numbers.items()
            if other != self._worker
        }
        self._alerts.note_alone(alone=not self._seen)
        gone = [other for other, (_, silent) in self._seen.items() if silent >= SILENT_LOOKS]
        for other in gone:
            await self._release(other)
        if gone:
            await self._workers.forget(gone)

    async def _release(self, worker: str) -> None:
        cases = await self._cases.release(worker, self._clock.now(), self._lease_s)
        _LOG.warning("worker.gone", worker=worker, cases=cases)
        if cases:
            self._alerts.wake()

    async def stop(self) -> None:
        """Give back what this process holds; to be called when nothing of it is on its way any more."""
        with suppress(TransientError, TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await self._cases.release(self._worker, self._clock.now(), self._lease_s)
                await self._workers.forget([self._worker])
