"""An operator's mistake is one line that names the setting, what was found, what is expected and an example."""

import importlib
import ssl
from errno import EHOSTUNREACH
from pathlib import Path
from socket import EAI_NONAME, gaierror
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest
from aiokafka.admin import NewTopic
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    UnsupportedSaslMechanismError,
)
from pydantic import SecretStr
from pymongo.errors import (
    ConfigurationError,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from shared.clock import SystemClock
from shared.kafka import admin, diagnosis
from shared.kafka.admin import layout_differences
from shared.kafka.diagnosis import line_about, too_old
from shared.mongo import connect, refusal, until_done
from shared.settings import KafkaSettings, SettingsError, StoreSettings
from tools.local import keys, plan
from tools.local.settings import SERVICES, LocalSettings, environment

KAFKA = KafkaSettings(
    security_protocol="SASL_SSL", sasl_username="intake", sasl_password=SecretStr("canary"), topic_partitions=12
)
UNTRUSTED = "h:1: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {} (_ssl.c:1006) (configured timeouts: 1)"
TRUST = ("certificate has expired", "unable to get local issuer certificate", "Hostname mismatch, certificate is for b")


def holds(line: str, setting: str, *words: str) -> None:
    """The line names the setting first and has everything an operator needs, and no password."""
    assert line.startswith(f"setting {setting}: "), line
    assert "\n" not in line
    assert all(word in line for word in ("; found ", "; expected ", "; example: ", *words)), line
    assert "canary" not in line


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OperationFailure("Authentication failed.", 18), ["unknown user or password", "store-rights.md"]),
        (OperationFailure("not authorized on ieum_x", 13), ["may not do that", "users.js"]),
        (OperationFailure("internal server error", 1), ["fails inside", "diskfull"]),
        *((ServerSelectionTimeoutError(UNTRUSTED.format(trust)), [trust, "tlsCAFile"]) for trust in TRUST),
        (ServerSelectionTimeoutError("h:1: connection closed"), ["ends the connection", "tls=true"]),
        (ServerSelectionTimeoutError("h:1: [Errno 111] Connection refused"), ["no store answers", "host and port"]),
        (NetworkTimeout("h:1: timed out"), ["no store answers"]),
        (OperationFailure("not primary", 10107), ["changes its primary"]),
        (ConfigurationError("Server at h:1 reports wire version 6, but this version requires"), ["old", "MongoDB 8"]),
    ],
)
def test_each_mistake_about_the_store(error: PyMongoError, words: list[str]) -> None:
    holds(refusal(error), "MONGODB_URI", *words)


@pytest.mark.parametrize(
    "uri",
    [
        "http://host/",
        "mongodb://user:canary@ss@host/",
        "mongodb://user:canary/x@host/",
        "mongodb://user:canary@host:port/",
        "mongodb://user:canary@host/?tls=true&tlsCAFile=/nowhere/ca.crt",
        "",
    ],
)
def test_a_uri_that_is_none_is_named_without_its_password(uri: str) -> None:
    with pytest.raises(SettingsError) as raised:
        connect(StoreSettings(uri=SecretStr(uri)), "intake")
    (line,) = raised.value.lines
    holds(line, "MONGODB_URI")


async def test_a_store_that_is_too_old_ends_the_start() -> None:
    async def step() -> None:
        raise ConfigurationError(
            "Server at h:1 reports wire version 6, but this version of PyMongo requires at least 9"
        )

    with pytest.raises(SettingsError) as raised:
        await until_done(step, SystemClock(), "asking the store")
    holds(str(raised.value), "MONGODB_URI", "too old")


def untrusted(why: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = why
    return error


@pytest.mark.parametrize(
    ("setting", "error", "words"),
    [
        *(("KAFKA_SSL_CAFILE", untrusted(why), [why]) for why in TRUST),
        ("KAFKA_BOOTSTRAP_SERVERS", gaierror(EAI_NONAME, "Name or service not known"), ["cannot be looked up"]),
        ("KAFKA_SASL_PASSWORD", SaslAuthenticationFailed("x"), ["'intake'", "kafka-rights.md"]),
        ("KAFKA_SASL_MECHANISM", UnsupportedSaslMechanismError("x"), ["'SCRAM-SHA-512'"]),
        ("KAFKA_SECURITY_PROTOCOL", KafkaConnectionError("x"), ["'SASL_SSL'", "ends the connection"]),
    ],
)
def test_each_mistake_about_kafka(setting: str, error: Exception, words: list[str]) -> None:
    holds(line_about(KAFKA, "broker:9092", error), setting, "broker:9092", *words)


@pytest.mark.parametrize(
    ("error", "setting"),
    [
        (gaierror(EAI_NONAME, "Name or service not known"), "KAFKA_BOOTSTRAP_SERVERS"),
        (ConnectionResetError(), "KAFKA_SECURITY_PROTOCOL"),
        (ssl.SSLError(1, "wrong version number"), "KAFKA_SECURITY_PROTOCOL"),
        # What connecting raises while a broker is down, where its host has one address, two, or is switched off.
        (ConnectionRefusedError(), None),
        (OSError("Multiple exceptions: [Errno 111] Connect call failed, [Errno 111] Connect call failed"), None),
        (OSError(EHOSTUNREACH, "No route to host"), None),
        (TimeoutError(), None),
    ],
)
async def test_a_broker_that_is_down_is_no_mistake(
    monkeypatch: pytest.MonkeyPatch, error: Exception, setting: str | None
) -> None:
    monkeypatch.setattr(diagnosis, "create_conn", AsyncMock(side_effect=error))
    line = await diagnosis.refusal(KAFKA)
    assert (line is None) is (setting is None)
    if line is not None and setting is not None:
        holds(line, setting)


@pytest.mark.parametrize("error", [IncompatibleBrokerVersion("x"), NotImplementedError("x")])
def test_a_broker_that_is_too_old(error: Exception) -> None:
    line = too_old(KAFKA, error)
    assert line is not None
    holds(line, "KAFKA_BOOTSTRAP_SERVERS", "too old", "Apache Kafka 4")
    assert too_old(KAFKA, KafkaConnectionError("x")) is None


async def test_a_topic_that_is_missing_and_may_not_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    class Admin:
        def __init__(self, **options: object) -> None:
            pass

        async def start(self) -> None:
            pass

        async def close(self) -> None:
            pass

        async def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
            return [{"topic": name, "error_code": UnknownTopicOrPartitionError.errno} for name in names]

        async def create_topics(self, topics: list[NewTopic]) -> SimpleNamespace:
            refused = TopicAuthorizationFailedError.errno
            return SimpleNamespace(topic_errors=[(topic.name, refused, "") for topic in topics])

    monkeypatch.setattr(admin, "AIOKafkaAdminClient", Admin)
    line = (await admin.ensure_topics(KAFKA.model_copy(update={"security_protocol": "PLAINTEXT"})))[0]
    assert line == (
        "reports is missing and these credentials may not create it; found no such topic; expected one with 12"
        " partitions; example: ieum provision"
    )


def test_another_number_of_partitions_or_copies() -> None:
    wanted: dict[str, Any] = {"reports": NewTopic("reports", 12, 3), "loads": NewTopic("loads", 1, 1)}
    found = {"reports": {"partitions": [{"replicas": [1]}] * 6}, "loads": {"partitions": [{"replicas": [1]}] * 2}}
    partitions, copies, fixed = layout_differences(KAFKA, wanted, found)
    holds(partitions, "KAFKA_TOPIC_PARTITIONS", "reports", "found 6", "expected 12", "KAFKA_TOPIC_PARTITIONS=6")
    holds(copies, "KAFKA_REPLICATION_FACTOR", "reports", "found 1", "expected 3")
    assert "loads has another number of partitions; found 2; expected 1; example: " in fixed


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("KAFKA_TOPIC_PARTITIONS", "many", ["found 'many'", "KAFKA_TOPIC_PARTITIONS=12"]),
        ("KAFKA_SSL_CAFILE", "/nowhere/ca.pem", ["cannot be read", "found '/nowhere/ca.pem'"]),
        ("KAFKA_SASL_PASSWORD", "", ["signs in with it", "(not shown)"]),
        ("MONGODB_DATABASE_PREFIX", "Ieum!", ["found 'Ieum!'", "MONGODB_DATABASE_PREFIX=ieum_"]),
        ("IEUM_LOG_LEVEL", "LOUD", ["found 'LOUD'", "IEUM_LOG_LEVEL=INFO"]),
    ],
)
async def test_every_service_refuses_a_wrong_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, value: str, words: list[str]
) -> None:
    given = keys.ensure(tmp_path)
    for name in environment("KAFKA_", "MONGODB_", "IEUM_", *(f"{service.upper()}_" for service in SERVICES)):
        monkeypatch.delenv(name)
    for service in (*SERVICES, "notify.auditor"):
        with monkeypatch.context() as patched:
            owner = service.split(".")[0]
            good = plan.service_environment(
                owner, LocalSettings(var=tmp_path), given, kafka="k:1", mongodb="mongodb://m"
            )
            for name in set(good) - {"PATH"}:
                patched.setenv(name, good[name])
            if variable == "KAFKA_SASL_PASSWORD":
                patched.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
                patched.setenv("KAFKA_SASL_USERNAME", owner)
            patched.setenv(variable, value)
            if service == "identity" and variable.startswith("KAFKA_"):
                continue  # it has no Kafka
            with pytest.raises(SettingsError) as raised:
                await importlib.import_module(f"services.{service}.main").run()
            (line,) = raised.value.lines
            assert line.startswith(f"setting {variable}: "), (service, line)
            assert raised.value.code == 78
            assert all(word in line for word in ("; found ", "; example: ", *words)), (service, line)
