"""Whoever is signed out sees nothing more, also on a stream that was open before."""

import asyncio

import pytest

from services.identity.accounts.models import Account, AccountState, Ending
from services.identity.sessions.service import Issued
from shared.identity.roles import StaffRole
from tests.integration.notify.conftest import NotifyHarness, Staff, Start
from tests.integration.notify.test_desk import Console, listening
from tests.support.mail import MailSink
from tests.support.waiting import eventually
from tests.unit.notify.samples import event, report_id

SUBJECT = "s-gwangju"


async def signed_in(harness: NotifyHarness) -> Issued:
    """A counsellor with an account and a session."""
    now = harness.clock.now()
    account = Account(
        subject=SUBJECT,
        name="gwangju-counsellor",
        display="김상담",
        organisation="gwangju",
        roles=(StaffRole.COUNSELLOR,),
        state=AccountState.ACTIVE,
        created_at=now,
        changed_at=now,
    )
    await harness.notify.accounts.store.add(account)
    issued = await harness.notify.accounts.sessions.begin(SUBJECT)
    assert issued is not None
    return issued


@pytest.mark.own_service  # a process remembers who was signed out
@pytest.mark.parametrize("elsewhere", [False, True])
async def test_a_stream_ends_within_seconds_of_signing_out(start: Start, sink: MailSink, *, elsewhere: bool) -> None:
    del sink
    harness = await start()
    other = await start() if elsewhere else harness
    issued = await signed_in(harness)
    async with listening(harness) as base:
        console = Console(harness, base, "gwangju", Staff(harness.notify, lambda: issued.principal))
        task = asyncio.create_task(console.run())
        await asyncio.wait_for(console.listed.wait(), 10)
        await harness.routed(event("report.routed", 1))
        await eventually(lambda: report_id(1) in console.rows)
        began = asyncio.get_running_loop().time()
        await other.notify.accounts.sessions.end(SUBJECT, Ending.SIGNED_OUT, only=issued.principal.session)
        await asyncio.wait_for(task, 6)
        took = asyncio.get_running_loop().time() - began
        assert console.said[-1] == ("reconnect", {"reason": "signed_out"})
        # Another process hears of it when it next asks for what has ended.
        assert took < (5.5 if elsewhere else 2.5)
        answer = await harness.http.get(f"/api/v1/cases/{report_id(1)}", auth=None, headers=_bearer(issued))
        assert answer.status_code == 401
        await harness.routed(event("report.routed", 2))
        await eventually(lambda: harness.case(report_id(2)))
        assert report_id(2) not in console.rows


def _bearer(issued: Issued) -> dict[str, str]:
    return {"Authorization": f"Bearer {issued.token}"}


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
