"""Copies routing records to the store, behind the hot path, in a group of its own: it may lag and loses nothing."""

from collections.abc import Callable
from typing import Final

from services.routing import measures
from services.routing.projection import RoutingEvent
from services.routing.store import DecisionStore, Entry
from shared.bus.consumer import Received
from shared.clock import Clock
from shared.events.routings import ReportRerouted, ReportRouted

MAX_RECORDS: Final = 200
"""Small, because reading a batch holds up the hot path that shares the event loop."""
YIELD_SECONDS: Final = 10.0
"""Longest wait for a surge to end: under a lasting one copies go on, slowly."""
_LOOK_EVERY_S: Final = 0.1


class Copier:
    """Writes every record of `routings` once; the first of a version stays. Gives way while a backlog is worked off."""

    def __init__(self, store: DecisionStore, surging: Callable[[], bool], clock: Clock) -> None:
        self._store = store
        self._surging = surging
        self._clock = clock

    async def handle(self, batch: list[Received]) -> None:
        """Write one batch in one go; doing it again changes nothing."""
        give_up = self._clock.monotonic() + YIELD_SECONDS
        while self._surging() and self._clock.monotonic() < give_up:
            await self._clock.sleep(_LOOK_EVERY_S)
        await self._store.save(
            [entry_of(r.event, r.partition, r.offset) for r in batch if isinstance(r.event, RoutingEvent)]
        )
        measures.COPIED.inc(len(batch))


def entry_of(event: RoutingEvent, partition: int, offset: int) -> Entry:
    """The copy of one record."""
    return Entry(
        report_id=event.report_id,
        version=event.version,
        ownership=event.ownership,
        center_id=event.decision.center_id if isinstance(event, (ReportRouted, ReportRerouted)) else event.center_id,
        type=event.TYPE,
        partition=partition,
        offset=offset,
        event=event.model_dump(mode="json", exclude_none=True),
    )
