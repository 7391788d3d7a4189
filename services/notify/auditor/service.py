"""The auditor's look: every few seconds over everything that is owed, and an alarm where it was not kept."""

from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from services.notify.auditor import metrics
from services.notify.auditor.repository import FindingStore, Look, OverdueReport
from services.notify.auditor.rules import (
    AlertingFault,
    Deviation,
    Quiet,
    Settled,
    Watched,
    conclude,
    dated,
    happened_at,
    note,
    resumed,
    settled,
    unacknowledged,
    unalerted,
    wrong,
)
from services.notify.cases.models import alias
from shared import log
from shared.clock import Clock
from shared.errors import TransientError
from shared.events.base import ReportEvent
from shared.kafka.router import Received

_LOG = log.get(__name__)
EVERY_S: Final = 5.0
SETTLE_S: Final = 10.0
"""After the topics were away nothing is judged for so long: what waited in outboxes has to come first."""
MAIL_EVERY_S: Final = 60.0
"""Central is mailed at once of the first finding, and of further ones at most so often."""
YOUNG: Final = timedelta(hours=1)
"""Topics are read side by side: what is settled stays whole for so long after its last event."""
FORGET_EVERY: Final = 10_000
"""Events, while history is read."""
KEPT_SETTLED: Final = 100_000
"""Settled reports of which the numbers of their records are kept, so that records that come twice change nothing; of
older ones nothing is kept."""
_STALE_S: Final = 6 * EVERY_S

Mailing = Callable[[Sequence[Deviation]], Awaitable[bool]]


class SettledReports:
    """State of reports to which nothing is owed: the newest, and no more than fit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, Settled] = OrderedDict()

    def keep(self, report_id: str, kept: Settled) -> None:
        """Keep what is left of a report; the one that has been settled longest is forgotten."""
        self._kept[report_id] = kept
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def pop(self, report_id: str) -> Settled | None:
        """Take out the state of a report that is watched again."""
        return self._kept.pop(report_id, None)


class Auditor:
    """Holds what came of each report, and what is wrong now."""

    def __init__(
        self,
        store: FindingStore,
        mail: Mailing,
        reads: Callable[[], str | None],
        quiet: Quiet | None,
        clock: Clock,
    ) -> None:
        """``reads`` says why the topics cannot be read just now; ``mail`` says whether it was taken."""
        self._store = store
        self._mail = mail
        self._reads = reads
        self._quiet = quiet
        self._clock = clock
        self._watched: dict[str, Watched] = {}
        """Reports to which something is owed, or about which something came lately."""
        self._settled = SettledReports(KEPT_SETTLED)
        self._progress: dict[tuple[str, int], datetime] = {}
        """How far each partition is read, by the time of its events."""
        self._noted = 0
        self._changed: set[str] = set()
        """Reports about which something came since the last look."""
        self._owing: set[str] = set()
        """Reports to which something is owed: of all others a look need see nothing."""
        self._resting: set[str] = set()
        """Watched reports to which nothing is owed now."""
        self._wrong: dict[str, Deviation] = {}
        self._written: dict[str, Deviation | None] | None = None
        """As the store has them; None: of what an earlier process wrote only that it is there."""
        self._untold: dict[str, Deviation] = {}
        self._mailed_at: float | None = None
        self._reading_since: float | None = None
        self._looked_at: float | None = None
        self._refused = False
        self._not_written: str | None = "has not reached the store yet"

    def note(self, received: Received) -> None:
        """A record passed by."""
        if isinstance(received.event, ReportEvent):
            event = dated(received.event, self._clock.now())
            seen = self._watched.get(event.report_id)
            if seen is None:
                kept = self._settled.pop(event.report_id)
                seen = resumed(event.report_id, kept) if kept is not None else Watched(event.report_id)
                self._watched[event.report_id] = seen
            note(seen, event)
            self._changed.add(event.report_id)
            at = happened_at(event)
            if at is not None:
                self._progress[received.topic, received.partition] = at
            self._noted += 1
            if self._noted % FORGET_EVERY == 0:
                # While history is read after a start: what was settled long before the slowest partition stands.
                self._conclude()
                self._forget(min(self._progress.values()) - YOUNG)

    async def look(self) -> None:
        """One look: judge, measure, log, write, mail. A store or mail server that is away changes nothing about it."""
        if self._reads() is not None:
            self._reading_since = None
            return
        at = self._clock.monotonic()
        if self._reading_since is None:
            self._reading_since = at
        judges = at - self._reading_since >= SETTLE_S
        now = self._clock.now()
        if judges:
            self._judge(now)
            metrics.LAST_LOOK.set(now.timestamp())
            self._looked_at = at
        try:
            if self._written is None:
                self._written = dict.fromkeys(await self._store.known())
            if judges:
                await self._write(now, self._written)
            self._not_written = None
        except TransientError as error:
            self._not_written = str(error)
            _LOG.warning("auditor.not_written", reason=str(error))
        if judges:
            await self._tell(at)

    def _conclude(self) -> None:
        for report_id in self._changed:
            seen = self._watched[report_id]
            conclude(seen, self._quiet)
            owing = seen.promise is not None
            (self._owing.add if owing else self._owing.discard)(report_id)
            (self._resting.discard if owing else self._resting.add)(report_id)
        self._changed.clear()

    def _forget(self, before: datetime) -> None:
        """Keep little of what was settled before a moment: until then a slower topic may have more to say of it."""
        for report_id in list(self._resting):
            seen = self._watched[report_id]
            kept = settled(seen)
            if kept is not None and seen.heard_at is not None and seen.heard_at < before:
                self._settled.keep(report_id, kept)
                self._resting.discard(report_id)
                del self._watched[report_id]

    def _judge(self, now: datetime) -> None:
        found: dict[str, Deviation] = {}
        self._conclude()
        self._forget(now - YOUNG)
        for report_id in self._owing:
            bad = wrong(self._watched[report_id], now)
            if bad is not None:
                found[report_id] = bad
        new = {i: bad for i, bad in found.items() if i not in self._wrong}
        if new:
            _LOG.error(
                "auditor.overdue", reports=len(new), faults=dict(Counter(bad.fault.value for bad in new.values()))
            )
        self._untold = {i: bad for i, bad in {**self._untold, **new}.items() if i in found}
        self._wrong = found
        faults = Counter(bad.fault for bad in found.values())
        for fault in AlertingFault:
            metrics.OVERDUE.labels(fault.value).set(faults[fault])
        oldest = min((bad.due for bad in found.values()), default=now)
        metrics.OLDEST.set(max((now - oldest).total_seconds(), 0.0))
        owing = [self._watched[report_id] for report_id in self._owing]
        metrics.UNALERTED.set(sum(unalerted(seen, now) for seen in owing))
        metrics.UNACKNOWLEDGED.set(sum(unacknowledged(seen, now, self._quiet) for seen in owing))
        metrics.WATCHED.set(len(self._owing))

    async def _write(self, now: datetime, written: dict[str, Deviation | None]) -> None:
        new = [_finding(bad, now) for i, bad in self._wrong.items() if written.get(i) != bad]
        over = sorted(written.keys() - self._wrong.keys())
        await self._store.put(new, over)
        self._written = dict(self._wrong)
        await self._store.looked(Look(at=now, watched=len(self._owing), findings=len(self._wrong)))

    async def _tell(self, at: float) -> None:
        if not self._untold or (self._mailed_at is not None and at - self._mailed_at < MAIL_EVERY_S):
            return
        taken = await self._mail(list(self._untold.values()))
        metrics.MAILS.labels("sent" if taken else "failed").inc()
        self._refused = not taken
        if taken:
            self._mailed_at = at
            self._untold.clear()

    @property
    def failing(self) -> str | None:
        """Why it is not ready: it cannot read the topics, or has not reached the store. None: it is."""
        return self._reads() or self._not_written

    def unwell(self) -> str | None:
        """Return why people outside should be called: it cannot look, or cannot tell a finding. None: all well."""
        if (why := self.failing) is not None:
            return why
        if self._looked_at is None or self._clock.monotonic() - self._looked_at > _STALE_S:
            return "has not looked lately"
        return f"{len(self._untold)} findings could not be mailed" if self._refused and self._untold else None

    @property
    def found(self) -> dict[str, Deviation]:
        """The present findings."""
        return dict(self._wrong)


def _finding(bad: Deviation, now: datetime) -> OverdueReport:
    return OverdueReport(
        report_id=bad.report_id,
        alias=alias(bad.report_id),
        center_id=bad.center_id,
        urgency=bad.urgency,
        owed=bad.owed.value,
        fault=bad.fault.value,
        step=bad.step,
        due_at=bad.due,
        seen_at=now,
    )
