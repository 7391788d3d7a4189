"""Looks at the store every few seconds for what only a look can tell: how much is due, how long the oldest waits."""

import math
from datetime import timedelta
from typing import Final

from services.notify import metrics
from services.notify.auditor.repository import FindingStore
from services.notify.cases.repository import CaseStore
from shared import log
from shared.clock import Clock

_LOG = log.get(__name__)
EVERY_S: Final = 5.0
CONFIRMED_WITHIN: Final = timedelta(seconds=30)
"""Routing answers within a second; what takes longer is stuck in front of it or dead."""


class StoreGauges:
    """Keeps the gauges fresh."""

    def __init__(self, cases: CaseStore, findings: FindingStore, clock: Clock) -> None:
        """Reads only."""
        self._cases = cases
        self._findings = findings
        self._clock = clock

    async def look(self) -> None:
        """One look. Raises ``TransientError``."""
        now = self._clock.now()
        metrics.DUE.set(await self._cases.backlog(now))
        oldest = await self._cases.oldest_waiting()
        metrics.OLDEST.set(0.0 if oldest is None else max((now - oldest).total_seconds(), 0.0))
        metrics.OFFERS_OPEN.set(await self._cases.offers_open())
        looked = await self._findings.last_look()
        metrics.AUDITOR_SILENT.set((now - looked).total_seconds() if looked is not None else math.inf)
        stuck = await self._cases.unconfirmed(now - CONFIRMED_WITHIN)
        metrics.UNCONFIRMED.set(stuck)
        if stuck:
            _LOG.warning("cases.unconfirmed", cases=stuck)
