"""ID tokens of a real provider, and those that only look like it."""

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from services.identity.accounts.models import RefusedError
from services.identity.oidc.provider import Provider
from services.identity.settings import IdentitySettings
from tests.integration.identity.conftest import IdentityHarness, Process
from tests.integration.identity.openid.conftest import CLIENT, at_the_provider, person, wanted


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
    identity: Process, provider: httpx.AsyncClient, issuer: str, harness: IdentityHarness
) -> None:
    await person(provider, "dana", "jeju-counsellors")
    settings = IdentitySettings.model_validate({**harness.keys(), **wanted(issuer)})
    reader = Provider(settings, bytes(32), harness.clock, identity.accounts.http)
    good, since = await a_token(provider, CLIENT, "n1"), int(harness.clock.now().timestamp())
    assert (await reader.verified(good, "n1", since)).subject == "dana"
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
            await reader.verified(token, "n1", since)
        refused.append(name)
    assert refused == list(wrong)
    with pytest.raises(RefusedError, match="wrong_token"):
        await reader.verified(good, "n1", since, access_token="another access token")
    await harness.clock.advance(2 * 3600)
    with pytest.raises(RefusedError, match="wrong_token"):
        await reader.verified(good, "n1", since)


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
