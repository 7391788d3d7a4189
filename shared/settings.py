"""Settings every service shares. Only this and a service's own ``settings`` read the environment.

Every error names the variable, what was found and an example, in one line each.
"""

import base64
import binascii
import os
import re
import ssl
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Literal, Self, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

from shared.key_setting import key_bytes

S = TypeVar("S", bound=BaseSettings)

_SOURCE_FIELD: Final = re.compile(r'field "(\w+)"')


ROOT_EXAMPLE: Final = "(base64 of 32 bytes: ieum keys root)"
_ROOT_BYTES: Final = 32
SECRETS_DIR: Final = "IEUM_SECRETS_DIR"
"""Folder with a file for each secret, named like the variable it stands for: ``/run/secrets/KAFKA_SASL_PASSWORD``."""
ADDRESS: Final = r"^[^@\s]+@[^@\s]+$"
"""Of mail."""
TOKEN_LENGTH: Final = 24
"""Shortest token that opens anything: 24 hex digits are 96 bits, beyond guessing."""


PORTS: Final = {"intake": 8001, "routing": 8002, "notify": 8003, "analytics": 8004, "identity": 8006}
"""Every service, by the name of its package below ``services``, and the port it listens on unless told otherwise."""


_EMPTY_IS_UNSET: Final = BeforeValidator(lambda value: None if value == "" else value)
OptionalText = Annotated[str | None, _EMPTY_IS_UNSET]
OptionalPath = Annotated[Path | None, _EMPTY_IS_UNSET]
"""Empty means unset, as an env file writes it."""


def _holds_authorities(file: Path | None) -> Path | None:
    if file is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
        except OSError as error:
            raise ValueError(
                f"cannot be read ({type(error).__name__}); expected certificates of authorities in PEM"
            ) from None
    return file


def _long(token: SecretStr | None) -> SecretStr | None:
    # Empty means unset, as an env file writes it.
    length = len(token.get_secret_value().strip()) if token is not None else 0
    if 0 < length < TOKEN_LENGTH:
        raise ValueError(f"has {length} characters; a token needs at least {TOKEN_LENGTH}")
    return token


class KafkaSettings(BaseSettings):
    """How to reach Kafka. Names are those of Kafka's own configuration, in capitals."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_", extra="ignore")

    bootstrap_servers: str = Field(default="127.0.0.1:9092", examples=["broker-1:9092,broker-2:9092"])
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", examples=["SASL_SSL"]
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", examples=["SCRAM-SHA-512"]
    )
    sasl_username: str | None = Field(default=None, validate_default=True, examples=["intake"])
    sasl_password: SecretStr | None = Field(default=None, validate_default=True, examples=["(from the secret store)"])
    ssl_cafile: OptionalPath = Field(default=None, examples=["/etc/ssl/kafka-ca.pem"])
    ssl_certfile: OptionalPath = Field(default=None, examples=["/etc/ssl/intake.pem"])
    ssl_keyfile: OptionalPath = Field(default=None, examples=["/etc/ssl/intake.key"])
    topic_prefix: str = Field(default="", pattern=r"^[a-z0-9.-]*$", examples=["staging."])
    """Put before every topic and group name, so that several systems can share a cluster."""
    topic_partitions: int = Field(default=6, ge=1, le=256, examples=[12])
    """For topics keyed by report; fixed for ever once they exist."""
    replication_factor: int = Field(default=1, ge=1, le=9, examples=[3])
    """Copies of each record: 1 with one broker, 3 and more where a broker may be lost."""
    session_timeout_ms: int = Field(default=6000, ge=2000, examples=[6000])
    call_timeout_s: float = Field(default=20.0, gt=0, le=600, examples=[20])
    """Seconds any single call to Kafka may take; when they pass, the work is tried again with back-off."""
    dead_letter_cap: int = Field(default=100, ge=1, examples=[100])
    """So many dead letters in a row stop a subscription until someone looks: a bad deployment, not bad records."""

    @property
    def by_tls(self) -> bool:
        """Whether Kafka is reached by TLS."""
        return self.security_protocol in ("SSL", "SASL_SSL")

    @field_validator("replication_factor")
    @classmethod
    def _outlives_a_broker(cls, value: int) -> int:
        if value == 2:  # noqa: PLR2004  # the number itself
            raise ValueError("leaves what is acknowledged on one broker, or stops with either; expected 1, or 3 to 9")
        return value

    @field_validator("sasl_username", "sasl_password")
    @classmethod
    def _signs_in(cls, value: str | SecretStr | None, info: ValidationInfo) -> str | SecretStr | None:
        protocol = info.data.get("security_protocol", "")
        if not value and protocol.startswith("SASL_"):
            raise ValueError(f"is empty, and KAFKA_SECURITY_PROTOCOL={protocol} signs in with it")
        return value

    @field_validator("ssl_cafile", "ssl_certfile", "ssl_keyfile")
    @classmethod
    def _pem(cls, value: Path | None) -> Path | None:
        if value is not None:
            try:
                head = value.read_bytes()
            except OSError as error:
                raise ValueError(f"cannot be read ({type(error).__name__}); expected a file in PEM") from None
            if b"-----BEGIN " not in head:
                raise ValueError("is not PEM; expected a file with a line -----BEGIN …")
        return value


class StoreSettings(BaseSettings):
    """How to reach the document store (MongoDB protocol)."""

    model_config = SettingsConfigDict(env_prefix="MONGODB_", extra="ignore")

    uri: SecretStr = Field(
        default=SecretStr("mongodb://127.0.0.1:27017"), examples=["mongodb://user:password@host:27017/?replicaSet=rs0"]
    )
    database_prefix: str = Field(default="ieum_", pattern=r"^[a-z0-9_]{1,40}$", examples=["ieum_"])
    """Each service has its own database: this plus the service's name."""
    call_timeout_s: float = Field(default=10.0, gt=0, le=600, examples=[10])


class MailSettings(BaseSettings):
    """What every process that sends mail needs, under its own prefix."""

    model_config = SettingsConfigDict(extra="ignore")

    smtp_host: str = Field(default="", examples=["smtp.example.org"])
    """Mail server."""
    smtp_port: int = Field(default=8025, ge=1, le=65535, examples=[587])
    smtp_security: Literal["none", "starttls", "tls"] = Field(default="none", examples=["starttls"])
    smtp_username: OptionalText = Field(default=None, examples=["ieum"])
    smtp_password: SecretStr | None = Field(default=None, examples=["(from the secret store)"])
    smtp_timeout_s: float = Field(default=10.0, gt=0, le=60, examples=[10])
    """For each connection and each mail."""


class ServiceSettings(BaseSettings):
    """Settings of every service process besides Kafka and the store."""

    model_config = SettingsConfigDict(extra="ignore")

    host: str = Field(default="127.0.0.1", validation_alias="IEUM_HOST", examples=["10.0.0.5"])
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", validation_alias="IEUM_LOG_LEVEL", examples=["INFO"]
    )
    public_urls: Annotated[dict[str, str], Field(validation_alias="IEUM_PUBLIC_URLS")] = Field(
        default={service: f"http://127.0.0.1:{port}" for service, port in PORTS.items()},
        examples=['{"intake": "https://report.example"}'],
    )
    """Where a browser reaches each service; the common header links them. All at one host name, told apart by port:
    they share the cookies of a sign-in, and their pages name addresses from the root."""
    identity_url: str = Field(
        default="",
        validation_alias="IEUM_IDENTITY_URL",
        pattern=r"^(https?://\S+)?$",
        examples=["http://identity.internal:8006"],
    )
    """Where this service reaches identity: for the keys that sign-ins are verified with; empty: its public address."""
    keys_cache: OptionalPath = Field(
        default=None, validation_alias="IEUM_KEYS_CACHE", examples=["/var/lib/ieum/intake/identity-keys.json"]
    )
    """File that keeps those keys over a restart while identity is down. Unset or empty: they are in memory only."""
    identity_root_keys: str = Field(
        default="", validation_alias="IEUM_IDENTITY_ROOT_KEYS", pattern=r"^[A-Za-z0-9+/=, ]*$", examples=[ROOT_EXAMPLE]
    )
    """Public root keys of identity, comma-separated: those keys count only as one of these signed them.

    Required: no service starts without. Two while the root key is replaced.
    """

    step_up_minutes: int = Field(default=120, ge=1, le=600, validation_alias="IEUM_STEP_UP_MINUTES", examples=[60])
    """For so long after a second factor was shown none is asked for before details, erasures and others' accounts.

    A sign-in counts. Every service should have the same.
    """
    trusted_proxies: str = Field(
        default="",
        validate_default=True,
        validation_alias="IEUM_TRUSTED_PROXIES",
        pattern=r"^[0-9A-Fa-f.:/, ]*$",
        examples=["10.0.0.7,10.1.0.0/16"],
    )
    """Addresses or networks, comma-separated, whose ``X-Forwarded-For`` and ``-Proto`` are believed.

    Empty: the headers are ignored, since anyone can send them. Refused where a public address is https: no service ends
    TLS, so a proxy stands before it, and every caller would count as the proxy.
    """
    metrics_token: Annotated[SecretStr | None, AfterValidator(_long)] = Field(
        default=None, validation_alias="IEUM_METRICS_TOKEN", examples=["(32 hex digits)"]
    )
    """Bearer token for ``/metrics`` and for the details of ``/health/*``; others get 404 and a bare status.

    Unset: callers on this machine that no proxy handed on see them without one.
    In a container network Prometheus is another machine: give both sides the token (``authorization: credentials``).
    """
    ca_file: Annotated[OptionalPath, AfterValidator(_holds_authorities)] = Field(
        default=None, validation_alias="IEUM_CA_FILE", examples=["/etc/ssl/agency-ca.pem"]
    )
    """Authorities that count beside the public ones where this process calls others by TLS.

    These are the mail server, webhooks, callbacks, the OpenID provider, the watcher outside, identity and intake. Kafka
    and the store have settings of their own; Apprise and spans go by ``REQUESTS_CA_BUNDLE``.
    """

    given_up_reports: str = Field(
        default="", validation_alias="IEUM_GIVEN_UP_REPORTS", examples=["3f0c8e52-6a1d-4c7e-9b55-0d2a6f1e7c41"]
    )
    """Ids of reports of whose routing a record is missing that cannot be had back, comma-separated.

    A record that does not follow is then passed over, and its partition goes on; also in counting, and a report whose
    acceptance is lost is no longer waited for. Set the same for routing, notify and analytics, and leave it there:
    restores and rebuilds read the log from its beginning.
    """

    otlp_endpoint: str = Field(
        default="",
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        pattern=r"^(https?://\S+)?$",
        examples=["http://collector:4318"],
    )
    """Where spans of requests, records and alerts are sent by OTLP over HTTP. Empty: none are made. Needs the extra
    ``tracing``; other variables of OpenTelemetry's SDK (``OTEL_TRACES_SAMPLER`` …) count too."""

    @field_validator("public_urls")
    @classmethod
    def _one_host(cls, value: dict[str, str]) -> dict[str, str]:
        hosts: dict[str, str] = {}
        for service, url in value.items():
            host = _host_of(url)
            if not host:
                raise ValueError(f"has {url!r} for {service}; expected an address that begins with https:// or http://")
            hosts.setdefault(host, url)
        if len(hosts) > 1:
            raise ValueError(
                f"has addresses at different hosts ({', '.join(hosts.values())}); expected one host name for all, told"
                " apart by port, since services share the cookies of a sign-in"
            )
        return value

    @field_validator("identity_root_keys")
    @classmethod
    def _roots(cls, value: str) -> str:
        for key in _listed(value):
            try:
                raw = base64.b64decode(key, validate=True)
            except (binascii.Error, ValueError):
                raise ValueError("has a key that is not base64") from None
            if len(raw) != _ROOT_BYTES or not any(raw):
                raise ValueError(f"has a key that is not {_ROOT_BYTES} bytes, or all zero")
        return value

    @field_validator("given_up_reports")
    @classmethod
    def _ids(cls, value: str) -> str:
        try:
            return ",".join(str(UUID(each)) for each in _listed(value))
        except ValueError:
            raise ValueError("names something that is no id of a report; expected ids, with commas between") from None

    def given_up(self) -> frozenset[str]:
        """The ids of ``given_up_reports``."""
        return frozenset(_listed(self.given_up_reports))

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, value: str, info: ValidationInfo) -> str:
        named = [part.strip() for part in value.split(",") if part.strip()]
        for part in named:
            try:
                ip_network(part)
            except ValueError:
                raise ValueError(f"{part!r} is no address and no network; expected: both, comma-separated") from None
        secure = [url for url in info.data.get("public_urls", {}).values() if url.lower().startswith("https:")]
        if secure and not named:
            raise ValueError(
                f"IEUM_PUBLIC_URLS has https addresses ({secure[0]}), so a proxy ends TLS before this service;"
                " expected: the address or network of that proxy"
            )
        return value

    @model_validator(mode="after")
    def _identity(self) -> Self:
        self.identity_url = self.identity_url or self.public_urls.get("identity", "")
        return self

    @model_validator(mode="after")
    def _a_key_each(self) -> Self:
        named: dict[bytes, str] = {}
        for field, value in self:
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, SecretStr) and field.endswith(("_key", "_keys")):
                    first = named.setdefault(key_bytes(one), field)
                    if first != field:
                        raise ValueError(_same_value(type(self), first, field))
        return self

    def public_root_keys(self) -> list[bytes]:
        """The public root keys of identity."""
        return [base64.b64decode(key) for key in _listed(self.identity_root_keys)]

    def served_by_https(self, service: str) -> bool:
        """Return whether browsers reach a service by https, also behind a proxy that terminates TLS."""
        return self.public_urls.get(service, "").lower().startswith("https:")


def _host_of(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.scheme in {"http", "https"} else ""


def _listed(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _same_value(cls: type[BaseSettings], *fields: str) -> str:
    """What is wrong with two keys: a list is to go without that one, single keys are made as their examples say."""
    names = [variable_of(cls, field) for field in fields]
    lists = [name for name, field in zip(names, fields, strict=True) if field.endswith("_keys")]
    if lists:
        expected = f"{lists[-1]} without the key that {next(name for name in names if name != lists[-1])} has"
    else:
        made = (f"{name}={_example(cls.model_fields[field])}" for name, field in zip(names, fields, strict=True))
        expected = f"a key of its own for each: {', '.join(made)}"
    return f"{' and '.join(names)} have the same value; expected {expected}"


class SettingsError(SystemExit):
    """A wrong setting: the process says which in one line each, and ends with status 78 (EX_CONFIG)."""

    def __init__(self, lines: list[str]) -> None:
        """``lines`` are already fit to print."""
        super().__init__(78)
        self.lines = lines

    def __str__(self) -> str:
        """The lines, joined."""
        return "\n".join(self.lines)


def load(cls: type[S]) -> S:
    """Read settings from the environment or end the process with one clear line per wrong variable.

    Where ``IEUM_SECRETS_DIR`` names a folder, a file of it named like a variable stands for one that is not set: so
    containers are given secrets. A folder that is not there is a wrong setting.
    """
    folder = os.environ.get(SECRETS_DIR) or None
    if folder is not None and not Path(folder).is_dir():
        raise SettingsError(
            [f"setting {SECRETS_DIR}: is no folder; found {folder!r}; example: {SECRETS_DIR}=/run/secrets"]
        )
    try:
        return cls(_secrets_dir=folder)
    except ValidationError as error:
        raise explained(cls, error) from None
    except SourceError as error:
        # Raised before validation, where a list or an object is not JSON. Its message names the field and no value.
        named = _SOURCE_FIELD.search(str(error))
        loc = (named[1],) if named else ()
        raise SettingsError([_explain(cls, loc, "is not JSON", _raw(cls, loc))]) from None


def explained(cls: type[BaseSettings], error: ValidationError) -> SettingsError:
    """Return the same error with one line for each wrong variable."""
    return SettingsError([_explain(cls, e["loc"], e["msg"], e.get("input")) for e in error.errors()])


def variable_of(cls: type[BaseSettings], field: str) -> str:
    """The environment variable a field is read from."""
    info = cls.model_fields.get(field)
    if info is not None and isinstance(info.validation_alias, str):
        return info.validation_alias
    return f"{cls.model_config.get('env_prefix', '')}{field}".upper()


def _raw(cls: type[BaseSettings], loc: tuple[str, ...]) -> str | None:
    return os.environ.get(variable_of(cls, loc[0])) if loc else None


def _explain(cls: type[BaseSettings], loc: tuple[int | str, ...], message: str, found: object) -> str:
    message = message.removeprefix("Value error, ")
    if not loc:
        # Of several settings, which the message names. What was found is all of them, keys among them.
        return f"settings: {message}"
    field = str(loc[0])
    info = cls.model_fields.get(field) or next(
        (i for i in cls.model_fields.values() if i.validation_alias == field), None
    )
    variable = field if info is not None and info.validation_alias == field else variable_of(cls, field)
    secret = info is not None and "Secret" in str(info.annotation)
    shown = "(not shown)" if secret else repr(found)[:80]
    return f"setting {variable}: {message}; found {shown}; example: {variable}={_example(info)}"


def _example(info: FieldInfo | None) -> object:
    return info.examples[0] if info is not None and info.examples else "?"
