"""Watches for accepted reports that get no centre.

Only the store can tell: to whoever counts from the log, a report whose event the log has lost (a power cut of an only
broker) was never there.
"""

from datetime import timedelta
from typing import Final

from prometheus_client import Gauge

from services.intake.reports import documents
from services.intake.reports.documents import UNASSIGNED_SINCE
from services.intake.reports.lifecycle import Access
from services.intake.reports.repository import ReportRepository
from services.intake.retention import rules as retention_rules
from shared import log
from shared.clock import Clock
from shared.metrics import REGISTRY

OLDEST = Gauge(
    "ieum_intake_oldest_unassigned_report_age_seconds",
    "How long the accepted report that has waited longest for a centre has waited; 0 while none waits.",
    registry=REGISTRY,
)
LOOK_S: Final = 30.0
LATE_S: Final = 300.0
"""A report has its centre within a second; routing that is started anew, within a minute."""
_LOG = log.get(__name__)


class UnassignedWatch:
    """Says how long the oldest report without a centre has waited, and names those that wait too long."""

    def __init__(self, reports: ReportRepository, clock: Clock) -> None:
        """Reads ``reports``; takes only stale marks off them."""
        self._reports = reports
        self._clock = clock
        self._named: set[str] = set()

    async def look(self) -> None:
        """One look, at the hundred that have waited longest. Raises ``TransientError``.

        It goes on behind those that need no centre: whoever takes back very many at once hides no other.
        """
        now = self._clock.now()
        stale: list[str] = []
        waiting: dict[str, timedelta] = {}
        seen = 0
        while not waiting and (marked := await self._reports.marked(UNASSIGNED_SINCE, until=now, skip=seen)):
            seen += len(marked)
            for one in marked:
                if documents.progress_of(one).ownership is not None:
                    stale.append(one["_id"])
                elif _open(one):
                    waiting[one["_id"]] = now - one[UNASSIGNED_SINCE]
        if stale:
            await self._reports.assigned(stale)
        OLDEST.set(max((age.total_seconds() for age in waiting.values()), default=0.0))
        late = {report_id for report_id, age in waiting.items() if age.total_seconds() > LATE_S}
        if late - self._named:
            _LOG.error("reports.unassigned", reports=len(late), report_ids=sorted(late))
        self._named = late


def _open(document: documents.Document) -> bool:
    """Whether a centre is to have it: what was taken back needs none."""
    return retention_rules.report_access(document) is Access.OPEN
