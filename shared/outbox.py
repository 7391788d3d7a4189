"""Events embedded in the document they belong to, and the relay that publishes them.

One write stores a fact and the event about it, so neither can be lost without the other. The relay publishes and then
marks; killed in between, it publishes again, and readers tolerate duplicates. A document's events reach the log in
their order, whoever relays them: every relay publishes the whole pending list as the store has it, and what was marked
had been acknowledged before.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import UpdateOne

from shared import log, process
from shared.clock import Clock
from shared.errors import TransientError
from shared.events.base import Record
from shared.kafka import measures
from shared.kafka.backoff import backoff
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
_ORDERED_PROJECTION: Final = {PENDING: 1}
_SPREAD: Final = 1.0
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)

Offer = tuple[str, Sequence[Record] | None]


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
    ) -> None:
        """For ``pace_s`` after a batch the next gathers: one publish and one mark for many. Idle, it never waits."""
        self._collection = collection
        self._publisher = publisher
        self._clock = clock
        self._name = name
        self._pace_s = pace_s
        self._queue: asyncio.Queue[Offer] = asyncio.Queue(QUEUE)
        self._failures = 0
        self._swept_at = 0.0

    async def ensure_index(self) -> None:
        """Make the index the sweep reads; a no-op where it exists."""
        with store_errors():
            await self._collection.create_index(SINCE, name="outbox_since", sparse=True)

    def offer(self, document_id: str, records: Sequence[Record] | None = None) -> None:
        """Say that a document has events to publish; never blocks.

        ``records`` saves a read where they are all the document can have pending: its first events, just inserted.
        None: the relay reads the pending list from the store. Dropped when the queue is full: the sweep finds it.
        """
        try:
            self._queue.put_nowait((document_id, records))
        except asyncio.QueueFull:
            measures.OUTBOX_DROPPED.labels(self._name).inc()

    async def run(self) -> None:
        """Relay until cancelled. While the store or Kafka is away it waits; nothing pending is forgotten."""
        while True:
            try:
                await self._once()
                self._failures = 0
            except TransientError as error:
                self._failures += 1
                _log.warning("outbox.retry", relay=self._name, attempt=self._failures, error=str(error))
                # What was in hand stays pending in the store: the sweep brings it back. Until it gets its turn, this
                # says how long events have been waiting.
                with contextlib.suppress(TransientError):
                    await self._measure()
                await asyncio.sleep(backoff(self._failures, _SPREAD))
            except Exception as error:
                # A relay that is gone and unnoticed would hold every event back.
                process.die("outbox.failed", error, relay=self._name)

    def check(self) -> str | None:
        """For health: None while events flow."""
        return f"{self._name}: failed {self._failures} times in a row" if self._failures > 1 else None

    async def _once(self) -> None:
        offers = await self._offers()
        known = [(name, records) for name, records in offers if records is not None]
        unknown = list(dict.fromkeys(name for name, records in offers if records is None))
        if known:
            await self._relay(known, "offer")
        for start in range(0, len(unknown), SLICE):
            documents = await by_ids(self._collection, unknown[start : start + SLICE], _ORDERED_PROJECTION)
            await self._relay([(d["_id"], pending_records(d)) for d in documents.values()], "read")
        if asyncio.get_running_loop().time() - self._swept_at >= SWEEP_SECONDS:
            await self._sweep()
            self._swept_at = asyncio.get_running_loop().time()
        if offers and self._pace_s:
            await asyncio.sleep(self._pace_s)

    async def _offers(self) -> list[Offer]:
        """The offers at hand, waiting for the first no longer than until the next sweep."""
        until_sweep = self._swept_at + SWEEP_SECONDS - asyncio.get_running_loop().time()
        offers: list[Offer] = []
        if until_sweep > 0:
            try:
                async with asyncio.timeout(until_sweep):
                    offers.append(await self._queue.get())
            except TimeoutError:
                return []
        while len(offers) < BATCH and not self._queue.empty():
            offers.append(self._queue.get_nowait())
        return offers

    async def _sweep(self) -> None:
        """Publish what others left, oldest first, page by page until nothing old is left."""
        while True:
            now = self._clock.now()
            # Both ends are given: with one open end the embedded store reads nearly the whole collection.
            left = {SINCE: {"$gte": _EPOCH, "$lte": now - timedelta(seconds=LEFT_BEHIND_SECONDS)}}
            with store_errors():
                page = await (
                    self._collection.find(left, {PENDING: 1, SINCE: 1}).sort(SINCE, 1).limit(SLICE).to_list(SLICE)
                )
            oldest = (now - page[0][SINCE]).total_seconds() if page else 0.0
            measures.OUTBOX_PENDING_SECONDS.labels(self._name).set(max(0.0, oldest))
            if not page:
                return
            await self._relay([(document["_id"], pending_records(document)) for document in page], "sweep")

    async def _measure(self) -> None:
        now = self._clock.now()
        found = self._collection.find({SINCE: {"$gte": _EPOCH, "$lte": now}}, {SINCE: 1}).sort(SINCE, 1).limit(1)
        with store_errors():
            oldest = await found.to_list(1)
        age = (now - oldest[0][SINCE]).total_seconds() if oldest else 0.0
        measures.OUTBOX_PENDING_SECONDS.labels(self._name).set(age)

    async def _relay(self, documents: Sequence[tuple[str, Sequence[Record]]], way: str) -> None:
        if not documents:
            return
        records = [record for _, pending in documents for record in pending]
        if records:
            await self._publisher.publish(records)
        await self._mark([(name, [_id(record) for record in records]) for name, records in documents])
        measures.OUTBOX_PUBLISHED.labels(self._name, way).inc(len(records))

    async def _mark(self, published: Sequence[tuple[str, list[str]]]) -> None:
        """Take exactly the published events off; what was added meanwhile stays pending."""
        whole = [
            UpdateOne(
                # The list ends with the last event published: since it only grows at its end, nothing in it is new.
                # Its length and that id anywhere in it would not do: another relay may have taken some off its head.
                {"_id": name, f"{PENDING}.{len(ids) - 1}.id": ids[-1], PENDING: {"$size": len(ids)}},
                {"$unset": {PENDING: "", SINCE: ""}},
            )
            for name, ids in published
            if ids
        ]
        one_by_one: list[UpdateOne] = []
        for name, ids in published:
            one_by_one.append(UpdateOne({"_id": name}, {"$pull": {PENDING: {"id": {"$in": ids}}}}))
            one_by_one.append(UpdateOne({"_id": name, PENDING: []}, {"$unset": {PENDING: "", SINCE: ""}}))
        with store_errors():
            if len(whole) == len(published):
                done = await self._collection.bulk_write(whole, ordered=False)
                if done.matched_count == len(whole):
                    return
            # Some grew meanwhile, or were marked by another relay: pull by id, which is right for all of them.
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
