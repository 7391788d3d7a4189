"""Watches the counting every few seconds: both ends of the count, the log's ends, the dead-letter topic."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import nan
from typing import Final, Protocol

from services.analytics import metrics
from services.analytics.counting.reader import CountReader
from services.analytics.counting.reconciliation import Reconciliation, reconcile
from shared import log
from shared.clock import Clock
from shared.errors import PermanentError, UnknownTypeError
from shared.events.envelope import header_map
from shared.events.reports import ReportReceived
from shared.kafka.decoding import RawRecord, decode_record
from shared.topics import ALERTS, CASES, CENTERS, REPORTS, ROUTINGS, Topic

_log = log.get(__name__)

DEAD_REPORTS: Final = replace(REPORTS, name=REPORTS.dead)
"""The dead-letter topic of `reports`, to be read like a topic."""
WATCHED: Final = (REPORTS, ROUTINGS, CASES, ALERTS, CENTERS)
"""Every topic that a release is made of: it waits for the end that each had when the period closed."""
ON_ITS_WAY_S: Final = 3600.0
"""A report has its owner within seconds; one that has none for so long is not on its way any more."""
STOPPED_AFTER_S: Final = 900.0
"""Counting that is behind for so long is told to readers: a restart or a rebalance takes less."""
_GROUP: Final = b"routing"
"""A report is dead when routing, which must give it an owner, could not."""
_TAIL: Final = 200
"""Most records of one partition looked through at once for the end of what cannot be read."""


class BoundedReader(Protocol):
    """Bounded reads of one topic: the part of ``PartitionReader`` used here."""

    async def ends(self, partitions: Iterable[int]) -> dict[int, int]:
        """First free offset of each partition."""

    def read(self, wanted: Mapping[int, tuple[int, int]]) -> AsyncGenerator[RawRecord, None]:
        """The records from start to end, end excluded."""


@dataclass(frozen=True, slots=True)
class _Sample:
    """Where the log ended at one moment, by topic and partition."""

    moment: datetime
    ends: dict[tuple[Topic, int], int]


class Watch:
    """Runs beside the folding; holds the newest reconciliation and how far counting has caught up."""

    def __init__(
        self,
        reader: CountReader,
        logs: Mapping[Topic, BoundedReader],
        clock: Clock,
        *,
        partitions: int,
        patience_s: float = 0.0,
    ) -> None:
        """``logs`` holds a reader for each of ``WATCHED`` and for ``DEAD_REPORTS``.

        ``patience_s``: so long a partition may make no progress before its records are looked at.
        """
        self._reader = reader
        self._logs = logs
        self._clock = clock
        self._partitions = list(range(partitions))
        self._patience = timedelta(seconds=patience_s)
        self._dead_read: dict[int, int] = {}
        self._caught_up: datetime | None = None
        self._uncounted_since: datetime | None = None
        self._sample: _Sample | None = None
        self._reached: dict[tuple[Topic, int], int] = {}
        self._moved: dict[tuple[Topic, int], datetime] = {}
        self._looked = False
        self._newest: Reconciliation | None = None
        metrics.BEHIND.set(nan)  # 0 would say that nothing is left to count

    def caught_up(self) -> datetime | None:
        """The latest moment of which everything written before it is known to be counted; None before the first."""
        return self._caught_up

    def accounted(self) -> bool | None:
        """Return whether nothing was missing at the last look; None if it could not look, or counting has stood still.

        Of what was accepted since it stood still nothing is known; what is missing already is missing all the same. A
        report without an owner is missing too once it is dead, or has been on its way longer than any should. So is
        one with an owner whose acceptance nobody could read.
        """
        if not self._looked or self._newest is None:
            return None
        waited = max(self._newest.oldest_in_flight_seconds or 0.0, self._newest.oldest_ahead_seconds or 0.0)
        missing = self._newest.difference != 0 or self._newest.dead > 0 or waited > ON_ITS_WAY_S
        return None if not missing and self.stopped_since() is not None else not missing

    def stopped_since(self) -> datetime | None:
        """Return since when counting has stood still, if long; None while it keeps up or nothing is known."""
        since = self._uncounted_since
        return since if since is not None and (self._clock.now() - since).total_seconds() > STOPPED_AFTER_S else None

    async def look(self) -> None:
        """One round. Raises ``TransientError`` while store or broker are away; the lag grows meanwhile."""
        if self._uncounted_since is not None:
            self._show_lag(self._uncounted_since)
        try:
            try:
                await self._read_dead()
                await self._measure_distance()
            except Exception:
                # The store alone says how long a report has had no owner, also while the broker is away.
                await self.reconcile()
                raise
            await self.reconcile()
        except Exception:
            self._looked = False
            raise
        self._looked = True

    async def reconcile(self) -> Reconciliation:
        """Compare both ends now, and show the result as metrics."""
        now = self._clock.now()
        result = self._newest = reconcile(await self._reader.reconciliation_counts(), now)
        metrics.DIFFERENCE.set(result.difference)
        metrics.IN_FLIGHT.set(result.in_flight)
        metrics.DEAD.set(result.dead)
        metrics.OLDEST.set(result.oldest_in_flight_seconds or 0)
        metrics.AHEAD.set(result.ahead)
        metrics.OLDEST_AHEAD.set(result.oldest_ahead_seconds or 0)
        if result.difference:
            _log.error("analytics.reconciliation_differs", difference=result.difference)
        return result

    async def _measure_distance(self) -> None:
        """Sample the log's ends: what was written before a sample is counted once the stored offsets have reached it.

        A sample is kept until it is reached: under steady traffic the ends of this moment never are.
        """
        now = self._clock.now()
        sample = self._sample or await self._new_sample(now)
        if await self._reaches(sample):
            self._caught_up = sample.moment
            self._sample = None if sample.moment == now else await self._new_sample(now)
        else:
            self._sample = sample
        self._uncounted_since = self._caught_up or await self._oldest_uncounted(self._sample)
        self._show_lag(self._uncounted_since or now)

    def _show_lag(self, since: datetime) -> None:
        metrics.BEHIND.set((self._clock.now() - since).total_seconds())

    async def _oldest_uncounted(self, sample: _Sample | None) -> datetime | None:
        """Before the first catch-up, when the oldest record that is not counted was written, by Kafka's time."""
        oldest: list[int] = []
        for (topic, partition), end in sample.ends.items() if sample is not None else ():
            begin = self._reached.get((topic, partition), 0)
            if begin < end:
                async with aclosing(self._logs[topic].read({partition: (begin, begin + 1)})) as records:
                    oldest += [record.timestamp_ms async for record in records]
        return datetime.fromtimestamp(min(oldest) / 1000, UTC) if oldest else None

    async def _new_sample(self, now: datetime) -> _Sample:
        ends = {
            (topic, partition): end
            for topic in WATCHED
            for partition, end in (await self._logs[topic].ends(self._partitions[: topic.partitions or None])).items()
        }
        return _Sample(now, ends)

    async def _reaches(self, sample: _Sample) -> bool:
        stored = await self._reader.offsets()
        now, all_reached = self._clock.now(), True
        for (topic, partition), end in sample.ends.items():
            before = self._reached.get((topic, partition), 0)
            reached = max(before, stored.get((topic.name, partition), 0))
            if reached > before or reached >= end:
                self._moved[topic, partition] = now
            elif now - self._moved.setdefault((topic, partition), now) >= self._patience:
                # No progress, though counting does not rest for so long: perhaps nothing there can be counted.
                reached = await self._after_garbage(topic, partition, reached, end)
            self._reached[topic, partition] = reached
            all_reached = all_reached and reached >= end
        return all_reached

    async def _after_garbage(self, topic: Topic, partition: int, start: int, end: int) -> int:
        """The first record that can be counted. The bus keeps the others from the folding, which stores no offset.

        Not the group's committed offsets are asked: after the store was lost they lie ahead of what is counted.
        """
        async with aclosing(self._logs[topic].read({partition: (start, min(end, start + _TAIL))})) as records:
            async for record in records:
                if not _is_garbage(record, topic):
                    break
                start = record.offset + 1
        return start

    async def _read_dead(self) -> None:
        log_ = self._logs[DEAD_REPORTS]
        ends = await log_.ends(self._partitions)
        wanted = {p: (self._dead_read.get(p, 0), end) for p, end in ends.items() if end > self._dead_read.get(p, 0)}
        if not wanted:
            return
        found = [report_id async for report_id in _dead_reports(log_.read(wanted))]
        await self._reader.add_dead(found)
        self._dead_read |= {p: end for p, (_, end) in wanted.items()}


def _is_garbage(record: RawRecord, topic: Topic) -> bool:
    try:
        decode_record(record, topic.name)
    except PermanentError:
        return True
    except UnknownTypeError:  # waits for a newer build
        return False
    return False


async def _dead_reports(records: AsyncIterator[RawRecord]) -> AsyncIterator[str]:
    async for record in records:
        headers = header_map(record.headers)
        own = headers.get("ce_type") == ReportReceived.TYPE.encode()
        if own and headers.get("dead_group") == _GROUP and record.key is not None:
            yield record.key.decode("utf-8", "replace")
