"""A real OpenID provider, as a process of its own, and what people do there."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from services.identity.audit_recorder import Actor
from services.identity.oidc.rules import account_name
from tests.integration.identity.conftest import IdentityHarness, Process
from tests.support.clock import ManualClock
from tests.support.waiting import DEADLINE_S, eventually
from tools.local.ports import free_port

CLIENT = "ieum"
ROLES: dict[str, Any] = {
    "jeju-counsellors": {"organisation": "jeju", "roles": ["counsellor"]},
    "jeju-leads": {"organisation": "jeju", "roles": ["lead"]},
    "jeju-admins": {"organisation": "jeju", "roles": ["administrator"]},
    "ministry-analysts": {"organisation": "ministry", "roles": ["analyst"]},
    "busan-counsellors": {"organisation": "busan", "roles": ["counsellor"]},
}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """The provider's address. It really checks codes, PKCE is ours to send, and its keys are its own."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "tests.integration.identity.openid.provider_process", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=DEADLINE_S)


@pytest.fixture
async def provider(issuer: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=issuer, timeout=DEADLINE_S) as http:

        async def answers() -> bool:
            try:
                return (await http.get("/.well-known/openid-configuration")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(answers)
        yield http


def wanted(issuer: str, **more: Any) -> dict[str, Any]:
    secret = {"oidc_client_secret": SecretStr("secret")}
    return {
        "oidc_issuer": issuer,
        "oidc_client_id": CLIENT,
        "oidc_role_map": ROLES,
        "oidc_plain_http": True,
        **secret,
        **more,
    }


class FollowingClock(ManualClock):
    """Goes on with the machine's time, by which the provider signs; what it measures stands still."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.monotonic())


@pytest.fixture
def clock() -> ManualClock:
    return FollowingClock(datetime.now(UTC))


@pytest.fixture
async def identity(harness: IdentityHarness, issuer: str, provider: httpx.AsyncClient) -> Process:
    del provider
    return await harness.process(**wanted(issuer))


async def person(provider: httpx.AsyncClient, sub: str, groups: object, **claims: object) -> None:
    given = {"groups": groups, "amr": ["pwd", "otp"], "auth_time": int(datetime.now(UTC).timestamp()), **claims}
    (await provider.put(f"/users/{sub}", json=given)).raise_for_status()


async def at_the_provider(provider: httpx.AsyncClient, address: str, sub: str) -> str:
    """What somebody does there; the address they are sent back to."""
    answer = await provider.post(address, data={"sub": sub})
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


async def through(
    http: httpx.AsyncClient, provider: httpx.AsyncClient, sub: str, start: str = "/oidc/start?next=/desk"
) -> httpx.Response:
    begun = await http.get(start)
    assert begun.status_code == 303
    back = await at_the_provider(provider, begun.headers["location"], sub)
    return await http.get(back)


async def released(identity: Process, provider: httpx.AsyncClient, sub: str) -> None:
    """Let a second person release the account of somebody who came and was told to wait."""
    account = await identity.accounts.store.by_name(account_name(str(provider.base_url), sub))
    assert account is not None
    await identity.accounts.administration.release(Actor("s-second", "central", (), "test"), account, account.changes)


async def known(identity: Process, provider: httpx.AsyncClient, sub: str, groups: object, **claims: object) -> None:
    """Somebody of the provider's whose account is there and released."""
    await person(provider, sub, groups, **claims)
    async with identity.browser() as http:
        waits = await through(http, provider, sub)
        assert (waits.status_code, waits.json()["code"]) == (403, "waits_for_release")
    await released(identity, provider, sub)
