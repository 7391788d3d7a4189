"""Accounts on the real store behind identity's own routes, on a clock that stands still; processes share the store."""

import base64
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import pyotp
import pytest
from argon2.profiles import CHEAPEST
from fastapi import APIRouter, Depends, FastAPI
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from services.identity import credentials
from services.identity.accounts.rules import step_of
from services.identity.accounts.service import Ready
from services.identity.audit_recorder import by_command
from services.identity.main import Accounts, accounts_of, routers_of
from services.identity.settings import IdentitySettings
from shared import mongo
from shared.audit.documents import line_of
from shared.audit.model import ChainEntry
from shared.audit.store import AuditLog
from shared.health import Health
from shared.identity.principal import Principal
from shared.identity.roles import Action, StaffRole
from shared.identity.source import PATH, Fetch, Identity, TaggedKeys, signed_of
from shared.settings import StoreSettings
from shared.web.app import Documentation, create_app
from shared.web.authorization import Authorizer
from shared.web.pages import Pages
from shared.web.session_renewal import RenewingAuthorizer
from tests.support.clock import ManualClock
from tests.support.staff import ROOTS

IDENTITY = Path(__file__).parents[3] / "services" / "identity"
IDENTITY_URL, NOTIFY_URL, ROUTING_URL = "http://127.0.0.1:8006", "http://127.0.0.1:8003", "http://127.0.0.1:8002"
START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def a_key() -> SecretStr:
    return SecretStr(base64.b64encode(os.urandom(32)).decode())


@dataclass(slots=True)
class Process:
    """One identity, as far as accounts go."""

    accounts: Accounts
    app: FastAPI
    log: AuditLog
    clock: ManualClock
    address: str = "198.51.100.7"

    def browser(self, address: str = "", **headers: str) -> httpx.AsyncClient:
        """A browser with cookies of its own, on our own pages."""
        transport = httpx.ASGITransport(app=self.app, client=(address or self.address, 40000))
        given = {"sec-fetch-site": "same-origin", "accept-language": "en", **headers}
        return httpx.AsyncClient(transport=transport, base_url=IDENTITY_URL, headers=given)

    async def person(self, organisation: str, *roles: str, name: str = "") -> Ready:
        """Somebody whose account is ready."""
        wanted = {StaffRole(role) for role in roles}
        name = name or f"{organisation}-{roles[0]}"
        return await self.accounts.administration.create_ready(by_command("test"), name, name, organisation, wanted)

    def code(self, ready: Ready, steps: int = 0) -> str:
        """What the authenticator shows now."""
        return pyotp.TOTP(ready.totp).generate_otp(step_of(self.clock.now()) + steps)

    def wrong_code(self, totp: str) -> str:
        """Six digits that no authenticator with this key shows now, nor a step before or after."""
        now = step_of(self.clock.now())
        right = {pyotp.TOTP(totp).generate_otp(now + steps) for steps in (-1, 0, 1)}
        return next(code for code in ("000000", "111111", "222222", "333333") if code not in right)

    async def enter(self, http: httpx.AsyncClient, ready: Ready, **other: str) -> httpx.Response:
        """Sign in on the page."""
        form = {"account": ready.account.name, "password": ready.password, "code": self.code(ready), **other}
        return await http.post("/session", data=form)

    async def api_enter(self, http: httpx.AsyncClient, ready: Ready, **other: str) -> httpx.Response:
        """Sign in over the API."""
        body = {"account": ready.account.name, "password": ready.password, "code": self.code(ready), **other}
        return await http.post("/api/v1/sign-in", json=body)

    async def lines(self, action: str) -> list[ChainEntry]:
        """The audit's lines of an action, oldest first."""
        await self.log.settle()
        found = await self.log.lines.find({}).to_list(None)
        lines = [line for document in found if (line := line_of(document)) is not None and line.action == action]
        return sorted(lines, key=lambda line: line.seq)


@dataclass(slots=True)
class Other:
    """Another service: it knows only what identity publishes."""

    identity: Identity
    app: FastAPI

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app),
            base_url=ROUTING_URL,
            headers={"sec-fetch-site": "same-origin"},
        )


@dataclass(slots=True)
class IdentityHarness:
    """What tests begin with."""

    store: StoreSettings
    clock: ManualClock
    master_key: SecretStr = field(default_factory=a_key)
    account_key: SecretStr = field(default_factory=a_key)
    audit_key: SecretStr = field(default_factory=a_key)
    directory_key: SecretStr = field(default_factory=a_key)
    stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    def keys(self) -> dict[str, SecretStr]:
        return {
            "master_key": self.master_key,
            "account_key": self.account_key,
            "audit_key": self.audit_key,
            "IEUM_DIRECTORY_KEY": self.directory_key,
        }

    async def process(self, *, service: str = "identity", **more: Any) -> Process:
        settings = IdentitySettings.model_validate({**self.keys(), **more})
        database = mongo.connect(self.store, service)
        self.stack.callback(database.client.close)
        log = AuditLog(database, settings.audit_keys(), self.clock, "identity", None)
        accounts = accounts_of(settings, database, log, self.clock)
        self.stack.push_async_callback(accounts.close)
        await accounts.prepare()
        pages = Pages(IDENTITY / "templates", IDENTITY / "locale", settings, "identity", clock=self.clock)
        authorize = RenewingAuthorizer(accounts.identity, settings, accounts.sessions.renew, service="identity")
        routers = [*routers_of(accounts, settings, pages, authorize), guarded(authorize)]
        app = create_app(
            service="identity",
            documentation=Documentation(title="t", description="d"),
            settings=settings,
            health=Health(),
            routers=routers,
            pages=pages,
            for_staff=True,
        )
        return Process(accounts, app, log, self.clock)

    def asking(self, identity: Process, service: str = "identity") -> Other:
        """Another process, which takes tokens for ``service`` and knows only what this identity publishes."""

        async def fetch(known: str) -> TaggedKeys | None:
            async with identity.browser() as http:
                answer = await http.get(PATH, headers={"If-None-Match": known})
            if answer.status_code == httpx.codes.NOT_MODIFIED:
                return None
            return TaggedKeys(signed_of(answer.raise_for_status().content), answer.headers["etag"])

        return self.other(fetch, service)

    def other(self, fetch: Fetch, service: str = "identity") -> Other:
        """Another process, which takes tokens for ``service``."""
        settings = IdentitySettings.model_validate(self.keys())
        identity = Identity(fetch, ROOTS, self.clock, service=service)
        app = create_app(
            service="routing",
            documentation=Documentation(title="t", description="d"),
            settings=settings,
            health=Health(),
            routers=[guarded(Authorizer(identity, settings))],
        )
        return Other(identity, app)


def guarded(authorize: Authorizer) -> APIRouter:
    """A page and an API route that staff of centres may see."""
    router = APIRouter()
    door = authorize(Action.CASES_LIST)

    @router.get("/desk")
    async def desk(principal: Annotated[Principal, Depends(door)]) -> PlainTextResponse:
        return PlainTextResponse(principal.subject)

    @router.post("/api/v1/act")
    async def act(request: Request, principal: Annotated[Principal, Depends(door)]) -> dict[str, Any]:
        return {"subject": principal.subject, "roles": sorted(principal.roles), "session": principal.session}

    return router


@pytest.fixture(scope="module", autouse=True)
def passwords_at_the_least_cost() -> Iterator[None]:
    """Hashes were four fifths of these tests' work; what one costs ``unit/identity/test_credentials.py`` says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(credentials, "RFC_9106_LOW_MEMORY", CHEAPEST)
        yield


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
async def harness(store_settings: StoreSettings, clock: ManualClock) -> AsyncIterator[IdentityHarness]:
    made = IdentityHarness(store_settings, clock)
    async with made.stack:
        yield made


@pytest.fixture
async def identity(harness: IdentityHarness) -> Process:
    return await harness.process()
