"""The bus of one process: one producer, any number of subscriptions, started together and stopped together."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Final

from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import InvalidSessionTimeoutError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from shared import log, process
from shared.clock import Clock
from shared.errors import FatalError, TransientError
from shared.health import Health
from shared.kafka import fast
from shared.kafka.admin import ensure_topics
from shared.kafka.backoff import backoff
from shared.kafka.connection import bounded, client_options, group_name, topic_name
from shared.kafka.consumer import Subscription
from shared.kafka.hooks import Handler, OnAssigned, OnRevoked
from shared.kafka.lenient import accept_any_header_name
from shared.kafka.progress import SAMPLE_SECONDS
from shared.kafka.publisher import Publisher
from shared.kafka.vitals import ended_part, examine, membership
from shared.settings import BusSettings
from shared.topics import Topic

_log = log.get(__name__)

JOIN_SECONDS: Final = 60.0
"""Joining a group waits for members that died to be missed: their session and the rebalance timeout."""
STOP_SECONDS: Final = 10.0
FETCH_BYTES: Final = 256 * 1024
"""Of one partition at a time; aiokafka's default of 1 MiB is held for each of twelve partitions while a batch is worked
off (measured: 50 MB more in routing, no faster). A larger batch of the log still comes whole."""
_SPREAD: Final = 1.0
_ENDED_LOOKS: Final = 2
"""Something seen without its task so many times running has ended; once may be a change of tasks."""


class Bus:
    """What a service publishes with and subscribes by; one per process."""

    def __init__(self, settings: BusSettings, service: str, health: Health, clock: Clock) -> None:
        accept_any_header_name()
        self.publisher = Publisher(settings)
        self._settings = settings
        self._service = service
        self._health = health
        self._clock = clock
        self._waiting: str | None = "not started"
        self._running: list[tuple[Subscription, KafkaBroker]] = []
        self._looking: list[asyncio.Task[None]] = []
        health.ready["bus"] = lambda: self._waiting

    def subscribe(
        self,
        *topics: Topic,
        group: str,
        handler: Handler,
        max_records: int = 1000,
        pace_s: float = 0.0,
        on_assigned: OnAssigned | None = None,
        on_revoked: OnRevoked | None = None,
    ) -> Subscription:
        """Read ``topics`` as ``group``, at most ``max_records`` at a time, from the start where nothing is committed.

        ``pace_s`` is the least time between two batches: a reader nobody waits for takes many records at once and
        leaves the store to those who are waited for. After a quiet time the first record is read at once all the same.

        ``on_assigned`` gets (bare topic, partition) pairs while they are paused and returns where to start; what it
        leaves out starts at the committed offset. It runs outside the rebalance, never beside a batch, is repeated on
        ``TransientError`` and cancelled when the partitions go away. ``on_revoked`` runs inside the rebalance, after
        the batch in flight, and must be short. Call before ``start``.
        """
        subscription = Subscription(
            self._settings,
            group=group,
            handler=handler,
            publisher=self.publisher,
            service=self._service,
            clock=self._clock,
            on_assigned=on_assigned,
            on_revoked=on_revoked,
        )
        broker = self._broker(subscription, topics, max_records, pace_s)
        self._running.append((subscription, broker))
        self._health.ready[f"bus.{group}"] = subscription.ready
        self._health.live[f"bus.{group}"] = lambda: _ended(subscription, broker) if self._waiting is None else None
        return subscription

    async def start(self) -> None:
        """Wait for Kafka however long it takes, make the topics, connect the producer, join the groups."""
        await self._until_done(lambda: ensure_topics(self._settings))
        await self._until_done(self.publisher.start)
        for subscription, broker in self._running:
            await self._until_done(lambda s=subscription, b=broker: self._join(s, b))  # type: ignore[misc]  # defaults
        looking = [*(self._sample(one) for one, _ in self._running), self._watch()]
        self._looking = [asyncio.create_task(_for_ever(one)) for one in looking]
        self._waiting = None
        _log.info("bus.started", subscriptions=[subscription.group for subscription, _ in self._running])

    async def stop(self) -> None:
        """Let batches in flight end, leave the groups, flush the producer; each bounded, never raises for Kafka."""
        self._waiting = "stopping"
        for task in self._looking:
            task.cancel()
        for subscription, broker in self._running:
            await subscription.leave()
            await _stop(broker, STOP_SECONDS)
        await self.publisher.stop()

    async def run_forever(self) -> None:
        """Start, then keep running until cancelled, then stop."""
        try:
            await self.start()
            await asyncio.Event().wait()
        finally:
            await self.stop()

    def _broker(
        self, subscription: Subscription, topics: tuple[Topic, ...], max_records: int, pace_s: float
    ) -> KafkaBroker:
        options = client_options(self._settings) | membership(self._settings)
        options |= {"client_id": f"ieum-{self._service}", "max_partition_fetch_bytes": FETCH_BYTES}
        broker = fast.ConsumingBroker(
            subscription,
            options,
            pace_s,
            consumer_only=True,
            allow_auto_create_topics=False,
            apply_types=False,  # injection costs a thread hop per message
            logger=None,  # it logs twice per message
            graceful_timeout=STOP_SECONDS,
        )
        subscriber = broker.subscriber(
            *(topic_name(self._settings, topic) for topic in topics),
            group_id=group_name(self._settings, subscription.group),
            batch=True,
            batch_timeout_ms=1,  # slept after every empty poll; the poll itself waits (fast.PatientConsumer)
            max_records=max_records,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            partition_assignment_strategy=(RangePartitionAssignor,),
            listener=subscription,
            no_reply=True,
            parser=fast.parse,
            decoder=fast.decode,
            title=f"{self._service}:{subscription.group}",
            description=f"{self._service} reads {', '.join(topic.name for topic in topics)}.",
            include_in_schema=False,  # docs/asyncapi describes the topics from the table
        )

        @subscriber
        async def on_batch(records: fast.Records) -> None:
            await subscription.handle(records)

        return broker

    async def _until_done(self, step: Callable[[], Awaitable[object]]) -> None:
        attempt = 0
        while True:
            try:
                await step()
            except TransientError as error:
                attempt += 1
                # To the client a refused password and a broker that is away look the same: say both.
                self._waiting = f"waiting for kafka at {self._settings.bootstrap_servers}"
                _log.warning(
                    "bus.waiting_for_kafka",
                    bootstrap_servers=self._settings.bootstrap_servers,
                    security_protocol=self._settings.security_protocol,
                    attempt=attempt,
                    said=str(error),
                    hint="unreachable (KAFKA_BOOTSTRAP_SERVERS), or it refuses the credentials (KAFKA_SASL_USERNAME, "
                    "KAFKA_SASL_PASSWORD, KAFKA_SASL_MECHANISM, KAFKA_SECURITY_PROTOCOL)",
                )
                await asyncio.sleep(backoff(attempt, _SPREAD))
            else:
                return

    async def _join(self, subscription: Subscription, broker: KafkaBroker) -> None:
        try:
            await bounded(broker.start(), JOIN_SECONDS, f"joining the group {subscription.group}")
        except (KafkaError, TransientError) as error:
            await _stop(broker, STOP_SECONDS)
            if isinstance(error, InvalidSessionTimeoutError):
                raise FatalError(
                    f"kafka refuses a session timeout of {self._settings.session_timeout_ms} ms: set "
                    "KAFKA_SESSION_TIMEOUT_MS within the broker's group.min and group.max.session.timeout.ms"
                ) from error
            if isinstance(error, TransientError):
                raise
            raise TransientError(f"kafka: joining {subscription.group} failed: {type(error).__name__}") from error

    async def _sample(self, subscription: Subscription) -> None:
        """Look at the ends of the partitions every few seconds; a sample that fails is a sample missing."""
        while True:
            with contextlib.suppress(TransientError, KafkaError):
                await _look(subscription)
            if subscription.outlived:
                subscription.pulse.forget()
            else:
                await examine(subscription.pulse, self._settings, subscription.group)
            await asyncio.sleep(SAMPLE_SECONDS)

    async def _watch(self) -> None:
        """What has ended inside ends the process: nothing else starts it again, and not everybody asks for health."""
        ended = 0
        while True:
            found = {"publisher": self.publisher.ended()}
            found |= {subscription.group: _ended(subscription, broker) for subscription, broker in self._running}
            ended = ended + 1 if any(found.values()) else 0
            if ended >= _ENDED_LOOKS:
                process.die("bus.client_ended", ended={who: why for who, why in found.items() if why is not None})
            await asyncio.sleep(SAMPLE_SECONDS)


async def _for_ever(looking: Coroutine[None, None, None]) -> None:
    """Nobody waits for these tasks: one that fails would be missed by nobody."""
    try:
        await looking
    except Exception as error:
        process.die("bus.looking_failed", error)


async def _look(subscription: Subscription) -> None:
    progress, consumer = subscription.progress, subscription.consumer
    if not progress.owned:
        progress.sample({})
        return
    for place in progress.unknown():
        position = await bounded(consumer.position(place), SAMPLE_SECONDS, "asking for a position")
        if place in progress.unknown():
            progress.start(place, position)
    progress.sample(await bounded(consumer.end_offsets(list(progress.owned)), SAMPLE_SECONDS, "asking for the ends"))


def _ended(subscription: Subscription, broker: KafkaBroker) -> str | None:
    for subscriber in broker.subscribers:
        # No tasks is no sign of an end: FastStream may name them otherwise one day, and this check ends the process.
        tasks = getattr(subscriber, "tasks", ())
        if not subscriber.running or (tasks and all(task.done() for task in tasks)):
            return "the consumer task has ended"
    return ended_part(subscription.consumer)


async def _stop(broker: KafkaBroker, seconds: float) -> None:
    """Stop a broker that may not be able to: leaving a group waits for ever while Kafka is away."""
    try:
        await bounded(broker.stop(), 2 * seconds, "leaving the group")
    except (TransientError, KafkaError) as error:
        _log.warning("bus.stop_failed", error=str(error))
