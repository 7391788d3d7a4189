"""A session whose token has ended is renewed where somebody works, as long as identity answers."""

import json
from datetime import timedelta

import httpx
import pytest
from fastapi import APIRouter, Depends
from starlette.requests import Request

from shared.errors import TransientError
from shared.health import Health
from shared.identity.cookies import SERVICES, session_cookie, token_cookie
from shared.identity.roles import Action
from shared.identity.tokens import ACCESS_LASTS
from shared.settings import ServiceSettings
from shared.web.app import Documentation, create_app
from shared.web.session_renewal import RenewingAuthorizer, over_http
from tests.support.clock import ManualClock
from tests.support.staff import TestIdentity
from tests.unit.shared.web.small_site import NOW

URL = "http://127.0.0.1:8003"
SECRET = "the-secret-of-a-session"
TOKEN_COOKIE, SID_COOKIE = token_cookie("notify"), session_cookie()


class Issuer:
    """Identity, as far as renewal goes."""

    def __init__(self, staff: TestIdentity) -> None:
        self.staff = staff
        self.status = 200
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.status != 200:
            return httpx.Response(self.status, json={})
        assert request.url.path == "/api/v1/session/renew"
        assert json.loads(request.content) == {"session": SECRET, "audience": "notify"}
        return httpx.Response(200, json={"token": self.staff.token("jeju", "counsellor", session="a-session-of-tests")})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def issuer(clock: ManualClock) -> Issuer:
    return Issuer(TestIdentity(clock))


def browser(issuer: Issuer, settings: ServiceSettings | None = None, **cookies: str) -> httpx.AsyncClient:
    identity, settings = issuer.staff.identity, settings or ServiceSettings()
    renew = over_http("http://identity", identity, "notify", httpx.MockTransport(issuer))
    authorize = RenewingAuthorizer(identity, settings, renew, service="notify")
    router = APIRouter()

    @router.post("/api/v1/act", dependencies=[Depends(authorize(Action.CASES_LIST))])
    async def act(request: Request) -> str:
        return str(request.state.principal.organisation)

    app = create_app(
        service="notify",
        documentation=Documentation(title="t", description="d"),
        settings=settings,
        health=Health(),
        routers=[router],
    )
    headers = {"sec-fetch-site": "same-origin"}
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url=URL,
        headers=headers,
        cookies=cookies or {SID_COOKIE: SECRET},
    )


async def test_an_act_after_the_tokens_end_counts_and_brings_a_new_token(issuer: Issuer, clock: ManualClock) -> None:
    old = issuer.staff.token("jeju", "counsellor")
    await clock.advance((ACCESS_LASTS + timedelta(seconds=1)).total_seconds())
    issuer.staff.identity.adopt(issuer.staff.document())
    async with browser(issuer, None, **{TOKEN_COOKIE: old, SID_COOKIE: SECRET}) as http:
        answer = await http.post("/api/v1/act")
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"{token_cookie('notify')}=")
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert (await http.post("/api/v1/act")).status_code == 200
    assert issuer.asked == 1, "the new token is used"


async def test_a_session_that_is_over_opens_nothing(issuer: Issuer) -> None:
    issuer.status = 401
    async with browser(issuer) as http:
        assert (await http.post("/api/v1/act")).status_code == 401


async def test_a_session_that_is_revoked_opens_nothing_although_identity_renews_it(issuer: Issuer) -> None:
    issuer.staff.revoke("a-session-of-tests")
    async with browser(issuer) as http:
        assert (await http.post("/api/v1/act")).status_code == 401


async def test_while_identity_is_silent_the_token_counts_and_nobody_asks(issuer: Issuer, clock: ManualClock) -> None:
    old = issuer.staff.token("jeju", "counsellor")
    await clock.advance((ACCESS_LASTS + timedelta(seconds=1)).total_seconds())
    async with browser(issuer, None, **{TOKEN_COOKIE: old, SID_COOKIE: SECRET}) as http:
        answer = await http.post("/api/v1/act")
    assert (answer.status_code, issuer.asked) == (200, 0)


async def test_an_identity_in_trouble_is_no_refusal(issuer: Issuer) -> None:
    renew = over_http("http://identity", issuer.staff.identity, "notify", httpx.MockTransport(issuer))
    for status in (404, 429, 500, 503):
        issuer.status = status
        with pytest.raises(TransientError):
            await renew(SECRET)


@pytest.mark.parametrize("body", [b"<html>One moment</html>", b"[]", b"{}"])
async def test_what_is_no_answer_of_identitys_is_no_failure_of_ours(issuer: Issuer, body: bytes) -> None:
    proxy = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    with pytest.raises(TransientError):
        await over_http("http://identity", issuer.staff.identity, "notify", proxy)(SECRET)


HTTPS = {name: f"https://staff.example:{8440 + number}" for number, name in enumerate(SERVICES)}


@pytest.mark.parametrize(
    ("scheme", "configured", "cookie", "status"),
    [
        ("http", False, "ieum_notify", 200),
        ("http", False, "__Host-ieum_notify", 401),
        # Behind a proxy that ends TLS, and by https itself: another host of ours, or plain http, can plant no cookie.
        ("http", True, "__Host-ieum_notify", 200),
        ("http", True, "ieum_notify", 401),
        ("https", False, "__Host-ieum_notify", 200),
        ("https", False, "ieum_notify", 401),
        # A token in another service's cookie, and another service's token in ours.
        ("http", False, "ieum_analytics", 401),
        ("http", False, "ieum_notify of analytics", 401),
    ],
)
async def test_by_https_only_cookies_of_this_very_host_count(
    issuer: Issuer, scheme: str, configured: bool, cookie: str, status: int
) -> None:
    more = {"IEUM_PUBLIC_URLS": HTTPS, "IEUM_TRUSTED_PROXIES": "10.0.0.1"} if configured else {}
    name, _, receiver = cookie.partition(" of ")
    token = issuer.staff.signer.access(issuer.staff.principal("jeju", "counsellor"), receiver or "notify")
    async with browser(issuer, ServiceSettings.model_validate(more), **{name: token}) as http:
        answer = await http.post(f"{scheme}://127.0.0.1:8003/api/v1/act")
    assert answer.status_code == status


@pytest.mark.parametrize("configured", [False, True])
async def test_a_renewed_token_is_given_back_under_the_name_that_counts(issuer: Issuer, configured: bool) -> None:
    more = {"IEUM_PUBLIC_URLS": HTTPS, "IEUM_TRUSTED_PROXIES": "10.0.0.1"} if configured else {}
    cookies = {session_cookie(secure=configured): SECRET, session_cookie(secure=not configured): "planted"}
    async with browser(issuer, ServiceSettings.model_validate(more), **cookies) as http:
        answer = await http.post("/api/v1/act")
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{token_cookie('notify', secure=configured)}=")
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert ("Secure" in cookie) is configured
