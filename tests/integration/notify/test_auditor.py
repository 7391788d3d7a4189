"""The auditor on the real topics: silent while alerts go out, loud within half a minute where they do not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from services.notify.auditor.heartbeat import Heartbeat
from services.notify.auditor.main import AuditorProcess
from services.notify.auditor.service import SETTLE_S
from services.notify.escalation.rules import ESCALATION_POLICY
from services.notify.settings import NotifySettings
from shared.events.vocabulary import Urgency
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.notify.conftest import NotifyHarness, Start, as_record
from tests.support.clock import ManualClock
from tests.support.mail import MailSink
from tests.support.waiting import eventually
from tests.unit.notify.channels.test_channels import receiver
from tests.unit.notify.samples import event, report_id
from tools.local.ports import free_port


@contextlib.asynccontextmanager
async def auditing(
    settings: NotifySettings, bus: KafkaSettings, store: StoreSettings, clock: ManualClock
) -> AsyncIterator[AuditorProcess]:
    """An auditor that reads; the test says when it looks."""
    process = AuditorProcess(settings, bus, store, clock)
    await process.follower.start()
    await process.auditor.look()
    await clock.advance(SETTLE_S)
    try:
        yield process
    finally:
        await process.follower.stop()


async def page(harness: NotifyHarness, center: str) -> str:
    role = "counsellor"
    answer = await harness.http.get(f"/?center={center}&lang=en", auth=harness.staff(center, role))
    return answer.text


async def test_nobody_alerts_and_central_hears_of_it_by_mail_store_and_measure(
    settings: NotifySettings,
    bus_settings: KafkaSettings,
    store_settings: StoreSettings,
    sink: MailSink,
    publisher: Publisher,
) -> None:
    """No notify runs at all: the worst failure there is."""
    clock = ManualClock(datetime.now(UTC))
    async with auditing(settings, bus_settings, store_settings, clock) as process:
        routed = event("report.routed", 1, decided_at=clock.now().isoformat())
        await publisher.publish([as_record(routed, clock.now())])
        await eventually(lambda: process.auditor._watched)
        await process.auditor.look()
        assert process.auditor.found == {}
        await clock.advance(25)
        await process.auditor.look()
        assert list(process.auditor.found) == [report_id(1)]
        assert process.auditor.failing is None
        await eventually(lambda: sink.mails)
        to, mail = sink.mails[0]
        assert to == "night-desk@central.ieum.example"
        assert "지연된 알림 1건" in str(mail["Subject"])
        assert report_id(1) not in mail.as_string()
        await process.auditor.look()
        assert len(sink.mails) == 1, "once, not at every look"


@pytest.mark.own_service
async def test_a_ladder_that_works_is_left_alone_and_its_silence_is_seen_in_the_console(
    start: Start, bus_settings: KafkaSettings, store_settings: StoreSettings, sink: MailSink
) -> None:
    clock = ManualClock(datetime.now(UTC))
    harness = await start(clock)
    assert "has not looked yet" in await page(harness, "central")
    async with auditing(harness.settings, bus_settings, store_settings, clock) as process:
        await harness.routed(event("report.routed", 1, decided_at=clock.now().isoformat()))
        await eventually(lambda: sink.mails)

        async def heard() -> bool:
            seen = process.auditor._watched.get(report_id(1))
            return seen is not None and bool(seen.told)

        await eventually(heard)
        await clock.advance(30)
        await process.auditor.look()
        assert process.auditor.found == {}
        for center in ("central", "gwangju"):
            assert "auditor" not in await page(harness, center)
        # From here on the ladder is dead: the next step is never told.
        await _stop_alerting(harness)
        await clock.advance(ESCALATION_POLICY[Urgency.CRITICAL][0].wait.total_seconds())
        await process.auditor.look()
        assert list(process.auditor.found) == [report_id(1)]
        for center in ("central", "gwangju"):
            assert "was not alerted in time" in await page(harness, center)
        assert "was not alerted in time" not in await page(harness, "busan")
        assert (await harness.acknowledge(report_id(1), "gwangju", "kim")).status_code == 200

        async def answered() -> bool:
            await process.auditor.look()
            return not process.auditor.found

        await eventually(answered)
        assert "was not alerted in time" not in await page(harness, "central")
        await clock.advance(60)
        assert "Nobody is checking the alerts" in await page(harness, "busan")


async def _stop_alerting(harness: NotifyHarness) -> None:
    alerting = [task for task in asyncio.all_tasks() if task.get_name().startswith("alerts-")]
    assert alerting, "nothing would be stopped"
    for task in alerting:
        task.cancel()
    del harness


async def test_the_knock_outside_stops_while_it_is_blind_or_its_alarms_are_not_taken(
    settings: NotifySettings, bus_settings: KafkaSettings, store_settings: StoreSettings, publisher: Publisher
) -> None:
    """The mail server is away (nothing listens at its port): nobody hears of what is found but by the silence."""
    clock = ManualClock(datetime.now(UTC))
    async with receiver(204) as (port, came):
        url = SecretStr(f"http://127.0.0.1:{port}/ping/abc")
        knocking = settings.model_copy(update={"heartbeat_url": url, "smtp_port": free_port()})
        async with auditing(knocking, bus_settings, store_settings, clock) as process:
            heartbeat = process.heartbeat
            assert heartbeat is not None
            assert not await heartbeat.beat(), "it has not looked since it reads"
            await process.auditor.look()
            assert await heartbeat.beat()
            assert [body for _, body in came] == [b""]

            await clock.advance(60)
            assert not await heartbeat.beat(), "it stopped looking"

            routed = event("report.routed", 1, decided_at=clock.now().isoformat())
            await publisher.publish([as_record(routed, clock.now())])
            await eventually(lambda: process.auditor._watched)
            await clock.advance(25)
            await process.auditor.look()
            assert list(process.auditor.found) == [report_id(1)]
            assert process.auditor.unwell() == "1 findings could not be mailed"
            assert not await heartbeat.beat()
            assert len(came) == 1


async def test_a_watcher_that_is_away_or_points_elsewhere_is_not_followed() -> None:
    assert not await Heartbeat("http://127.0.0.1:1/ping", lambda: None).beat()
    async with receiver(302) as (port, came):
        assert not await Heartbeat(f"http://127.0.0.1:{port}/ping", lambda: None).beat()
        assert len(came) == 1
