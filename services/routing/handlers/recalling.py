"""Finding out what the log says of reports that memory has let go of.

The store's copy is asked first. While it is away, or does not reach as far as it did when memory relied on it, the log
itself is asked: slower, and never wrong. It is passed through once in an outage; where each report's records lie is
noted then, and later questions read these records and what has come since.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Final, Protocol

from services.routing import measures
from services.routing.model import Standing
from services.routing.projection import PartitionState, RoutingEvent, standing_after
from services.routing.projection.whereabouts import Whereabouts, spans
from services.routing.store import Copied, Entry, event_of
from shared import log
from shared.clock import Clock
from shared.errors import PermanentError, TransientError, UnknownTypeError
from shared.events.base import Event
from shared.kafka.decoding import RawRecord, decode_record

_log = log.get(__name__)

COPY_SECONDS: Final = 3.0
"""Longest wait for the store: fresh reports of the same worker stand behind whatever is being looked up."""
AWAY_SECONDS: Final = 10.0
"""How long the store is not asked again after it did not answer: each question to one that is away costs the wait."""


_NEAR: Final = 200
"""Records wanted at most so far apart are read in one go; in a long log farther, so that a question is few reads."""
_READS: Final = 64
"""About so many reads at most for one question."""


class Reader(Protocol):
    """Bounded reads of one topic; ``shared.kafka.reader.PartitionReader``."""

    async def ends(self, partitions: Iterable[int]) -> dict[int, int]:
        """The end offset of each partition now."""

    def read(self, wanted: Mapping[int, tuple[int, int]]) -> AsyncGenerator[RawRecord, None]:
        """Records from start to end (exclusive) of each partition."""


class Archive(Protocol):
    """``services.routing.store.DecisionStore``, as far as memory needs it."""

    async def copied(self, partitions: Iterable[int]) -> dict[int, Copied]:
        """How far the copy of each partition goes."""

    async def histories(self, report_ids: Sequence[str]) -> Mapping[str, list[Entry]]:
        """Everything routing did about each report, oldest first; reports not found are left out."""


class Recalling:
    """Puts forgotten reports back into a partition's state. A report nobody ever routed is simply not found."""

    def __init__(self, archive: Archive, lookback: Reader, clock: Clock) -> None:
        """``lookback`` reads `routings` and is nobody else's: it is used in the middle of other reads."""
        self._archive = archive
        self._lookback = lookback
        self._clock = clock
        self._not_before = clock.monotonic()
        """When the store may be asked again."""
        self._noted: dict[int, tuple[float, Whereabouts]] = {}
        """By partition, when the log was last asked and where its records lie: kept while the store cannot be used."""

    async def recall(self, partition: int, state: PartitionState, report_ids: Iterable[str]) -> None:
        """Remember these reports again as the log up to the state's position left them."""
        wanted = [report for report in dict.fromkeys(report_ids) if report not in state.standings]
        if not wanted or state.forgotten_until is None:
            return
        found = await self._from_copy(partition, state, wanted)
        if found is None:
            found = await self._from_log(partition, state, wanted)
        for report_id, standing in found.items():
            state.recall(report_id, standing)
        measures.RECALLED.inc(len(found))

    async def _from_copy(
        self, partition: int, state: PartitionState, wanted: Sequence[str]
    ) -> dict[str, Standing] | None:
        """From the store; none where it cannot be relied on now."""
        if self._clock.monotonic() < self._not_before:
            return None
        try:
            async with asyncio.timeout(COPY_SECONDS):
                copied = (await self._archive.copied([partition])).get(partition, Copied())
                if copied.upto < state.forgotten_below:
                    said = {"upto": copied.upto, "needed": state.forgotten_below}
                    _log.error("routing.copy_shorter", partition=partition, **said)
                    return None
                histories = await self._archive.histories(wanted)
        except (TransientError, TimeoutError) as error:
            self._not_before = self._clock.monotonic() + AWAY_SECONDS
            said_why = str(error) or type(error).__name__
            _log.warning("routing.copy_away", partition=partition, reports=len(wanted), error=said_why)
            return None
        found = {}
        for report_id, entries in histories.items():
            # The copy may be ahead of this state: what lies beyond is folded when it is read from the log.
            events = [event_of(e) for e in entries if e.partition == partition and e.offset < state.position]
            if [event.version for event in events] != list(range(1, len(events) + 1)):
                _log.error("routing.copy_damaged", partition=partition, report_id=report_id)
                return None
            if events:
                found[report_id] = folded(events)
        self._let_go(partition)
        return found

    def _let_go(self, partition: int) -> None:
        """The store can be used again: what was noted of this log, and of those not asked for a while, takes room."""
        since = self._clock.monotonic() - AWAY_SECONDS
        self._noted = {p: noted for p, noted in self._noted.items() if p != partition and noted[0] > since}

    async def _from_log(self, partition: int, state: PartitionState, wanted: Sequence[str]) -> dict[str, Standing]:
        noted = await self._noted_up_to(partition, state.position)
        offsets = {at for report_id in wanted for at in noted.of(report_id, below=state.position)}
        events: dict[str, list[RoutingEvent]] = {}
        for span in spans(offsets, max(_NEAR, state.position // _READS)):
            async with aclosing(self._lookback.read({partition: span})) as records:
                async for raw in records:
                    if raw.offset in offsets and isinstance(event := readable(raw), RoutingEvent):
                        # The first record of a version counts, and only if its predecessor lies before it.
                        known = events.setdefault(event.report_id, [])
                        if event.version == len(known) + 1:
                            known.append(event)
        return {report_id: folded(known) for report_id, known in events.items() if known}

    async def _noted_up_to(self, partition: int, position: int) -> Whereabouts:
        """Where every record below a position lies; what was read before a failure is not read again."""
        _, noted = self._noted.get(partition, (0.0, Whereabouts()))
        self._noted[partition] = self._clock.monotonic(), noted
        if noted.upto == 0:
            measures.LOOKBACKS.inc()
        if noted.upto < position:
            async with aclosing(self._lookback.read({partition: (noted.upto, position)})) as records:
                async for raw in records:
                    noted.note(raw.key)
        return noted


def folded(events: Sequence[RoutingEvent]) -> Standing:
    """Where the records of one report, from its first on, leave it."""
    standing = standing_after(events[0], None)
    for event in events[1:]:
        standing = standing_after(event, standing)
    return standing


def readable(raw: RawRecord) -> Event | None:
    """The event, or nothing where the record is garbage: every reader of the topic passes over the same records."""
    try:
        return decode_record(raw, raw.topic).event
    except PermanentError as error:
        measures.GARBAGE.inc()
        _log.error("routing.garbage", topic=raw.topic, partition=raw.partition, offset=raw.offset, reason=error.reason)
        return None
    except UnknownTypeError as error:
        # A newer writer is at work. Deciding without knowing what it wrote could make a second owner.
        raise TransientError(f"{raw.topic}/{raw.partition} at {raw.offset}: {error}") from error


def record_id(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """The CloudEvents id of a record, as far as its headers give one."""
    found = next((value for name, value in headers if name.lower() == "ce_id"), None)
    return None if found is None else found.decode("utf-8", "replace")
