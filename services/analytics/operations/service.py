"""The operations page: each part has its value, or the reason why it has none."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from aiokafka.errors import KafkaError

from services.analytics.counting.reader import CountReader
from services.analytics.counting.reconciliation import Reconciliation
from services.analytics.counting.watch import Watch
from services.analytics.operations.repository import Redriven, Redrives
from shared import log
from shared.clock import Clock
from shared.errors import IeumError
from shared.kafka.inspector import ClusterInspector, DeadLetterList, ForbiddenError
from shared.kafka.publisher import NotAllowedError
from shared.kafka.redrive import redrive
from shared.settings import KafkaSettings
from shared.topics import BY_NAME, TOPICS, Topic

_log = log.get(__name__)
T = TypeVar("T")

GROUPS: Final = ("intake-status", "routing", "routing-copy", "notify", "notify-dead")
"""Consumer groups that commit their offsets in Kafka. How far analytics is stands in its own store."""
STORED: Final = "analytics"
NEWEST: Final = 20
"""Dead letters looked at in one partition."""
_SHOWN: Final = 100
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """Something that was asked for, or why it is not there: ``away`` or ``forbidden``."""

    value: T | None
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """Records of one topic, which is one stage."""

    topic: str
    hour: int
    day: int
    ever: int


@dataclass(frozen=True, slots=True)
class Lag:
    """How many records of a topic a group has not finished."""

    group: str
    topic: str
    records: int


@dataclass(frozen=True, slots=True)
class Lags:
    """Of all groups that could be asked."""

    known: tuple[Lag, ...] = ()
    silent: tuple[str, ...] = ()
    """Groups that never committed anything: they have not begun."""


@dataclass(frozen=True, slots=True)
class Dead:
    """Dead letters of all topics."""

    newest: tuple[DeadLetterList, ...] = ()
    last: tuple[Redriven, ...] = ()

    @property
    def waiting(self) -> int:
        """Letters that nobody has sent back."""
        return sum(letters.waiting for letters in self.newest)


@dataclass(frozen=True, slots=True)
class Overview:
    """All values of the page, of about one moment."""

    at: datetime
    numbers: Part[Reconciliation] = field(default_factory=lambda: Part(None, "away"))
    flow: Part[tuple[Flow, ...]] = field(default_factory=lambda: Part(None, "away"))
    lags: Part[Lags] = field(default_factory=lambda: Part(None, "away"))
    dead: Part[Dead] = field(default_factory=lambda: Part(None, "away"))
    unseen: Part[dict[str, datetime]] = field(default_factory=lambda: Part(None, "away"))


class Operations:
    """Asks the store and the cluster, and sends dead letters back."""

    def __init__(
        self, settings: KafkaSettings, reader: CountReader, watch: Watch, redrives: Redrives, clock: Clock
    ) -> None:
        self._settings = settings
        self._reader = reader
        self._watch = watch
        self._redrives = redrives
        self._clock = clock

    async def overview(self) -> Overview:
        """Load the page. Store and cluster are asked side by side; neither holds the other up."""
        now = self._clock.now()
        numbers, unseen, (flow, lags, dead) = await asyncio.gather(
            _part(self._watch.reconcile()), _part(self._reader.oldest_unseen()), self._of_cluster(now)
        )
        return Overview(now, numbers, flow, lags, dead, unseen)

    async def letters(self, topic: Topic) -> Part[DeadLetterList]:
        """The newest dead letters of one topic."""

        async def asked() -> DeadLetterList:
            async with ClusterInspector(self._settings) as look:
                return await look.dead_letters(topic, _SHOWN)

        return await _part(asked())

    async def send_back(self, topic: Topic, until: Mapping[int, int]) -> int | None:
        """Dead letters up to what somebody has seen go back; None where somebody else is just doing it.

        Pressed twice, the second time finds nothing left: it goes on where the last time stopped and ends where what
        was seen ended. Raises ``TransientError``, and ``ForbiddenError`` where these credentials may not write there.
        """
        if not await self._redrives.begin(topic.name, self._clock.now()):
            return None
        sent: int | None = None
        try:
            sent = await redrive(self._settings, topic, until=until)
        except (NotAllowedError, KafkaError) as error:
            raise ForbiddenError("not_allowed", f"kafka: {type(error).__name__}") from error
        finally:
            await self._redrives.end(topic.name, self._clock.now(), sent)
        _log.info("analytics.redriven", topic=topic.name, sent=sent)
        return sent

    async def _of_cluster(self, now: datetime) -> tuple[Part[tuple[Flow, ...]], Part[Lags], Part[Dead]]:
        try:
            async with ClusterInspector(self._settings) as look:
                # One after the other: they share a connection.
                flow = await _part(_flow(look, now))
                lags = await _part(self._lags(look))
                dead = await _part(self._dead(look))
                return flow, lags, dead
        except IeumError as error:
            missing = _missing(error)
            return Part(None, missing), Part(None, missing), Part(None, missing)

    async def _lags(self, look: ClusterInspector) -> Lags:
        ends = await look.ends()
        known = _lags(STORED, await self._reader.offsets(), ends, [t.name for t in TOPICS if STORED in t.readers])
        silent = []
        for group in GROUPS:
            committed = await look.committed(group)
            topics = sorted({topic for topic, _ in committed} & BY_NAME.keys())
            known += _lags(group, committed, ends, topics)
            if not committed:
                silent.append(group)
        return Lags(tuple(known), tuple(silent))

    async def _dead(self, look: ClusterInspector) -> Dead:
        letters = [await look.dead_letters(topic, NEWEST) for topic in TOPICS]
        return Dead(tuple(each for each in letters if any(each.ends.values())), tuple(await self._redrives.last()))


def _lags(
    group: str, reached: Mapping[tuple[str, int], int], ends: Mapping[tuple[str, int], int], topics: Sequence[str]
) -> list[Lag]:
    return [
        Lag(group, topic, sum(max(0, end - reached.get(p, 0)) for p, end in ends.items() if p[0] == topic))
        for topic in topics
    ]


async def _flow(look: ClusterInspector, now: datetime) -> tuple[Flow, ...]:
    ends = await look.ends()
    hour, day = await look.since(now - _HOUR), await look.since(now - _DAY)
    return tuple(
        Flow(t.name, hour[t.name], day[t.name], sum(end for (name, _), end in ends.items() if name == t.name))
        for t in TOPICS
        if not t.compacted
    )


async def _part(asked: Awaitable[T]) -> Part[T]:
    try:
        return Part(await asked)
    except IeumError as error:
        return Part(None, _missing(error))


def _missing(error: IeumError) -> str:
    _log.warning("analytics.operations_part_missing", error=str(error))
    return "forbidden" if isinstance(error, ForbiddenError) else "away"
