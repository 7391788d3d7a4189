"""A router's subscriber under FastStream's test broker: typed batches, unreadable records, safe options."""

import asyncio
from typing import Any, get_args

import pytest
from faststream import AckPolicy
from faststream.specification import AsyncAPI

from services.analytics.counting import consumers as analytics
from services.intake.reports import consumers as intake
from services.notify.cases import consumers as notify
from services.routing import consumers as routing
from shared.clock import SystemClock
from shared.errors import PermanentError, UnknownTypeError
from shared.events import families
from shared.events.base import Record
from shared.events.catalog import EVENT_TYPES, types_of
from shared.health import Health
from shared.kafka.broker import KafkaClient, kafka_broker
from shared.kafka.router import Batch, KafkaRouter
from shared.settings import KafkaSettings
from shared.topics import ALERTS, CASES, CENTERS, REPORTS, ROUTINGS, TOPICS, Topic
from tests.support.driving import Heard, driving, golden, publish, types


def spec(answered: Heard) -> KafkaRouter:
    router = KafkaRouter()

    @router.subscriber(ROUTINGS, group="test")
    async def on_routings(batch: Batch[families.RoutingEvents]) -> None:
        await answered(batch)

    return router


async def test_a_handler_gets_validated_events() -> None:
    answered = Heard()
    async with driving(spec(answered)) as broker:
        await publish(broker, *golden(ROUTINGS))
    assert answered.types == types(golden(ROUTINGS))


async def test_an_error_of_the_handler_and_a_record_nobody_can_read_are_raised_to_the_test() -> None:
    record, answered = golden(ROUTINGS)[0], Heard()

    def with_type(name: bytes) -> Record:
        headers = tuple((key, name if key == "ce_type" else value) for key, value in record.headers)
        return record.model_copy(update={"headers": headers})

    async with driving(spec(answered)) as broker:
        with pytest.raises(PermanentError, match="body"):
            await publish(broker, record.model_copy(update={"value": b"{"}))
        with pytest.raises(UnknownTypeError):
            await publish(broker, with_type(b"report.routed.v9"))
    assert answered.types == []


@pytest.mark.parametrize(
    ("topic", "family"),
    [
        (REPORTS, families.ReportEvents),
        (ROUTINGS, families.RoutingEvents),
        (CASES, families.CaseEvents),
        (ALERTS, families.AlertEvents),
        (CENTERS, families.CenterEvents),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_family_is_every_event_of_its_topic(topic: Topic, family: Any) -> None:
    assert {cls.TYPE for cls in get_args(family) or (family,)} == set(types_of(topic.name))


def test_no_record_is_acknowledged_by_faststream() -> None:
    router = spec(Heard())
    [one] = router.specs
    assert one.subscriber is not None
    assert one.subscriber.ack_policy is AckPolicy.MANUAL
    assert one.subscriber.batch_timeout_ms == 1


def test_asyncapi_describes_the_event_and_not_what_stands_round_it() -> None:
    broker = kafka_broker(KafkaSettings(), "test")
    broker.include_router(spec(Heard()))
    found = AsyncAPI(broker, title="test").to_specification().to_jsonable()
    schemas = set(found["components"]["schemas"])
    assert {cls.__name__ for name, cls in EVENT_TYPES.items() if name in types_of("routings")} <= schemas
    assert not schemas & {"Batch", "Received", "Envelope"}


def test_a_group_has_one_subscriber_in_a_process() -> None:
    bus = KafkaClient(KafkaSettings(), "test", Health(), SystemClock())
    bus.include(spec(Heard()))
    with pytest.raises(ValueError, match="two subscribers as test"):
        bus.include(spec(Heard()))


def test_each_consumer_of_the_services_is_a_reader_in_the_table_of_topics() -> None:
    """So that `docs/asyncapi`, written from the table, says what the code reads."""
    stand_in: Any = Heard()
    routers = {
        "intake": intake.consumers(stand_in),
        "routing": routing.consumers(stand_in, stand_in, asyncio.Event(), max_records=1),
        "notify": notify.consumers(stand_in),
        "analytics": analytics.consumers(stand_in, max_records=1, pace_s=0),
    }
    for service, router in routers.items():
        read = {topic.name for spec in router.specs for topic in spec.topics}
        assert read <= {topic.name for topic in TOPICS if service in topic.readers}
