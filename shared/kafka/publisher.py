"""Publishing in ready-made batches: one batch per partition, acknowledged by all replicas, order per key kept.

One aiokafka ``send`` per record costs about 20 microseconds and a future each; a batch built by hand costs a tenth
(``python -m tests.performance.bench_bus``). FastStream's ``publish_batch`` ignores keys and drops headers of records,
so the producer is aiokafka's own.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Sequence
from functools import lru_cache
from struct import Struct, unpack_from
from typing import Final, TypeVar

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    KafkaError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    TopicAuthorizationFailedError,
)
from aiokafka.producer.message_accumulator import BatchBuilder

from shared import log
from shared.errors import FatalError, IeumError, PermanentError, TransientError
from shared.events.base import Record
from shared.kafka import metrics
from shared.kafka.connection import bounded, client_options, forget, topic_name
from shared.kafka.liveness import ended_task
from shared.kafka.patches import abandon, last_seen_without_leader, without_leader
from shared.settings import KafkaSettings
from shared.topics import BY_NAME, Topic

_log = log.get(__name__)

T = TypeVar("T")
Message = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes | None]]]
"""Key, value and headers of a record to be sent."""

MAX_BATCH_BYTES: Final = 1 << 20
"""A batch is refused by the broker above ``message.max.bytes``, by default 1,048,588."""
_COMPRESSION: Final = "snappy"
"""Of all codecs the one that costs least: a batch of decisions takes a sixth of the bytes, and with them a sixth of all
copying here, in the broker and in every reader, which costs more than compressing (record 22)."""
STOP_SECONDS: Final = 5.0
"""An idempotent producer waits for ever in ``stop`` while Kafka is away (aiokafka issue 1101)."""
_BROKEN = (InvalidProducerEpoch, InvalidProducerIdMapping, OutOfOrderSequenceNumber, ProducerFenced)
_WORD: Final = 0xFFFFFFFF
_M: Final = 0x5BD1E995


class NotAllowedError(TransientError):
    """These credentials may not write there: until an administrator grants the right, trying again is no use."""


class NoLeaderError(TransientError):
    """The cluster has no leader for this partition. Nothing was sent to it; the others are served."""


class PartlyPublishedError(TransientError):
    """Some partitions did not take their records; it says nothing of others, as while one has no leader."""

    def __init__(self, why: IeumError, published: Sequence[Record], refused: Sequence[Record]) -> None:
        """``why`` is a ``PermanentError`` only where nothing else failed.

        ``published`` are acknowledged; any of the others may be in the log nevertheless. Of those that are ``refused``
        one is never taken: which one, publishing them one by one tells.
        """
        super().__init__(str(why))
        self.why = why
        self.published = published
        self.refused = refused


_OF_ONE: Final = (NoLeaderError, NotAllowedError, PermanentError)
"""What one partition or topic alone is to blame for; told at once, so that trying the others costs nothing."""


class Publisher:
    """The process's one producer: idempotent, ``acks=all``, no lingering.

    A batch given up while its leader was away leaves a gap in the producer's numbering, and the broker takes nothing
    more from it: then another producer takes its place. Ending the process would keep people from reporting.

    After a ``TransientError`` the records may still reach the log later, in the order they were given: publishing
    again makes duplicates, and consumers tolerate them.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._broken: AIOKafkaProducer | None = None
        """One that the broker takes nothing from any more; it is replaced before the next batch."""
        self._replacing = asyncio.Lock()
        self._partitions: dict[str, int] = {}
        # A partition's next batch is not built before the last one is acknowledged: that keeps order whatever fails.
        self._turn: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def start(self) -> None:
        """Connect. Raises ``TransientError`` while no broker answers."""
        producer = AIOKafkaProducer(
            **client_options(self._settings),
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            compression_type=_COMPRESSION,
            max_batch_size=MAX_BATCH_BYTES,
            request_timeout_ms=int(self._settings.call_timeout_s * 1000),
        )
        try:
            await bounded(producer.start(), self._settings.call_timeout_s, "connecting the producer")
        except BaseException:
            await _stop(producer)
            raise
        self._producer = producer

    @property
    def is_connected(self) -> bool:
        """Whether it was started and not stopped since."""
        return self._producer is not None

    def ended(self) -> str | None:
        """The background task of the producer that has ended unexpectedly; None while all are running."""
        is_used = self._producer is not None and self._producer is not self._broken
        return ended_task(self._producer) if is_used else None

    async def stop(self) -> None:
        """Disconnect, waiting a few seconds at most for what is on its way."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)

    async def publish(self, records: Sequence[Record]) -> None:
        """Send records and wait until every one is acknowledged; records of one key arrive in the order given.

        Raises ``TransientError`` if that fails for any of them; some may be in the log nevertheless. It is a
        ``PartlyPublishedError`` where some are acknowledged, or nothing but single partitions or topics is to blame.
        """
        batches: defaultdict[tuple[Topic, int], list[Record]] = defaultdict(list)
        counts = {name: await self.partitions(BY_NAME[name]) for name in {record.topic for record in records}}
        for record in records:
            batches[BY_NAME[record.topic], partition_of(record.key.encode(), counts[record.topic])].append(record)
        sends = [
            self.send(
                topic_name(self._settings, topic),
                partition,
                [(record.key.encode(), record.value, record.headers) for record in some],
            )
            for (topic, partition), some in batches.items()
        ]
        ended = list(zip(batches.values(), await all_ended(sends), strict=True))
        failures = [result for _, result in ended if isinstance(result, BaseException)]
        if not failures:
            return
        published = [one for some, result in ended if not isinstance(result, BaseException) for one in some]
        refused = [one for some, result in ended if isinstance(result, PermanentError) for one in some]
        # What was not to be expected first, what can never succeed last.
        why = min(failures, key=lambda one: isinstance(one, TransientError) + 2 * isinstance(one, PermanentError))
        if isinstance(why, TransientError | PermanentError) and (
            published or all(isinstance(failure, _OF_ONE) for failure in failures)
        ):
            raise PartlyPublishedError(why, published, refused) from why
        raise why

    async def send(self, name: str, partition: int, messages: Sequence[Message], *, one_batch: bool = False) -> int:
        """Send messages to one partition of a topic by its name on the cluster; returns the first one's offset.

        Raises ``TransientError``, which is a ``NoLeaderError`` at once where it has none, and ``PermanentError`` for a
        record the broker finds too large.
        """
        first: int | None = None
        limit = self._settings.call_timeout_s
        async with self._turn[name, partition]:
            await self._replace_broken()
            await self._look_for_leader(TopicPartition(name, partition))
            batches = self._batches(messages)
            if one_batch and len(batches) > 1:
                raise ValueError(f"{len(messages)} records do not fit into one batch of {MAX_BATCH_BYTES} bytes")
            for batch in batches:
                with metrics.PUBLISH_SECONDS.time():
                    offset = await bounded(self._send(batch, name, partition), limit, f"publishing to {name}")
                first = offset if first is None else first
        if first is None:
            raise ValueError("nothing to publish")
        return first

    async def partitions(self, topic: Topic) -> int:
        """Return how many partitions the topic has on the cluster; asked once.

        Raises ``FatalError`` where that is not what this deployment is set to: keys would go astray.
        """
        if (known := self._partitions.get(topic.name)) is not None:
            return known
        name = topic_name(self._settings, topic)
        found = len(await self._ask(self._connected().partitions_for(name), f"asking for the partitions of {name}"))
        expected = topic.partitions or self._settings.topic_partitions
        if found != expected:
            raise FatalError(
                f"setting KAFKA_TOPIC_PARTITIONS: {name} has another number of partitions; found {found}; expected"
                f" {expected}; example: KAFKA_TOPIC_PARTITIONS={found}"
            )
        self._partitions[topic.name] = found
        return found

    def _batches(self, messages: Sequence[Message]) -> list[BatchBuilder]:
        batches: list[BatchBuilder] = []
        batch: BatchBuilder | None = None
        for key, value, given in messages:
            headers = list(given)  # the compiled builder takes nothing else
            if batch is None or batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                batch = self._connected().create_batch()
                batches.append(batch)
                # The first record of a batch is taken whatever its size, and compressed the broker might take it too.
                if (
                    len(value or b"") > MAX_BATCH_BYTES
                    or batch.append(timestamp=None, key=key, value=value, headers=headers) is None
                ):
                    raise PermanentError("too_large", f"one record fills more than a batch of {MAX_BATCH_BYTES} bytes")
        return batches

    async def _replace_broken(self) -> None:
        """Connect another producer in place of a broken one. Raises ``TransientError`` while no broker answers."""
        if self._broken is None:
            return
        async with self._replacing:
            broken = self._broken
            if broken is None or self._producer is not broken:  # another call was faster, or all is being stopped
                return
            await _stop(broken)  # first, so that nothing it still holds comes later than what is sent again
            await self.start()
            self._broken = None

    async def _look_for_leader(self, tp: TopicPartition) -> None:
        """Raise ``NoLeaderError`` where this partition has none.

        aiokafka would keep a batch for it until the call's time is over, and leave a gap in the numbering.
        """
        if not last_seen_without_leader(self._connected(), [tp]):
            return
        asking = without_leader(self._connected(), [tp])
        if await bounded(asking, self._settings.call_timeout_s, f"asking for the leader of {tp.topic}/{tp.partition}"):
            raise NoLeaderError(f"kafka: {tp.topic}/{tp.partition} has no leader")

    async def _send(self, batch: BatchBuilder, name: str, partition: int) -> int:
        producer = self._connected()
        try:
            acknowledged = await producer.send_batch(batch, name, partition=partition)
            acknowledged.add_done_callback(forget)  # also if the caller has stopped waiting
            metadata = await acknowledged
        except MessageSizeTooLargeError as error:
            raise PermanentError("too_large", f"the broker refuses a batch for {name}") from error
        except TopicAuthorizationFailedError as error:
            raise NotAllowedError(
                f"setting KAFKA_SASL_USERNAME: kafka does not let this user write to {name}; found"
                f" {self._settings.sasl_username!r}; expected a principal with that right, see"
                " docs/reference/kafka-rights.md; example: KAFKA_SASL_USERNAME=intake"
            ) from error
        except _BROKEN as error:
            if self._producer is producer:
                self._broken = producer
            _log.warning("kafka.producer_replaced", topic=name, partition=partition, error=type(error).__name__)
            raise TransientError(f"kafka: the producer is broken: {type(error).__name__}") from error
        except KafkaError as error:
            raise TransientError(f"kafka: publishing to {name} failed: {type(error).__name__}") from error
        return int(metadata.offset)

    async def _ask(self, awaitable: Awaitable[T], what: str) -> T:
        try:
            return await bounded(awaitable, self._settings.call_timeout_s, what)
        except KafkaError as error:
            raise TransientError(f"kafka: {what} failed: {type(error).__name__}") from error

    def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise TransientError("kafka: the producer is not connected")
        return self._producer


@lru_cache(maxsize=4096)
def _words(count: int) -> Struct:
    return Struct(f"<{count}I")


def partition_of(key: bytes, partitions: int) -> int:
    """The partition Kafka's default partitioner gives a key: murmur2, seed 0x9747b28c, sign bit dropped.

    Source: org.apache.kafka.common.utils.Utils.murmur2. aiokafka's own goes byte by byte; this one by words.
    """
    length = len(key)
    h = 0x9747B28C ^ length
    whole = length // 4
    for word in _words(whole).unpack_from(key):
        k = word * _M & _WORD
        k = (k ^ k >> 24) * _M & _WORD
        h = h * _M & _WORD ^ k
    if rest := length & 3:
        tail = unpack_from(f"{rest}s", key, whole * 4)[0]
        h = (h ^ int.from_bytes(tail, "little")) * _M & _WORD
    h = (h ^ h >> 13) * _M & _WORD
    h ^= h >> 15
    return (h & 0x7FFFFFFF) % partitions


async def all_ended(sends: Sequence[Awaitable[int]]) -> list[int | BaseException]:
    """What each send came to, once none is left in flight."""
    return await asyncio.gather(*sends, return_exceptions=True)


async def _stop(producer: AIOKafkaProducer) -> None:
    """Stop it within a limit. Raises nothing: one whose task has ended raises what that ended with."""
    try:
        await bounded(producer.stop(), STOP_SECONDS, "stopping the producer")
    except Exception as error:
        _log.warning("kafka.producer_stop_failed", error=type(error).__name__)
        # Left alive it would send later, behind what another producer has sent since.
        with contextlib.suppress(Exception):
            await bounded(abandon(producer), STOP_SECONDS, "ending the producer")
