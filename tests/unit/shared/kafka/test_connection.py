"""How clients connect, wait and name things."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, KafkaConnectionError, NodeNotReadyError
from pydantic import SecretStr

from shared.errors import TransientError
from shared.kafka.connection import (
    bare_name,
    bounded,
    client_options,
    dead_topic_name,
    group_name,
    topic_name,
)
from shared.settings import KafkaSettings
from shared.topics import REPORTS

SETTINGS = KafkaSettings(bootstrap_servers="a:1,b:2", topic_prefix="staging.")


def test_names_carry_the_prefix_there_and_back() -> None:
    assert topic_name(SETTINGS, REPORTS) == "staging.reports"
    assert dead_topic_name(SETTINGS, REPORTS) == "staging.reports.dead"
    assert group_name(SETTINGS, "routing") == "staging.routing"
    assert bare_name(SETTINGS, "staging.reports") == "reports"


def test_plain_connections_name_servers_only() -> None:
    options = client_options(SETTINGS)
    assert options["bootstrap_servers"] == "a:1,b:2"
    assert options["security_protocol"] == "PLAINTEXT"
    assert not any(name.startswith(("sasl_", "ssl_")) for name in options)


def test_sasl_and_tls_come_from_the_settings() -> None:
    secured = SETTINGS.model_copy(
        update={"security_protocol": "SASL_SSL", "sasl_username": "intake", "sasl_password": SecretStr("s3")}
    )
    options = client_options(secured)
    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("intake", "s3")
    assert options["ssl_context"].check_hostname


async def test_what_hangs_is_transient_and_named() -> None:
    with pytest.raises(TransientError, match="committing"):
        await bounded(asyncio.Event().wait(), 0.01, "committing")


@pytest.mark.parametrize("error", [KafkaConnectionError("x"), NodeNotReadyError("x"), OSError("x")])
async def test_what_may_pass_is_transient(error: Exception) -> None:
    with pytest.raises(TransientError, match=type(error).__name__):
        await bounded(failing(error), 1, "asking")


async def test_what_will_not_pass_goes_through() -> None:
    with pytest.raises(GroupAuthorizationFailedError):
        await bounded(failing(GroupAuthorizationFailedError("routing")), 1, "asking")


async def failing(error: Exception) -> Any:
    raise error
