"""What is no place for a restore is refused in one line, and nothing is changed there."""

from typing import Any

import pytest
from pymongo import MongoClient

from shared.kafka.admin import topic_differences
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings, StoreSettings
from shared.topics import TOPICS
from tests.integration.kafka.tools import message_left, report_id
from tools.backup import restoring, stores
from tools.backup.restoring import TargetError, refuse_unless_empty


def manifest(partitions: int) -> dict[str, Any]:
    """Of a backup whose topics had so many partitions."""
    return {
        "partitions": {name: topic.partitions or partitions for topic in TOPICS for name in (topic.name, topic.dead)}
    }


async def test_an_empty_store_and_empty_topics_are_taken(
    bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    await refuse_unless_empty(bus_settings, store_settings, manifest(bus_settings.topic_partitions))


async def test_a_store_with_a_document_is_refused(bus_settings: KafkaSettings, store_settings: StoreSettings) -> None:
    name = f"{store_settings.database_prefix}notify"
    with MongoClient[dict[str, Any]](store_settings.uri.get_secret_value()) as client:
        client[name]["cases"].insert_one({"_id": "one"})
    with pytest.raises(TargetError, match=f"{name}.cases is not empty.*nothing was changed"):
        await refuse_unless_empty(bus_settings, store_settings, manifest(bus_settings.topic_partitions))


async def test_a_topic_with_a_record_is_refused(
    publisher: Publisher, bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    await publisher.publish([message_left(report_id(1), 1)])
    with pytest.raises(TargetError, match=r"topic reports/\d holds 1 records.*nothing was changed"):
        await refuse_unless_empty(bus_settings, store_settings, manifest(bus_settings.topic_partitions))


async def test_another_number_of_partitions_is_refused_before_topics_are_made(
    bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    mistaken = r"^setting KAFKA_TOPIC_PARTITIONS: .*; found 3; expected 12.*; example: KAFKA_TOPIC_PARTITIONS=12"
    with pytest.raises(TargetError, match=mistaken):
        await refuse_unless_empty(bus_settings, store_settings, manifest(12))
    assert any("is missing" in line for line in await topic_differences(bus_settings)), "topics were made"


async def test_topics_that_have_another_number_of_partitions_already_are_refused(
    publisher: Publisher, bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    del publisher  # it made the topics
    fresh = bus_settings.model_copy(update={"topic_partitions": 12})
    with pytest.raises(TargetError, match=r"^setting KAFKA_TOPIC_PARTITIONS: .*; found 3; expected 12"):
        await refuse_unless_empty(fresh, store_settings, manifest(12))


def test_a_restore_is_opened_once_erasures_were_made_again_and_not_before(store_settings: StoreSettings) -> None:
    """One that was killed in between holds reports that were withdrawn since, as if they had not been."""
    with pytest.raises(TargetError, match="no restore waits to be opened here"):
        restoring.refuse_unless_replayed(store_settings)
    with stores.client_of(store_settings) as client:
        stores.mark(client, store_settings, "one")
    with pytest.raises(TargetError, match=r"broke off before .* erasures were made again: .* restore again"):
        restoring.refuse_unless_replayed(store_settings)
    restoring.mark_replayed(store_settings)
    restoring.refuse_unless_replayed(store_settings)
