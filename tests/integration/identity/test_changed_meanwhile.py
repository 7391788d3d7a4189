"""Factors that were right when they were looked at, of an account that its owner changed a moment later: real store."""

from typing import Any

import pytest

from services.identity.accounts.models import SessionEnding
from services.identity.accounts.service import Ready
from services.identity.credentials import Passwords
from tests.integration.identity.conftest import IdentityHarness, Process
from tests.integration.identity.test_passkeys import BY_HTTPS, ORIGIN, browser
from tests.support.passkeys import Authenticator

NEW = "a sentence that only the owner knows"
HELD = "a sentence of whoever knew the former one"


def changes_it(identity: Process, ready: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner changes the password as soon as the former one was found right: hashing takes long enough for that."""
    right, store = Passwords.right, identity.accounts.store
    hashes: list[str] = []

    async def found(passwords: Passwords, stored: str | None, password: str, **more: Any) -> bool:
        answer = await right(passwords, stored, password, **more)
        account = await store.get(ready.account.subject)
        if answer and account is not None and not hashes:
            hashes.append(await passwords.hashed(NEW))
            now = identity.clock.now()
            assert await store.change(account, now, tries=1, password=hashes[0], sessions_from=now, session_kept="")
        return answer

    monkeypatch.setattr(Passwords, "right", found)


async def has_the_owners_password(identity: Process, ready: Ready) -> bool:
    account = await identity.accounts.store.get(ready.account.subject)
    assert account is not None
    return await identity.accounts.passwords.right(account.password, NEW)


async def test_who_showed_the_former_password_gets_no_session(
    identity: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = await identity.person("jeju", "counsellor")
    changes_it(identity, ready, monkeypatch)
    async with identity.browser() as http:
        assert (await identity.enter(http, ready)).status_code == 401
        assert not http.cookies
    assert await identity.accounts.sessions.of(ready.account.subject) == []
    assert await has_the_owners_password(identity, ready)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/account/password", {"before": "{0}", "code": "{1}", "password": HELD, "again": HELD}),
        ("/account/recovery-codes", {"current": "{0}", "digits": "{1}"}),
        ("/account/mail", {"mail": "other@example.org", "current": "{0}", "digits": "{1}"}),
    ],
)
async def test_who_showed_the_former_password_changes_nothing(
    identity: Process, monkeypatch: pytest.MonkeyPatch, path: str, form: dict[str, str]
) -> None:
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as http:
        await identity.enter(http, ready)
        await identity.clock.advance(30)
        changes_it(identity, ready, monkeypatch)
        typed = {name: value.format(ready.password, identity.code(ready)) for name, value in form.items()}
        assert (await http.post(path, data=typed)).status_code == 422
    account = await identity.accounts.store.get(ready.account.subject)
    assert account is not None
    assert (account.recovery, account.mail) == (ready.account.recovery, None)
    assert await has_the_owners_password(identity, ready)


@pytest.mark.parametrize("act", ["add", "remove"])
async def test_who_showed_the_former_password_registers_and_removes_no_passkey(
    harness: IdentityHarness, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    identity = await harness.process(**BY_HTTPS)
    ready = await identity.person("jeju", "counsellor")
    async with browser(identity) as http:
        await identity.enter(http, ready)

        async def form(device: Authenticator) -> dict[str, str]:
            await identity.clock.advance(30)
            made = device.make((await http.post("/account/passkeys/new")).json())
            return {"name": "key", "passkey": made, "current": ready.password, "digits": identity.code(ready)}

        assert (await http.post("/account/passkeys", data=await form(Authenticator(ORIGIN)))).status_code == 303
        account = await identity.accounts.store.get(ready.account.subject)
        assert account is not None
        typed = await form(Authenticator(ORIGIN))
        changes_it(identity, ready, monkeypatch)
        path = "/account/passkeys" + (f"/{account.passkeys[0].id.hex()}/remove" if act == "remove" else "")
        assert (await http.post(path, data=typed)).status_code == 422
    after = await identity.accounts.store.get(ready.account.subject)
    assert after is not None
    assert after.passkeys == account.passkeys


async def test_who_showed_both_factors_before_all_sessions_were_ended_registers_no_passkey_and_is_not_signed_in(
    harness: IdentityHarness,
) -> None:
    identity = await harness.process(**BY_HTTPS)
    ready = await identity.person("jeju", "lead")
    async with browser(identity) as http:
        assert (await identity.enter(http, ready)).headers["location"] == "/session/passkey?next="
        made = Authenticator(ORIGIN).make((await http.post("/session/passkey/new")).json())
        await identity.accounts.sessions.end_everywhere(ready.account.subject, SessionEnding.EVERYWHERE)
        refused = await http.post("/session/passkey", data={"name": "theirs", "passkey": made})
        assert (refused.status_code, refused.json()["code"]) == (403, "registration_over")
    account = await identity.accounts.store.get(ready.account.subject)
    assert account is not None
    assert account.passkeys == ()
    assert await identity.accounts.sessions.of(ready.account.subject) == []
