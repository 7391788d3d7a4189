"""How the cluster stands, for the people who run it: ends, what came since a moment, how far groups are, dead letters.

A client for one look: connected on entering, gone on leaving. Every call raises ``TransientError`` when Kafka does not
answer, and ``Forbidden`` where these credentials may not ask.
"""

import re
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from shared import log
from shared.errors import PermanentError, TransientError
from shared.kafka.connection import bounded, client_options, dead_topic_name, group_name, topic_name
from shared.kafka.dead_letters import PREFIX, is_whole
from shared.kafka.patches import partitions_of
from shared.kafka.redrive import GROUP as REDRIVE
from shared.settings import BusSettings
from shared.topics import BY_NAME, TOPICS, Topic

_log = log.get(__name__)
T = TypeVar("T")

_LIMIT_S: Final = 5.0
"""A page waits for it; who cannot be asked by then is said to be silent."""
_FETCH_WAIT_MS: Final = 50
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WORD: Final = re.compile(r"[a-z0-9_.:-]{1,80}")
_NUMBER: Final = re.compile(r"[0-9]{1,12}")
_UNSAID: Final = "?"


class ForbiddenError(PermanentError):
    """These credentials may not ask that."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter without anything anybody wrote: neither key nor value, only places, codes and times."""

    topic: str
    """Where it would go back to."""
    partition: int
    offset: int
    """Its place in the dead topic."""
    reason: str
    origin: str
    """Topic, partition and offset of the record it was made of."""
    group: str
    """Who could not act upon it."""
    at: datetime | None
    event_type: str
    report_id: str | None
    """Only where the key is a report's number."""
    whole: bool
    """It holds all of the record, so that it can go back."""
    sent_back: bool
    """It went back, or was passed over since it is not whole."""


@dataclass(frozen=True, slots=True)
class Letters:
    """The newest dead letters of a topic, and what would be sent back."""

    topic: str
    newest: tuple[Letter, ...]
    waiting: int
    """Letters behind the place where sending back last stopped."""
    ends: Mapping[int, int]
    """Where each partition of the dead topic ended when this was read."""


class Look:
    """``async with Look(settings) as look``."""

    def __init__(self, settings: BusSettings) -> None:
        self._settings = settings
        self._consumer = AIOKafkaConsumer(
            **client_options(settings),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
        )
        self._admin = AIOKafkaAdminClient(**client_options(settings), request_timeout_ms=int(_LIMIT_S * 1000))

    async def __aenter__(self) -> "Look":
        try:
            await self._asked(self._consumer.start(), "connecting")
            await self._asked(self._admin.start(), "connecting the admin client")
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for closing in (self._consumer.stop(), self._admin.close()):
            try:
                await bounded(closing, _LIMIT_S, "disconnecting")
            except (TransientError, KafkaError) as error:
                _log.warning("standing.close_failed", error=str(error))

    async def ends(self, topics: Sequence[Topic] = TOPICS) -> dict[tuple[str, int], int]:
        """By topic and partition, the offset the next record will get."""
        places = await self._places([topic_name(self._settings, topic) for topic in topics])
        found = await self._asked(self._consumer.end_offsets(places), "asking for the ends")
        return {(self._bare(place.topic), place.partition): end for place, end in found.items()}

    async def since(self, moment: datetime, topics: Sequence[Topic] = TOPICS) -> dict[str, int]:
        """By topic, how many records came since a moment, by the broker's own index of times."""
        names = [topic_name(self._settings, topic) for topic in topics]
        places = await self._places(names)
        ends = await self._asked(self._consumer.end_offsets(places), "asking for the ends")
        at = dict.fromkeys(places, int(moment.timestamp() * 1000))
        first = await self._asked(self._consumer.offsets_for_times(at), "asking since when")
        found = dict.fromkeys((topic.name for topic in topics), 0)
        for place in places:
            begin = first.get(place)
            found[self._bare(place.topic)] += ends[place] - begin.offset if begin is not None else 0
        return found

    async def committed(self, group: str) -> dict[tuple[str, int], int]:
        """By topic and partition, how far a consumer group is; nothing where it never committed."""
        asked = self._admin.list_consumer_group_offsets(group_name(self._settings, group))
        found = await self._asked(asked, f"asking how far {group} is")
        return {(self._bare(place.topic), place.partition): at.offset for place, at in found.items() if at.offset >= 0}

    async def letters(self, topic: Topic, most: int) -> Letters:
        """The newest dead letters of a topic, newest first, ``most`` of each partition."""
        name = dead_topic_name(self._settings, topic)
        places = await self._places([name])
        ends = await self._asked(self._consumer.end_offsets(places), "asking for the ends")
        starts = await self._asked(self._consumer.beginning_offsets(places), "asking for the beginnings")
        gone = await self._sent_back(name)
        wanted = {place: max(starts[place], ends[place] - most) for place in places if ends[place] > starts[place]}
        found = [_letter(topic, record, gone) async for record in self._read(wanted, ends)]
        found.sort(key=lambda letter: (letter.at.timestamp() if letter.at else 0.0, letter.offset), reverse=True)
        return Letters(
            topic.name,
            tuple(found),
            sum(max(0, ends[p] - max(starts[p], gone.get(p.partition, 0))) for p in places),
            {place.partition: ends[place] for place in places},
        )

    async def _sent_back(self, name: str) -> dict[int, int]:
        found = await self.committed(REDRIVE)
        bare = self._bare(name)
        return {partition: offset for (topic, partition), offset in found.items() if topic == bare}

    async def _read(self, wanted: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]) -> Any:  # noqa: ANN401  # aiokafka ships no types
        if not wanted:
            return
        self._consumer.assign(list(wanted))
        for place, start in wanted.items():
            self._consumer.seek(place, start)
        left = dict(wanted)
        while left:
            polled = await self._asked(self._consumer.getmany(*left, timeout_ms=500), "reading dead letters")
            for place, records in polled.items():
                for record in records:
                    if record.offset < ends[place]:
                        yield record
            for place in list(left):
                left[place] = await self._asked(self._consumer.position(place), "asking for a position")
                if left[place] >= ends[place]:
                    del left[place]

    async def _places(self, names: Sequence[str]) -> list[TopicPartition]:
        found = []
        for name in names:
            numbers = await self._asked(partitions_of(self._consumer, name), f"looking for {name}")
            found += [TopicPartition(name, number) for number in sorted(numbers)]
        return found

    async def _asked(self, awaitable: Awaitable[T], what: str) -> T:
        try:
            return await bounded(awaitable, _LIMIT_S, what)
        except (GroupAuthorizationFailedError, TopicAuthorizationFailedError) as error:
            raise ForbiddenError("not_allowed", f"kafka: {what} is not allowed to these credentials") from error
        except UnknownTopicOrPartitionError as error:
            raise TransientError(f"kafka: {what}: the topic is not there yet") from error
        except KafkaError as error:
            raise TransientError(f"kafka: {what} failed: {type(error).__name__}") from error

    def _bare(self, name: str) -> str:
        return name.removeprefix(self._settings.topic_prefix)


def _letter(topic: Topic, record: Any, gone: Mapping[int, int]) -> Letter:  # noqa: ANN401  # aiokafka ships no types
    said = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    ours = {name.removeprefix(PREFIX): value for name, value in said.items() if name.startswith(PREFIX)}
    key = (record.key or b"").decode("utf-8", "replace")
    origin = ours.get("topic", "")
    numbers = [_matched(_NUMBER, ours.get(name, "")) for name in ("partition", "offset")]
    return Letter(
        topic=topic.name,
        partition=record.partition,
        offset=record.offset,
        reason=_matched(_WORD, ours.get("reason", "")),
        origin="/".join((origin if origin in BY_NAME else _UNSAID, *numbers)),
        group=_matched(_WORD, ours.get("group", "")),
        at=_moment(ours.get("time", "")),
        event_type=_matched(_WORD, said.get("ce_type", "")),
        report_id=key if _ID.fullmatch(key) else None,
        whole=is_whole(record.headers),
        sent_back=record.offset < gone.get(record.partition, 0),
    )


def _matched(form: re.Pattern[str], text: str) -> str:
    """Anybody who can write to a topic chooses these bytes: what is no code is not shown."""
    return text if form.fullmatch(text) else _UNSAID


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
