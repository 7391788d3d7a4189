"""Copies routing records to the store for pages, in a group of its own: it may lag or stop, and deciding goes on.

How far the copy of a partition goes is written beside it, and that, not the group's offset, is where it goes on: the
store may have been restored from a backup, or be another one. It is written every few seconds, not with every batch:
what is copied twice after a crash changes nothing. A copy of another log is thrown away and made anew.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Final

from services.routing.read_model.repository import Copied, DecisionStore, RoutingEntry
from services.routing.state.report_states import RoutingEvent
from services.routing.state.restore import Reader
from shared import log
from shared.clock import Clock
from shared.events.envelope import header
from shared.events.routings import ReportRerouted, ReportRouted
from shared.kafka.router import Partitions, Received
from shared.topics import ROUTINGS

_log = log.get(__name__)

MAX_RECORDS: Final = 200
"""Small, because reading a batch holds up the hot path that shares the event loop, and because a record takes 25 KB
while it is copied: 500 held 13 MB."""
PIECE: Final = 50
"""Records written out before the hot path gets its turn: a few milliseconds."""
YIELD_SECONDS: Final = 10.0
"""Longest wait for a surge to end: under a lasting one copies go on, slowly."""
SAY_EVERY_S: Final = 5.0
"""Least time between two writes of how far the copy of a partition goes."""
_LOOK_EVERY_S: Final = 0.1


class ReadModel:
    """Writes every record of `routings` once; the first of a version stays. Gives way while a backlog is worked off."""

    def __init__(self, store: DecisionStore, surging: Callable[[], bool], reader: Reader, clock: Clock) -> None:
        self._store = store
        self._surging = surging
        self._reader = reader
        self._clock = clock
        self._reached: dict[int, int] = {}
        """By partition: the offset up to which this process has copied without a gap, and the store says so."""
        self._said_at: dict[int, float] = {}
        """By partition: when the store was last told how far its copy goes."""

    async def on_assigned(self, assigned: Partitions) -> Mapping[tuple[str, int], int]:
        """Go on where the copy ends."""
        partitions = sorted(partition for _, partition in assigned)
        copied = await self._store.copied(partitions)
        for partition in partitions:
            known = copied.get(partition, Copied())
            if not await self._is_of_this_log(partition, known):
                _log.error("routing.copy_of_another_log", partition=partition, upto=known.upto)
                await self._store.begin_anew(partition)
                known = Copied()
            self._reached[partition] = known.upto
            self._said_at.pop(partition, None)
        return {(ROUTINGS.name, partition): self._reached[partition] for partition in partitions}

    async def handle(self, batch: list[Received]) -> None:
        """Write one batch in one go; doing it again changes nothing."""
        give_up = self._clock.monotonic() + YIELD_SECONDS
        while self._surging() and self._clock.monotonic() < give_up:
            await self._clock.sleep(_LOOK_EVERY_S)
        entries: list[RoutingEntry] = []
        for start in range(0, len(batch), PIECE):
            piece = batch[start : start + PIECE]
            entries += [entry_of(r.event, r.partition, r.offset) for r in piece if isinstance(r.event, RoutingEvent)]
            await self._clock.sleep(0)
        await self._store.save(entries)
        now = self._clock.monotonic()
        for partition, last in {received.partition: received for received in batch}.items():
            if partition in self._said_at and now < self._said_at[partition] + SAY_EVERY_S:
                continue
            after = Copied(last.offset + 1, last.envelope.id)
            # What lies between and never got here was garbage, in the dead topic by now: no reader counts it.
            await self._store.advance(partition, self._reached.get(partition, 0), after)
            self._reached[partition] = max(after.upto, self._reached.get(partition, 0))
            self._said_at[partition] = now

    async def _is_of_this_log(self, partition: int, known: Copied) -> bool:
        if known.upto == 0:
            return True
        if (await self._reader.ends([partition]))[partition] < known.upto:
            return False
        async with aclosing(self._reader.read({partition: (known.upto - 1, known.upto)})) as records:
            return all([record_id(raw.headers) == known.last_id async for raw in records])


def entry_of(event: RoutingEvent, partition: int, offset: int) -> RoutingEntry:
    """The copy of one record."""
    return RoutingEntry(
        report_id=event.report_id,
        version=event.version,
        ownership=event.ownership,
        center_id=event.decision.center_id if isinstance(event, (ReportRouted, ReportRerouted)) else event.center_id,
        type=event.TYPE,
        partition=partition,
        offset=offset,
        event=event.model_dump(mode="json", exclude_none=True),
    )


def record_id(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """The CloudEvents id of a record, as far as its headers give one."""
    found = header(headers, "ce_id")
    return None if found is None else found.decode("utf-8", "replace")
