"""The bus of one process: one producer, any number of subscriptions, started together and stopped together."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from aiokafka.errors import InvalidSessionTimeoutError, KafkaError
from faststream.kafka import KafkaBroker

from shared import log, process
from shared.backoff import backoff
from shared.clock import Clock
from shared.errors import FatalError, TransientError
from shared.health import Health
from shared.kafka.admin import ensure_topics
from shared.kafka.connection import bounded, client_options, group_name
from shared.kafka.consumer import Delivery, PatientConsumer, Subscription
from shared.kafka.lag import SAMPLE_SECONDS
from shared.kafka.liveness import ended_part, examine, membership
from shared.kafka.patches import accept_any_header_name
from shared.kafka.publisher import Publisher
from shared.kafka.router import KafkaRouter
from shared.settings import BusSettings

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


def kafka_broker(settings: BusSettings, service: str) -> KafkaBroker:
    """The FastStream broker of one process: consumers only, since publishing is ``Publisher``'s."""
    return KafkaBroker(
        settings.bootstrap_servers,
        client_id=f"ieum-{service}",
        consumer_only=True,
        allow_auto_create_topics=False,
        apply_types=False,  # events come validated from the decoder, and injection costs a thread hop per message
        logger=None,  # it logs twice per message
        graceful_timeout=STOP_SECONDS,
        middlewares=[Delivery],
    )


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
        self.broker = kafka_broker(settings, service)
        self._subscriptions: dict[str, Subscription] = {}
        self._looking: list[asyncio.Task[None]] = []
        health.ready["bus"] = lambda: self._waiting

    def include(self, router: KafkaRouter) -> list[Subscription]:
        """Read what the router's subscribers say, and deliver it to their handlers. Call before ``start``.

        Returns one subscription for each subscriber, in their order.
        """
        self.broker.include_router(router, prefix=self._settings.topic_prefix)
        made = []
        for reading in router.readings:
            if reading.group in self._subscriptions:
                raise ValueError(f"two subscribers as {reading.group}: name all topics of a group in one")
            subscription = Subscription(
                self._settings, reading, publisher=self.publisher, service=self._service, clock=self._clock
            )
            reading.subscription = self._subscriptions[reading.group] = subscription
            self._health.ready[f"bus.{reading.group}"] = subscription.ready
            self._health.live[f"bus.{reading.group}"] = lambda one=subscription: (  # type: ignore[misc]  # a default
                _ended(one) if self._waiting is None else None
            )
            made.append(subscription)
        return made

    async def start(self) -> None:
        """Wait for Kafka however long it takes, make the topics, connect the producer, join the groups."""
        await self._until_done(lambda: ensure_topics(self._settings))
        await self._until_done(self.publisher.start)
        if self._subscriptions:
            await self._until_done(self._join)
        looking = [*(self._sample(one) for one in self._subscriptions.values()), self._watch()]
        self._looking = [asyncio.create_task(_for_ever(one)) for one in looking]
        self._waiting = None
        _log.info("bus.started", subscriptions=list(self._subscriptions))

    async def stop(self) -> None:
        """Let batches in flight end, leave the groups, flush the producer; each bounded, never raises for Kafka."""
        self._waiting = "stopping"
        for task in self._looking:
            task.cancel()
        await asyncio.gather(*(subscription.leave() for subscription in self._subscriptions.values()))
        await _stop(self.broker, STOP_SECONDS)
        await self.publisher.stop()

    async def run_forever(self) -> None:
        """Start, then keep running until cancelled, then stop."""
        try:
            await self.start()
            await asyncio.Event().wait()
        finally:
            await self.stop()

    def _build(self, **options: Any) -> PatientConsumer:  # noqa: ANN401  # FastStream's, handed on as they are
        """FastStream's ``builder``: the consumer of one subscriber, with this deployment's terms."""
        subscription = self._subscriptions[options["group_id"]]
        return PatientConsumer(
            owner=subscription,
            pace_s=subscription.reading.pace_s,
            **(
                options
                | client_options(self._settings)
                | membership(self._settings)
                | {
                    "group_id": group_name(self._settings, subscription.group),
                    "max_partition_fetch_bytes": FETCH_BYTES,
                }
            ),
        )

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

    async def _join(self) -> None:
        groups = ", ".join(self._subscriptions)
        try:
            await self.broker.connect()
            self.broker.config.broker_config.builder = self._build
            await bounded(self.broker.start(), JOIN_SECONDS * len(self._subscriptions), f"joining {groups}")
        except (KafkaError, TransientError) as error:
            await _stop(self.broker, STOP_SECONDS)
            if isinstance(error, InvalidSessionTimeoutError):
                raise FatalError(
                    f"kafka refuses a session timeout of {self._settings.session_timeout_ms} ms: set "
                    "KAFKA_SESSION_TIMEOUT_MS within the broker's group.min and group.max.session.timeout.ms"
                ) from error
            if isinstance(error, TransientError):
                raise
            raise TransientError(f"kafka: joining {groups} failed: {type(error).__name__}") from error

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
            found |= {group: _ended(subscription) for group, subscription in self._subscriptions.items()}
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


def _ended(subscription: Subscription) -> str | None:
    subscriber = subscription.reading.subscriber
    # No tasks is no sign of an end: FastStream may name them otherwise one day, and this check ends the process.
    tasks = getattr(subscriber, "tasks", ())
    if subscriber is None or not subscriber.running or (tasks and all(task.done() for task in tasks)):
        return "the consumer task has ended"
    return ended_part(subscription.consumer)


async def _stop(broker: KafkaBroker, seconds: float) -> None:
    """Stop a broker that may not be able to: leaving a group waits for ever while Kafka is away."""
    try:
        await bounded(broker.stop(), 2 * seconds, "leaving the group")
    except (TransientError, KafkaError) as error:
        _log.warning("bus.stop_failed", error=str(error))
