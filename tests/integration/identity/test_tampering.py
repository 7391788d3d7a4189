"""Somebody who can write to identity's database but has no key becomes nobody, on the real store."""

import hashlib
from typing import Any

import pytest

from services.identity.accounts.directory_api import everybody
from services.identity.accounts.models import AccountState
from services.identity.credentials import new_secret
from shared.metrics import REGISTRY
from tests.integration.identity.conftest import IdentityHarness, Process, a_key


def altered(what: str) -> float:
    return REGISTRY.get_sample_value("ieum_identity_account_tampering_total", {"object": what}) or 0.0


async def renewed(identity: Process, secret: str) -> int:
    async with identity.browser() as http:
        return (await http.post("/api/v1/session/renew", json={"session": secret})).status_code


async def test_a_session_written_into_the_store_renews_nothing(identity: Process) -> None:
    victim = (await identity.person("jeju", "counsellor")).account
    secret, now = new_secret(), identity.clock.now()
    for digest in (
        hashlib.sha256(b"ieum secret\x00" + secret.encode()).hexdigest(),
        hashlib.sha256(secret.encode()).hexdigest(),
        secret,
    ):
        made = {"session": digest[:8], "subject": victim.subject, "started_at": now, "seen_at": now, "ended_at": None}
        await identity.accounts.session_store.collection.insert_one({"_id": digest, **made})
    assert await renewed(identity, secret) == 401


async def test_ones_own_session_cannot_be_made_somebody_elses(identity: Process) -> None:
    victim = (await identity.person("jeju", "counsellor")).account
    thief = await identity.person("jeju", "operator")
    async with identity.browser() as http:
        secret = (await identity.api_enter(http, thief)).json()["session"]
    assert await renewed(identity, secret) == 200
    await identity.accounts.session_store.collection.update_one(
        {"subject": thief.account.subject}, {"$set": {"subject": victim.subject}}
    )
    before = altered("session")
    assert await renewed(identity, secret) == 401
    assert altered("session") == before + 1


@pytest.mark.parametrize("change", [{"roles": ["counsellor"]}, {"organisation": "busan"}, {"password": "theirs"}])
async def test_an_account_edited_in_the_store_is_refused_at_every_door_and_counted(
    identity: Process, change: dict[str, Any]
) -> None:
    ready = await identity.person("jeju", "operator")
    other = await identity.person("jeju", "operator", name="jeju-other")
    async with identity.browser() as http:
        secret = (await identity.api_enter(http, ready)).json()["session"]
        if "password" in change:
            change = {"password": other.account.password}
        await identity.accounts.store.collection.update_one({"_id": ready.account.subject}, {"$set": change})
        before = altered("account")
        assert await renewed(identity, secret) == 401
        await identity.clock.advance(30)
        password = {"password": other.password} if "password" in change else {}
        assert (await identity.api_enter(http, ready, **password)).status_code == 401
        assert await identity.accounts.sessions.begin(ready.account) is None
        assert altered("account") >= before + 3
        (shown,) = [one for one in await identity.accounts.store.of(None) if one.subject == ready.account.subject]
        assert shown.altered


async def test_a_document_that_is_no_account_hides_no_others(identity: Process) -> None:
    admin = await identity.person("central", "administrator")
    ready = await identity.person("jeju", "counsellor")
    store = identity.accounts.store
    await store.collection.insert_one({"_id": "s-junk", "name": "a.name", "organisation": "jeju", "state": "invited"})
    # As a later build may write it, whose table of roles is longer.
    await store.collection.update_one({"_id": ready.account.subject}, {"$set": {"roles": ["counsellor", "later"]}})
    await store.expire_invitations(identity.clock.now())
    listed = (await everybody(store)).staff
    assert [one.subject for one in listed] == [admin.account.subject]
    async with identity.browser() as http:
        await identity.enter(http, admin)
        page = await http.get("/accounts")
        assert (page.status_code, "s-junk" in page.text, ready.account.subject in page.text) == (200, True, True)
        assert (await http.get("/accounts/s-junk")).status_code == 404
    async with identity.browser() as http:
        assert (await identity.enter(http, ready)).status_code == 401
        assert (await identity.enter(http, ready, account="a.name")).status_code == 401


async def test_neither_an_invitation_nor_a_recovery_code_can_be_written_into_an_account(identity: Process) -> None:
    ready, other = await identity.person("jeju", "counsellor"), await identity.person("busan", "operator")
    taken = identity.accounts.vault.marks.recovery(other.account.subject, other.recovery[0].replace("-", ""))
    await identity.accounts.store.collection.update_one(
        {"_id": ready.account.subject}, {"$set": {"recovery": [taken, hashlib.sha256(b"abcd").hexdigest()]}}
    )
    async with identity.browser() as http:
        assert (await identity.api_enter(http, ready, code=other.recovery[0])).status_code == 401
        assert (await identity.api_enter(http, other, code=other.recovery[0])).status_code == 200


async def test_another_master_key_ends_no_session_and_another_account_key_ends_all(
    identity: Process, harness: IdentityHarness
) -> None:
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as http:
        secret = (await identity.api_enter(http, ready)).json()["session"]
    old, harness.master_key = harness.master_key, a_key()
    assert await renewed(await harness.process(retired_master_keys=(old,)), secret) == 200
    harness.account_key = a_key()
    assert await renewed(await harness.process(retired_master_keys=(old,)), secret) == 401


async def test_what_was_used_up_is_not_brought_back_by_a_change_read_before(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    store = identity.accounts.store
    for code in (identity.code(ready), ready.recovery[0]):
        read = await store.get(ready.account.subject)
        assert read is not None
        async with identity.browser() as http:
            assert (await identity.api_enter(http, ready, code=code)).status_code == 200
        assert await store.save(read.model_copy(update={"state": AccountState.DISABLED})) is None
    now = await store.get(ready.account.subject)
    assert now is not None
    assert (now.totp_step > 0, len(now.recovery)) == (True, 9)
