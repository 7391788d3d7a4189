"""kill -9 of real notify processes while they alert: nothing is lost, and what comes twice has the same id."""

import contextlib
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection

from shared.kafka.admin import ensure_topics
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings, StoreSettings
from shared.topics import ALERTS
from tests.integration.notify.conftest import KEYS, as_record, log_of
from tests.support import forking
from tests.support.mail import MailSink
from tests.support.waiting import eventually
from tests.unit.notify.samples import NOW, alert_id, event, report_id
from tools.local import processes
from tools.local.ports import free_port

REPORTS = 400
LEASE_S = 60
"""As in production: no lease of a living process ends before it has written down what it sent, however busy it is."""
KILLS = 3


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
        "NOTIFY_SMTP_TIMEOUT_S": "20",
        "NOTIFY_LEASE_S": str(LEASE_S),
        "NOTIFY_CLAIM_SIZE": "50",
        **KEYS,
    }


@contextlib.contextmanager
def killed_after(env: dict[str, str], log: Path) -> Iterator[None]:
    """A notify, which dies by SIGKILL at the end."""
    running = forking.start(("services.notify",), log=log, env=env)
    try:
        yield
    finally:
        processes.kill(running)


def _arrived(sink: MailSink, before: int) -> bool:
    return sink.arrived > before


async def _leases_end(cases: AsyncIOMotorCollection[dict[str, Any]]) -> set[str]:
    """Let the leases of a process that died end at once, as they would in a minute; the cases that it held."""
    held, now = {"lease_by": {"$ne": None}}, datetime.now(UTC)
    found = await cases.find(held, {"wake_at": 1}).to_list(None)
    assert found, "the kill met no claim: it proves nothing"
    assert all(one["wake_at"] <= now + timedelta(seconds=LEASE_S) for one in found), "a lease that is too long"
    await cases.update_many(held, {"$set": {"wake_at": now}})
    return {one["_id"] for one in found}


@pytest.mark.kill
@pytest.mark.timeout(480)
async def test_killed_between_claim_and_record_every_alert_is_still_sent(
    bus_settings: KafkaSettings, store_settings: StoreSettings, sink: MailSink, sink_port: int, tmp_path: Path
) -> None:
    log = tmp_path / "notify.log"
    await ensure_topics(bus_settings)
    publisher = Publisher(bus_settings)
    await publisher.start()
    await publisher.publish([as_record(event("report.routed", n), NOW) for n in range(REPORTS)])
    first = {alert_id(n): report_id(n) for n in range(REPORTS)}
    # So few are held and claimed at once that not all cases are in the hands of those that die.
    env = environment(bus_settings, store_settings, sink_port) | {"NOTIFY_CLAIM_SIZE": "20"}
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        store_settings.uri.get_secret_value(), tz_aware=True
    )
    cases = client[f"{store_settings.database_prefix}notify"]["cases"]
    in_dead_hands: set[str] = set()
    for _ in range(KILLS):
        sink.flows.clear()  # so that it dies with mails sent whose answer it never got
        with killed_after(env, log):
            before = sink.arrived
            await eventually(partial(_arrived, sink, before))
        sink.flows.set()
        in_dead_hands |= await _leases_end(cases)
    with killed_after(env, log):
        await eventually(lambda: first.keys() <= set(sink.alert_ids()))

        async def recorded() -> bool:
            return await cases.count_documents({"alert_version": {"$gte": 1}, "lease_by": None}) == REPORTS

        await eventually(recorded)

        async def told() -> bool:
            events = await log_of(bus_settings, ALERTS)
            return {e.key for e in events if e.TYPE == "alert.sent.v1"} == {report_id(n) for n in range(REPORTS)}

        await eventually(told)
    await publisher.stop()
    client.close()
    came = Counter(sink.alert_ids())
    doubles = {first[alert] for alert, times in came.items() if times > 1}
    assert len(in_dead_hands) < REPORTS, "no case was told by a living process alone: it proves nothing"
    assert doubles, "every process died before its mails were taken: it proves nothing"
    assert doubles <= in_dead_hands, "only what was in the hands of a process when it died may come twice"
    assert max(came.values()) <= 1 + KILLS, "once for each death, and once more"
