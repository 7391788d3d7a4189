"""Signing in at a real OpenID provider that runs as a process of its own."""

import math
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import httpx
import pytest

from services.identity.accounts.models import AccountState, RefusedError
from services.identity.accounts.rules import SESSIONS_FREE
from services.identity.audit_recorder import LINES, Actor, by_command
from services.identity.main import build
from services.identity.oidc.pages import WRONG_CODES
from services.identity.settings import IdentitySettings
from shared.errors import TransientError
from shared.identity.cookies import session_cookie, token_cookie
from shared.identity.roles import StaffRole
from shared.settings import KafkaSettings
from tests.integration.identity.conftest import IdentityHarness, Process
from tests.integration.identity.openid.conftest import at_the_provider, known, person, released, through, wanted
from tests.integration.identity.test_accounts import finished, invitation, looked_at

ENGLISH = {"accept": "text/html", "accept-language": "en"}
SIGN_IN = '<a class="button primary" href="/session">Sign in</a>'


def changed(address: str, **query: str) -> str:
    parts = urlsplit(address)
    given = {name: values[0] for name, values in parse_qs(parts.query).items()} | query
    return urlunsplit(parts._replace(query=urlencode(given)))


async def test_whoever_the_provider_vouches_for_has_the_roles_of_the_table(
    identity: Process, provider: httpx.AsyncClient
) -> None:
    await known(identity, provider, "minji", ["jeju-counsellors", "unknown", "jeju-leads"], name="김민지")
    async with identity.browser() as http:
        page = await through(http, provider, "minji")
        assert (page.status_code, 'content="0; url=/desk"' in page.text) == (200, True)
        assert (await http.post("/api/v1/act")).json()["roles"] == ["counsellor", "lead"]
    (account,) = await identity.accounts.store.of("jeju")
    assert (account.display, account.external, account.password, account.totp) == ("김민지", True, None, None)
    assert "minji" not in account.name
    *_, line = await identity.lines("sign_in")
    assert (line.actor, dict(line.detail)) == (account.subject, {"way": "openid"})


async def test_people_are_told_of_a_new_device_although_a_known_one_names_itself_only_on_the_way_out(
    harness: IdentityHarness, identity: Process, issuer: str, provider: httpx.AsyncClient
) -> None:
    await known(identity, provider, "minji", "jeju-counsellors")
    identity = await harness.process(**wanted(issuer, smtp_host="127.0.0.1"))
    queue = identity.accounts.notice_store

    async def back_at(left: httpx.AsyncClient) -> list[str]:
        """Sign in; on the way back from another site a browser withholds its strict cookies. What is told of it."""
        begun = await left.get("/oidc/start?next=/desk")
        address = await at_the_provider(provider, begun.headers["location"], "minji")
        async with identity.browser() as returning:
            for cookie in left.cookies.jar:
                if cookie.name == "ieum_oidc":
                    returning.cookies.jar.set_cookie(cookie)
            assert (await returning.get(address)).status_code == 200
            for cookie in returning.cookies.jar:
                left.cookies.jar.set_cookie(cookie)
        return [one["notice"] for one in await queue.collection.find({}).to_list(None)]

    async with identity.browser() as http, identity.browser() as strange:
        assert await back_at(http) == []
        assert (await http.post("/account/mail", data={"mail": "minji@work.example"})).status_code == 303
        await queue.collection.delete_many({})
        assert await back_at(http) == []
        assert await back_at(strange) == ["new_device"]
        assert await back_at(strange) == ["new_device"]


async def test_the_session_before_ends_although_its_cookie_stays_away_on_the_way_back(
    identity: Process, provider: httpx.AsyncClient
) -> None:
    await known(identity, provider, "minji", "jeju-counsellors")
    async with identity.browser() as http, identity.browser() as returning:
        await through(http, provider, "minji")
        before = http.cookies[session_cookie()]
        begun = await http.get("/oidc/start?next=/desk")
        address = await at_the_provider(provider, begun.headers["location"], "minji")
        for cookie in http.cookies.jar:
            if cookie.name == "ieum_oidc":
                returning.cookies.jar.set_cookie(cookie)
        assert (await returning.get(address)).status_code == 200
        for secret, status in ((before, 401), (returning.cookies[session_cookie()], 200)):
            assert (await http.post("/api/v1/session/renew", json={"session": secret})).status_code == status


async def test_a_browser_keeps_the_cookie_of_the_way_there_whatever_page_it_leads_back_to(
    identity: Process, provider: httpx.AsyncClient
) -> None:
    await known(identity, provider, "minji", "jeju-counsellors")
    async with identity.browser() as http:
        await through(http, provider, "minji")  # a session and a known device are carried along
        page = "/desk?filter=" + "a" * 1980
        begun = await http.get("/oidc/start", params={"next": page})
        (cookie,) = [value for value in begun.headers.get_list("set-cookie") if value.startswith("ieum_oidc=")]
        assert len(cookie.partition(";")[0]) + len("__Host-") <= 4096  # RFC 6265bis, section 5.6
        back = await at_the_provider(provider, begun.headers["location"], "minji")
        assert f"url={page}" in (await http.get(back)).text


async def test_a_crash_while_roles_change_at_the_provider_leaves_no_session_alive(
    identity: Process, provider: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await known(identity, provider, "jiho", ["jeju-counsellors", "jeju-leads"])
    async with identity.browser() as http, identity.browser() as other:
        await through(http, provider, "jiho")
        secret = http.cookies[session_cookie()]
        await person(provider, "jiho", ["jeju-counsellors"])

        async def crashed(*_: object, **__: object) -> int:
            raise ConnectionResetError

        monkeypatch.setattr(identity.accounts.session_store, "end", crashed)
        assert (await through(other, provider, "jiho")).status_code == 500
        assert (await other.post("/api/v1/session/renew", json={"session": secret})).status_code == 401


async def test_roles_follow_the_provider_and_old_sessions_end(identity: Process, provider: httpx.AsyncClient) -> None:
    await known(identity, provider, "jiho", "jeju-counsellors")
    async with identity.browser() as http, identity.browser() as other:
        await through(http, provider, "jiho")
        assert (await http.get("/desk")).status_code == 200
        await person(provider, "jiho", ["busan-counsellors"])
        await through(other, provider, "jiho")
        assert (await http.get("/desk")).status_code == 303
        await released(identity, provider, "jiho")
        await through(other, provider, "jiho")
        assert (await other.get("/desk")).status_code == 200
        await person(provider, "jiho", [])
        refused = await through(http, provider, "jiho")
        assert (refused.status_code, refused.json()["code"]) == (403, "no_mapped_role")
        assert (await other.get("/desk")).status_code == 303
    (account,) = await identity.accounts.store.of(None)
    assert (account.organisation, account.roles) == ("busan", (StaffRole.COUNSELLOR,))


@pytest.mark.parametrize(
    "groups",
    [
        None,
        [],
        "nothing",
        ["strangers"],
        ["jeju-leads", "busan-counsellors"],
        ["jeju-leads", "jeju-admins"],
        [7],
        {"a": 1},
    ],
)
async def test_without_one_clear_role_nobody_enters(
    identity: Process, provider: httpx.AsyncClient, groups: object
) -> None:
    await person(provider, "sora", groups)
    async with identity.browser() as http:
        refused = await through(http, provider, "sora")
        assert (refused.status_code, refused.json()["code"]) == (403, "no_mapped_role")
        assert token_cookie("identity") not in http.cookies
    assert await identity.accounts.store.of(None) == []
    assert [line.reason for line in await identity.lines("sign_in")] == ["no_mapped_role"]


async def test_whoever_gives_roles_at_the_provider_lets_nobody_in_alone(
    identity: Process, provider: httpx.AsyncClient
) -> None:
    await person(provider, "doha", "jeju-counsellors")
    async with identity.browser() as http, identity.browser() as second:
        refused = await through(http, provider, "doha")
        assert (refused.status_code, refused.json()["code"]) == (403, "waits_for_release")
        assert token_cookie("identity") not in http.cookies
        glass = await identity.person("central", "administrator")
        await identity.accounts.store.save(glass.account.model_copy(update={"break_glass": True}))
        await identity.enter(second, glass)
        assert "The sign-in provider" in (await second.get("/releases")).text
        (account,) = await identity.accounts.store.of("jeju")
        await second.post(f"/releases/{account.subject}", data={"changes": str(account.changes)})
        assert (await through(http, provider, "doha")).status_code == 200
        # One role more, and another centre: each waits again, and what was open is over. Fewer do not.
        for groups, wait in (
            (["jeju-counsellors", "jeju-leads"], True),
            ("jeju-leads", False),
            ("busan-counsellors", True),
        ):
            await person(provider, "doha", groups)
            answer = await through(http, provider, "doha")
            assert (answer.status_code == 403) is wait, groups
            assert ((await http.get("/desk")).status_code == 303) is wait, groups
            if wait:
                await released(identity, provider, "doha")
                assert (await through(http, provider, "doha")).status_code == 200


async def test_who_gets_at_no_details_need_not_wait(identity: Process, provider: httpx.AsyncClient) -> None:
    await person(provider, "doha", "ministry-analysts")
    async with identity.browser() as http:
        assert (await through(http, provider, "doha")).status_code == 200


async def test_an_account_disabled_here_stays_out(identity: Process, provider: httpx.AsyncClient) -> None:
    await person(provider, "yuna", "jeju-counsellors")
    async with identity.browser() as http:
        await through(http, provider, "yuna")
        (account,) = await identity.accounts.store.of(None)
        by = Actor("s-somebody", "central", ("administrator",), "test")
        await identity.accounts.administration.disable(by, account, "left")
        refused = await through(http, provider, "yuna")
        assert (refused.status_code, refused.json()["code"]) == (403, "wrong_sign_in")
    (account,) = await identity.accounts.store.of(None)
    assert account.state is AccountState.DISABLED


async def test_an_answer_that_this_browser_did_not_ask_for_is_refused(
    identity: Process, provider: httpx.AsyncClient
) -> None:
    await person(provider, "mina", "jeju-counsellors")
    async with identity.browser() as attacker, identity.browser() as victim:
        begun = await attacker.get("/oidc/start")
        back = await at_the_provider(provider, begun.headers["location"], "mina")
        assert (await attacker.head(back)).status_code == 405  # a preview spends no code
        # Login CSRF: the victim's browser is given the attacker's answer, without and with a cookie of its own.
        bare = await victim.get(back)
        await victim.get("/oidc/start")
        foreign = await victim.get(back)
        forged = await attacker.get(changed(back, state="another"))
        nothing = await attacker.get("/oidc/callback")
        for answer in (bare, foreign, forged, nothing):
            assert (answer.status_code, answer.json()["code"]) == (403, "wrong_state")
        await identity.clock.advance(601)
        late = await attacker.get(back)
        assert late.json()["code"] == "wrong_state"
        page = await attacker.get(back, headers=ENGLISH)
        assert "<h1>Please sign in.</h1>" in page.text
        assert SIGN_IN in page.text
    assert await identity.accounts.store.of(None) == []


async def test_a_code_counts_once_and_only_with_its_verifier_nonce(
    identity: Process, provider: httpx.AsyncClient
) -> None:
    await person(provider, "hana", "jeju-counsellors")
    async with identity.browser() as one, identity.browser() as other:
        begun = await one.get("/oidc/start")
        back = await at_the_provider(provider, begun.headers["location"], "hana")
        # Somebody else's code in one's own sign-in: state fits, but the token says another nonce.
        mine = parse_qs(urlsplit((await other.get("/oidc/start")).headers["location"]).query)["state"][0]
        injected = await other.get(changed(back, state=mine))
        assert (injected.status_code, injected.json()["code"]) == (403, "wrong_token")
        used = await one.get(back)
        assert (used.status_code, used.json()["code"]) == (403, "wrong_token")


async def test_what_the_provider_says_no_to_is_refused(identity: Process) -> None:
    async with identity.browser() as http:
        begun = await http.get("/oidc/start")
        state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
        answer = await http.get("/oidc/callback", params={"state": state, "error": "access_denied"})
        assert (answer.status_code, answer.json()["code"]) == (403, "provider_error")
        page = await http.get("/oidc/callback", params={"state": state, "error": "access_denied"}, headers=ENGLISH)
        assert SIGN_IN in page.text


async def test_who_signed_in_too_often_is_led_to_the_sign_in_and_not_to_a_code_that_is_used(
    identity: Process, provider: httpx.AsyncClient
) -> None:
    await known(identity, provider, "minji", "jeju-counsellors")
    (account,) = await identity.accounts.store.of("jeju")
    async with identity.browser() as http:
        begun = await http.get("/oidc/start")
        back = await at_the_provider(provider, begun.headers["location"], "minji")
        for _ in range(SESSIONS_FREE):
            await identity.accounts.sessions.begin(account)
        page = await http.get(back, headers=ENGLISH)
        assert (page.status_code, "only once in ten minutes" in page.text) == (429, True)
        assert SIGN_IN in page.text
        assert "Try again" not in page.text


async def test_with_a_provider_passwords_are_for_emergencies(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    glass = await identity.person("central", "administrator")
    await identity.accounts.store.save(glass.account.model_copy(update={"break_glass": True}))
    async with identity.browser() as http:
        page = (await http.get("/session")).text
        assert "/oidc/start" in page
        assert "Emergency access" in page
        assert (await identity.api_enter(http, ready)).status_code == 401
        assert (await identity.api_enter(http, glass)).status_code == 200


async def test_with_a_provider_an_invitation_sets_up_no_account_that_is_not_for_emergencies(
    harness: IdentityHarness, identity: Process
) -> None:
    """Or one administrator lets somebody in whom the provider does not know, and who shows it no factor."""
    code = await invitation(await harness.process(), "jeju", "operator")  # before there was a provider
    async with identity.browser() as http:
        refused = await http.post("/invitation", data={"invitation": code, "step": "look"})
        assert (refused.status_code, "does not count" in refused.text) == (403, True)
    _, code = await identity.accounts.administration.create(
        by_command("administrator"), "first", "first", "central", {StaffRole.ADMINISTRATOR}, break_glass=True
    )
    async with identity.browser() as http:
        page = await finished(identity, http, code, await looked_at(http, code))
        assert "you are signed in" in page.text


async def test_with_a_provider_nobody_is_invited_whose_invitation_would_not_count(identity: Process) -> None:
    glass = await identity.person("central", "administrator")
    await identity.accounts.store.save(glass.account.model_copy(update={"break_glass": True}))
    async with identity.browser() as http:
        await identity.enter(http, glass)
        form = {"organisation": "jeju", "name": "kim.new", "display": "Kim", "roles": "operator"}
        answer = await http.post("/accounts/new", data=form)
        assert (answer.status_code, "give them their role there" in answer.text) == (422, True)
    assert await identity.accounts.store.by_name("kim.new") is None
    ready = await identity.person("jeju", "operator")
    for act in (identity.accounts.administration.reset, identity.accounts.administration.enable):
        account = await identity.accounts.store.get(ready.account.subject)
        assert account is not None
        with pytest.raises(RefusedError, match="at_provider"):
            await act(by_command("test"), account, "forgot")
        after = await identity.accounts.administration.disable(by_command("test"), account, "left")
        assert after.state is AccountState.DISABLED


async def test_the_first_administrator_may_break_the_glass(identity: Process) -> None:
    account, _ = await identity.accounts.administration.create(
        by_command("administrator"), "first", "first", "central", {StaffRole.ADMINISTRATOR}, break_glass=True
    )
    assert account.break_glass


async def test_a_provider_that_does_not_answer_is_said_so(harness: IdentityHarness) -> None:
    identity = await harness.process(**wanted("http://127.0.0.1:9"))
    async with identity.browser() as http:
        answer = await http.get("/oidc/start")
        assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")


async def test_a_silent_provider_is_noticed_before_anybody_stands_before_its_door(
    harness: IdentityHarness, identity: Process, provider: httpx.AsyncClient
) -> None:
    assert identity.accounts.provider is not None
    await identity.accounts.provider.look()
    settings = IdentitySettings.model_validate({**harness.keys(), **wanted("http://127.0.0.1:9")})
    silent = build(settings, KafkaSettings(), harness.store, harness.clock)
    harness.stack.callback(silent.database.client.close)
    harness.stack.push_async_callback(silent.accounts.close)
    assert "sign-in-provider" in silent.jobs._jobs
    assert silent.accounts.provider is not None
    with pytest.raises(TransientError):
        await silent.accounts.provider.look()


async def test_a_demanded_context_must_be_attested(
    harness: IdentityHarness, issuer: str, provider: httpx.AsyncClient
) -> None:
    identity = await harness.process(**wanted(issuer, oidc_acr="mfa"))
    await person(provider, "bora", "jeju-counsellors")
    async with identity.browser() as http:
        refused = await through(http, provider, "bora")
        assert refused.json()["code"] == "no_second_factor"
        await known(identity, provider, "bora", "jeju-counsellors", acr="mfa")
        assert (await through(http, provider, "bora")).status_code == 200


async def test_whoever_gave_a_password_alone_at_the_provider_is_not_let_in(
    identity: Process, provider: httpx.AsyncClient
) -> None:
    async with identity.browser() as http:
        for methods in (["pwd"], [], None):
            await person(provider, "nari", "jeju-counsellors", amr=methods)
            refused = await through(http, provider, "nari")
            assert (refused.status_code, refused.json()["code"]) == (403, "no_second_factor"), methods
    assert [line.reason for line in await identity.lines("sign_in")] == ["no_second_factor"] * 3


async def step_up_at(http: httpx.AsyncClient) -> str:
    """Where who is signed in is sent before others' accounts."""
    asked = await http.get("/accounts/new")
    assert (asked.status_code, "/session/confirm?" in asked.headers["location"]) == (303, True)
    return (await http.get(asked.headers["location"])).headers["location"]


def ago(identity: Process, **how_long: int) -> int:
    return int((identity.clock.now() - timedelta(**how_long)).timestamp())


async def test_who_was_signed_in_there_for_hours_shows_the_factors_again_before_accounts(
    identity: Process, provider: httpx.AsyncClient
) -> None:
    await known(identity, provider, "haneul", "jeju-admins", auth_time=ago(identity, hours=3))
    async with identity.browser() as http:
        assert (await through(http, provider, "haneul")).status_code == 200
        start = await step_up_at(http)
        asked = parse_qs(urlsplit((await http.get(start)).headers["location"]).query)
        assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])
        # The provider ignored that, or somebody took it out of the address on the way there.
        for at in (ago(identity, minutes=5), None, True, ago(identity, minutes=-5)):
            await person(provider, "haneul", "jeju-admins", auth_time=at)
            refused = await through(http, provider, "haneul", start)
            assert (refused.status_code, refused.json()["code"]) == (403, "not_asked_again"), at
        # Nor does signing in once more without being asked make it recent.
        await person(provider, "haneul", "jeju-admins", auth_time=ago(identity, hours=3))
        assert (await through(http, provider, "haneul")).status_code == 200
        start = await step_up_at(http)
        await person(provider, "haneul", "jeju-admins")
        assert (await through(http, provider, "haneul", start)).status_code == 200
        assert (await http.get("/accounts/new")).status_code == 200


async def test_who_gave_the_factors_there_too_long_ago_or_nobody_knows_when_is_not_signed_in(
    identity: Process, provider: httpx.AsyncClient
) -> None:
    async with identity.browser() as http:
        begun = await http.get("/oidc/start")
        assert parse_qs(urlsplit(begun.headers["location"]).query)["max_age"] == ["36000"]
        for at in (None, ago(identity, hours=10, minutes=2)):
            await person(provider, "haneul", "jeju-counsellors", auth_time=at)
            refused = await through(http, provider, "haneul")
            assert (refused.status_code, refused.json()["code"]) == (403, "not_asked_again"), at


async def test_a_time_of_the_factors_taken_out_of_the_store_ends_the_session(
    identity: Process, provider: httpx.AsyncClient
) -> None:
    await known(identity, provider, "haneul", "jeju-admins", auth_time=ago(identity, hours=3))
    async with identity.browser() as http:
        await through(http, provider, "haneul")
        await identity.accounts.session_store.collection.update_many({}, {"$set": {"shown_at": None}})
        http.cookies.delete(token_cookie("identity"))
        assert "/session?" in (await http.get("/accounts/new")).headers["location"]


async def test_while_the_provider_is_silent_what_needs_a_recent_factor_stays_closed_and_says_why(
    harness: IdentityHarness, identity: Process, provider: httpx.AsyncClient
) -> None:
    silent = await harness.process(**wanted("http://127.0.0.1:9"))
    await known(identity, provider, "haneul", "jeju-admins", auth_time=ago(identity, hours=3))
    async with identity.browser() as http, silent.browser() as later:
        await through(http, provider, "haneul")
        later.cookies.update(http.cookies)
        answer = await later.get(await step_up_at(later), headers={"accept": "text/html"})
        assert answer.status_code == 503
        assert "stay closed" in answer.text
        assert (await later.get("/accounts/new")).status_code == 303
        assert (await later.get("/account")).status_code == 200


async def test_answers_nobody_asked_for_write_few_lines(identity: Process) -> None:
    most = int(LINES.capacity)
    async with identity.browser() as http, identity.browser(address="203.0.113.9") as elsewhere:
        answers = {(await http.get("/oidc/callback")).status_code for _ in range(most + 5)}
        assert answers == {403}
        assert len(await identity.lines("sign_in")) == most
        await elsewhere.get("/oidc/callback")
        assert len(await identity.lines("sign_in")) == most + 1


async def test_few_wrong_codes_of_one_network_are_asked_of_the_provider_and_none_of_a_sign_in_that_is_not_ours(
    identity: Process, provider: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await known(identity, provider, "sora", "jeju-counsellors")
    asked, request, most = [], identity.accounts.http.request, int(WRONG_CODES.capacity)

    async def counted(method: str, address: str, **more: Any) -> httpx.Response:
        asked.append(address)
        return await request(method, address, **more)

    async with identity.browser() as http, identity.browser(address="203.0.113.9") as elsewhere:
        begun = await http.get("/oidc/start")
        state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
        monkeypatch.setattr(identity.accounts.http, "request", counted)
        for foreign in (elsewhere.get, http.get):
            given = {"state": "none" if foreign == http.get else state, "code": "guess"}
            assert (await foreign("/oidc/callback", params=given)).json()["code"] == "wrong_state"
        assert asked == []
        answers = [
            (await http.get("/oidc/callback", params={"state": state, "code": f"guess {number}"})).status_code
            for number in range(most + 3)
        ]
        assert (answers, len(asked)) == ([403] * most + [429] * 3, most)
        assert (await through(elsewhere, provider, "sora")).status_code == 200
        await identity.clock.advance(math.ceil(1 / WRONG_CODES.per_second))
        for _ in range(3):
            assert (await through(http, provider, "sora")).status_code == 200, "a right code costs nothing"
