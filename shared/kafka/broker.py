"""The Kafka client of one process: one producer, any number of consumers, started and stopped together."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from aiokafka.errors import InvalidSessionTimeoutError, KafkaError
from faststream.kafka import KafkaBroker

from shared import log, process
from shared.backoff import backoff
from shared.clock import Clock
from shared.errors import FatalError, TransientError
from shared.health import Health
from shared.kafka.admin import ensure_topics
from shared.kafka.connection import CONSUMER_TIMEOUT_MS, FETCH_BYTES, bounded, client_options, group_name
from shared.kafka.consumer import DeliveryMiddleware, LongPollingConsumer, Subscription
from shared.kafka.diagnosis import TOO_OLD, refusal, too_old
from shared.kafka.lag import SAMPLE_SECONDS
from shared.kafka.liveness import ended_task, membership, probe_coordinator
from shared.kafka.patches import read_any_batch
from shared.kafka.publisher import Publisher
from shared.kafka.router import KafkaRouter
from shared.settings import KafkaSettings

_log = log.get(__name__)

JOIN_SECONDS: Final = 60.0
"""Joining a group waits for members that died to be missed: their session and the rebalance timeout."""
STOP_SECONDS: Final = 10.0
_SPREAD: Final = 1.0
_ENDED_SAMPLES: Final = 2
"""A background task has ended once so many samples in a row miss it; one may fall between two tasks."""


def kafka_broker(settings: KafkaSettings, service: str) -> KafkaBroker:
    """The FastStream broker of one process: consumers only, since publishing is ``Publisher``'s."""
    return KafkaBroker(
        settings.bootstrap_servers,
        client_id=f"ieum-{service}",
        consumer_only=True,
        allow_auto_create_topics=False,
        apply_types=False,  # events come validated from the decoder, and injection costs a thread hop per message
        logger=None,  # it logs twice per message
        graceful_timeout=STOP_SECONDS,
        middlewares=[DeliveryMiddleware],
    )


class KafkaClient:
    """The process's publisher and its subscriptions."""

    def __init__(self, settings: KafkaSettings, service: str, health: Health, clock: Clock) -> None:
        read_any_batch()
        self.publisher = Publisher(settings)
        self._settings = settings
        self._service = service
        self._health = health
        self._clock = clock
        self._not_ready: str | None = "not started"
        self.broker = kafka_broker(settings, service)
        self._subscriptions: dict[str, Subscription] = {}
        self._monitors: list[asyncio.Task[None]] = []
        health.ready["kafka"] = lambda: self._not_ready

    def include(self, router: KafkaRouter) -> list[Subscription]:
        """Subscribe a router's handlers. Call before ``start``. Returns one subscription for each, in their order."""
        self.broker.include_router(router, prefix=self._settings.topic_prefix)
        made = []
        for spec in router.specs:
            if spec.group in self._subscriptions:
                raise ValueError(f"two subscribers as {spec.group}: name all topics of a group in one")
            subscription = Subscription(
                self._settings, spec, publisher=self.publisher, service=self._service, clock=self._clock
            )
            spec.subscription = self._subscriptions[spec.group] = subscription
            self._health.ready[f"kafka.{spec.group}"] = subscription.ready
            self._health.live[f"kafka.{spec.group}"] = lambda one=subscription: (  # type: ignore[misc]  # a default
                _ended(one) if self._not_ready is None else None
            )
            made.append(subscription)
        return made

    async def connect(self) -> None:
        """Wait for Kafka without limit, create the topics, connect the producer.

        For who has more to do beside joining the groups; otherwise ``start`` does it.
        """
        await self._until_done(lambda: ensure_topics(self._settings))
        await self._until_done(self.publisher.start)

    async def start(self) -> None:
        """Connect where that is not done, and join the groups."""
        if not self.publisher.is_connected:
            await self.connect()
        if self._subscriptions:
            await self._until_done(self._join)
        monitors: list[Callable[[], Awaitable[None]]] = [self._watch]
        for subscription in self._subscriptions.values():
            monitors += [partial(self._sample, subscription), subscription.commit_forever]
        self._monitors = [asyncio.create_task(_forever(one)) for one in monitors]
        self._not_ready = None
        _log.info("kafka.started", subscriptions=list(self._subscriptions))

    async def stop(self) -> None:
        """Finish batches in flight, leave the groups, flush the producer; each bounded, none raises."""
        self._not_ready = "stopping"
        for task in self._monitors:
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

    def _build(self, **options: Any) -> LongPollingConsumer:  # noqa: ANN401  # FastStream's, handed on as they are
        """FastStream's ``builder``: the consumer of one subscriber, with this deployment's settings."""
        subscription = self._subscriptions[options["group_id"]]
        return LongPollingConsumer(
            owner=subscription,
            pace_s=subscription.spec.pace_s,
            **(
                options
                | client_options(self._settings)
                | membership(self._settings)
                | {
                    "group_id": group_name(self._settings, subscription.group),
                    "max_partition_fetch_bytes": FETCH_BYTES,
                    "consumer_timeout_ms": CONSUMER_TIMEOUT_MS,
                }
            ),
        )

    async def _until_done(self, step: Callable[[], Awaitable[object]]) -> None:
        attempt = 0
        while True:
            try:
                await step()
            except (TransientError, *TOO_OLD) as error:
                attempt += 1
                refused = too_old(self._settings, error.__cause__ or error) or await refusal(self._settings)
                self._not_ready = refused or f"waiting for kafka at {self._settings.bootstrap_servers}"
                _log.warning(
                    "kafka.connect_failed",
                    bootstrap_servers=self._settings.bootstrap_servers,
                    security_protocol=self._settings.security_protocol,
                    attempt=attempt,
                    error=str(error),
                    hint=refused or "unreachable (KAFKA_BOOTSTRAP_SERVERS)",
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
        """Sample the end offsets every few seconds; a sample that fails is skipped."""
        while True:
            with contextlib.suppress(TransientError, KafkaError):
                await _sample_lag(subscription)
            if subscription.is_overdue:
                subscription.coordinator.reset()
            else:
                await probe_coordinator(subscription.coordinator, self._settings, subscription.group)
            await asyncio.sleep(SAMPLE_SECONDS)

    async def _watch(self) -> None:
        """End the process when a background task has ended: no liveness probe is needed for it."""
        ended = 0
        while True:
            found = {"publisher": self.publisher.ended()}
            found |= {group: _ended(subscription) for group, subscription in self._subscriptions.items()}
            ended = ended + 1 if any(found.values()) else 0
            if ended >= _ENDED_SAMPLES:
                process.die(
                    "kafka.client_ended", ended={name: reason for name, reason in found.items() if reason is not None}
                )
            await asyncio.sleep(SAMPLE_SECONDS)


async def _forever(monitor: Callable[[], Awaitable[None]]) -> None:
    """End the process if one of these tasks fails: no caller awaits them.

    It is called here and not before: a task that is cancelled before its first step would leave a coroutine unawaited.
    """
    try:
        await monitor()
    except Exception as error:
        process.die("kafka.monitor_failed", error)


async def _sample_lag(subscription: Subscription) -> None:
    lag, consumer = subscription.lag, subscription.consumer
    if not lag.owned:
        lag.sample({})
        return
    for tp in lag.unknown():
        position = await bounded(consumer.position(tp), SAMPLE_SECONDS, "asking for a position")
        if tp in lag.unknown():
            lag.start(tp, position)
    lag.sample(await bounded(consumer.end_offsets(list(lag.owned)), SAMPLE_SECONDS, "asking for the ends"))


def _ended(subscription: Subscription) -> str | None:
    subscriber = subscription.spec.subscriber
    # An empty list proves nothing: should FastStream rename the attribute, this check must not end the process.
    tasks = getattr(subscriber, "tasks", ())
    if subscriber is None or not subscriber.running or (tasks and all(task.done() for task in tasks)):
        return "the consumer task has ended"
    return ended_task(subscription.consumer)


async def _stop(broker: KafkaBroker, seconds: float) -> None:
    """Stop the broker within a limit: leaving a group waits without end while Kafka is down.

    Whatever that raises (a client whose task has ended raises what it ended with) is logged: all else that is to be
    stopped comes after it.
    """
    try:
        await bounded(broker.stop(), 2 * seconds, "leaving the group")
    except Exception as error:
        _log.warning("kafka.stop_failed", **process.error_fields(error))
