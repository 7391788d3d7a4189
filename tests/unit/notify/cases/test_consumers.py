"""Notify's consumers under FastStream's test broker."""

from typing import cast

from services.notify.cases.consumers import RoutingsHandler, consumers
from shared.topics import ROUTINGS
from tests.support.driving import Heard, driving, golden, publish, types


async def test_every_event_of_routings_becomes_cases() -> None:
    heard = Heard()
    async with driving(consumers(cast("RoutingsHandler", heard))) as broker:
        await publish(broker, *golden(ROUTINGS))
    assert heard.types == types(golden(ROUTINGS))
