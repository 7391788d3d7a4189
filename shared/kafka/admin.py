"""Topics on the cluster are made from the table in ``shared.topics``, never by accident."""

import asyncio
from collections.abc import Collection
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, TopicAuthorizationFailedError, for_code

from shared import log
from shared.errors import TransientError
from shared.kafka.connection import bounded, client_options, dead_topic_name, topic_name
from shared.settings import KafkaSettings
from shared.topics import AUDIT_ANCHORS, FOR_EVER, TOPICS

_log = log.get(__name__)

_SAFE_REPLICATION: Final = 3
_MIN_IN_SYNC: Final = 2
"""With three replicas a write waits for two, so that one broker may be away (Kafka's documentation, same name)."""
_ASK_SECONDS: Final = 10.0
_LOOK_AGAIN_SECONDS: Final = 0.05


async def ensure_topics(settings: KafkaSettings) -> list[str]:
    """Create every missing topic of the table and its dead-letter topic, of those these credentials may see.

    Returns one line for each difference between table and cluster, which are logged too and left as they are. Raises
    ``TransientError`` while the cluster does not answer.
    """
    differences = await _compare(settings, create=True)
    for line in differences:
        _log.error("kafka.topic_differed", difference=line)
    return differences


async def topic_differences(settings: KafkaSettings) -> list[str]:
    """One line for each difference between table and cluster; changes nothing. Raises ``TransientError``.

    Topics that these credentials may not see are left out.
    """
    return await _compare(settings, create=False)


async def _compare(settings: KafkaSettings, *, create: bool) -> list[str]:
    wanted = wanted_topics(settings)
    limit = settings.call_timeout_s
    admin = AIOKafkaAdminClient(**client_options(settings), request_timeout_ms=int(limit * 1000))
    try:
        await bounded(admin.start(), limit, "connecting the admin client")
        found, hidden = await _found(admin, wanted, limit)
        wanted = {name: topic for name, topic in wanted.items() if name not in hidden}
        missing = [topic for name, topic in wanted.items() if name not in found]
        differences = [] if create else [f"{topic.name} is missing" for topic in missing]
        if missing and create:
            refused = await _create(admin, missing, limit)
            differences += refused.values()
            found = await bounded(_all_found(admin, wanted, refused.keys()), limit, "waiting for the new topics")
        differences += layout_differences(settings, wanted, found)
        differences += await _configs(admin, {name: wanted[name] for name in found}, limit)
    except KafkaError as error:
        raise TransientError(f"kafka: checking the topics failed: {type(error).__name__}") from error
    finally:
        await _close(admin)
    return differences


def wanted_topics(settings: KafkaSettings) -> dict[str, Any]:
    """Every topic of the table, and that of the audits' anchors, as it is to be made for this deployment, by name."""
    topics: dict[str, Any] = {}
    for topic in (*TOPICS, AUDIT_ANCHORS):
        twin = () if topic is AUDIT_ANCHORS else ((dead_topic_name(settings, topic), True),)
        for name, dead in ((topic_name(settings, topic), False), *twin):
            configs = {
                "cleanup.policy": "compact" if topic.compacted and not dead else "delete",
                "retention.ms": str(FOR_EVER if dead else topic.retention_ms),
                "retention.bytes": str(FOR_EVER),  # a broker may have a default, and then drops what is oldest
            }
            if settings.replication_factor >= _SAFE_REPLICATION:
                configs["min.insync.replicas"] = str(_MIN_IN_SYNC)
            topics[name] = NewTopic(
                name=name,
                num_partitions=topic.partitions or settings.topic_partitions,
                replication_factor=settings.replication_factor,
                topic_configs=configs,
            )
    return topics


async def _found(
    admin: AIOKafkaAdminClient, wanted: dict[str, Any], limit: float
) -> tuple[dict[str, Any], Collection[str]]:
    """The topics that exist, and the names of those that are not for these credentials."""
    described = await bounded(admin.describe_topics(list(wanted)), limit, "describing the topics")
    refused = TopicAuthorizationFailedError.errno
    hidden = {topic["topic"] for topic in described if topic["error_code"] == refused}
    return {topic["topic"]: topic for topic in described if topic["error_code"] == 0}, hidden


async def _all_found(admin: AIOKafkaAdminClient, wanted: dict[str, Any], refused: Collection[str]) -> dict[str, Any]:
    """Brokers learn of a new topic a moment after the controller has made it."""
    while True:
        found, _ = await _found(admin, wanted, _ASK_SECONDS)
        if len(found) + len(refused) >= len(wanted):
            return found
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)


async def _create(admin: AIOKafkaAdminClient, missing: list[Any], limit: float) -> dict[str, str]:
    """Make the topics; returns those that may not be made, with the line that says so."""
    response = await bounded(admin.create_topics(missing), limit, "creating the topics")
    partitions = {topic.name: topic.num_partitions for topic in missing}
    refused = {}
    for name, code, *_ in response.topic_errors:
        error = for_code(code)
        if code == 0:
            _log.info("kafka.topic_created", topic=name)
        elif error is TopicAuthorizationFailedError:
            refused[name] = (
                f"{name} is missing and these credentials may not create it; found no such topic; expected one with"
                f" {partitions[name]} partitions; example: ieum provision"
            )
        elif error is not TopicAlreadyExistsError:  # another process was faster
            raise TransientError(f"kafka: creating {name} failed: {error.__name__}")
    return refused


def layout_differences(settings: KafkaSettings, wanted: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """One line for each topic with another number of partitions, or fewer copies, than the table or a setting says."""
    differences = []
    for name, topic in found.items():
        partitions, copies = len(topic["partitions"]), min((len(p["replicas"]) for p in topic["partitions"]), default=0)
        if partitions != (expected := wanted[name].num_partitions):
            line = f"{name} has another number of partitions; found {partitions}; expected {expected}"
            example = "a topic made anew"
            if expected == settings.topic_partitions:
                line, example = f"setting KAFKA_TOPIC_PARTITIONS: {line}", f"KAFKA_TOPIC_PARTITIONS={partitions}"
            differences.append(f"{line}; example: {example}")
        if copies < wanted[name].replication_factor:
            differences.append(
                f"setting KAFKA_REPLICATION_FACTOR: {name} is kept too seldom; found {copies} copies; expected"
                f" {wanted[name].replication_factor}; example: kafka-reassign-partitions.sh, or"
                f" KAFKA_REPLICATION_FACTOR={copies}"
            )
    return differences


async def _configs(admin: AIOKafkaAdminClient, wanted: dict[str, Any], limit: float) -> list[str]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, dict(t.topic_configs)) for name, t in wanted.items()]
    if not resources:
        return []
    differences = []
    for response in await bounded(admin.describe_configs(resources), limit, "describing the topics' configuration"):
        for code, _, _, name, entries in response.resources:
            actual = {entry[0]: entry[1] for entry in entries} if code == 0 else {}
            for config, value in wanted[name].topic_configs.items():
                if config in actual and actual[config] != value:
                    differences.append(
                        f"{name} has another {config}; found {actual[config]}; expected {value}; example:"
                        f" kafka-configs.sh --alter --topic {name} --add-config {config}={value}"
                    )
    return differences


async def _close(admin: AIOKafkaAdminClient) -> None:
    try:
        await bounded(admin.close(), 5.0, "closing the admin client")
    except (TransientError, KafkaError) as error:
        _log.warning("kafka.admin_close_failed", error=str(error))
