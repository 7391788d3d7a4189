"""Events embedded in the document they belong to, and the relay that publishes them.

One write stores a fact and the event about it, so neither can be lost without the other. The relay publishes and then
marks; killed in between, it publishes again, and readers tolerate duplicates. Publishing never waits for the store:
marks are written in the background, many at once, and until then the relay remembers which events are in the log; what
must be read first (later events, what was left behind) has a task of its own.

A document's events reach the log in order, whichever relay publishes them: a relay publishes the whole pending list as
the store has it, less what Kafka has acknowledged to it, and only acknowledged events are marked. Each relay publishes
what its own process offers; events left behind (by a dead process, or during an outage) are published by the one relay
that holds the lease of the collection.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError

from shared import log
from shared.backoff import backoff
from shared.clock import Clock
from shared.errors import TransientError
from shared.events.base import Record
from shared.jobs import Skipped
from shared.kafka import metrics
from shared.kafka.publisher import Publisher
from shared.mongo import SLICE, Document, by_ids, store_errors

_log = log.get(__name__)

PENDING: Final = "outbox"
SINCE: Final = "outbox_since"
QUEUE: Final = 10_000
"""Offers kept in memory; beyond that the sweep finds the documents."""
BATCH: Final = 1_000
SWEEP_SECONDS: Final = 1.0
LEFT_BEHIND_SECONDS: Final = 2.0
"""A document with events so old was left by a dead process or while Kafka was away."""
LEASE_SECONDS: Final = 3.0
"""For so long one relay alone publishes what was left behind; renewed while it finds more."""
MARK_SECONDS: Final = 0.05
"""Marks gather for so long unless told otherwise: one bulk write for many documents."""
MOST_UNMARKED: Final = 10_000
"""Documents published and not yet marked; at this number publishing waits for the store."""
FLUSH_SECONDS: Final = 2.0
LEASES: Final = "outbox_leases"
_SPREAD: Final = 1.0
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)

Offer = tuple[str, Sequence[Record]]
Settled = Callable[[str], Mapping[str, Any] | None]
"""What else of a document its mark takes off: fields with the values they must still have; None: ask again later."""


def _nothing_else(_: str) -> Mapping[str, Any]:
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
    """The events of a document not yet marked as published, in order."""
    return [
        Record(
            topic=entry["topic"],
            key=entry["key"],
            headers=tuple((name, bytes(value)) for name, value in entry["headers"]),
            value=bytes(entry["value"]),
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
        pace_s: float = 0.0,
        mark_s: float = MARK_SECONDS,
        settled: Settled = _nothing_else,
    ) -> None:
        """For ``pace_s`` after a batch the next gathers: one publish for many. Idle, it never waits.

        Marks gather for ``mark_s``, well below ``LEFT_BEHIND_SECONDS``. ``settled`` saves a write of its own to whoever
        has something else to take off a document; a field that has changed meanwhile is left alone.
        """
        self._collection = collection
        self._leases = collection.database[LEASES]
        self._publisher = publisher
        self._clock = clock
        self._name = name
        self._holder = uuid4().hex
        self._pace_s = pace_s
        self._mark_s = mark_s
        self._settled = settled
        self._queue: asyncio.Queue[Offer] = asyncio.Queue(QUEUE)
        self._first: set[str] = set()
        """Documents whose first events are in the queue or about to be published."""
        self._changed: dict[str, None] = {}
        """Documents with later events, to be read from the store."""
        self._wake = asyncio.Event()
        self._publishing = asyncio.Lock()
        self._since_read: set[str] = set()
        """Events acknowledged since the last read of the store began: its answer may still call them pending."""
        self._failures = 0
        self._waiting = False
        self._mark_failures = 0
        self._swept_at = 0.0
        self._sweep_from = _EPOCH
        self._lease_until = _EPOCH
        self._unmarked: dict[str, dict[str, None]] = {}
        """Event ids Kafka has acknowledged and the store still calls pending, in order, by document."""
        self._unreadable: set[str] = set()
        """Documents whose pending events cannot be read, as far as they were met lately."""
        self._published = asyncio.Event()
        self._marked = asyncio.Event()

    async def ensure_index(self) -> None:
        """Make the index the sweep reads; a no-op where it exists."""
        with store_errors():
            await self._collection.create_index(SINCE, name="outbox_since", sparse=True)

    def offer(self, document_id: str, records: Sequence[Record] | None = None) -> None:
        """Say that a document has events to publish; never blocks.

        ``records`` saves a read where they are all the document can have pending: its first events, just inserted.
        None: the relay reads the pending list from the store. Dropped when the queue is full and while the relay waits
        after a failure: the sweep finds the document, and only one relay publishes what is swept.
        """
        if self._waiting:
            metrics.OUTBOX_DROPPED.labels(self._name).inc()
        elif records is None:
            if len(self._changed) >= QUEUE:
                metrics.OUTBOX_DROPPED.labels(self._name).inc()
                return
            self._changed[document_id] = None
            self._wake.set()
        else:
            try:
                self._queue.put_nowait((document_id, records))
                self._first.add(document_id)
            except asyncio.QueueFull:
                metrics.OUTBOX_DROPPED.labels(self._name).inc()

    async def run(self) -> None:
        """Relay until cancelled. While the store or Kafka is away it waits; nothing pending is forgotten."""
        self._waiting = False  # begun again after an error that cut off a pause, nothing else would say so
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._forever(self._publish_first), name=f"{self._name}-publish")
                tasks.create_task(self._forever(self._publish_stored), name=f"{self._name}-read")
                tasks.create_task(self._write_marks(), name=f"{self._name}-mark")
        finally:
            # What is not marked now is published again by the next process.
            with contextlib.suppress(TransientError, TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._mark_published(last=True)

    def check(self) -> str | None:
        """For health: None while events flow."""
        failures = max(self._failures, self._mark_failures)
        return f"{self._name}: failed {failures} times in a row" if failures > 1 else None

    def left_out(self) -> str | None:
        """For health: None unless the last sweep met documents whose pending events cannot be read."""
        return f"{self._name}: {len(self._unreadable)} documents left out" if self._unreadable else None

    async def _forever(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except TransientError as error:
                self._failures += 1
                _log.warning("outbox.retry", relay=self._name, attempt=self._failures, error=str(error))
                self._waiting = True
                await self._leave_to_sweep()
                await asyncio.sleep(backoff(self._failures, _SPREAD))
                self._waiting = False

    async def _publish_first(self) -> None:
        """Publish first events of new documents as they were offered, without asking the store."""
        offers = [await self._queue.get()]
        while len(offers) < BATCH and not self._queue.empty():
            offers.append(self._queue.get_nowait())
        async with self._publishing:
            # What the other task has read meanwhile it has published, with what follows.
            await self._publish([(name, records) for name, records in offers if name in self._first], "offer")
            self._first.difference_update(name for name, _ in offers)
        if self._pace_s:
            await asyncio.sleep(self._pace_s)

    async def _publish_stored(self) -> None:
        """Publish later events of offered documents, and once a second what was left behind."""
        until_sweep = self._swept_at + SWEEP_SECONDS - asyncio.get_running_loop().time()
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
        if asyncio.get_running_loop().time() - self._swept_at >= SWEEP_SECONDS:
            await self._sweep()
        if changed and self._pace_s:
            await asyncio.sleep(self._pace_s)

    async def _publish_read(
        self, documents: Sequence[tuple[str, Sequence[Record]]], way: str, acknowledged: frozenset[str]
    ) -> None:
        async with self._publishing:
            self._first.difference_update(name for name, _ in documents)
            await self._publish(documents, way, acknowledged | self._since_read)

    async def _publish(
        self, documents: Sequence[tuple[str, Sequence[Record]]], way: str, acknowledged: frozenset[str] = frozenset()
    ) -> None:
        """Publish what is not in the log yet, wait for the acknowledgement, and leave the marks to the background.

        ``acknowledged`` are events that were in the log before the documents were read: they may be marked by now.
        """
        fresh: list[tuple[str, list[Record]]] = []
        for name, listed in documents:
            known = self._unmarked.get(name, {})
            new = [record for record in listed if (one := _id(record)) not in known and one not in acknowledged]
            if new:
                fresh.append((name, new))
        if not fresh:
            return
        while len(self._unmarked) >= MOST_UNMARKED:
            self._marked.clear()
            await self._marked.wait()
        records = [record for _, new in fresh for record in new]
        await self._publisher.publish(records)
        self._failures = 0
        for name, new in fresh:
            self._unmarked.setdefault(name, {}).update((_id(record), None) for record in new)
        self._since_read.update(_id(record) for record in records)
        self._published.set()
        metrics.OUTBOX_PUBLISHED.labels(self._name, way).inc(len(records))

    def _readable(self, documents: Iterable[Document]) -> list[tuple[str, list[Record]]]:
        """The pending events of each document; one whose list cannot be read holds up no other, and stays pending."""
        found = []
        for document in documents:
            try:
                found.append((document["_id"], pending_records(document)))
            except (KeyError, TypeError, ValueError) as error:
                if document["_id"] not in self._unreadable:  # it comes again with every sweep
                    self._unreadable.add(document["_id"])
                    Skipped(f"relay-{self._name}").add(document["_id"], error)
        return found

    def _acknowledged(self) -> frozenset[str]:
        """Events in the log that the store may call pending; asked before it is read."""
        self._since_read.clear()
        return frozenset(one for ids in self._unmarked.values() for one in ids)

    # --- what was left behind

    async def _sweep(self) -> None:
        """Publish one page of what was left behind, oldest first; the next call takes the next page, if there is one.

        Only the holder of the lease publishes: after an outage every process finds the same documents.
        """
        now = self._clock.now()
        may_publish = self._lease_until > now
        acknowledged = self._acknowledged()
        # Both ends are given: with one open end the embedded store reads nearly the whole collection.
        left = {SINCE: {"$gte": self._sweep_from, "$lte": now - timedelta(seconds=LEFT_BEHIND_SECONDS)}}
        with store_errors():
            page = await self._collection.find(left, {PENDING: 1, SINCE: 1}).sort(SINCE, 1).limit(SLICE).to_list(SLICE)
        if self._sweep_from == _EPOCH:
            self._unreadable.intersection_update(document["_id"] for document in page)
            oldest = (now - page[0][SINCE]).total_seconds() if page else 0.0
            metrics.OUTBOX_PENDING_SECONDS.labels(self._name).set(max(0.0, oldest))
        found = self._readable(page)
        foreign = [
            (name, records)
            for name, records in found
            if name not in self._unmarked and not (records and acknowledged.issuperset(map(_id, records)))
        ]
        left_to_another = False
        if foreign:
            if not await self._take_lease(now):
                page, left_to_another = [], True
            elif not may_publish:
                await self._sweep()  # the last holder of the lease may have published this page: read it again
                return
        if page:
            for name, records in found:
                if not records:  # a relay died between taking the last event off and clearing the fields
                    self._unmarked.setdefault(name, {})
                    self._published.set()
            await self._publish_read(found, "sweep", acknowledged)
        if len(page) < SLICE or page[-1][SINCE] == self._sweep_from:
            self._sweep_from = _EPOCH
            if not left_to_another:
                self._failures = 0  # all that was found is in the log; what is left to another relay proves nothing
            self._swept_at = asyncio.get_running_loop().time()
        else:
            self._sweep_from = page[-1][SINCE]

    async def _take_lease(self, now: datetime) -> bool:
        """Take or renew the lease on this collection's left events; False while another relay holds it."""
        if (self._lease_until - now).total_seconds() > LEASE_SECONDS / 2:
            return True
        until = now + timedelta(seconds=LEASE_SECONDS)
        free = {"_id": self._collection.name, "$or": [{"by": self._holder}, {"until": {"$lte": now}}]}
        try:
            with store_errors():
                await self._leases.update_one(free, {"$set": {"by": self._holder, "until": until}}, upsert=True)
        except DuplicateKeyError:
            self._lease_until = _EPOCH
            return False
        self._lease_until = until
        return True

    async def _leave_to_sweep(self) -> None:
        """Drop what is in hand and give the lease back: it stays pending in the store, for the relay that can."""
        metrics.OUTBOX_DROPPED.labels(self._name).inc(self._queue.qsize() + len(self._changed))
        while not self._queue.empty():
            self._queue.get_nowait()
        self._first.clear()
        self._changed.clear()
        self._sweep_from, self._lease_until = _EPOCH, _EPOCH
        with contextlib.suppress(TransientError), store_errors():
            # Until the sweep gets its turn, this says how long events have been waiting.
            await self._measure()
            await self._leases.delete_one({"_id": self._collection.name, "by": self._holder})

    async def _measure(self) -> None:
        now = self._clock.now()
        found = self._collection.find({SINCE: {"$gte": _EPOCH, "$lte": now}}, {SINCE: 1}).sort(SINCE, 1).limit(1)
        oldest = await found.to_list(1)
        age = (now - oldest[0][SINCE]).total_seconds() if oldest else 0.0
        metrics.OUTBOX_PENDING_SECONDS.labels(self._name).set(age)

    # --- marks

    async def _write_marks(self) -> None:
        while True:
            await self._published.wait()
            await asyncio.sleep(self._mark_s)
            self._published.clear()
            try:
                await self._mark_published()
                self._mark_failures = 0
            except TransientError as error:
                self._mark_failures += 1
                _log.warning("outbox.mark_failed", relay=self._name, attempt=self._mark_failures, error=str(error))
                self._published.set()
                await asyncio.sleep(backoff(self._mark_failures, _SPREAD))

    async def _mark_published(self, *, last: bool = False) -> None:
        """Mark what is in the log; ``last``: also what is not settled yet."""
        left = list(self._unmarked)
        for start in range(0, len(left), BATCH):
            batch = []
            for name in left[start : start + BATCH]:
                settled = self._settled(name)
                if settled is not None or last:
                    batch.append((name, list(self._unmarked[name]), settled or {}))
            if len(batch) < len(left[start : start + BATCH]):
                self._published.set()  # the others next time
            if batch:
                await self._mark(batch)
            for name, ids, _ in batch:
                known = self._unmarked[name]
                for one in ids:
                    del known[one]
                if not known:
                    del self._unmarked[name]
            self._marked.set()

    async def _mark(self, published: Sequence[tuple[str, list[str], Mapping[str, Any]]]) -> None:
        """Take exactly the published events off, and what else is settled; what was added meanwhile stays."""
        whole = [
            UpdateOne(
                # The list ends with the last event published: since it only grows at its end, nothing in it is new.
                # Its length and that id anywhere in it would not do: another relay may have taken some off its head.
                {"_id": name, f"{PENDING}.{len(ids) - 1}.id": ids[-1], PENDING: {"$size": len(ids)}, **settled},
                {"$unset": dict.fromkeys((PENDING, SINCE, *settled), "")},
            )
            for name, ids, settled in published
            if ids
        ]
        with store_errors():
            if whole:
                done = await self._collection.bulk_write(whole, ordered=False)
                if done.matched_count == len(published):
                    return
        # Some grew meanwhile, or were marked by another relay: pull by id, which is right for all of them.
        rest = await by_ids(self._collection, [name for name, _, _ in published], {SINCE: 1})
        one_by_one: list[UpdateOne] = []
        for name, ids, _ in published:
            if SINCE in rest.get(name, {}):
                one_by_one.append(UpdateOne({"_id": name}, {"$pull": {PENDING: {"id": {"$in": ids}}}}))
                one_by_one.append(UpdateOne({"_id": name, PENDING: []}, {"$unset": {PENDING: "", SINCE: ""}}))
        if one_by_one:
            with store_errors():
                await self._collection.bulk_write(one_by_one, ordered=True)


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
