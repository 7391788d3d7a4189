"""Deciding everything again from the real log, and tables given to a running routing."""

import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from shared.centers import TABLE_VERSION
from shared.events.vocabulary import CenterState
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.routing.running import Process, Traffic
from tests.integration.routing.test_service import settled
from tests.support import forking
from tests.support.tables import center_row, joined, write
from tests.support.waiting import DEADLINE_S, eventually

Start = Callable[..., Process]


@pytest.fixture
async def start(
    publisher: Publisher, bus_settings: KafkaSettings, store_settings: StoreSettings, tmp_path: Path
) -> AsyncIterator[Start]:
    """Start a routing, with settings of its own."""
    del publisher
    running: list[Process] = []

    def begin(**env: str) -> Process:
        process = Process(bus_settings, store_settings, tmp_path / "routing.log", **env)
        running.append(process)
        process.start()
        return process

    yield begin
    for process in running:
        process.kill()


async def replay(settings: KafkaSettings, *arguments: str) -> tuple[int, str]:
    """Run the command; its status and what it printed."""
    environment = {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": settings.topic_prefix,
    }
    return await forking.run(("tools.command", "replay", "decisions", *arguments), env=environment)


async def answer(process: Process, path: str) -> httpx.Response | None:
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.port}", timeout=DEADLINE_S) as client:
            return await client.get(path)
    except httpx.TransportError:
        return None


async def test_a_log_of_all_kinds_replays_and_a_record_somebody_changed_is_found(
    start: Start, publisher: Publisher, bus_settings: KafkaSettings
) -> None:
    start()
    traffic = Traffic(publisher, seed=8)
    reports = [traffic.received() for _ in range(300)]
    await traffic.send(*reports)
    await settled(bus_settings, 300)
    await traffic.send(*(traffic.transfer(r.report_id, "jeju", 1, 1) for r in reports[:20]))
    await traffic.center("gyeonggi", CenterState.CLOSED)
    await traffic.send(*(traffic.received(linked_reports=[r.report_id]) for r in reports[20:40]))
    await settled(bus_settings, 320)
    status, printed = await replay(bus_settings)
    assert (status, printed.splitlines()[-1]) == (0, "differences: 0"), printed
    assert "320 report.routed.v1" in printed
    assert "report.rerouted.v1" in printed
    assert "not comparable" not in printed

    status, printed = await replay(bus_settings, "--from", "2020-01-01", "--to", "2020-12-31")
    assert status == 0
    assert "2021-01-01 00:00 (Seoul): 0\n" in printed
    assert not any(report.report_id in printed for report in reports)

    changed = await _tamper(bus_settings)
    status, printed = await replay(bus_settings)
    assert status == 1
    assert "differences: 1" in printed
    assert changed in printed.splitlines()[-1]
    assert "center_id: " in printed.splitlines()[-1]


async def _tamper(settings: KafkaSettings) -> str:
    """Put a copy of the first decision into the log that names another centre; the report's id."""
    name = f"{settings.topic_prefix}routings"
    consumer = AIOKafkaConsumer(name, bootstrap_servers=settings.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    record = await consumer.getone()
    await consumer.stop()
    body = json.loads(record.value)
    body["decision"]["center_id"] = "sejong" if body["decision"]["center_id"] != "sejong" else "busan"
    producer = AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers)
    await producer.start()
    await producer.send_and_wait(
        name, json.dumps(body).encode(), key=record.key, headers=list(record.headers), partition=record.partition
    )
    await producer.stop()
    return str(body["report_id"])


async def test_a_faulty_folder_is_refused_and_reports_are_routed_all_the_same(
    start: Start, publisher: Publisher, bus_settings: KafkaSettings, tmp_path: Path
) -> None:
    def one_sided(file: dict[str, Any]) -> None:
        center_row(file, "jeju")["sea_air"].append("sejong")

    folder = write(tmp_path / "tables", "2027-01-01", centers=one_sided)
    process = start(ROUTING_TABLES_DIR=str(folder))
    traffic = Traffic(publisher, seed=9)
    await traffic.send(*(traffic.received() for _ in range(20)))
    await settled(bus_settings, 20)

    async def is_ready() -> bool:
        found = await answer(process, "/health/ready")
        return found is not None and found.status_code == 200

    await eventually(is_ready, what="a refused folder turns nothing red")
    ready = await answer(process, "/health/ready")
    assert ready is not None
    fault = "jeju reaches sejong by sea_air, but not the other way round"
    assert ready.json()["checks"]["tables"] == (
        f"version {TABLE_VERSION}, as packaged; the folder given was refused: {fault}"
    )
    metrics = await answer(process, "/metrics")
    assert metrics is not None
    assert "ieum_routing_tables_rejected_total 1.0" in metrics.text
    (line,) = [line for line in process.log().splitlines() if "routing.tables_refused" in line]
    assert json.loads(line)["faults"] == [fault]
    status, printed = await replay(bus_settings, "--tables", str(folder))
    assert (status, printed.splitlines()[-1]) == (0, "differences: 0")
    assert f"the folder of tables was refused: {fault}" in printed


async def test_decisions_by_a_given_folder_replay_with_it_and_are_named_without_it(
    start: Start, publisher: Publisher, bus_settings: KafkaSettings, tmp_path: Path
) -> None:
    start().kill()
    folder = write(tmp_path / "tables", "2027-01-01", centers=joined)
    process = start(ROUTING_TABLES_DIR=str(folder))
    traffic = Traffic(publisher, seed=10)
    await traffic.send(*(traffic.received() for _ in range(50)))
    await settled(bus_settings, 50)
    status, printed = await replay(bus_settings)
    assert status == 0
    assert "not comparable, tables 2027-01-01: 50" in printed
    status, printed = await replay(bus_settings, "--tables", str(folder))
    assert status == 0
    assert "not comparable" not in printed
    ready = await answer(process, "/health/ready")
    assert ready is not None
    assert ready.json()["checks"]["tables"] == "version 2027-01-01, from the folder given"
