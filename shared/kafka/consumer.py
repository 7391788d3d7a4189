"""Consume batches: validate, handle, publish dead letters, commit offsets, in this order.

A handler's effects are durable when it returns, dead letters are acknowledged before offsets are committed. A crash in
between repeats what was not committed, of a second at most and the batch in flight; in doubt the process ends: no
record is skipped.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, ConsumerStoppedError, IllegalStateError, KafkaError
from faststream import BaseMiddleware, StreamMessage

from shared import log, process, spans, trace
from shared.clock import Clock
from shared.errors import TransientError
from shared.kafka import dead_letters, metrics
from shared.kafka.connection import bare_name, bounded
from shared.kafka.decoding import (
    Blocked,
    DeadLetter,
    DecodedBatch,
    Rejected,
    count_dead_run,
    decode_batch,
    rejected_letters,
)
from shared.kafka.lag import ConsumerLag
from shared.kafka.liveness import CoordinatorLiveness
from shared.kafka.patches import observe_coordinator
from shared.kafka.publisher import Publisher
from shared.kafka.retry import AssignmentLostError, Retry
from shared.kafka.router import BatchMessage, OnAssigned, Partitions, Records, SubscriberSpec, decoded
from shared.settings import KafkaSettings

_log = log.get(__name__)

REVOKE_WAIT_SECONDS: Final = 5.0
"""How long a revocation waits for the batch in flight; below the rebalance timeout, or the group drops this member."""
COMMIT_SECONDS: Final = 1.0
"""Offsets are committed at most so often, those of several batches together. The first batch after a pause is committed
at once, and so is one with dead letters: repeated, it would write them twice. A commit for each batch was a fifth of
all requests to Kafka."""
LAST_COMMIT_SECONDS: Final = 5.0
"""How long a revocation waits for a last commit. Together with ``REVOKE_WAIT_SECONDS`` below the rebalance timeout."""
LEAVE_SECONDS: Final = 3.0
"""How long leaving the group may take when the process stops. A broker that hangs answers nothing for 40 s, and what is
stopped after the consumers has the rest of ``process.GRACE_SECONDS``; unasked, the group misses this member soon."""
_POLL_AGAIN_SECONDS: Final = 1.0
BLOCKED_SECONDS: Final = 1.0
"""How long a partition rests whose handler said that what stops it passes (``Blocked``)."""
POLL_MS: Final = 10_000
"""How long one poll waits for records; it returns at once when there are some, and when the consumer stops."""

CallNext = Callable[[StreamMessage[Any]], Awaitable[Any]]
"""FastStream's way to the handler."""
Polled = dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]


class DeliveryMiddleware(BaseMiddleware):
    """FastStream middleware: every batch goes through its subscription, which calls the handler."""

    async def consume_scope(self, call_next: CallNext, msg: StreamMessage[Any]) -> None:
        """Deliver one batch."""
        if not isinstance(msg, BatchMessage) or msg.spec.subscription is None:
            raise TypeError("subscribe with shared.kafka.router.KafkaRouter and include it with KafkaClient.include")
        await msg.spec.subscription.handle(msg, call_next)


class LongPollingConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka ships no types
    """The consumer under FastStream's loop: a poll that waits, keeps a pace, and reports its errors once.

    FastStream brings the loop, its tasks and its graceful stop. Of its own consumer it polls 200 ms and sleeps 200 ms
    when nothing came, and logs an error every five seconds for ever. Nothing public changes that, so FastStream is
    handed this consumer instead (``config.broker_config.builder``, as its own test broker does).
    """

    def __init__(self, *, owner: "Subscription", pace_s: float, **options: object) -> None:
        super().__init__(**options)
        self._owner = owner
        self._pace_s = pace_s
        self._rest_until = 0.0
        observe_coordinator(self, owner.coordinator.answered)
        owner.use(self)

    async def getmany(self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None) -> Polled:
        """Records by partition; waits for the first up to ten seconds whatever ``timeout_ms`` says."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._rest_until - loop.time())
        try:
            records: Polled = await super().getmany(
                *partitions, timeout_ms=max(timeout_ms, POLL_MS), max_records=max_records
            )
        except ConsumerStoppedError:  # how the loop is told to end
            raise
        except Exception as error:
            await self._owner.on_poll_failed(error)
            return {}
        self._owner.on_polled()
        full = max_records is not None and sum(map(len, records.values())) >= max_records
        if records and not full:
            self._rest_until = loop.time() + self._pace_s
        return records

    async def stop(self) -> None:
        """Commit what is done, then leave the group. FastStream calls it when the batch in flight has ended.

        Raises ``TransientError`` where Kafka does not let it go in time.
        """
        await self._owner.commit_last()
        await bounded(super().stop(), LEAVE_SECONDS, f"leaving {self._owner.group}")


class Subscription:
    """One consumer group's member in this process: delivery, retries, rebalances, health."""

    def __init__(
        self,
        settings: KafkaSettings,
        spec: SubscriberSpec,
        *,
        publisher: Publisher,
        service: str,
        clock: Clock,
    ) -> None:
        self.spec = spec
        self.group = group = spec.group
        self._settings = settings
        self.lag = ConsumerLag(group, clock, self._bare)
        self.coordinator = CoordinatorLiveness(settings, clock)
        self._publisher = publisher
        self._service = service
        self._clock = clock
        self._on_assigned = spec.on_assigned
        self._on_revoked = spec.on_revoked
        self._consumer: AIOKafkaConsumer | None = None
        self._busy = asyncio.Lock()
        self._retry = Retry(group)
        self._halted: str | None = None
        self._uncommitted: dict[TopicPartition, int] = {}
        """The next offsets of what is done, where they are not committed yet."""
        self._has_uncommitted = asyncio.Event()
        self.generation = 0
        """Counts the changes of the assignment."""
        self._polled_generation = 0
        self._dead_run = 0
        self._assigned_hook: asyncio.Task[None] | None = None

    # --- health

    def ready(self) -> str | None:
        """Readiness: None while records flow, otherwise the reason why not."""
        return self._halted or self._retry.failure or self.lag.check() or self.coordinator.check()

    @property
    def is_overdue(self) -> bool:
        """True while a batch in flight outlives its assignment: aiokafka rejoins the group only after it."""
        return self._retry.interrupted and self._busy.locked()

    # --- callbacks of FastStream and aiokafka

    def use(self, consumer: AIOKafkaConsumer) -> None:
        """Take the consumer FastStream has built."""
        self._consumer = consumer

    @property
    def consumer(self) -> AIOKafkaConsumer:
        """The consumer of this subscription; ``TransientError`` before it is started."""
        if self._consumer is None:
            raise TransientError(f"kafka: {self.group} is not subscribed yet")
        return self._consumer

    def on_polled(self) -> None:
        """Note the generation in which this batch was fetched."""
        self._polled_generation = self.generation

    async def on_poll_failed(self, error: Exception) -> None:
        """Back off after a retriable error; end the process after any other."""
        if not (isinstance(error, KafkaError) and error.retriable):
            # A restart makes the error visible; a loop would only look alive.
            message = str(error)[:200] if isinstance(error, KafkaError) else ""
            process.die("kafka.poll_hook_failed", error, group=self.group, message=message)
        _log.warning("kafka.poll_hook_failed", group=self.group, error=type(error).__name__)
        await self._retry.pause(_POLL_AGAIN_SECONDS)

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Wait for the batch in flight (bounded), commit what is done, then release the partitions."""
        self._retry.interrupt()
        if self._assigned_hook is not None:
            self._assigned_hook.cancel()
        try:
            async with asyncio.timeout(REVOKE_WAIT_SECONDS), self._busy:
                pass
        except TimeoutError:
            _log.warning("kafka.revoke_timed_out", group=self.group)
        await self.commit_last()
        self.generation += 1
        self._uncommitted.clear()
        self._has_uncommitted.clear()
        self.lag.release()
        if self._on_revoked is not None and revoked:
            try:
                await bounded(self._on_revoked(self._named(revoked)), self._settings.call_timeout_s, "on_revoked")
            except Exception as error:  # aiokafka would log and forget it
                process.die("kafka.revoke_hook_failed", error, group=self.group)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Start the new partitions; with an ``on_assigned`` hook they are paused until it returns."""
        # Nothing may be awaited before the pause: no record may be fetched before the hook has returned.
        self.generation += 1
        self._retry.resume()
        self.lag.assign(assigned)
        if self._halted is not None:
            self._stop_at(assigned, self._halted)
        elif self._retry.leaving:
            self.consumer.pause(*assigned)
        elif self._on_assigned is not None and assigned:
            self.consumer.pause(*assigned)
            hook = self._run_assigned_hook(self._on_assigned, tuple(assigned), self.generation)
            self._assigned_hook = asyncio.create_task(hook)
        _log.info("kafka.partitions_assigned", group=self.group, partitions=sorted(map(_tp_name, assigned)))

    async def leave(self) -> None:
        """Stop retrying; a batch that does not finish is left to the next consumer."""
        self._retry.interrupt(for_good=True)
        if self._assigned_hook is not None:
            self._assigned_hook.cancel()
            await asyncio.wait([self._assigned_hook], timeout=REVOKE_WAIT_SECONDS)

    # --- delivery

    async def handle(self, message: BatchMessage, call_next: CallNext) -> None:
        """Deliver one batch. Raises nothing: FastStream would swallow it."""
        generation = self._polled_generation
        try:
            async with self._busy:
                with metrics.BATCH_SECONDS.labels(self.group).time():
                    await self._process(message, call_next, generation)
        except AssignmentLostError:  # whoever has the partitions next reads them from the committed offsets on
            metrics.DROPPED.labels(self.group).inc()
        except Exception as error:
            process.die("kafka.batch_failed", error, group=self.group)
        finally:
            message.release()

    def decode_batch(self, records: Records) -> DecodedBatch:
        """Validate a batch record by record."""
        return decode_batch(records, self._bare, self._dead_run, self._settings.dead_letter_cap)

    async def _process(self, message: BatchMessage, call_next: CallNext, generation: int) -> None:
        """Make all effects durable; only then the offsets may be committed.

        ``AssignmentLostError`` leaves the batch to the next consumer.
        """
        if self._is_stale(generation) or self._halted is not None:
            raise AssignmentLostError("the batch is of an earlier assignment")
        records = message.records
        self.lag.begin(records)
        began = spans.now()
        batch = await decoded(message)
        rejected: list[Rejected] = []
        if batch.accepted:
            trace.bind(trace.accept(batch.accepted[0].envelope.traceparent))
            answered = await self._retry.repeat(lambda: call_next(message), "the handler") or ()
            rejected = [one for one in answered if isinstance(one, Rejected)]
            for one in answered:
                if isinstance(one, Blocked):
                    batch.stop_before(one, self._tp(one))
            self._check_generation(generation)
        dead = [*batch.dead, *rejected_letters(rejected, records, self._bare)]
        if dead:
            left = await self._retry.repeat(lambda: self._publish_dead_letters(dead), "writing dead letters")
            self._check_generation(generation)
            dead = [letter for letter in dead if letter not in left]
            for letter in left:
                place = letter.record.topic, letter.record.partition
                stop = Blocked(*place, letter.record.offset, "the dead-letter topic has no leader there", passes=True)
                batch.stop_before(stop, self._tp(stop))
        if batch.next_offsets:
            self._uncommitted.update(batch.next_offsets)
            self._has_uncommitted.set()
            self.lag.done(batch.next_offsets)
            if dead:
                await self._commit()
        self._count(records, batch, dead)
        if spans.enabled() and batch.accepted:
            told = [(received.topic, received.envelope.traceparent) for received in batch.accepted]
            spans.record_batch(self.group, told, began)
        self._pause_blocked(batch, generation)

    async def _publish_dead_letters(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        return await dead_letters.publish_dead_letters(
            self._publisher,
            self._settings,
            letters,
            group=self.group,
            service=self._service,
            now=self._clock.now(),
        )

    async def commit_forever(self) -> None:
        """Commit what is done, together with what was done meanwhile; batches wait for a commit under way."""
        while True:
            await self._has_uncommitted.wait()
            async with self._busy:
                await self._commit()
            await asyncio.sleep(COMMIT_SECONDS)

    async def commit_last(self) -> None:
        """Commit what is done while it still counts; what cannot be committed in time is done again by others."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_COMMIT_SECONDS):
                await self._commit()

    async def _commit(self) -> None:
        """Commit what is done. What the group refuses, as while it rebalances, is kept for the next time."""
        offsets, generation = dict(self._uncommitted), self.generation
        if not offsets:
            return

        async def once() -> None:
            self._check_generation(generation)
            await bounded(self.consumer.commit(offsets), self._settings.call_timeout_s, "committing offsets")

        # Sent again when unanswered: a commit that arrives late names only offsets that are durable.
        try:
            with self.coordinator.committing():
                await self._retry.repeat(once, "committing offsets")
        except AssignmentLostError:
            return
        except (CommitFailedError, IllegalStateError) as error:
            metrics.COMMIT_FAILURES.labels(self.group).inc()
            _log.info("kafka.commit_refused", group=self.group, error=type(error).__name__)
            return
        except Exception as error:
            process.die("kafka.commit_failed", error, group=self.group)
        for tp, offset in offsets.items():
            if self._uncommitted.get(tp) == offset:
                del self._uncommitted[tp]
        if not self._uncommitted:
            self._has_uncommitted.clear()

    def _count(self, records: Records, batch: DecodedBatch, dead: Sequence[DeadLetter]) -> None:
        for topic, number in Counter(received.topic for received in batch.accepted).items():
            metrics.CONSUMED.labels(self.group, topic).inc(number)
        if not dead:
            self._dead_run = 0 if batch.accepted else self._dead_run
            return
        for letter in dead:
            record = letter.record
            where = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
            _log.error(
                "kafka.dead_letter_published", group=self.group, reason=letter.reason, detail=letter.detail, **where
            )
        published = {
            (f"{self._settings.topic_prefix}{x.record.topic}", x.record.partition, x.record.offset) for x in dead
        }
        self._dead_run, most = count_dead_run(records, batch.next_offsets, published, self._dead_run)
        if most >= self._settings.dead_letter_cap:
            self._halted = f"{most} dead letters in a row: stopped until restarted"
            _log.critical("kafka.dead_letter_cap_reached", group=self.group, count=most)

    def _pause_blocked(self, batch: DecodedBatch, generation: int) -> None:
        """Pause blocked partitions at their offset, unless revoked; for a moment where what stops them passes.

        A batch that was done to its end unblocks its partitions.
        """
        if self._is_stale(generation):
            return
        self.lag.unblock(batch.next_offsets.keys() - batch.blocked.keys())
        for tp, (offset, reason) in batch.blocked.items():
            self.consumer.pause(tp)
            self.consumer.seek(tp, offset)
            if self.lag.block(tp, reason, offset):
                _log.error(
                    "kafka.partition_blocked", group=self.group, partition=_tp_name(tp), offset=offset, reason=reason
                )
        if batch.passing and self._halted is None:
            resume = partial(self._resume, batch.passing, generation)
            asyncio.get_running_loop().call_later(BLOCKED_SECONDS, resume)
        if self._halted is not None:
            self._stop_at(self.consumer.assignment(), self._halted)
            for tp, offset in batch.left.items():
                self.consumer.seek(tp, offset)

    def _resume(self, partitions: Iterable[TopicPartition], generation: int) -> None:
        if not self._is_stale(generation) and self._halted is None:
            self.consumer.resume(*partitions)

    def _stop_at(self, partitions: Iterable[TopicPartition], why: str) -> None:
        """Read nothing more of these partitions, and say so in the metric that calls somebody."""
        for tp in partitions:
            self.consumer.pause(tp)
            self.lag.block(tp, why)

    # --- assignment hook

    async def _run_assigned_hook(self, hook: OnAssigned, assigned: Sequence[TopicPartition], generation: int) -> None:
        async def start_offsets() -> dict[TopicPartition, int]:
            starts = await hook(self._named(assigned))
            found = await asyncio.gather(*(self._start(tp, starts) for tp in assigned))
            return dict(zip(assigned, found, strict=True))

        try:
            async with self._busy:  # the last assignment's batch ends first
                offsets = await self._retry.repeat(start_offsets, "on_assigned")
                self._check_generation(generation)
                for tp, offset in offsets.items():
                    self.consumer.seek(tp, offset)
                    self.lag.start(tp, offset)
                self.consumer.resume(*assigned)
                _log.info("kafka.assigned_hook_completed", group=self.group, partitions=len(assigned))
        except AssignmentLostError:
            return
        except Exception as error:
            if self._retry.leaving:  # what the hook reads with is stopped, too: whoever is assigned next restores them
                return
            process.die("kafka.assigned_hook_failed", error, group=self.group)

    async def _start(self, tp: TopicPartition, starts: Mapping[tuple[str, int], int]) -> int:
        start = starts.get((self._bare(tp.topic), tp.partition))
        if start is not None:
            return start
        committed = bounded(self.consumer.committed(tp), self._settings.call_timeout_s, "asking for committed offsets")
        return await committed or 0

    # --- helpers

    def _is_stale(self, generation: int) -> bool:
        return self._retry.interrupted or generation != self.generation

    def _check_generation(self, generation: int) -> None:
        """Raise ``AssignmentLostError`` once partitions are revoked; during the revocation a commit still counts."""
        if generation != self.generation:
            raise AssignmentLostError("the partitions were revoked")

    def _tp(self, stop: Blocked) -> TopicPartition:
        return TopicPartition(f"{self._settings.topic_prefix}{stop.topic}", stop.partition)

    def _bare(self, name: str) -> str:
        return bare_name(self._settings, name)

    def _named(self, partitions: Sequence[TopicPartition]) -> Partitions:
        return frozenset((self._bare(tp.topic), tp.partition) for tp in partitions)


def _tp_name(tp: TopicPartition) -> str:
    return f"{tp.topic}/{tp.partition}"
