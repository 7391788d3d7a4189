"""Analytics' consumers under FastStream's test broker."""

from typing import cast

from services.analytics.consumers import Folder, consumers
from shared.topics import ALERTS, CASES, CENTERS, REPORTS, ROUTINGS
from tests.support.driving import Heard, driving, golden, publish, types


async def test_every_event_of_every_topic_is_counted() -> None:
    heard, records = Heard(), golden(REPORTS, ROUTINGS, CASES, ALERTS, CENTERS)
    async with driving(consumers(cast("Folder", heard), max_records=10, pace_s=0)) as broker:
        await publish(broker, *records)
    assert heard.types == types(records)
