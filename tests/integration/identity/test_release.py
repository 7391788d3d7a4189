"""No administrator alone makes, resets or widens an account that gets at details, on the real store."""

import re
from collections.abc import AsyncIterator
from contextlib import aclosing

import httpx
import pytest

from services.identity.accounts.models import Account, SessionEnding
from services.identity.audit_recorder import Actor
from shared.audit.model import AuditOutcome
from shared.identity.roles import StaffRole
from tests.integration.identity.conftest import ROUTING_URL, IdentityHarness, Process
from tests.integration.identity.test_accounts import SENTENCE, admin_of, finished, looked_at
from tests.integration.identity.test_sessions import ROUTING_COOKIE


async def account_of(identity: Process, name: str) -> Account:
    found = await identity.accounts.store.by_name(name)
    assert found is not None
    return found


def code_in(page: httpx.Response) -> str:
    found = re.search(r'<code class="key">([a-z0-9-]{19})</code>', page.text)
    assert found is not None, page.text
    return found[1]


async def released(identity: Process, http: httpx.AsyncClient, name: str) -> httpx.Response:
    account = await account_of(identity, name)
    return await http.post(f"/releases/{account.subject}", data={"changes": str(account.changes)})


async def signed_in(identity: Process, organisation: str, role: str, name: str) -> httpx.AsyncClient:
    ready = await identity.person(organisation, role, name=name)
    http = identity.browser()
    assert (await identity.enter(http, ready)).status_code == 303
    return http


@pytest.fixture
async def admin(identity: Process) -> AsyncIterator[httpx.AsyncClient]:
    async with aclosing(await admin_of(identity, "jeju")) as http:
        yield http


async def made(identity: Process, admin: httpx.AsyncClient, role: str, name: str = "kim.new") -> tuple[str, str]:
    """The invitation and the second factor: the administrator enrols it himself."""
    form = {"organisation": "jeju", "name": name, "display": "김", "roles": role}
    code = code_in(await admin.post("/accounts/new", data=form))
    async with identity.browser() as http:
        offer = await looked_at(http, code)
        page = await finished(identity, http, code, offer)
        assert (page.status_code, "waits for release" in page.text) == (200, True)
        assert len(re.findall(r"<li><code>([a-z0-9-]{19})</code></li>", page.text)) == 10
        assert (await http.get("/desk")).status_code == 303
    return code, re.findall(r"<li><code>([a-z0-9-]{19})</code></li>", page.text)[0]


async def entered(identity: Process, code: str) -> tuple[int, str]:
    async with identity.browser() as http:
        answer = await http.post("/api/v1/sign-in", json={"account": "kim.new", "password": SENTENCE, "code": code})
    return answer.status_code, answer.json().get("code", "")


async def test_an_administrator_alone_gets_no_counsellor_and_a_lead_lets_them_in(
    identity: Process, admin: httpx.AsyncClient
) -> None:
    _, recovery = await made(identity, admin, "counsellor")
    assert await entered(identity, recovery) == (403, "waits_for_release")
    page = await released(identity, admin, "kim.new")
    assert (page.status_code, "Somebody else releases" in page.text) == (409, True)
    asked = await account_of(identity, "jeju-administrator")
    async with aclosing(await signed_in(identity, "jeju", "lead", "jeju-lead")) as lead:
        listed = await lead.get("/releases")
        assert (listed.status_code, "kim.new" in listed.text, asked.display in listed.text) == (200, True, True)
        assert (await lead.get("/accounts")).status_code == 403
        assert (await released(identity, lead, "kim.new")).status_code == 303
        assert "kim.new" not in (await lead.get("/releases")).text
    (line,) = await identity.lines("account.release")
    lead_account = await account_of(identity, "jeju-lead")
    assert (line.actor, line.outcome) == (lead_account.subject, AuditOutcome.DONE)
    assert dict(line.detail)["asked_by"] == asked.subject
    await identity.clock.advance(60)
    codes = [refused.reason for refused in await identity.lines("sign_in") if refused.outcome is AuditOutcome.REFUSED]
    assert codes == ["waits_for_release"]


async def test_who_waits_and_shows_their_factors_meanwhile_does_not_spoil_the_release(
    identity: Process, admin: httpx.AsyncClient
) -> None:
    _, recovery = await made(identity, admin, "counsellor")
    seen = await account_of(identity, "kim.new")
    assert await entered(identity, recovery) == (403, "waits_for_release")
    async with aclosing(await signed_in(identity, "jeju", "lead", "jeju-lead")) as lead:
        answer = await lead.post(f"/releases/{seen.subject}", data={"changes": str(seen.changes)})
        assert answer.status_code == 303
    assert (await account_of(identity, "kim.new")).waits is None


async def test_a_revision_set_back_in_the_store_releases_no_role_that_was_not_seen(
    identity: Process, admin: httpx.AsyncClient
) -> None:
    await made(identity, admin, "counsellor")
    async with aclosing(await signed_in(identity, "jeju", "lead", "jeju-lead")) as lead:
        (form,) = re.findall(r'<input type="hidden" name="(\w+)" value="(\d+)">', (await lead.get("/releases")).text)
        seen = await account_of(identity, "kim.new")
        by = Actor("s-another", "jeju", ("administrator",), "test")
        roles = {StaffRole.COUNSELLOR, StaffRole.LEAD}
        await identity.accounts.administration.change_roles(by, seen, roles, "new_work")
        await identity.accounts.store.collection.update_one({"_id": seen.subject}, {"$set": {"rev": seen.rev}})
        page = await lead.post(f"/releases/{seen.subject}", data=dict([form]))
        assert (page.status_code, "changed a moment ago" in page.text) == (409, True)
    assert (await account_of(identity, "kim.new")).waits is not None


async def test_the_administrators_other_self_cannot_release(identity: Process, admin: httpx.AsyncClient) -> None:
    """An administrator made by an administrator waits too, or one person would be two."""
    await made(identity, admin, "administrator", "kim.new")
    account = await account_of(identity, "kim.new")
    assert account.waits is not None
    assert await identity.accounts.sessions.begin(account) is None
    assert await identity.accounts.store.administrators("jeju") == 1


async def test_a_name_written_into_the_store_does_not_stand_as_who_asked(
    identity: Process, admin: httpx.AsyncClient
) -> None:
    await made(identity, admin, "counsellor")
    asker = await account_of(identity, "jeju-administrator")
    lead = await identity.person("jeju", "lead")
    async with identity.browser() as http:
        await identity.enter(http, lead)
        assert asker.subject not in (await http.get("/releases")).text
        planted = {"$set": {"display": "a trusted name"}}
        await identity.accounts.store.collection.update_one({"_id": asker.subject}, planted)
        page = (await http.get("/releases")).text
    assert ("a trusted name" in page, asker.subject in page) == (False, True)


async def test_only_leads_of_the_same_organisation_and_other_administrators_release_and_not_before_it_is_set_up(
    identity: Process, admin: httpx.AsyncClient
) -> None:
    form = {"organisation": "jeju", "name": "kim.new", "display": "김", "roles": "counsellor"}
    code_in(await admin.post("/accounts/new", data=form))
    async with (
        aclosing(await signed_in(identity, "busan", "lead", "busan-lead")) as busan,
        aclosing(await signed_in(identity, "jeju", "counsellor", "jeju-one")) as counsellor,
        aclosing(await signed_in(identity, "central", "administrator", "central-admin")) as central,
    ):
        assert "kim.new" not in (await busan.get("/releases")).text
        assert (await released(identity, busan, "kim.new")).status_code == 403
        assert (await released(identity, counsellor, "kim.new")).status_code == 403
        early = await released(identity, central, "kim.new")
        assert (early.status_code, "not set up yet" in early.text) == (409, True)
    account = await account_of(identity, "kim.new")
    assert account.waits is not None


@pytest.mark.parametrize("change", ["reset", "enable", "roles"])
async def test_reset_enabled_or_widened_accounts_wait_again(
    identity: Process, admin: httpx.AsyncClient, change: str
) -> None:
    ready = await identity.person("jeju", "operator" if change == "roles" else "counsellor", name="kim.new")
    subject = ready.account.subject
    if change == "enable":
        await admin.post(f"/accounts/{subject}/disable", data={"changes": "0", "reason": "left"})
    seen = str((await account_of(identity, "kim.new")).changes)
    page = await admin.post(
        f"/accounts/{subject}/{change}", data={"changes": seen, "reason": "mistake", "roles": "counsellor"}
    )
    if change == "roles":
        assert await identity.accounts.sessions.begin(await account_of(identity, "kim.new")) is None
    else:
        async with identity.browser() as http:
            offer = await looked_at(http, code_in(page))
            assert "waits for release" in (await finished(identity, http, code_in(page), offer)).text
    async with aclosing(await signed_in(identity, "central", "administrator", "central-admin")) as central:
        assert (await released(identity, central, "kim.new")).status_code == 303
    assert await identity.accounts.sessions.begin(await account_of(identity, "kim.new")) is not None


@pytest.mark.parametrize("whose", ["another", "own"])
async def test_only_a_disabled_account_is_let_in_again(identity: Process, admin: httpx.AsyncClient, whose: str) -> None:
    """Else it would be a reset without the checks of one: of oneself, of the last administrator."""
    name = "jeju-administrator" if whose == "own" else "kim.new"
    if whose == "another":
        await identity.person("jeju", "counsellor", name=name)
    before = await account_of(identity, name)
    given = {"changes": str(before.changes), "reason": "mistake"}
    assert (await admin.post(f"/accounts/{before.subject}/enable", data=given)).status_code == 409
    assert await account_of(identity, name) == before


async def test_fewer_roles_need_nobody_else(identity: Process) -> None:
    both = (await identity.person("jeju", "counsellor", "lead")).account
    by = Actor("s-somebody", "jeju", ("administrator",), "test")
    after = await identity.accounts.administration.change_roles(by, both, {StaffRole.COUNSELLOR}, "new_work")
    assert after.waits is None


async def test_a_crash_before_the_sessions_end_leaves_none_alive(
    identity: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as thief, identity.browser() as owner:
        await identity.enter(thief, ready)
        await identity.clock.advance(30)
        await identity.enter(owner, ready)
        await identity.clock.advance(30)

        async def crashed(*_: object, **__: object) -> int:
            raise ConnectionResetError

        monkeypatch.setattr(identity.accounts.session_store, "end", crashed)
        form = {"before": ready.password, "code": identity.code(ready), "password": SENTENCE, "again": SENTENCE}
        assert (await owner.post("/account/password", data=form)).status_code == 500
        await identity.clock.advance(600)
        assert (await thief.get("/desk")).status_code == 303
        assert (await owner.get("/desk")).status_code == 200


@pytest.mark.parametrize("change", ["disable", "end-everywhere"])
async def test_what_a_crash_left_open_is_ended_at_other_services_too(
    identity: Process, harness: IdentityHarness, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    ready, other = await identity.person("jeju", "counsellor"), await identity.person("busan", "counsellor")
    routing = harness.asking(identity, "routing")
    by = Actor("s-another", "jeju", ("administrator",), "test")

    async def crashed(*_: object, **__: object) -> int:
        raise ConnectionResetError

    async with identity.browser() as http, identity.browser() as elsewhere, routing.browser() as there:
        await identity.enter(elsewhere, other)
        await identity.enter(http, ready, next=f"{ROUTING_URL}/desk")
        there.cookies.set(ROUTING_COOKIE, http.cookies[ROUTING_COOKIE])
        await identity.clock.advance(1)
        changing = (
            identity.accounts.administration.disable(by, ready.account, "suspicion")
            if change == "disable"
            else identity.accounts.sessions.end_everywhere(ready.account.subject, SessionEnding.EVERYWHERE)
        )
        with monkeypatch.context() as patch:
            patch.setattr(identity.accounts.session_store, "end", crashed)
            with pytest.raises(ConnectionResetError):
                await changing
        await routing.identity.refresh()
        assert (await there.get("/desk")).status_code == 200, "its token was given before"
        await identity.accounts.tidy()
        await routing.identity.refresh()
        assert (await there.get("/desk")).status_code == 303
        assert (await elsewhere.get("/desk")).status_code == 200, "nobody else's session ends"
    (line,) = await identity.lines("sessions.end")
    assert (line.actor, dict(line.detail)) == ("system", {"account": ready.account.subject, "ended": "1"})
    await identity.accounts.tidy()
    assert len(await identity.lines("sessions.end")) == 1, "once"


async def test_who_made_an_account_does_not_release_it_after_a_colleague_widened_it(
    identity: Process, admin: httpx.AsyncClient
) -> None:
    """They hold it, perhaps: the colleague who gave it the role asked nobody, since another one releases."""
    form = {"organisation": "jeju", "name": "kim.new", "display": "김", "roles": "operator"}
    code = code_in(await admin.post("/accounts/new", data=form))
    async with identity.browser() as http:
        assert (await finished(identity, http, code, await looked_at(http, code))).status_code == 200
    account = await account_of(identity, "kim.new")
    change = {"changes": str(account.changes), "roles": "counsellor", "reason": "new_work"}
    async with aclosing(await signed_in(identity, "jeju", "administrator", "second-administrator")) as second:
        assert (await second.post(f"/accounts/{account.subject}/roles", data=change)).status_code == 303
        for either in (admin, second):
            page = await released(identity, either, "kim.new")
            assert (page.status_code, "Somebody else releases" in page.text) == (409, True)
    async with aclosing(await signed_in(identity, "jeju", "lead", "jeju-lead")) as lead:
        assert (await released(identity, lead, "kim.new")).status_code == 303
    account = await account_of(identity, "kim.new")
    by = Actor("s-another", "jeju", ("administrator",), "test")
    roles = {StaffRole.COUNSELLOR, StaffRole.LEAD}
    widened = await identity.accounts.administration.change_roles(by, account, roles, "new_work")
    assert widened.waits is not None
    assert widened.waits.by == (by.subject,), "the lead asked its person, so the invitation is settled"
