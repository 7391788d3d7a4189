"""Analytics started while Kafka is not there: it serves what it has, says what is missing, begins when Kafka comes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shared.kafka.admin import ensure_topics
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.analytics.worker import Worker
from tests.support.waiting import eventually
from tools.local import ports

pytestmark = pytest.mark.timeout(480)


@pytest.fixture
def port() -> int:
    return ports.free_port()


@pytest.fixture
async def worker(
    port: int, bus_settings: KafkaSettings, store_settings: StoreSettings, tmp_path: Path
) -> AsyncIterator[Worker]:
    """Looks for Kafka at a port where nobody listens."""
    away = bus_settings.model_copy(update={"bootstrap_servers": f"127.0.0.1:{port}"})
    made = Worker(away, store_settings, tmp_path).start()
    yield made
    made.kill()


async def test_tables_are_served_and_health_says_what_is_missing_until_kafka_comes(
    worker: Worker, port: int, bus_settings: KafkaSettings
) -> None:
    await eventually(lambda: worker.answers("/api/v1/tables"), "tables are served without Kafka")
    assert (await worker.get("/health/live")).status_code == 200

    async def missing_is_named() -> bool:
        ready = await worker.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded"), "pages need no Kafka"
        checks = ready.json()["checks"]
        assert checks["identity"] == "ok"
        return "kafka" in " ".join(word.lower() for word in checks.values() if word != "ok")

    await eventually(missing_is_named, "health says that Kafka is missing")
    assert (await worker.get("/?lang=ko")).status_code == 200
    assert (await worker.get("/operations?lang=en")).status_code == 200
    assert worker.child is not None
    first = worker.child.pid
    await ensure_topics(bus_settings)
    async with kafka_at(port, bus_settings.bootstrap_servers):
        await worker.ready()
    assert (worker.child.pid, worker.child.poll()) == (first, None), "it waited; nobody had to restart it"


@asynccontextmanager
async def kafka_at(port: int, real: str) -> AsyncIterator[None]:
    """Lets the port lead to the broker, which then names its own address."""
    host, _, number = real.rpartition(":")
    joined: set[asyncio.Task[None]] = set()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection(host, int(number))
        for source, target in ((reader, ours), (theirs, writer)):
            task = asyncio.create_task(pump(source, target))
            joined.add(task)
            task.add_done_callback(joined.discard)

    server = await asyncio.start_server(join, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        for task in joined:
            task.cancel()


async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        target.write(data)
        await target.drain()
    target.close()
