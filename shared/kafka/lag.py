"""A subscription's lag, stalls and blocked partitions."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from aiokafka import TopicPartition

from shared.clock import Clock
from shared.kafka import metrics
from shared.kafka.router import Records

SAMPLE_SECONDS: Final = 5.0
SILENT_SECONDS: Final = 20.0
"""Without a sample of the end offsets for so long, Kafka counts as down; a broker restarts in 5 to 16 seconds."""
STALLED_SECONDS: Final = 60.0
"""Records wait and no batch was done for so long: the subscription is stalled."""


class _Stop(NamedTuple):
    """Why a partition stopped, and at which record."""

    reason: str
    offset: int | None

    def __str__(self) -> str:
        return self.reason if self.offset is None else f"{self.reason} (offset {self.offset})"


class ConsumerLag:
    """Lag of one subscription, for readiness and metrics. Holds no record."""

    def __init__(self, group: str, clock: Clock, bare: Callable[[str], str]) -> None:
        self._group = group
        self._clock = clock
        self._bare = bare
        self._owned: frozenset[TopicPartition] | None = None
        self._next: dict[TopicPartition, int] = {}
        self._lag: dict[TopicPartition, int] = {}
        self._blocked: dict[TopicPartition, _Stop] = {}
        self._progressed = self._sampled = clock.monotonic()

    @property
    def owned(self) -> frozenset[TopicPartition]:
        """The partitions assigned to this process now."""
        return self._owned or frozenset()

    def assign(self, assigned: Iterable[TopicPartition]) -> None:
        """Begin a new assignment."""
        self.release()
        self._owned = frozenset(assigned)
        self._progressed = self._sampled = self._clock.monotonic()

    def release(self) -> None:
        """End the assignment."""
        for tp in self._lag:
            metrics.LAG.remove(self._group, self._bare(tp.topic), str(tp.partition))
        self._owned = None
        self._next.clear()
        self._lag.clear()
        self.unblock(list(self._blocked))

    def start(self, tp: TopicPartition, offset: int) -> None:
        """The partition is read from this offset on."""
        self._next[tp] = offset

    def begin(self, records: Records) -> None:
        """A batch is in flight; its first offsets are the next ones until it is done."""
        topic, partition = "", -1
        for record in records:
            if record.partition != partition or record.topic != topic:  # records of a partition are adjacent, in order
                topic, partition = record.topic, record.partition
                self._next.setdefault(TopicPartition(topic, partition), record.offset)

    def done(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Record that everything below these offsets is durable."""
        self._next.update(offsets)
        self._progressed = self._clock.monotonic()

    def block(self, tp: TopicPartition, reason: str, offset: int | None = None) -> bool:
        """Mark a partition as stopped, until a batch of it is done; False where it is for this reason already.

        ``offset`` is the record's that stops it; None where no one record does.
        """
        stop = _Stop(reason, offset)
        if self._blocked.get(tp) == stop:
            return False
        self.unblock([tp])
        self._blocked[tp] = stop
        metrics.BLOCKED.labels(*self._labels(tp, stop)).set(1)
        return True

    def unblock(self, tps: Iterable[TopicPartition]) -> None:
        """Record that batches of these partitions were done to their end."""
        for tp in self._blocked.keys() & tps:
            metrics.BLOCKED.remove(*self._labels(tp, self._blocked.pop(tp)))

    def unknown(self) -> frozenset[TopicPartition]:
        """Owned partitions whose next offset is not known yet."""
        return self.owned - self._next.keys()

    def sample(self, ends: Mapping[TopicPartition, int]) -> None:
        """Take the broker's current end offsets."""
        now = self._sampled = self._clock.monotonic()
        for tp, end in ends.items():
            if tp in self.owned and tp in self._next:
                lag = self._lag[tp] = max(0, end - self._next[tp])
                metrics.LAG.labels(self._group, self._bare(tp.topic), str(tp.partition)).set(lag)
        if not self._waiting():
            self._progressed = now
        metrics.SINCE_PROGRESS.labels(self._group).set(now - self._progressed)

    def check(self) -> str | None:
        """Readiness: why records do not flow, as one line; None while they do."""
        if self._blocked:
            waits = ", ".join(f"{p.topic}/{p.partition}: {stop}" for p, stop in sorted(self._blocked.items()))
            return f"stopped at {waits}"
        if self._owned is None:
            return "waits for its partitions"
        now = self._clock.monotonic()
        if now - self._sampled > SILENT_SECONDS:
            return f"kafka has not answered for {now - self._sampled:.0f} s"
        if self._waiting() and now - self._progressed > STALLED_SECONDS:
            return f"{sum(self._lag.values())} records wait and none was done for {now - self._progressed:.0f} s"
        return None

    def current(self) -> bool:
        """Return whether everything written until a few seconds ago is done, in this process's partitions.

        False while Kafka does not answer, before the first sample, and while records wait.
        """
        if self._owned is None or self._blocked or self._clock.monotonic() - self._sampled > 2 * SAMPLE_SECONDS:
            return False
        return self._lag.keys() >= self.owned and not self._waiting()

    def _labels(self, tp: TopicPartition, stop: _Stop) -> tuple[str, ...]:
        return self._group, self._bare(tp.topic), str(tp.partition), str(stop.offset).lower()

    def _waiting(self) -> bool:
        return any(lag > 0 for lag in self._lag.values())
