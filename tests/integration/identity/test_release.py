"""No administrator alone makes, resets or widens an account that gets at details, on the real store."""

import re
from collections.abc import AsyncIterator
from contextlib import aclosing

import httpx
import pytest

from services.identity.accounts.models import Account
from services.identity.audit_recorder import By
from shared.audit.model import AuditOutcome
from shared.identity.roles import StaffRole
from tests.integration.identity.conftest import Process
from tests.integration.identity.test_accounts import SENTENCE, admin_of, finished, looked_at


async def account_of(notify: Process, name: str) -> Account:
    found = await notify.accounts.store.by_name(name)
    assert found is not None
    return found


def code_in(page: httpx.Response) -> str:
    found = re.search(r'<code class="key">([a-z0-9-]{19})</code>', page.text)
    assert found is not None, page.text
    return found[1]


async def released(notify: Process, http: httpx.AsyncClient, name: str) -> httpx.Response:
    account = await account_of(notify, name)
    return await http.post(f"/releases/{account.subject}", data={"rev": str(account.rev)})


async def signed_in(notify: Process, organisation: str, role: str, name: str) -> httpx.AsyncClient:
    ready = await notify.person(organisation, role, name=name)
    http = notify.browser()
    assert (await notify.enter(http, ready)).status_code == 303
    return http


@pytest.fixture
async def admin(notify: Process) -> AsyncIterator[httpx.AsyncClient]:
    async with aclosing(await admin_of(notify, "jeju")) as http:
        yield http


async def made(notify: Process, admin: httpx.AsyncClient, role: str, name: str = "kim.new") -> tuple[str, str]:
    """The invitation and the second factor: the administrator enrols it himself."""
    form = {"organisation": "jeju", "name": name, "display": "김", "roles": role}
    code = code_in(await admin.post("/accounts/new", data=form))
    async with notify.browser() as http:
        key = await looked_at(http, code)
        page = await finished(notify, http, code, key)
        assert (page.status_code, "waits for release" in page.text) == (200, True)
        assert len(re.findall(r"<li><code>([a-z0-9-]{19})</code></li>", page.text)) == 10
        assert (await http.get("/desk")).status_code == 303
    return code, re.findall(r"<li><code>([a-z0-9-]{19})</code></li>", page.text)[0]


async def entered(notify: Process, code: str) -> tuple[int, str]:
    async with notify.browser() as http:
        answer = await http.post("/api/v1/sign-in", json={"account": "kim.new", "password": SENTENCE, "code": code})
    return answer.status_code, answer.json().get("code", "")


async def test_an_administrator_alone_gets_no_counsellor_and_a_lead_lets_them_in(
    notify: Process, admin: httpx.AsyncClient
) -> None:
    _, recovery = await made(notify, admin, "counsellor")
    assert await entered(notify, recovery) == (403, "waits_for_release")
    page = await released(notify, admin, "kim.new")
    assert (page.status_code, "Somebody else releases" in page.text) == (409, True)
    asked = await account_of(notify, "jeju-administrator")
    async with aclosing(await signed_in(notify, "jeju", "lead", "jeju-lead")) as lead:
        listed = await lead.get("/releases")
        assert (listed.status_code, "kim.new" in listed.text, asked.display in listed.text) == (200, True, True)
        assert (await lead.get("/accounts")).status_code == 403
        assert (await released(notify, lead, "kim.new")).status_code == 303
        assert "kim.new" not in (await lead.get("/releases")).text
    (line,) = await notify.lines("account.release")
    lead_account = await account_of(notify, "jeju-lead")
    assert (line.actor, line.outcome) == (lead_account.subject, AuditOutcome.DONE)
    assert dict(line.detail)["asked_by"] == asked.subject
    await notify.clock.advance(60)
    codes = [refused.reason for refused in await notify.lines("sign_in") if refused.outcome is AuditOutcome.REFUSED]
    assert codes == ["waits_for_release"]


async def test_the_administrators_other_self_cannot_release(notify: Process, admin: httpx.AsyncClient) -> None:
    """An administrator made by an administrator waits too, or one person would be two."""
    await made(notify, admin, "administrator", "kim.new")
    account = await account_of(notify, "kim.new")
    assert account.waits is not None
    assert await notify.accounts.sessions.begin(account.subject) is None
    assert await notify.accounts.store.administrators("jeju") == 1


async def test_only_leads_of_the_same_organisation_and_other_administrators_release_and_not_before_it_is_set_up(
    notify: Process, admin: httpx.AsyncClient
) -> None:
    form = {"organisation": "jeju", "name": "kim.new", "display": "김", "roles": "counsellor"}
    code_in(await admin.post("/accounts/new", data=form))
    async with (
        aclosing(await signed_in(notify, "busan", "lead", "busan-lead")) as busan,
        aclosing(await signed_in(notify, "jeju", "counsellor", "jeju-one")) as counsellor,
        aclosing(await signed_in(notify, "central", "administrator", "central-admin")) as central,
    ):
        assert "kim.new" not in (await busan.get("/releases")).text
        assert (await released(notify, busan, "kim.new")).status_code == 403
        assert (await released(notify, counsellor, "kim.new")).status_code == 403
        early = await released(notify, central, "kim.new")
        assert (early.status_code, "not set up yet" in early.text) == (409, True)
    account = await account_of(notify, "kim.new")
    assert account.waits is not None


@pytest.mark.parametrize("change", ["reset", "enable", "roles"])
async def test_reset_enabled_or_widened_accounts_wait_again(
    notify: Process, admin: httpx.AsyncClient, change: str
) -> None:
    ready = await notify.person("jeju", "operator" if change == "roles" else "counsellor", name="kim.new")
    subject = ready.account.subject
    if change == "enable":
        await admin.post(f"/accounts/{subject}/disable", data={"rev": "1", "reason": "left"})
    rev = str((await account_of(notify, "kim.new")).rev)
    page = await admin.post(
        f"/accounts/{subject}/{change}", data={"rev": rev, "reason": "mistake", "roles": "counsellor"}
    )
    if change == "roles":
        assert await notify.accounts.sessions.begin(subject) is None
    else:
        async with notify.browser() as http:
            key = await looked_at(http, code_in(page))
            assert "waits for release" in (await finished(notify, http, code_in(page), key)).text
    async with aclosing(await signed_in(notify, "central", "administrator", "central-admin")) as central:
        assert (await released(notify, central, "kim.new")).status_code == 303
    assert await notify.accounts.sessions.begin(subject) is not None


async def test_fewer_roles_need_nobody_else(notify: Process) -> None:
    both = (await notify.person("jeju", "counsellor", "lead")).account
    by = By("s-somebody", "jeju", ("administrator",), "test")
    after = await notify.accounts.administration.change_roles(by, both, {StaffRole.COUNSELLOR}, "new_work")
    assert after.waits is None


async def test_a_crash_before_the_sessions_end_leaves_none_alive(
    notify: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = await notify.person("jeju", "counsellor")
    async with notify.browser() as thief, notify.browser() as owner:
        await notify.enter(thief, ready)
        await notify.clock.advance(30)
        await notify.enter(owner, ready)
        await notify.clock.advance(30)

        async def crashed(*_: object, **__: object) -> int:
            raise ConnectionResetError

        monkeypatch.setattr(notify.accounts.session_store, "end", crashed)
        form = {"before": ready.password, "code": notify.code(ready), "password": SENTENCE, "again": SENTENCE}
        assert (await owner.post("/account/password", data=form)).status_code == 500
        await notify.clock.advance(600)
        assert (await thief.get("/desk")).status_code == 303
        assert (await owner.get("/desk")).status_code == 200
