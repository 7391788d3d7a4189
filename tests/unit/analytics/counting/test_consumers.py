"""Analytics' consumers under FastStream's test broker."""

from typing import cast

from services.analytics.counting.consumers import ProjectionConsumer, consumers, next_offsets, until_a_gap
from shared.events.base import ReportEvent
from shared.events.envelope import Envelope
from shared.kafka.router import Received
from shared.topics import ALERTS, CASES, CENTERS, REPORTS, ROUTINGS, Topic
from tests.support.driving import Heard, driving, golden, publish, types
from tests.unit.analytics import events as make


async def test_every_event_of_every_topic_is_counted() -> None:
    heard, records = Heard(), golden(REPORTS, ROUTINGS, CASES, ALERTS, CENTERS)
    async with driving(consumers(cast("ProjectionConsumer", heard), max_records=10, pace_s=0)) as broker:
        await publish(broker, *records)
    assert heard.types == types(records)


def test_a_hole_stops_its_partition_of_routings_there_and_nothing_else() -> None:
    """Everything after it in that partition waits, whichever report it is about; other topics and partitions do not."""
    holed, other = make.report_id(1), make.report_id(2)
    events: list[tuple[Topic, int, ReportEvent]] = [
        (ROUTINGS, 0, make.routed(holed)),
        (ROUTINGS, 0, make.updated(holed, 3)),
        (ROUTINGS, 0, make.routed(other)),
        (REPORTS, 0, make.received(other)),
        (ROUTINGS, 1, make.routed(make.report_id(3))),
    ]
    envelope = Envelope("id", "source", "type", make.START, "")
    batch = [Received(event, envelope, topic.name, p, n, 0) for n, (topic, p, event) in enumerate(events)]
    changes, kept, blocked = until_a_gap({}, batch, frozenset())
    assert [(stop.topic, stop.partition, stop.offset) for stop in blocked] == [("routings", 0, 1)]
    assert [one.offset for one in kept] == [0, 3, 4]
    assert {fact.report_id: fact.owner for fact in changes.facts.values()} == {
        holed: "busan",
        other: None,
        make.report_id(3): "busan",
    }
    assert next_offsets(kept)["routings", 0] == 1, "the stored offset never passes the hole"
