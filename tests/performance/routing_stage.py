"""What the benchmarks of routing share: a place of their own on the bus, a backlog, workers held back, and rates."""

import asyncio
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pydantic import SecretStr

from shared.events.base import Record
from shared.kafka.admin import ensure_topics
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.routing.running import Process, Traffic, record_of
from tests.performance import as_in_image
from tests.support.waiting import eventually

PARTITIONS: Final = 6
LIMIT_S: Final = 300.0
_PIECE: Final = 2_000
_MB: Final = 1024 * 1024

Ends = dict[TopicPartition, int]


def say(text: str) -> None:
    """Progress for who watches; the last line on stdout is the result."""
    sys.stderr.write(f"{text}\n")


@dataclass(frozen=True, slots=True)
class Stage:
    """Topics and databases nobody else uses, on engines that are up."""

    bus: KafkaSettings
    store: StoreSettings
    folder: Path

    @classmethod
    async def new(cls, kafka: str, mongodb: str, folder: Path) -> "Stage":
        """Make the topics."""
        name = f"bench{uuid.uuid4().hex[:8]}"
        bus = KafkaSettings(bootstrap_servers=kafka, topic_prefix=f"{name}.", topic_partitions=PARTITIONS)
        await ensure_topics(bus)
        store = StoreSettings(uri=SecretStr(mongodb), database_prefix=f"{name}_")
        return cls(bus, store, folder)

    @property
    def routings(self) -> str:
        """The topic routing writes to, by its name on the cluster."""
        return f"{self.bus.topic_prefix}routings"

    async def extra_topic(self, bare: str) -> str:
        """One more topic with as many partitions."""
        name = f"{self.bus.topic_prefix}{bare}"
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bus.bootstrap_servers)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(name, PARTITIONS, 1)])
        finally:
            await admin.close()
        return name

    async def publish(self, records: Sequence[Record]) -> None:
        """Append records that are ready."""
        async with self.publisher() as publisher:
            for done in range(0, len(records), _PIECE):
                await publisher.publish(records[done : done + _PIECE])

    async def history(self, reports: int, *, seed: int) -> None:
        """Publish so many new reports, a few thousand at a time: a million of them are not held at once."""
        traffic = Traffic(Publisher(self.bus), seed)
        async with self.publisher() as publisher:
            for done in range(0, reports, _PIECE):
                await publisher.publish(received(traffic, min(_PIECE, reports - done)))

    @asynccontextmanager
    async def publisher(self) -> AsyncIterator[Publisher]:
        """One that is connected."""
        publisher = Publisher(self.bus)
        await publisher.start()
        try:
            yield publisher
        finally:
            await publisher.stop()

    async def ends(self, topic: str) -> Ends:
        """The end of each partition now."""
        async with reading(self.bus, topic) as (consumer, places):
            return dict(await consumer.end_offsets(places))

    async def rate(self, topic: str, reports: int, *, since: Ends | None = None) -> float:
        """Records a second from the first to the last one since then, once at least so many have been written."""
        async with reading(self.bus, topic) as (consumer, places):
            begin = since or dict.fromkeys(places, 0)
            wanted, limit = sum(begin.values()) + reports, time.monotonic() + LIMIT_S
            while sum((ends := await consumer.end_offsets(places)).values()) < wanted:
                if time.monotonic() > limit:
                    raise TimeoutError(f"{topic}: {sum(ends.values())} of {wanted} after {LIMIT_S:g} s")
                await asyncio.sleep(0.2)
            used = [place for place in places if ends[place] > begin[place]]
            first = [await _stamp(consumer, place, begin[place]) for place in used]
            last = [await _stamp(consumer, place, ends[place] - 1) for place in used]
            written = sum(ends.values()) - sum(begin.values())
            return float(written * 1000 / max(1, max(last) - min(first)))

    async def newest(self, topic: str) -> float:
        """When the newest record was written, in seconds since 1970."""
        async with reading(self.bus, topic) as (consumer, places):
            ends = await consumer.end_offsets(places)
            stamps = [await _stamp(consumer, place, end - 1) for place, end in ends.items() if end]
            return max(stamps, default=0) / 1000


@asynccontextmanager
async def reading(bus: KafkaSettings, topic: str) -> AsyncIterator[tuple[AIOKafkaConsumer, list[TopicPartition]]]:
    """A consumer of no group with the topic's partitions."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bus.bootstrap_servers, auto_offset_reset="earliest", group_id=None, fetch_max_wait_ms=50
    )
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(places)
        yield consumer, places
    finally:
        await consumer.stop()


async def _stamp(consumer: AIOKafkaConsumer, place: TopicPartition, offset: int) -> int:
    consumer.seek(place, offset)
    while True:
        for record in (await consumer.getmany(place, timeout_ms=500, max_records=1)).get(place, []):
            return int(record.timestamp)


def received(traffic: Traffic, reports: int) -> list[Record]:
    """So many new reports, ready to be published."""
    return [record_of(traffic.received()) for _ in range(reports)]


class Workers:
    """Routing processes that share the partitions, held back and let go at will."""

    def __init__(self, stage: Stage, count: int, **env: str) -> None:
        files = [stage.folder / f"{stage.bus.topic_prefix}{number}.log" for number in range(count)]
        env |= as_in_image.environment()
        self.processes = [Process(stage.bus, stage.store, file, **env) for file in files]
        for process in self.processes:
            process.forked = False  # its memory and its start are measured

    async def start(self) -> None:
        """Returns once all partitions are shared out evenly and taken over."""
        for process in self.processes:
            process.start()
        limit = time.monotonic() + LIMIT_S
        while not self._ready():
            if time.monotonic() > limit or any(process.ended() is not None for process in self.processes):
                raise RuntimeError(f"routing did not start: {self.processes[0].log()[-500:]}")
            await asyncio.sleep(0.1)

    def _ready(self) -> bool:
        owned = [_taken_over(process.log()) for process in self.processes]
        return sorted(p for each in owned for p in each) == list(range(PARTITIONS)) and len({*map(len, owned)}) == 1

    def hold(self) -> None:
        """Stand still; shorter than their session, or the group goes on without them."""
        for process in self.processes:
            process.send(signal.SIGSTOP)

    def go(self) -> None:
        """Go on."""
        for process in self.processes:
            process.send(signal.SIGCONT)

    async def stop(self) -> None:
        """Ask them to end, and wait until they have."""
        for process in self.processes:
            process.send(signal.SIGTERM)
        await eventually(lambda: all(process.ended() is not None for process in self.processes), "the end of routing")

    def kill(self) -> None:
        """End them at once."""
        for process in self.processes:
            process.kill()

    def memory_mb(self) -> list[float]:
        """Of each what is in memory and in no file: pages of a state store are the kernel's to take back."""
        children = [process.child for process in self.processes]
        return [round(_anonymous(c.pid) / _MB, 1) for c in children if c is not None]

    async def metric(self, name: str, labels: str = "") -> float:
        """The sum of a metric over all of them; with labels of those whose labels hold this text."""
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            pages = [(await client.get(f"http://127.0.0.1:{p.port}/metrics")).text for p in self.processes]
        begins = f"{name}{{" if labels else f"{name} "
        lines = [line for page in pages for line in page.splitlines() if line.startswith(begins) and labels in line]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def _anonymous(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon:"))


def _taken_over(log: str) -> Sequence[int]:
    """The partitions of the last take-over a process's log tells of."""
    found: Sequence[int] = ()
    for line in log.splitlines():
        if "routing.partitions_assigned" in line:
            found = orjson.loads(line)["partitions"]
    return found
