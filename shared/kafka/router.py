"""FastStream's router, whose subscribers deliver as ``shared.kafka.consumer`` promises.

    router = KafkaRouter()

    @router.subscriber(ROUTINGS, group="notify")
    async def on_routings(batch: Batch[ReportRouted | ReportEnded]) -> Sequence[Rejected] | None: ...

The handler gets validated events, its effects are durable when it returns, and it returns what becomes a dead letter,
or before which record a partition has to stop (``Blocked``) while the others go on.
``TransientError`` repeats the batch; any other exception ends the process. A ``KafkaClient`` consumes with the router;
a plain ``KafkaBroker`` under ``TestKafkaBroker`` lets a test drive its handlers, and raises on an invalid record.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar, get_args

from aiokafka import ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faststream import AckPolicy
from faststream.kafka import KafkaRouter as FastStreamRouter
from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema

from shared.errors import PermanentError, UnknownTypeError
from shared.events.base import Event
from shared.kafka.decoding import Blocked, DecodedBatch, Received, Rejected, decode_batch
from shared.topics import Topic

if TYPE_CHECKING:
    from faststream.kafka.subscriber.usecase import BatchSubscriber

    from shared.kafka.consumer import Subscription

__all__ = [
    "Batch",
    "Blocked",
    "KafkaRouter",
    "OnAssigned",
    "OnRevoked",
    "Partitions",
    "Received",
    "Records",
    "Rejected",
]

E = TypeVar("E", bound=Event)

Records = Sequence[ConsumerRecord[bytes, bytes]]
Partitions = frozenset[tuple[str, int]]
"""Topics and partitions."""
OnAssigned = Callable[[Partitions], Awaitable[Mapping[tuple[str, int], int]]]
OnRevoked = Callable[[Partitions], Awaitable[None]]

_SLEEP_MS: Final = 1
"""FastStream sleeps so long after an empty poll; the poll itself waits (``LongPollingConsumer``)."""
_NO_CAP: Final = 1 << 30


class Batch(list[Received], Generic[E]):
    """Validated events of one poll; may span topics and partitions, in order within each partition.

    The type argument names the events. The AsyncAPI document describes them, as they are on the wire.
    """

    decoded: DecodedBatch
    """The whole batch; for the consumer, not for handlers."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Describe the event alone: the envelope around it is not on the wire."""
        [event] = get_args(source)
        return handler(event)


class BatchMessage(KafkaMessage):
    """FastStream's message around the raw records of one poll. Touches no header and no body.

    Records are validated one by one, so that one whose header is not UTF-8 leaves its neighbours alone.
    """

    def __init__(self, records: Records, spec: "SubscriberSpec") -> None:
        super().__init__(
            body=b"",
            headers={},
            raw_message=tuple(records),
            consumer=FAKE_CONSUMER,
            message_id="",
            content_type=None,
        )
        self.records = records
        self.spec = spec

    def release(self) -> None:
        """Drop the records and their decoded batch.

        asyncio keeps a cancelled timer until its time, with the context it was made in, and FastStream's context holds
        this message: with the commits of a busy reader up to a hundred batches lived on for nothing.
        """
        self.records = self.raw_message = ()
        self.clear_cache()


async def decoded(message: BatchMessage) -> DecodedBatch:
    """The decoded batch; decoded once, the handler gets the same."""
    batch: Batch[Event] | None = await message.decode()
    if batch is None:
        raise TypeError("the subscriber has another decoder than its reading's")
    return batch.decoded


@dataclass(eq=False)
class SubscriberSpec(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """The options of one subscriber, and its parser, decoder and rebalance listener."""

    topics: tuple[Topic, ...]
    group: str
    pace_s: float
    on_assigned: OnAssigned | None
    on_revoked: OnRevoked | None
    subscriber: "BatchSubscriber | None" = field(default=None, repr=False)
    """FastStream's."""
    subscription: "Subscription | None" = field(default=None, repr=False)
    """Set when the router is included in a ``KafkaClient``."""

    async def parse(self, records: Records) -> BatchMessage:
        """FastStream's ``parser``."""
        return BatchMessage(records, self)

    async def decode(self, message: BatchMessage) -> Batch[Event]:
        """FastStream's ``decoder``: the valid records, and in ``decoded`` the whole batch."""
        if self.subscription is not None:
            decoded = self.subscription.decode_batch(message.records)
        else:
            decoded = decode_batch(message.records, str, 0, _NO_CAP)
            for letter in decoded.dead:
                raise PermanentError(letter.reason, letter.detail)
            for _, reason in decoded.blocked.values():
                raise UnknownTypeError(reason)
        batch: Batch[Event] = Batch(decoded.accepted)
        batch.decoded = decoded
        return batch

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """FastStream's ``listener``."""
        if self.subscription is not None:
            await self.subscription.on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """FastStream's ``listener``."""
        if self.subscription is not None:
            await self.subscription.on_partitions_assigned(assigned)


class KafkaRouter(FastStreamRouter):
    """FastStream's router; its ``subscriber`` has this project's options and safe values for the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.specs: list[SubscriberSpec] = []

    def subscriber(  # type: ignore[override]  # fewer options on purpose: most others lose records
        self,
        *topics: Topic,
        group: str,
        max_records: int = 1000,
        pace_s: float = 0.0,
        on_assigned: OnAssigned | None = None,
        on_revoked: OnRevoked | None = None,
    ) -> "BatchSubscriber":
        """Read ``topics`` as ``group``, at most ``max_records`` at a time, from the start where nothing is committed.

        ``pace_s`` is the least time after a batch that was not full: a consumer that is not urgent takes many records
        at once and leaves the store to others. After a pause the first record is still read at once.

        ``on_assigned`` gets (bare topic, partition) pairs while they are paused and returns where to start; what it
        leaves out starts at the committed offset. It runs outside the rebalance, never during a batch, is repeated on
        ``TransientError`` and cancelled when the partitions are revoked. ``on_revoked`` runs inside the rebalance,
        after the batch in flight, and must be short.
        """
        spec = SubscriberSpec(topics, group, pace_s, on_assigned, on_revoked)
        spec.subscriber = super().subscriber(
            *(topic.name for topic in topics),
            group_id=group,
            batch=True,
            batch_timeout_ms=_SLEEP_MS,
            max_records=max_records,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            # A report's partitions of several topics are assigned to one process.
            partition_assignment_strategy=(RangePartitionAssignor,),
            listener=spec,
            no_reply=True,
            parser=spec.parse,
            decoder=spec.decode,
            title=group,
        )
        self.specs.append(spec)
        return spec.subscriber
