"""kill -9 of real notify processes while they alert: nothing is lost, and what comes twice has the same id."""

import asyncio
import contextlib
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from shared.kafka.admin import ensure_topics
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings, StoreSettings
from shared.topics import ALERTS
from tests.integration.notify.conftest import KEYS, as_record, log_of
from tests.support.mail import MailSink
from tests.support.waiting import eventually
from tests.unit.notify.samples import NOW, event, report_id
from tools.local.ports import free_port

REPORTS = 400


def environment(bus: KafkaSettings, store: StoreSettings, sink_port: int) -> dict[str, str]:
    return os.environ | {
        "KAFKA_BOOTSTRAP_SERVERS": bus.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": bus.topic_prefix,
        "KAFKA_TOPIC_PARTITIONS": str(bus.topic_partitions),
        "KAFKA_SESSION_TIMEOUT_MS": "6000",
        "MONGODB_URI": store.uri.get_secret_value(),
        "MONGODB_DATABASE_PREFIX": store.database_prefix,
        "NOTIFY_PORT": str(free_port()),
        "NOTIFY_SMTP_PORT": str(sink_port),
        "NOTIFY_SMTP_TIMEOUT_S": "2",
        "NOTIFY_LEASE_S": "4",
        "NOTIFY_CLAIM_SIZE": "50",
        **KEYS,
    }


@contextlib.asynccontextmanager
async def process(env: dict[str, str]) -> AsyncIterator["asyncio.subprocess.Process"]:
    running = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.notify", env=env)
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()


def _arrived(sink: MailSink, before: int) -> bool:
    return sink.arrived > before


@pytest.mark.kill
@pytest.mark.timeout(480)
async def test_killed_between_claim_and_record_every_alert_is_still_sent(
    bus_settings: KafkaSettings, store_settings: StoreSettings, sink: MailSink, sink_port: int
) -> None:
    await ensure_topics(bus_settings)
    publisher = Publisher(bus_settings)
    await publisher.start()
    await publisher.publish([as_record(event("report.routed", n), NOW) for n in range(REPORTS)])
    env = environment(bus_settings, store_settings, sink_port)
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(store_settings.uri.get_secret_value())
    cases = client[f"{store_settings.database_prefix}notify"]["cases"]
    for _ in range(3):
        sink.flows.clear()  # so that it dies with mails sent whose answer it never got
        async with process(env) as running:
            before = sink.arrived
            await eventually(partial(_arrived, sink, before))
            running.send_signal(signal.SIGKILL)
            await running.wait()
        sink.flows.set()
        assert await cases.count_documents({"lease_by": {"$ne": None}}), "the kill met no claim: it proves nothing"
    async with process(env):
        await eventually(lambda: len(set(sink.alert_ids())) == REPORTS)

        async def recorded() -> bool:
            return await cases.count_documents({"alert_version": {"$gte": 1}, "lease_by": None}) == REPORTS

        await eventually(recorded)

        async def told() -> bool:
            events = await log_of(bus_settings, ALERTS)
            return {e.key for e in events if e.TYPE == "alert.sent.v1"} == {report_id(n) for n in range(REPORTS)}

        await eventually(told)
    await publisher.stop()
    client.close()
    doubles = {alert: n for alert, n in Counter(sink.alert_ids()).items() if n > 1}
    assert len(set(sink.alert_ids())) == REPORTS, "a double would have an id of its own"
    assert len(doubles) <= 3 * 2 * 50, "only what was in the hands of a process when it died may come twice"
