"""Signing in, being refused, and being slowed down, on the real store."""

import asyncio

import httpx
import pytest

from services.identity.accounts.rules import DELAYS, Source
from services.identity.accounts.service import Ready
from services.identity.audit_recorder import Actor
from services.identity.credentials import KNOWN_WAITING, WAITING
from shared.audit.model import AuditOutcome
from shared.identity.cookies import session_cookie, token_cookie
from tests.integration.identity.conftest import NOTIFY_URL, IdentityHarness, Process


async def test_signing_in_gives_cookies_out_of_reach_and_leads_to_where_one_works(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as http:
        entered = await identity.enter(http, ready)
        assert (entered.status_code, entered.headers["location"]) == (303, f"{NOTIFY_URL}/")
        given = entered.headers.get_list("set-cookie")
        ours = [cookie for cookie in given if cookie.startswith(("ieum_sid=", "ieum_identity=", "ieum_notify="))]
        assert len(ours) == 3
        for cookie in ours:
            assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/"))
            assert "Domain" not in cookie
            assert "Secure" not in cookie
        assert (await http.get("/desk")).text == ready.account.subject
    (line,) = await identity.lines("sign_in")
    assert (line.actor, line.organisation, line.outcome) == (ready.account.subject, "jeju", AuditOutcome.DONE)
    assert line.where == "198.51.100.0/24"


async def test_where_browsers_come_by_https_the_cookies_are_for_https_only(harness: IdentityHarness) -> None:
    identity = await harness.process(
        IEUM_PUBLIC_URLS={"identity": "https://staff.example"}, IEUM_TRUSTED_PROXIES="10.0.0.7"
    )
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as http:
        http.base_url = httpx.URL("https://staff.example")
        entered = await identity.enter(http, ready)
        page = await http.get("/desk")
        signed_out = await http.post("/session/end")
    given = [one for one in entered.headers.get_list("set-cookie") if "Max-Age=0" not in one]
    assert {cookie.partition("=")[0] for cookie in given} == {
        "__Host-ieum_sid",
        "__Host-ieum_identity",
        "__Host-ieum_device",
    }
    for cookie in (*given, *(gone for gone in signed_out.headers.get_list("set-cookie") if "__Host-" in gone)):
        assert "Secure" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie
    assert page.text == ready.account.subject
    await identity.clock.advance(30)
    async with identity.browser() as http:
        http.base_url = httpx.URL("https://staff.example")
        await identity.enter(http, ready)
        kept = dict(http.cookies)
        http.cookies.clear()
        for name, value in kept.items():
            http.cookies.set(name.removeprefix("__Host-"), value, domain="staff.example")
        assert (await http.get("/desk")).status_code == 303


async def test_every_wrong_sign_in_is_refused_in_the_same_words(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    disabled = await identity.person("busan", "counsellor")
    admin = await identity.person("central", "administrator")
    by_admin = Actor(admin.account.subject, "central", ("administrator",), "test")
    await identity.accounts.administration.disable(by_admin, disabled.account, "left")
    cases: dict[str, tuple[Ready, dict[str, str]]] = {
        "password": (ready, {"password": "not the password at all"}),
        "code": (ready, {"code": identity.wrong_code(ready.totp)}),
        "no code": (ready, {"code": ""}),
        "account": (ready, {"account": "nobody-here"}),
        "a password as account": (ready, {"account": ready.password}),
        "disabled": (disabled, {}),
    }
    answers = []
    for number, (person, wrong) in enumerate(cases.values()):
        async with identity.browser(address=f"198.51.{number}.1") as http:
            answers.append(await identity.api_enter(http, person, **wrong))
    assert {answer.status_code for answer in answers} == {401}
    bodies = [{k: v for k, v in answer.json().items() if k != "trace_id"} for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0]["code"] == "wrong_sign_in"
    refused = await identity.lines("sign_in")
    assert [line.outcome for line in refused] == [AuditOutcome.REFUSED] * len(cases)
    assert ready.password not in repr(refused)


async def test_a_code_counts_once_and_neither_does_an_earlier_one(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as http:
        assert (await identity.api_enter(http, ready)).status_code == 200
        assert (await identity.api_enter(http, ready)).status_code == 401
        earlier = identity.code(ready, -1)
        assert (await identity.api_enter(http, ready, code=earlier)).status_code == 401
        await identity.clock.advance(30)
        assert (await identity.api_enter(http, ready)).status_code == 200


@pytest.mark.parametrize(("off", "status"), [(-2, 401), (-1, 200), (0, 200), (1, 200), (2, 401)])
async def test_the_second_factors_clock_may_be_one_step_off(identity: Process, off: int, status: int) -> None:
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as http:
        assert (await identity.api_enter(http, ready, code=identity.code(ready, off))).status_code == status


async def test_the_same_code_at_the_same_moment_lets_one_in(identity: Process, harness: IdentityHarness) -> None:
    ready = await identity.person("jeju", "counsellor")
    second = await harness.process()
    async with identity.browser() as one, second.browser() as other:
        answers = await asyncio.gather(
            identity.api_enter(one, ready), second.api_enter(other, ready), identity.api_enter(one, ready)
        )
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401]


async def test_a_step_is_used_once_whoever_read_it_as_unused(identity: Process) -> None:
    subject = (await identity.person("jeju", "counsellor")).account.subject
    use = identity.accounts.store.use_step
    assert [await use(subject, step) for step in (10, 10, 9, 11)] == [True, False, False, True]


async def test_a_recovery_code_counts_once(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    typed = ready.recovery[0].upper().replace("-", " ")
    async with identity.browser() as http:
        assert (await identity.api_enter(http, ready, code=typed)).status_code == 200
        assert (await identity.api_enter(http, ready, code=typed)).status_code == 401
        assert (await identity.api_enter(http, ready, code=ready.recovery[1])).status_code == 200
    account = await identity.accounts.store.get(ready.account.subject)
    assert account is not None
    assert len(account.recovery) == 8


async def guess(identity: Process, http: httpx.AsyncClient, name: str) -> httpx.Response:
    body = {"account": name, "password": "guessing again", "code": "123456"}
    return await http.post("/api/v1/sign-in", json=body)


async def test_guessers_wait_longer_and_longer_in_every_process_and_after_a_restart(
    identity: Process, harness: IdentityHarness
) -> None:
    ready = await identity.person("jeju", "counsellor")
    second = await harness.process()
    waits: list[int] = []
    looked_at = 0
    async with identity.browser() as one, second.browser(address="203.0.113.9") as other:
        while len(waits) < 5:
            browser, process = ((one, identity), (other, second))[looked_at % 2]
            answer = await guess(process, browser, ready.account.name)
            if answer.status_code == 401:
                looked_at += 1
            else:
                assert (answer.status_code, answer.json()["code"]) == (429, "wait")
                waits.append(int(answer.headers["retry-after"]))
                await harness.clock.advance(waits[-1])
    assert looked_at == DELAYS[Source.STRANGE].free + 5
    assert waits == sorted(waits)
    assert waits[-1] == 16 * waits[0]
    restarted = await harness.process()
    async with restarted.browser() as http:
        assert (await guess(restarted, http, ready.account.name)).status_code == 401
        assert (await guess(restarted, http, ready.account.name)).status_code == 429


async def test_the_wait_of_an_account_never_passes_its_end(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    waits = []
    async with identity.browser() as http:
        for _ in range(25):
            answer = await guess(identity, http, ready.account.name)
            if answer.status_code == 429:
                waits.append(int(answer.headers["retry-after"]))
                await identity.clock.advance(waits[-1])
    assert max(waits) == waits[-1] == DELAYS[Source.STRANGE].longest.total_seconds()


async def test_a_guesser_cannot_keep_a_centre_out_at_night(identity: Process) -> None:
    """The right person gets in at once: with a browser used before, or anywhere with a recovery code."""
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as own:
        assert (await identity.enter(own, ready)).status_code == 303
        for cookie in (session_cookie(), token_cookie("identity")):
            own.cookies.delete(cookie)
        async with identity.browser(address="203.0.113.66") as stranger:
            slowed = await guess(identity, stranger, ready.account.name)
            while int(slowed.headers.get("retry-after", 0)) < 120:
                await identity.clock.advance(int(slowed.headers.get("retry-after", 0)))
                slowed = await guess(identity, stranger, ready.account.name)
        await identity.clock.advance(30)
        async with identity.browser(address="203.0.113.99") as new_phone:
            assert (await identity.enter(new_phone, ready)).status_code == 429
            assert (await identity.enter(own, ready)).status_code == 303
            assert (await identity.enter(new_phone, ready)).status_code == 429
            assert (await identity.enter(new_phone, ready, code="aaaa-bbbb-cccc-dddd")).status_code == 429
            assert (await identity.enter(new_phone, ready, code=ready.recovery[0], password="wrong")).status_code == 401
            assert (await identity.enter(new_phone, ready, code=ready.recovery[0])).status_code == 303


async def test_strangers_who_fill_the_queue_keep_no_browser_out_that_is_known(
    identity: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as known, identity.browser() as strange:
        assert (await identity.enter(known, ready)).status_code == 303
        await identity.clock.advance(30)
        monkeypatch.setattr(identity.accounts.passwords, "_waiting", WAITING)
        assert (await identity.enter(strange, ready)).status_code == 503
        assert (await identity.enter(known, ready)).status_code == 303
        monkeypatch.setattr(identity.accounts.passwords, "_waiting", KNOWN_WAITING)
        await identity.clock.advance(30)
        assert (await identity.enter(known, ready)).status_code == 503


async def test_one_network_that_tries_many_accounts_is_slowed_down(identity: Process) -> None:
    free = DELAYS[Source.NETWORK].free
    async with identity.browser() as http:
        answers = [(await guess(identity, http, f"somebody-{number}")).status_code for number in range(free + 2)]
    assert answers == [401] * (free + 1) + [429]


async def test_a_network_of_many_people_is_not_slowed_down_for_their_number(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    for _ in range(DELAYS[Source.NETWORK].free + 2):
        async with identity.browser() as http:  # one that was never here
            assert (await identity.enter(http, ready)).status_code == 303
        await identity.clock.advance(30)


async def test_many_guesses_at_once_gain_nothing(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as http:
        answers = await asyncio.gather(*(guess(identity, http, ready.account.name) for _ in range(12)))
    looked_at = [answer.status_code for answer in answers].count(401)
    assert looked_at <= DELAYS[Source.STRANGE].free + 1
