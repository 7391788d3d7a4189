"""Records nobody can act upon go to ``<topic>.dead`` whole, with reason and origin in headers, and can be sent back.

``python -m shared.dead_letter list|redrive --topic reports``. A dead letter may be written twice (a batch that is tried
again); who sends it back makes duplicates, which readers tolerate. Values are never printed.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from shared.bus import measures
from shared.bus.connection import dead_topic_name
from shared.bus.publisher import Message, Publisher
from shared.bus.triage import DeadLetter
from shared.settings import BusSettings
from shared.topics import BY_NAME

PREFIX: Final = "dead_"
"""Headers the dead letter adds; they are taken off again when it is sent back."""
_DETAIL_CHARACTERS: Final = 500


def dead_message(letter: DeadLetter, *, group: str, service: str, now: datetime) -> Message:
    """Key, value and headers of a dead letter: the record as it was, and why and where from."""
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
    ours = [(f"{PREFIX}{name}", text.encode()) for name, text in added.items()]
    theirs = [(name, value) for name, value in record.headers if not name.startswith(PREFIX)]
    # Kafka refuses a record without key and value only in this client's builder, so an empty key stands in for none.
    key = record.key if record.key is not None or record.value is not None else b""
    return key, record.value, [*ours, *theirs]


def revived_message(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> Message:
    """The record a dead letter was made of."""
    return key, value, [(name, content) for name, content in headers if not name.startswith(PREFIX)]


async def bury(
    publisher: Publisher,
    settings: BusSettings,
    letters: Sequence[DeadLetter],
    *,
    subscription: str,
    service: str,
    now: datetime,
) -> None:
    """Write dead letters to the dead twins, same partition, and wait for the acknowledgement.

    Raises ``TransientError`` when Kafka does not acknowledge; the letters may be there nevertheless.
    """
    by_place: defaultdict[tuple[str, int], list[Message]] = defaultdict(list)
    for letter in letters:
        place = dead_topic_name(settings, BY_NAME[letter.record.topic]), letter.record.partition
        by_place[place].append(dead_message(letter, group=subscription, service=service, now=now))
    await asyncio.gather(*(publisher.send(name, number, messages) for (name, number), messages in by_place.items()))
    for letter in letters:
        measures.DEAD.labels(subscription, letter.record.topic, letter.reason).inc()


if __name__ == "__main__":
    from shared.bus.redrive import main

    main()
