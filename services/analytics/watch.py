"""What analytics looks at every few seconds beside folding: both ends of the count, the log's ends, the dead topic."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol

from services.analytics import measures
from services.analytics.policy.reconciliation import Reconciliation, reconcile
from services.analytics.store.reading import Reader
from shared import log
from shared.bus.records import RawRecord
from shared.clock import Clock
from shared.errors import TransientError
from shared.events.base import header_map
from shared.events.reports import ReportReceived
from shared.topics import ALERTS, CASES, REPORTS, ROUTINGS, Topic

_log = log.get(__name__)

DEAD_REPORTS: Final = replace(REPORTS, name=REPORTS.dead)
"""The dead twin of `reports`, to be read like a topic."""
WATCHED: Final = (REPORTS, ROUTINGS, CASES, ALERTS)
_GROUP: Final = b"routing"
"""A report is dead when routing, which must give it an owner, could not."""


class Log(Protocol):
    """Bounded reads of one topic: the part of ``PartitionReader`` used here."""

    async def ends(self, partitions: list[int]) -> dict[int, int]:
        """First free offset of each partition."""

    def read(self, wanted: Mapping[int, tuple[int, int]]) -> AsyncIterator[RawRecord]:
        """The records from start to end, end excluded."""


class Watch:
    """Runs beside the folding; holds the newest reconciliation and how far counting has caught up."""

    def __init__(
        self,
        reader: Reader,
        logs: Mapping[Topic, Log],
        clock: Clock,
        *,
        partitions: int,
        every_s: float,
    ) -> None:
        """``logs`` holds a reader for each of ``WATCHED`` and for ``DEAD_REPORTS``."""
        self._reader = reader
        self._logs = logs
        self._clock = clock
        self._partitions = list(range(partitions))
        self._every_s = every_s
        self._dead_read: dict[int, int] = {}
        self._caught_up: datetime | None = None
        self._trouble: str | None = "not looked yet"

    def caught_up(self) -> datetime | None:
        """The latest moment of which everything written before it is known to be counted; None before the first."""
        return self._caught_up

    def check(self) -> str | None:
        """For health: None while looking works."""
        return self._trouble

    async def run(self) -> None:
        """Look again and again until cancelled; a store or broker that is away is waited for."""
        while True:
            try:
                await self.look()
                self._trouble = None
            except TransientError as error:
                self._trouble = str(error)
                _log.warning("analytics.watch_failed", error=str(error))
            await self._clock.sleep(self._every_s)

    async def look(self) -> None:
        """One round."""
        await self._read_dead()
        await self._measure_distance()
        await self.reconcile()

    async def reconcile(self) -> Reconciliation:
        """Compare both ends now, and show the result as metrics."""
        now = self._clock.now()
        result = reconcile(await self._reader.tally(), now)
        measures.DIFFERENCE.set(result.difference)
        measures.IN_FLIGHT.set(result.in_flight)
        measures.DEAD.set(result.dead)
        measures.OLDEST.set(result.oldest_in_flight_seconds or 0)
        if result.difference:
            _log.error("analytics.reconciliation_differs", difference=result.difference)
        return result

    async def _measure_distance(self) -> None:
        """Everything up to the ends seen now is counted once the stored offsets have reached them."""
        now = self._clock.now()
        ends = {
            (topic.name, partition): end
            for topic in WATCHED
            for partition, end in (await self._logs[topic].ends(self._partitions)).items()
        }
        stored = await self._reader.offsets()
        if all(stored.get(place, 0) >= end for place, end in ends.items()):
            self._caught_up = now
        if self._caught_up is not None:
            measures.BEHIND.set((now - self._caught_up).total_seconds())

    async def _read_dead(self) -> None:
        log_ = self._logs[DEAD_REPORTS]
        ends = await log_.ends(self._partitions)
        wanted = {p: (self._dead_read.get(p, 0), end) for p, end in ends.items() if end > self._dead_read.get(p, 0)}
        if not wanted:
            return
        found = [report_id async for report_id in _dead_reports(log_.read(wanted))]
        await self._reader.add_dead(found)
        self._dead_read |= {p: end for p, (_, end) in wanted.items()}


async def _dead_reports(records: AsyncIterator[RawRecord]) -> AsyncIterator[str]:
    async for record in records:
        headers = header_map(record.headers)
        own = headers.get("ce_type") == ReportReceived.TYPE.encode()
        if own and headers.get("dead_group") == _GROUP and record.key is not None:
            yield record.key.decode("utf-8", "replace")
