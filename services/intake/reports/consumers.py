"""Intake's consumers: `routings` and `cases` keep the status that a reporter is told up to date."""

from prometheus_client import Gauge

from services.intake.reports import rules as progress_rules
from services.intake.reports.models import Progress
from services.intake.reports.repository import ReportRepository
from shared import log
from shared.events.families import CaseEvents, RoutingEvents
from shared.kafka.router import Batch, KafkaRouter, Received
from shared.metrics import REGISTRY
from shared.outbox import Relay
from shared.topics import CASES, ROUTINGS

HOLES = Gauge(
    "ieum_intake_routing_gap_reports",
    "Reports whose routings were found to lack a record since this process started: somebody must look.",
    registry=REGISTRY,
)


GROUP = "intake-status"
PACE_S = 0.5
"""Between two batches of news for the reporter's status. A record may wait for two of them, because a partition is not
fetched while some of it is left to take; that must be less than the relay leaves published events to this write."""


def consumers(follower: "ProgressFollower") -> KafkaRouter:
    """One group for both topics."""
    router = KafkaRouter()

    @router.subscriber(ROUTINGS, CASES, group=GROUP, pace_s=PACE_S)
    async def follow_status(batch: Batch[RoutingEvents | CaseEvents]) -> None:
        await follower(batch)

    return router


class ProgressFollower:
    """Handler of both topics."""

    def __init__(self, reports: ReportRepository, relay: Relay) -> None:
        """``reports`` is where progress is kept, ``relay`` publishes their events."""
        self._reports = reports
        self._relay = relay
        self._log = log.get("services.intake.reports")
        self._holes: set[str] = set()

    async def __call__(self, received: list[Received]) -> None:
        """Fold a batch, one read and one bulk write per hundred reports."""
        records: dict[str, list[Received]] = {}
        for record in received:
            records.setdefault(record.event.key, []).append(record)
        holes: dict[str, tuple[Received, int]] = {}
        closed: set[str] = set()

        def fold(report_id: str, progress: Progress) -> Progress:
            for record in records[report_id]:
                before, progress = progress, progress_rules.fold(progress, record.event)
                if progress.hole is not None and progress.hole != before.hole:
                    holes[report_id] = record, before.ownership.version if before.ownership else 0
            if progress.hole is None:
                closed.add(report_id)
            return progress

        missing = await self._reports.advance(list(records), fold, self._relay)
        for report_id, (record, known) in holes.items():
            self._log.error(
                "status.routing_hole",
                report_id=report_id,
                known=known,
                found=getattr(record.event, "version", None),
                partition=record.partition,
                offset=record.offset,
            )
        self._holes = (self._holes | holes.keys()) - closed
        HOLES.set(len(self._holes))
        if missing:
            # Not an error of the record: a report is stored here before its first event can exist anywhere.
            self._log.warning("status.foreign_reports", reports=len(missing))

    def check(self) -> str | None:
        """Holes met since this process started; the reports' own marks outlive it."""
        if not self._holes:
            return None
        return f"routings of {len(self._holes)} reports lack a record: see status.routing_hole in the log"
