"""From a routing record to a mail in a real sink, over crashes, refusals and shared work."""

import asyncio
from collections import Counter
from datetime import UTC, datetime

from services.notify.policy import LADDER
from shared.clock import ManualClock
from shared.events.vocabulary import Urgency
from shared.topics import ALERTS, CENTERS
from tests.integration.notify.conftest import Sink, Start, eventually, log_of
from tests.unit.notify.samples import event, report_id


async def test_a_routed_report_becomes_a_case_a_mail_and_an_event(start: Start, sink: Sink) -> None:
    bench = await start()
    await bench.routed(event("report.routed", 1))
    row = await eventually(lambda: bench.case(report_id(1)))
    assert (row["center_id"], row["state"], row["urgency"]) == ("gwangju", "waiting", "critical")
    await eventually(lambda: sink.mails)
    to, mail = sink.mails[0]
    assert to == "gwangju@duty.ieum.example"
    assert row["alias"] in str(mail["Subject"])

    async def told() -> bool:
        return [(e.TYPE, e.key) for e in await log_of(bench.bus, ALERTS)] == [("alert.sent.v1", report_id(1))]

    await eventually(told)
    await bench.routed(event("report.routed", 1))  # the same again changes nothing
    await bench.routed(event("report.routed", 2))
    await eventually(lambda: len(sink.mails) == 2)
    assert len(set(sink.alert_ids())) == 2


async def test_unanswered_cases_climb_the_ladder_and_never_fall_silent(start: Start, sink: Sink) -> None:
    clock = ManualClock(datetime.now(UTC))
    bench = await start(clock)
    await bench.routed(event("report.routed", 1))
    await eventually(lambda: len(sink.mails) == 1)
    await eventually(lambda: _step(bench.case(report_id(1)), 1))
    await clock.advance(LADDER[Urgency.CRITICAL].escalate * 60)
    await eventually(lambda: len(sink.mails) == 3)
    assert {to for to, _ in sink.mails[1:]} == {"gwangju@lead.ieum.example", "night-desk@central.ieum.example"}
    await eventually(lambda: _step(bench.case(report_id(1)), 2))
    await clock.advance(LADDER[Urgency.CRITICAL].repeat * 60)
    await eventually(lambda: len(sink.mails) == 5)
    assert (await bench.acknowledge(report_id(1), "gwangju", "kim")).status_code == 200
    await clock.advance(24 * 3600)
    assert await bench.notify.cases.backlog(clock.now()) == 0

    async def types() -> Counter[str]:
        return Counter(e.TYPE for e in await log_of(bench.bus, ALERTS))

    async def all_told() -> bool:
        return await types() == {"alert.sent.v1": 5, "alert.escalated.v1": 1}

    await eventually(all_told)
    versions = [e.sequence for e in await log_of(bench.bus, ALERTS)]
    assert versions == [1, 2, 3, 4, 5, 6]


async def _step(coroutine: object, step: int) -> bool:
    row = await coroutine  # type: ignore[misc]  # handed over un-awaited
    return row is not None and row["step"] == step and row["next_alert_at"] is not None


async def test_nobody_on_duty_is_an_event_and_goes_on_at_once(start: Start, sink: Sink) -> None:
    bench = await start()
    duty = {"state": "open", "staff_on_duty": 0}
    answer = await bench.duty("gwangju", **duty)
    assert (answer.status_code, answer.json()["staff_on_duty"], answer.json()["state"]) == (200, 0, "unstaffed")
    refused = await bench.duty("gwangju", state="unstaffed", staff_on_duty=2)
    assert (refused.status_code, refused.json()["code"]) == (422, "people_on_duty")
    assert (await bench.duty("gwangju", **duty)).json()["center_version"] == 1
    await bench.routed(event("report.routed", 1))
    await eventually(lambda: len(sink.mails) == 2)
    assert {to for to, _ in sink.mails} == {"gwangju@lead.ieum.example", "night-desk@central.ieum.example"}

    async def told() -> bool:
        return [e.TYPE for e in await log_of(bench.bus, ALERTS)][:1] == ["alert.escalated.v1"]

    await eventually(told)

    async def changed() -> bool:
        return [(e.key, e.sequence) for e in await log_of(bench.bus, CENTERS)] == [("gwangju", 1)]

    await eventually(changed)


async def test_a_server_that_refuses_is_tried_again_under_the_same_alert_id(start: Start, sink: Sink) -> None:
    clock = ManualClock(datetime.now(UTC))
    bench = await start(clock)
    sink.refuse = True
    await bench.routed(event("report.routed", 1))

    async def failures() -> list[int]:
        return [getattr(e, "attempt", 0) for e in await log_of(bench.bus, ALERTS) if e.TYPE == "alert.failed.v1"]

    await eventually(failures)
    sink.refuse = False
    await clock.advance(10)
    await eventually(lambda: sink.mails)

    async def attempts() -> bool:
        sent = [e for e in await log_of(bench.bus, ALERTS) if e.TYPE == "alert.sent.v1"]
        return [getattr(e, "attempt", 0) for e in sent] == [2]

    await eventually(attempts)


async def test_two_processes_share_what_is_due_without_doubles(start: Start, sink: Sink) -> None:
    one, _ = await asyncio.gather(start(), start())
    await one.routed(*(event("report.routed", n) for n in range(300)))
    await eventually(lambda: len(set(sink.alert_ids())) == 300, 60)

    async def nothing_left() -> bool:
        return await one.notify.cases.collection.count_documents({"alert_version": 0}) == 0

    await eventually(nothing_left, 60)
    assert len(sink.mails) == 300
