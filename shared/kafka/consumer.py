"""One subscription, the middleware of its subscriber: batches in, effects first, offsets afterwards.

The order is the promise: validate from bytes → handler (its effects are durable when it returns) → dead letters
acknowledged → offsets committed. What dies in between is done again, in doubt the process ends: nothing is skipped.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, ConsumerStoppedError, IllegalStateError, KafkaError
from faststream import BaseMiddleware, StreamMessage

from shared import log, process, trace
from shared.clock import Clock
from shared.errors import TransientError
from shared.kafka import dead_letters, metrics
from shared.kafka.connection import bare_name, bounded
from shared.kafka.decoding import DeadLetter, Triage, dead_run, refused, sort_out
from shared.kafka.lag import Progress
from shared.kafka.liveness import Pulse
from shared.kafka.patches import tell_of_coordinator
from shared.kafka.publisher import Publisher
from shared.kafka.retry import Attempts, GivenUpError
from shared.kafka.router import BatchMessage, OnAssigned, Places, Reading, Records, triaged
from shared.settings import BusSettings

_log = log.get(__name__)

REVOKE_WAIT_SECONDS: Final = 5.0
"""How long a rebalance waits for the batch in flight; below the rebalance timeout, or the group goes on without us."""
_POLL_AGAIN_SECONDS: Final = 1.0
POLL_MS: Final = 500
"""How long one poll waits for records; it returns at once when there are some."""


CallNext = Callable[[StreamMessage[Any]], Awaitable[Any]]
"""FastStream's way to the handler."""
Polled = dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]


class Delivery(BaseMiddleware):
    """The broker's middleware: every batch goes through its subscription, which calls the handler."""

    async def consume_scope(self, call_next: CallNext, msg: StreamMessage[Any]) -> None:
        """Deliver one batch."""
        if not isinstance(msg, BatchMessage) or msg.reading.subscription is None:
            raise TypeError("subscribe with shared.kafka.router.KafkaRouter and include it with Bus.include")
        await msg.reading.subscription.handle(msg, call_next)


class PatientConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka ships no types
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
        tell_of_coordinator(self, owner.pulse.heard)
        owner.adopt(self)

    async def getmany(self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None) -> Polled:
        """Records by partition; waits for the first up to half a second whatever ``timeout_ms`` says."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._rest_until - loop.time())
        try:
            records: Polled = await super().getmany(
                *partitions, timeout_ms=max(timeout_ms, POLL_MS), max_records=max_records
            )
        except ConsumerStoppedError:  # how the loop is told to end
            raise
        except Exception as error:
            await self._owner.poll_failed(error)
            return {}
        self._owner.polled(records)
        if records:
            self._rest_until = loop.time() + self._pace_s
        return records


class Subscription:
    """What one group of this process reads, and everything that may go wrong with it."""

    def __init__(
        self,
        settings: BusSettings,
        reading: Reading,
        *,
        publisher: Publisher,
        service: str,
        clock: Clock,
    ) -> None:
        self.reading = reading
        self.group = group = reading.group
        self._settings = settings
        self.progress = Progress(group, clock, self._bare)
        self.pulse = Pulse(settings, clock)
        self._publisher = publisher
        self._service = service
        self._clock = clock
        self._on_assigned = reading.on_assigned
        self._on_revoked = reading.on_revoked
        self._consumer: AIOKafkaConsumer | None = None
        self._busy = asyncio.Lock()
        self._attempts = Attempts(group)
        self._halted: str | None = None
        self._generation = 0
        self._polled_in = 0
        self._dead_run = 0
        self._taking_over: asyncio.Task[None] | None = None

    # --- what health asks

    def ready(self) -> str | None:
        """None while records flow, otherwise what is in the way."""
        return self._halted or self._attempts.trouble or self.progress.complaint() or self.pulse.complaint()

    @property
    def outlived(self) -> bool:
        """A batch in flight has outlived its assignment: aiokafka joins the group again only after it."""
        return self._attempts.interrupted and self._busy.locked()

    # --- what FastStream and aiokafka tell us

    def adopt(self, consumer: AIOKafkaConsumer) -> None:
        """The consumer of this subscription."""
        self._consumer = consumer

    @property
    def consumer(self) -> AIOKafkaConsumer:
        """The consumer of this subscription; ``TransientError`` before it is started."""
        if self._consumer is None:
            raise TransientError(f"kafka: {self.group} is not subscribed yet")
        return self._consumer

    def polled(self, records: Polled) -> None:
        """Remember under which assignment this batch was fetched."""
        del records
        self._polled_in = self._generation

    async def poll_failed(self, error: Exception) -> None:
        """Wait where waiting helps; end the process where it does not."""
        if not (isinstance(error, KafkaError) and error.retriable):
            # A new process says so again, in its log and by its absence; a loop would only look alive.
            said = str(error)[:200] if isinstance(error, KafkaError) else ""
            process.die("bus.poll_failed", error, subscription=self.group, said=said)
        _log.warning("bus.poll_failed", subscription=self.group, error=type(error).__name__)
        await self._attempts.pause(_POLL_AGAIN_SECONDS)

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Let the batch in flight end (bounded), then forget the partitions."""
        self._attempts.interrupt()
        if self._taking_over is not None:
            self._taking_over.cancel()
        try:
            async with asyncio.timeout(REVOKE_WAIT_SECONDS), self._busy:
                pass
        except TimeoutError:
            _log.warning("bus.revoked_while_busy", subscription=self.group)
        self._generation += 1
        self.progress.release()
        if self._on_revoked is not None and revoked:
            try:
                await bounded(self._on_revoked(self._places(revoked)), self._settings.call_timeout_s, "on_revoked")
            except Exception as error:  # aiokafka would log and forget it
                process.die("bus.revoke_failed", error, subscription=self.group)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Begin with the new partitions; with a hook they stand still until it has returned."""
        # Nothing may be awaited before the pause: no record may be fetched before the hook has spoken.
        self._generation += 1
        self._attempts.resume()
        self.progress.own(assigned)
        if self._halted is not None:
            self.consumer.pause(*assigned)
        elif self._on_assigned is not None and assigned:
            self.consumer.pause(*assigned)
            take_over = self._take_over(self._on_assigned, tuple(assigned), self._generation)
            self._taking_over = asyncio.create_task(take_over)
        _log.info("bus.assigned", subscription=self.group, partitions=sorted(map(_place, assigned)))

    async def leave(self) -> None:
        """Stop retrying; the batch in flight may end, an unfinished one is left for the next owner."""
        self._attempts.interrupt(for_good=True)
        if self._taking_over is not None:
            self._taking_over.cancel()
            await asyncio.wait([self._taking_over], timeout=REVOKE_WAIT_SECONDS)

    # --- one batch

    async def handle(self, message: BatchMessage, call_next: CallNext) -> None:
        """One batch from FastStream, which swallows what is raised; so nothing is."""
        fetched_in = self._polled_in
        records = message.records
        try:
            async with self._busy:
                with metrics.BATCH_SECONDS.labels(self.group).time():
                    await self._process(message, call_next, fetched_in)
        except GivenUpError:
            metrics.DROPPED.labels(self.group).inc()
            self._rewind(records, fetched_in)
        except Exception as error:
            process.die("bus.batch_failed", error, subscription=self.group)
        finally:
            message.let_go()

    def sort_out(self, records: Records) -> Triage:
        """Validate a batch record by record."""
        return sort_out(records, self._bare, self._dead_run, self._settings.dead_letter_cap)

    async def _process(self, message: BatchMessage, call_next: CallNext, fetched_in: int) -> None:
        """Make everything durable, then commit. ``GivenUpError`` leaves the batch to whoever owns it now."""
        if self._lost(fetched_in) or self._halted is not None:
            raise GivenUpError("the batch came too late")
        records = message.records
        self.progress.begin(records)
        batch = await triaged(message)
        dead = list(batch.dead)
        if batch.accepted:
            trace.bind(trace.accept(batch.accepted[0].envelope.traceparent))
            rejected = await self._attempts.repeat(lambda: call_next(message), "the handler")
            for received, _, _ in rejected or ():
                metrics.REJECTED.labels(self.group, received.topic).inc()
            dead += refused(rejected or (), records, self._bare)
            self._still(fetched_in)
        if dead:
            await self._attempts.repeat(lambda: self._bury(dead), "writing dead letters")
            self._still(fetched_in)
        if batch.next_offsets:
            await self._commit(batch.next_offsets, fetched_in)
        self._count(records, batch, dead)
        self._hold_back(batch, fetched_in)

    async def _bury(self, letters: Sequence[DeadLetter]) -> None:
        await dead_letters.bury(
            self._publisher,
            self._settings,
            letters,
            subscription=self.group,
            service=self._service,
            now=self._clock.now(),
        )

    async def _commit(self, offsets: Mapping[TopicPartition, int], fetched_in: int) -> None:
        async def once() -> None:
            self._still(fetched_in)
            await bounded(self.consumer.commit(dict(offsets)), self._settings.call_timeout_s, "committing offsets")

        # Without an answer it is sent again: one that arrives late only says what is durable anyhow.
        try:
            with self.pulse.committing():
                await self._attempts.repeat(once, "committing offsets")
        except (CommitFailedError, IllegalStateError) as error:
            metrics.COMMIT_FAILURES.labels(self.group).inc()
            _log.info("bus.commit_refused", subscription=self.group, error=type(error).__name__)
            raise GivenUpError("the group has moved on") from error
        self.progress.done(offsets)

    def _rewind(self, records: Records, fetched_in: int) -> None:
        """Put the positions back: should the partitions stay ours, nothing of the batch may be passed over."""
        if fetched_in == self._generation:
            for record in reversed(records):
                with contextlib.suppress(IllegalStateError):
                    self.consumer.seek(TopicPartition(record.topic, record.partition), record.offset)

    def _count(self, records: Records, batch: Triage, dead: Sequence[DeadLetter]) -> None:
        for topic, number in Counter(received.topic for received in batch.accepted).items():
            metrics.CONSUMED.labels(self.group, topic).inc(number)
        if not dead:
            self._dead_run = 0 if batch.accepted else self._dead_run
            return
        for letter in dead:
            record = letter.record
            where = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
            _log.error("bus.dead_letter", subscription=self.group, reason=letter.reason, detail=letter.detail, **where)
        buried = {(f"{self._settings.topic_prefix}{x.record.topic}", x.record.partition, x.record.offset) for x in dead}
        self._dead_run, most = dead_run(records, batch.next_offsets, buried, self._dead_run)
        if most >= self._settings.dead_letter_cap:
            self._halted = f"{most} dead letters in a row: stopped until restarted"
            _log.critical("bus.too_many_dead_letters", subscription=self.group, in_a_row=most)

    def _hold_back(self, batch: Triage, fetched_in: int) -> None:
        """Pause what must wait and put the position back, unless the partitions are not ours any more."""
        if self._lost(fetched_in):
            return
        for place, (offset, why) in batch.blocked.items():
            self.consumer.pause(place)
            self.consumer.seek(place, offset)
            self.progress.block(place, why)
            _log.error(
                "bus.partition_blocked", subscription=self.group, partition=_place(place), offset=offset, why=why
            )
        if self._halted is not None:
            self.consumer.pause(*self.consumer.assignment())
            for place, offset in batch.left.items():
                self.consumer.seek(place, offset)

    # --- taking over

    async def _take_over(self, hook: OnAssigned, assigned: Sequence[TopicPartition], generation: int) -> None:
        async def starts() -> dict[TopicPartition, int]:
            said = await hook(self._places(assigned))
            return {place: await self._start(place, said) for place in assigned}

        try:
            async with self._busy:  # what is left of the last assignment's batch ends first
                offsets = await self._attempts.repeat(starts, "the take-over")
                self._still(generation)
                for place, offset in offsets.items():
                    self.consumer.seek(place, offset)
                    self.progress.start(place, offset)
                self.consumer.resume(*assigned)
                _log.info("bus.took_over", subscription=self.group, partitions=len(assigned))
        except GivenUpError:
            return
        except Exception as error:
            process.die("bus.take_over_failed", error, subscription=self.group)

    async def _start(self, place: TopicPartition, starts: Mapping[tuple[str, int], int]) -> int:
        said = starts.get((self._bare(place.topic), place.partition))
        if said is not None:
            return said
        asked = bounded(self.consumer.committed(place), self._settings.call_timeout_s, "asking for committed offsets")
        return await asked or 0

    # --- small things

    def _lost(self, generation: int) -> bool:
        return self._attempts.interrupted or generation != self._generation

    def _still(self, generation: int) -> None:
        """The partitions are ours, or on their way out with time enough to commit; otherwise ``GivenUpError``."""
        if generation != self._generation:
            raise GivenUpError("the partitions went to somebody else")

    def _bare(self, name: str) -> str:
        return bare_name(self._settings, name)

    def _places(self, partitions: Sequence[TopicPartition]) -> Places:
        return frozenset((self._bare(place.topic), place.partition) for place in partitions)


def _place(place: TopicPartition) -> str:
    return f"{place.topic}/{place.partition}"
