"""Count the whole log anew beside the running service, compare, swap: ``ieum rebuild``.

Prints every cell counted differently and then leaves the old generation in place (status 1), unless ``--accept``.
``--back`` lets the generation before the present one serve again. ``--as-of NAME`` counts up to where the topics were
when a release was made, prints the national sums of then and changes nothing. Killed at any point, the generation that
served goes on serving.

One partition after the other is folded in memory, from its first record to where the serving generation stands, and
inserted in bulk; what was written meanwhile follows by the same batches as always. Memory holds the facts and cells of
one partition.
"""

import asyncio
import resource
import sys
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from services.analytics.counting.aggregate import daily, monthly
from services.analytics.counting.consumers import ProjectionConsumer
from services.analytics.counting.models import Fact
from services.analytics.counting.project import Cells, advance, fold_centers
from services.analytics.counting.reader import CountReader
from services.analytics.counting.rebuild_repository import (
    Difference,
    Stretch,
    abandon,
    begin,
    differences,
    folded_to,
    insert_centers,
    insert_partition,
    known_generations,
    remembered,
    stretches,
    swap,
)
from services.analytics.counting.repository import Database, Generation, Position
from services.analytics.settings import AnalyticsSettings
from shared import log
from shared.errors import FatalError, OutOfSequenceError, PermanentError, TransientError, UnknownTypeError
from shared.events.base import ReportEvent
from shared.events.centers import CenterChanged
from shared.kafka.decoding import Blocked, Received, decode_record
from shared.kafka.reader import PartitionReader
from shared.mongo import connect
from shared.progress import Progress, silent
from shared.settings import KafkaSettings, StoreSettings, load
from shared.topics import ALERTS, CASES, CENTERS, REPORTS, ROUTINGS, Topic

_log = log.get(__name__)

FOLDED_TOPICS: Final = (REPORTS, ROUTINGS, CASES, ALERTS)
_BATCH: Final = 2000
_TRIES: Final = 200
"""How often the serving generation may move on just before the swap."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Result of a rebuild."""

    generation: int
    served: int
    """The generation before it."""
    events: int
    seconds: float
    """From the first record read to the end of the bulk inserts."""
    differences: tuple[Difference, ...]
    swapped: bool


class Rebuild:
    """Makes generations out of the log. ``logs`` holds a reader for each of the five topics."""

    def __init__(
        self,
        database: Database,
        logs: Mapping[Topic, PartitionReader],
        partitions: int,
        *,
        given_up: Collection[str] = frozenset(),
        progress: Progress = silent,
    ) -> None:
        self._database = database
        self._progress = progress
        self._given_up = given_up
        self._partitions = partitions
        self.logs = logs

    async def run(self, *, accept: bool = False) -> Rebuilt:
        """Rebuild, compare, swap. With differences the old generation goes on serving unless they are accepted.

        Raises ``TransientError`` where Kafka or the store is away: the old one serves, and it can be run again.
        """
        old, _ = await known_generations(self._database)
        new, events, seconds = await self._made(await folded_to(old))
        found = await self._compared(old, new)
        if found and not accept:
            await abandon(new)
            return Rebuilt(new.number, old.number, events, seconds, tuple(found), swapped=False)
        await self._swapped(old, new, made=True)
        return Rebuilt(new.number, old.number, events, seconds, tuple(found), swapped=True)

    async def back(self) -> tuple[int, int]:
        """Let the generation before this one serve again, brought up to date first: (from, to)."""
        current, before = await known_generations(self._database)
        if before is None:
            raise FatalError("there is no generation to go back to")
        await before.create()  # an earlier build may have made it, with fewer indexes
        await self._swapped(current, before, made=False)
        return current.number, before.number

    async def as_of(self, upto: Mapping[Position, int]) -> Generation:
        """A generation folded exactly so far, which never serves; the next rebuild removes it."""
        generation, _, _ = await self._made(upto)
        return generation

    async def _made(self, upto: Mapping[Position, int]) -> tuple[Generation, int, float]:
        used = {partition for topic, partition in upto if topic != CENTERS.name}
        partitions = sorted(used | set(range(self._partitions)))
        generation = await begin(self._database, partitions)
        started, events = perf_counter(), 0
        total = sum(upto.values())
        for partition in partitions:
            events += await self._partition(generation, partition, upto)
            self._progress(events, total)
        events += await self._centers(generation, upto.get((CENTERS.name, 0), 0))
        return generation, events, perf_counter() - started

    async def _partition(self, generation: Generation, partition: int, upto: Mapping[Position, int]) -> int:
        facts: dict[str, Fact] = {}
        next_ = {t.name: upto[t.name, partition] for t in FOLDED_TOPICS if upto.get((t.name, partition))}
        events = 0
        for topic in FOLDED_TOPICS:
            async with aclosing(self._events(topic, partition, 0, next_.get(topic.name, 0))) as received:
                async for one in received:
                    events += 1
                    event = one.event
                    if not isinstance(event, ReportEvent):
                        continue
                    fact = facts.get(event.report_id)
                    if fact is None:
                        fact = facts[event.report_id] = Fact(event.report_id, partition)
                    try:
                        advance(fact, event)
                    except OutOfSequenceError:
                        if event.report_id not in self._given_up:
                            raise
        days, months = _cells(facts.values(), partition)
        await insert_partition(generation, partition, facts, days, months, next_)
        _log.info("analytics.rebuilt_partition", partition=partition, events=events, reports=len(facts))
        return events

    async def _centers(self, generation: Generation, end: int) -> int:
        async with aclosing(self._events(CENTERS, 0, 0, end)) as received:
            events = [one.event async for one in received]
        centers, months = fold_centers({}, [event for event in events if isinstance(event, CenterChanged)])
        await insert_centers(generation, centers, months, end)
        return len(events)

    async def _events(self, topic: Topic, partition: int, start: int, end: int) -> AsyncGenerator[Received, None]:
        """Yield the readable events of a stretch. Others lie in the dead-letter topic too, and count nowhere."""
        if start >= end:
            return
        async with aclosing(self.logs[topic].read({partition: (start, end)})) as records:
            async for record in records:
                try:
                    received = decode_record(record, topic.name)
                except PermanentError:
                    continue
                except UnknownTypeError as error:
                    raise FatalError(f"{error}: rebuild with the build that wrote it") from error
                yield received

    async def _compared(self, old: Generation, new: Generation) -> list[Difference]:
        await self._follow(new, await folded_to(old))
        return [each for stretch in await stretches(old, new) for each in await self._compare(old, new, stretch)]

    async def _compare(self, old: Generation, new: Generation, stretch: Stretch) -> list[Difference]:
        for _ in range(_TRIES):
            found = await differences(old, new, stretch)
            if found is not None:
                return found
            await self._follow(new, await folded_to(old))
        raise TransientError("events come too fast to compare two generations: try again when it is calmer")

    async def _swapped(self, old: Generation, new: Generation, *, made: bool) -> None:
        for _ in range(_TRIES):
            await self._follow(new, await folded_to(old))
            if await swap(old, new, made=made):
                return
            await asyncio.sleep(0)
        raise TransientError("events come too fast to swap: the old generation serves, try again when it is calmer")

    async def _follow(self, generation: Generation, upto: Mapping[Position, int]) -> None:
        """Fold what is missing up to these offsets, in batches like those of the service."""
        projection = ProjectionConsumer(self._database, generation, given_up=self._given_up)
        done = await folded_to(generation)
        names = {topic.name: topic for topic in (*FOLDED_TOPICS, CENTERS)}
        for (name, partition), end in sorted(upto.items()):
            batch: list[Received] = []
            start = done.get((name, partition), 0)
            async with aclosing(self._events(names[name], partition, start, end)) as received:
                async for one in received:
                    batch.append(one)
                    if len(batch) == _BATCH:
                        _demand_whole(await projection.handle(batch))
                        batch = []
            if batch:
                _demand_whole(await projection.handle(batch))


def _demand_whole(blocked: Sequence[Blocked]) -> None:
    for stop in blocked:
        raise FatalError(stop.reason)


def _cells(facts: Iterable[Fact], partition: int) -> tuple[Cells, Cells]:
    days: Cells = Counter()
    months: Cells = Counter()
    for fact in facts:
        for cells, counted in ((days, daily(fact)), (months, monthly(fact))):
            for (span, cell), n in counted.items():
                cells[partition, span, cell] += n
    return days, months


_SHOWN: Final = 200


def main(*, accept: bool = False, back: bool = False, name: str | None = None, progress: Progress = silent) -> int:
    """Do one of these and print; the exit status."""
    log.configure("analytics-rebuild", "INFO")
    return asyncio.run(_run(progress, accept=accept, back=back, name=name))


async def _run(progress: Progress, *, accept: bool, back: bool, name: str | None) -> int:
    settings = load(KafkaSettings)
    database = connect(load(StoreSettings), "analytics")
    async with rebuild_of(settings, database, load(AnalyticsSettings).given_up(), progress) as rebuild:
        if back:
            before, now = await rebuild.back()
            _say(f"generation {now} serves again, brought up to date; generation {before} is kept")
            return 0
        if name is not None:
            return await _as_of(rebuild, database, name)
        rebuilt = await rebuild.run(accept=accept)
    for line in result_lines(rebuilt):
        _say(line)
    return 0 if rebuilt.swapped else 1


@asynccontextmanager
async def rebuild_of(
    settings: KafkaSettings, database: Database, given_up: Collection[str] = frozenset(), progress: Progress = silent
) -> AsyncIterator[Rebuild]:
    """A rebuild with readers of its topics, connected."""
    async with AsyncExitStack() as stack:
        logs = {topic: PartitionReader(settings, topic) for topic in (*FOLDED_TOPICS, CENTERS)}
        for reader in logs.values():
            stack.push_async_callback(reader.stop)
            await reader.start()
        yield Rebuild(database, logs, settings.topic_partitions, given_up=given_up, progress=progress)


async def _as_of(rebuild: Rebuild, database: Database, name: str) -> int:
    generation = await rebuild.as_of(await remembered(database, name))
    reconciliation_counts = await CountReader(database, generation).reconciliation_counts()
    sums = ", ".join(f"{stage} {n}" for stage, n in sorted(reconciliation_counts.sums.items()))
    _say(f"as of {name}: {sums or 'nothing'}; in flight or dead {reconciliation_counts.without_owner}")
    await abandon(generation)
    return 0


def result_lines(rebuilt: Rebuilt) -> list[str]:
    """Format the result for the operator."""
    rate = rebuilt.events / rebuilt.seconds if rebuilt.seconds else 0
    took = f"{rebuilt.seconds:.1f} s ({rate:,.0f} a second, {peak_mb():.0f} MB at most)"
    lines = [f"{rebuilt.events:,} events counted anew in {took}"]
    lines += [f"{each.where} {each.cell}: {each.old} before, {each.new} now" for each in rebuilt.differences[:_SHOWN]]
    if len(rebuilt.differences) > _SHOWN:
        lines.append(f"… and {len(rebuilt.differences) - _SHOWN} more")
    lines.append(f"{len(rebuilt.differences)} cells differ")
    if rebuilt.swapped:
        lines.append(f"generation {rebuilt.generation} serves; --back lets generation {rebuilt.served} serve again")
    else:
        lines.append(f"generation {rebuilt.served} goes on serving; --accept swaps all the same")
    return lines


def peak_mb() -> float:
    """The most memory this process had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
