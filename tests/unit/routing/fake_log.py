"""A log in memory with what matters of Kafka's: order, offsets, and a writer that may lose its answer."""

import os
import shutil
import tempfile
import weakref
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from services.routing.record_encoding import Message
from services.routing.service import RoutingService
from services.routing.state.changelog import Changelog
from services.routing.state.folder import StateFolder
from services.routing.state.loads import LoadView
from services.routing.state.partition import PartitionState
from services.routing.state.report_states import RoutingEvent
from shared.errors import TransientError
from shared.events.base import Event, Record, encode
from shared.kafka.decoding import RawRecord, Received, decode_record
from shared.kafka.publisher import NoLeaderError
from shared.topics import BY_NAME
from tests.support.clock import ManualClock
from tests.unit.routing.builders import NOW, TRACE


class FakeLog:
    """One topic of any number of partitions; both a reader and a writer of the changelog."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.records: dict[int, list[Record]] = {}
        self.lose_answer = 0
        self.leaderless: set[int] = set()
        self.unsure = False
        self.read_failures = 0
        self.fail_after: int | None = None
        """One read fails after so many records."""
        self.open_reads = 0

    def append(self, partition: int, *records: Record) -> int:
        log = self.records.setdefault(partition, [])
        log.extend(records)
        return len(log) - len(records)

    async def send(self, name: str, partition: int, messages: Sequence[Message], *, one_batch: bool) -> int:
        assert (name, one_batch) == (self.topic, True)
        if partition in self.leaderless:
            raise NoLeaderError(f"kafka: {name}/{partition} has no leader")
        records = [Record(topic=name, key=k.decode(), headers=h, value=v) for k, v, h in messages]
        first = self.append(partition, *records)
        if self.lose_answer:
            self.lose_answer -= 1
            raise TransientError("no answer")
        return -1 if self.unsure else first

    async def without_leader(self, partitions: Iterable[int]) -> frozenset[int]:
        return frozenset(partitions) & self.leaderless

    async def ends(self, partitions: Iterable[int]) -> dict[int, int]:
        if self.leaderless & set(partitions):
            raise TransientError("no answer")
        return {p: len(self.records.get(p, ())) for p in partitions}

    async def read(self, wanted: Mapping[int, tuple[int, int]]) -> AsyncGenerator[RawRecord, None]:
        if self.read_failures:
            self.read_failures -= 1
            raise TransientError("no answer")
        self.open_reads += 1
        try:
            for partition, (start, end) in wanted.items():
                for offset in range(start, end):
                    if self.fail_after is not None and (left := self.fail_after) >= 0:
                        self.fail_after = left - 1 if left else None
                        if not left:
                            raise TransientError("no answer any more")
                    record = self.records[partition][offset]
                    yield RawRecord(self.topic, partition, offset, 0, record.key.encode(), record.value, record.headers)
        finally:
            self.open_reads -= 1

    def events(self, partition: int = 0) -> list[Any]:
        log = self.records.get(partition, [])
        return [decode_record(_raw(self.topic, partition, n, r), self.topic).event for n, r in enumerate(log)]


def _raw(topic: str, partition: int, offset: int, record: Record) -> RawRecord:
    return RawRecord(topic, partition, offset, 0, record.key.encode(), record.value, record.headers)


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
        self.folders: list[StateFolder] = []
        self.state_dir = temporary_folder()
        weakref.finalize(self, _clear_away, self.folders, self.state_dir)

    async def worker(
        self,
        *partitions: int,
        writer: Any = None,
        owners: Owners | None = None,
        assigned: bool = True,
        given_up: Collection[str] = (),
    ) -> tuple[RoutingService, Changelog, LoadView]:
        folder = StateFolder(self.state_dir, boot="boot")
        folder.take()
        self.folders.append(folder)
        changelog = Changelog(writer or self.routings, "routings", self.routings, self.cases, folder, given_up=given_up)
        vars(changelog)["place"] = self  # whose folder goes away with it
        view = LoadView(15)
        worker = RoutingService(changelog, view, owners or Owners(), self.clock, linked_lookup_s=1)
        places = frozenset((topic, p) for topic in ("reports", "cases") for p in partitions or (0,))
        if assigned:
            await worker.on_assigned(places)
        return worker, changelog, view


TOOK: Final = frozenset({("reports", 0), ("cases", 0)})
"""What a worker of a place is given where it names no partitions."""


def temporary_folder() -> Path:
    """In memory where there is such a place: what is synced there costs nothing."""
    memory = Path("/dev/shm")  # noqa: S108  # a folder of its own is made below
    return Path(tempfile.mkdtemp(prefix="ieum-state-", dir=memory if memory.is_dir() else None))


def kill(folder: StateFolder) -> None:
    """Leave a folder as a process does that was killed."""
    for store in folder._open.values():
        store.close(sync=False)
    folder._open.clear()
    if folder._lock is not None:
        os.close(folder._lock)
        folder._lock = None


def _clear_away(folders: list[StateFolder], path: Path) -> None:
    for folder in folders:
        kill(folder)
    shutil.rmtree(path, ignore_errors=True)


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
        known.report_states == told.report_states
        and known.position == told.position
        and {c: t for c, t in known.case_totals.items() if any(t)}
        == {c: t for c, t in told.case_totals.items() if any(t)}
    )
