"""The provider signs somebody out: their sessions from there end in every service (back-channel logout)."""

from datetime import timedelta
from typing import Any, Final

import httpx
import pytest

from services.identity.accounts.models import SessionEnding
from tests.integration.identity.conftest import IdentityHarness, Process
from tests.integration.identity.openid.conftest import CLIENT, at_the_provider, known, person, released, through, wanted

EVENT: Final[dict[str, Any]] = {"http://schemas.openid.net/event/backchannel-logout": {}}


async def logout_token(identity: Process, provider: httpx.AsyncClient, **claims: Any) -> str:
    """As Keycloak makes it."""
    now = int(identity.clock.now().timestamp())
    usual = {
        "iss": str(provider.base_url),
        "aud": CLIENT,
        "iat": now,
        "exp": now + 120,
        "jti": f"{now}-{claims}",
        "typ": "Logout",
        "events": EVENT,
        **claims,
    }
    return (await provider.post("/sign", json={"header": {"typ": "logout+jwt"}, "claims": usual})).text


async def told(http: httpx.AsyncClient, token: str) -> httpx.Response:
    return await http.post("/oidc/backchannel-logout", data={"logout_token": token}, headers={"sec-fetch-site": ""})


async def test_a_session_that_the_provider_ends_is_over_in_every_service(
    harness: IdentityHarness, identity: Process, provider: httpx.AsyncClient
) -> None:
    other = harness.other(identity.accounts.signing.published)
    await known(identity, provider, "bomi", "jeju-counsellors", sid="one")
    async with identity.browser() as http, identity.browser() as another, identity.browser() as back:
        assert (await through(http, provider, "bomi")).status_code == 200
        await person(provider, "bomi", "jeju-counsellors", sid="two")
        assert (await through(another, provider, "bomi")).status_code == 200
        await other.identity.refresh()
        token = http.cookies["ieum_identity"]
        assert other.identity.verify(token) is not None
        answer = await told(back, await logout_token(identity, provider, sub="bomi", sid="one"))
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        await identity.clock.advance(3)
        await other.identity.refresh()
        assert other.identity.verify(token) is None
        assert (await http.get("/desk")).status_code == 303
        assert (await another.get("/desk")).status_code == 200
        # What nobody is signed in with is no mistake: they may have signed out here before.
        assert (await told(back, await logout_token(identity, provider, sid="unknown"))).status_code == 200
        assert (await told(back, await logout_token(identity, provider, sub="nobody"))).status_code == 200
        assert (await told(back, await logout_token(identity, provider, sub="bomi"))).status_code == 200
        assert (await another.get("/desk")).status_code == 303
    lines = await identity.lines("sign_out")
    assert [(line.detail["way"], line.detail["ended"]) for line in lines] == [("openid", "1"), ("openid", "1")]
    endings = [document["ended_why"] async for document in identity.accounts.session_store.collection.find({})]
    assert endings == [SessionEnding.PROVIDER.value] * 2


async def test_sessions_that_came_without_a_name_end_with_their_person(
    identity: Process, provider: httpx.AsyncClient
) -> None:
    await known(identity, provider, "bomi", "jeju-counsellors")
    async with identity.browser() as http, identity.browser() as back:
        await through(http, provider, "bomi")
        assert (await told(back, await logout_token(identity, provider, sub="bomi", sid="x"))).status_code == 200
        assert (await http.get("/desk")).status_code == 303


async def test_only_a_fresh_logout_token_of_the_provider_for_us_ends_anything_and_once(
    identity: Process, provider: httpx.AsyncClient
) -> None:
    await known(identity, provider, "bomi", "jeju-counsellors", sid="one")
    sid: dict[str, Any] = {"sub": "bomi", "sid": "one"}
    # The rest of what is wrong with a token is in the unit test of the rule.
    forged = "x" + (await logout_token(identity, provider, **sid))[1:]
    tokens = [await logout_token(identity, provider, **sid, nonce="n"), forged, "", "a.b.c"]
    async with identity.browser() as http, identity.browser() as back:
        await through(http, provider, "bomi")
        for token in tokens:
            answer = await told(back, token)
            assert (answer.status_code, answer.json()["code"]) == (400, "wrong_logout_token"), token
        assert (await http.get("/desk")).status_code == 200
        good = await logout_token(identity, provider, **sid, aud=["x", CLIENT])
        assert (await told(back, good)).status_code == 200
        assert (await http.get("/desk")).status_code == 303
        # Signed in once more: the old token ends nothing a second time.
        await person(provider, "bomi", "jeju-counsellors", sid="three")
        await through(http, provider, "bomi")
        assert (await told(back, good)).status_code == 400
        assert (await http.get("/desk")).status_code == 200
        refused = [line for line in await identity.lines("sign_out") if line.reason]
        assert {line.reason for line in refused} == {"wrong_logout_token"}


async def test_a_sign_in_that_the_provider_ends_meanwhile_opens_nothing(
    identity: Process, provider: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await known(identity, provider, "bomi", "jeju-counsellors", sid="one")
    add = identity.accounts.session_store.add

    async def slow(session: Any) -> None:
        async with identity.browser() as back:
            assert (await told(back, await logout_token(identity, provider, sid="one"))).status_code == 200
        await add(session)

    monkeypatch.setattr(identity.accounts.session_store, "add", slow)
    async with identity.browser() as http:
        assert (await through(http, provider, "bomi")).json()["code"] == "provider_error"
        assert (await http.get("/desk")).status_code == 303
    (session,) = [document async for document in identity.accounts.session_store.collection.find({})]
    assert session["ended_why"] == SessionEnding.PROVIDER.value


async def test_who_is_signed_out_by_name_on_the_way_in_does_not_come_in_with_factors_from_before(
    identity: Process, provider: httpx.AsyncClient
) -> None:
    await known(identity, provider, "bomi", "jeju-counsellors", sid="one")
    async with identity.browser() as http, identity.browser() as back:
        begun = await http.get("/oidc/start?next=/desk")
        answer = await at_the_provider(provider, begun.headers["location"], "bomi")
        await identity.clock.advance(2)
        assert (await told(back, await logout_token(identity, provider, sub="bomi"))).status_code == 200
        late = await http.get(answer)
        assert (late.status_code, late.json()["code"]) == (403, "provider_error")
        assert (await http.get("/desk")).status_code in {303, 401}
        later = int(identity.clock.now().timestamp()) + 5
        await identity.clock.advance(5)
        await person(provider, "bomi", "jeju-counsellors", sid="two", auth_time=later)
        assert (await through(http, provider, "bomi")).status_code == 200


async def test_the_providers_session_taken_out_of_the_store_ends_the_session(
    identity: Process, provider: httpx.AsyncClient
) -> None:
    """Or whoever can write there keeps one alive that the provider ends."""
    await known(identity, provider, "bomi", "jeju-counsellors", sid="one")
    async with identity.browser() as http:
        await through(http, provider, "bomi")
        await identity.accounts.session_store.collection.update_many({}, {"$set": {"provider_session": ""}})
        await identity.clock.advance(timedelta(minutes=11).total_seconds())
        assert (await http.get("/desk")).status_code == 303


async def test_claims_as_keycloak_makes_them(
    harness: IdentityHarness, issuer: str, provider: httpx.AsyncClient, identity: Process
) -> None:
    role_map = {
        "/ieum/jeju/counsellors": {"organisation": "jeju", "roles": ["counsellor"]},
        "ieum-jeju-lead": {"organisation": "jeju", "roles": ["lead"]},
    }
    more: dict[str, Any] = {"oidc_role_map": role_map, "oidc_acr": "gold"}
    by_group = await harness.process(**wanted(issuer, **more))
    by_role = await harness.process(**wanted(issuer, **more, oidc_role_claim="realm_access.roles"))
    claims: dict[str, Any] = {
        "azp": CLIENT,
        "sid": "0b8e2f5d-9f1c-4f8e-8f53-1f0f5d1e8e51",
        "session_state": "0b8e2f5d-9f1c-4f8e-8f53-1f0f5d1e8e51",
        "acr": "gold",
        "amr": ["pwd", "otp"],
        "email_verified": True,
        "realm_access": {"roles": ["offline_access", "ieum-jeju-lead", "default-roles-ieum"]},
        "resource_access": {"account": {"roles": ["manage-account"]}},
    }
    groups = ["/ieum/jeju/counsellors", "/other"]
    await known(by_group, provider, "kc-user", groups, **claims)
    async with by_group.browser() as http, by_role.browser() as other:
        assert (await through(http, provider, "kc-user")).status_code == 200
        assert (await http.post("/api/v1/act")).json()["roles"] == ["counsellor"]
        assert (await through(other, provider, "kc-user")).json()["code"] == "waits_for_release"
        await released(identity, provider, "kc-user")
        assert (await through(other, provider, "kc-user")).status_code == 200
        assert (await other.post("/api/v1/act")).json()["roles"] == ["lead"]
        # Level 1 is a password alone, and the level that was asked for is not always the one that was reached.
        for acr in ("1", "0", 1, None, ["gold"]):
            await person(provider, "kc-user", groups, **{**claims, "acr": acr})
            refused = await through(http, provider, "kc-user")
            assert refused.json()["code"] in {"no_second_factor", "wrong_token"}, acr
