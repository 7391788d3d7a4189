"""Histories of many reports, published the awkward way: topics in the wrong order, old records again and again."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from shared.events.base import Event, Record, encode
from shared.events.vocabulary import EndReason
from shared.kafka.publisher import Publisher
from shared.topics import BY_NAME
from tests.unit.analytics import events as make
from tests.unit.analytics.histories import DAYS, history

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
_AGAIN = 0.1


def record(event: Event) -> Record:
    return encode(event, source=BY_NAME[event.TOPIC].writer, time=make.START, traceparent=TRACE)


def awkward(numbers: Sequence[int], chance: random.Random) -> dict[str, list[Record]]:
    """All records by topic, each report's in order, with repeats of older ones in between (last topic first)."""
    topics: dict[str, list[Record]] = {"alerts": [], "cases": [], "routings": [], "reports": []}
    for number in numbers:
        for topic, sequence in history(number, chance.randrange(60)).items():
            topics[topic] += [record(event) for event in sequence]
    topics["centers"] = [record(event) for event in duty(chance)]
    for records in topics.values():
        for at in sorted(chance.sample(range(len(records)), int(len(records) * _AGAIN)), reverse=True):
            again = records[max(0, at - chance.randrange(1, 30)) : at]
            records[at:at] = again
    return topics


def thirds(count: int, at: datetime) -> dict[str, list[Record]]:
    """Reports accepted at one time, by topic: a third is in care still, a third closed, a third withdrawn."""
    events: list[Event] = []
    for number in range(count):
        rid = make.report_id(number)
        events += [make.received(rid, at=at), make.routed(rid, at=at)]
        if number % 3 == 1:
            events += [make.closed(rid, 1).model_copy(update={"at": at + timedelta(hours=5)}), make.ended(rid, 2)]
        elif number % 3 == 2:
            events += [make.withdrawn(rid), make.ended(rid, 2, reason=EndReason.WITHDRAWN)]
    topics: dict[str, list[Record]] = {"reports": [], "routings": [], "cases": []}
    for event in events:
        topics[event.TOPIC].append(record(event))
    return topics


def duty(chance: random.Random) -> Iterator[Event]:
    """Three centres whose staff come and go for a year; one clock goes back now and then."""
    for center in ("busan", "daegu", "ulsan"):
        at = make.START - timedelta(days=DAYS)
        for version in range(1, 40):
            at += timedelta(hours=chance.randrange(-20, 400))
            yield make.center_changed(center, version, chance.randrange(5), at)


def waves(topics: dict[str, list[Record]], count: int) -> Iterator[tuple[str, list[Record]]]:
    """The topics cut into waves, each wave topic by topic: a case event may come long before its report."""
    for wave in range(count):
        for topic, records in topics.items():
            step = -(-len(records) // count)
            yield topic, records[wave * step : (wave + 1) * step]


async def publish(publisher: Publisher, topics: dict[str, list[Record]], count: int = 4) -> None:
    for _, records in waves(topics, count):
        await publisher.publish(records)
