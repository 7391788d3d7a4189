"""Read topics without a group: followers that keep a view in memory, and bounded reads that restore state."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError, OffsetOutOfRangeError

from shared import log, process
from shared.backoff import backoff
from shared.clock import Clock
from shared.errors import FatalError, PermanentError, TransientError, UnknownTypeError
from shared.kafka.connection import (
    CONSUMER_TIMEOUT_MS,
    FETCH_BYTES,
    bare_name,
    bounded,
    client_options,
    poll_ms,
    topic_name,
)
from shared.kafka.decoding import RawRecord, Received, decode_record, to_raw_record
from shared.kafka.liveness import ended_task
from shared.kafka.patches import (
    last_seen_without_leader,
    partitions_of,
    read_any_batch,
    without_leader,
)
from shared.settings import KafkaSettings
from shared.topics import Topic

_log = log.get(__name__)
T = TypeVar("T")

POLL_MS: Final = 5_000
FETCH_WAIT_MS: Final = 10
"""The broker's long poll of who reads up to an end it knows: all it asks for is there. One question for more is asked
before a partition that was read is paused, and whatever is asked next, as for the ends, waits behind it."""
FOLLOW_WAIT_MS: Final = 500
"""The same of a follower, whose questions are answered at once where there is a record."""
NEWEST: Final = 200
"""So many records before the end of a compacted topic are looked through for the newest one of each key, then ten times
as many, and so on. Each worker repeats its sums every two seconds, so they lie among the last few dozen."""
_MORE: Final = 10
MAX_RECORDS: Final = 500
"""Taken at once. One of `routings` takes 5 KB once it is unpacked."""
SILENT_SECONDS: Final = 20.0
_STOP_SECONDS: Final = 5.0
_SPREAD: Final = 1.0


class Follower:
    """Applies every record of some topics to something in memory, in log order within a partition, for ever.

    Invalid records are counted and skipped: the topic's consumers write the dead letter. One of an unknown type stops
    its partition and shows in ``check``. ``apply`` is synchronous; what it raises ends the process.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topics: Sequence[Topic],
        apply: Callable[[Received], None],
        *,
        from_start: bool,
        clock: Clock,
        newest_of: Collection[str] = (),
    ) -> None:
        """``newest_of`` are the keys of those topics that are compacted.

        There, of the records before the start only the newest of each key need be applied: Kafka compacts a file only
        once it is closed, which may take a week, and a start would read all that was repeated meanwhile.
        """
        self._settings = settings
        self._names = [topic_name(settings, topic) for topic in topics]
        self._apply = apply
        self._from_start = from_start
        self._clock = clock
        self._newest_of = {key.encode() for key in newest_of}
        self._compacted = {topic_name(settings, topic) for topic in topics if topic.compacted and newest_of}
        self._next: dict[TopicPartition, int] = {}
        self._blocked: dict[TopicPartition, str] = {}
        self._answered_at = clock.monotonic()
        self._answered: int | None = None
        self._failure: str | None = "not started"
        self._caught_up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to follow; returns once everything in the log at this moment is applied, without limit."""
        self._task = asyncio.create_task(self._follow())
        await self._caught_up.wait()

    async def stop(self) -> None:
        """Stop following; what was applied stays."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=2 * _STOP_SECONDS)

    def check(self) -> str | None:
        """Readiness: None while the view is up to date."""
        if self._blocked:
            return "; ".join(
                f"{p.topic}/{p.partition} waits for a newer build: {reason}" for p, reason in self._blocked.items()
            )
        if self._failure is not None:
            return self._failure
        silent = self._clock.monotonic() - self._answered_at
        return f"kafka has not answered for {silent:.0f} s" if silent > SILENT_SECONDS else None

    async def _follow(self) -> None:
        attempt = 0
        while True:
            consumer = _reader(self._settings, fetch_max_wait_ms=FOLLOW_WAIT_MS)
            try:
                await self._read(consumer)
            except (TransientError, KafkaError) as error:
                attempt = 0 if self._failure is None else attempt + 1
                self._failure = f"cannot follow {', '.join(self._names)}: {str(error)[:200] or type(error).__name__}"
                _log.warning("reader.retried", topics=self._names, attempt=attempt, error=str(error)[:200])
            except Exception as error:
                process.die("reader.failed", error, topics=self._names)
            finally:
                await _close(consumer)
            await asyncio.sleep(backoff(attempt + 1, _SPREAD))

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        limit = self._settings.call_timeout_s
        timeout_ms = poll_ms(POLL_MS, limit)
        await bounded(consumer.start(), limit, "connecting a follower")
        tps = await _tps(consumer, self._names, limit)
        try:
            ends = await bounded(consumer.end_offsets(tps), limit, "asking for the ends")
        except (TransientError, KafkaError) as error:
            if lost := last_seen_without_leader(consumer, tps):
                named = ", ".join(sorted(f"{tp.topic}/{tp.partition}" for tp in lost))
                raise TransientError(f"kafka: the brokers with copies are down, no leader of {named}") from error
            raise
        for tp in tps:
            self._next[tp] = await self._begin_at(consumer, tp, ends[tp])
        consumer.assign(tps)
        for tp in tps:
            consumer.seek(tp, self._next[tp])
        consumer.pause(*self._blocked)
        while True:
            if (why := ended_task(consumer)) is not None:
                raise TransientError(f"kafka: {why}")
            self._note(consumer, ends)
            polled = await bounded(consumer.getmany(timeout_ms=timeout_ms, max_records=MAX_RECORDS), limit, "following")
            for tp, records in polled.items():
                for record in records:
                    if not self._one(tp, record):
                        consumer.pause(tp)
                        consumer.seek(tp, record.offset)
                        break
                    self._next[tp] = record.offset + 1
            for tp in ends:
                # Compaction may have taken the last records before the end: the position passes over them.
                if tp not in polled and tp not in self._blocked:
                    position = await bounded(consumer.position(tp), limit, "asking for a position")
                    self._next[tp] = max(self._next[tp], position)

    async def _begin_at(self, consumer: AIOKafkaConsumer, tp: TopicPartition, end: int) -> int:
        """Where it was, or the first record; of a compacted topic one before which no key has its newest record."""
        if tp in self._next or not self._from_start:
            return self._next.get(tp, end)
        looked_through = NEWEST
        while tp.topic in self._compacted and looked_through < end:
            start = end - looked_through
            if self._newest_of <= await self._keys(consumer, tp, start, end):
                return start
            looked_through *= _MORE
        return 0

    async def _keys(self, consumer: AIOKafkaConsumer, tp: TopicPartition, start: int, end: int) -> set[bytes | None]:
        limit, keys = self._settings.call_timeout_s, set[bytes | None]()
        consumer.assign([tp])
        consumer.seek(tp, start)
        while await bounded(consumer.position(tp), limit, "asking for a position") < end:
            polling = consumer.getmany(tp, timeout_ms=poll_ms(POLL_MS, limit), max_records=MAX_RECORDS)
            polled = await bounded(polling, limit, "looking for the newest records")
            keys.update(record.key for record in polled.get(tp, ()))
        return keys

    def _note(self, consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> None:
        stamps = [consumer.last_poll_timestamp(tp) for tp in consumer.assignment() - self._blocked.keys()]
        newest = max((stamp for stamp in stamps if stamp is not None), default=None)
        if newest != self._answered:
            self._answered = newest
            self._answered_at = self._clock.monotonic()
        for tp in [p for p, end in ends.items() if self._next[p] >= end or p in self._blocked]:
            del ends[tp]
        if not ends:
            self._failure = None
            self._caught_up.set()

    def _one(self, tp: TopicPartition, record: Any) -> bool:  # noqa: ANN401  # aiokafka ships no types
        topic = bare_name(self._settings, record.topic)
        try:
            received = decode_record(record, topic)
        except PermanentError as error:
            _log.warning(
                "reader.record_skipped", topic=topic, partition=tp.partition, offset=record.offset, reason=error.reason
            )
            return True
        except UnknownTypeError as error:
            self._blocked[tp] = str(error)
            _log.error(
                "reader.partition_blocked", topic=topic, partition=tp.partition, offset=record.offset, reason=str(error)
            )
            return False
        self._apply(received)
        return True


class PartitionReader:
    """Read exact ranges of one topic's partitions.

    One read at a time; another waits. Every call raises ``TransientError`` when Kafka does not answer or refuses it.
    """

    def __init__(self, settings: KafkaSettings, topic: Topic) -> None:
        self._settings = settings
        self._name = topic_name(settings, topic)
        self._topic = topic
        self._limit = settings.call_timeout_s
        self._consumer: AIOKafkaConsumer | None = None
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Connect."""
        consumer = _reader(self._settings, auto_offset_reset="none")
        try:
            await self._asked(consumer.start(), "connecting a reader")
        except BaseException:
            await _close(consumer)
            raise
        self._consumer = consumer

    async def stop(self) -> None:
        """Disconnect."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await _close(consumer)

    async def partitions(self) -> tuple[int, ...]:
        """The numbers of the topic's partitions on the cluster."""
        looking = partitions_of(self._connected(), self._name)
        return tuple(sorted(await self._asked(looking, f"looking for {self._name}")))

    async def without_leader(self, partitions: Iterable[int]) -> frozenset[int]:
        """Those of these partitions that have no leader now: every question about them would wait in vain."""
        tps = [TopicPartition(self._name, number) for number in partitions]
        lost = await self._asked(without_leader(self._connected(), tps), "asking for leaders")
        return frozenset(tp.partition for tp in lost)

    async def ends(self, partitions: Iterable[int]) -> dict[int, int]:
        """The offset the next record of each partition will get."""
        tps = [TopicPartition(self._name, number) for number in partitions]
        if not tps:
            return {}
        await self.partitions()  # of a topic that these credentials may not read no end is ever told
        ends = await self._asked(self._connected().end_offsets(tps), "asking for the ends")
        return {tp.partition: end for tp, end in ends.items()}

    async def read(self, wanted: Mapping[int, tuple[int, int]]) -> AsyncGenerator[RawRecord, None]:
        """Yield every record from start to end (exclusive) of each partition, in order within a partition.

        Raises ``FatalError`` where the log does not hold exactly these offsets: it was cut, or is not the log it was.
        Read to the end or close the iterator: it holds the reader until then.
        """
        left = {TopicPartition(self._name, number): span for number, span in wanted.items() if span[0] < span[1]}
        if not left:
            return
        await self.partitions()  # as above
        async with self._turn:
            consumer = self._connected()
            consumer.assign(list(left))
            for tp, (start, _) in left.items():
                consumer.seek(tp, start)
            try:
                while left:
                    for tp, records in (await self._poll(consumer, left)).items():
                        expected, end = left[tp]
                        for record in records:
                            if expected == end:
                                break
                            if record.offset != expected:
                                raise FatalError(
                                    f"{self._name}/{tp.partition} has {record.offset} where {expected} is due"
                                )
                            expected += 1
                            yield to_raw_record(record, self._topic.name)
                        left[tp] = (expected, end)
                        if expected == end:
                            del left[tp]
                            consumer.pause(tp)
            finally:
                consumer.pause(*left)  # one that was closed early would go on asking

    async def _poll(self, consumer: AIOKafkaConsumer, left: Mapping[TopicPartition, object]) -> Mapping[Any, Any]:
        async def some() -> Mapping[Any, Any]:
            while True:
                got = await consumer.getmany(*left, timeout_ms=POLL_MS, max_records=MAX_RECORDS)
                if got:
                    return dict(got)

        return await self._asked(some(), f"reading {self._name}")

    async def _asked(self, awaitable: Awaitable[T], what: str) -> T:
        try:
            return await bounded(awaitable, self._limit, what)
        except OffsetOutOfRangeError as error:
            raise FatalError(f"{self._name} does not reach back or up to what it should hold") from error
        except (KafkaError, ConsumerStoppedError) as error:
            raise TransientError(f"kafka: {what} failed: {type(error).__name__}") from error

    def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise TransientError(f"kafka: the reader of {self._name} is not connected")
        if (why := ended_task(self._consumer)) is not None:
            raise FatalError(f"kafka: the reader of {self._name}: {why}")
        return self._consumer


def _reader(
    settings: KafkaSettings,
    *,
    auto_offset_reset: str = "earliest",
    fetch_max_wait_ms: int = FETCH_WAIT_MS,
) -> AIOKafkaConsumer:
    read_any_batch()
    return AIOKafkaConsumer(
        **client_options(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset=auto_offset_reset,
        fetch_max_wait_ms=fetch_max_wait_ms,
        max_partition_fetch_bytes=FETCH_BYTES,
        consumer_timeout_ms=CONSUMER_TIMEOUT_MS,
    )


async def _tps(consumer: AIOKafkaConsumer, names: Sequence[str], limit: float) -> list[TopicPartition]:
    found = []
    for name in names:
        numbers = await bounded(partitions_of(consumer, name), limit, f"looking for {name}")
        found += [TopicPartition(name, number) for number in sorted(numbers)]
    return found


async def _close(consumer: AIOKafkaConsumer) -> None:
    """Stop a client; what that raises is logged, for whoever follows goes on with another client.

    A client whose task has ended raises here, whatever it is, what the task ended with.
    """
    try:
        await bounded(consumer.stop(), _STOP_SECONDS, "closing a reader")
    except Exception as error:
        _log.warning("reader.close_failed", error=type(error).__name__)
