"""Somebody who can write to identity's database forges no token, on the real store.

Each attack is made in the store alone; what comes of it is asked of identity itself and of another service, which knows
only what identity publishes.
"""

import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.utils import base64url_encode

from services.identity.accounts.models import SessionEnding
from services.identity.accounts.rules import KEY_ANNOUNCED
from services.identity.main import Accounts
from shared.identity.principal import Principal
from shared.identity.roles import StaffRole
from shared.identity.tokens import ACCESS_LASTS, Signer
from shared.metrics import REGISTRY
from shared.mongo import Document
from tests.integration.identity.conftest import IdentityHarness, Other, Process


def altered(what: str) -> float:
    return REGISTRY.get_sample_value("ieum_identity_account_tampering_total", {"object": what}) or 0.0


async def acts(http: httpx.AsyncClient, token: str) -> int:
    return (await http.post("/api/v1/act", headers={"authorization": f"Bearer {token}"})).status_code


class Attack:
    """What somebody with the store, and perhaps with a private key, tries."""

    def __init__(self, identity: Process, elsewhere: Other) -> None:
        self.identity = identity
        self.elsewhere = elsewhere
        self.keys = identity.accounts.keys.collection
        self.sessions = identity.accounts.session_store.collection

    def token(self, signer: Signer, session: str | None = None) -> str:
        now = self.identity.clock.now()
        who = Principal(
            subject="s-forgery",
            organisation="jeju",
            roles=frozenset({StaffRole.LEAD}),
            session=session or secrets.token_urlsafe(24),
            issued_at=now,
            expires_at=now + ACCESS_LASTS,
        )
        return signer.access(who, "identity")

    async def learnt(self) -> None:
        """Identity and the other service read what the store says now."""
        await self.identity.accounts.signing.document(anew=True)
        assert await self.identity.accounts.identity.refresh()
        assert await self.elsewhere.identity.refresh()

    async def refused(self, signer: Signer) -> None:
        """No token of this signer counts anywhere."""
        await self.learnt()
        token = self.token(signer)
        async with self.identity.browser() as here, self.elsewhere.browser() as there:
            assert (await acts(here, token), await acts(there, token)) == (401, 401)

    async def counts(self, signer: Signer) -> None:
        """The opposite, so that a refusal means something."""
        await self.learnt()
        token = self.token(signer)
        async with self.identity.browser() as here, self.elsewhere.browser() as there:
            assert (await acts(here, token), await acts(there, token)) == (200, 200)

    async def audited(self, action: str, reason: str, **named: str) -> None:
        """The audit has exactly one line of it."""
        lines = [line for line in await self.identity.lines(action) if line.reason == reason]
        assert [(line.outcome, dict(line.detail)) for line in lines] == [("refused", named)]


@pytest.fixture
async def attack(identity: Process, harness: IdentityHarness) -> Attack:
    return Attack(identity, harness.asking(identity))


async def own_key(accounts: Accounts) -> Signer:
    """Identity's signer, as somebody has it to whom the private key became known."""
    return await accounts.signing.signer()


def public_of(key: Ed25519PrivateKey) -> str:
    return base64url_encode(key.public_key().public_bytes_raw()).decode()


@pytest.mark.parametrize(
    ("sealed", "reason"), [("copied", "not_opened"), ("none", "unsealed"), ("garbage", "unsealed")]
)
async def test_a_planted_key_signs_nothing(attack: Attack, sealed: str, reason: str) -> None:
    await attack.counts(await own_key(attack.identity.accounts))
    before = altered("key")
    (real,) = await attack.keys.find({}).to_list(None)
    theirs, kid = Ed25519PrivateKey.generate(), secrets.token_hex(8)
    planted: Document = {**real, "_id": kid, "number": 2, "public": public_of(theirs)}
    if sealed == "none":
        del planted["private"], planted["seal"]
    if sealed == "garbage":
        planted |= {"private": {**real["private"], "blob": theirs.private_bytes_raw()}, "number": "second"}
    await attack.keys.insert_one(planted)
    await attack.refused(Signer(kid, theirs))
    assert altered("key") == before + 1
    assert REGISTRY.get_sample_value("ieum_identity_rejected_signing_keys") == 1
    await attack.audited("keys.refuse", reason, key=kid)
    await attack.counts(await own_key(attack.identity.accounts))


async def test_a_known_kid_with_another_public_half_signs_nothing(attack: Attack) -> None:
    theirs = Ed25519PrivateKey.generate()
    (real,) = await attack.keys.find({}).to_list(None)
    await attack.keys.update_one({"_id": real["_id"]}, {"$set": {"public": public_of(theirs)}})
    await attack.refused(Signer(real["_id"], theirs))
    await attack.counts(await own_key(attack.identity.accounts))


@pytest.mark.parametrize("change", ["valid_until", "number", "signs_from", "created_at", "at_once", "seal"])
async def test_an_altered_key_is_refused_and_replaced(attack: Attack, change: str) -> None:
    signer = await own_key(attack.identity.accounts)
    (real,) = await attack.keys.find({}).to_list(None)
    later = timedelta(days=300)
    values: dict[str, Any] = {"number": 7, "at_once": True, "seal": real["seal"][::-1]}
    value = values.get(change) or real[change] + later
    before = altered("key")
    await attack.keys.update_one({"_id": real["_id"]}, {"$set": {change: value}})
    await attack.refused(signer)
    assert altered("key") == before + 1
    await attack.audited("keys.refuse", "altered", key=signer.kid)
    await attack.identity.accounts.signing.keep()
    assert (await own_key(attack.identity.accounts)).kid != signer.kid
    await attack.counts(await own_key(attack.identity.accounts))


async def test_swapped_private_halves_open_nothing(attack: Attack) -> None:
    await attack.identity.accounts.signing.rotate()
    await attack.identity.clock.advance(KEY_ANNOUNCED.total_seconds())
    one, two = await attack.keys.find({}).sort("number", 1).to_list(None)
    signer = await own_key(attack.identity.accounts)
    await attack.counts(signer)
    for place, taken in ((one, two), (two, one)):
        await attack.keys.update_one({"_id": place["_id"]}, {"$set": {"private": taken["private"]}})
    await attack.refused(signer)
    assert (await attack.identity.accounts.signing.document()).keys == ()


@pytest.mark.parametrize("how", ["put back", "lengthened", "successor removed", "everything put back"])
async def test_an_ended_key_is_not_brought_back(attack: Attack, how: str) -> None:
    stolen = await own_key(attack.identity.accounts)
    await attack.counts(stolen)
    before = await attack.keys.find({}).to_list(None)
    await attack.identity.accounts.signing.rotate(at_once=True)
    await attack.refused(stolen)
    if how == "put back":
        await attack.keys.replace_one({"_id": stolen.kid}, before[0])
    elif how == "lengthened":
        until = attack.identity.clock.now() + timedelta(days=30)
        await attack.keys.update_one({"_id": stolen.kid}, {"$set": {"valid_until": until, "number": 99}})
    else:
        await attack.keys.delete_many({"_id": {"$ne": stolen.kid}})
    if how == "everything put back":
        await attack.keys.delete_many({})
        await attack.keys.insert_many(before)
    await attack.refused(stolen)
    if how in {"successor removed", "everything put back"}:
        assert [line.reason for line in await attack.identity.lines("keys.remove")] == ["removed"]
    await attack.identity.accounts.signing.keep()
    await attack.refused(stolen)
    await attack.counts(await own_key(attack.identity.accounts))


async def test_a_planted_document_does_not_keep_the_next_key_from_being_made(attack: Attack) -> None:
    (real,) = await attack.keys.find({}).to_list(None)
    await attack.keys.insert_one({**real, "_id": secrets.token_hex(8), "number": 2})
    new = await attack.identity.accounts.signing.rotate(at_once=True)
    assert [key.kid for key in (await attack.identity.accounts.signing.document()).keys] == [new]


@pytest.mark.parametrize("how", ["deleted", "not ended", "over", "unreadable"])
async def test_a_session_that_ended_stays_ended(attack: Attack, how: str) -> None:
    ready = await attack.identity.person("jeju", "counsellor")
    async with attack.identity.browser() as here, attack.elsewhere.browser() as there:
        given = (await attack.identity.api_enter(here, ready)).json()
        await attack.learnt()
        assert (await acts(here, given["token"]), await acts(there, given["token"])) == (200, 200)
        (session,) = await attack.sessions.find({}).to_list(None)
        await attack.identity.accounts.sessions.end(ready.account.subject, SessionEnding.SIGNED_OUT)
        await attack.learnt()
        before, name = altered("revocation"), str(session["session"])
        if how == "deleted":
            await attack.sessions.delete_many({})
        elif how == "not ended":
            await attack.sessions.replace_one({"_id": session["_id"]}, session)
        elif how == "over":
            await attack.sessions.update_one({}, {"$set": {"counts_until": session["started_at"]}})
        else:
            await attack.sessions.update_one({}, {"$set": {"session": 7}})
        await attack.learnt()
        assert (await acts(here, given["token"]), await acts(there, given["token"])) == (401, 401)
        renewed = await here.post("/api/v1/session/renew", json={"session": given["session"]})
        assert renewed.status_code == 401
        body = {"session": given["session"], "code": "000000"}
        assert (await here.post("/api/v1/session/confirm", json=body)).json()["code"] == "session_over"
    assert altered("revocation") == before + 1
    await attack.audited("sessions.reopen", "removed", session=name)


async def test_an_altered_ending_is_told_and_still_ends_the_session(attack: Attack) -> None:
    ready = await attack.identity.person("jeju", "counsellor")
    async with attack.identity.browser() as here, attack.elsewhere.browser() as there:
        given = (await attack.identity.api_enter(here, ready)).json()
        (session,) = await attack.sessions.find({}).to_list(None)
        until = attack.identity.clock.now() + timedelta(hours=1)
        await attack.sessions.update_one({}, {"$set": {"counts_until": until}})
        await attack.learnt()
        assert (await acts(here, given["token"]), await acts(there, given["token"])) == (401, 401)
    await attack.audited("sessions.reopen", "altered", session=str(session["session"]))


async def test_planted_endings_do_not_make_the_list_longer_than_services_take(attack: Attack) -> None:
    ready = await attack.identity.person("jeju", "counsellor")
    async with attack.identity.browser() as here:
        await attack.identity.api_enter(here, ready)
    await attack.identity.accounts.sessions.end(ready.account.subject, SessionEnding.SIGNED_OUT)
    (real,) = await attack.sessions.find({}).to_list(None)
    before = altered("revocation")
    await attack.sessions.insert_many(
        [{**real, "_id": secrets.token_hex(32), "session": secrets.token_urlsafe(18)} for _ in range(50)]
    )
    await attack.learnt()
    revoked = (await attack.identity.accounts.signing.document()).revoked
    assert [one.session for one in revoked] == [real["session"]]
    assert altered("revocation") == before + 1
    await attack.audited("sessions.reopen", "unsealed")


async def test_endings_are_known_again_after_a_restart_though_the_store_was_put_back(
    harness: IdentityHarness, tmp_path: Path
) -> None:
    cache = tmp_path / "keys.json"
    first = await harness.process(IEUM_KEYS_CACHE=cache)
    attack = Attack(first, harness.asking(first))
    stolen = await own_key(first.accounts)
    before = await attack.keys.find({}).to_list(None)
    ready = await first.person("jeju", "counsellor")
    async with first.browser() as http:
        given = (await first.api_enter(http, ready)).json()
    (session,) = await attack.sessions.find({}).to_list(None)
    await first.accounts.signing.rotate(at_once=True)
    await first.accounts.sessions.end(ready.account.subject, SessionEnding.SIGNED_OUT)
    assert await first.accounts.identity.refresh()

    await attack.keys.delete_many({})
    await attack.keys.insert_many(before)
    await attack.sessions.replace_one({"_id": session["_id"]}, session)
    second = await harness.process(IEUM_KEYS_CACHE=cache)
    again = Attack(second, harness.asking(second))
    await again.refused(stolen)
    async with second.browser() as http:
        assert await acts(http, given["token"]) == 401
        renewed = await http.post("/api/v1/session/renew", json={"session": given["session"]})
        assert renewed.status_code == 401
