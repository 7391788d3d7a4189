"""The authorisation matrix: every route of every service, everybody, their own things and others', signed out."""

import re
from dataclasses import replace
from typing import Any

import httpx
import pytest

from shared.identity.roles import Action, StaffRole, allowed
from shared.web.authorization import routes_without_one_action
from shared.web.openapi import openapi_of
from tests.integration.trust.asking import REPORT
from tests.integration.trust.asks import ASKS
from tests.integration.trust.matrix import EVERYBODY, NOT_STAFF, Cell, Knocking, Person, cells, keys, routes, table
from tests.integration.trust.system import ASKED, ELSEWHERE, OWNER, STRANGER, URLS, SystemHarness, state

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(480)]

NOBODYS = "00000000-0000-4000-8000-000000000000"
"""A report that does not exist."""


async def test_every_route_has_one_door_and_the_api_document_knows_no_other(system: SystemHarness) -> None:
    assert {service: routes_without_one_action(app) for service, app in system.apps.items()} == {
        service: [] for service in system.apps
    }
    known = keys(system)
    for service, app in system.apps.items():
        described = {
            (service, method.upper(), path)
            for path, item in openapi_of(app)["paths"].items()
            for method in item
            if method in {"get", "post", "put", "patch", "delete"}
        }
        assert described
        assert described <= known.keys()
        shown = {
            (service, method, entry.path)
            for name, entry in routes(system)
            if name == service and entry.in_schema
            for method in entry.methods
        }
        assert shown == described


async def test_every_route_is_knocked_at_and_there_is_no_other(system: SystemHarness) -> None:
    known = keys(system)
    assert sorted(known.keys() - ASKS.keys()) == [], "routes without a request in asks.py"
    assert sorted(ASKS.keys() - known.keys()) == [], "requests for routes that are no more"


async def test_no_answer_names_the_host_that_a_request_claims(system: SystemHarness) -> None:
    """With and without a slash at the end, at every route: else a link in a message leads to somebody else's form."""
    for service, method, path in keys(system):
        plain = re.sub(r"\{[^}]*\}", "x", path)
        async with system.http(service) as http:
            for asked in {plain, plain.rstrip("/") or "/", f"{plain.rstrip('/')}/"}:
                answer = await http.request(method, asked, headers={"Host": "evil.example"}, follow_redirects=False)
                assert answer.status_code not in {307, 308}, f"{method} {service} {asked}"
                assert "evil.example" not in f"{answer.headers} {answer.text}", f"{method} {service} {asked}"


async def test_who_signs_in_again_after_sending_a_form_comes_to_a_page_for_staff(system: SystemHarness) -> None:
    knocking, faults, ends = Knocking(system), [], {}
    services = {httpx.URL(url).netloc: service for service, url in URLS.items()}
    for (service, method, path), action in keys(system).items():
        if method != "POST" or path.startswith("/api/") or action in NOT_STAFF:
            continue
        asked = replace(ASKS[service, method, path][0], query={}, body=None)
        mine = [Cell((service, "GET", path), action, asked, who) for who in EVERYBODY]
        cell = next(one for one in mine if one.may())
        answer = (await knocking.one(cell)).answer
        while answer.status_code == httpx.codes.SEE_OTHER:
            target = answer.url.join(answer.headers["location"])
            where = services[target.netloc]
            assert cell.who is not None
            headers = system.browser(cell.who.organisation, cell.who.role, service=where)
            async with system.http(where) as http:
                answer = await http.get(target, headers=headers)
        ends[service, path] = answer.url
        # There is no call and no passkey of the name that is asked for here.
        fine = (
            {httpx.codes.OK, httpx.codes.NOT_FOUND} if cell.ask.path and REPORT not in cell.ask.path.values() else {200}
        )
        if answer.status_code not in fine or "data-quick-exit" in answer.text:
            faults.append(f"{cell}: {answer.status_code} at {answer.url}")
    assert not faults, "\n".join(faults)
    assert ends["notify", "/cases/{report_id}/details"] == ends["notify", "/cases/{report_id}/acknowledge"]
    assert ends["intake", "/find"] == f"{URLS['notify']}/"
    for path in ("answer", "note", "confirm"):
        assert ends["intake", f"/details/{{report_id}}/{path}"] == ends["notify", "/cases/{report_id}/acknowledge"]


async def test_everybody_gets_what_the_table_says_and_nothing_changes(system: SystemHarness) -> None:
    before = await state(system)
    wanted = cells(keys(system))
    seen = await Knocking(system).all(wanted)
    faults = [fault for one in seen if (fault := one.fault())]
    assert not faults, f"{len(faults)} of {len(wanted)}:\n" + "\n".join(faults) + "\n" + table(seen)
    assert await state(system) == before
    # Neither everybody nor nobody is let in: a matrix of one kind would prove nothing.
    assert {one.cell.may() for one in seen if one.cell.action not in NOT_STAFF} == {True, False}
    for role in StaffRole:
        assert any(one.cell.may() for one in seen if one.cell.who and one.cell.who.role is role)


@pytest.mark.thorough
async def test_whoever_may_not_learns_nothing_of_what_they_asked_about(system: SystemHarness) -> None:
    """The same refusal whoever owns a report, however it stands, and whether it exists."""
    knocking = Knocking(system)
    wanted = [cell for cell in cells(keys(system)) if _about_a_report(cell) and _foreign(cell)]
    assert len(wanted) > 100
    here = await knocking.all(wanted)
    withdrawn = await knocking.all(wanted, report_id=system.reports[ELSEWHERE].report_id)
    nowhere = await knocking.all(wanted, report_id=NOBODYS)
    for first, second, third in zip(here, withdrawn, nowhere, strict=True):
        cell = first.cell
        assert first.answer.status_code in {401, 403, 303}, str(cell)
        assert _same(first.answer) == _same(second.answer), str(cell)
        assert _same(first.answer) == _same(third.answer), str(cell)


async def test_refusals_are_in_the_audit_with_who_and_what(system: SystemHarness) -> None:
    town_report = system.reports[OWNER].report_id
    for service, path in (("intake", f"/erasures/{town_report}"), ("notify", f"/cases/{town_report}/close")):
        log = system.intake.audit if service == "intake" else system.notify.audit
        subject = f"s-{service}-probe"
        form = {"do": "destroy", "reason": "requester_asks", "ownership": "1", "outcome": "supported"}
        token = system.token(STRANGER, "lead", service=service, subject=subject)
        async with system.http(service, authorization=f"Bearer {token}") as http:
            assert (await http.post(path, data=form)).status_code == 403
        await log.settle()
        [line] = [line async for line in log.lines.find({"actor": subject})]
        assert (line["outcome"], line["organisation"]) == ("refused", STRANGER)
        assert line["report"] == log.keys.reference(town_report)
        assert await log.verify() == []


def _about_a_report(cell: Cell) -> bool:
    given: list[Any] = [*cell.ask.path.values(), *(cell.ask.body or {}).values()]
    return REPORT in given and cell.action not in NOT_STAFF


def _foreign(cell: Cell) -> bool:
    """Not allowed, and a stranger to both reports, whom no oversight lets read them anyway."""
    who = cell.who
    if cell.may() or who is None:
        return not cell.may()
    reads = allowed(who.role, who.organisation, Action.CASES_READ, OWNER)
    return not reads and who.organisation not in {OWNER, ASKED}


def _same(answer: Any) -> tuple[int, str]:
    """An answer without what differs each time: its trace, the path that was asked."""
    text = re.sub(r"[0-9a-f]{32}", "", answer.text)
    return answer.status_code, re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", text)


async def test_everybody_there_can_be_is_asked() -> None:
    assert Person("busan", StaffRole.LEAD) in EVERYBODY
    assert len(EVERYBODY) == 3 * 4 + 5 + 3
