"""Invitations, one's own account, and what administrators may and may not do, on the real store."""

import asyncio
import html
import re
from dataclasses import replace
from typing import NamedTuple
from unittest.mock import AsyncMock

import httpx
import pyotp
import pytest

from services.identity import cli
from services.identity.accounts import service
from services.identity.accounts.models import Account, AccountState, RefusedError
from services.identity.accounts.rules import INVITATION_LASTS, MADE_LATELY, SESSIONS_FREE, step_of
from services.identity.audit_recorder import Actor, by_command
from shared.audit.model import AuditOutcome
from shared.errors import TransientError
from shared.identity.cookies import session_cookie
from shared.identity.roles import StaffRole
from tests.integration.identity.conftest import IdentityHarness, Process, a_key

SENTENCE = "rain on the tin roof"


async def invitation(identity: Process, organisation: str = "jeju", *roles: str, name: str = "kim.new") -> str:
    wanted = {StaffRole(role) for role in roles or ("counsellor",)}
    _, code = await identity.accounts.administration.create(by_command("test"), name, "김", organisation, wanted)
    return code


class Offered(NamedTuple):
    """The second factor of an enrolment page: its key, and what the form says of it."""

    key: str
    shown: str


async def looked_at(http: httpx.AsyncClient, code: str) -> Offered:
    """The second factor as the enrolment page shows it."""
    page = await http.post("/invitation", data={"invitation": code, "step": "look"})
    assert page.status_code == 200, page.text
    assert "<svg" in page.text
    return offered(page)


def offered(page: httpx.Response) -> Offered:
    """What an enrolment page offers."""
    found = re.search(r'<code class="key">([A-Z2-7 ]+)</code>', page.text)
    hidden = re.search(r'name="shown" value="([^"]+)"', page.text)
    assert found is not None
    assert hidden is not None
    return Offered(found[1].replace(" ", ""), hidden[1])


async def finished(
    identity: Process, http: httpx.AsyncClient, invited: str, offer: Offered, **other: str
) -> httpx.Response:
    digits = pyotp.TOTP(offer.key).generate_otp(step_of(identity.clock.now()))
    form = {"invitation": invited, "step": "choose", "password": SENTENCE, "again": SENTENCE, "code": digits}
    return await http.post("/invitation", data={**form, "shown": offer.shown, **other})


async def test_an_invitation_becomes_an_account_with_both_factors_and_recovery_codes(identity: Process) -> None:
    code = await invitation(identity)
    async with identity.browser() as http:
        page = await finished(identity, http, code, await looked_at(http, code.upper()))
        assert page.status_code == 200
        codes = re.findall(r"<li><code>([a-z0-9-]{19})</code></li>", page.text)
        assert len(set(codes)) == 10
        assert session_cookie() in http.cookies
        assert (await http.get("/desk")).status_code == 200
    account = await identity.accounts.store.by_name("kim.new")
    assert account is not None
    assert (account.state, account.invitation) == (AccountState.ACTIVE, None)
    assert not any(code in repr(account) for code in codes)
    async with identity.browser() as http:
        body = {"account": "kim.new", "password": SENTENCE, "code": codes[3]}
        assert (await http.post("/api/v1/sign-in", json=body)).status_code == 200
        used = await http.post("/invitation", data={"invitation": code})
        assert (used.status_code, "does not count" in used.text) == (403, True)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"password": "short", "again": "short"}, "at least 12"),
        ({"password": "password1234", "again": "password1234"}, "guessed first"),
        ({"password": "kim.new-kim.new", "again": "kim.new-kim.new"}, "a name that everybody knows"),
        ({"again": "something else"}, "not the same"),
        ({"code": "wrong"}, "six digits do not fit"),
    ],
)
async def test_a_wrong_enrolment_changes_nothing_and_says_why(
    identity: Process, wrong: dict[str, str], words: str
) -> None:
    code = await invitation(identity)
    async with identity.browser() as http:
        offer = await looked_at(http, code)
        if "code" in wrong:
            wrong = {"code": identity.wrong_code(offer.key)}
        page = await finished(identity, http, code, offer, **wrong)
        assert page.status_code == 422
        assert words in html.unescape(page.text)
        assert session_cookie() not in http.cookies
        account = await identity.accounts.store.by_name("kim.new")
        assert account is not None
        assert account.state is AccountState.INVITED
        assert (await finished(identity, http, code, offer)).status_code == 200


async def test_an_invitation_ends(identity: Process) -> None:
    code = await invitation(identity)
    await identity.clock.advance(INVITATION_LASTS.total_seconds())
    async with identity.browser() as http:
        assert (await http.post("/invitation", data={"invitation": code})).status_code == 403
    assert await identity.accounts.store.expire_invitations(identity.clock.now()) == 1
    (line,) = await identity.lines("account.enrol")
    assert (line.outcome, line.reason) == (AuditOutcome.REFUSED, "no_invitation")


async def test_the_code_used_to_enrol_signs_nobody_in_again(identity: Process) -> None:
    code = await invitation(identity)
    async with identity.browser() as http, identity.browser() as other:
        offer = await looked_at(http, code)
        await finished(identity, http, code, offer)
        digits = pyotp.TOTP(offer.key).generate_otp(step_of(identity.clock.now()))
        body = {"account": "kim.new", "password": SENTENCE, "code": digits}
        assert (await other.post("/api/v1/sign-in", json=body)).status_code == 401


async def admin_of(identity: Process, organisation: str) -> httpx.AsyncClient:
    ready = await identity.person(organisation, "administrator")
    http = identity.browser()
    assert (await identity.enter(http, ready)).headers["location"].endswith("/accounts")
    return http


async def test_a_centres_administrator_sees_and_invites_only_there(identity: Process) -> None:
    http = await admin_of(identity, "jeju")
    busan = await identity.person("busan", "counsellor")
    listed = await http.get("/accounts")
    assert "jeju-administrator" in listed.text
    assert "busan-counsellor" not in listed.text
    refused = [
        await http.get("/accounts?organisation=busan"),
        await http.get(f"/accounts/{busan.account.subject}"),
        await http.post(f"/accounts/{busan.account.subject}/disable", data={"changes": "0", "reason": "left"}),
        await http.post("/accounts/new", data={"organisation": "busan", "name": "mole", "roles": "counsellor"}),
    ]
    assert {answer.status_code for answer in refused} == {403}
    assert await identity.accounts.store.by_name("mole") is None
    assert (await identity.accounts.store.get(busan.account.subject)) == busan.account
    await http.aclose()


async def test_the_central_administrator_sees_every_account(identity: Process) -> None:
    http = await admin_of(identity, "central")
    await identity.person("busan", "counsellor")
    await identity.person("ministry", "analyst")
    listed = (await http.get("/accounts")).text
    assert all(name in listed for name in ("busan-counsellor", "ministry-analyst", "central-administrator"))
    assert "busan-counsellor" not in (await http.get("/accounts?organisation=ministry")).text
    await http.aclose()


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"name": "kim", "display": "김", "roles": ["administrator", "counsellor"]}, "together"),
        ({"name": "kim", "display": "김", "roles": ["analyst"]}, "does not give"),
        ({"name": "kim", "display": "김", "roles": []}, "at least one role"),
        ({"name": "Kim Minji", "display": "김", "roles": ["lead"]}, "small letters"),
        ({"name": "kim", "display": " ", "roles": ["lead"]}, "colleagues"),
        ({"name": "jeju-administrator", "display": "김", "roles": ["lead"]}, "already"),
    ],
)
async def test_an_impossible_account_is_not_made(identity: Process, form: dict[str, str], words: str) -> None:
    http = await admin_of(identity, "jeju")
    page = await http.post("/accounts/new", data={"organisation": "jeju", **form})
    assert page.status_code == 422
    assert words in page.text
    assert len(await identity.accounts.store.of(None)) == 1
    await http.aclose()


async def test_nobody_changes_their_own_roles_nor_gets_a_case_as_administrator(identity: Process) -> None:
    http = await admin_of(identity, "jeju")
    me = await identity.accounts.store.by_name("jeju-administrator")
    assert me is not None
    for change in ("roles", "disable", "reset"):
        form = {"changes": str(me.changes), "reason": "mistake", "roles": ["lead"]}
        page = await http.post(f"/accounts/{me.subject}/{change}", data=form)
        assert (page.status_code, "their own account" in page.text) == (409, True)
    assert await identity.accounts.store.get(me.subject) == me
    assert (await http.get("/desk")).status_code == 403
    await http.aclose()


async def test_changes_need_a_reason_and_the_state_one_saw_and_are_in_the_audit(identity: Process) -> None:
    http = await admin_of(identity, "jeju")
    person = (await identity.person("jeju", "counsellor")).account
    address = f"/accounts/{person.subject}/roles"
    without = await http.post(address, data={"changes": str(person.changes), "roles": ["lead"]})
    assert (without.status_code, "Choose why" in without.text) == (409, True)
    done = await http.post(address, data={"changes": str(person.changes), "roles": ["lead"], "reason": "new_work"})
    assert done.status_code == 303
    late = await http.post(address, data={"changes": str(person.changes), "roles": ["operator"], "reason": "new_work"})
    assert (late.status_code, "a moment ago" in late.text) == (409, True)
    (line,) = await identity.lines("account.roles")
    admin = await identity.accounts.store.by_name("jeju-administrator")
    assert admin is not None
    assert (line.actor, line.reason) == (admin.subject, "new_work")
    assert dict(line.detail) == {"account": person.subject, "before": "counsellor", "after": "lead"}
    await http.aclose()


async def test_who_uses_their_factors_all_the_time_is_disabled_all_the_same(
    identity: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = await admin_of(identity, "jeju")
    thief = (await identity.person("jeju", "counsellor")).account
    store, saves = identity.accounts.store, 0
    save = store.save

    async def just_used(account: Account) -> Account | None:
        nonlocal saves
        saves += 1
        if saves <= 3:
            await store.collection.update_one({"_id": account.subject}, {"$inc": {"rev": 1}})
        return await save(account)

    monkeypatch.setattr(store, "save", just_used)
    seen = {"changes": str(thief.changes - 1), "reason": "suspicion"}
    assert (await http.post(f"/accounts/{thief.subject}/disable", data=seen)).status_code == 303
    after = await store.get(thief.subject)
    assert after is not None
    assert (after.state, saves) == (AccountState.DISABLED, 4)
    await http.aclose()


async def test_the_last_central_administrator_stays(identity: Process) -> None:
    ministry = await admin_of(identity, "ministry")
    last = (await identity.person("central", "administrator")).account
    form = {"changes": str(last.changes), "reason": "left"}
    page = await ministry.post(f"/accounts/{last.subject}/disable", data=form)
    assert (page.status_code, "last administrator" in page.text) == (409, True)
    await identity.person("central", "administrator", name="another")
    assert (await ministry.post(f"/accounts/{last.subject}/disable", data=form)).status_code == 303
    await ministry.aclose()


async def test_of_two_central_administrators_who_disable_each_other_at_once_one_stays(identity: Process) -> None:
    one = (await identity.person("central", "administrator", name="one.admin")).account
    other = (await identity.person("central", "administrator", name="other.admin")).account

    async def disable(by: Account, whom: Account) -> None:
        who = Actor(by.subject, "central", ("administrator",), "test")
        await identity.accounts.administration.disable(who, whom, "suspicion")

    answers = await asyncio.gather(disable(one, other), disable(other, one), return_exceptions=True)
    assert await identity.accounts.store.administrators("central") >= 1
    assert {str(answer) for answer in answers if answer is not None} == {"last_administrator"}


async def test_an_administrator_who_waits_for_release_is_not_the_last_one(identity: Process) -> None:
    present = (await identity.person("central", "administrator")).account
    by = Actor("s-ministry", "ministry", ("administrator",), "test")
    made, code = await identity.accounts.administration.create(
        by, "not.asked", "x", "central", {StaffRole.ADMINISTRATOR}
    )
    async with identity.browser() as http:
        assert (await finished(identity, http, code, await looked_at(http, code))).status_code == 200
    waiting = await identity.accounts.store.get(made.subject)
    assert waiting is not None
    assert waiting.waits is not None
    who = Actor(present.subject, "central", ("administrator",), "test")
    after = await identity.accounts.administration.disable(who, waiting, "suspicion")
    assert after.state is AccountState.DISABLED


async def test_an_account_written_into_the_store_is_no_second_administrator(identity: Process) -> None:
    last = (await identity.person("central", "administrator")).account
    document = await identity.accounts.store.collection.find_one({"_id": last.subject})
    assert document is not None
    planted = {**document, "_id": "s-planted", "name": "planted"}
    await identity.accounts.store.collection.insert_one(planted)
    by = Actor("s-ministry", "ministry", ("administrator",), "test")
    with pytest.raises(RefusedError, match="last_administrator"):
        await identity.accounts.administration.disable(by, last, "left")


@pytest.mark.parametrize("state", ["active", "disabled"])
async def test_who_makes_an_administrator_at_night_is_told_that_the_name_is_taken(
    identity: Process, capsys: pytest.CaptureFixture[str], state: str
) -> None:
    taken = (await identity.person("central", "administrator", name="admin-central")).account
    if state == "disabled":
        await identity.person("central", "administrator", name="another")
        await identity.accounts.administration.disable(by_command("test"), taken, "left")
    asked, who, where = cli.Administrator("central", another=True), by_command("test"), "https://staff.example"
    assert await cli.administrator(identity.accounts, who, asked, where, as_json=True) == 1
    said = capsys.readouterr().err
    assert f"admin-central is an account already ({state})" in said
    assert "--name admin-central-2" in said
    asked = replace(asked, name="admin-central-2")
    assert await cli.administrator(identity.accounts, who, asked, where, as_json=True) == 0


async def test_who_looks_at_anothers_invitation_does_not_know_their_second_factor(identity: Process) -> None:
    code = await invitation(identity)
    async with identity.browser() as administrator, identity.browser() as http:
        seen = [(await looked_at(administrator, code)).key]
        offer = await looked_at(http, code)
        seen.append((await looked_at(administrator, code)).key)
        assert offer.key not in seen
        mistyped = await finished(identity, http, code, offer, code="000000x")
        assert offered(mistyped) == offer  # scanned already
        assert "six digits do not fit" in (await finished(identity, http, code, offer, shown="")).text
        assert (await finished(identity, http, code, offer)).status_code == 200
        await identity.clock.advance(30)
        for key, status in (*((key, 401) for key in seen), (offer.key, 200)):
            digits = pyotp.TOTP(key).generate_otp(step_of(identity.clock.now()))
            body = {"account": "kim.new", "password": SENTENCE, "code": digits}
            assert (await http.post("/api/v1/sign-in", json=body)).status_code == status


async def test_a_reset_account_is_set_up_anew_and_the_old_factors_are_gone(identity: Process) -> None:
    http = await admin_of(identity, "jeju")
    ready = await identity.person("jeju", "counsellor")
    page = await http.post(f"/accounts/{ready.account.subject}/reset", data={"changes": "0", "reason": "lost_device"})
    found = re.search(r'<code class="key">([a-z0-9-]{19})</code>', page.text)
    assert found is not None
    async with identity.browser() as person:
        assert (await identity.api_enter(person, ready)).status_code == 401
        assert (await identity.api_enter(person, ready, code=ready.recovery[0])).status_code == 401
        offer = await looked_at(person, found[1])
        assert offer.key != ready.totp
        assert (await finished(identity, person, found[1], offer)).status_code == 200
    await http.aclose()


async def test_who_is_invited_anew_after_very_many_sign_ins_keeps_the_recovery_codes(identity: Process) -> None:
    """As after somebody else signed in and out as them all day: they sign in a little later."""
    ready = await identity.person("ministry", "analyst")
    for _ in range(SESSIONS_FREE):
        await identity.accounts.sessions.begin(ready.account)
    changed, code = await identity.accounts.administration.reset(by_command("test"), ready.account, "suspicion")
    async with identity.browser() as person:
        page = await finished(identity, person, code, await looked_at(person, code))
        assert (page.status_code, len(re.findall(r"<li><code>([a-z0-9-]{19})</code></li>", page.text))) == (200, 10)
        assert "in ten minutes at the latest" in page.text
        assert not person.cookies
    assert await identity.accounts.sessions.of(changed.subject) == []


async def test_new_recovery_codes_replace_the_old_and_need_both_factors(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as http:
        await identity.enter(http, ready)
        await identity.clock.advance(30)
        wrong = await http.post("/account/recovery-codes", data={"current": "no", "digits": identity.code(ready)})
        assert wrong.status_code == 422
        form = {"current": ready.password, "digits": identity.code(ready)}
        page = await http.post("/account/recovery-codes", data=form)
        codes = re.findall(r"<li><code>([a-z0-9-]{19})</code></li>", page.text)
        assert (page.status_code, len(codes)) == (200, 10)
        assert "hreflang=" not in page.text, "in the other language they would be gone"
        assert (await identity.api_enter(http, ready, code=ready.recovery[0])).status_code == 401
        assert (await identity.api_enter(http, ready, code=codes[0])).status_code == 200


async def test_whoever_sits_at_an_open_console_cannot_guess_the_password_fast(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as http:
        await identity.enter(http, ready)
        form = {"current": "guess", "digits": "000000"}
        answers = [(await http.post("/account/recovery-codes", data=form)).status_code for _ in range(8)]
    assert answers == [422] * 6 + [429] * 2


async def test_without_an_audit_nobody_signs_in(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")

    async def away(*_: object) -> None:
        raise TransientError("the store is away")

    async with identity.browser() as http:
        good = identity.log.append
        identity.log.append = away  # type: ignore[method-assign]  # the store is away for this one collection
        answer = await identity.api_enter(http, ready)
        identity.log.append = good  # type: ignore[method-assign]  # as before
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert await identity.accounts.session_store.of(ready.account.subject, identity.clock.now()) == []


async def test_second_factors_and_keys_move_to_a_new_master_key(identity: Process, harness: IdentityHarness) -> None:
    ready = await identity.person("jeju", "counsellor")
    old = harness.master_key
    harness.master_key = a_key()
    both = await harness.process(retired_master_keys=(old,))
    assert await cli.rewrap(both.accounts) == 2
    assert await cli.rewrap(both.accounts) == 0
    alone = await harness.process()
    async with alone.browser() as http:
        assert (await alone.api_enter(http, ready)).status_code == 200


async def test_what_is_changed_while_it_is_wrapped_anew_is_not_told_as_done(
    identity: Process, harness: IdentityHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads 0 takes the old key away, and nobody whose factor is under it could sign in."""
    await identity.person("jeju", "counsellor")
    old = harness.master_key
    harness.master_key = a_key()
    both = await harness.process(retired_master_keys=(old,))
    with monkeypatch.context() as patched:
        patched.setattr(both.accounts.store, "save", AsyncMock(return_value=None))
        assert await cli.rewrap(both.accounts) == 2
        assert await cli.rewrap(both.accounts) == 1
    assert await cli.rewrap(both.accounts) == 1
    assert await cli.rewrap(both.accounts) == 0


async def test_two_accounts_never_share_a_name(identity: Process) -> None:
    await invitation(identity)
    with pytest.raises(RefusedError, match="name_taken"):
        await invitation(identity)


async def test_an_administrator_makes_no_more_accounts_than_an_organisation_may_have_however_many_they_disable(
    identity: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_ACCOUNTS", 4)
    http = await admin_of(identity, "jeju")

    async def made(name: str) -> tuple[int, bool]:
        form = {"organisation": "jeju", "name": name, "display": "x", "roles": "operator"}
        page = await http.post("/accounts/new", data=form)
        return page.status_code, "as many accounts as it may" in page.text

    at_once = await asyncio.gather(*(made(f"one.{number}") for number in range(5)))
    assert sorted(at_once) == [(200, False)] * 3 + [(422, True)] * 2
    refused = [line for line in await identity.lines("account.create") if line.outcome is AuditOutcome.REFUSED]
    assert [(line.actor is not None, line.reason, line.detail) for line in refused] == [
        (True, "most_accounts", {"of": "jeju", "roles": "operator"})
    ] * 2
    for one in await identity.accounts.store.of("jeju"):
        if one.state is AccountState.INVITED:
            await http.post(f"/accounts/{one.subject}/disable", data={"changes": "0", "reason": "left"})
    assert await made("another") == (422, True)
    await http.aclose()
    create, operator = identity.accounts.administration.create, {StaffRole.OPERATOR}
    await create(by_command("test"), "by.hand", "x", "jeju", operator)
    await identity.clock.advance(MADE_LATELY.total_seconds())
    await create(Actor("s-somebody", "jeju", ("administrator",), "test"), "another", "x", "jeju", operator)
