"""How clients connect, wait and name things."""

import asyncio
import contextlib
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


async def test_a_call_that_goes_on_when_it_is_cancelled_is_left_behind() -> None:
    left = asyncio.Event()

    async def stubborn() -> None:
        while not left.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await left.wait()

    with pytest.raises(TransientError, match="following got no answer"):
        await asyncio.wait_for(bounded(stubborn(), 0.01, "following"), 30)
    left.set()


async def test_whoever_is_cancelled_while_it_waits_cancels_the_call() -> None:
    ended = asyncio.Event()

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.create_task(bounded(slow(), 60, "following"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()


async def failing(error: Exception) -> Any:
    raise error
