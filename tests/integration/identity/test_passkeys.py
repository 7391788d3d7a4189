"""Signing in with passkeys, and being led to register one, on the real store."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from services.identity.accounts.rules import SESSIONS_FREE, SESSIONS_PAUSE
from services.identity.accounts.service import Ready
from services.identity.audit_recorder import by_command
from shared.audit.model import AuditOutcome
from shared.web.authorization import route_actions
from tests.integration.identity.conftest import START, IdentityHarness, Process
from tests.integration.identity.test_accounts import finished, invitation, looked_at
from tests.support.clock import agreeing
from tests.support.passkeys import Authenticator, plain

ORIGIN = "https://staff.example"
BY_HTTPS: dict[str, Any] = {"IEUM_PUBLIC_URLS": {"identity": ORIGIN}, "IEUM_TRUSTED_PROXIES": "10.0.0.7"}


@pytest.fixture
async def identity(harness: IdentityHarness) -> Process:
    """Where browsers make passkeys, and leads and administrators must have one."""
    return await harness.process(**BY_HTTPS)


def browser(identity: Process) -> httpx.AsyncClient:
    http = identity.browser()
    http.base_url = httpx.URL(ORIGIN)
    return http


async def signed(http: httpx.AsyncClient, device: Authenticator) -> dict[str, str]:
    """The form's fields of a sign-in with a passkey."""
    return {"passkey": device.sign((await http.post("/session/passkey/options")).json()), "code": ""}


async def registered(identity: Process, http: httpx.AsyncClient, ready: Ready) -> Authenticator:
    """A first passkey, on the way in."""
    device = Authenticator(ORIGIN)
    led = await identity.enter(http, ready)
    assert (led.status_code, led.headers["location"]) == (303, "/session/passkey?next=")
    assert "ieum_sid" not in http.cookies
    made = device.make((await http.post("/session/passkey/new")).json())
    entered = await http.post("/session/passkey", data={"name": "phone", "passkey": made})
    assert entered.status_code == 303, entered.text
    return device


async def test_who_must_have_a_passkey_registers_one_and_then_signs_in_with_it_alone(identity: Process) -> None:
    ready = await identity.person("jeju", "lead")
    async with browser(identity) as http:
        over = await http.get("/session/passkey", headers={"accept": "text/html", "accept-language": "en"})
        assert over.status_code == 403
        assert "<title>Please sign in. – Ieum</title>" in over.text
        assert "<h1>Please sign in.</h1>" in over.text
        assert '<a class="button primary" href="/session">Sign in</a>' in over.text
        device = await registered(identity, http, ready)
        assert (await http.get("/desk")).text == ready.account.subject
        account, cookie = await identity.accounts.store.get(ready.account.subject), http.cookies["__Host-ieum_device"]
        assert account is not None
        assert identity.accounts.vault.device_of(cookie, account, identity.clock.now()), "it was registered here"
    await identity.clock.advance(30)
    async with browser(identity) as http:
        assert (await identity.enter(http, ready)).status_code == 403
        assert (await identity.enter(http, ready, **await signed(http, device))).status_code == 303
        assert (await http.get("/desk")).text == ready.account.subject
        await identity.clock.advance(30)
        assert (await identity.api_enter(http, ready)).json()["code"] == "passkey_needed"
    (added,) = await identity.lines("account.passkey_add")
    assert (added.actor, added.outcome) == (ready.account.subject, AuditOutcome.DONE)
    said = [(line.outcome.value, line.reason, line.detail.get("factor")) for line in await identity.lines("sign_in")]
    missing, needed = ("refused", "passkey_missing", None), ("refused", "passkey_needed", None)
    assert said == [missing, ("done", None, "passkey"), needed, ("done", None, "passkey"), needed]


async def test_who_comes_with_an_invitation_does_nothing_before_the_passkey_their_role_needs(
    identity: Process,
) -> None:
    code = await invitation(identity, "jeju", "lead")
    device = Authenticator(ORIGIN)
    async with browser(identity) as http:
        page = await finished(identity, http, code, await looked_at(http, code))
        assert (page.status_code, "you are signed in" in page.text) == (200, False)
        assert 'href="/session/passkey"' in page.text
        assert not {"__Host-ieum_sid", "__Host-ieum_identity"} & set(http.cookies)
        assert (await http.get("/desk")).status_code in {303, 401}
        made = device.make((await http.post("/session/passkey/new")).json())
        assert (await http.post("/session/passkey", data={"name": "phone", "passkey": made})).status_code == 303
        assert (await http.get("/desk")).status_code == 200
    async with browser(identity) as http:
        code = await invitation(identity, "jeju", "counsellor", name="lee.new")
        page = await finished(identity, http, code, await looked_at(http, code))
        assert "you are signed in" in page.text
        assert (await http.get("/desk")).status_code == 200


async def test_who_registers_a_first_passkey_after_too_many_sign_ins_is_told_that_it_is_registered(
    identity: Process,
) -> None:
    ready, device = await identity.person("jeju", "lead"), Authenticator(ORIGIN)
    sessions, pause_s = identity.accounts.sessions, SESSIONS_PAUSE.total_seconds()
    async with browser(identity) as http:
        await identity.enter(http, ready)
        for _ in range(SESSIONS_FREE):
            await sessions.begin(ready.account)
        made = device.make((await http.post("/session/passkey/new")).json())
        given = {"name": "phone", "passkey": made, "next": f"{ORIGIN}/releases"}
        told = await http.post("/session/passkey", data=given)
        assert (told.status_code, told.headers["retry-after"]) == (429, str(int(pause_s)))
        assert "No passkey was registered" not in told.text
        assert "<h1>The passkey is registered</h1>" in told.text
        assert "You can sign in again in 10 min." in told.text
        assert f'href="/session?next={quote(ORIGIN + "/releases", safe="/")}"' in told.text
        assert "__Host-ieum_sid" not in http.cookies
        assert (await http.get("/session/passkey")).status_code == 403, "there is none to register any more"
        account = await identity.accounts.store.get(ready.account.subject)
        assert account is not None
        assert [key.name for key in account.passkeys] == ["phone"]
        await identity.clock.advance(pause_s)
        assert (await identity.enter(http, ready, **await signed(http, device))).status_code == 303


async def test_with_a_recovery_code_a_lost_passkey_is_replaced_before_anything_else(identity: Process) -> None:
    ready = await identity.person("central", "administrator")
    async with browser(identity) as http:
        lost = await registered(identity, http, ready)
    async with browser(identity) as http:
        assert (await identity.api_enter(http, ready, code=ready.recovery[0])).json()["code"] == "passkey_missing"
        led = await identity.enter(http, ready, code=ready.recovery[1])
        assert led.headers["location"] == "/session/passkey?next="
        told = [(line.reason, line.detail.get("account")) for line in await identity.lines("sign_in")]
        assert told[-2:] == [("passkey_missing", ready.account.subject)] * 2, "each used a recovery code up"
        assert (await http.get("/accounts")).status_code in {303, 401}
        made = Authenticator(ORIGIN).make((await http.post("/session/passkey/new")).json())
        assert (await http.post("/session/passkey", data={"name": "new", "passkey": made})).status_code == 303
        again = await http.post("/session/passkey", data={"name": "second", "passkey": made})
        assert again.status_code == 403
        await identity.clock.advance(30)
        both = {"current": ready.password}  # the new passkey was shown just now
        removed = await http.post(f"/account/passkeys/{lost.id.hex()}/remove", data=both)
        assert removed.headers["location"] == "/account?done=passkey_removed"
        assert (await identity.enter(http, ready, **await signed(http, lost))).status_code == 401


async def test_whose_role_needs_none_chooses_and_registers_with_both_factors(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    device = Authenticator(ORIGIN)
    async with browser(identity) as http:
        assert (await identity.enter(http, ready)).status_code == 303
        made = {"name": "blue key", "passkey": device.make((await http.post("/account/passkeys/new")).json())}
        other = {"current": ready.password, "digits": identity.wrong_code(ready.totp)}
        wrong = await http.post("/account/passkeys", data={**made, **other})
        assert wrong.status_code == 422
        await identity.clock.advance(30)
        both = {"current": ready.password, "digits": identity.code(ready)}
        assert (await http.post("/account/passkeys", data={**made, **both})).status_code == 303
        assert "blue key" in (await http.get("/account")).text
    async with browser(identity) as http:
        assert (await identity.enter(http, ready, **await signed(http, device))).status_code == 303
        await identity.clock.advance(30)
        assert (await identity.enter(http, ready)).status_code == 303


async def test_a_wrong_passkey_is_refused_as_a_wrong_password_is(identity: Process) -> None:
    ready, other = await identity.person("jeju", "lead"), await identity.person("busan", "lead")
    async with browser(identity) as http:
        device = await registered(identity, http, ready)
    async with browser(identity) as http:
        theirs = await registered(identity, http, other)
    answers = []
    async with browser(identity) as http, browser(identity) as elsewhere:
        fitting = await signed(http, device)
        answers.append(await identity.enter(http, ready, **await signed(http, theirs)))
        answers.append(await identity.enter(elsewhere, ready, **fitting))  # another browser's challenge
        answers.append(await identity.enter(http, ready, **{**await signed(http, device), "password": "no"}))
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1


async def test_a_passkey_of_ones_own_does_not_tell_whether_anothers_password_was_right(identity: Process) -> None:
    victim, insider = await identity.person("jeju", "lead"), await identity.person("busan", "lead")
    async with browser(identity) as http:
        device = await registered(identity, http, insider)
    for guess in ("a wrong sentence", victim.password):
        async with browser(identity) as http:
            form = await signed(http, device)
            assert (await identity.enter(http, victim, **{**form, "password": guess})).status_code == 401
            # Were the challenge used up by the right password alone, this would say so.
            assert (await identity.enter(http, insider, **form)).status_code == 303


async def test_neither_a_passkey_nor_its_counter_can_be_written_into_an_account(identity: Process) -> None:
    ready, thief = await identity.person("jeju", "lead"), await identity.person("busan", "lead")
    async with browser(identity) as http:
        await registered(identity, http, ready)
    async with browser(identity) as http:
        theirs = await registered(identity, http, thief)
    accounts = identity.accounts.store.collection
    genuine = await accounts.find_one({"_id": ready.account.subject})
    stolen = await accounts.find_one({"_id": thief.account.subject})
    assert genuine is not None
    assert stolen is not None
    for forged in (stolen["passkeys"], [], [{**genuine["passkeys"][0], "sign_count": 0, "name": "x"}]):
        await accounts.update_one({"_id": ready.account.subject}, {"$set": {"passkeys": forged}})
        assert await identity.accounts.store.get(ready.account.subject) is None
    await accounts.update_one({"_id": ready.account.subject}, {"$set": {"passkeys": stolen["passkeys"]}})
    async with browser(identity) as http:
        assert (await identity.enter(http, ready, **await signed(http, theirs))).status_code == 401


async def test_accounts_sealed_before_there_were_passkeys_still_count(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    await identity.accounts.store.collection.update_one({"_id": ready.account.subject}, {"$unset": {"passkeys": 1}})
    async with browser(identity) as http:
        assert (await identity.enter(http, ready)).status_code == 303


async def test_inviting_somebody_anew_takes_their_passkeys(identity: Process) -> None:
    ready = await identity.person("jeju", "lead")
    async with browser(identity) as http:
        await registered(identity, http, ready)
    account = await identity.accounts.store.get(ready.account.subject)
    assert account is not None
    assert account.passkeys[0].added_at == START
    after, _ = await identity.accounts.administration.reset(by_command("test"), account, "lost_device")
    assert after.passkeys == ()


async def test_used_challenges_are_deleted_when_they_are_over_by_themselves(identity: Process) -> None:
    ready = await identity.person("jeju", "lead")
    async with browser(identity) as http:
        await registered(identity, http, ready)
        options = (await http.post("/session/passkey/options")).json()
    used = identity.accounts.used.collection
    assert await used.count_documents({}) == 1
    assert len(plain(options["challenge"])) == 56
    await identity.clock.advance(3600 + 301)
    await identity.accounts.sweep(agreeing(identity.clock))
    assert await used.count_documents({}) == 0


async def test_a_process_whose_clock_is_ahead_lets_no_answer_of_a_passkey_count_twice(identity: Process) -> None:
    ready, clock, ahead = await identity.person("jeju", "lead"), identity.clock, timedelta(days=2)
    async with browser(identity) as http, browser(identity) as stolen:
        device = await registered(identity, http, ready)
        device.counts = False
        shown = await signed(stolen, device)
        http.cookies = httpx.Cookies(stolen.cookies)
        assert (await identity.enter(http, ready, **shown)).status_code == 303
        await clock.advance(ahead.total_seconds())
        await identity.accounts.sweep(agreeing(clock, ahead=ahead))
        await clock.advance(-ahead.total_seconds())
        assert (await identity.enter(stolen, ready, **shown)).status_code == 401


async def test_where_browsers_make_no_passkeys_the_pages_offer_none(harness: IdentityHarness) -> None:
    identity = await harness.process()
    ready = await identity.person("jeju", "lead")
    async with identity.browser() as http:
        assert "passkeys.js" not in (await http.get("/session")).text
        assert (await http.post("/session/passkey/options")).status_code == 404
        assert (await identity.enter(http, ready)).status_code == 303
        assert "/account/passkeys/new" not in (await http.get("/account")).text
        assert (await http.post("/account/passkeys/new")).status_code == 409


async def test_where_a_passkey_is_needed_six_digits_change_no_way_in(identity: Process) -> None:
    """Every form below /account, found from the router."""
    ready = await identity.person("jeju", "lead")
    paths = [
        route.path
        for route in route_actions(identity.app)
        if route.path.startswith("/account/") and "POST" in route.methods
    ]
    asked = 0
    async with browser(identity) as http:
        device = await registered(identity, http, ready)
        account = await identity.accounts.store.get(ready.account.subject)
        assert account is not None
        for path in sorted(paths, key=lambda path: "end-everywhere" in path):  # those that end the session last
            there = path.replace("{key}", account.passkeys[0].id.hex()).replace("{session}", "none")
            given = {
                "before": ready.password,
                "current": ready.password,
                "password": "a new long sentence",
                "name": "x",
            }
            given |= {"again": given["password"], "mail": "me@example.org"}
            given |= {"code": identity.code(ready), "digits": identity.code(ready)}
            options = (await http.post("/account/passkeys/new")).json()
            given["passkey"] = Authenticator(ORIGIN).make(options)
            refused = len(await refusals(identity))
            answer = await http.post(there, data=given)
            if "Your role confirms with a passkey." in answer.text:
                asked += 1
                assert answer.status_code in {403, 422}, path
                assert len(await refusals(identity)) == refused + 1, path
            after = await identity.accounts.store.get(ready.account.subject)
            assert after is not None
            for way_in in ("password", "totp", "recovery", "passkeys", "mail"):
                assert getattr(after, way_in) == getattr(account, way_in), f"{path}: {way_in}"
            await identity.accounts.delays.forget(f"device:confirm:{ready.account.subject}")
        assert asked == 5, "password, recovery codes, mail, and a passkey added and removed"
    async with browser(identity) as http:
        await identity.clock.advance(3600)
        assert (await identity.enter(http, ready, **await signed(http, device))).status_code == 303
        await identity.clock.advance(360)
        mine = {"current": ready.password}
        assert "Show your passkey first" in (await http.post("/account/recovery-codes", data=mine)).text
        shown = {"passkey": device.sign((await http.post("/session/confirm/options")).json()), "next": "/account"}
        await http.get((await http.post("/session/confirm", data=shown)).headers["location"])
        assert "your password is enough" in (await http.get("/account")).text
        assert (await http.post("/account/recovery-codes", data=mine)).status_code == 200


async def refusals(identity: Process) -> list[str | None]:
    return [line.reason for line in await identity.lines("account.confirm") if line.reason == "passkey_needed"]


@pytest.mark.parametrize("way", ["another person signs in", "signs out", "another attempt"])
async def test_the_permission_to_register_a_first_passkey_ends_with_its_attempt(identity: Process, way: str) -> None:
    lead, colleague = await identity.person("jeju", "lead"), await identity.person("jeju", "counsellor")
    async with browser(identity) as http:
        await identity.enter(http, lead)
        copied = http.cookies["__Host-ieum_register"]
        if way == "another person signs in":
            assert (await identity.enter(http, colleague)).status_code == 303
        elif way == "signs out":
            await http.post("/session/end")
        else:
            await identity.clock.advance(30)
            await identity.enter(http, lead)
        assert http.cookies.get("__Host-ieum_register") != copied
    async with browser(identity) as http:  # whoever kept it, in whatever browser
        http.cookies.set("__Host-ieum_register", copied)
        assert (await http.get("/session/passkey")).status_code == 403
