"""A withdrawal stops everything at once: ladder, offers, mails on their way, details. Undone, somebody is told anew."""

import pytest

from services.notify.cases.models import CaseState, EntryKind
from tests.integration.notify.conftest import Start
from tests.integration.notify.moves import case_of, taken, tell
from tests.support.mail import MailSink
from tests.support.waiting import eventually
from tests.unit.notify.samples import event, report_id


@pytest.mark.own_service
async def test_a_claimed_alert_is_not_sent_once_the_report_is_withdrawn(
    start: Start, sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow the store is here: no look is good enough for a mail that had to wait.
    monkeypatch.setattr("services.notify.escalation.delivery.FRESH_S", 0.0)
    monkeypatch.setattr("services.notify.escalation.delivery.LONGEST_FRESH_S", 0.0)
    sink.flows.clear()
    harness = await start(smtp_connections=1, gather_s=0.5)
    await harness.routed(event("report.routed", 1), event("report.routed", 2))
    await eventually(lambda: sink.arrived == 1)

    async def both_claimed() -> bool:
        return all([(await case_of(harness, number)).lease_by is not None for number in (1, 2)])

    await eventually(both_claimed)
    # One mail is with the server, the other waits for the connection: both are withdrawn now.
    for number in (1, 2):
        await tell(harness, "report.ended", number, reason="withdrawn")
    sink.flows.set()

    async def recorded() -> bool:
        cases = [await case_of(harness, number) for number in (1, 2)]
        return sum(case.alert_version for case in cases) == 1

    await eventually(recorded)
    cases = [await case_of(harness, number) for number in (1, 2)]
    assert [(case.state, case.escalation, case.wake_at) for case in cases] == [(CaseState.ENDED, None, None)] * 2
    await harness.routed(event("report.routed", 3))
    await eventually(lambda: len(sink.mails) == 2)
    assert {str(mail["Subject"]).split()[1] for _, mail in sink.mails} == {
        next(case.alias for case in cases if case.alert_version),
        (await case_of(harness, 3)).alias,
    }


async def test_an_offer_dies_with_the_withdrawal_and_a_ticket_is_refused(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    await taken(harness)
    body = {"to_center_id": "busan", "ownership": 1, "reason": "place", "agreed": True}
    made = (
        await harness.http.post(f"/api/v1/cases/{report_id(1)}/transfer", json=body, auth=harness.staff("gwangju"))
    ).json()
    await eventually(harness.at_rest, "what was sent is written down: its lines stand before those of the end")
    await tell(harness, "report.ended", reason="withdrawn")
    case = await case_of(harness)
    assert (case.offer, case.offered_to, case.wake_at) == (None, None, None)
    assert case.entries[-2].kind is EntryKind.OFFER_DIED
    late = await harness.act("transfer/accept", report_id(1), "busan", "lee", offer_id=made["offer_id"])
    assert (late.status_code, late.json()["code"]) == (409, "offer_over")
    refused = await harness.act("details-ticket", report_id(1), "gwangju", "kim", ownership=1, purpose="message")
    assert (refused.status_code, refused.json()["code"]) == (410, "withdrawn")
    ended = await harness.act("contact", report_id(1), "gwangju", "kim", ownership=1, reached=True, way="came_to_us")
    assert (ended.status_code, ended.json()["code"]) == (409, "ended")
    assert "철회했습니다" in ended.json()["detail"]


async def test_the_page_of_a_withdrawn_case_says_so_and_offers_nothing(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    await taken(harness)
    who = harness.staff("gwangju", "counsellor", "lead", subject="kim")
    path, html = f"/cases/{report_id(1)}", {"Accept": "text/html", "Accept-Language": "en"}
    form = f'action="{path}/'
    assert f'{form}details"' in (await harness.http.get(path, auth=who, headers=html)).text
    await tell(harness, "report.updated", kind="message_left")
    await tell(harness, "report.ended", reason="withdrawn")
    for center in ("gwangju", "central"):
        page = await harness.http.get(path, auth=harness.staff(center, "counsellor", "lead"), headers=html)
        assert page.status_code == 200
        assert "The reporter withdrew the report. Nobody may contact them; the details are sealed." in page.text
        assert form not in page.text
    ask = {"ownership": 1, "purpose": "message"}
    late = await harness.http.post(f"{path}/details", data=ask, auth=who, headers=html)
    assert late.status_code == 410
    assert "The reporter withdrew the report at" in late.text
    assert form not in late.text
    assert 'name="ticket"' not in late.text


async def test_a_report_that_is_brought_back_is_alerted_anew(start: Start, sink: MailSink) -> None:
    harness = await start()
    await taken(harness)
    await tell(harness, "report.ended", reason="withdrawn")
    await eventually(harness.at_rest, "the first alert, if one was on its way, has arrived")
    mails = len(sink.mails)
    await tell(harness, "report.updated", kind="reinstated")
    case = await case_of(harness)
    assert (case.state, case.runs, case.acknowledged_by, case.ended) == (CaseState.WAITING, 3, None, None)
    await eventually(lambda: len(sink.mails) == mails + 1)
    assert EntryKind.REINSTATED in [entry.kind for entry in (await case_of(harness)).entries]
    assert (await harness.acknowledge(report_id(1), "gwangju", "lee")).status_code == 200
