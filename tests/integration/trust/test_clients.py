"""Front ends: every scope x every route that is for front ends, and every way in which a credential does not count."""

import asyncio
from dataclasses import dataclass

import httpx
import pytest

from services.intake.clients.service import ClientService
from shared.identity.roles import REAL_SCOPES, Action, Scope
from tests.integration.trust.matrix import keys
from tests.integration.trust.system import SystemHarness
from tests.support.keys import KEYS

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(480)]

NEEDS = {
    "/api/v1/reports": Scope.REPORTS_SUBMIT,
    "/api/v1/receipts/status": Scope.RECEIPTS_READ,
    **{
        f"/api/v1/receipts/{what}": Scope.RECEIPTS_WRITE
        for what in (
            *("messages", "answers", "amend", "withdraw", "reinstate", "word", "word/cancel"),
            *("hand-over", "hand-over/cancel", "take-over"),
        )
    },
}


@dataclass(frozen=True, slots=True)
class ReleaseCatalogue:
    """Credentials by what is special about them."""

    by_scope: dict[Scope, str]
    wrong: dict[str, tuple[str, int, str]]
    """What is wrong: the credential, the status, the code."""


async def shelf(system: SystemHarness) -> ReleaseCatalogue:
    clients = system.intake.clients.clients
    office = ClientService(clients, KEYS, system.clock)
    by_scope = {scope: await office.add(f"only-{n}", "x", [scope], 10**6) for n, scope in enumerate(Scope)}
    good = await office.add("good", "x", list(REAL_SCOPES), 10**6)
    disabled = await office.add("disabled", "x", list(REAL_SCOPES), 10**6)
    await clients.disable("disabled", disabled=True)
    rotated = await office.add("rotated", "x", list(REAL_SCOPES), 10**6)
    await office.rotate("rotated", only=True)
    aged = await office.add("aged", "x", list(REAL_SCOPES), 10**6)
    for _ in range(2):
        await office.rotate("aged", only=False)
    await system.intake.clients.refresh()
    secret = good.partition(".")[2]
    no = (401, "wrong_credential")
    stored = next(one for one in await clients.all() if one.client_id == "good")
    return ReleaseCatalogue(
        by_scope,
        {
            "none": ("", 401, "no_credential"),
            "wrong secret": (good[:-4] + ("AAAA" if not good.endswith("AAAA") else "BBBB"), *no),
            "another's secret": (f"only-0.{secret}", *no),
            "unknown id": (f"nobody.{secret}", *no),
            "id in other letters": (good.upper(), *no),
            "secret alone": (secret, *no),
            "digest for secret": (f"good.{stored.digests[0]}", *no),
            "rotated out": (rotated, *no),
            "rotated twice": (aged, *no),
            "disabled": (disabled, 403, "client_disabled"),
            "a lead's token": (system.token("busan", "lead", service="intake"), *no),
        },
    )


async def test_every_scope_opens_its_routes_and_no_other(system: SystemHarness) -> None:
    routes = {path for (_, _, path), action in keys(system).items() if action is Action.FRONT_END}
    assert routes == NEEDS.keys(), "a route for front ends whose scope no test knows"
    held = await shelf(system)
    wanted: dict[tuple[str, str], tuple[str, tuple[int, str]]] = {}
    for path, needed in NEEDS.items():
        for scope, credential in held.by_scope.items():
            # An empty body: whoever is let in is told what is missing, and nothing is stored.
            wanted[path, scope] = (
                credential,
                ((422, "invalid") if scope in (needed, Scope.REPORTS_DRILL) else (403, "scope_missing")),
            )
        wanted |= {
            (path, name): (credential, (status, code)) for name, (credential, status, code) in held.wrong.items()
        }
    # All at once: wrong credentials share the reading that might have known them.
    answers = await asyncio.gather(*(knock(system, path, wanted[path, name][0]) for path, name in wanted))
    got = {key: (one.status_code, one.json()["code"]) for key, one in zip(wanted, answers, strict=True)}
    assert got == {key: said for key, (_, said) in wanted.items()}


async def test_a_credential_for_drills_opens_no_report_of_anybody_else(system: SystemHarness) -> None:
    """Every operation about a receipt, by a credential that is confined to drills: as if there were no such report."""
    office = ClientService(system.intake.clients.clients, KEYS, system.clock)
    held = {
        name: await office.add(name, "x", list(scopes), 10**6)
        for name, scopes in {
            "real": REAL_SCOPES,
            "drill": [Scope.REPORTS_DRILL],
            "drill-2": [Scope.REPORTS_DRILL],
        }.items()
    }
    await system.intake.clients.refresh()
    least = {"role": "representative", "harm_types": ["other"]}

    async def lodged(name: str, *, synthetic: bool) -> httpx.Response:
        return await asked(system, "reports", held[name], {**least, "synthetic": synthetic})

    refused = await lodged("drill", synthetic=False)
    assert (refused.status_code, refused.json()["code"]) == (403, "drills_only")
    assert refused.json()["errors"][0]["field"] == "synthetic"
    others = [
        await lodged(name, synthetic=synthetic)
        for name, synthetic in (("real", False), ("real", True), ("drill-2", True))
    ]
    own = await lodged("drill", synthetic=True)
    assert {answer.status_code for answer in (*others, own)} == {202}
    more: dict[str, dict[str, object]] = {
        "messages": {"text": "x"},
        "amend": {"narrative": "x"},
        "withdraw": {"at_once": False},
        "word": {"word": "a word of my own"},
    }
    paths = (path.removeprefix("/api/v1/receipts/") for path in NEEDS if path != "/api/v1/reports")
    wanted = [(what, answer.json()["receipt"]) for what in paths if what != "take-over" for answer in others]
    # All at once: each wrong receipt takes more than half a second.
    said = await asyncio.gather(
        *(asked(system, f"receipts/{what}", held["drill"], {"receipt": r, **more.get(what, {})}) for what, r in wanted)
    )
    for (what, _), answer in zip(wanted, said, strict=True):
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_receipt"), what
    receipt = own.json()["receipt"]
    assert (await asked(system, "receipts/status", held["drill"], {"receipt": receipt})).status_code == 200
    # And a code for taking somebody else's report over is no code.
    code = await asked(system, "receipts/hand-over", held["real"], {"receipt": others[0].json()["receipt"]})
    taking = {"code": code.json()["code"], "i_am_the_person": True}
    none = await asked(system, "receipts/take-over", held["drill"], taking)
    assert (none.status_code, none.json()["code"]) == (404, "unknown_code")


async def asked(system: SystemHarness, what: str, credential: str, body: dict[str, object]) -> httpx.Response:
    address = f"203.0.{sum(credential.encode()) % 200}.7"
    async with system.http("intake", address=address, authorization=f"Bearer {credential}") as http:
        return await http.post(f"/api/v1/{what}", json=body)


async def test_refused_front_ends_are_in_the_audit_and_their_secrets_are_not(system: SystemHarness) -> None:
    office, log = ClientService(system.intake.clients.clients, KEYS, system.clock), system.intake.audit
    narrow = await office.add("narrow", "x", [Scope.RECEIPTS_READ], 10**6)
    gone = await office.add("gone", "x", list(REAL_SCOPES), 10**6)
    await system.intake.clients.clients.disable("gone", disabled=True)
    await system.intake.clients.refresh()
    for credential in ("", f"narrow.{gone.partition('.')[2]}", narrow, gone):
        await knock(system, "/api/v1/reports", credential, address="192.0.2.7")
    await log.settle()
    lines = [line async for line in log.lines.find({"action": "front_end", "outcome": "refused"})]
    assert {"no_credential", "wrong_credential", "scope_missing", "client_disabled"} <= {one["reason"] for one in lines}
    secrets = [
        system.front_end.partition(".")[2],
        *(one.digests[0] for one in await system.intake.clients.clients.all()),
    ]
    assert not [secret for secret in secrets if secret in repr(lines)]


async def knock(system: SystemHarness, path: str, credential: str, address: str = "") -> httpx.Response:
    headers = {"authorization": f"Bearer {credential}"} if credential else {}
    # Each from a network of its own: the audit takes so many refusals of one network.
    address = address or f"198.51.{sum(path.encode()) % 200}.{sum(credential.encode()) % 200}"
    async with system.http("intake", address=address, **headers) as http:
        return await http.post(path, json={})
