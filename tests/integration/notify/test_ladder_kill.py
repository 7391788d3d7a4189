"""kill -9 at named points while timers run: every case answered or with a next step, no alert lost, no stray double."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from services.notify.cases.models import Case
from services.notify.escalation.rules import ESCALATION_POLICY
from shared.events.alerts import AlertEvent, AlertSent
from shared.events.vocabulary import Urgency
from shared.kafka.admin import ensure_topics
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings, StoreSettings
from shared.topics import ALERTS
from tests.integration.notify.conftest import as_record, log_of
from tests.integration.notify.test_crash import environment
from tests.kill.hasty_notify import POINTS
from tests.support import forking
from tests.support.mail import MailSink
from tests.support.waiting import eventually
from tests.unit.notify.samples import alert_id, event, report_id
from tools.local import processes
from tools.local.ports import free_port
from tools.local.processes import Child

CASES = int(os.environ.get("IEUM_LADDER_CASES", "120"))
"""5,000 in the long form."""
ROUNDS = 2 if CASES > 1000 else 1
CENTERS = ("gwangju", "busan", "jeju", "daegu")


@contextmanager
def hasty(env: dict[str, str], marks: Path) -> Iterator[Child]:
    log = marks / f"notify-{env['NOTIFY_PORT']}.log"
    running = forking.start(("tests.kill.hasty_notify", str(marks)), log=log, env=env)
    try:
        yield running
    finally:
        processes.kill(running)


def every_alert(number: int) -> dict[str, int]:
    """The ids a case's alerts must have, with the step each is of: one run, four steps, each told once."""
    ids = {}
    for step, rung in enumerate(ESCALATION_POLICY[Urgency.CRITICAL], 1):
        for target in rung.who:
            ids[alert_id(number, step, target)] = step
    return ids


@pytest.mark.kill
@pytest.mark.timeout(480 + CASES // 10)
async def test_killed_at_each_named_point_while_timers_run(
    bus_settings: KafkaSettings, store_settings: StoreSettings, sink: MailSink, sink_port: int, tmp_path: Path
) -> None:
    await ensure_topics(bus_settings)
    publisher = Publisher(bus_settings)
    await publisher.start()
    routed = [event("report.routed", n, urgency="critical", center=CENTERS[n % 4]) for n in range(CASES)]
    await publisher.publish([as_record(one, datetime.now(UTC)) for one in routed])
    await publisher.stop()
    # Long enough for a pass on a busy machine; so long a killed process keeps what it had claimed.
    env = environment(bus_settings, store_settings, sink_port) | {"NOTIFY_LEASE_S": "8", "NOTIFY_SMTP_TIMEOUT_S": "2"}
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        store_settings.uri.get_secret_value(), tz_aware=True
    )
    cases = client[f"{store_settings.database_prefix}notify"]["cases"]
    for point in POINTS * ROUNDS:
        mark = tmp_path / point
        mark.touch()
        with hasty(env, tmp_path) as running:
            status = await forking.ended(running)
            assert not mark.exists(), f"the process ended before {point}"
            assert status == -9

    # A mail that the last of them sent may come only now: its case is still in the lease of the dead.
    held = {
        one["_id"]: one["ladder"]["step"] async for one in cases.find({"lease_by": {"$ne": None}}, {"ladder.step": 1})
    }
    next_steps = {
        alert for n in range(CASES) for alert, step in every_alert(n).items() if step <= held.get(report_id(n), -1) + 1
    }
    in_dead_hands = next_steps.union(sink.alert_ids())
    seen: list[int] = []

    async def climbed() -> bool:
        """Every case has told its last step, and nothing of it waits to be published."""
        done = await cases.count_documents({"ladder.step": 4, "ladder.pending": [], "lease_by": None})
        seen.append(done)
        return done == CASES

    # These two are not killed: no lease of theirs ends before its case is told, however busy the machine.
    living = environment(bus_settings, store_settings, sink_port)
    other = {**living, "NOTIFY_PORT": str(free_port())}
    with hasty(living, tmp_path), hasty(other, tmp_path):
        await eventually(climbed, seconds=200 + CASES / 20)
        await eventually(partial(_published, bus_settings))
    horizon = datetime.now(UTC) + timedelta(minutes=1)
    left = [Case.model_validate(document) for document in await cases.find({}).to_list(None)]
    client.close()
    assert len(left) == CASES
    assert all(case.wake_at is not None and case.wake_at > horizon for case in left), "a case without a next step"
    must = {alert: step for n in range(CASES) for alert, step in every_alert(n).items()}
    came = Counter(sink.alert_ids())
    assert set(came) == set(must), "an alert was lost, or one came under an id of its own"
    doubles = {alert for alert, times in came.items() if times > 1}
    assert doubles <= in_dead_hands, "only what a dying process had in its hands may come twice"
    assert max(came.values()) <= 1 + len(POINTS) * ROUNDS, "once for each death, and once more"
    told = [one for one in await log_of(bus_settings, ALERTS) if isinstance(one, AlertEvent)]
    for n in range(CASES):
        versions = sorted({one.sequence for one in told if one.key == report_id(n)})
        assert all(b - a == 1 for a, b in pairwise([0, *versions])), "a hole in the stream of a report's alerts"


async def _published(bus: KafkaSettings) -> bool:
    told = [one for one in await log_of(bus, ALERTS) if isinstance(one, AlertSent)]
    return len({(one.key, one.step) for one in told}) == CASES * 4
