"""Finds the reports a new one belongs together with, and makes each findable for those that come after it.

Before a report is stored it is asked which others have one of its digests; that is what its first event names. Asking
is shared by all that ask at once. Where the store is too slow for it, the report is accepted without (counted): a
missing link is a loss, a report that waits for one is a greater one.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

from prometheus_client import Counter, Gauge

from services.intake.policy import linking
from services.intake.store.documents import DIGESTS
from services.intake.store.links import Links
from shared import log
from shared.clock import Clock
from shared.errors import TransientError
from shared.metrics import REGISTRY
from shared.mongo import SLICE

_log = log.get(__name__)

PATIENCE_S: Final = 1.0
"""How long a report may wait for its links."""
SWEEP_S: Final = 1.0
_COMING_S: Final = 30.0
"""For how long a report counts as on its way; then the index has it, or it was never stored."""
_ASKED_ABOUT: Final = 50
"""Reports read to see whether they still stand; ten are named."""
_REMEMBERED: Final = 5_000
"""Digests of reports on their way; for each a few dozen bytes."""

LINKED: Final = Counter("intake_reports_linked", "Reports lodged with at least one linked report.", registry=REGISTRY)
SKIPPED: Final = Counter(
    "intake_links_not_looked_up",
    "Reports accepted without looking for linked ones: the store was slow.",
    registry=REGISTRY,
)
BEHIND: Final = Gauge(
    "intake_links_behind_seconds", "For how long a report has not been findable by its digests.", registry=REGISTRY
)

_Asked = tuple[Sequence[str], "asyncio.Future[dict[str, list[str]]]"]


class Linker:
    """Links reports, in one process."""

    def __init__(self, links: Links, key: linking.LinkKey, clock: Clock) -> None:
        """``key`` makes the digests."""
        self._links = links
        self.key: Final = key
        self._clock = clock
        # Digest to the newest report on its way here, and since when: the index learns of it only once it is stored.
        self._coming: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._asked: list[_Asked] = []
        self._asking: asyncio.Task[None] | None = None
        self._offered = asyncio.Event()

    async def linked(self, report_id: str, digests: Sequence[str], known: Sequence[str] = ()) -> tuple[str, ...]:
        """The reports that share one of the digests, newest first, then those known; at most ``MOST_LINKED``."""
        if not digests:
            return tuple(known)
        coming = self._on_their_way(digests)
        self._remember(report_id, digests)
        try:
            async with asyncio.timeout(PATIENCE_S):
                ids = [other for other in _newest_of_each(await self._reports_with(digests)) if other != report_id]
                standing = await self._links.standing(ids[:_ASKED_ABOUT]) if ids else []
        except (TransientError, TimeoutError) as error:
            SKIPPED.inc()
            _log.warning("links.not_looked_up", report_id=report_id, said=str(error) or type(error).__name__)
            standing = []
        others = [other for other in (*coming, *standing) if other != report_id]
        found = linking.newest(others, known)
        if set(found) - set(known):
            LINKED.inc()
        return found

    def offer(self) -> None:
        """A report with digests was stored; never blocks."""
        self._offered.set()

    async def run(self) -> None:
        """Keep the index up to date, until cancelled. While the store is away it waits; nothing is forgotten."""
        while True:
            try:
                while await self._write():
                    pass
                BEHIND.set((await self._links.waiting(self._clock.now())).total_seconds())
            except TransientError as error:
                _log.debug("links.retry", said=str(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_S):
                    await self._offered.wait()
            self._offered.clear()

    async def _write(self) -> bool:
        page = await self._links.unindexed(self._clock.now())
        if page:
            await self._links.write(page)
            written = {document["_id"] for document in page}
            for digest in {digest for document in page for digest in document[DIGESTS]}:
                if digest in self._coming and self._coming[digest][0] in written:
                    del self._coming[digest]
        return len(page) == SLICE

    async def _reports_with(self, digests: Sequence[str]) -> dict[str, list[str]]:
        answer: asyncio.Future[dict[str, list[str]]] = asyncio.get_running_loop().create_future()
        self._asked.append((digests, answer))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await answer

    async def _ask(self) -> None:
        """One question to the store for all that wait; whoever comes meanwhile waits for the next."""
        try:
            await asyncio.sleep(0)  # requests of the same moment join
            while self._asked:
                group, self._asked = self._asked, []
                wanted = dict.fromkeys(digest for digests, _ in group for digest in digests)
                try:
                    found = await self._links.reports_with(wanted)
                except Exception as error:  # every waiter must hear of it, whatever it was
                    for _, answer in group:
                        if not answer.done():
                            answer.set_exception(error)
                    continue
                for digests, answer in group:
                    if not answer.done():
                        answer.set_result({d: found[d] for d in digests if d in found})
        finally:
            self._asking = None

    def _on_their_way(self, digests: Sequence[str]) -> list[str]:
        since = self._clock.monotonic() - _COMING_S
        found = sorted((self._coming[d] for d in digests if d in self._coming), key=lambda one: one[1], reverse=True)
        return [report_id for report_id, at in found if at >= since]

    def _remember(self, report_id: str, digests: Sequence[str]) -> None:
        at = self._clock.monotonic()
        for digest in digests:
            self._coming[digest] = report_id, at
            self._coming.move_to_end(digest)
        while len(self._coming) > _REMEMBERED:
            self._coming.popitem(last=False)


def _newest_of_each(by_digest: dict[str, list[str]]) -> list[str]:
    """Every report once: the newest of each digest, then the second newest of each."""
    rows = zip_longest(*(reversed(ids) for ids in by_digest.values()))
    return list(dict.fromkeys(report_id for row in rows for report_id in row if report_id is not None))
