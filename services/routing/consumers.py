"""Routing's consumers."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from services.routing.read_model.service import MAX_RECORDS, ReadModel
from services.routing.service import RoutingService
from shared.events.families import CaseEvents, ReportEvents, RoutingEvents
from shared.kafka.router import Batch, Blocked, KafkaRouter, Partitions, Rejected
from shared.topics import CASES, REPORTS, ROUTINGS

PACE_S: Final = 0.3
"""Between two batches of copies: the copy is for pages, the store and the broker are for everybody."""


def consumers(service: RoutingService, read_model: ReadModel, sees: asyncio.Event, *, max_records: int) -> KafkaRouter:
    """Two groups: one decides, one copies decisions for pages. Neither begins before ``sees`` is set."""
    router = KafkaRouter()

    async def restore(assigned: Partitions) -> Mapping[tuple[str, int], int]:
        await sees.wait()
        return await service.on_assigned(assigned)

    @router.subscriber(
        REPORTS,
        CASES,
        group="routing",
        max_records=max_records,
        on_assigned=restore,
        on_revoked=service.on_revoked,
    )
    async def decide(batch: Batch[ReportEvents | CaseEvents]) -> Sequence[Rejected | Blocked]:
        return await service.handle(batch)

    async def resume_copying(assigned: Partitions) -> Mapping[tuple[str, int], int]:
        await sees.wait()
        return await read_model.on_assigned(assigned)

    @router.subscriber(
        ROUTINGS, group="routing-copy", max_records=MAX_RECORDS, pace_s=PACE_S, on_assigned=resume_copying
    )
    async def copy(batch: Batch[RoutingEvents]) -> None:
        await read_model.handle(batch)

    return router
