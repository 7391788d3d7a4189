"""Dead letters: records that cannot be handled go to ``<topic>.dead`` with reason and origin in headers.

A record too large for the headers to fit goes there without its largest parts; headers say how many bytes were left out
and where the original is, and it cannot be redriven.

``ieum redrive reports`` sends them back. A dead letter may be written twice (a
retried batch); redriving makes duplicates, which consumers tolerate. Values are never printed.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from shared.kafka import metrics
from shared.kafka.connection import dead_topic_name
from shared.kafka.decoding import DeadLetter, RawRecord
from shared.kafka.publisher import Message, NoLeaderError, Publisher, all_ended
from shared.settings import KafkaSettings
from shared.topics import BY_NAME

PREFIX: Final = "dead_"
"""Headers the dead letter adds; removed when it is redriven."""
LEFT_OUT: Final = "_left_out"
"""Ends the name of a header that says how many bytes of a part are missing: ``dead_value_left_out``."""
MOST_BYTES: Final = 900_000
"""Of a record in its dead letter: a batch holds 1 MiB, and our headers and the envelope want some of it."""
_HEADER_BYTES: Final = 10
"""Bytes of a header beside its name and content, at most."""
_DETAIL_CHARACTERS: Final = 500


def to_dead_letter(letter: DeadLetter, *, group: str, service: str, now: datetime) -> Message:
    """Key, value and headers of a dead letter: the record as it was, with reason and origin."""
    record = letter.record
    added = {
        "reason": letter.reason,
        "detail": letter.detail[:_DETAIL_CHARACTERS],
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "group": group,
        "service": service,
        "time": now.isoformat(timespec="milliseconds"),
    }
    left_out = _too_large(record)
    added |= {f"{part}{LEFT_OUT}": str(size) for part, size in left_out.items()}
    ours = [(f"{PREFIX}{name}", text.encode()) for name, text in added.items()]
    theirs = [(n, v) for n, v in record.headers if not n.startswith(PREFIX) and "headers" not in left_out]
    key = None if "key" in left_out else record.key
    value = None if "value" in left_out else record.value
    # Kafka refuses a record without key and value only in this client's builder, so an empty key stands in for none.
    return b"" if key is None and value is None else key, value, [*ours, *theirs]


def _too_large(record: RawRecord) -> dict[str, int]:
    """The parts that must go, largest first, for the rest to fit, and their bytes."""
    sizes = {
        "key": len(record.key or b""),
        "value": len(record.value or b""),
        "headers": sum(len(name.encode()) + len(value or b"") + _HEADER_BYTES for name, value in record.headers),
    }
    left_out: dict[str, int] = {}
    while sum(sizes.values()) > MOST_BYTES:
        largest = max(sizes, key=lambda part: sizes[part])
        left_out[largest] = sizes.pop(largest)
    return left_out


def is_whole(headers: Sequence[tuple[str, bytes | None]]) -> bool:
    """Return whether a dead letter holds all of its original record."""
    return not any(name.startswith(PREFIX) and name.endswith(LEFT_OUT) for name, _ in headers)


def origin_headers(headers: Sequence[tuple[str, bytes | None]]) -> dict[str, str]:
    """Read a dead letter's headers about its origin: ``reason``, ``topic``, ``partition``, ``offset`` and so on."""
    added = ((name, value or b"") for name, value in headers if name.startswith(PREFIX))
    return {name.removeprefix(PREFIX): value.decode("utf-8", "replace") for name, value in added}


def names_origin_in(headers: Sequence[tuple[str, bytes | None]], topic: str, partition: int) -> bool:
    """Return whether a dead letter names this very partition as its origin."""
    told = origin_headers(headers)
    return (told.get("topic"), told.get("partition")) == (topic, str(partition))


def from_dead_letter(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> Message:
    """The record a whole dead letter was made of."""
    return key, value, [(name, content) for name, content in headers if not name.startswith(PREFIX)]


async def publish_dead_letters(
    publisher: Publisher,
    settings: KafkaSettings,
    letters: Sequence[DeadLetter],
    *,
    group: str,
    service: str,
    now: datetime,
) -> list[DeadLetter]:
    """Publish dead letters to the dead-letter topics, same partition, and wait for the acknowledgement.

    Returns those of a partition without leader, which are not written. Raises ``TransientError`` when Kafka does not
    acknowledge others; they may have been written nevertheless.
    """
    by_partition: defaultdict[tuple[str, int], list[DeadLetter]] = defaultdict(list)
    for letter in letters:
        by_partition[dead_topic_name(settings, BY_NAME[letter.record.topic]), letter.record.partition].append(letter)
    sends = [
        publisher.send(name, number, [to_dead_letter(letter, group=group, service=service, now=now) for letter in some])
        for (name, number), some in by_partition.items()
    ]
    results = await all_ended(sends)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, NoLeaderError):
            raise result
    left: list[DeadLetter] = []
    for some, result in zip(by_partition.values(), results, strict=True):
        if isinstance(result, NoLeaderError):
            left += some
            continue
        for letter in some:
            metrics.DEAD.labels(group, letter.record.topic, letter.reason).inc()
    return left
