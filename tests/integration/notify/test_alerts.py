"""From a routing record to a mail in a real sink, over crashes, refusals and shared work."""

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from pydantic import SecretStr

from services.notify.escalation.rules import CONTACT_WITHIN, ESCALATION_POLICY, GAP
from services.notify.settings import WebhookWithSecret
from shared.events.vocabulary import Urgency
from shared.metrics import REGISTRY
from shared.topics import ALERTS, CENTERS
from tests.integration.notify.conftest import NotifyHarness, Start, log_of, told_before
from tests.support.clock import ManualClock
from tests.support.mail import MailSink
from tests.support.waiting import eventually
from tests.unit.notify.channels.test_channels import SECRET, receiver
from tests.unit.notify.samples import event, report_id


async def test_a_routed_report_becomes_a_case_a_mail_and_an_event(start: Start, sink: MailSink) -> None:
    harness = await start()
    await harness.routed(event("report.routed", 1))
    row = await eventually(lambda: harness.case(report_id(1)))
    assert (row["center_id"], row["state"], row["urgency"]) == ("gwangju", "waiting", "critical")
    await eventually(lambda: sink.mails)
    to, mail = sink.mails[0]
    assert to == "gwangju@duty.ieum.example"
    assert row["alias"] in str(mail["Subject"])

    async def told() -> bool:
        return [(e.TYPE, e.key) for e in await log_of(harness.bus, ALERTS)] == [("alert.sent.v1", report_id(1))]

    await eventually(told)
    await harness.routed(event("report.routed", 1))  # the same again changes nothing
    await harness.routed(event("report.routed", 2))
    await eventually(lambda: len(sink.mails) == 2)
    assert len(set(sink.alert_ids())) == 2


@pytest.mark.own_service
async def test_unanswered_cases_climb_the_ladder_and_never_fall_silent(start: Start, sink: MailSink) -> None:
    clock = ManualClock(datetime.now(UTC))
    harness = await start(clock)
    await harness.routed(event("report.routed", 1))
    desks = [
        ["gwangju@duty.ieum.example"],
        ["gwangju@staff.ieum.example"],
        ["gwangju@lead.ieum.example"],
        ["gwangju@lead.ieum.example", "night-desk@central.ieum.example"],
        ["gwangju@lead.ieum.example", "night-desk@central.ieum.example"],
    ]
    waits = [step.wait for step in ESCALATION_POLICY[Urgency.CRITICAL]]
    told: list[str] = []
    for number, (desk, wait) in enumerate(zip(desks, [*waits, waits[-1]], strict=True), 1):
        told += desk
        await eventually(partial(_came, sink, len(told)))
        assert sorted(to for to, _ in sink.mails[-len(desk) :]) == desk
        await eventually(partial(_step, harness, min(number, 4)))
        # A mail is there before it is written down: if the clock passed its lease meanwhile, it would be sent again.
        await eventually(harness.at_rest)
        await clock.advance(wait.total_seconds() if number < len(desks) else 0)
    assert (await harness.acknowledge(report_id(1), "gwangju", "kim")).status_code == 200
    assert (
        await harness.act("contact", report_id(1), "gwangju", "kim", reached=True, ownership=1, way="came_to_us")
    ).status_code == 200
    await clock.advance(24 * 3600)
    assert await harness.notify.cases.backlog(clock.now()) == 0

    async def all_told() -> bool:
        types = Counter(e.TYPE for e in await log_of(harness.bus, ALERTS))
        return types == {"alert.sent.v1": len(told), "alert.escalated.v1": 3}

    await eventually(all_told)
    versions = [e.sequence for e in await log_of(harness.bus, ALERTS)]
    assert versions == list(range(1, len(told) + 4))


def _came(sink: MailSink, mails: int) -> bool:
    return len(sink.mails) == mails


async def _step(harness: NotifyHarness, step: int) -> bool:
    row = await harness.case(report_id(1))
    return row is not None and row["step"] == step and row["next_alert_at"] is not None


@pytest.mark.own_service
async def test_who_was_not_reached_in_time_is_alerted_of_again(start: Start, sink: MailSink) -> None:
    clock = ManualClock(datetime.now(UTC))
    harness = await start(clock)
    await harness.routed(event("report.routed", 1))
    await eventually(lambda: len(sink.mails) == 1)
    # A mail is there before it is written down.
    await eventually(harness.at_rest)
    assert (await harness.acknowledge(report_id(1), "gwangju", "kim")).status_code == 200
    await clock.advance(CONTACT_WITHIN[Urgency.CRITICAL].total_seconds())
    await eventually(lambda: len(sink.mails) == 2)
    to, mail = sink.mails[1]
    assert to == "gwangju@duty.ieum.example"
    assert "첫 연락" in str(mail["Subject"])


@pytest.mark.own_service
async def test_more_than_five_within_two_minutes_become_one_message_with_count_and_oldest_age(
    start: Start, sink: MailSink
) -> None:
    clock = ManualClock(datetime.now(UTC))
    harness = await start(clock, gather_s=1.0)
    old = (clock.now() - timedelta(minutes=20)).isoformat()
    worker = harness.notify.escalation_worker
    await harness.routed(*(event("report.routed", n, received_at=old, urgency="high") for n in range(30)))

    async def all_told() -> bool:
        # Kafka may give them in batches that are far apart: what comes behind the first waits for the clock.
        if worker.deferred and len(set(sink.alert_ids())) + worker.deferred == 30 and await _only_deferred(harness):
            await clock.advance(GAP.total_seconds())
            await eventually(lambda: not worker.deferred)
        return len(set(sink.alert_ids())) == 30

    await eventually(all_told)
    bundles = [mail for _, mail in sink.mails if mail["X-Ieum-Alert-Ids"]]
    assert bundles
    assert "20분" in str(bundles[0]["Subject"])
    listed = str(bundles[0]["X-Ieum-Alert-Ids"]).split()
    assert f"사례 {len(listed)}건" in str(bundles[0]["Subject"])
    assert len(sink.mails) <= 5 + len(bundles)
    assert len(sink.alert_ids()) == 30
    # A mail is there before it counts among what the desk was told lately.
    await eventually(harness.at_rest)
    before = len(sink.mails)
    await harness.routed(*(event("report.routed", n, urgency="high") for n in range(30, 33)))
    await eventually(lambda: worker.deferred == 3)
    assert len(sink.mails) == before
    # The clock stands still: a critical case's first alert waits for no bundle, and takes nobody else's along.
    await harness.routed(event("report.routed", 40))
    await eventually(lambda: len(sink.mails) == before + 1)
    assert sink.mails[-1][1]["X-Ieum-Alert-Ids"] is None
    assert worker.deferred == 3
    await eventually(lambda: _only_deferred(harness))
    await clock.advance(GAP.total_seconds())
    await eventually(lambda: len(set(sink.alert_ids())) == 34)
    assert len(sink.mails) == before + 2


async def _only_deferred(harness: NotifyHarness) -> bool:
    """Whether whatever was sent is written down: no lease but of what waits for a batch."""
    held = await harness.notify.cases.collection.count_documents({"lease_by": {"$ne": None}})
    return bool(held == harness.notify.escalation_worker.deferred)


@pytest.mark.own_service
async def test_in_a_burst_every_channel_tells_of_every_case_and_nobody_looks_for_nothing(
    start: Start, sink: MailSink
) -> None:
    clock = ManualClock(datetime.now(UTC))
    async with receiver(204) as (port, came):
        hook = WebhookWithSecret(url=f"http://127.0.0.1:{port}/", secret=SecretStr(SECRET))
        # Mail has had many already: of the two channels one sends now, the other gathers for a bundle.
        harness = await start(clock, gather_s=0.5, webhooks={"gwangju/duty": hook})
        await told_before(harness, *["email:gwangju/duty"] * 6)
        await harness.routed(*(event("report.routed", n, urgency="high") for n in range(4)))

        def by_hook() -> list[str]:
            return [alert_id for _, body in came for alert_id in json.loads(body)["data"]["alert_ids"]]

        await eventually(lambda: len(set(by_hook())) == 4)
        assert sink.mails == []
        await eventually(harness.at_rest, "what was posted is written down")
        await clock.advance(GAP.total_seconds())
        await eventually(lambda: len(set(sink.alert_ids())) == 4)
        assert set(sink.alert_ids()) == set(by_hook()), "one id whatever the channel"

        async def at_rest() -> bool:
            held = await harness.notify.cases.collection.count_documents({"lease_by": {"$ne": None}})
            return held + await harness.notify.cases.backlog(clock.now()) == 0

        await eventually(at_rest)
        before = [case.rev for case in (await harness.notify.cases.load([report_id(n) for n in range(4)])).values()]
        await asyncio.sleep(1)  # that nothing happens has no condition; a loop that looks for nothing turns often in it
        after = [case.rev for case in (await harness.notify.cases.load([report_id(n) for n in range(4)])).values()]
        assert after == before
        assert len(by_hook()) == len(sink.alert_ids()) == 4


async def test_nobody_on_duty_is_an_event_and_goes_on_at_once(start: Start, sink: MailSink) -> None:
    harness = await start()
    duty = {"state": "open", "staff_on_duty": 0}
    answer = await harness.duty("gwangju", **duty)
    assert (answer.status_code, answer.json()["staff_on_duty"], answer.json()["state"]) == (200, 0, "unstaffed")
    refused = await harness.duty("gwangju", state="unstaffed", staff_on_duty=2)
    assert (refused.status_code, refused.json()["code"]) == (422, "people_on_duty")
    assert (await harness.duty("gwangju", **duty)).json()["center_version"] == 1
    await harness.routed(event("report.routed", 1))
    await eventually(lambda: len(sink.mails) == 2)
    assert {to for to, _ in sink.mails} == {"gwangju@lead.ieum.example", "night-desk@central.ieum.example"}

    async def told() -> bool:
        first = (await log_of(harness.bus, ALERTS))[:2]
        return [(e.TYPE, getattr(e, "reason", None)) for e in first] == [
            ("alert.failed.v1", "nobody_on_duty"),
            ("alert.escalated.v1", None),
        ]

    await eventually(told)

    async def changed() -> bool:
        return [(e.key, e.sequence) for e in await log_of(harness.bus, CENTERS)] == [("gwangju", 1)]

    await eventually(changed)


def first_alerts(within: str = "+Inf") -> float:
    """Critical cases whose first alert was taken so many seconds after their report was accepted."""
    labels = {"urgency": "critical", "le": within}
    return REGISTRY.get_sample_value("ieum_notify_accepted_to_alert_seconds_bucket", labels) or 0.0


@pytest.mark.own_service
async def test_a_server_that_refuses_is_tried_again_under_the_same_alert_id(start: Start, sink: MailSink) -> None:
    clock = ManualClock(datetime.now(UTC))
    harness = await start(clock)
    sink.refuse = True
    counted, in_time = first_alerts(), first_alerts(within="60.0")
    await harness.routed(event("report.routed", 1, received_at=clock.now().isoformat()))

    async def failures() -> list[int]:
        return [getattr(e, "attempt", 0) for e in await log_of(harness.bus, ALERTS) if e.TYPE == "alert.failed.v1"]

    await eventually(failures)
    sink.refuse = False
    await clock.advance(90)
    await eventually(lambda: sink.mails)

    async def attempts() -> bool:
        sent = [e for e in await log_of(harness.bus, ALERTS) if e.TYPE == "alert.sent.v1"]
        return [getattr(e, "attempt", 0) for e in sent] == [2]

    await eventually(attempts)
    assert (first_alerts(), first_alerts(within="60.0")) == (counted + 1, in_time)
    await clock.advance(ESCALATION_POLICY[Urgency.CRITICAL][0].wait.total_seconds())
    await eventually(lambda: len(sink.mails) == 2)
    assert first_alerts() == counted + 1


@pytest.mark.own_service
async def test_two_processes_share_what_is_due_without_doubles(start: Start, sink: MailSink) -> None:
    # The clock stands still: however busy the machine, no lease ends and no second step begins.
    clock = ManualClock(datetime.now(UTC))
    # So few are held by who wrote them down that both also claim what is due.
    one, _ = await asyncio.gather(*(start(clock, claim_size=20) for _ in range(2)))
    await one.routed(*(event("report.routed", n) for n in range(300)))
    await eventually(lambda: len(set(sink.alert_ids())) == 300)

    async def nothing_left() -> bool:
        return await one.notify.cases.collection.count_documents({"alert_version": 0}) == 0

    await eventually(nothing_left)
    assert len(sink.alert_ids()) == 300
