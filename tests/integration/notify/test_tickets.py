"""Who gets a ticket to a report's details: the owning centre's counsellors and leads, on record, and nobody else."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from shared.audit.model import AuditEntry
from shared.audit.queries import AuditReader, Filter
from shared.errors import TransientError
from shared.identity.roles import MINISTRY, StaffRole, roles_at
from shared.identity.tokens import Purpose, TicketKey
from tests.integration.notify.conftest import NotifyHarness, Staff, Start
from tests.integration.notify.moves import taken, tell
from tests.support.mail import MailSink
from tests.support.staff import TICKET_KEY
from tests.unit.notify.samples import report_id

ID = report_id(1)
KEY = TicketKey(TICKET_KEY)
ASK = {"ownership": 1, "purpose": "first_contact"}


async def asked(harness: NotifyHarness, organisation: str, role: str, **body: object) -> tuple[int, str]:
    answer = await harness.act("details-ticket", ID, organisation, "kim", role, **(ASK | body))
    return answer.status_code, answer.json().get("code", "")


async def test_every_role_of_every_kind_of_organisation(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    await taken(harness)
    opened = {
        (organisation, role): (await asked(harness, organisation, role))[0]
        for organisation in ("gwangju", "busan", "central", MINISTRY)
        for role in sorted(roles_at(organisation))
    }
    given = {pair for pair, status in opened.items() if status == 200}
    assert given == {("gwangju", StaffRole.COUNSELLOR), ("gwangju", StaffRole.LEAD)}
    assert {status for pair, status in opened.items() if pair not in given} == {403}
    forged = {"Authorization": "Bearer no.token.atall"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=harness.notify.app), base_url="http://n") as nobody:
        for headers in ({}, forged):
            unsigned = await nobody.post(f"/api/v1/cases/{ID}/details-ticket", json=ASK, headers=headers)
            assert unsigned.status_code == 401


async def test_a_ticket_says_what_it_is_for_and_stands_in_the_audit(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    await taken(harness)
    made = (await harness.act("details-ticket", ID, "gwangju", "kim", "lead", **ASK)).json()
    assert made["url"] == "http://127.0.0.1:8001/details"
    ticket = KEY.verify(made["ticket"], (), harness.clock.now())
    assert (ticket.report_id, ticket.ownership, ticket.organisation) == (ID, 1, "gwangju")
    assert (ticket.subject, ticket.purpose) == ("kim", Purpose.FIRST_CONTACT)
    assert ticket.expires_at - harness.clock.now() <= timedelta(seconds=60)
    assert harness.notify.identity.verify(made["ticket"]) is None
    page, _ = await AuditReader(harness.notify.audit).page(Filter(report=harness.notify.audit.keys.reference(ID)))
    line = next(line for line in page if line.action == "details.open")
    assert (line.actor, line.organisation, line.outcome, line.reason) == ("kim", "gwangju", "done", "first_contact")
    other = (await harness.act("details-ticket", ID, "gwangju", "kim", "lead", **ASK)).json()
    assert KEY.verify(other["ticket"], (), harness.clock.now()).ticket_id != ticket.ticket_id


async def test_without_a_recent_second_factor_no_ticket_leaves_and_one_goes_on_after_it(
    start: Start, sink: MailSink
) -> None:
    del sink
    harness = await start()
    await taken(harness)
    long_ago = harness.clock.now() - timedelta(hours=3)
    late = Staff(harness.people, lambda: replace(harness.principal("gwangju", subject="kim"), confirmed_at=long_ago))
    refused = await harness.http.post(f"/api/v1/cases/{ID}/details-ticket", json=ASK, auth=late)
    assert (refused.status_code, refused.json()["code"]) == (401, "step_up_needed")
    page = {"sec-fetch-site": "same-origin", "accept": "text/html"}
    asked = await harness.http.post(f"/cases/{ID}/details", data=ASK, auth=late, headers=page)
    (back,) = parse_qs(urlsplit(asked.headers["location"]).query)["next"]
    assert (asked.status_code, back) == (
        303,
        f"http://127.0.0.1:8003/cases/{ID}/details?ownership=1&purpose=first_contact",
    )
    kim = harness.staff("gwangju", subject="kim")
    onward = await harness.http.get(back.removeprefix("http://127.0.0.1:8003"), auth=kim, headers=page)
    for name, value in ASK.items():
        assert f'name="{name}" value="{value}"' in onward.text
    given = await harness.http.post(f"/cases/{ID}/details", data=ASK, auth=kim, headers=page)
    assert 'name="ticket"' in given.text
    other = await harness.http.get(
        back.removeprefix("http://127.0.0.1:8003"), auth=harness.staff("busan"), headers=page
    )
    assert other.status_code == 403


async def test_only_the_present_ownership_counts(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    await taken(harness)
    assert await asked(harness, "gwangju", "counsellor", ownership=2) == (409, "owner_changed")
    await tell(harness, "report.rerouted", center="busan", previous_center_id="gwangju", cause={"kind": "case_event"})
    assert await asked(harness, "gwangju", "counsellor") == (403, "owner_changed")
    assert await asked(harness, "busan", "counsellor") == (409, "owner_changed")
    assert await asked(harness, "busan", "counsellor", ownership=2) == (200, "")
    assert await asked(harness, "busan", "counsellor", ownership=2, purpose="curiosity") == (422, "invalid")


async def test_without_its_line_in_the_audit_nothing_is_opened_or_done(
    start: Start, sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    del sink
    harness = await start()
    await taken(harness)

    async def broken(*entries: AuditEntry) -> None:
        raise TransientError(f"{len(entries)} lines could not be written")

    monkeypatch.setattr(type(harness.notify.audit), "append", staticmethod(broken))
    assert await asked(harness, "gwangju", "counsellor") == (503, "unavailable")
    refused = await harness.act("contact", ID, "gwangju", "kim", ownership=1, reached=True, way="came_to_us")
    assert refused.status_code == 503
    case = await harness.notify.case_service.case(ID)
    assert case is not None
    assert case.contacted_at is None


async def test_the_page_leads_to_intake_with_the_ticket_in_a_form(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    await taken(harness)
    who = harness.staff("gwangju", "counsellor", subject="kim")
    page = await harness.http.post(f"/cases/{ID}/details", data=ASK, auth=who, headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert 'action="http://127.0.0.1:8001/details"' in page.text
    assert "form-action 'self' http://127.0.0.1:8001" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "strict-origin"
    ticket = page.text.partition('name="ticket" value="')[2].partition('"')[0]
    assert KEY.verify(ticket, (), harness.clock.now()).report_id == ID
    stale = await harness.http.post(
        f"/cases/{ID}/details", data=ASK | {"ownership": 9}, auth=who, headers={"Accept": "text/html"}
    )
    assert stale.status_code == 409
    assert 'name="ticket"' not in stale.text
