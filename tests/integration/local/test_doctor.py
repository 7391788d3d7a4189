"""The doctor on a running installation: it says nothing while all is well, and names each planted fault."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.kafka.connection import topic_name
from shared.kafka.publisher import Publisher
from shared.topics import REPORTS
from tests.support.waiting import eventually
from tools.doctor.look import kafka_settings, look
from tools.doctor.rules import findings
from tools.local.settings import LocalSettings
from tools.local.stack import Stack

pytestmark = [pytest.mark.kill, pytest.mark.thorough, pytest.mark.timeout(420)]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """The whole system with engines of its own: a process of it is stopped."""
    made = Stack(LocalSettings.on_free_ports(tmp_path), say=lambda _: None)
    try:
        made.start()
        yield made
    finally:
        made.stop()


async def test_it_names_a_stopped_process_a_dead_letter_and_a_wrong_topic(stack: Stack) -> None:
    async def found(**changed: str) -> list[str]:
        environment = {**stack.environment_of("notify"), **changed}
        state = await asyncio.to_thread(stack.state)
        return [f"{one.part}: {one.says}" for one in findings(await look(stack.settings, state, environment))]

    async def well() -> bool:
        return await found() == []

    await eventually(well, "all is well")

    wrong = await found(KAFKA_TOPIC_PARTITIONS="7")
    assert any("topic reports has 6 partitions, the table says 7" in line for line in wrong)
    assert {line.partition(":")[0] for line in wrong} == {"kafka"}

    bus = kafka_settings(stack.environment_of("intake"))
    publisher = Publisher(bus)
    await publisher.start()
    try:
        await publisher.send(topic_name(bus, REPORTS), 0, [(b"key", b"not a report", [])])
    finally:
        await publisher.stop()

    async def a_dead_letter() -> bool:
        return any("dead-letter topics, unread" in line for line in await found())

    await eventually(a_dead_letter, "the dead letter is named")

    await asyncio.to_thread(stack.hold, "analytics")
    secrets = stack.settings.var / "secrets.env"
    secrets.chmod(0o644)
    wrong = await found()
    assert "analytics: it does not run" in wrong
    assert any(line.startswith("analytics: its public address does not lead to it") for line in wrong)
    assert f"secrets: others on this machine may read {secrets}" in wrong
