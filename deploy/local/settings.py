"""Settings of the launcher: where things lie and on which ports they listen."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

SERVICES = ("intake", "routing", "notify", "analytics")
"""In the order they are started."""

_PORT = {"ge": 1, "le": 65535}


class LocalSettings(BaseSettings):
    """Everything `make up` and `make demo` can be told. Two checkouts run at once with other ports and folders."""

    model_config = SettingsConfigDict(extra="ignore", populate_by_name=True)

    var_dir: Path = Field(default=Path("var"), validation_alias="IEUM_VAR_DIR", examples=["var"])
    """Data, logs, secrets and the pid file; relative to the project."""
    kafka_port: int = Field(default=19092, ge=1, le=65535, validation_alias="IEUM_KAFKA_PORT", examples=[19092])
    store_port: int = Field(default=19017, ge=1, le=65535, validation_alias="IEUM_STORE_PORT", examples=[19017])
    smtp_port: int = Field(default=8025, ge=1, le=65535, validation_alias="IEUM_SMTP_PORT", examples=[8025])
    mail_port: int = Field(default=8026, ge=1, le=65535, validation_alias="IEUM_MAIL_PORT", examples=[8026])
    intake_port: int = Field(default=8001, ge=1, le=65535, validation_alias="INTAKE_PORT", examples=[8001])
    routing_port: int = Field(default=8002, ge=1, le=65535, validation_alias="ROUTING_PORT", examples=[8002])
    notify_port: int = Field(default=8003, ge=1, le=65535, validation_alias="NOTIFY_PORT", examples=[8003])
    analytics_port: int = Field(default=8004, ge=1, le=65535, validation_alias="ANALYTICS_PORT", examples=[8004])
    routing_workers: int = Field(default=1, ge=1, le=12, validation_alias="IEUM_ROUTING_WORKERS", examples=[2])
    """Processes of routing; the first serves ``ROUTING_PORT``, the others a free port each."""
    kafka_bootstrap_servers: str = Field(
        default="", validation_alias="KAFKA_BOOTSTRAP_SERVERS", examples=["broker-1:9092"]
    )
    """If set, this Kafka is used and none is started."""
    mongodb_uri: SecretStr = Field(
        default=SecretStr(""), validation_alias="MONGODB_URI", examples=["mongodb://host:27017/?replicaSet=rs0"]
    )
    """If set, this store is used and none is started."""
