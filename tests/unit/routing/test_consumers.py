"""Routing's consumers under FastStream's test broker."""

import asyncio
from typing import cast

from services.routing.consumers import consumers
from services.routing.read_model.service import ReadModel
from services.routing.service import RoutingService
from shared.kafka.router import KafkaRouter
from shared.topics import CASES, REPORTS, ROUTINGS
from tests.support.driving import Heard, driving, golden, publish, types


def routing(worker: Heard, read_model: Heard, sees: asyncio.Event) -> KafkaRouter:
    return consumers(cast("RoutingService", worker), cast("ReadModel", read_model), sees, max_records=10)


async def test_reports_and_cases_are_decided_and_routings_copied() -> None:
    worker, read_model = Heard(), Heard()
    async with driving(routing(worker, read_model, asyncio.Event())) as broker:
        await publish(broker, *golden(REPORTS, CASES, ROUTINGS))
    assert worker.types == types(golden(REPORTS, CASES))
    assert read_model.types == types(golden(ROUTINGS))


async def test_nothing_is_taken_over_before_loads_and_centers_are_known() -> None:
    sees = asyncio.Event()
    for spec in routing(Heard(), Heard(), sees).specs:
        assert spec.on_assigned is not None
        sees.clear()
        taking_over = asyncio.ensure_future(spec.on_assigned(frozenset({("reports", 0)})))
        await asyncio.sleep(0)
        assert not taking_over.done()
        sees.set()
        assert await taking_over == {}
