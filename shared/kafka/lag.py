"""How far a subscription has come: lag, stalls and partitions that wait for a newer build."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from aiokafka import TopicPartition

from shared.clock import Clock
from shared.kafka import metrics
from shared.kafka.router import Records

SAMPLE_SECONDS: Final = 5.0
SILENT_SECONDS: Final = 20.0
"""Without a sample of the ends for so long, Kafka counts as away; a restart of a broker takes 5 to 16 seconds."""
STALLED_SECONDS: Final = 60.0
"""Records wait and no batch was done for so long: someone should look."""


class Progress:
    """The state one subscription shows to health checks and metrics. Holds no record."""

    def __init__(self, group: str, clock: Clock, bare: Callable[[str], str]) -> None:
        self._group = group
        self._clock = clock
        self._bare = bare
        self._owned: frozenset[TopicPartition] | None = None
        self._next: dict[TopicPartition, int] = {}
        self._lag: dict[TopicPartition, int] = {}
        self._blocked: dict[TopicPartition, str] = {}
        self._progressed = self._sampled = clock.monotonic()

    @property
    def owned(self) -> frozenset[TopicPartition]:
        """The partitions assigned to this process now."""
        return self._owned or frozenset()

    def own(self, assigned: Iterable[TopicPartition]) -> None:
        """A new assignment begins."""
        self.release()
        self._owned = frozenset(assigned)
        self._progressed = self._sampled = self._clock.monotonic()

    def release(self) -> None:
        """The assignment is over."""
        for place in self._lag:
            metrics.LAG.remove(self._group, self._bare(place.topic), str(place.partition))
        self._owned = None
        self._next.clear()
        self._lag.clear()
        self._blocked.clear()
        metrics.BLOCKED.labels(self._group).set(0)

    def start(self, place: TopicPartition, offset: int) -> None:
        """The partition is read from this offset on."""
        self._next[place] = offset

    def begin(self, records: Records) -> None:
        """A batch is being dealt with; its first offsets are what comes next until it is done."""
        before: tuple[str, int] | None = None
        for record in records:
            place = (record.topic, record.partition)
            if place != before:  # records of a partition lie together, the first one first
                before = place
                self._next.setdefault(TopicPartition(*place), record.offset)

    def done(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Everything below these offsets is durable and committed."""
        self._next.update(offsets)
        self._progressed = self._clock.monotonic()

    def block(self, place: TopicPartition, why: str) -> None:
        """The partition waits for a newer build."""
        self._blocked[place] = why
        metrics.BLOCKED.labels(self._group).set(len(self._blocked))

    def unknown(self) -> frozenset[TopicPartition]:
        """Owned partitions whose next offset nobody has told yet."""
        return self.owned - self._next.keys()

    def sample(self, ends: Mapping[TopicPartition, int]) -> None:
        """The ends of the owned partitions as the broker says now."""
        now = self._sampled = self._clock.monotonic()
        for place, end in ends.items():
            if place in self.owned and place in self._next:
                lag = self._lag[place] = max(0, end - self._next[place])
                metrics.LAG.labels(self._group, self._bare(place.topic), str(place.partition)).set(lag)
        if not self._waiting():
            self._progressed = now
        metrics.SINCE_PROGRESS.labels(self._group).set(now - self._progressed)

    def complaint(self) -> str | None:
        """What is in the way of records, in one line; None while nothing is."""
        if self._blocked:
            waits = ", ".join(f"{p.topic}/{p.partition}: {why}" for p, why in sorted(self._blocked.items()))
            return f"waits for a newer build at {waits}"
        if self._owned is None:
            return "waits for its partitions"
        now = self._clock.monotonic()
        if now - self._sampled > SILENT_SECONDS:
            return f"kafka has not answered for {now - self._sampled:.0f} s"
        if self._waiting() and now - self._progressed > STALLED_SECONDS:
            return f"{sum(self._lag.values())} records wait and none was done for {now - self._progressed:.0f} s"
        return None

    def current(self) -> bool:
        """Whether all that was written until a few seconds ago was dealt with, in this process's partitions.

        False while Kafka does not answer, before the first look at the ends, and while records wait.
        """
        if self._owned is None or self._blocked or self._clock.monotonic() - self._sampled > 2 * SAMPLE_SECONDS:
            return False
        return self._lag.keys() >= self.owned and not self._waiting()

    def _waiting(self) -> bool:
        return any(lag > 0 for lag in self._lag.values())
