"""Settings of the launcher: where things lie, on which ports they listen, and what of the environment is passed on."""

import os
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.settings import PORTS
from tools.local import ports
from tools.local.processes import HERE, PROJECT

SERVICES = tuple(PORTS)
AS_GIVEN = "IEUM_SETTINGS_AS_GIVEN"
"""Set for a process that was given its settings: a command there does not look for those that the launcher keeps."""

Port = Annotated[int, Field(ge=1, le=65535)]


class LocalSettings(BaseSettings):
    """Settings of `ieum up` and `ieum demo`. Two checkouts run at once with other ports and folders."""

    model_config = SettingsConfigDict(extra="ignore", populate_by_name=True)

    var_dir: Path = Field(default=Path("var"), validation_alias="IEUM_VAR_DIR", examples=["var"])
    """Data, logs, secrets and state; relative to the checkout, or where there is none to the folder one is in."""
    kafka_port: Port = Field(default=19092, validation_alias="IEUM_KAFKA_PORT", examples=[19092])
    store_port: Port = Field(default=19017, validation_alias="IEUM_STORE_PORT", examples=[19017])
    smtp_port: Port = Field(default=8025, validation_alias="IEUM_SMTP_PORT", examples=[8025])
    mail_port: Port = Field(default=8026, validation_alias="IEUM_MAIL_PORT", examples=[8026])
    intake_port: Port = Field(default=PORTS["intake"], validation_alias="INTAKE_PORT", examples=[PORTS["intake"]])
    routing_port: Port = Field(default=PORTS["routing"], validation_alias="ROUTING_PORT", examples=[PORTS["routing"]])
    notify_port: Port = Field(default=PORTS["notify"], validation_alias="NOTIFY_PORT", examples=[PORTS["notify"]])
    analytics_port: Port = Field(
        default=PORTS["analytics"], validation_alias="ANALYTICS_PORT", examples=[PORTS["analytics"]]
    )
    auditor_port: Port = Field(default=8005, validation_alias="NOTIFY_AUDITOR_PORT", examples=[8005])
    """Health and metrics of notify's auditor."""
    recount_port: Port = Field(default=8007, validation_alias="ROUTING_RECOUNT_PORT", examples=[8007])
    """Health and metrics of the recount of routing's sums."""
    identity_port: Port = Field(
        default=PORTS["identity"], validation_alias="IDENTITY_PORT", examples=[PORTS["identity"]]
    )
    routing_workers: int = Field(default=1, ge=1, le=12, validation_alias="IEUM_ROUTING_WORKERS", examples=[2])
    """Processes of routing; the first serves ``ROUTING_PORT``, each other a free port."""
    kafka_bootstrap_servers: str = Field(
        default="", validation_alias="KAFKA_BOOTSTRAP_SERVERS", examples=["broker-1:9092"]
    )
    """If set, this Kafka is used and none is started."""
    mongodb_uri: SecretStr = Field(
        default=SecretStr(""), validation_alias="MONGODB_URI", examples=["mongodb://host:27017/?replicaSet=rs0"]
    )
    """If set, this store is used and none is started."""
    smtp_host: str = Field(default="", validation_alias="NOTIFY_SMTP_HOST", examples=["smtp.example.org"])
    """If set, mail goes there and no local mailbox is started."""

    secured: bool = Field(default=True, validation_alias="IEUM_SECURED", examples=[False])
    """Whether engines started here let in only whom they know; without, whoever reaches their ports may do all."""

    @field_validator("var_dir", mode="after")
    @classmethod
    def _apart(cls, value: Path) -> Path:
        # `ieum clean` removes folders by their names there, and the project has such folders too.
        if PROJECT.resolve().is_relative_to((HERE / value).resolve()):
            raise ValueError("is the project's own folder or one above it; expected a folder for data alone")
        return value

    @classmethod
    def on_free_ports(cls, var_dir: Path, routing_workers: int = 1, *, secured: bool = False) -> Self:
        """Settings of one more stack on this machine, for tests: every port is a free one."""
        names = [name for name in cls.model_fields if name.endswith("_port")]
        found = dict(zip(names, ports.free_ports(len(names)), strict=True))
        return cls.model_validate({**found, "var_dir": var_dir, "routing_workers": routing_workers, "secured": secured})

    @property
    def var(self) -> Path:
        """``var_dir`` as an absolute path."""
        return HERE / self.var_dir

    @property
    def starts_kafka(self) -> bool:
        """Whether a local Kafka is wanted."""
        return not self.kafka_bootstrap_servers

    @property
    def starts_store(self) -> bool:
        """Whether a local store is wanted."""
        return not self.mongodb_uri.get_secret_value()

    @property
    def starts_mailbox(self) -> bool:
        """Whether the local mailbox is wanted."""
        return not self.smtp_host

    def service_port(self, service: str) -> int:
        """The HTTP port of a service."""
        port: int = getattr(self, f"{service}_port")
        return port

    def listening(self) -> dict[str, int]:
        """Every port the local stack will listen on, by the name of its setting."""
        wanted = [f"{service}_port" for service in SERVICES]
        wanted += ["auditor_port", "recount_port"]
        wanted += ["kafka_port"] if self.starts_kafka else []
        wanted += ["store_port"] if self.starts_store else []
        wanted += ["smtp_port", "mail_port"] if self.starts_mailbox else []
        return {str(type(self).model_fields[name].validation_alias): getattr(self, name) for name in wanted}


def environment(*prefixes: str) -> dict[str, str]:
    """The variables of this process whose names begin so; for handing a service what is meant for it."""
    return {name: value for name, value in os.environ.items() if name.startswith(prefixes)}


def chromium_setting() -> str:
    """``IEUM_CHROMIUM``: path of the browser for tests and screenshots; empty if it is to be looked for."""
    return os.environ.get("IEUM_CHROMIUM", "")
