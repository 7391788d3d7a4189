"""Signing in at a real OpenID provider that runs as a process of its own."""

import base64
import hashlib
import hmac
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from services.notify.accounts.model import AccountState, RefusedError
from services.notify.accounts.oidc import Provider
from services.notify.accounts.settings import AccountSettings
from services.notify.accounts.trail import By, by_command
from shared.identity.roles import StaffRole
from shared.identity.source import TOKEN_COOKIE
from tests.integration.accounts.conftest import Bench, Process, eventually

CLIENT = "ieum"
ROLES: dict[str, Any] = {
    "jeju-counsellors": {"organisation": "jeju", "roles": ["counsellor"]},
    "jeju-leads": {"organisation": "jeju", "roles": ["lead"]},
    "jeju-admins": {"organisation": "jeju", "roles": ["administrator"]},
    "busan-counsellors": {"organisation": "busan", "roles": ["counsellor"]},
}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """The provider's address. It really checks codes, PKCE is ours to send, and its keys are its own."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "oidc_provider_mock",
        "--port",
        str(port),
        "--require-nonce",
        "true",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture
async def provider(issuer: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=issuer) as http:

        async def answers() -> bool:
            try:
                return (await http.get("/.well-known/openid-configuration")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(answers, 20)
        yield http


def wanted(issuer: str, **more: Any) -> dict[str, Any]:
    secret = {"oidc_client_secret": SecretStr("secret")}
    return {"oidc_issuer": issuer, "oidc_client_id": CLIENT, "oidc_role_map": ROLES, **secret, **more}


@pytest.fixture
async def notify(bench: Bench, issuer: str, provider: httpx.AsyncClient) -> Process:
    del provider
    # The provider signs with the machine's time.

    await bench.clock.advance((datetime.now(UTC) - bench.clock.now()).total_seconds())
    return await bench.process(**wanted(issuer))


async def person(provider: httpx.AsyncClient, sub: str, groups: object, **claims: object) -> None:
    (await provider.put(f"/users/{sub}", json={"groups": groups, **claims})).raise_for_status()


async def at_the_provider(provider: httpx.AsyncClient, address: str, sub: str) -> str:
    """What somebody does there; the address they are sent back to."""
    answer = await provider.post(address, data={"sub": sub})
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


async def through(http: httpx.AsyncClient, provider: httpx.AsyncClient, sub: str) -> httpx.Response:
    begun = await http.get("/oidc/start", params={"next": "/desk"})
    assert begun.status_code == 303
    back = await at_the_provider(provider, begun.headers["location"], sub)
    return await http.get(back)


def changed(address: str, **query: str) -> str:
    parts = urlsplit(address)
    given = {name: values[0] for name, values in parse_qs(parts.query).items()} | query
    return urlunsplit(parts._replace(query=urlencode(given)))


async def test_whoever_the_provider_vouches_for_has_the_roles_of_the_table(
    notify: Process, provider: httpx.AsyncClient
) -> None:
    await person(provider, "minji", ["jeju-counsellors", "unknown", "jeju-leads"], name="김민지")
    async with notify.browser() as http:
        page = await through(http, provider, "minji")
        assert (page.status_code, 'content="0; url=/desk"' in page.text) == (200, True)
        assert (await http.post("/api/v1/act")).json()["roles"] == ["counsellor", "lead"]
    (account,) = await notify.accounts.store.of("jeju")
    assert (account.display, account.external, account.password, account.totp) == ("김민지", True, None, None)
    assert "minji" not in account.name
    (line,) = await notify.lines("sign_in")
    assert (line.actor, dict(line.detail)) == (account.subject, {"way": "openid"})


async def test_roles_follow_the_provider_and_old_sessions_end(notify: Process, provider: httpx.AsyncClient) -> None:
    await person(provider, "jiho", "jeju-counsellors")
    async with notify.browser() as http, notify.browser() as other:
        await through(http, provider, "jiho")
        assert (await http.get("/desk")).status_code == 200
        await person(provider, "jiho", ["busan-counsellors"])
        await through(other, provider, "jiho")
        assert (await other.get("/desk")).status_code == 200
        assert (await http.get("/desk")).status_code == 303
        await person(provider, "jiho", [])
        refused = await through(http, provider, "jiho")
        assert (refused.status_code, refused.json()["code"]) == (403, "no_mapped_role")
        assert (await other.get("/desk")).status_code == 303
    (account,) = await notify.accounts.store.of(None)
    assert (account.organisation, account.roles) == ("busan", (StaffRole.COUNSELLOR,))


@pytest.mark.parametrize(
    "groups",
    [
        None,
        [],
        "nothing",
        ["strangers"],
        ["jeju-leads", "busan-counsellors"],
        ["jeju-leads", "jeju-admins"],
        [7],
        {"a": 1},
    ],
)
async def test_without_one_clear_role_nobody_enters(
    notify: Process, provider: httpx.AsyncClient, groups: object
) -> None:
    await person(provider, "sora", groups)
    async with notify.browser() as http:
        refused = await through(http, provider, "sora")
        assert (refused.status_code, refused.json()["code"]) == (403, "no_mapped_role")
        assert TOKEN_COOKIE not in http.cookies
    assert await notify.accounts.store.of(None) == []
    assert [line.reason for line in await notify.lines("sign_in")] == ["no_mapped_role"]


async def test_an_account_disabled_here_stays_out(notify: Process, provider: httpx.AsyncClient) -> None:
    await person(provider, "yuna", "jeju-counsellors")
    async with notify.browser() as http:
        await through(http, provider, "yuna")
        (account,) = await notify.accounts.store.of(None)
        by = By("s-somebody", "central", ("administrator",), "test")
        await notify.accounts.administration.disable(by, account, "left")
        refused = await through(http, provider, "yuna")
        assert (refused.status_code, refused.json()["code"]) == (403, "wrong_sign_in")
    (account,) = await notify.accounts.store.of(None)
    assert account.state is AccountState.DISABLED


async def test_an_answer_that_this_browser_did_not_ask_for_is_refused(
    notify: Process, provider: httpx.AsyncClient
) -> None:
    await person(provider, "mina", "jeju-counsellors")
    async with notify.browser() as attacker, notify.browser() as victim:
        begun = await attacker.get("/oidc/start")
        back = await at_the_provider(provider, begun.headers["location"], "mina")
        # Login CSRF: the victim's browser is given the attacker's answer, without and with a cookie of its own.
        bare = await victim.get(back)
        await victim.get("/oidc/start")
        foreign = await victim.get(back)
        forged = await attacker.get(changed(back, state="another"))
        nothing = await attacker.get("/oidc/callback")
        for answer in (bare, foreign, forged, nothing):
            assert (answer.status_code, answer.json()["code"]) == (403, "wrong_state")
        await notify.clock.advance(601)
        late = await attacker.get(back)
        assert late.json()["code"] == "wrong_state"
    assert await notify.accounts.store.of(None) == []


async def test_a_code_counts_once_and_only_with_its_verifier_nonce(
    notify: Process, provider: httpx.AsyncClient
) -> None:
    await person(provider, "hana", "jeju-counsellors")
    async with notify.browser() as one, notify.browser() as other:
        begun = await one.get("/oidc/start")
        back = await at_the_provider(provider, begun.headers["location"], "hana")
        # Somebody else's code in one's own sign-in: state fits, but the token says another nonce.
        mine = parse_qs(urlsplit((await other.get("/oidc/start")).headers["location"]).query)["state"][0]
        injected = await other.get(changed(back, state=mine))
        assert (injected.status_code, injected.json()["code"]) == (403, "wrong_token")
        used = await one.get(back)
        assert (used.status_code, used.json()["code"]) == (403, "wrong_token")


async def test_what_the_provider_says_no_to_is_refused(notify: Process) -> None:
    async with notify.browser() as http:
        begun = await http.get("/oidc/start")
        state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
        answer = await http.get("/oidc/callback", params={"state": state, "error": "access_denied"})
        assert (answer.status_code, answer.json()["code"]) == (403, "provider_error")


async def a_token(provider: httpx.AsyncClient, client: str, nonce: str) -> str:
    """A real ID token of the provider's, made for a client."""
    asked = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": "http://127.0.0.1:8003/oidc/callback",
        "scope": "openid profile",
        "nonce": nonce,
        "state": "s",
    }
    back = await at_the_provider(provider, f"/oauth2/authorize?{urlencode(asked)}", "dana")
    code = parse_qs(urlsplit(back).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": asked["redirect_uri"]}
    answer = await provider.post("/oauth2/token", data=form, auth=(client, "secret"))
    return str(answer.json()["id_token"])


async def test_a_token_counts_only_with_our_audience_our_nonce_the_providers_key_and_in_time(
    notify: Process, provider: httpx.AsyncClient, issuer: str, bench: Bench
) -> None:
    await person(provider, "dana", "jeju-counsellors")
    settings = AccountSettings.model_validate(
        {"master_key": bench.master_key, "IEUM_AUDIT_KEY": bench.audit_key, **wanted(issuer)}
    )
    reader = Provider(settings, bytes(32), bench.clock, notify.accounts.http)
    good = await a_token(provider, CLIENT, "n1")
    assert (await reader.verified(good, "n1")).subject == "dana"
    claims = jwt.decode(good, options={"verify_signature": False})
    jwks = (await provider.get("/jwks")).json()
    public = jwt.PyJWK(jwks["keys"][0]).key

    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    wrong = {
        "other audience": await a_token(provider, "somebody-else", "n1"),
        "other nonce": await a_token(provider, CLIENT, "n2"),
        "none": _unsigned(claims),
        "the public key as a secret": _hs256(claims, pem),
        "another key": _rs256(claims),
        "altered": good[:-8] + ("A" * 8 if not good.endswith("A" * 8) else "B" * 8),
        "nothing": "",
    }
    refused = []
    for name, token in wrong.items():
        with pytest.raises(RefusedError, match="wrong_token"):
            await reader.verified(token, "n1")
        refused.append(name)
    assert refused == list(wrong)
    with pytest.raises(RefusedError, match="wrong_token"):
        await reader.verified(good, "n1", access_token="another access token")
    await bench.clock.advance(2 * 3600)
    with pytest.raises(RefusedError, match="wrong_token"):
        await reader.verified(good, "n1")


def _hs256(claims: dict[str, Any], pem: bytes) -> str:
    content = f"{_part({'alg': 'HS256'})}.{_part(claims)}"
    mac = hmac.new(pem, content.encode(), hashlib.sha256).digest()
    return f"{content}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def _unsigned(claims: dict[str, Any]) -> str:
    return f"{_part({'alg': 'none'})}.{_part(claims)}."


def _rs256(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, rsa.generate_private_key(public_exponent=65537, key_size=2048), algorithm="RS256")


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


async def test_with_a_provider_passwords_are_for_emergencies(notify: Process) -> None:
    ready = await notify.person("jeju", "counsellor")
    glass = await notify.person("central", "administrator")
    await notify.accounts.store.save(glass.account.model_copy(update={"break_glass": True}))
    async with notify.browser() as http:
        page = (await http.get("/session")).text
        assert "/oidc/start" in page
        assert "Emergency access" in page
        assert (await notify.api_enter(http, ready)).status_code == 401
        assert (await notify.api_enter(http, glass)).status_code == 200


async def test_the_first_administrator_may_break_the_glass(notify: Process) -> None:
    account, _ = await notify.accounts.administration.create(
        by_command("administrator"), "first", "first", "central", {StaffRole.ADMINISTRATOR}, break_glass=True
    )
    assert account.break_glass


async def test_a_provider_that_does_not_answer_is_said_so(bench: Bench) -> None:
    notify = await bench.process(**wanted("http://127.0.0.1:9"))
    async with notify.browser() as http:
        answer = await http.get("/oidc/start")
        assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")


async def test_a_demanded_context_must_be_attested(bench: Bench, issuer: str, provider: httpx.AsyncClient) -> None:

    await bench.clock.advance((datetime.now(UTC) - bench.clock.now()).total_seconds())
    notify = await bench.process(**wanted(issuer, oidc_acr="mfa"))
    await person(provider, "bora", "jeju-counsellors")
    async with notify.browser() as http:
        refused = await through(http, provider, "bora")
        assert refused.json()["code"] == "wrong_token"
        await person(provider, "bora", "jeju-counsellors", acr="mfa")
        assert (await through(http, provider, "bora")).status_code == 200
