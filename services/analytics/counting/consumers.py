"""Batches from the bus into the store: read what is known, fold, write everything in one transaction.

Offsets live in the store, beside their effects. Whatever is delivered again lies below the stored offset and is
skipped, so each record changes the numbers exactly once.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from services.analytics import metrics
from services.analytics.counting.fact_cache import FactCache
from services.analytics.counting.models import Fact
from services.analytics.counting.project import Changes, RoutingEvent, fold, fold_centers
from services.analytics.counting.repository import Database, Generation, OpenBatch, Position, batch, stored_offsets
from shared import log
from shared.errors import FatalError, OutOfSequenceError
from shared.events.base import ReportEvent
from shared.events.centers import CenterChanged
from shared.events.families import AlertEvents, CaseEvents, CenterEvents, ReportEvents, RoutingEvents
from shared.kafka.router import Batch, Blocked, KafkaRouter, Received
from shared.topics import ALERTS, CASES, CENTERS, REPORTS, ROUTINGS

_log = log.get(__name__)

REPORT_TOPICS: Final = frozenset(topic.name for topic in (REPORTS, ROUTINGS, CASES, ALERTS))
"""Read side by side: partition p of all four belongs to one worker."""


def consumers(projection: "ProjectionConsumer", *, max_records: int, pace_s: float) -> KafkaRouter:
    """One group for all topics: partition p of the four report topics belongs to one process."""
    router = KafkaRouter()

    @router.subscriber(
        REPORTS,
        ROUTINGS,
        CASES,
        ALERTS,
        CENTERS,
        group="analytics",
        max_records=max_records,
        pace_s=pace_s,
        on_assigned=projection.assigned,
    )
    async def count(
        batch: Batch[ReportEvents | RoutingEvents | CaseEvents | AlertEvents | CenterEvents],
    ) -> Sequence[Blocked]:
        return await projection.handle(batch)

    return router


class ProjectionConsumer:
    """The consumer side of one worker."""

    def __init__(
        self, database: Database, generation: Generation | None = None, *, given_up: Collection[str] = frozenset()
    ) -> None:
        """Into the generation that serves, unless another is to be brought up to date.

        ``given_up``: reports of which nothing is counted after a gap in their routing.
        """
        self._database = database
        self._given_up = given_up
        self._generation = generation
        self._fact_cache = FactCache()

    async def assigned(self, places: frozenset[Position]) -> Mapping[Position, int]:
        """Return where to start: after what the store holds. Raises ``FatalError`` if the topics come apart."""
        partitions = together_or_fatal(places)
        stored = await stored_offsets(self._database, partitions)
        return {place: stored.get(place, 0) for place in places}

    async def handle(self, records: list[Received]) -> Sequence[Blocked]:
        """Fold one batch; where a report's routing has a gap, its partition of `routings` stops before that record.

        ``TransientError`` leaves no trace of the batch, and the same batch may come again.
        """
        started = perf_counter()
        async with batch(self._database, self._generation) as open_batch:
            done = await _fold(open_batch, records, self._fact_cache, self._given_up)
        self._fact_cache.remember(done.facts, done.offsets, done.partitions)
        metrics.TRANSACTION.observe(perf_counter() - started)
        metrics.GENERATION.set(done.generation)
        metrics.EVENTS.labels("folded").inc(done.folded)
        metrics.EVENTS.labels("ignored").inc(done.fresh - done.folded)
        metrics.EVENTS.labels("repeated").inc(len(records) - done.fresh - done.held)
        for stop in done.blocked:
            where = {"topic": stop.topic, "partition": stop.partition, "offset": stop.offset}
            _log.critical("analytics.partition_stopped", **where, reason=stop.reason, hint="docs/how-to/operator.md")
        return done.blocked


def together_or_fatal(places: Iterable[Position]) -> set[int]:
    """The partitions of the four report topics, which must be the same for all four.

    They are, under the Range assignor and equal partition counts. If not, one worker would see only a part of a report
    and another the rest: ``FatalError``.
    """
    by_topic: dict[str, set[int]] = {name: set() for name in REPORT_TOPICS}
    for topic, partition in places:
        if topic in by_topic:
            by_topic[topic].add(partition)
    sets = list(by_topic.values())
    if any(partitions != sets[0] for partitions in sets):
        shown = {topic: sorted(partitions) for topic, partitions in sorted(by_topic.items())}
        raise FatalError(f"the topics' partitions do not belong together: {shown}")
    return sets[0]


@dataclass(frozen=True, slots=True)
class _Done:
    """Result of a batch."""

    generation: int
    facts: Mapping[str, Fact]
    offsets: Mapping[Position, int]
    """Of its partitions, as they are after it."""
    partitions: set[int]
    fresh: int = 0
    """Records not folded before."""
    folded: int = 0
    """Events that changed something."""
    held: int = 0
    """Records left for later: at a gap and behind it."""
    blocked: Sequence[Blocked] = ()


async def _fold(
    open_batch: OpenBatch, records: Sequence[Received], fact_cache: FactCache, given_up: Collection[str]
) -> _Done:
    partitions = {r.partition for r in records if r.topic in REPORT_TOPICS}
    stored = await open_batch.offsets(partitions)
    trusted = fact_cache.known(open_batch.generation, stored, partitions)
    fresh = [r for r in records if r.offset >= stored.get((r.topic, r.partition), 0)]
    if not fresh:
        return _Done(open_batch.generation, {}, stored, partitions)
    wanted = {r.event.report_id for r in fresh if isinstance(r.event, ReportEvent)}
    known = await open_batch.facts(wanted, trusted)
    changes, kept, blocked = until_a_gap(known, fresh, given_up)
    held, fresh = len(fresh) - len(kept), kept
    news = [r.event for r in fresh if isinstance(r.event, CenterChanged)]
    centers, on_duty = fold_centers(await open_batch.centers() if news else {}, news)
    changes.months.update(on_duty)
    following = next_offsets(fresh)
    await open_batch.save(changes, centers, following)
    now = {**stored, **following}
    folded = changes.folded + len(centers)
    return _Done(open_batch.generation, changes.facts, now, partitions, len(fresh), folded, held, blocked)


def until_a_gap(
    known: Mapping[str, Fact], fresh: list[Received], given_up: Collection[str]
) -> tuple[Changes, list[Received], list[Blocked]]:
    """Fold what can be folded: all but the partitions of `routings` that have a gap, from there on."""
    kept, blocked = fresh, list[Blocked]()
    while True:
        events = [(r.partition, r.event) for r in kept if isinstance(r.event, ReportEvent)]
        try:
            return fold(known, events, given_up), kept, blocked
        except OutOfSequenceError as gap:
            first = next(
                r
                for r in kept
                if isinstance(r.event, RoutingEvent)
                and (r.event.report_id, r.event.version) == (gap.report_id, gap.version)
            )
            blocked.append(Blocked(first.topic, first.partition, first.offset, str(gap)))
            place = (first.topic, first.partition)
            kept = [r for r in kept if (r.topic, r.partition) != place or r.offset < first.offset]


def next_offsets(records: Iterable[Received]) -> dict[Position, int]:
    """The first offset after the batch, of each topic and partition in it."""
    offsets: dict[Position, int] = {}
    for record in records:
        place = (record.topic, record.partition)
        offsets[place] = max(offsets.get(place, 0), record.offset + 1)
    return offsets
