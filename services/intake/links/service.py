"""Finds the reports a new one belongs together with, and makes each findable for those that come after it.

Before a report is stored it is asked which others have one of its digests; that is what its first event names. Asking
is shared by all that ask at once. Where the store is too slow for it, the report is accepted without: a
missing link is a loss, a report that waits for one is a greater one.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice, zip_longest
from typing import Any, Final, NamedTuple

from services.intake.encryption.keys import KeyedDigests
from services.intake.links import rules as link_rules
from services.intake.links.repository import LinkIndex
from services.intake.reports.documents import DIGESTS, UNINDEXED_SINCE, Document
from shared import log
from shared.clock import Clock
from shared.errors import TransientError
from shared.mongo import SLICE

_log = log.get(__name__)

LOOKUP_TIMEOUT_S: Final = 1.0
"""Seconds a report may wait for its links."""
SWEEP_S: Final = 5.0
PACE_S: Final = 0.1
"""Between two batches into the index: what comes together is written together."""
_IN_FLIGHT_S: Final = 30.0
"""Seconds a report counts as in flight; then the index has it, or it was never stored."""
MOST_LOOKED_UP: Final = 2 * SLICE
"""Reports read at once, for all waiting lookups, to see whether they still stand."""
_LIMIT: Final = 5_000
"""Digests of reports in flight, and reports to be marked; for each a few dozen bytes."""
LEFT_BEHIND_S: Final = 5.0
"""A report not marked as indexed for so long was left by a dead process, or its mark got lost."""
WAITED_FOR_S: Final = 1.0
"""For so long the mark of publishing waits for the index, to be one write with its mark."""

Found = dict[str, list[str]]
"""Digest to the reports that have it and stand, newest first."""
_Lookup = tuple[Sequence[str], "asyncio.Future[Found]"]


class LinkService:
    """Links reports, in one process."""

    def __init__(self, links: LinkIndex, keys: KeyedDigests, clock: Clock) -> None:
        """``keys`` make the digests; they must never change, or older reports are no longer found."""
        self._links = links
        self.keys: Final = keys
        self._clock = clock
        # Digest to the newest reports in flight here: the index learns of them only once they are stored.
        self._in_flight: OrderedDict[str, deque[_InFlight]] = OrderedDict()
        self._lookups: list[_Lookup] = []
        self._lookup_task: asyncio.Task[None] | None = None
        self.enqueued: Final = asyncio.Event()
        """A report with digests was stored: the index lacks it."""
        self._new: dict[str, Document] = {}
        """Stored here and not in the index yet, as far as it matters for it."""
        self._indexed: OrderedDict[str, datetime] = OrderedDict()
        """In the index; the mark still says since when it is not."""
        self._swept_at = -SWEEP_S

    async def linked(self, report_id: str, digests: Sequence[str]) -> tuple[str, ...]:
        """The reports that share one of the digests, newest first; at most ``MOST_LINKED``."""
        if not digests:
            return ()
        others = [other for other in self._reports_in_flight(digests) if other != report_id]
        self._remember_in_flight(report_id, digests)
        if len(others) < link_rules.MOST_LINKED:
            others += await self._lookup(report_id, digests)
        return link_rules.newest(other for other in others if other != report_id)

    async def has_others(self, report_id: str, digests: Sequence[str]) -> bool:
        """Return whether another report shares one of the digests. Stores nothing."""
        if not digests:
            return False
        if any(other != report_id for other in self._reports_in_flight(digests)):
            return True
        return any(other != report_id for other in await self._lookup(report_id, digests))

    async def _lookup(self, report_id: str, digests: Sequence[str]) -> list[str]:
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT_S):
                return _newest_of_each(await self._reports_with(digests))
        except (TransientError, TimeoutError) as error:
            _log.warning("links.not_looked_up", report_id=report_id, error=str(error) or type(error).__name__)
            return []

    @property
    def in_flight(self) -> int:
        """Digests of reports that the index is not known to have yet."""
        return len(self._in_flight)

    def enqueue(self, report_id: str, digests: Sequence[str], since: datetime) -> None:
        """A report with digests was stored, or has new ones, marked as not indexed ``since``; never blocks."""
        self._indexed.pop(report_id, None)  # the mark says another time now
        if len(self._new) < _LIMIT:  # the sweep finds the others
            self._new[report_id] = {"_id": report_id, DIGESTS: list(digests), UNINDEXED_SINCE: since}
        self.enqueued.set()

    def also_clear(self, report_id: str) -> Mapping[str, Any] | None:
        """For the relay, which clears published events: the fields to clear with them; None: ask again later."""
        since = self._indexed.pop(report_id, None)
        if since is not None:
            return {UNINDEXED_SINCE: since}
        new = self._new.get(report_id)
        waits = new is not None and self._clock.now() - new[UNINDEXED_SINCE] < timedelta(seconds=WAITED_FOR_S)
        return None if waits else {}

    async def index(self) -> None:
        """Take into the index what it lacks. Raises ``TransientError``; nothing is forgotten."""
        while self._new:
            await self._index_new()
        if self._clock.monotonic() - self._swept_at >= SWEEP_S:
            behind = await self._links.waiting(self._clock.now())
            if behind.total_seconds() >= LEFT_BEHIND_S:
                while await self._index_left_behind():
                    await self._clock.sleep(PACE_S)
            self._swept_at = self._clock.monotonic()

    async def _index_new(self) -> None:
        page = list(islice(self._new.values(), SLICE))
        await self._links.index(page)
        for document in page:
            name = document["_id"]
            if self._new[name] is document:  # else it was added to meanwhile
                del self._new[name]
                self._indexed[name] = document[UNINDEXED_SINCE]
        while len(self._indexed) > _LIMIT:
            self._indexed.popitem(last=False)
        self._forget_in_flight(page)

    async def _index_left_behind(self) -> bool:
        page = await self._links.unindexed(self._clock.now() - timedelta(seconds=LEFT_BEHIND_S))
        if page:
            await self._links.index(page)
            await self._links.mark(page)
            self._forget_in_flight(page)
        return len(page) == SLICE

    async def _reports_with(self, digests: Sequence[str]) -> Found:
        answer: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._lookups.append((digests, answer))
        if self._lookup_task is None:
            self._lookup_task = asyncio.create_task(self._run_lookups())
        return await answer

    async def _run_lookups(self) -> None:
        """One question to the store for all waiting lookups; those that come meanwhile wait for the next."""
        try:
            await asyncio.sleep(0)  # requests of the same moment join
            while self._lookups:
                group, self._lookups = self._lookups, []
                try:
                    found = await self._found({digest for digests, _ in group for digest in digests})
                except Exception as error:  # every waiter must hear of it, whatever it was
                    for _, answer in group:
                        if not answer.done():
                            answer.set_exception(error)
                    continue
                for digests, answer in group:
                    if not answer.done():
                        answer.set_result({d: found[d] for d in digests if d in found})
        finally:
            self._lookup_task = None

    async def _found(self, digests: Collection[str]) -> Found:
        by_digest = await self._links.reports_with(digests)
        candidates = list(
            dict.fromkeys(other for ids in by_digest.values() for other in ids[-link_rules.MOST_LINKED :])
        )
        known = await self._links.not_withdrawn(candidates[-MOST_LOOKED_UP:]) if candidates else []
        return {digest: [other for other in known if other in ids] for digest, ids in by_digest.items()}

    def _reports_in_flight(self, digests: Sequence[str]) -> list[str]:
        since = self._clock.monotonic() - _IN_FLIGHT_S
        found = [one for digest in digests for one in self._in_flight.get(digest, ()) if one.at >= since]
        return list(dict.fromkeys(one.report_id for one in sorted(found, key=lambda one: one.at, reverse=True)))

    def _remember_in_flight(self, report_id: str, digests: Sequence[str]) -> None:
        in_flight = _InFlight(report_id, self._clock.monotonic())
        for digest in digests:
            self._in_flight.setdefault(digest, deque(maxlen=link_rules.MOST_LINKED)).append(in_flight)
            self._in_flight.move_to_end(digest)
        while len(self._in_flight) > _LIMIT:
            self._in_flight.popitem(last=False)

    def _forget_in_flight(self, page: Sequence[Document]) -> None:
        """The index has them: what becomes of them, it tells."""
        written = {document["_id"] for document in page}
        for digest in {digest for document in page for digest in document[DIGESTS]} & self._in_flight.keys():
            left = [one for one in self._in_flight[digest] if one.report_id not in written]
            if left:
                self._in_flight[digest] = deque(left, maxlen=link_rules.MOST_LINKED)
            else:
                del self._in_flight[digest]


class _InFlight(NamedTuple):
    report_id: str
    at: float


def _newest_of_each(by_digest: Found) -> list[str]:
    """Every report once: the newest of each digest, then the second newest of each."""
    rows = zip_longest(*by_digest.values())
    return list(dict.fromkeys(report_id for row in rows for report_id in row if report_id is not None))
