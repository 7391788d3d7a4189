"""A second factor asked for again in a session: once in two hours, then on to where it was asked for."""

from datetime import timedelta
from typing import Any

import httpx

from services.identity.accounts.service import Ready
from services.identity.passkeys.service import Use
from shared.audit.model import AuditOutcome
from tests.integration.identity.conftest import IDENTITY_URL, IdentityHarness, Process
from tests.integration.identity.test_passkeys import BY_HTTPS, ORIGIN, registered
from tests.integration.identity.test_passkeys import browser as by_https

NEW = f"{IDENTITY_URL}/accounts/new"
LATER = 110 * 60.0


async def hours_later(identity: Process, http: httpx.AsyncClient) -> None:
    """More than two hours after the sign-in, in a session that was used meanwhile."""
    for _ in range(2):
        await identity.clock.advance(LATER)
        assert (await http.get("/account")).status_code == 200


async def entered(identity: Process, http: httpx.AsyncClient, *roles: str) -> Ready:
    ready = await identity.person("central", *roles)
    assert (await identity.enter(http, ready)).status_code == 303
    return ready


async def test_before_an_account_is_changed_the_second_factor_is_asked_once_and_one_goes_on(identity: Process) -> None:
    async with identity.browser() as http:
        ready = await entered(identity, http, "administrator")
        assert (await http.get("/accounts/new")).status_code == 200
        await hours_later(identity, http)
        asked = await http.get("/accounts/new")
        assert (asked.status_code, asked.headers["location"]) == (
            303,
            f"{IDENTITY_URL}/session/confirm?next=http%3A%2F%2F127.0.0.1%3A8006%2Faccounts%2Fnew",
        )
        form = {"name": "mole", "display": "mole", "organisation": "jeju", "roles": "counsellor"}
        assert (await http.post("/accounts/new", data=form)).headers["location"] == asked.headers["location"]
        assert await identity.accounts.store.by_name("mole") is None
        assert "120" in (await http.get(asked.headers["location"])).text

        wrong = await http.post("/session/confirm", data={"code": identity.wrong_code(ready.totp), "next": NEW})
        assert wrong.status_code == 401
        right = await http.post("/session/confirm", data={"code": identity.code(ready), "next": NEW})
        again = await http.get(right.headers["location"])
        assert again.headers["location"] == NEW
        assert (await http.get("/accounts/new")).status_code == 200
        await identity.clock.advance(LATER)
        assert (await http.get("/accounts/new")).status_code == 200
        # Who comes to the question without need is led on at once.
        skipped = await http.get("/session/confirm", params={"next": NEW})
        assert skipped.headers["location"] == right.headers["location"]
    said = [(line.outcome, line.detail.get("factor")) for line in await identity.lines("account.confirm")]
    assert said == [(AuditOutcome.REFUSED, None), (AuditOutcome.DONE, "totp")]


async def test_a_program_confirms_with_session_and_code_and_guessing_is_slowed(identity: Process) -> None:
    async with identity.browser() as http:
        ready = await identity.person("central", "administrator")
        session = (await identity.api_enter(http, ready)).json()["session"]
        await identity.clock.advance(LATER)
        before = identity.accounts.identity.verify((await renewed(http, session))["token"])
        body = {"session": session, "code": identity.code(ready)}
        token = (await http.post("/api/v1/session/confirm", json=body)).json()["token"]
        after = identity.accounts.identity.verify(token)
        assert before is not None
        assert after is not None
        assert (before.confirmed_at, after.confirmed_at) == (
            identity.clock.now() - timedelta(seconds=LATER),
            identity.clock.now(),
        )
        used = await http.post("/api/v1/session/confirm", json=body)
        assert (used.status_code, used.json()["code"]) == (401, "wrong_sign_in")
        wrong = {**body, "code": identity.wrong_code(ready.totp)}
        codes = [(await http.post("/api/v1/session/confirm", json=wrong)).status_code for _ in range(6)]
        assert codes[-1] == 429
        unknown = await http.post("/api/v1/session/confirm", json={**body, "session": "none"})
        assert (unknown.status_code, unknown.json()["code"]) == (401, "session_over")


async def renewed(http: httpx.AsyncClient, session: str) -> dict[str, Any]:
    found: dict[str, Any] = (await http.post("/api/v1/session/renew", json={"session": session})).json()
    return found


async def test_who_signs_in_with_a_passkey_confirms_with_it_and_not_with_six_digits(harness: IdentityHarness) -> None:
    identity = await harness.process(**BY_HTTPS)
    async with by_https(identity) as http:
        ready = await identity.person("jeju", "lead")
        device = await registered(identity, http, ready)
        await hours_later(identity, http)
        asked = (await http.get("/releases")).headers["location"]
        assert "/session/confirm" in asked
        page = (await http.get(asked)).text
        assert "Confirm with the passkey" in page
        assert "Six digits" not in page, "they do not count here"
        digits = await http.post("/session/confirm", data={"code": identity.code(ready)})
        assert digits.status_code == 403
        assert "Use it, or a recovery code." in digits.text
        assert "register another" not in digits.text, "that is done elsewhere"
        elsewhere = device.sign((await http.post("/session/passkey/options")).json())
        wrong = await http.post("/session/confirm", data={"passkey": elsewhere})
        assert (wrong.status_code, "new digits" in wrong.text) == (401, False)
        options = (await http.post("/session/confirm/options")).json()
        assert len(options["allowCredentials"]) == 1
        shown = {"passkey": device.sign(options), "next": f"{ORIGIN}/releases"}
        right = await http.post("/session/confirm", data=shown)
        assert (await http.get(right.headers["location"])).headers["location"] == f"{ORIGIN}/releases"
        assert (await http.get("/releases")).status_code == 200
        await hours_later(identity, http)
        recovered = await http.post("/session/confirm", data={"code": ready.recovery[0], "next": f"{ORIGIN}/releases"})
        assert (await http.get(recovered.headers["location"])).headers["location"] == f"{ORIGIN}/releases"
    assert identity.accounts.passkeys.options(Use.CONFIRM, "x")["challenge"] != options["challenge"]


async def test_a_time_written_into_the_store_confirms_nothing(identity: Process) -> None:
    async with identity.browser() as http:
        await entered(identity, http, "administrator")
        await hours_later(identity, http)
        change: dict[str, Any] = {"confirmed_at": identity.clock.now()}
        for seal in ({}, {"confirmed_seal": "0" * 64}):
            await identity.accounts.session_store.collection.update_many({}, {"$set": {**change, **seal}})
            http.cookies.delete("ieum_identity")
            assert (await http.get("/accounts/new")).status_code == 303
