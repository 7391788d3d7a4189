"""Accounts of a notify that kept them itself are taken over, on the real store, sealed as they are."""

from typing import Any

import pytest

from services.identity.move import MoveRefusedError, between
from services.identity.settings import IdentitySettings
from tests.integration.identity.conftest import IdentityHarness, Process


async def a_notify_with_accounts(harness: IdentityHarness) -> Process:
    """Accounts as an earlier notify kept them: the same documents in its own database."""
    return await harness.process(service="notify")


def moving(harness: IdentityHarness, before: Process) -> Any:
    source: Any = before.accounts.store.collection.database
    settings = IdentitySettings.model_validate(harness.keys())
    database = source.client[f"{harness.store.database_prefix}identity"]
    return between(database, source.name, settings, before.log, harness.clock)


async def test_whoever_was_signed_in_stays_so_and_whoever_was_not_signs_in(harness: IdentityHarness) -> None:
    before = await a_notify_with_accounts(harness)
    ready = await before.person("jeju", "counsellor")
    async with before.browser() as old:
        assert (await before.enter(old, ready)).status_code == 303
        cookies = dict(old.cookies)
    moved = await moving(harness, before).run()
    assert (moved.copied["accounts"], moved.copied["sessions"], moved.left) == (1, 1, {})
    identity = await harness.process()
    async with identity.browser() as http:
        http.cookies.update(cookies)
        assert (await http.get("/account")).status_code == 200
    await harness.clock.advance(60)
    async with identity.browser() as http:
        assert (await identity.enter(http, ready)).status_code == 303
    published = {key.kid for key in (await identity.accounts.signing.document()).keys}
    assert published == {key.kid for key in (await before.accounts.signing.document()).keys}


async def test_what_was_interrupted_goes_on_and_what_is_done_is_not_done_again(
    harness: IdentityHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await a_notify_with_accounts(harness)
    for name in ("kim.one", "lee.two"):
        await before.person("jeju", "counsellor", name=name)
    move = moving(harness, before)
    copies = 0
    whole = move._copy

    async def cut(*given: Any) -> None:
        nonlocal copies
        copies += 1
        if copies == 2:
            raise KeyboardInterrupt
        await whole(*given)

    monkeypatch.setattr(move, "_copy", cut)
    with pytest.raises(KeyboardInterrupt):
        await move.run()
    again = await moving(harness, before).run()
    assert (again.already, again.copied["accounts"], again.copied["signing_keys"]) == (False, 2, 1)
    identity = await harness.process()
    renamed = await identity.accounts.store.by_name("kim.one")
    assert renamed is not None
    await identity.accounts.store.save(renamed.model_copy(update={"display": "Kim"}))
    assert (await moving(harness, before).run()).already
    kept = await identity.accounts.store.by_name("kim.one")
    assert kept is not None
    assert kept.display == "Kim"


async def test_what_somebody_wrote_into_the_old_store_stays_behind(harness: IdentityHarness) -> None:
    before = await a_notify_with_accounts(harness)
    ready = await before.person("jeju", "counsellor", name="kim.one")
    await before.person("jeju", "counsellor", name="lee.two")
    async with before.browser() as old:
        await before.enter(old, ready)
    subject = ready.account.subject
    await before.accounts.store.collection.update_one({"_id": subject}, {"$set": {"roles": ["lead"]}})
    await before.accounts.session_store.collection.update_one({}, {"$set": {"subject": "s-somebody"}})
    [key] = await before.accounts.keys.collection.find({}).to_list(None)
    await before.accounts.keys.collection.insert_one({**key, "_id": "0" * 16, "number": 9})
    moved = await moving(harness, before).run()
    assert moved.left["accounts"] == [subject]
    assert len(moved.left["sessions"]) == 1
    assert moved.left["signing_keys"] == ["0" * 16]
    assert moved.copied["accounts"] == 1


async def test_it_refuses_where_identity_has_accounts_of_its_own(harness: IdentityHarness) -> None:
    before = await a_notify_with_accounts(harness)
    move = moving(harness, before)
    with pytest.raises(MoveRefusedError, match="no accounts"):
        await move.run()
    await before.person("jeju", "counsellor")
    with pytest.raises(MoveRefusedError, match="before a move"):
        await move.clear()
    await (await harness.process()).person("busan", "counsellor")
    with pytest.raises(MoveRefusedError, match="1 accounts"):
        await move.run()


async def test_an_identity_that_has_started_keeps_its_own_key_and_sessions_go_on(harness: IdentityHarness) -> None:
    before = await a_notify_with_accounts(harness)
    ready = await before.person("jeju", "counsellor")
    async with before.browser() as old:
        await before.enter(old, ready)
        cookies = dict(old.cookies)
    identity = await harness.process()
    own = await identity.accounts.signing.records()
    assert "signing_keys" not in (await moving(harness, before).run()).copied
    assert await identity.accounts.signing.records() == own
    async with identity.browser() as http:
        http.cookies.update(cookies)
        assert (await http.get("/account")).status_code == 200


async def test_the_originals_are_deleted_once_they_are_moved(harness: IdentityHarness) -> None:
    before = await a_notify_with_accounts(harness)
    await before.person("jeju", "counsellor")
    move = moving(harness, before)
    await move.run()
    await move.clear()
    assert await before.accounts.store.collection.count_documents({}) == 0
    assert await (await harness.process()).accounts.store.collection.count_documents({}) == 1
