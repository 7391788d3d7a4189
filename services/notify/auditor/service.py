"""The auditor's look: every few seconds over everything that is owed, and an alarm where it was not kept."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from services.notify.auditor import metrics
from services.notify.auditor.repository import Finding, FindingStore, Look
from services.notify.auditor.rules import Fault, Quiet, Watched, Wrong, conclude, note, wrong
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
_STALE_S: Final = 6 * EVERY_S

Mailing = Callable[[Sequence[Wrong]], Awaitable[bool]]


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
        self._changed: set[str] = set()
        """Reports about which something came since the last look."""
        self._owing: set[str] = set()
        """Reports to which something is owed: of all others a look need see nothing."""
        self._wrong: dict[str, Wrong] = {}
        self._written: set[str] | None = None
        self._untold: dict[str, Wrong] = {}
        self._mailed_at: float | None = None
        self._reading_since: float | None = None
        self._looked_at: float | None = None
        self._refused = False
        self.failing: str | None = "has not looked yet"

    def note(self, received: Received) -> None:
        """A record passed by."""
        event = received.event
        if isinstance(event, ReportEvent):
            seen = self._watched.get(event.report_id)
            if seen is None:
                seen = self._watched[event.report_id] = Watched(event.report_id)
            note(seen, event)
            self._changed.add(event.report_id)

    async def look(self) -> None:
        """One look: judge, measure, log, write, mail. A store or mail server that is away changes nothing about it."""
        why = self._reads()
        if why is not None:
            self._reading_since, self.failing = None, why
            return
        at = self._clock.monotonic()
        if self._reading_since is None:
            self._reading_since = at
        if at - self._reading_since < SETTLE_S:
            return
        now = self._clock.now()
        self._judge(now)
        metrics.LAST_LOOK.set(now.timestamp())
        self._looked_at = at
        try:
            await self._write(now)
            self.failing = None
        except TransientError as error:
            self.failing = str(error)
            _LOG.warning("auditor.not_written", reason=str(error))
        await self._tell(at)

    def _judge(self, now: datetime) -> None:
        found: dict[str, Wrong] = {}
        for report_id in self._changed:
            seen = self._watched[report_id]
            conclude(seen, self._quiet)
            (self._owing.add if seen.promise is not None else self._owing.discard)(report_id)
        self._changed.clear()
        for report_id in self._owing:
            bad = wrong(self._watched[report_id], now)
            if bad is not None:
                found[report_id] = bad
        new = {i: bad for i, bad in found.items() if i not in self._wrong}
        if new:
            metrics.FOUND.inc(len(new))
            _LOG.error(
                "auditor.overdue", reports=len(new), faults=dict(Counter(bad.fault.value for bad in new.values()))
            )
        self._untold = {i: bad for i, bad in {**self._untold, **new}.items() if i in found}
        self._wrong = found
        faults = Counter(bad.fault for bad in found.values())
        for fault in Fault:
            metrics.OVERDUE.labels(fault.value).set(faults[fault])
        oldest = min((bad.due for bad in found.values()), default=now)
        metrics.OLDEST.set(max((now - oldest).total_seconds(), 0.0))
        metrics.WATCHED.set(len(self._owing))

    async def _write(self, now: datetime) -> None:
        if self._written is None:
            self._written = await self._store.known()
        new = [_finding(bad, now) for i, bad in self._wrong.items() if i not in self._written]
        over = sorted(self._written - self._wrong.keys())
        await self._store.put(new, over)
        self._written = set(self._wrong)
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

    def unwell(self) -> str | None:
        """Why somebody outside should be called: it cannot look, or what it found could not be told. None: all well."""
        if self.failing is not None:
            return self.failing
        if self._looked_at is None or self._clock.monotonic() - self._looked_at > _STALE_S:
            return "has not looked lately"
        return f"{len(self._untold)} findings could not be mailed" if self._refused and self._untold else None

    @property
    def found(self) -> dict[str, Wrong]:
        """What is wrong now."""
        return dict(self._wrong)


def _finding(bad: Wrong, now: datetime) -> Finding:
    return Finding(
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
