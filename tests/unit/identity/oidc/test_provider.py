"""How often anybody can make identity ask the OpenID provider, and who waits for it meanwhile."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from pydantic import SecretStr
from structlog.testing import capture_logs

from services.identity.accounts.models import RefusedError
from services.identity.oidc.provider import Provider
from services.identity.oidc.rules import account_name
from tests.support.clock import ManualClock

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ISSUER = "https://login.example"
DISCOVERY, KEYS = "/.well-known/openid-configuration", "/jwks"


class Door:
    """The provider's addresses. One that is shut answers nobody before it is opened, and then not well."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.public = {**ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True), "kid": "one"}
        self.asked: list[str] = []
        self.shut: dict[str, asyncio.Event] = {}
        self.refuses: dict[str, object] | None = None
        self.issuer, self.algorithms = ISSUER, ["ES256"]
        self.more_keys: list[dict[str, Any]] = []
        self.waited_at = asyncio.Event()

    async def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append(path)
        if path in self.shut:
            self.waited_at.set()
            await self.shut[path].wait()
            raise httpx.ReadTimeout("", request=request)
        if request.method == "POST":
            return httpx.Response(401, json=self.refuses)
        endpoints = {name: f"{ISSUER}/{name}" for name in ("authorization_endpoint", "token_endpoint")}
        found: dict[str, Any] = {"issuer": self.issuer, "jwks_uri": ISSUER + KEYS, **endpoints}
        found["id_token_signing_alg_values_supported"] = self.algorithms
        return httpx.Response(200, json=found if path == DISCOVERY else {"keys": [*self.more_keys, self.public]})

    def logout_token(self, clock: ManualClock) -> str:
        now = int(clock.now().timestamp())
        events: dict[str, Any] = {"http://schemas.openid.net/event/backchannel-logout": {}}
        claims = {"iss": ISSUER, "aud": "ieum", "iat": now, "jti": "1", "sid": "one", "events": events}
        return jwt.encode(claims, self.key, "ES256", {"kid": "one"})


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def provider(door: Door, clock: ManualClock) -> AsyncIterator[Provider]:
    settings: Any = SimpleNamespace(
        oidc_issuer=ISSUER,
        oidc_client_id="ieum",
        oidc_client_secret=SecretStr("secret"),
        oidc_acr="",
        oidc_plain_http=False,
        public_urls={"identity": "https://staff.example"},
    )
    async with httpx.AsyncClient(transport=httpx.MockTransport(door.answer)) as http:
        yield Provider(settings, bytes(32), clock, http)


async def test_however_many_begin_a_silent_provider_is_asked_once_and_not_again_at_once(
    door: Door, clock: ManualClock, provider: Provider
) -> None:
    door.shut[DISCOVERY] = asyncio.Event()
    begun = [asyncio.create_task(provider.begin("")) for _ in range(50)]
    await door.waited_at.wait()
    door.shut[DISCOVERY].set()
    refused = await asyncio.gather(*begun, return_exceptions=True)
    assert {getattr(one, "code", None) for one in refused} == {"provider_unavailable"}
    await clock.advance(4.9)
    with pytest.raises(RefusedError, match="provider_unavailable"):
        await provider.begin("")
    assert door.asked == [DISCOVERY]
    door.shut.clear()
    await clock.advance(0.1)
    await asyncio.gather(*(provider.begin("") for _ in range(50)))
    assert door.asked == [DISCOVERY] * 2


async def test_forged_logout_tokens_keep_no_genuine_one_waiting_while_the_provider_gives_no_keys(
    door: Door, clock: ManualClock, provider: Provider
) -> None:
    assert (await provider.logout(door.logout_token(clock))).sid == "one"
    await clock.advance(30)
    door.shut[KEYS] = asyncio.Event()
    forged = [asyncio.create_task(provider.logout("a.b.c")) for _ in range(50)]
    await door.waited_at.wait()
    async with asyncio.timeout(0):  # waits for nothing at all
        assert (await provider.logout(door.logout_token(clock))).sid == "one"
    door.shut[KEYS].set()
    refused = await asyncio.gather(*forged, return_exceptions=True)
    assert {getattr(one, "code", None) for one in refused} == {"provider_unavailable"}
    assert door.asked == [DISCOVERY, KEYS, KEYS]


@pytest.mark.parametrize(
    "header", [{"crit": 7}, {"crit": ["x"]}, {"kid": {}}, {"alg": 7}, {"alg": "none"}, {"b64": False}]
)
async def test_a_forged_logout_token_is_refused_whatever_its_header_says(
    door: Door, clock: ManualClock, provider: Provider, header: dict[str, object]
) -> None:
    _, claims, signature = door.logout_token(clock).split(".")
    said = json.dumps({"alg": "ES256", "kid": "one", **header}).encode()
    with pytest.raises(RefusedError, match="wrong_token"):
        await provider.logout(f"{base64.urlsafe_b64encode(said).decode().rstrip('=')}.{claims}.{signature}")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"error": "invalid_client"}, "provider_unavailable"),
        ({"error": "unauthorized_client"}, "provider_unavailable"),
        ({"error": "invalid_grant"}, "wrong_token"),
        ({"error": ["invalid_client"]}, "wrong_token"),
        ({}, "wrong_token"),
    ],
)
async def test_a_client_secret_that_is_wrong_is_the_operators_mistake_and_told_to_them(
    door: Door, provider: Provider, answer: dict[str, object], code: str
) -> None:
    """Each sign-in failed with the words for an answer that somebody forged, and no log said why."""
    door.refuses = answer
    address, cookie = await provider.begin("")
    state = httpx.URL(address).params["state"]
    with capture_logs() as logs, pytest.raises(RefusedError, match=code):
        await provider.person(provider.login_state(cookie, state), "code")
    assert ("oidc.client_refused" in [one["event"] for one in logs]) is (code == "provider_unavailable")


async def test_where_the_provider_signs_in_no_way_that_counts_nothing_is_believed(
    door: Door, clock: ManualClock, provider: Provider
) -> None:
    """The library would then take its own defaults, among them what a client secret signs."""
    door.algorithms = ["HS256", "none"]
    secret = {"kty": "oct", "kid": "secret", "k": base64.urlsafe_b64encode(b"s" * 32).decode().rstrip("=")}
    door.more_keys = [secret]
    claims = {"iss": ISSUER, "aud": "ieum", "iat": int(clock.now().timestamp()), "jti": "1", "sid": "one"}
    claims["events"] = {"http://schemas.openid.net/event/backchannel-logout": {}}
    forged = jwt.encode(claims, b"s" * 32, "HS256", {"kid": "secret"})
    with capture_logs() as logs, pytest.raises(RefusedError, match="provider_unavailable"):
        await provider.logout(forged)
    assert "oidc.no_algorithm" in [one["event"] for one in logs]
    door.algorithms = ["ES256"]
    await clock.advance(3600)
    with pytest.raises(RefusedError, match="wrong_token"):
        await provider.logout(forged)
    assert (await provider.logout(door.logout_token(clock))).sid == "one"


@pytest.mark.parametrize("slash", ["", "/"])
async def test_an_issuer_counts_exactly_as_it_is_set(door: Door, clock: ManualClock, slash: str) -> None:
    """Some providers' ends in a slash. An account's name is derived from it: others keep theirs."""
    door.issuer = ISSUER + slash
    for setting, counts in ((ISSUER + slash, True), (ISSUER + ("" if slash else "/"), False)):
        settings: Any = SimpleNamespace(
            oidc_issuer=setting,
            oidc_client_id="ieum",
            oidc_client_secret=SecretStr("secret"),
            oidc_acr="",
            oidc_plain_http=False,
            oidc_role_claim="groups",
            public_urls={"identity": "https://staff.example"},
        )
        async with httpx.AsyncClient(transport=httpx.MockTransport(door.answer)) as http:
            provider = Provider(settings, bytes(32), clock, http)
            now = int(clock.now().timestamp())
            claims = {"iss": door.issuer, "aud": "ieum", "sub": "p", "iat": now, "exp": now + 60, "nonce": "n"}
            claims |= {"auth_time": now, "amr": ["pwd", "otp"]}
            token = jwt.encode(claims, door.key, "ES256", {"kid": "one"})
            if counts:
                person = await provider.verified(token, "n", now - 60)
                assert person.name == account_name(ISSUER + slash, "p")
            else:
                with pytest.raises(RefusedError, match="provider_unavailable"):
                    await provider.verified(token, "n", now - 60)


def test_accounts_of_an_issuer_without_a_slash_keep_their_names() -> None:
    assert account_name(ISSUER, "p") == "oidc-" + hashlib.sha256(b"https://login.example\0p").hexdigest()[:40]
