"""Looks at the store every few seconds for what only a look can tell: how much is due, how long the oldest waits."""

import math
from datetime import datetime, timedelta
from typing import Final

from services.notify import metrics
from services.notify.auditor.repository import FindingStore
from services.notify.cases.models import RANK
from services.notify.cases.repository import CaseStore
from shared import log
from shared.clock import Clock

_LOG = log.get(__name__)
EVERY_S: Final = 5.0
CONFIRMED_WITHIN: Final = timedelta(seconds=30)
"""Routing answers within a second; what takes longer is stuck in front of it or dead."""


_SPAN: Final = timedelta(seconds=6)
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
        """When it was received; None where nothing waits. Raises ``TransientError``."""
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


class StoreGauges:
    """Keeps the gauges fresh."""

    def __init__(self, cases: CaseStore, findings: FindingStore, clock: Clock) -> None:
        """Reads only."""
        self._cases = cases
        self._oldest = OldestWaiting(cases)
        self._findings = findings
        self._clock = clock

    async def look(self) -> None:
        """One look. Raises ``TransientError``."""
        now = self._clock.now()
        metrics.DUE.set(await self._cases.backlog(now))
        oldest = await self._oldest.look(now)
        metrics.OLDEST.set(0.0 if oldest is None else max((now - oldest).total_seconds(), 0.0))
        metrics.OFFERS_OPEN.set(await self._cases.offers_open())
        looked = await self._findings.last_look()
        metrics.AUDITOR_SILENT.set((now - looked).total_seconds() if looked is not None else math.inf)
        stuck = await self._cases.unconfirmed(now - CONFIRMED_WITHIN)
        metrics.UNCONFIRMED.set(stuck)
        if stuck:
            _LOG.warning("cases.unconfirmed", cases=stuck)
