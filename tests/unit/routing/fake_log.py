"""A log in memory with what matters of Kafka's: order, offsets, and a writer that may lose its answer."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import Any

from services.routing.handlers.ledger import Ledger
from services.routing.handlers.loads import LoadView
from services.routing.handlers.worker import Worker
from services.routing.projection import PartitionState, RoutingEvent
from services.routing.rendering import Message
from shared.bus.records import RawRecord, Received, receive
from shared.clock import ManualClock
from shared.errors import TransientError
from shared.events.base import Event, Record, encode
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
        return [receive(_raw(self.topic, partition, n, r), self.topic).event for n, r in enumerate(log)]


def _raw(topic: str, partition: int, offset: int, record: Record) -> RawRecord:
    return RawRecord(topic, partition, offset, 0, record.key.encode(), record.value, record.headers)


class NoOwners:
    async def owners_of(self, report_ids: Sequence[str]) -> dict[str, str]:
        return {}


class Place:
    """A log of routings and one of cases, and any number of workers that all believe they own partition 0."""

    def __init__(self) -> None:
        self.routings = FakeLog("routings")
        self.cases = FakeLog("cases")
        self.clock = ManualClock(NOW)

    async def worker(self, *partitions: int, writer: Any = None) -> tuple[Worker, Ledger, LoadView]:
        ledger = Ledger(writer or self.routings, "routings", self.routings, self.cases)
        view = LoadView(15)
        worker = Worker(ledger, view, NoOwners(), self.clock, linked_lookup_s=1)
        places = frozenset((topic, p) for topic in ("reports", "cases") for p in partitions or (0,))
        await worker.on_assigned(places)
        return worker, ledger, view


def received_record(event: Event, offset: int = 0, partition: int = 0) -> Received:
    """The event as the bus hands it over."""
    source = "notify" if event.TOPIC == "cases" else "intake"
    record = encode(event, source=source, time=NOW, traceparent=TRACE)
    return receive(_raw(event.TOPIC, partition, offset, record), event.TOPIC)


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
