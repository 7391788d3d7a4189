"""Sessions: their renewal, their end everywhere, and the keys their tokens are signed with, on the real store."""

import asyncio
import re
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from starlette.requests import Request

from services.identity.accounts.models import RefusedError, SessionEnding
from services.identity.accounts.rules import SESSION_IDLE, SESSION_LASTS, SESSIONS_FREE, SESSIONS_PAUSE
from services.identity.audit_recorder import Actor, by_command
from shared.clock import SystemClock
from shared.health import Health
from shared.identity.cookies import session_cookie, token_cookie
from shared.identity.roles import StaffRole
from shared.identity.source import POLL_S
from shared.identity.tokens import ACCESS_LASTS
from shared.jobs import Jobs
from tests.integration.identity.conftest import IDENTITY_URL, NOTIFY_URL, ROUTING_URL, IdentityHarness, Process
from tests.support.clock import agreeing
from tests.support.waiting import eventually

SID_COOKIE, TOKEN_COOKIE, ROUTING_COOKIE = session_cookie(), token_cookie("identity"), token_cookie("routing")
TEN_MINUTES = ACCESS_LASTS.total_seconds()


async def test_each_sign_in_has_a_session_of_its_own_whatever_cookie_came_along(identity: Process) -> None:
    """Session fixation: what somebody planted before the sign-in opens nothing after it."""
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as http:
        http.cookies.set(SID_COOKIE, "planted-by-somebody-else-0123456789abcdefghij", domain="127.0.0.1")
        await identity.enter(http, ready)
        first = http.cookies[SID_COOKIE]
        assert "planted" not in first
        await identity.clock.advance(30)
        await identity.enter(http, ready)
        second = http.cookies[SID_COOKIE]
        assert second != first
        old = await http.post("/api/v1/session/renew", json={"session": first})
        assert (old.status_code, old.json()["code"]) == (401, "session_over")


async def test_nothing_that_is_stored_or_published_renews_a_session(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as http:
        given = (await identity.api_enter(http, ready)).json()
        stored = await identity.accounts.session_store.of(ready.account.subject, identity.clock.now())
        for guess in (stored[0].digest, stored[0].session, given["token"]):
            answer = await http.post("/api/v1/session/renew", json={"session": guess[:100]})
            assert answer.status_code == 401
        assert given["session"] not in repr(stored)


async def test_notify_renews_on_the_spot_and_other_services_send_people_there(
    identity: Process, harness: IdentityHarness
) -> None:
    ready = await identity.person("jeju", "counsellor")
    routing = harness.asking(identity, "routing")
    await routing.identity.refresh()
    async with identity.browser() as http, routing.browser() as there:
        await identity.enter(http, ready, next=f"{ROUTING_URL}/desk")
        there.cookies.set(ROUTING_COOKIE, http.cookies[ROUTING_COOKIE])
        assert (await there.get("/desk?view=late")).text == ready.account.subject
        before = http.cookies[TOKEN_COOKIE]
        await harness.clock.advance(TEN_MINUTES)
        await routing.identity.refresh()
        sent = await there.get("/desk?view=late")
        assert sent.status_code == 303
        target = urlsplit(sent.headers["location"])
        assert f"{target.scheme}://{target.netloc}{target.path}" == f"{IDENTITY_URL}/session"
        assert parse_qs(target.query)["next"] == [f"{ROUTING_URL}/desk?view=late"]
        back = await http.get(sent.headers["location"])
        assert (back.status_code, back.headers["location"]) == (303, f"{ROUTING_URL}/desk?view=late")
        there.cookies.set(ROUTING_COOKIE, http.cookies[ROUTING_COOKIE])
        assert (await there.get("/desk?view=late")).text == ready.account.subject
        await harness.clock.advance(TEN_MINUTES)
        renewed = await http.get("/desk")
        assert renewed.text == ready.account.subject
        assert http.cookies[TOKEN_COOKIE] != before
        assert "HttpOnly" in renewed.headers["set-cookie"]
        assert SID_COOKIE + "=" not in renewed.headers["set-cookie"]


async def test_a_bearer_is_not_renewed_by_a_cookie(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as http:
        await identity.enter(http, ready)
        answer = await http.post("/api/v1/act", headers={"authorization": "Bearer nonsense"})
        assert answer.status_code == 401


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "http://127.0.0.1:8003@evil.example/",
        "http://127.0.0.1:8003.evil.example/",
        "http://user@127.0.0.1:8003/",
        "https://127.0.0.1:8003/",
        "javascript:alert(1)",
        "http://127.0.0.1:9999/",
        " http://evil.example",
        "http://127.0.0.1:8002/session?next=//evil.example",
        "/session",
        "http://[::1",
        "http://127.0.0.1:8003/\r\nSet-Cookie: x=y",
    ],
)
async def test_sign_in_leads_nowhere_but_to_our_own_services(identity: Process, wanted: str) -> None:
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as http:
        entered = await identity.enter(http, ready, next=wanted)
        assert (entered.status_code, entered.headers["location"]) == (303, f"{NOTIFY_URL}/")
        renewed = await http.get("/session", params={"next": wanted})
        assert (renewed.status_code, renewed.headers["location"]) == (303, f"{NOTIFY_URL}/")


async def test_the_end_of_a_session_everywhere_is_known_to_others_within_seconds(harness: IdentityHarness) -> None:
    """On the machine's own clock: the other service polls as it does in production."""
    clock = SystemClock()
    harness.clock = clock  # type: ignore[assignment]  # both are clocks
    identity = await harness.process()
    ready = await identity.person("jeju", "counsellor")
    routing = harness.asking(identity, "routing")
    jobs = Jobs(Health(), clock)
    jobs.every(POLL_S, "identity", routing.identity.refresh)
    polling = asyncio.create_task(jobs.run())
    try:
        async with identity.browser() as http, routing.browser() as there:
            assert (await identity.enter(http, ready, next=f"{ROUTING_URL}/desk")).status_code == 303
            there.cookies.set(ROUTING_COOKIE, http.cookies[ROUTING_COOKIE])

            async def inside() -> bool:
                return (await there.get("/desk")).status_code == 200

            await eventually(inside)
            seen = routing.identity.principal_of(_carrying(there.cookies[ROUTING_COOKIE]))
            assert seen is not None
            assert routing.identity.still_valid(seen)
            assert (await http.post("/account/end-everywhere")).status_code == 303

            async def refused() -> bool:
                return not routing.identity.still_valid(seen)

            await eventually(refused)
            assert (await there.get("/desk")).status_code == 303
            assert (await http.get("/desk")).status_code == 303
    finally:
        polling.cancel()


def _carrying(token: str) -> Request:
    return Request({"type": "http", "headers": [(b"cookie", f"{ROUTING_COOKIE}={token}".encode())]})


async def test_signing_out_ends_this_session_and_no_other(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as one, identity.browser() as other:
        await identity.enter(one, ready)
        await identity.clock.advance(30)
        await identity.enter(other, ready)
        token, sid = one.cookies[TOKEN_COOKIE], one.cookies[SID_COOKIE]
        assert (await one.post("/session/end")).headers["location"] == "/session"
        one.cookies.set(TOKEN_COOKIE, token)
        one.cookies.set(SID_COOKIE, sid)
        assert (await one.get("/desk")).status_code == 303
        assert (await other.get("/desk")).status_code == 200


async def test_who_signs_out_to_sign_in_as_somebody_else_comes_back_to_the_page(identity: Process) -> None:
    first, second = await identity.person("jeju", "counsellor"), await identity.person("jeju", "lead")
    async with identity.browser() as http:
        await identity.enter(http, first)
        asked = await http.get("/session/end", params={"next": "/desk?a=1"})
        foreign = await http.get("/session/end", params={"next": "https://evil.example/"})
        signed_out = await http.post("/session/end", data={"next": "/desk?a=1"})
        page = await http.get(signed_out.headers["location"])
        entered = await identity.enter(http, second, next="/desk?a=1")
    assert '<input type="hidden" name="next" value="/desk?a=1">' in asked.text
    assert 'value="https://evil' not in foreign.text
    assert '<input type="hidden" name="next" value="/desk?a=1">' in page.text
    assert entered.headers["location"] == "/desk?a=1"


async def test_who_changes_the_language_after_a_wrong_code_still_comes_to_the_page_they_wanted(
    identity: Process,
) -> None:
    ready = await identity.person("jeju", "administrator")
    wanted = "/accounts/new?a=1&b=2"

    async def mistyped(http: httpx.AsyncClient, path: str) -> str:
        page = await http.get(path, params={"next": wanted})
        [action] = re.findall(rf'<form method="post" action="({path}[^"]*)" novalidate', page.text)
        refused = await http.post(unescape(action), data={"code": identity.wrong_code(ready.totp), "next": wanted})
        assert refused.status_code == 401
        [other] = re.findall(r'hreflang="(?:ko|en)" href="([^"]+)"', refused.text)
        return unescape(re.findall(r'name="next" value="([^"]+)"', (await http.get(unescape(other))).text)[0])

    async with identity.browser() as http:
        assert await mistyped(http, "/session") == wanted
        await identity.enter(http, ready)
        await identity.clock.advance(SESSION_IDLE.total_seconds() - 1)
        assert await mistyped(http, "/session/confirm") == wanted


async def test_no_page_gives_a_password_back(identity: Process) -> None:
    typed = {"before": "the old sentence", "password": "a new sentence", "again": "a new sentence", "code": "123456"}
    headers = {"accept": "text/html", "sec-fetch-site": "same-origin"}
    async with identity.browser() as http:
        refused = await http.post("/account/password", data=typed, headers=headers)
    assert refused.status_code == 401
    assert "sentence" not in refused.text


async def ended_by(identity: Process, change: str) -> None:
    ready = await identity.person("jeju", "counsellor", name="to-be-changed")
    admin = await identity.person("central", "administrator", name="who-changes")
    by = Actor(admin.account.subject, "central", ("administrator",), "test")
    do = identity.accounts.administration
    async with identity.browser() as http, identity.browser() as other:
        await identity.enter(http, ready)
        assert (await http.get("/desk")).status_code == 200
        account = await identity.accounts.store.get(ready.account.subject)
        assert account is not None
        if change == "roles":
            await do.change_roles(by, account, {StaffRole.LEAD}, "new_work")
        elif change == "disable":
            await do.disable(by, account, "left")
        elif change == "reset":
            await do.reset(by, account, "lost_device")
        else:
            await identity.clock.advance(30)
            await identity.enter(other, ready)
            await identity.clock.advance(30)
            form = {
                "before": ready.password,
                "code": identity.code(ready),
                "password": "a sentence of my own",
                "again": "",
            }
            form["again"] = form["password"]
            assert (await other.post("/account/password", data=form)).status_code == 303
            assert (await other.get("/desk")).status_code == 200
        assert (await http.get("/desk")).status_code == 303
        assert (await http.post("/api/v1/act")).status_code == 401


@pytest.mark.parametrize("change", ["roles", "disable", "reset", "password"])
async def test_a_changed_account_is_signed_out(identity: Process, change: str) -> None:
    await ended_by(identity, change)


async def test_new_roles_count_from_the_next_sign_in(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    by = by_command("test")
    await identity.accounts.administration.change_roles(by, ready.account, {StaffRole.LEAD}, "new_work")
    async with identity.browser() as http:
        await identity.enter(http, ready)
        assert (await http.post("/api/v1/act")).json()["roles"] == ["lead"]


@pytest.mark.parametrize(
    ("step", "passes"),
    [(SESSION_IDLE - timedelta(seconds=1), True), (SESSION_IDLE, False)],
)
async def test_an_unused_session_ends(identity: Process, step: timedelta, passes: bool) -> None:
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as http:
        await identity.enter(http, ready)
        await identity.clock.advance(step.total_seconds())
        assert ((await http.get("/desk")).status_code == 200) is passes


async def test_who_changed_their_account_while_the_clock_was_ahead_signs_in_once_it_is_right(identity: Process) -> None:
    ready, day_s = await identity.person("jeju", "counsellor"), 24 * 3600
    async with identity.browser() as before, identity.browser() as meanwhile, identity.browser() as after:
        await identity.enter(before, ready)
        await identity.clock.advance(day_s)
        await identity.enter(meanwhile, ready, code=ready.recovery[0])
        assert (await meanwhile.post("/account/end-everywhere")).status_code == 303
        await identity.clock.advance(60 - day_s)
        assert (await identity.enter(after, ready)).status_code == 303
        await identity.accounts.tidy()
        assert (await after.get("/desk")).status_code == 200
        assert (await before.get("/desk")).status_code == 303
        assert (await meanwhile.get("/desk")).status_code == 303
        await identity.clock.advance(TEN_MINUTES)
        assert (await after.get("/desk")).status_code == 200, "it is renewed"


async def test_a_session_of_a_clock_that_was_ahead_lasts_no_longer_than_others(identity: Process) -> None:
    """Nor is its factor shown in the future, which would be asked for no more until then."""
    ready, day_s = await identity.person("jeju", "counsellor"), 24 * 3600
    accounts, clock = identity.accounts, identity.clock
    async with identity.browser() as http:
        await clock.advance(day_s)
        await identity.enter(http, ready)
        [begun] = await accounts.session_store.of(ready.account.subject, clock.now())
        assert await accounts.sessions.confirm(begun)
        await accounts.sweep(agreeing(clock, ahead=timedelta(days=1)))
        await clock.advance(60 - day_s)
        for ahead, now_is_right in ((timedelta(days=-1), False), (timedelta(), True)):
            await accounts.sweep(agreeing(clock, ahead=ahead))
            [session] = await accounts.session_store.of(ready.account.subject, clock.now())
            times = {session.started_at, session.seen_at, accounts.sessions.confirmed_at(session)}
            assert (times == {clock.now()}) is now_is_right
            assert (session.started_at == begun.started_at) is not now_is_right
        assert (await http.get("/desk")).status_code == 200, "nobody is signed out for it"
        await clock.advance(SESSION_IDLE.total_seconds())
        assert (await http.get("/desk")).status_code == 303
        assert await accounts.sessions.date_anew(clock.now()) == 0


async def test_no_session_outlives_a_shift(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as http:
        await identity.enter(http, ready)
        passed = timedelta()
        while passed < SESSION_LASTS - timedelta(hours=1):
            await identity.clock.advance(3600)
            passed += timedelta(hours=1)
            assert (await http.get("/desk")).status_code == 200
        claims = jwt.decode(http.cookies[TOKEN_COOKIE], options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] == TEN_MINUTES
        await identity.clock.advance(3600)
        assert (await http.get("/desk")).status_code == 303


async def test_a_request_from_a_foreign_page_changes_nothing(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    foreign = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    async with identity.browser() as http:
        await identity.enter(http, ready)
        for path in ("/api/v1/act", "/account/end-everywhere", "/session/end"):
            answer = await http.post(path, headers=foreign)
            assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
        # The session's cookie alone is as good as a token, and so as well guarded.
        http.cookies.delete(TOKEN_COOKIE)
        assert (await http.post("/api/v1/act", headers=foreign)).status_code == 403
        assert (await http.post("/api/v1/act")).status_code == 200


async def test_a_foreign_page_cannot_sign_a_browser_in_as_somebody_else(identity: Process) -> None:
    """Login CSRF: no cookie is there yet, and the attacker gives a right password of their own."""
    ready = await identity.person("jeju", "counsellor")
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site", "origin": "null"},
    ):
        async with identity.browser(**headers) as http:
            for path in ("/session", "/invitation", "/api/v1/sign-in"):
                answer = await http.post(path, data={"account": ready.account.name})
                assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
            assert not http.cookies


async def test_who_signed_in_very_often_still_sees_where_they_are_signed_in_now(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    account, sessions = ready.account, identity.accounts.sessions
    for _ in range(SESSIONS_FREE - 1):
        assert await sessions.begin(account) is not None
    await sessions.end(account.subject, SessionEnding.EVERYWHERE)
    last = await sessions.begin(account)
    assert last is not None
    assert [one.session for one in await sessions.of(account.subject)] == [last.principal.session]


async def test_who_signs_in_and_out_all_day_makes_the_published_document_no_longer_than_services_take(
    identity: Process,
) -> None:
    ready, other = await identity.person("jeju", "counsellor"), await identity.person("busan", "counsellor")
    sessions, pause_s = identity.accounts.sessions, SESSIONS_PAUSE.total_seconds()
    for _ in range(SESSIONS_FREE):
        await sessions.begin(ready.account)
    await sessions.end(ready.account.subject, SessionEnding.EVERYWHERE)
    async with identity.browser() as http:
        refused = await identity.enter(http, ready)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, str(int(pause_s)))
        assert "again in 10 min." in refused.text
        assert "tell whoever manages accounts" in refused.text
        assert "or use a recovery code." not in refused.text, "it does not help here"
        assert not http.cookies
        assert (await identity.enter(http, other)).status_code == 303
    assert [line.reason for line in await identity.lines("sign_in") if line.reason] == ["too_many_sessions"]
    await identity.clock.advance(pause_s)
    tried = (sessions.begin(ready.account) for _ in range(8))
    at_once = await asyncio.gather(*tried, return_exceptions=True)
    assert sum(not isinstance(one, RefusedError) for one in at_once) <= 1
    await identity.clock.advance(pause_s)
    async with identity.browser() as http:
        assert (await identity.enter(http, ready)).status_code == 303
    await sessions.end(ready.account.subject, SessionEnding.EVERYWHERE)
    published = await identity.accounts.signing.document(anew=True)
    assert len(published.revoked) <= SESSIONS_FREE + 2
    await identity.clock.advance((SESSION_LASTS + timedelta(hours=2)).total_seconds())
    assert await sessions.begin(ready.account) is not None
    assert await sessions.begin(ready.account) is not None, "what is over counts no more"
