"""A transactional outbox: events embedded in the document they belong to, and the relay that publishes them.

One write stores a fact and its event, so neither is lost without the other. The relay publishes the events and then
clears them from the document; killed in between, it publishes again, and consumers tolerate duplicates. Publishing does
not wait for the store: events are cleared in the background in bulk writes, and until then the relay remembers which
events Kafka has acknowledged. Events that must be read first (later events, the backlog) have a task of their own.

A document's events reach the topic in order, whichever relay publishes them: each publishes the whole pending list as
stored, without the events Kafka has acknowledged to it, and only acknowledged events are cleared. Each relay publishes
the events its own process enqueues; the backlog (of a dead process, or of an outage) is published by the one relay that
holds the lease of the collection.

Where a document is soon written again anyway, its published events can be cleared in that write (``take``): the relay
leaves them for a moment.
"""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import UpdateMany, UpdateOne
from pymongo.errors import DuplicateKeyError

from shared import log
from shared.backoff import backoff
from shared.clock import Clock
from shared.errors import TransientError
from shared.events.base import Record
from shared.jobs import Skipped
from shared.kafka import metrics
from shared.kafka.publisher import PartlyPublishedError, Publisher
from shared.mongo import SLICE, Document, by_ids, store_errors, store_time
from shared.topics import BY_NAME

_log = log.get(__name__)

PENDING: Final = "outbox"
SINCE: Final = "outbox_since"
QUEUE: Final = 10_000
"""Most documents enqueued in memory; the sweep finds the others."""
BATCH: Final = 1_000
ENOUGH: Final = 4
"""New documents that are worth a batch: each that is published alone costs every service a round of requests."""
SWEEP_SECONDS: Final = 1.0
IDLE_SWEEP_SECONDS: Final = 2.0
"""The same once nothing was published, found or refused for ``IDLE_SECONDS``: what another process leaves behind then
is published within four seconds, two of them ``BACKLOG_AGE_SECONDS``. What this process drops ends the wait. A relay
for whose events nobody waits takes longer."""
IDLE_SECONDS: Final = 20.0
BACKLOG_AGE_SECONDS: Final = 2.0
"""Events older than this are backlog: of a dead process, or of an outage of Kafka.

Or of a store that takes so long to clear what was published: of two processes the one with the lease then publishes the
other's events once more, under the same ids. Readers count them once; a claim in each document would cost a write."""
LEASE_SECONDS: Final = 3.0
"""Lifetime of the lease on the backlog; renewed while there is more."""
CLOCKS_APART: Final = timedelta(seconds=10)
"""What is said to be pending since later than this from the store's time was written by a clock that was ahead."""
REDATE_SECONDS: Final = 30.0
CLEAR_SECONDS: Final = 0.05
"""Default time for which published events collect until one bulk write clears them."""
CLEARED_TOGETHER: Final = 20
"""Documents cleared by one write. The embedded store compares each with every id named: 2.8 ms of CPU a document with
20 ids, 5.0 with 100, 3.0 with a write for each."""
MOST_UNCLEARED: Final = 10_000
"""Most documents published and not yet cleared; at this number publishing waits for the store."""
FLUSH_SECONDS: Final = 2.0
AGAIN_SECONDS: Final = 60.0
"""How long a document whose events Kafka refuses is left alone; each attempt sends the others beside it one by one."""
PARTLY_SECONDS: Final = 10.0
"""So long the health check remembers that a partition did not take its events; the sweep comes to them more often."""
LEASES: Final = "outbox_leases"
_SPREAD: Final = 1.0
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)

QueuedEvents = tuple[str, Sequence[Record]]
AlsoClear = Callable[[str], Mapping[str, Any] | None]
"""Further fields of a document to clear in the same write, if they still have these values; None: ask again later.

Whoever sets such a field anew appends an event in the same write, and then names the earlier value no more."""


@dataclass(frozen=True, slots=True)
class Clearing:
    """Pending events that another write of the document clears with it."""

    match: Mapping[str, Any]
    """For the filter: still exactly what is in the topic."""
    unset: Mapping[str, str]


def _clear_nothing_else(_: str) -> Mapping[str, Any]:
    return {}


def pending(records: Sequence[Record], now: datetime) -> dict[str, Any]:
    """The fields of a new document that hold its events; ``now`` is when they became pending."""
    return {PENDING: [_entry(record) for record in records], SINCE: now} if records else {}


def push(records: Sequence[Record], now: datetime) -> dict[str, Any]:
    """Update operators that append events to an existing document; merge them with the update's own ``$push``."""
    if not records:
        return {}
    return {"$push": {PENDING: {"$each": [_entry(record) for record in records]}}, "$min": {SINCE: now}}


def pending_records(document: Document) -> list[Record]:
    """The events of a document that are not yet cleared, in order."""
    return [
        Record(
            topic=entry["topic"],
            key=entry["key"],
            headers=tuple((name, value) for name, value in entry["headers"]),
            value=entry["value"],
        )
        for entry in document.get(PENDING, ())
    ]


class Relay:
    """Publishes the events of one collection's documents. One per collection and process; any number of processes."""

    def __init__(
        self,
        collection: AsyncIOMotorCollection[Document],
        publisher: Publisher,
        clock: Clock,
        *,
        name: str,
        linger_s: float = 0.0,
        clear_after_s: float = CLEAR_SECONDS,
        leave_s: float = 0.0,
        idle_sweep_s: float = IDLE_SWEEP_SECONDS,
        also_clear: AlsoClear = _clear_nothing_else,
    ) -> None:
        """``linger_s``: pause after a batch in which the next one fills.

        ``ENOUGH`` new documents end the pause, and an idle relay publishes at once.
        Published events are cleared after ``clear_after_s``, and no sooner than ``leave_s`` after they were published:
        until then another write may ``take`` them. Together well below ``BACKLOG_AGE_SECONDS``.
        ``idle_sweep_s``: pause between looks for what another process left behind, while this one has nothing to do.
        ``also_clear`` names further fields to clear in the same write; one that has changed meanwhile stays.
        """
        self._collection = collection
        self._database: AsyncIOMotorDatabase[Document] = collection.database  # type: ignore[assignment]  # motor's types
        self._leases = collection.database[LEASES]
        self._publisher = publisher
        self._clock = clock
        self._name = name
        self._holder = uuid4().hex
        self._linger_s = linger_s
        self._clear_after_s = clear_after_s
        self._leave_s = leave_s
        self._idle_sweep_s = idle_sweep_s
        self._also_clear = also_clear
        self._queue: asyncio.Queue[QueuedEvents] = asyncio.Queue(QUEUE)
        self._enough = asyncio.Event()
        """So many new documents are queued that a pause ends."""
        self._first: set[str] = set()
        """Documents whose first events are queued or about to be published."""
        self._changed: dict[str, None] = {}
        """Documents with later events, to be read from the store."""
        self._wake = asyncio.Event()
        self._publishing = asyncio.Lock()
        self._since_read: set[str] = set()
        """Events acknowledged since the last read of the store began: they may still be pending in its result."""
        self._failures = 0
        self._waiting = False
        self._partly: tuple[str, float] = ("", -math.inf)
        """Why the events of some partitions were left to the sweep, and until when that counts."""
        self._refused: dict[str, float] = {}
        """Documents with events that Kafka never takes, and until when they are left alone."""
        self._clear_failures = 0
        self._swept_at = self._redated_at = -math.inf
        self._busy_until = 0.0
        """Until then the sweep keeps its usual pace."""
        self._sweep_from = _EPOCH
        self._behind = timedelta()
        """How far this process's clock was found to be behind the store's, where that is more than ``CLOCKS_APART``."""
        self._lease_until = -math.inf
        """On the loop's clock."""
        self._uncleared: dict[str, dict[str, None]] = {}
        """Ids of events that Kafka has acknowledged and that are still pending in the store, in order, by document."""
        self._left_until: dict[str, float] = {}
        """When the events of a document become the relay's own to clear."""
        self._taken: dict[str, Sequence[str]] = {}
        """Documents whose events are just being cleared, and which."""
        self._unreadable: set[str] = set()
        """Documents of the last sweep whose pending events cannot be read, or are never taken."""
        self._published = asyncio.Event()
        self._cleared = asyncio.Event()

    async def ensure_index(self) -> None:
        """Create the index of the sweep, if it does not exist."""
        with store_errors():
            await self._collection.create_index(SINCE, name="outbox_since", sparse=True)

    def enqueue(self, document_id: str, records: Sequence[Record] | None = None) -> None:
        """Enqueue a document that has pending events; never blocks.

        ``records`` saves a read if they are all pending events of the document: the first ones, just inserted.
        None: the relay reads the pending list from the store. Dropped when the queue is full and while the relay waits
        after a failure: the sweep finds the document, and one relay alone publishes the backlog.
        """
        if self._waiting or (len(self._changed) >= QUEUE if records is None else self._queue.full()):
            self._sweep_soon()
        elif records is None:
            self._changed[document_id] = None
            self._wake.set()
        else:
            self._queue.put_nowait((document_id, records))
            self._first.add(document_id)
            if self._queue.qsize() >= ENOUGH:
                self._enough.set()

    def take(self, document: Document) -> Clearing | None:
        """Return what the next write of a document may clear; None if it holds more than this relay published.

        ``document`` as just read, with the ids of its pending events at least. Say ``taken`` when the write is done.
        """
        name, ids = document["_id"], [entry["id"] for entry in document.get(PENDING, ())]
        if not ids or name in self._taken or list(self._uncleared.get(name, ())) != ids:
            return None
        also_clear = self._also_clear(name)
        if also_clear is None:
            return None
        self._taken[name] = ids
        return _whole(ids, also_clear)

    def taken(self, names: Collection[str], *, cleared: bool) -> None:
        """End ``take``; ``cleared``: those events are cleared, otherwise the relay clears them."""
        for name in names:
            ids = self._taken.pop(name)
            if cleared:
                self._forget(name, ids)
        self._cleared.set()

    async def run(self) -> None:
        """Relay until cancelled. While the store or Kafka is unavailable it waits; pending events stay in the store."""
        self._waiting = False  # an error may have interrupted a pause of the previous run
        self._note_work()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._forever(self._publish_first), name=f"{self._name}-publish")
                tasks.create_task(self._forever(self._publish_stored), name=f"{self._name}-read")
                tasks.create_task(self._clear_forever(), name=f"{self._name}-mark")
        finally:
            # Events not cleared now are published again by the next process.
            with contextlib.suppress(TransientError, TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._clear_published(last=True)

    def check(self) -> str | None:
        """Health check: None while events are published and cleared."""
        failures = max(self._failures, self._clear_failures)
        if failures > 1:
            return f"{self._name}: failed {failures} times in a row"
        why, until = self._partly
        return f"{self._name}: {why}" if why and asyncio.get_running_loop().time() < until else None

    def unreadable(self) -> str | None:
        """Health check: None unless the last sweep found documents whose pending events cannot be published."""
        return f"{self._name}: {len(self._unreadable)} unpublishable documents" if self._unreadable else None

    async def _forever(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except TransientError as error:
                self._failures = attempts = self._failures + 1
                _log.warning("outbox.publish_failed", relay=self._name, attempts=attempts, error=str(error))
                self._waiting = True
                self._sweep_soon()
                await self._drop_queue()  # meanwhile the other task may succeed and count from nought again
                await asyncio.sleep(backoff(attempts, _SPREAD))
                self._waiting = False

    async def _publish_first(self) -> None:
        """Publish the first events of new documents from the queue, without reading the store."""
        queued = [await self._queue.get()]
        while len(queued) < BATCH and not self._queue.empty():
            queued.append(self._queue.get_nowait())
        async with self._publishing:
            # Documents that the other task has read meanwhile are published, with their later events.
            await self._publish([(name, records) for name, records in queued if name in self._first], "queue")
            self._first.difference_update(name for name, _ in queued)
        if self._linger_s and self._queue.qsize() < ENOUGH:
            self._enough.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._linger_s):
                    await self._enough.wait()

    async def _publish_stored(self) -> None:
        """Publish later events of enqueued documents, and once a second, or more seldom, the backlog."""
        until_sweep = self._swept_at + self._sweep_pace() - asyncio.get_running_loop().time()
        if until_sweep > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(until_sweep):
                    await self._wake.wait()
        self._wake.clear()
        changed, self._changed = list(self._changed), {}
        for start in range(0, len(changed), SLICE):
            acknowledged = self._acknowledged()
            documents = await by_ids(self._collection, changed[start : start + SLICE], {PENDING: 1})
            await self._publish_read(self._readable(documents.values()), "read", acknowledged)
        if asyncio.get_running_loop().time() - self._swept_at >= self._sweep_pace():
            await self._sweep()
        if changed and self._linger_s:
            await asyncio.sleep(self._linger_s)

    def _sweep_pace(self) -> float:
        return SWEEP_SECONDS if asyncio.get_running_loop().time() < self._busy_until else self._idle_sweep_s

    def _note_work(self) -> None:
        self._busy_until = asyncio.get_running_loop().time() + IDLE_SECONDS

    def _sweep_soon(self) -> None:
        """Go on at the usual pace at once: the reading task chose its wait when there was nothing to do."""
        self._note_work()
        self._wake.set()

    async def _publish_read(
        self, documents: Sequence[tuple[str, Sequence[Record]]], way: str, acknowledged: frozenset[str]
    ) -> None:
        async with self._publishing:
            self._first.difference_update(name for name, _ in documents)
            await self._publish(documents, way, acknowledged | self._since_read)

    async def _publish(
        self, documents: Sequence[tuple[str, Sequence[Record]]], way: str, acknowledged: frozenset[str] = frozenset()
    ) -> None:
        """Publish the events not yet in the topic and wait for the acknowledgement; they are cleared in the background.

        ``acknowledged``: events that were in the topic before the documents were read; they may be cleared by now.
        """
        fresh: list[tuple[str, list[Record]]] = []
        for name, listed in documents:
            known = self._uncleared.get(name, {})
            new = [record for record in listed if (one := _id(record)) not in known and one not in acknowledged]
            if new:
                fresh.append((name, new))
        if not fresh:
            return
        while len(self._uncleared) >= MOST_UNCLEARED:
            self._cleared.clear()
            await self._cleared.wait()
        self._note_work()
        records = [record for _, new in fresh for record in new]
        try:
            await self._publisher.publish(records)
        except PartlyPublishedError as error:
            # A partition without a leader must not have the events of all others published again and again, nor keep
            # them waiting: the sweep comes back to what is left.
            self._note_published(fresh, {_id(record) for record in error.published}, way)
            await self._leave(fresh, error, way)
        else:
            self._failures = 0
            self._note_published(fresh, {_id(record) for record in records}, way)

    async def _leave(
        self, documents: Sequence[tuple[str, list[Record]]], error: PartlyPublishedError, way: str
    ) -> None:
        """Leave to the sweep what some partitions did not take; what Kafka refuses is found out one by one."""
        now = asyncio.get_running_loop().time()
        refused = {_id(record) for record in error.refused}
        suspected = [one for one in documents if not refused.isdisjoint(map(_id, one[1]))]
        if isinstance(error.why, TransientError):
            if self._partly[1] <= now:
                _log.warning("outbox.partly_published", relay=self._name, error=str(error))
            self._partly = str(error), now + PARTLY_SECONDS
        for name, records in suspected:
            if len(documents) > 1:
                await self._publish([(name, records)], way)
            else:
                self._refused[name] = now + AGAIN_SECONDS
                self._skip(name, error.why)

    def _note_published(self, documents: Sequence[tuple[str, Sequence[Record]]], ids: set[str], way: str) -> None:
        """Note which of the documents' events are in the topic."""
        for name, records in documents:
            if done := [one for record in records if (one := _id(record)) in ids]:
                self._uncleared.setdefault(name, {}).update(dict.fromkeys(done))
                self._left_until[name] = asyncio.get_running_loop().time() + self._leave_s
        self._since_read.update(ids)
        self._published.set()
        metrics.OUTBOX_PUBLISHED.labels(self._name, way).inc(len(ids))

    def _readable(self, documents: Iterable[Document]) -> list[tuple[str, list[Record]]]:
        """The pending events of each document; one that cannot be published stays pending and does not block others."""
        found = []
        now = asyncio.get_running_loop().time()
        for document in documents:
            name = document["_id"]
            if self._refused.get(name, now) > now:
                continue
            self._refused.pop(name, None)
            try:
                found.append((name, _publishable(document)))
            except (KeyError, TypeError, ValueError) as error:
                self._skip(name, error)
        return found

    def _skip(self, name: str, error: Exception) -> None:
        if name not in self._unreadable:  # every sweep finds it again
            self._unreadable.add(name)
            Skipped(f"relay-{self._name}").add(name, error)

    def _acknowledged(self) -> frozenset[str]:
        """Events in the topic that may be pending in the store; to be called before the store is read."""
        self._since_read.clear()
        return frozenset(one for ids in self._uncleared.values() for one in ids)

    # --- the backlog

    async def _sweep(self, *, took_lease: bool = False) -> None:
        """Publish one page of the backlog, oldest first; the next call takes the next page, if there is one.

        Only the holder of the lease publishes: after an outage every process finds the same documents. Who
        ``took_lease`` before this read publishes, even if the store took longer for both than the lease lasts.
        """
        await self._redate()
        now = self._now()
        may_publish = took_lease or self._lease_until > asyncio.get_running_loop().time()
        acknowledged = self._acknowledged()
        left = {SINCE: {"$gte": self._sweep_from, "$lte": now - timedelta(seconds=BACKLOG_AGE_SECONDS)}}
        with store_errors():
            page = await self._collection.find(left, {PENDING: 1, SINCE: 1}).sort(SINCE, 1).limit(SLICE).to_list(SLICE)
        if self._sweep_from == _EPOCH:
            self._unreadable.intersection_update(document["_id"] for document in page)
            oldest = (now - page[0][SINCE]).total_seconds() if page else 0.0
            metrics.OUTBOX_PENDING_SECONDS.labels(self._name).set(max(0.0, oldest))
        if page:
            self._note_work()
        found = self._readable(page)
        foreign = [
            (name, records)
            for name, records in found
            if name not in self._uncleared and not (records and acknowledged.issuperset(map(_id, records)))
        ]
        left_to_another = False
        if foreign:
            if not await self._take_lease():
                page, left_to_another = [], True
            elif not may_publish:
                await self._sweep(took_lease=True)  # the last holder may have published this page: read it again
                return
        # Before it is published: where that fails, the next call goes on behind this page, not with it.
        is_last = len(page) < SLICE or page[-1][SINCE] == self._sweep_from
        self._sweep_from = _EPOCH if is_last else page[-1][SINCE]
        if page:
            for name, records in found:
                if not records:  # a relay died between pulling the last event and unsetting the fields
                    self._uncleared.setdefault(name, {})
                    self._published.set()
            await self._publish_read(found, "sweep", acknowledged)
        if is_last:
            if not left_to_another:
                self._failures = 0  # all that was found is in the topic; a page of another relay proves nothing
            self._swept_at = asyncio.get_running_loop().time()

    def _now(self) -> datetime:
        """The time by this process's clock, or by the store's where that is later.

        By a clock that was set back nothing would be left behind until it has come as far again: a report accepted
        before would wait for hours. Where the store's is wrong, events are published twice.
        """
        return self._clock.now() + self._behind

    async def _redate(self) -> None:
        """Events of a process whose clock was ahead have been pending since now at the latest.

        The sweep would find them only once that moment has come: hours later, with a report that nobody else knows of.
        """
        if asyncio.get_running_loop().time() - self._redated_at < REDATE_SECONDS:
            return
        now = await store_time(self._database)
        behind = now - self._clock.now()
        self._behind = behind if behind > CLOCKS_APART else timedelta()
        with store_errors():
            ahead = {SINCE: {"$gt": now + CLOCKS_APART, "$lte": _NEVER}}
            done = await self._collection.update_many(ahead, {"$set": {SINCE: now}})
        self._redated_at = asyncio.get_running_loop().time()
        if done.modified_count:
            _log.warning("outbox.redated", relay=self._name, documents=done.modified_count, hint="a clock was ahead")

    async def _take_lease(self) -> bool:
        """Take or renew the lease on this collection's backlog; False while another relay holds it.

        It ends by the store's time: of two processes' clocks that differ, nothing tells which one is right. One that
        ends later than any that is taken now is of a time when the store's clock was ahead, and holds nobody up.
        """
        begun = asyncio.get_running_loop().time()
        if self._lease_until - begun > LEASE_SECONDS / 2:
            return True
        now = await store_time(self._database)
        until = now + timedelta(seconds=LEASE_SECONDS)
        ended = [{"until": {"$lte": now}}, {"until": {"$gt": until + CLOCKS_APART}}]
        free = {"_id": self._collection.name, "$or": [{"by": self._holder}, *ended]}
        try:
            with store_errors():
                await self._leases.update_one(free, {"$set": {"by": self._holder, "until": until}}, upsert=True)
        except DuplicateKeyError:
            self._lease_until = -math.inf
            return False
        self._lease_until = begun + LEASE_SECONDS
        return True

    async def _drop_queue(self) -> None:
        """Drop the queue and release the lease: the events stay pending in the store, for a relay that can publish."""
        while not self._queue.empty():
            self._queue.get_nowait()
        self._first.clear()
        self._changed.clear()
        self._lease_until = -math.inf
        with contextlib.suppress(TransientError), store_errors():
            # Until the next sweep this measures how long events have been pending.
            await self._measure()
            await self._leases.delete_one({"_id": self._collection.name, "by": self._holder})

    async def _measure(self) -> None:
        now = self._now()
        found = self._collection.find({SINCE: {"$gte": _EPOCH, "$lte": now}}, {SINCE: 1}).sort(SINCE, 1).limit(1)
        oldest = await found.to_list(1)
        age = (now - oldest[0][SINCE]).total_seconds() if oldest else 0.0
        metrics.OUTBOX_PENDING_SECONDS.labels(self._name).set(age)

    # --- clearing

    async def _clear_forever(self) -> None:
        while True:
            await self._published.wait()
            await asyncio.sleep(self._clear_after_s)
            self._published.clear()
            try:
                await self._clear_published()
                self._clear_failures = 0
            except TransientError as error:
                self._clear_failures += 1
                _log.warning("outbox.clear_failed", relay=self._name, attempts=self._clear_failures, error=str(error))
                self._published.set()
                await asyncio.sleep(backoff(self._clear_failures, _SPREAD))

    async def _clear_published(self, *, last: bool = False) -> None:
        """Clear the events that are in the topic; ``last``: also those left to others, or to be asked about later."""
        now = asyncio.get_running_loop().time()
        due = [name for name in self._uncleared if last or self._left_until.get(name, now) <= now]
        if len(due) < len(self._uncleared):
            self._published.set()  # the others next time
        for start in range(0, len(due), BATCH):
            batch = []
            for name in due[start : start + BATCH]:
                if name in self._taken or name not in self._uncleared:
                    continue
                also_clear = self._also_clear(name)
                if also_clear is not None or last:
                    batch.append((name, list(self._uncleared[name]), also_clear or {}))
            if len(batch) < len(due[start : start + BATCH]):
                self._published.set()
            if batch:
                self._taken.update((name, ids) for name, ids, _ in batch)
                try:
                    await self._clear(batch)
                finally:
                    for name, _, _ in batch:
                        del self._taken[name]
            for name, ids, _ in batch:
                self._forget(name, ids)
            self._cleared.set()

    def _forget(self, name: str, ids: Iterable[str]) -> None:
        known = self._uncleared[name]
        for one in ids:
            del known[one]
        if not known:
            del self._uncleared[name]
            self._left_until.pop(name, None)

    async def _clear(self, published: Sequence[tuple[str, list[str], Mapping[str, Any]]]) -> None:
        """Clear exactly the published events and the fields of ``also_clear``; what was added meanwhile stays."""
        whole = _clearings(published)
        with store_errors():
            if whole:
                done = await self._collection.bulk_write(whole, ordered=False)
                if done.matched_count == len(published):
                    return
        # Some grew meanwhile, or were cleared by another relay: pull by id, which is right for all of them.
        rest = await by_ids(self._collection, [name for name, _, _ in published], {SINCE: 1})
        one_by_one: list[UpdateOne] = []
        for name, ids, _ in published:
            if SINCE in rest.get(name, {}):
                one_by_one.append(UpdateOne({"_id": name}, {"$pull": {PENDING: {"id": {"$in": ids}}}}))
                one_by_one.append(UpdateOne({"_id": name, PENDING: []}, {"$unset": {PENDING: "", SINCE: ""}}))
        if one_by_one:
            with store_errors():
                await self._collection.bulk_write(one_by_one, ordered=True)


def _publishable(document: Document) -> list[Record]:
    """The pending events of a document. Raises ``KeyError``, ``TypeError`` or ``ValueError``.

    Also for an event of a topic that only a later build knows, which is for that build's relay to publish.
    """
    records = pending_records(document)
    for record in records:
        if record.topic not in BY_NAME:
            raise KeyError("an unknown topic")
        if "ce_id" not in dict(record.headers):
            raise KeyError("no ce_id")
    return records


def _whole(ids: Sequence[str], also_clear: Mapping[str, Any]) -> Clearing:
    # The list ends with the last published event: since it grows only at its end, nothing in it is new.
    # Its length with that id anywhere in it would not do: another relay may have cleared some at its head.
    match = {f"{PENDING}.{len(ids) - 1}.id": ids[-1], PENDING: {"$size": len(ids)}, **also_clear}
    return Clearing(match, dict.fromkeys((PENDING, SINCE, *also_clear), ""))


def _clearings(published: Sequence[tuple[str, list[str], Mapping[str, Any]]]) -> list[UpdateMany]:
    """The writes that clear what is still exactly what was published.

    Documents with lists of one length and the same further fields are cleared together: the embedded store commits once
    for a write, not for each document. An event is in one document, so its id at the end of a list tells whose list it
    is. A further field that is set anew comes with an event (``AlsoClear``): until that is published too, the list has
    grown and does not match; from then on the earlier value is not among those that are asked for any more.
    """
    alike: dict[tuple[int, tuple[str, ...]], list[tuple[str, str, Mapping[str, Any]]]] = {}
    for name, ids, also_clear in published:
        if ids:
            alike.setdefault((len(ids), tuple(also_clear)), []).append((name, ids[-1], also_clear))
    found: list[UpdateMany] = []
    for (length, fields), documents in alike.items():
        for start in range(0, len(documents), CLEARED_TOGETHER):
            some = documents[start : start + CLEARED_TOGETHER]
            match = {
                "_id": {"$in": [name for name, _, _ in some]},
                f"{PENDING}.{length - 1}.id": {"$in": [last for _, last, _ in some]},
                PENDING: {"$size": length},
                **{field: {"$in": [values[field] for _, _, values in some]} for field in fields},
            }
            found.append(UpdateMany(match, {"$unset": dict.fromkeys((PENDING, SINCE, *fields), "")}))
    return found


def _entry(record: Record) -> dict[str, Any]:
    return {
        "id": _id(record),
        "topic": record.topic,
        "key": record.key,
        "headers": [[name, value] for name, value in record.headers],
        "value": record.value,
    }


def _id(record: Record) -> str:
    return next(value for name, value in record.headers if name == "ce_id").decode()
