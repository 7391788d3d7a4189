"""Settings for the engines of a run under names of one's own, so that nobody meets another's topics and databases."""

from typing import Final

from pydantic import SecretStr

from shared.settings import KafkaSettings, StoreSettings
from tests.support.waiting import CALL_TIMEOUT_S
from tools.local.engines import Running

FEW_PARTITIONS: Final = 3


def kafka_settings(
    engines: Running,
    name: str,
    *,
    partitions: int = FEW_PARTITIONS,
    replicas: int = 1,
    call_timeout_s: float = CALL_TIMEOUT_S,
) -> KafkaSettings:
    """Topics and groups whose names begin with this one."""
    return KafkaSettings(
        bootstrap_servers=engines.kafka,
        topic_prefix=f"{name}.",
        topic_partitions=partitions,
        replication_factor=replicas,
        call_timeout_s=call_timeout_s,
    )


def store_settings(engines: Running, name: str) -> StoreSettings:
    """Databases whose names begin with this one."""
    return StoreSettings(uri=SecretStr(engines.mongodb), database_prefix=f"{name}_")
