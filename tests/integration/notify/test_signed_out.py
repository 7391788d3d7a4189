"""Whoever is signed out sees nothing more, also on a stream that was open before."""

import asyncio

from tests.integration.notify.conftest import Staff, Start
from tests.integration.notify.test_desk import Console, listening
from tests.support.mail import MailSink
from tests.support.waiting import DEADLINE_S, eventually
from tests.unit.notify.samples import event, report_id

SUBJECT = "s-gwangju"


async def test_a_stream_ends_after_signing_out(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    who = harness.principal("gwangju", subject=SUBJECT)
    signed_in = Staff(harness.people, lambda: who)
    async with listening(harness) as base:
        console = Console(harness, base, "gwangju", signed_in)
        task = asyncio.create_task(console.run())
        await asyncio.wait_for(console.listed.wait(), DEADLINE_S)
        await harness.routed(event("report.routed", 1))
        await eventually(lambda: report_id(1) in console.rows)
        harness.people.revoke(who.session)
        # Notify hears of it when it next asks for what has ended.
        await asyncio.wait_for(task, DEADLINE_S)
        assert console.said[-1] == ("reconnect", {"reason": "signed_out"})
        answer = await harness.http.get(f"/api/v1/cases/{report_id(1)}", auth=signed_in)
        assert answer.status_code == 401
        await harness.routed(event("report.routed", 2))
        await eventually(lambda: harness.case(report_id(2)))
        assert report_id(2) not in console.rows


async def test_a_stream_shows_ones_own_centre_only(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    for organisation, center, status in (
        ("gwangju", "busan", 403),
        ("gwangju", "central", 403),
        ("central", "busan", None),
    ):
        if status is not None:
            answer = await harness.http.get(f"/api/v1/stream?center={center}", auth=harness.staff(organisation))
            assert answer.status_code == status
        listed = await harness.http.get(f"/api/v1/cases?center={center}", auth=harness.staff(organisation))
        assert listed.status_code == (status or 200)
    for role in ("operator", "administrator"):
        answer = await harness.http.get("/api/v1/cases", auth=harness.staff("gwangju", role))
        assert answer.status_code == 403


async def test_only_leads_close_a_centre(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    closed = {"state": "closed", "staff_on_duty": 0}
    where = "/api/v1/centers/busan/duty"
    for organisation, role, status in (
        ("busan", "counsellor", 403),
        ("daegu", "lead", 403),
        ("central", "counsellor", 403),
        ("central", "lead", 200),
        ("busan", "lead", 200),
    ):
        answer = await harness.http.put(where, json=closed, auth=harness.staff(organisation, role))
        assert answer.status_code == status, (organisation, role)
    opened = {"state": "open", "staff_on_duty": 2}
    assert (await harness.http.put(where, json=opened, auth=harness.staff("busan", "counsellor"))).status_code == 200
    assert (await harness.http.put(where, json=opened, auth=harness.staff("central", "lead"))).status_code == 403
