"""A running installation as its operator sees it: the trace of a report, and what the doctor says of planted faults."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shared.kafka.connection import topic_name
from shared.kafka.publisher import Publisher
from shared.topics import REPORTS
from tests.support.collector import Collector, Seen, collector
from tests.support.lodging import lodge
from tests.support.waiting import eventually
from tools.demo import frontends
from tools.doctor.look import look
from tools.doctor.rules import findings
from tools.local import drilling
from tools.local.security import kafka_settings
from tools.local.settings import SERVICES, LocalSettings
from tools.local.stack import Stack

pytestmark = [pytest.mark.kill, pytest.mark.thorough, pytest.mark.timeout(420)]


@pytest.fixture(scope="module")
def seen() -> Iterator[Collector]:
    with collector() as made:
        yield made


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, seen: Collector) -> Iterator[Stack]:
    """The whole system with engines of its own: a process of it is stopped."""
    folder: Path = tmp_path_factory.mktemp("observed")
    traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": seen.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "500"}
    made = Stack(LocalSettings.on_free_ports(folder), say=lambda _: None, extra_env=dict.fromkeys(SERVICES, traced))
    try:
        made.start()
        yield made
    finally:
        made.stop()


async def test_the_way_of_a_report_is_one_trace_from_the_request_to_the_alert(stack: Stack, seen: Collector) -> None:
    credential = (await asyncio.to_thread(frontends.create, stack.environment_of("intake"), stack.run_once)).portal
    answer = await lodge(stack, credential)
    _, trace_id, request_id, _ = answer.headers["traceparent"].split("-")

    way = {
        ("ieum-intake", "POST /api/v1/reports"),
        ("ieum-routing", "routing reports"),
        ("ieum-notify", "notify routings"),
        ("ieum-notify", "alert"),
        ("ieum-analytics", "analytics reports"),
    }
    await eventually(
        lambda: way <= {(one.service, one.name) for one in seen.spans if one.trace_id == trace_id},
        "every service has told its part",
    )
    mine = [one for one in seen.spans if one.trace_id == trace_id]
    assert {one.parent_id for one in mine if one.span_id != request_id} == {request_id}
    [request] = [one for one in mine if one.span_id == request_id]
    assert request.parent_id == ""

    def batches() -> list[Seen]:  # told by itself, and once more where it was decided again after a rebalance
        return [one for one in seen.spans if one.name == "routing batch" and trace_id in one.links]

    batch, *_ = await eventually(batches, "routing has told of the batch")
    assert batch.attributes["messaging.consumer.group.name"] == "routing"
    said = " ".join(value for one in seen.spans for value in (one.name, *one.attributes.values()))
    assert answer.json()["report_id"] not in said
    assert "busan" not in said


async def test_drills_have_a_front_end_whose_credential_notify_alone_reads(stack: Stack) -> None:
    file = drilling.file_of(stack.settings.var)
    credential = await asyncio.to_thread(file.read_text, "ascii")
    assert file.stat().st_mode & 0o777 == 0o600
    answer = await lodge(stack, credential)
    assert answer.status_code == httpx.codes.ACCEPTED


async def test_it_names_a_stopped_process_a_dead_letter_and_a_wrong_topic(stack: Stack) -> None:
    async def found(**changed: str) -> list[str]:
        environment = {**stack.environment_of("notify"), **changed}
        state = await asyncio.to_thread(stack.state)
        return [f"{one.part}: {one.says}" for one in findings(await look(stack.settings, state, environment))]

    async def well() -> bool:
        return await found() == []

    await eventually(well, "all is well")

    async def wrong_topics_alone() -> list[str]:
        wrong = await found(KAFKA_TOPIC_PARTITIONS="7")
        return wrong if {line.partition(":")[0] for line in wrong} == {"kafka"} else []

    wrong = await eventually(wrong_topics_alone, "topics are named and nothing else")
    assert any("reports has another number of partitions; found 6; expected 7" in line for line in wrong)

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
    wrong = await found()
    assert "analytics: it does not run" in wrong
    assert any(line.startswith("analytics: its public address does not lead to it") for line in wrong)
