"""What intake does with `routings` and `cases`: keep the truth a reporter is told up to date."""

from prometheus_client import Counter

from services.intake import projection
from services.intake.model.report import Progress
from services.intake.store.reports import Reports
from shared import log
from shared.bus.consumer import Received
from shared.events.base import Event
from shared.metrics import REGISTRY

FOREIGN = Counter(
    "intake_foreign_events", "Events about reports that are not in this store: another system's.", registry=REGISTRY
)


class StatusFollower:
    """Handler of both topics."""

    def __init__(self, reports: Reports) -> None:
        """``reports`` is where progress is kept."""
        self._reports = reports
        self._log = log.get("services.intake.handlers")

    async def __call__(self, received: list[Received]) -> None:
        """Fold a batch, one read and one bulk write per hundred reports."""
        events: dict[str, list[Event]] = {}
        for record in received:
            events.setdefault(record.event.key, []).append(record.event)

        def fold(report_id: str, progress: Progress) -> Progress:
            for event in events[report_id]:
                progress = projection.fold(progress, event)
            return progress

        missing = await self._reports.advance(list(events), fold)
        if missing:
            # Not an error of the record: a report is stored here before its first event can exist anywhere.
            FOREIGN.inc(sum(len(events[report_id]) for report_id in missing))
            self._log.warning("status.foreign_reports", reports=len(missing))
