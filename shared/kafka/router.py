"""What consumers are written with: FastStream's router, whose subscribers deliver the way this project promises.

    router = KafkaRouter()

    @router.subscriber(ROUTINGS, group="notify")
    async def on_routings(batch: Batch[ReportRouted | ReportEnded]) -> Sequence[Rejected] | None: ...

The handler gets validated events and its effects are durable when it returns; dead letters and offsets follow
(``shared.kafka.consumer``). It returns what it cannot act upon. ``TransientError``: the same batch comes again.
Anything else raised ends the process. Included in a ``Bus`` a router consumes; included in a plain ``KafkaBroker``
under ``TestKafkaBroker`` its handlers are driven by a test, and a record nobody can read raises there.
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
from shared.kafka.decoding import Received, Rejected, Triage, sort_out
from shared.topics import Topic

if TYPE_CHECKING:
    from faststream.kafka.subscriber.usecase import BatchSubscriber

    from shared.kafka.consumer import Subscription

__all__ = ["Batch", "KafkaRouter", "OnAssigned", "OnRevoked", "Places", "Received", "Records", "Rejected"]

E = TypeVar("E", bound=Event)

Records = Sequence[ConsumerRecord[bytes, bytes]]
Handler = Callable[[list[Received]], Awaitable[Sequence[Rejected] | None]]
"""What a handler is without its decorator."""
Places = frozenset[tuple[str, int]]
"""Topics and partitions."""
OnAssigned = Callable[[Places], Awaitable[Mapping[tuple[str, int], int]]]
OnRevoked = Callable[[Places], Awaitable[None]]

_SLEEP_MS: Final = 1
"""FastStream sleeps so long after an empty poll; the poll itself waits (``shared.kafka.consumer``)."""
_NO_CAP: Final = 1 << 30


class Batch(list[Received], Generic[E]):
    """Validated events of one poll; may span topics and partitions, in order within each partition.

    The type argument names the events. The AsyncAPI document describes them, as they are on the wire.
    """

    triage: Triage
    """What the batch was sorted out of; for the bus, not for handlers."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Describe the event: what stands round it never leaves the process."""
        [event] = get_args(source)
        return handler(event)


class BatchMessage(KafkaMessage):
    """FastStream's message around the raw records of one poll. Touches no header and no body.

    Records are validated one by one, so that one whose header is not UTF-8 leaves its neighbours alone.
    """

    def __init__(self, records: Records, reading: "Reading") -> None:
        super().__init__(
            body=b"",
            headers={},
            raw_message=tuple(records),
            consumer=FAKE_CONSUMER,
            message_id="",
            content_type=None,
        )
        self.records = records
        self.reading = reading

    def let_go(self) -> None:
        """Drop the records and what they were decoded to.

        asyncio keeps a cancelled timer until its time, with the context it was made in, and FastStream's context holds
        this message: with the commits of a busy reader up to a hundred batches lived on for nothing.
        """
        self.records = self.raw_message = ()
        self.clear_cache()


async def triaged(message: BatchMessage) -> Triage:
    """What becomes of each record; decoded once, the handler gets the same batch."""
    batch: Batch[Event] | None = await message.decode()
    if batch is None:
        raise TypeError("the subscriber has another decoder than its reading's")
    return batch.triage


@dataclass(eq=False)
class Reading(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """The options of one subscriber, and its parser, decoder and rebalance listener."""

    topics: tuple[Topic, ...]
    group: str
    pace_s: float
    on_assigned: OnAssigned | None
    on_revoked: OnRevoked | None
    subscriber: "BatchSubscriber | None" = field(default=None, repr=False)
    """FastStream's."""
    subscription: "Subscription | None" = field(default=None, repr=False)
    """Who delivers, once the router is included in a bus."""

    async def parse(self, records: Records) -> BatchMessage:
        """FastStream's ``parser``."""
        return BatchMessage(records, self)

    async def decode(self, message: BatchMessage) -> Batch[Event]:
        """FastStream's ``decoder``: the records that can be read, and in ``triage`` what becomes of the others."""
        if self.subscription is not None:
            triage = self.subscription.sort_out(message.records)
        else:
            triage = sort_out(message.records, str, 0, _NO_CAP)
            for letter in triage.dead:
                raise PermanentError(letter.reason, letter.detail)
            for _, why in triage.blocked.values():
                raise UnknownTypeError(why)
        batch: Batch[Event] = Batch(triage.accepted)
        batch.triage = triage
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
    """FastStream's router; its ``subscriber`` has the options that are ours to choose, and safe ones for the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.readings: list[Reading] = []

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

        ``pace_s`` is the least time between two batches: a reader nobody waits for takes many records at once and
        leaves the store to those who are waited for. After a quiet time the first record is read at once all the same.

        ``on_assigned`` gets (bare topic, partition) pairs while they are paused and returns where to start; what it
        leaves out starts at the committed offset. It runs outside the rebalance, never beside a batch, is repeated on
        ``TransientError`` and cancelled when the partitions go away. ``on_revoked`` runs inside the rebalance, after
        the batch in flight, and must be short.
        """
        reading = Reading(topics, group, pace_s, on_assigned, on_revoked)
        reading.subscriber = super().subscriber(
            *(topic.name for topic in topics),
            group_id=group,
            batch=True,
            batch_timeout_ms=_SLEEP_MS,
            max_records=max_records,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            # So that a report's partitions of several topics meet in one process.
            partition_assignment_strategy=(RangePartitionAssignor,),
            listener=reading,
            no_reply=True,
            parser=reading.parse,
            decoder=reading.decode,
            title=group,
        )
        self.readings.append(reading)
        return reading.subscriber
