"""The local stack as `make up` runs it: upgraded from a folder of before, attacked from within, secrets rotated."""

import asyncio
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from shared.kafka.connection import client_options
from shared.kafka.diagnosis import refusal
from shared.kafka.publisher import NotAllowedError, Publisher
from shared.settings import KafkaSettings, StoreSettings
from tests.support.lodging import lodged
from tests.support.waiting import DEADLINE_S, eventually
from tools.demo import frontends
from tools.local.security import kafka_settings
from tools.local.settings import LocalSettings
from tools.local.stack import Stack

pytestmark = [pytest.mark.engines, pytest.mark.timeout(420)]
SERVICES = ("intake", "routing", "analytics", "identity")


def of(folder: Path, *, secured: bool) -> Stack:
    settings = LocalSettings.on_free_ports(folder, secured=secured)
    nothing = {"kafka_bootstrap_servers": "", "mongodb_uri": type(settings.mongodb_uri)("")}
    return Stack(settings.model_copy(update=nothing), say=lambda _: None, services=SERVICES)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A folder of a build that secured nothing, a report in it, and a front end's credential."""
    folder = tmp_path_factory.mktemp("var")
    stack = of(folder, secured=False)
    try:
        stack.start()
        credential = frontends.credential(stack.environment_of("intake"), "security", stack.run_once)
        report_id = asyncio.run(first_report(stack, credential))
    finally:
        stack.stop()
    return folder, report_id, credential


async def first_report(stack: Stack, credential: str) -> str:
    report_id = await lodged(stack, credential)
    await eventually(lambda: routed(stack.kafka_settings(), report_id), what="the report has a centre")
    return report_id


@pytest.fixture(scope="module")
def stack(before: tuple[Path, str, str]) -> Iterator[Stack]:
    """The same folder, secured."""
    made = of(before[0], secured=True)
    try:
        made.start()
        yield made
    finally:
        made.stop()


async def routed(settings: KafkaSettings, report_id: str) -> bool:
    return report_id in await keys_of(settings, "routings")


async def keys_of(settings: KafkaSettings, topic: str) -> set[str]:
    return {key for key, _ in await records_of(settings, topic)}


async def records_of(settings: KafkaSettings, topic: str) -> list[tuple[str, bytes]]:
    consumer = AIOKafkaConsumer(
        topic, **client_options(settings), group_id=None, auto_offset_reset="earliest", fetch_max_wait_ms=50
    )
    await consumer.start()
    try:
        tps = consumer.assignment()
        ends = await consumer.end_offsets(tps)
        found: list[tuple[str, bytes]] = []
        while any([await consumer.position(tp) < ends[tp] for tp in tps]):
            polled = await consumer.getmany(timeout_ms=200)
            found += [(one.key.decode(), one.value) for records in polled.values() for one in records]
        return found
    finally:
        await consumer.stop()


async def test_what_an_earlier_build_kept_goes_on_secured(stack: Stack, before: tuple[Path, str, str]) -> None:
    _, report_id, credential = before
    assert await routed(stack.kafka_settings(), report_id)
    new = await lodged(stack, credential)
    await eventually(lambda: routed(stack.kafka_settings(), new), what="a new report has a centre")
    plain = KafkaSettings(bootstrap_servers=stack.kafka)
    assert "KAFKA_SECURITY_PROTOCOL" in await refused(plain)


async def refused(settings: KafkaSettings) -> str:
    """Why the broker refuses; that nothing is known may mean that no answer came in time."""
    return str(await eventually(lambda: refusal(settings), "the broker says why it refuses"))


@pytest.mark.parametrize("topic", ["reports", "routings", "cases", "centers", "alerts"])
async def test_a_compromised_analytics_cannot_move_a_report_or_forge_a_case(
    stack: Stack, before: tuple[Path, str, str], topic: str
) -> None:
    """With its real credentials, and any record it likes."""
    stolen = kafka_settings(stack.environment_of("analytics"))
    assert stolen.sasl_username == "analytics"
    forged = (before[1], b'{"forged": true}')
    publisher = Publisher(stolen)
    await publisher.start()
    try:
        with pytest.raises(NotAllowedError, match=r"KAFKA_SASL_USERNAME.*'analytics'"):
            async with asyncio.timeout(DEADLINE_S):
                await publisher.send(topic, 0, [(forged[0].encode(), forged[1], [("ce_source", b"/ieum/routing")])])
    finally:
        await publisher.stop()
    # Others write there meanwhile: alerts of the report before go on.
    assert forged not in await records_of(stack.kafka_settings(), topic)


def test_a_compromised_analytics_reads_no_account_and_moves_nothing_in_the_store(stack: Stack) -> None:
    """With its real credentials. What it may write is its own numbers, which the audit counts again."""
    prefix = StoreSettings.model_fields["database_prefix"].default
    everything = MongoClient[dict[str, Any]](stack.mongodb)
    stolen = MongoClient[dict[str, Any]](stack.environment_of("analytics")["MONGODB_URI"])
    with everything, stolen:
        assert everything[f"{prefix}intake"]["reports"].count_documents({}) > 0, "so that there is something to move"
        assert stolen[f"{prefix}analytics"].list_collection_names()
        for name in ("intake", "routing", "notify", "auditor", "identity"):
            there = stolen[f"{prefix}{name}"]
            for collection in ("reports", "cases", "accounts", "outbox"):
                for ask in (
                    there[collection].find_one,
                    lambda to=there[collection]: to.insert_one({"_id": "forged"}),
                    lambda to=there[collection]: to.update_many({}, {"$set": {"center_id": "seoul"}}),
                    lambda to=there[collection]: to.delete_many({}),
                ):
                    with pytest.raises(OperationFailure, match="not authorized"):
                        ask()


def test_what_secures_it_is_for_its_owner_alone(stack: Stack) -> None:
    folder = stack.settings.var / "security"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert (folder / "passwords.env").exists()


async def test_secrets_are_rotated_while_people_report(stack: Stack, before: tuple[Path, str, str]) -> None:
    credential = before[2]
    old, pids, accepted = stack.kafka_settings("intake"), stack.pids, []
    store = stack.environment_of("intake")["MONGODB_URI"]

    async def report() -> None:
        while True:
            try:
                accepted.append(await lodged(stack, credential))
            except httpx.HTTPError:
                await asyncio.sleep(0.05)  # its intake is being started again

    people = asyncio.create_task(report())
    try:
        await eventually(lambda: len(accepted) >= 3)
        assert stack.security is not None
        stack.security.rotate()
        await asyncio.to_thread(stack.renew_secrets)
        enough = len(accepted) + 3
        await eventually(lambda: len(accepted) >= enough)
    finally:
        people.cancel()
    assert "KAFKA_SASL_PASSWORD" in await refused(old)
    with MongoClient[dict[str, Any]](store) as client, pytest.raises(OperationFailure, match="auth"):
        client.admin.command("ping")
    restarted = {name for name, pid in stack.pids.items() if pid != pids[name]}
    assert restarted == {"intake", "routing", "recount", "analytics", "identity"}

    async def all_routed() -> bool:
        return set(accepted) <= await keys_of(stack.kafka_settings(), "routings")

    await eventually(all_routed, what="every report that was accepted has a centre")
