"""What a centre notes about its work, by the API: contact only as agreed, deletions, joined cases, caps, the rota."""

import asyncio
import re
from functools import partial
from typing import Any

import pytest

from services.notify.console import lists
from services.notify.console.lists import CaseCounts, count_cases
from shared.identity.directory import Colleague, Directory
from shared.identity.roles import StaffRole
from shared.severity import RANK, SEVERE_PER_PERSON
from tests.integration.notify.conftest import NotifyHarness, Start
from tests.integration.notify.moves import answer, case_of, taken, tell, told
from tests.integration.notify.test_on_record import lines
from tests.support.mail import MailSink
from tests.support.waiting import eventually
from tests.unit.notify.samples import event, report_id

ID, OTHER = report_id(1), report_id(2)


async def act(
    harness: NotifyHarness, what: str, by: str = "kim", role: str = "counsellor", **body: Any
) -> tuple[int, str]:
    came = await harness.act(what, ID, "gwangju", by, role, **{"ownership": 1, **body})
    return came.status_code, str(came.json().get("code", ""))


def colleague(harness: NotifyHarness, subject: str) -> None:
    roles = (StaffRole.COUNSELLOR,)
    somebody = Colleague(subject=subject, display=subject.title(), organisation="gwangju", roles=roles, active=True)
    harness.notify.staff.take(Directory(staff=(somebody,)))


async def _said(harness: NotifyHarness, kind: str, times: int) -> bool:
    return [one.TYPE for one in await told(harness)].count(kind) == times


async def test_contact_needs_an_agreed_way_and_the_rules_read_since_they_could_change(
    start: Start, sink: MailSink
) -> None:
    del sink
    harness = await start()
    await taken(harness)
    assert (await case_of(harness)).contact_channels == ("text",)
    assert await act(harness, "contact", way="phone", reached=True) == (409, "way_not_agreed")
    assert await act(harness, "contact", way="text", reached=True) == (409, "rules_not_read")
    assert await act(harness, "contact", reached=True) == (422, "invalid")
    assert await act(harness, "details-ticket", purpose="first_contact") == (200, "")
    assert await act(harness, "contact", by="lee", way="text", reached=True) == (409, "rules_not_read")
    assert await act(harness, "contact", way="text", reached=True) == (200, "")
    await tell(harness, "report.updated", kind="amended")
    assert await act(harness, "contact", way="text", reached=True) == (409, "rules_not_read")
    assert await act(harness, "contact", way="came_to_us", reached=True) == (200, "")
    lines = [(entry.kind.value, entry.reason) for entry in (await case_of(harness)).entries]
    assert ("opened", "first_contact") in lines
    assert ("contacted", "text") in lines
    await eventually(lambda: _said(harness, "case.contacted.v1", 2))


async def test_deletions_are_counted_as_support_and_two_who_differ_hear_of_it(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    await taken(harness)
    assert await act(harness, "deletions", platform="social_media", addresses=3) == (200, "")
    assert await act(harness, "deletions", platform="social_media", addresses=0) == (422, "invalid")
    came = await asyncio.gather(*(act(harness, "deletions/1", state=state) for state in ("removed", "refused")))
    assert sorted(status for status, _ in came) in ([200, 200], [200, 409])
    stands = (await case_of(harness)).deletions[0].state
    assert await act(harness, "deletions/1", state=stands) == (200, "")
    assert await act(harness, "deletions/2", state="removed") == (404, "no_such_deletion")
    view = (await harness.http.get(f"/api/v1/cases/{ID}")).json()
    assert [one["addresses"] for one in view["deletions"]] == [3]
    await eventually(lambda: _said(harness, "case.supported.v1", 1))


async def test_linked_cases_come_under_one_person_and_part_when_one_moves(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    facts = {**event("report.routed", 1).model_dump(mode="json")["facts"], "linked_reports": [OTHER]}
    await taken(harness, 1, facts=facts)
    await taken(harness, 2, center="gwangju")
    assert (await harness.act("assign", OTHER, "gwangju", "lee", ownership=1)).status_code == 200
    assert await act(harness, "join", other_id=OTHER, agreed=False) == (422, "agreement_missing")
    assert await act(harness, "join", other_id=report_id(7), agreed=True) == (422, "not_linked")
    assert await act(harness, "join", other_id=OTHER, agreed=True) == (200, "")
    await eventually(harness.at_rest, "the alerts of both are written down, each a revision")
    one, two = await case_of(harness, 1), await case_of(harness, 2)
    assert (one.joined, two.joined) == ((OTHER,), (ID,))
    assert {one.assignee, two.assignee} == {"kim"}
    revs = (one.rev, two.rev)
    assert await act(harness, "join", other_id=OTHER, agreed=True) == (200, "")
    assert ((await case_of(harness, 1)).rev, (await case_of(harness, 2)).rev) == revs
    offer = await harness.act("transfer", OTHER, "gwangju", "kim", ownership=1, to_center_id="busan", reason="place")
    accepted = await harness.act("transfer/accept", OTHER, "busan", "park", offer_id=offer.json()["offer_id"])
    assert accepted.status_code == 202
    await answer(harness, 2)
    assert (await case_of(harness, 2)).joined == ()
    assert await act(harness, "part", other_id=OTHER) == (200, "")
    assert (await case_of(harness, 1)).joined == ()


async def test_two_leads_at_once_give_a_person_no_more_severe_cases_than_one_may_have(
    start: Start, sink: MailSink
) -> None:
    del sink
    harness = await start()
    colleague(harness, "lee")
    numbers = range(1, 4 + SEVERE_PER_PERSON)
    for number in numbers:
        await taken(harness, number, urgency="critical")

    async def given(number: int) -> int:
        made = await harness.act("assign", report_id(number), "gwangju", "kim", ownership=1, assignee="lee")
        return made.status_code

    assert sorted(await asyncio.gather(*map(given, numbers))) == [200] * SEVERE_PER_PERSON + [409] * 3
    with_lee = {number: (await case_of(harness, number)).assignee == "lee" for number in numbers}
    assert sum(with_lee.values()) == SEVERE_PER_PERSON
    # A place that was refused is given back: one case fewer, and another may come.
    full = next(number for number in numbers if not with_lee[number])
    free = next(number for number in numbers if with_lee[number])
    assert (await harness.act("assign", report_id(free), "gwangju", "kim", ownership=1)).status_code == 200
    assert await given(full) == 200


async def test_a_person_is_given_no_more_severe_cases_than_one_may_have(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    colleague(harness, "lee")
    for number in range(2, 2 + SEVERE_PER_PERSON):
        await taken(harness, number, urgency="critical")
        given = await harness.act("assign", report_id(number), "gwangju", "kim", ownership=1, assignee="lee")
        assert given.status_code == 200, given.text
    await taken(harness, 1, urgency="critical")
    assert await act(harness, "assign", assignee="lee") == (409, "severe_cap")
    assert await act(harness, "assign", assignee="lee", over_cap=True) == (409, "severe_cap")
    assert await act(harness, "assign", role="lead", assignee="lee", over_cap=True) == (200, "")


async def test_a_linked_severe_case_is_put_under_nobody_who_has_as_many_as_one_may_have(
    start: Start, sink: MailSink
) -> None:
    del sink
    harness = await start()
    colleague(harness, "lee")
    mild = {"urgency": "normal", "urgency_reasons": ["none_of_these"], "harm_types": ["other"], "age_band": "30s"}
    facts = {**event("report.routed", 1).model_dump(mode="json")["facts"], **mild, "linked_reports": [OTHER]}
    await taken(harness, 1, facts=facts)
    for number in range(3, 3 + SEVERE_PER_PERSON):
        await taken(harness, number, urgency="critical")
    await taken(harness, 2, urgency="critical")
    assert (await harness.act("assign", OTHER, "gwangju", "kim", ownership=1, assignee="lee")).status_code == 200
    assert await act(harness, "join", other_id=OTHER, agreed=True) == (409, "severe_cap")
    assert ((await case_of(harness, 1)).joined, (await case_of(harness, 2)).assignee) == ((), "lee")
    given = await harness.act("assign", report_id(3), "gwangju", "lee", ownership=1)
    assert given.status_code == 200, "one of kim's goes to lee"
    assert await act(harness, "join", other_id=OTHER, agreed=True) == (200, ""), "no place is held any more"
    assert (await case_of(harness, 2)).assignee == "kim"


async def test_a_form_sent_without_its_choice_names_it_and_leads_to_it(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    await taken(harness)
    headers = {"Accept": "text/html", "Accept-Language": "en"}
    who, form = harness.staff("gwangju", "counsellor"), {"ownership": "1"}
    for path, control, label in (
        ("support", "support", "Support given"),
        ("transfer", "reason-transfer", "Reason"),
        ("details", "purpose", "Why you open them"),
    ):
        refused = await harness.http.post(f"/cases/{ID}/{path}", data=form, auth=who, headers=headers)
        assert refused.status_code == 422
        assert ">Sign out</a>" in refused.text
        link = re.search(rf'<a href="([^"]+)#{control}">{label}</a>', refused.text)
        assert link is not None, refused.text
        back = await harness.http.get(link[1], auth=who, headers=headers, follow_redirects=True)
        assert back.url.path == f"/cases/{ID}"
        assert f'<label for="{control}">{label}</label>' in back.text


async def test_the_rota_is_changed_by_its_lead_over_what_they_saw(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    colleague(harness, "lee")
    lead, counsellor = harness.staff("gwangju", "lead"), harness.staff("gwangju", "counsellor")
    shift = {"rev": "0", "subject": "lee", "day": ["0", "1"], "start": "09:00", "end": "18:00"}
    path = "/team/gwangju/shifts"
    assert (await harness.http.post(path, data=shift, auth=counsellor)).status_code == 403
    assert (await harness.http.post(path, data=shift, auth=harness.staff("busan", "lead"))).status_code == 403
    came = await asyncio.gather(*(harness.http.post(path, data=shift, auth=lead) for _ in range(3)))
    assert sorted(one.status_code for one in came) == [303, 409, 409]
    wrongs: list[dict[str, Any]] = [{"subject": "nobody"}, {"start": "25:00"}, {"day": []}]
    for wrong in wrongs:
        answered = await harness.http.post(path, data={**shift, "rev": "1", **wrong}, auth=lead)
        assert answered.status_code == 422, wrong
    page = await harness.http.get("/team/gwangju", auth=counsellor, headers={"Accept-Language": "en"})
    assert "Lee" in page.text
    assert "Add the shift" not in page.text
    assert (await harness.http.post(f"{path}/0/remove", data={"rev": "1"}, auth=lead)).status_code == 303
    assert (await harness.http.post(f"{path}/0/remove", data={"rev": "2"}, auth=lead)).status_code == 409


async def test_a_hand_over_says_whether_there_is_no_rota_or_nobody_on_it(
    start: Start, sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    del sink
    monkeypatch.setattr("services.notify.team.pages.holiday", lambda *_: None)
    harness = await start()
    colleague(harness, "lee")
    lead = harness.staff("gwangju", "lead")

    async def read() -> str:
        page = await harness.http.get("/team/gwangju/hand-over", auth=lead, headers={"Accept-Language": "en"})
        return page.text

    assert "Nobody has made a rota yet." in await read()
    shift = {"rev": "0", "subject": "lee", "holidays": "true", "start": "09:00", "end": "18:00"}
    assert (await harness.http.post("/team/gwangju/shifts", data=shift, auth=lead)).status_code == 303
    page = await read()
    assert ("Nobody has made a rota yet." in page, "Nobody is on the rota this week." in page) == (False, True)


@pytest.mark.parametrize("synthetic", [True, False])
async def test_a_hand_over_says_which_case_is_a_drill(start: Start, sink: MailSink, *, synthetic: bool) -> None:
    del sink
    harness = await start()
    await harness.routed(event("report.routed", 1, synthetic=synthetic))
    await eventually(lambda: harness.case(ID))
    lead = harness.staff("gwangju", "lead")
    page = await harness.http.get("/team/gwangju/hand-over", auth=lead, headers={"Accept-Language": "en"})
    assert ('<em class="mark">Drill</em>' in page.text) is synthetic
    counted = "0, Drills: 1" if synthetic else "1"
    assert f"<h2>Nobody has answered ({counted})</h2>" in page.text, "whoever comes next reads how many people wait"


async def test_however_many_wait_the_team_and_who_comes_next_see_what_each_person_has(
    start: Start, sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    del sink
    harness = await start()
    colleague(harness, "kim")
    await taken(harness, 1)
    await harness.routed(event("report.routed", 2), event("report.routed", 3))
    for number in (2, 3):
        await eventually(partial(harness.case, report_id(number)))
    lead = harness.staff("gwangju", "lead")

    async def read(path: str) -> str:
        page = await harness.http.get(f"/team/gwangju{path}", auth=lead, headers={"Accept-Language": "en"})
        return re.sub(r"<[^>]+>|\s+", " ", page.text)

    cut = "the first 1 each."
    assert cut not in await read("") + await read("/hand-over")
    monkeypatch.setattr(lists, "SHOWN", 1)
    page = " ".join((await read("")).split())
    assert "Kim 1 0 0 1" in page or "Kim 1 1 0 1" in page, "open, severe, something new, not yet reached"
    assert "With nobody 2" in page
    assert cut in page
    page = " ".join((await read("/hand-over")).split())
    assert "Nobody has answered (1)" in page
    assert "Acknowledged, the person not yet reached (1)" in page
    assert cut in page


@pytest.mark.parametrize(("organisation", "status"), [("gwangju", 303), ("busan", 404), ("central", 303)])
async def test_a_name_leads_to_the_case_for_whoever_may_read_it(
    start: Start, sink: MailSink, organisation: str, status: int
) -> None:
    del sink
    harness = await start()
    await harness.routed(event("report.routed", 1))
    await eventually(lambda: harness.case(ID))
    alias = (await case_of(harness)).alias
    came = await harness.http.post("/search", data={"alias": f" {alias} "}, auth=harness.staff(organisation))
    assert came.status_code == status
    receipt = await harness.http.post(
        "/search",
        data={"alias": "1234 5678 9012 3450"},
        auth=harness.staff(organisation),
        headers={"Accept-Language": "en"},
    )
    assert receipt.status_code == 404
    assert "receipt number" in receipt.text
    assert "5678" not in receipt.text


async def test_central_sees_copies_and_what_is_late_but_opens_no_details(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    await taken(harness, 1, copy_central=True)
    await taken(harness, 2)
    page = await harness.http.get("/?center=central")
    assert f"case-{ID}" in page.text
    assert f"case-{OTHER}" not in page.text
    ticket = await harness.http.post(
        f"/api/v1/cases/{ID}/details-ticket", json={"ownership": 1, "purpose": "first_contact"}
    )
    assert ticket.status_code == 403


async def test_a_centre_sees_its_own_true_numbers_and_nobody_elses(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    now = harness.clock.now().isoformat()
    await harness.routed(
        event("report.routed", 1, received_at=now, decided_at=now),
        event("report.routed", 2, received_at=now, decided_at=now),
        event("report.routed", 3, received_at=now, decided_at=now, synthetic=True),
        event("report.routed", 4, received_at=now, decided_at=now, center="busan"),
    )
    await eventually(lambda: harness.shown(1, 2, 3, 4))
    assert (await harness.acknowledge(report_id(1), "gwangju", "kim")).status_code == 200
    who, english = harness.staff("gwangju"), {"Accept-Language": "en"}
    page = (await harness.http.get("/team/gwangju/numbers", auth=who, headers=english)).text
    months = page.partition("<tbody>")[2].partition("</tbody>")[0].split("</tr>")
    rows = [re.findall(r"<td class=\"num\">([^<]*)</td>", month) for month in months]
    (cells,) = [row for row in rows if row and row[0] != "0"]  # the running month, or one that ended just now
    assert (cells[:2], cells[3:]) == (["2", "1"], ["0", "0", "0"])
    assert "Synthesis" in page or "Distribution" in page
    other = await harness.http.get("/team/busan/numbers", auth=who, headers=english)
    assert other.status_code == 403
    assert (await harness.http.get("/team/nowhere/numbers", auth=who)).status_code in {403, 404, 422}


async def test_a_refusal_keeps_the_staffs_page_and_offers_no_quick_exit(start: Start) -> None:
    """Telephones for victims and a button that leaves the page are for those who report."""
    harness = await start()
    answer = await harness.http.get(f"/cases/{report_id(404)}", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert 'href="tel:' not in answer.text
    assert "data-quick-exit" not in answer.text
    assert 'class="who"' in answer.text


async def test_drills_are_on_the_list_and_in_no_count(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    await harness.routed(event("report.routed", 1, synthetic=True), event("report.routed", 2))
    await eventually(lambda: harness.shown(1, 2))
    await taken(harness, 3, center="gwangju", synthetic=True)
    for who in ("gwangju", None):
        assert (await harness.notify.cases.waiting(who), await harness.notify.cases.working(who)) == (1, 0)
    await tell(harness, "report.updated", 3, kind="message_left")
    offered = await harness.act(
        "transfer", report_id(3), "gwangju", "kim", ownership=1, to_center_id="jeju", reason="place"
    )
    assert offered.status_code == 202, offered.text
    for who in ("gwangju", "central"):
        assert await count_cases(harness.notify.cases, who) == CaseCounts(
            waiting=1, new=0, working=0, held=0, offered=0
        )
    page = await harness.http.get("/", auth=harness.staff("gwangju"))
    assert page.text.count("data-drill") == 2
    assert (await harness.acknowledge(report_id(2), "gwangju", "kim")).status_code == 200
    waits = [await harness.notify.cases.first_waiting(rank, None, None) for rank in RANK.values()]
    assert waits == [None] * len(RANK), "a drill that nobody takes is not somebody who waits"


async def test_a_case_that_cannot_be_read_hides_nobody_who_has_waited_since(start: Start, sink: MailSink) -> None:
    """Nor does it keep the metrics beside it, as of what is due, from being told."""
    del sink
    harness = await start()
    await harness.routed(*[event("report.routed", number) for number in (1, 2, 3)])
    await eventually(lambda: harness.shown(1, 2, 3))
    cases = harness.notify.cases
    first, second, third = sorted(report_id(number) for number in (1, 2, 3))  # received at once, they stand so
    for one, field in ((first, "received_at"), (second, "synthetic")):
        await cases.collection.update_one({"_id": one}, {"$unset": {field: ""}})
    readable = await harness.notify.case_service.case(third)
    assert readable is not None
    assert await cases.first_waiting(RANK[readable.urgency], None, None) == readable.received_at


@pytest.mark.own_service  # it reads the whole audit
async def test_looking_at_another_centres_team_is_on_record_as_a_look(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    for path in ("/team/gwangju", "/team/gwangju/hand-over", "/team/gwangju/numbers"):
        came = await harness.http.get(path, auth=harness.staff("busan", subject="s-busan"))
        assert came.status_code == 403

    async def noted() -> list[tuple[str | None, str | None, dict[str, str]]]:
        found = await lines(harness, "centers.team")
        return found if len(found) == 3 else []

    assert {(who, of) for who, of, _ in await eventually(noted)} == {("s-busan", "busan")}
    assert await lines(harness, "centers.duty") == []


@pytest.mark.parametrize(
    ("organisation", "role", "offered"),
    [
        ("jeju", "counsellor", ["open", "short_staffed"]),
        ("jeju", "lead", ["open", "short_staffed", "closed"]),
        ("central", "lead", ["closed"]),
    ],
)
async def test_the_form_of_who_is_on_duty_offers_what_its_reader_may_say(
    start: Start, sink: MailSink, organisation: str, role: str, offered: list[str]
) -> None:
    del sink
    harness = await start()
    page = await harness.http.get("/?center=jeju", auth=harness.staff(organisation, role))
    form = page.text.partition('action="/centers/jeju/duty"')[2].partition("</form>")[0]
    assert re.findall(r'<option value="(\w+)"', form) == offered
    # What they may not say again is shown, and nothing else is chosen for them.
    assert ('<option value="" disabled selected>' in form) is (offered == ["closed"])
    for state in offered:
        said = {"state": state, "staff_on_duty": "2", "cases_per_person": "15"}
        answer = await harness.http.post("/centers/jeju/duty", data=said, auth=harness.staff(organisation, role))
        assert answer.status_code == 303
    if organisation == "central":
        page = await harness.http.get("/?center=jeju", auth=harness.staff(organisation, role))
        form = page.text.partition('action="/centers/jeju/duty"')[2].partition("</form>")[0]
        assert re.findall(r'<option value="(\w+)"', form) == ["open", "short_staffed", "closed"], "who closed may undo"
        said = {"state": "open", "staff_on_duty": "2", "cases_per_person": "15"}
        answer = await harness.http.post("/centers/jeju/duty", data=said, auth=harness.staff(organisation, role))
        assert answer.status_code == 303
        again = await harness.http.post("/centers/jeju/duty", data=said, auth=harness.staff(organisation, role))
        assert again.status_code == 403, "and nothing else"
    elif offered[-1] == "closed":
        page = await harness.http.get("/?center=jeju", auth=harness.staff("jeju", "counsellor"))
        form = page.text.partition('action="/centers/jeju/duty"')[2].partition("</form>")[0]
        assert re.findall(r'<option value="(\w*)"( disabled selected)?', form)[0] == ("", " disabled selected")
        assert "선택(현재: 운영 안 함)" in form
