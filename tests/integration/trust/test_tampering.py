"""Forged and foreign requests against every route there is: refused, nothing changed, written down where they reach."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.identity.cookies import SERVICES, token_cookie
from shared.identity.tokens import ACCESS_TYPE, Purpose, Signer, Ticket, TicketKey
from shared.key_setting import key_bytes
from shared.web import authorization
from tests.integration.trust.matrix import NOT_STAFF, Cell, Knocking, cells, keys
from tests.integration.trust.opening import a_key
from tests.integration.trust.system import OWNER, STRANGER, URLS, Lodged, SystemHarness, state
from tests.support.waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(480)]

FOREIGN = {
    "another site": {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
    "another site, old browser": {"origin": "https://evil.example"},
    "a neighbour on our host": {"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:9999"},
    "a page without a name": {"sec-fetch-site": "cross-site", "origin": "null"},
    "another site that names us": {"sec-fetch-site": "cross-site", "origin": URLS["notify"]},
    "nobody knows where from": {},
}
TWISTS: dict[str, Callable[[str], str]] = {
    "slash at the end": lambda path: f"{path}/",
    "two slashes": lambda path: f"/{path}",
    "a dot": lambda path: f"/.{path}",
    "up and down": lambda path: f"/static/0/..%2f..{path}",
    "an escaped slash": lambda path: f"/{path[1:].replace('/', '%2f')}",
    "capitals": lambda path: path.upper(),
    "a parameter": lambda path: f"{path};.css",
    "a zero": lambda path: f"{path}%00",
    "an ending": lambda path: f"{path}.json",
    "a second question": lambda path: f"{path}%3fx",
}
HEADERS = {
    "another address": {"x-original-url": "/docs", "x-rewrite-url": "/docs"},
    "another method": {"x-http-method-override": "GET", "x-method-override": "GET"},
    "a user": {"x-forwarded-user": "admin", "x-remote-user": "admin", "remote-user": "admin"},
    "this machine": {"x-forwarded-for": "127.0.0.1", "forwarded": "for=127.0.0.1"},
    "basic": {"authorization": "Basic YWRtaW46YWRtaW4="},
}

ORDINARY = frozenset({"over", "not yet", "nothing"})
"""Of the forged ones those that somebody may have without having forged anything."""


def staff_cells(system: SystemHarness) -> list[Cell]:
    """One knock at each route of staff, by nobody."""
    first = {cell.key: cell for cell in reversed(cells(keys(system))) if cell.who is None}
    return [cell for cell in first.values() if cell.action not in NOT_STAFF]


def forged(system: SystemHarness, service: str) -> dict[str, str]:
    """Tokens for a service that must not count there."""
    good = system.token("busan", "lead", service=service)
    head, body, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    kid, other = system.signer.kid, Ed25519PrivateKey.generate()
    public = other.public_key().public_bytes_raw()
    own = system.signer._key.public_key().public_bytes_raw()
    more = {"kid": kid, "typ": ACCESS_TYPE}
    now = system.clock.now()
    principal = system.principal("busan", "lead")
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(public).rstrip(b"=").decode()}
    ticket = Ticket(
        ticket_id="t" * 24,
        report_id=system.reports[OWNER].report_id,
        ownership=1,
        organisation=OWNER,
        subject=principal.subject,
        roles=principal.roles,
        session=principal.session,
        purpose=Purpose.FIRST_CONTACT,
        expires_at=now + timedelta(seconds=60),
    )

    def signed(**changed: Any) -> str:
        return jwt.encode({**claims, **changed}, system.signer._key, "EdDSA", more)

    raised = base64.urlsafe_b64encode(json.dumps({**claims, "org": "central"}).encode()).rstrip(b"=").decode()
    none = base64.urlsafe_b64encode(json.dumps({**more, "alg": "none"}).encode()).rstrip(b"=").decode()
    return {
        "no algorithm": f"{none}.{body}.",
        "no signature": f"{head}.{body}.",
        "another key": Signer(kid, other).access(principal, service),
        "a key it brings along": jwt.encode(claims, other, "EdDSA", {**more, "jwk": jwk}),
        "the public key as a secret": jwt.encode(claims, own, "HS256", more),
        "a kid nobody has": Signer("0" * 16, system.signer._key).access(principal, service),
        "a kid that is a path": jwt.encode(claims, b"0" * 32, "HS256", {**more, "kid": "../../dev/null"}),
        "changed claims": f"{head}.{raised}.{signature}",
        "an organisation there is not": signed(org="seoul"),
        "a role there is not": signed(roles=["superuser"]),
        "no session": jwt.encode({k: v for k, v in claims.items() if k != "sid"}, system.signer._key, "EdDSA", more),
        "for others": signed(aud="ieum:details"),
        "of others": signed(iss="somebody"),
        "a ticket": TicketKey(key_bytes(a_key("t"))).sign(ticket, now),
        "over": system.token("busan", "lead", service=service, issued_at=now - timedelta(hours=2)),
        "not yet": system.token("busan", "lead", service=service, issued_at=now + timedelta(hours=1)),
        "nothing": "x.y.z",
    }


async def test_forgeries_are_in_the_audit_and_what_time_alone_does_is_not(
    system: SystemHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A service records so many in a minute; tests before this one may have used them up.
    monkeypatch.setattr(authorization, "RECORDED_PER_MINUTE", 1000)
    for service, path in (("intake", "/erasures"), ("notify", f"/api/v1/cases/{system.reports[OWNER].report_id}")):
        tokens = forged(system, service)
        log = system.intake.audit if service == "intake" else system.notify.audit
        wanted = {"outcome": "refused", "reason": "not_signed_in", "where": "203.0.113.0/24"}
        for token in (*tokens.values(), ""):
            async with system.http(service, address="203.0.113.7", authorization=f"Bearer {token}") as http:
                assert (await http.get(path)).status_code in {303, 401}
        await log.settle()
        lines = [line async for line in log.lines.find(wanted)]
        assert len(lines) == len(tokens) - len(ORDINARY)
        assert not [token for token in tokens.values() if token.rpartition(".")[0] in repr(lines)]


async def test_a_forged_token_is_worth_as_much_as_none_at_every_route(system: SystemHarness) -> None:
    knocking, wanted, before = Knocking(system), staff_cells(system), await state(system)
    assert {cell.key[0] for cell in wanted} == set(system.apps)
    for service in sorted(system.apps):
        there = [cell for cell in wanted if cell.key[0] == service]
        for name, token in forged(system, service).items():
            await system.learn()  # so that what is over is over: identity answers
            for more in (
                {"authorization": f"Bearer {token}"},
                {"cookie": f"{token_cookie(service)}={token}", "sec-fetch-site": "same-origin"},
            ):
                faults = [fault for one in await knocking.all(there, more=more) if (fault := one.fault())]
                assert not faults, (service, name, faults)
    assert await state(system) == before


def every_cookie(token: str) -> str:
    return "; ".join(f"{token_cookie(service)}={token}" for service in SERVICES)


async def test_a_token_that_one_service_receives_is_worth_nothing_at_any_other(system: SystemHarness) -> None:
    """Every pair of services, at every route of staff, by header and in every cookie, for roles that may."""
    knocking, before = Knocking(system), await state(system)
    able = {cell.key: cell for cell in cells(keys(system)) if cell.who is not None and cell.may()}
    strangers = {cell.key: cell for cell in staff_cells(system)}
    assert {key[0] for key in able.keys() & strangers.keys()} == set(system.apps) == set(SERVICES)
    for receiver in SERVICES:
        for key in sorted(able.keys() & strangers.keys()):
            who = able[key].who
            if key[0] == receiver or who is None:
                continue
            token = system.token(who.organisation, who.role, service=receiver)
            for more in (
                {"authorization": f"Bearer {token}"},
                {"cookie": every_cookie(token), "sec-fetch-site": "same-origin"},
            ):
                fault = (await knocking.one(strangers[key], more=more)).fault()
                assert fault is None, (receiver, key, fault)
    assert await state(system) == before


async def test_no_foreign_page_changes_anything_with_somebodys_cookie(system: SystemHarness) -> None:
    """At every route that may change something, as somebody who may."""
    knocking, before = Knocking(system), await state(system)
    able = {cell.key: cell for cell in cells(keys(system)) if cell.who is not None and cell.may()}
    open_too = {cell.key: cell for cell in cells(keys(system)) if cell.who is not None and cell.action in NOT_STAFF}
    wanted = [cell for cell in {**open_too, **able}.values() if cell.key[1] not in {"GET", "HEAD"}]
    assert len(wanted) > 40
    for name, headers in FOREIGN.items():
        for cell in wanted:
            assert cell.who is not None
            service = cell.key[0]
            cookie = f"{token_cookie(service)}={system.token(cell.who.organisation, cell.who.role, service=service)}"
            more = {"cookie": cookie, "accept": "application/json", "authorization": "", "sec-fetch-site": ""}
            seen = await knocking.one(cell, more={**more, **headers}, drop_empty=True)
            said = (seen.answer.status_code, seen.answer.json().get("code"))
            assert said == (403, "foreign_origin"), (name, str(cell))
    assert await state(system) == before


async def test_no_twist_of_an_address_leads_past_a_door(system: SystemHarness) -> None:
    knocking, before = Knocking(system), await state(system)
    wanted = staff_cells(system)
    # And somebody whose role would do, whose thing it is not.
    stranger = [
        cell
        for cell in cells(keys(system))
        if cell.who is not None
        and (cell.who.organisation, cell.who.role) == (STRANGER, "lead")
        and not cell.may()
        and OWNER in cell.ask.whose
    ]
    for cell in (*wanted, *stranger):
        for name, twist in TWISTS.items():
            seen = await knocking.one(cell, twist=twist)
            assert 300 <= seen.answer.status_code < 500, (name, str(cell), seen.answer.status_code)
    for more in HEADERS.values():
        faults = [fault for one in await knocking.all(wanted, more=more) if (fault := one.fault())]
        assert not faults, (more, faults)
    assert await state(system) == before


async def test_a_forged_host_is_in_no_address_people_are_sent_to(system: SystemHarness) -> None:
    for cell in staff_cells(system):
        if cell.key[1] == "GET" and not cell.key[2].startswith("/api/"):
            for more in ({"host": "evil.example"}, {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https"}):
                seen = await Knocking(system).one(cell, more=more)
                assert seen.answer.status_code == 303
                assert "evil" not in seen.answer.headers["location"], str(cell)


async def test_the_way_to_details_from_notify_opens_once_and_only_that_report(system: SystemHarness) -> None:
    lodged = system.reports[OWNER]
    ticket = await a_ticket(system, lodged)
    async with system.http("intake", **system.browser(STRANGER, "lead", service="intake")) as http:
        # The ticket is the proof, but nobody's cookie may be used from a foreign page to spend it.
        foreign = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
        assert (await http.post("/details", data={"ticket": ticket}, headers=foreign)).status_code == 403
        assert (await http.get("/details", params={"ticket": ticket})).status_code == 405
    assert (await details(system, ticket)).status_code == 200
    again = await details(system, ticket)
    assert (again.status_code, again.json()["code"]) == (410, "ticket_used")
    refused = await system.act("details-ticket", lodged.report_id, STRANGER, ownership=1, purpose="first_contact")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")


async def test_sealed_parts_moved_between_reports_messages_and_fields_open_nothing(system: SystemHarness) -> None:
    one, other = await told(system, "first"), await told(system, "second")
    collection = system.intake.reports.collection
    whole, taken = await system.stored(one.report_id), await system.stored(other.report_id)
    own, foreign = whole["sealed"]["fields"], taken["sealed"]["fields"]
    assert {"message:1", "message:2", "narrative", "narrative:4"} <= own.keys()
    swaps: list[dict[str, Any]] = [
        {"sealed.fields.message:1": foreign["message:1"]},
        {"sealed.fields.message:1": own["message:2"], "sealed.fields.message:2": own["message:1"]},
        {"sealed.fields.narrative": own["narrative:4"], "sealed.fields.narrative:4": own["narrative"]},
        {"sealed.fields.contact": foreign["contact"]},
        {"sealed": taken["sealed"]},
        {"sealed.fields.message:1": own["message:1"][:-1] + bytes([own["message:1"][-1] ^ 1])},
    ]
    for swap in swaps:
        await collection.update_one({"_id": one.report_id}, {"$set": swap})
        answer = await details(system, await a_ticket(system, one))
        assert (answer.status_code, answer.json()["code"]) == (500, "not_opened"), swap.keys()
        assert "canary" not in answer.text
        await collection.replace_one({"_id": one.report_id}, whole)
    opened = await details(system, await a_ticket(system, one), accept="text/html")
    assert opened.status_code == 200
    assert "canary first message" in opened.text
    log = system.intake.audit
    await log.settle()
    mine = {"report": log.keys.reference(one.report_id), "action": "details.open", "outcome": "refused"}
    assert await log.lines.count_documents(mine) == len(swaps)


async def told(system: SystemHarness, word: str) -> Lodged:
    """A report of the owner's with two messages and an addition."""
    lodged = await system.lodge(
        division="busan", narrative=f"canary {word}", contact={"channels": ["phone"], "phone": "010-2468-1357"}
    )
    async with system.http("intake", authorization=f"Bearer {system.front_end}") as http:
        for path, body in (
            ("messages", {"text": f"canary {word} message"}),
            ("messages", {"text": f"canary {word} other message"}),
            ("amend", {"narrative": f"canary {word} addition"}),
        ):
            answer = await http.post(f"/api/v1/receipts/{path}", json={"receipt": lodged.receipt, **body})
            assert answer.status_code == 201, answer.text

    async def owned() -> bool:
        progress = (await system.stored(lodged.report_id)).get("progress") or {}
        return bool(progress.get("ownership")) and bool(await system.case(lodged.report_id))

    await eventually(owned, "the report has its owner")
    return lodged


async def a_ticket(system: SystemHarness, lodged: Lodged) -> str:
    case = await system.case(lodged.report_id)
    given = await system.act(
        "details-ticket", lodged.report_id, OWNER, ownership=case["ownership"], purpose="first_contact"
    )
    assert given.status_code == 200, given.text
    return str(given.json()["ticket"])


async def details(system: SystemHarness, ticket: str, accept: str = "application/json") -> httpx.Response:
    async with system.http("intake", accept=accept) as http:
        return await http.post("/details", data={"ticket": ticket}, headers={"sec-fetch-site": "same-origin"})
