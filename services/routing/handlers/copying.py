"""Copies routing records to the store, behind the hot path, in a group of its own: it may lag and loses nothing."""

from services.routing import measures
from services.routing.projection import RoutingEvent
from services.routing.store import DecisionStore, Entry
from shared.bus.consumer import Received
from shared.events.routings import ReportRerouted, ReportRouted


class Copier:
    """Writes every record of `routings` once; the first of a version stays."""

    def __init__(self, store: DecisionStore) -> None:
        self._store = store

    async def handle(self, batch: list[Received]) -> None:
        """Write one batch in one go; doing it again changes nothing."""
        await self._store.save([_entry(r, r.event) for r in batch if isinstance(r.event, RoutingEvent)])
        measures.COPIED.inc(len(batch))


def _entry(received: Received, event: RoutingEvent) -> Entry:
    return Entry(
        report_id=event.report_id,
        version=event.version,
        ownership=event.ownership,
        center_id=event.decision.center_id if isinstance(event, (ReportRouted, ReportRerouted)) else event.center_id,
        type=event.TYPE,
        partition=received.partition,
        offset=received.offset,
        event=event.model_dump(mode="json", exclude_none=True),
    )
