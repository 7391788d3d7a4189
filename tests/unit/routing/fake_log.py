"""A log in memory with what matters of Kafka's: order, offsets, and a writer that may lose its answer."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import Any

from services.routing.assignment.rules import RULE_VERSION
from services.routing.handlers.copying import entry_of
from services.routing.handlers.ledger import Ledger
from services.routing.handlers.loads import LoadView
from services.routing.handlers.recalling import Recalling
from services.routing.handlers.worker import Worker
from services.routing.projection import PartitionState, RoutingEvent
from services.routing.projection.snapshot import Snapshot, head_of, parts_of, restored
from services.routing.rendering import Message
from services.routing.store import Copied, Entry
from shared.clock import ManualClock
from shared.errors import TransientError
from shared.events.base import Event, Record, encode
from shared.kafka.decoding import RawRecord, Received, decode_record
from shared.topics import BY_NAME
from tests.unit.routing.builders import NOW, TRACE


class FakeLog:
    """One topic of any number of partitions; both a reader and a writer of the ledger."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.records: dict[int, list[Record]] = {}
        self.lose_answer = 0
        self.unsure = False
        self.read_failures = 0
        self.open_reads = 0

    def append(self, partition: int, *records: Record) -> int:
        log = self.records.setdefault(partition, [])
        log.extend(records)
        return len(log) - len(records)

    async def send(self, name: str, partition: int, messages: Sequence[Message], *, one_batch: bool) -> int:
        assert (name, one_batch) == (self.topic, True)
        records = [Record(topic=name, key=k.decode(), headers=h, value=v) for k, v, h in messages]
        first = self.append(partition, *records)
        if self.lose_answer:
            self.lose_answer -= 1
            raise TransientError("no answer")
        return -1 if self.unsure else first

    async def ends(self, partitions: Iterable[int]) -> dict[int, int]:
        return {p: len(self.records.get(p, ())) for p in partitions}

    async def read(self, wanted: Mapping[int, tuple[int, int]]) -> AsyncGenerator[RawRecord, None]:
        if self.read_failures:
            self.read_failures -= 1
            raise TransientError("no answer")
        self.open_reads += 1
        try:
            for partition, (start, end) in wanted.items():
                for offset in range(start, end):
                    record = self.records[partition][offset]
                    yield RawRecord(self.topic, partition, offset, 0, record.key.encode(), record.value, record.headers)
        finally:
            self.open_reads -= 1

    def events(self, partition: int = 0) -> list[Any]:
        log = self.records.get(partition, [])
        return [decode_record(_raw(self.topic, partition, n, r), self.topic).event for n, r in enumerate(log)]


def _raw(topic: str, partition: int, offset: int, record: Record) -> RawRecord:
    return RawRecord(topic, partition, offset, 0, record.key.encode(), record.value, record.headers)


class FakeCopy:
    """The store's copy of a log: as far as it was told to go, or away."""

    def __init__(self, log: FakeLog) -> None:
        self._log = log
        self.reached: dict[int, Copied] = {}
        self.away = False
        self.silent = False
        """Whether it takes questions and never answers."""
        self.questions = 0
        self.asked: list[str] = []

    def catch_up(self, partition: int = 0) -> int:
        records = self._log.records.get(partition, [])
        last = dict(records[-1].headers)["ce_id"].decode() if records else None
        self.reached[partition] = Copied(len(records), last)
        return len(records)

    async def copied(self, partitions: Iterable[int]) -> dict[int, Copied]:
        self._there()
        self.questions += 1
        if self.silent:
            await asyncio.Event().wait()
        return {p: self.reached[p] for p in partitions if p in self.reached}

    async def histories(self, report_ids: Sequence[str]) -> dict[str, list[Entry]]:
        self._there()
        self.asked += report_ids
        found: dict[str, dict[int, Entry]] = {}
        for partition, reached in self.reached.items():
            for offset, event in enumerate(self._log.events(partition)[: reached.upto]):
                if event.report_id in report_ids:
                    found.setdefault(event.report_id, {}).setdefault(event.version, entry_of(event, partition, offset))
        return {report_id: [by[v] for v in sorted(by)] for report_id, by in found.items()}

    def _there(self) -> None:
        if self.away:
            raise TransientError("the store is away")


class FakeSnapshots:
    """Snapshots as documents, through the same writing and reading as in the store."""

    def __init__(self) -> None:
        self.written: dict[int, tuple[dict[str, Any], list[dict[str, bytes]]]] = {}
        self.away = False

    async def save(self, snapshot: Snapshot) -> None:
        parts = parts_of(snapshot, size=2)
        self.written[snapshot.partition] = head_of(snapshot, RULE_VERSION, len(parts)), parts

    async def restore(self, partition: int) -> PartitionState | None:
        if self.away:
            raise TransientError("the store is away")
        found = self.written.get(partition)
        return None if found is None else restored(*found)

    async def drop(self, partition: int) -> None:
        self.written.pop(partition, None)


class Owners:
    """The copy of who owns reports of partitions nobody here folds."""

    def __init__(self) -> None:
        self._owners: dict[str, str] = {}
        self.asked: list[str] = []

    def own(self, report_id: str, center_id: str) -> None:
        self._owners[report_id] = center_id

    async def owners_of(self, report_ids: Sequence[str]) -> dict[str, str]:
        self.asked += report_ids
        return {report_id: self._owners[report_id] for report_id in report_ids if report_id in self._owners}


class Place:
    """A log of routings and one of cases, and any number of workers that all believe they own partition 0."""

    def __init__(self) -> None:
        self.routings = FakeLog("routings")
        self.cases = FakeLog("cases")
        self.clock = ManualClock(NOW)
        self.copy = FakeCopy(self.routings)
        self.snapshots = FakeSnapshots()

    async def worker(
        self, *partitions: int, writer: Any = None, owners: Owners | None = None
    ) -> tuple[Worker, Ledger, LoadView]:
        ledger = Ledger(
            writer or self.routings,
            "routings",
            self.routings,
            self.cases,
            recalling=Recalling(self.copy, self.routings, self.clock),
            archive=self.copy,
            snapshots=self.snapshots,
        )
        view = LoadView(15)
        worker = Worker(ledger, view, owners or Owners(), self.clock, linked_lookup_s=1)
        places = frozenset((topic, p) for topic in ("reports", "cases") for p in partitions or (0,))
        await worker.on_assigned(places)
        return worker, ledger, view


def received_record(event: Event, offset: int = 0, partition: int = 0) -> Received:
    """The event as the bus hands it over."""
    record = encode(event, source=BY_NAME[event.TOPIC].writer, time=NOW, traceparent=TRACE)
    return decode_record(_raw(event.TOPIC, partition, offset, record), event.TOPIC)


def refolded(log: FakeLog, partition: int = 0) -> PartitionState:
    """What a reader that begins at offset 0 knows."""
    state = PartitionState()
    for event in log.events(partition):
        if isinstance(event, RoutingEvent):
            state.fold(event)
        state.position += 1
    return state


def agrees(known: PartitionState, log: FakeLog, partition: int = 0) -> bool:
    """Whether memory is exactly what the log says."""
    told = refolded(log, partition)
    return (
        known.standings == told.standings
        and known.position == told.position
        and {c: t for c, t in known.tallies.items() if any(t)} == {c: t for c, t in told.tallies.items() if any(t)}
    )
