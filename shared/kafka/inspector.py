"""Inspect the cluster for operators: end offsets, records since a time, committed offsets, dead letters.

The client connects on entering and disconnects on leaving. Every call raises ``TransientError`` when Kafka does not
answer, and ``ForbiddenError`` where these credentials may not ask.
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
from shared.kafka.connection import Stall, bounded, client_options, dead_topic_name, group_name, topic_name
from shared.kafka.dead_letters import is_whole, names_origin_in, origin_headers
from shared.kafka.patches import partitions_of
from shared.kafka.redrive import GROUP as REDRIVE
from shared.settings import KafkaSettings
from shared.topics import BY_NAME, TOPICS, Topic

_log = log.get(__name__)
T = TypeVar("T")

_LIMIT_S: Final = 5.0
"""A page waits for it."""
_FETCH_WAIT_MS: Final = 50
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WORD: Final = re.compile(r"[a-z0-9_.:-]{1,80}")
_NUMBER: Final = re.compile(r"[0-9]{1,12}")
_UNKNOWN: Final = "?"


class ForbiddenError(PermanentError):
    """These credentials may not ask that."""


@dataclass(frozen=True, slots=True)
class DeadLetterSummary:
    """A dead letter without its key and value: only places, codes and times."""

    topic: str
    """The topic it would be redriven to."""
    partition: int
    offset: int
    """In the dead-letter topic."""
    reason: str
    origin: str
    """Topic, partition and offset of the record it was made of."""
    group: str
    """The consumer group that rejected it."""
    at: datetime | None
    event_type: str
    report_id: str | None
    """Only where the key is a report's number."""
    redrivable: bool
    """It holds the whole record and names an origin in its partition; whether it equals that, redriving finds out."""
    sent_back: bool
    """It was redriven, or passed over since it is not redrivable."""


@dataclass(frozen=True, slots=True)
class DeadLetterList:
    """The newest dead letters of a topic, and how many wait to be redriven."""

    topic: str
    newest: tuple[DeadLetterSummary, ...]
    waiting: int
    """Letters behind the redrive group's committed offset."""
    ends: Mapping[int, int]
    """End offset of each partition of the dead-letter topic when this was read."""


class ClusterInspector:
    """``async with ClusterInspector(settings) as inspector``."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._consumer = AIOKafkaConsumer(
            **client_options(settings),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
        )
        self._admin = AIOKafkaAdminClient(**client_options(settings), request_timeout_ms=int(_LIMIT_S * 1000))

    async def __aenter__(self) -> "ClusterInspector":
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
                _log.warning("inspector.close_failed", error=str(error))

    async def ends(self, topics: Sequence[Topic] = TOPICS) -> dict[tuple[str, int], int]:
        """End offsets by topic and partition."""
        tps = await self._tps([topic_name(self._settings, topic) for topic in topics])
        found = await self._asked(self._consumer.end_offsets(tps), "asking for the ends")
        return {(self._bare(tp.topic), tp.partition): end for tp, end in found.items()}

    async def since(self, moment: datetime, topics: Sequence[Topic] = TOPICS) -> dict[str, int]:
        """Records since a time, by topic, by the broker's time index."""
        names = [topic_name(self._settings, topic) for topic in topics]
        tps = await self._tps(names)
        ends = await self._asked(self._consumer.end_offsets(tps), "asking for the ends")
        at = dict.fromkeys(tps, int(moment.timestamp() * 1000))
        first = await self._asked(self._consumer.offsets_for_times(at), "asking since when")
        found = dict.fromkeys((topic.name for topic in topics), 0)
        for tp in tps:
            begin = first.get(tp)
            found[self._bare(tp.topic)] += ends[tp] - begin.offset if begin is not None else 0
        return found

    async def committed(self, group: str) -> dict[tuple[str, int], int]:
        """A group's committed offsets by topic and partition; nothing where it never committed."""
        asked = self._admin.list_consumer_group_offsets(group_name(self._settings, group))
        found = await self._asked(asked, f"asking how far {group} is")
        return {(self._bare(tp.topic), tp.partition): at.offset for tp, at in found.items() if at.offset >= 0}

    async def dead_letters(self, topic: Topic, most: int) -> DeadLetterList:
        """The newest dead letters of a topic, newest first, ``most`` of each partition."""
        name = dead_topic_name(self._settings, topic)
        tps = await self._tps([name])
        ends = await self._asked(self._consumer.end_offsets(tps), "asking for the ends")
        starts = await self._asked(self._consumer.beginning_offsets(tps), "asking for the beginnings")
        gone = await self._sent_back(name)
        wanted = {tp: max(starts[tp], ends[tp] - most) for tp in tps if ends[tp] > starts[tp]}
        found = [_letter(topic, record, gone) async for record in self._read(wanted, ends)]
        found.sort(key=lambda letter: (letter.at.timestamp() if letter.at else 0.0, letter.offset), reverse=True)
        return DeadLetterList(
            topic.name,
            tuple(found),
            sum(max(0, ends[p] - max(starts[p], gone.get(p.partition, 0))) for p in tps),
            {tp.partition: ends[tp] for tp in tps},
        )

    async def _sent_back(self, name: str) -> dict[int, int]:
        found = await self.committed(REDRIVE)
        bare = self._bare(name)
        return {partition: offset for (topic, partition), offset in found.items() if topic == bare}

    async def _read(self, wanted: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]) -> Any:  # noqa: ANN401  # aiokafka ships no types
        if not wanted:
            return
        self._consumer.assign(list(wanted))
        for tp, start in wanted.items():
            self._consumer.seek(tp, start)
        left, stall = dict(wanted), Stall(_LIMIT_S, "reading dead letters")
        while left:
            stall.check(dict(left))
            polled = await self._asked(self._consumer.getmany(*left, timeout_ms=500), "reading dead letters")
            for tp, records in polled.items():
                for record in records:
                    if record.offset < ends[tp]:
                        yield record
            for tp in list(left):
                left[tp] = await self._asked(self._consumer.position(tp), "asking for a position")
                if left[tp] >= ends[tp]:
                    del left[tp]

    async def _tps(self, names: Sequence[str]) -> list[TopicPartition]:
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


def _letter(topic: Topic, record: Any, gone: Mapping[int, int]) -> DeadLetterSummary:  # noqa: ANN401  # aiokafka ships no types
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    ours = origin_headers(record.headers)
    key = (record.key or b"").decode("utf-8", "replace")
    origin = ours.get("topic", "")
    numbers = [_matched(_NUMBER, ours.get(name, "")) for name in ("partition", "offset")]
    return DeadLetterSummary(
        topic=topic.name,
        partition=record.partition,
        offset=record.offset,
        reason=_matched(_WORD, ours.get("reason", "")),
        origin="/".join((origin if origin in BY_NAME else _UNKNOWN, *numbers)),
        group=_matched(_WORD, ours.get("group", "")),
        at=_moment(ours.get("time", "")),
        event_type=_matched(_WORD, headers.get("ce_type", "")),
        report_id=key if _ID.fullmatch(key) else None,
        redrivable=is_whole(record.headers) and names_origin_in(record.headers, topic.name, record.partition),
        sent_back=record.offset < gone.get(record.partition, 0),
    )


def _matched(form: re.Pattern[str], text: str) -> str:
    """These bytes are chosen by any client that may write to the topic: show codes alone."""
    return text if form.fullmatch(text) else _UNKNOWN


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
