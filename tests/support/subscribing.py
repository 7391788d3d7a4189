"""Subscribe one handler to a bus, as a service's router does."""

from collections.abc import Awaitable, Callable, Sequence

from shared.events.base import Event
from shared.kafka.broker import KafkaClient
from shared.kafka.consumer import Subscription
from shared.kafka.decoding import Received, Rejected
from shared.kafka.router import Batch, Blocked, KafkaRouter, OnAssigned, OnRevoked
from shared.topics import Topic

Handler = Callable[[list[Received]], Awaitable[Sequence[Rejected | Blocked] | None]]


def subscribe(
    bus: KafkaClient,
    *topics: Topic,
    group: str,
    handler: Handler,
    max_records: int = 1000,
    pace_s: float = 0.0,
    on_assigned: OnAssigned | None = None,
    on_revoked: OnRevoked | None = None,
) -> Subscription:
    """One router with one subscriber."""
    router = KafkaRouter()

    @router.subscriber(
        *topics, group=group, max_records=max_records, pace_s=pace_s, on_assigned=on_assigned, on_revoked=on_revoked
    )
    async def on_batch(batch: Batch[Event]) -> Sequence[Rejected | Blocked] | None:
        return await handler(batch)

    [subscription] = bus.include(router)
    return subscription
