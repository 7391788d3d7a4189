"""The keys that sign: announced, replaced, retired, sealed, on the real store."""

import asyncio
import re

import httpx
import jwt
import pytest

from services.identity.accounts.models import KeyRecord
from services.identity.accounts.rules import KEY_ANNOUNCED, KEY_LASTS
from shared.identity.keys import KeyDocument
from shared.identity.source import PATH
from shared.identity.tokens import ACCESS_LASTS, GRACE
from tests.integration.identity.conftest import IdentityHarness, Process


async def fetched(http: httpx.AsyncClient) -> KeyDocument:
    return KeyDocument.model_validate_json((await http.get(PATH)).raise_for_status().content)


async def test_a_new_key_is_known_before_it_signs_and_the_old_ones_tokens_count_on(
    identity: Process, harness: IdentityHarness
) -> None:
    ready = await identity.person("jeju", "counsellor")
    second = await harness.process()
    async with identity.browser() as http, second.browser() as there:
        before = (await identity.api_enter(http, ready)).json()["token"]
        new = await identity.accounts.signing.rotate()
        await harness.clock.advance(2)
        document = await fetched(there)
        assert new in {key.kid for key in document.keys}
        session = (await identity.api_enter(http, ready, code=ready.recovery[0])).json()
        assert jwt.get_unverified_header(session["token"])["kid"] != new
        await harness.clock.advance(KEY_ANNOUNCED.total_seconds())
        await second.accounts.identity.refresh()
        for process, client in ((identity, http), (second, there)):
            fresh = (await client.post("/api/v1/session/renew", json={"session": session["session"]})).json()["token"]
            assert jwt.get_unverified_header(fresh)["kid"] == new
            await process.accounts.identity.refresh()
            for token in (before, fresh):
                answer = await client.post("/api/v1/act", headers={"authorization": f"Bearer {token}"})
                assert answer.status_code == 200


async def test_a_retired_key_counts_until_all_it_signed_is_over_and_no_longer(identity: Process) -> None:
    old = (await identity.accounts.signing.document()).keys[0].kid
    await identity.accounts.signing.rotate()
    await identity.clock.advance((KEY_ANNOUNCED + ACCESS_LASTS + GRACE).total_seconds())
    assert old in {key.kid for key in (await identity.accounts.signing.document()).keys}
    await identity.clock.advance(600)
    assert old not in {key.kid for key in (await identity.accounts.signing.document()).keys}


async def test_a_key_that_others_may_know_stops_counting_at_once(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as http:
        given = (await identity.api_enter(http, ready)).json()
        await identity.accounts.signing.rotate(at_once=True)
        await identity.accounts.identity.refresh()
        old = await http.post("/api/v1/act", headers={"authorization": f"Bearer {given['token']}"})
        assert old.status_code == 401
        fresh = (await http.post("/api/v1/session/renew", json={"session": given["session"]})).json()["token"]
        assert (await http.post("/api/v1/act", headers={"authorization": f"Bearer {fresh}"})).status_code == 200


async def test_keys_are_replaced_when_their_time_has_come_by_one_process_of_many(harness: IdentityHarness) -> None:
    processes = [await harness.process() for _ in range(3)]
    assert len((await processes[0].accounts.signing.document()).keys) == 1
    await harness.clock.advance(KEY_LASTS.total_seconds())
    await asyncio.gather(*(process.accounts.signing.keep() for process in processes))
    numbers = [key.number for key in await processes[0].accounts.keys.all()]
    assert numbers == [1, 2]
    await harness.clock.advance(KEY_ANNOUNCED.total_seconds() + 1)
    kids = {(await process.accounts.signing.signer()).kid for process in processes}
    assert len(kids) == 1


async def test_who_looked_before_another_process_replaced_the_key_makes_no_third(
    harness: IdentityHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, quick = await harness.process(), await harness.process()
    await harness.clock.advance(KEY_LASTS.total_seconds())
    read = late.accounts.keys.all

    async def looked_too_early() -> list[KeyRecord]:
        known = await read()
        await quick.accounts.signing.keep()
        return known

    with monkeypatch.context() as patched:
        patched.setattr(late.accounts.keys, "all", looked_too_early)
        await late.accounts.signing.keep()
    assert [key.number for key in await read()] == [1, 2]


async def test_a_key_others_may_know_is_retired_though_another_process_made_the_next_one_meanwhile(
    harness: IdentityHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarmed, other = await harness.process(), await harness.process()
    read = alarmed.accounts.keys.all
    (known,) = await read()

    async def overtaken() -> list[KeyRecord]:
        records = await read()
        if len(records) == 1:
            await other.accounts.signing.rotate()
        return records

    with monkeypatch.context() as patched:
        patched.setattr(alarmed.accounts.keys, "all", overtaken)
        new = await alarmed.accounts.signing.rotate(at_once=True)
    assert {key.kid for key in (await alarmed.accounts.signing.document(anew=True)).keys} == {new}
    assert known.kid != new


async def test_private_halves_are_sealed_in_the_store(identity: Process) -> None:
    (document,) = await identity.accounts.keys.collection.find({}).to_list(None)
    text = repr(document)
    assert re.search(r"BEGIN|PRIVATE", text) is None
    assert set(document["private"]) == {"key_id", "key", "blob"}
    assert len(document["private"]["blob"]) == 32 + 1 + 12 + 16
