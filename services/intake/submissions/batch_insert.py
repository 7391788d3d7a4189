"""Group commit: reports that arrive together share one insert.

While one insert is under way the next group gathers, so the wait under load is one insert and the wait without load
is nothing. Each document gets its own outcome; a full queue or an absent store is said at once.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from motor.motor_asyncio import AsyncIOMotorCollection
from prometheus_client import Counter, Histogram
from pymongo.errors import BulkWriteError, PyMongoError

from services.intake.reports import waiting_period
from services.intake.reports.documents import Document
from services.intake.reports.repository import FORMER_RECEIPT
from shared.clock import Clock
from shared.errors import TransientError
from shared.metrics import LATENCY_BUCKETS, REGISTRY
from shared.mongo import DUPLICATE_KEY, by_ids, store_errors

INSERT_SECONDS = Histogram(
    "ieum_intake_insert_duration_seconds", "Seconds of one group's insert.", registry=REGISTRY, buckets=LATENCY_BUCKETS
)
INSERT_FAILURES = Counter("ieum_intake_insert_failures", "Groups whose insert failed as a whole.", registry=REGISTRY)

LARGEST_GROUP: Final = 64
"""Documents per insert; 64 of 10 KB stay well below the protocol's 16 MB and keep one insert short."""
PROBE_S: Final = 2.0
"""Seconds between two questions to the store that does not answer."""
CALM_PROBE_S: Final = 5.0
"""The same while nothing is wrong: an insert that fails says so at once."""

_BRIEF: Final = {
    "content_mac": 1,
    "received_at": 1,
    "receipt_counter": 1,
    "receipt_hash": 1,
    FORMER_RECEIPT: 1,
    waiting_period.WORD: 1,
    waiting_period.LATER: 1,
    waiting_period.FOR_STATUS: 1,
    "sealed.key_id": 1,
    "sealed.key": 1,
    "sealed.receipt": 1,
}
"""Fields from which a repeat is answered."""


class BusyError(TransientError):
    """The store is away or too slow to take more. Nothing of this report was kept."""


class InsertResult(NamedTuple):
    """Result of inserting one document."""

    inserted: bool
    existing: Document | None
    """The document that has this id already; None after a refused insert means that another has the receipt."""


class _Waiting(NamedTuple):
    document: Document
    answer: "asyncio.Future[InsertResult]"


class GroupCommit:
    """Inserts documents of one collection in groups, one insert at a time."""

    def __init__(self, collection: "AsyncIOMotorCollection[Document]", clock: Clock, *, waiting: int) -> None:
        """``waiting``: how many documents may queue before new ones are turned away."""
        self._collection = collection
        self._clock = clock
        self._waiting_limit = waiting
        self._queue: deque[_Waiting] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._failure: str | None = "the store has not answered yet"
        self._failures = 0
        self._is_open = False

    def open(self) -> None:
        """The store is there and its indexes exist: begin to take documents."""
        self._is_open = True
        self._failure = None

    def check(self) -> str | None:
        """For health: what the last insert or ping said, if it failed."""
        return self._failure

    async def watch(self) -> None:
        """Ask the store every few seconds, until cancelled: without traffic no insert says how it is.

        A good answer ends the trouble only after two seconds in which no insert failed: a store that answers and
        takes nothing is no store.
        """
        failures = self._failures
        while True:
            await self._clock.sleep(PROBE_S if self._failure else CALM_PROBE_S)
            try:
                with store_errors():
                    await self._collection.database.command("ping")
            except (TransientError, PyMongoError):  # what kind does not matter: it does not answer us
                self._failure = "the store does not answer"
            else:
                if self._failures == failures:
                    self._failure = None
            failures = self._failures

    async def store(self, document: Document) -> InsertResult:
        """Insert one document and say what became of it.

        Raises ``BusyError`` when the queue is full and ``TransientError`` when the store did not answer; then the
        document may or may not be there, and trying again under the same id is safe.
        """
        if not self._is_open:
            raise BusyError("the store has not answered yet")
        if len(self._queue) >= self._waiting_limit:
            raise BusyError("the queue of reports is full")
        waiting = _Waiting(document, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        return await waiting.answer

    async def holds(self, document_id: str) -> bool:
        """Return whether there is a document with this id. Raises ``TransientError``."""
        return bool(await self._existing([document_id]))

    async def _write(self) -> None:
        try:
            # One turn of the loop: requests that came in the same moment join this group.
            await asyncio.sleep(0)
            await self._drain()
        finally:
            self._writer = None

    async def _drain(self) -> None:
        while self._queue:
            group = [self._queue.popleft() for _ in range(min(len(self._queue), LARGEST_GROUP))]
            try:
                outcomes = await self._insert([waiting.document for waiting in group])
            except Exception as error:  # every waiter must hear of it, whatever it was
                self._failure = "the last insert failed"
                self._failures += 1
                INSERT_FAILURES.inc()
                for waiting in group:
                    if not waiting.answer.done():
                        waiting.answer.set_exception(error)
            else:
                self._failure = None
                for waiting, outcome in zip(group, outcomes, strict=True):
                    if not waiting.answer.done():
                        waiting.answer.set_result(outcome)

    async def _insert(self, documents: Sequence[Document]) -> list[InsertResult]:
        first_of_id = {document["_id"]: position for position, document in reversed(list(enumerate(documents)))}
        chosen = sorted(first_of_id.values())
        started = self._clock.monotonic()
        refused = await self._insert_distinct([documents[position] for position in chosen])
        INSERT_SECONDS.observe(self._clock.monotonic() - started)
        inserted = set(chosen) - {chosen[index] for index in refused}
        others = [document["_id"] for position, document in enumerate(documents) if position not in inserted]
        existing = await self._existing(others)
        return [
            InsertResult(True, None) if position in inserted else InsertResult(False, existing.get(document["_id"]))
            for position, document in enumerate(documents)
        ]

    async def _insert_distinct(self, documents: list[Document]) -> list[int]:
        """Insert; the indexes of those that a unique index refused."""
        with store_errors():
            try:
                await self._collection.insert_many(documents, ordered=False)
            except BulkWriteError as error:
                return _refused_as_duplicates(error.details or {})
        return []

    async def _existing(self, ids: Sequence[str]) -> dict[str, Document]:
        if not ids:
            return {}
        with store_errors():
            return await by_ids(self._collection, list(dict.fromkeys(ids)), _BRIEF)


def _refused_as_duplicates(details: Mapping[str, Any]) -> list[int]:
    errors = details.get("writeErrors", [])
    if details.get("writeConcernErrors") or not errors or any(e["code"] != DUPLICATE_KEY for e in errors):
        raise TransientError(f"store: insert failed with codes {sorted({e.get('code') for e in errors})}")
    return [int(e["index"]) for e in errors]
