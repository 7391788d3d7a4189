"""What ended stays ended, whatever a later document says."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.utils import base64url_encode
from pydantic import ValidationError

from shared.identity.keys import (
    DOCUMENT_TYPE,
    FRESH_FOR,
    KeyDocument,
    KeysRefusedError,
    PublicKey,
    RevokedKey,
    RevokedSession,
    RootKey,
    RootKeys,
    SignedDocuments,
    merge_revocations,
)
from shared.identity.source import DOCUMENTS_REFUSED, WHOLE_S, Identity, TaggedKeys, over_http, signed_of
from shared.metrics import REGISTRY
from shared.settings import ServiceSettings, SettingsError
from tests import ROOT_SEED
from tests.support.clock import ManualClock
from tests.support.staff import ROOT, ROOTS, TestIdentity

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
X = base64url_encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
OLD, NEW = "0" * 16, "1" * 16


def document(*keys: str, at: datetime = NOW, ended: tuple[str, ...] = (), revoked: tuple[str, ...] = ()) -> KeyDocument:
    return KeyDocument(
        keys=tuple(PublicKey(kid=kid, x=X, valid_until=at + 9 * HOUR) for kid in keys),
        ended=tuple(RevokedKey(kid=kid, until=NOW + HOUR) for kid in ended),
        revoked=tuple(RevokedSession(session=session, until=NOW + HOUR) for session in revoked),
        issued_at=at,
    )


def test_a_later_document_takes_no_ending_back_until_it_is_over() -> None:
    before = document(NEW, ended=(OLD,), revoked=("one",))
    soon = merge_revocations(before, document(OLD, NEW, at=NOW + HOUR / 2, revoked=("two",)))
    assert [key.kid for key in soon.keys] == [NEW]
    assert [entry.kid for entry in soon.ended] == [OLD]
    assert [entry.session for entry in soon.revoked] == ["one", "two"]
    late = merge_revocations(soon, document(NEW, at=NOW + HOUR))
    assert (late.ended, late.revoked) == ((), ())


def test_without_an_earlier_document_an_ended_key_does_not_count_either() -> None:
    assert merge_revocations(None, document(OLD, NEW, ended=(OLD,))).keys == document(NEW).keys


async def test_a_service_remembers_what_ended_although_notify_no_longer_says_so() -> None:
    answers = [document(NEW, ended=(OLD,), revoked=("one",)), document(OLD, NEW)]

    async def fetch(known: str) -> TaggedKeys:
        del known
        return TaggedKeys(ROOT.sign(answers.pop(0)))

    identity = Identity(fetch, ROOTS, ManualClock(NOW), service="notify")
    assert not identity.is_revoked("one")
    assert await identity.refresh()
    assert await identity.refresh()
    assert identity.is_revoked("one")
    assert identity.document is not None
    assert [key.kid for key in identity.document.keys] == [NEW]


class Attacked:
    """A service that knows the root key of tests; somebody answers at identity's address, or edits the cache."""

    def __init__(self, tmp_path: Path) -> None:
        self.clock = ManualClock(NOW)
        self.staff = TestIdentity(self.clock)
        self.thief = TestIdentity(self.clock)
        self.cache = tmp_path / "keys.json"
        self.answer = self.published(self.staff.signed())
        self.identity = self.started()

    def published(self, *signed: str) -> bytes:
        return json.dumps({**self.thief.document().model_dump(mode="json"), "signed": signed}).encode()

    def started(self, roots: RootKeys = ROOTS) -> Identity:
        async def fetch(known: str) -> TaggedKeys:
            del known
            return TaggedKeys(signed_of(self.answer))

        return Identity(fetch, roots, self.clock, self.cache, service="notify")

    def takes(self, identity: Identity, who: TestIdentity) -> bool:
        return identity.verify(who.token("jeju", "lead")) is not None


def forged(attacked: Attacked, how: str) -> bytes:
    """A document with the thief's key, as somebody makes it who lacks the root key."""
    head, _, mac = attacked.staff.signed().split(".")
    document = attacked.thief.document().model_dump_json().encode()
    body = base64url_encode(document).decode()
    own = RootKey(b"x" * 32)
    if how == "unsigned":
        return attacked.published()
    if how == "another_root":
        return attacked.published(own.sign(attacked.thief.document()))
    if how == "another_root_by_our_name":
        kid = jwt.get_unverified_header(attacked.staff.signed())["kid"]
        private = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
        return attacked.published(jwt.PyJWS().encode(document, private, "EdDSA", {"typ": DOCUMENT_TYPE, "kid": kid}))
    if how == "another_body":
        return attacked.published(f"{head}.{body}.{mac}")
    if how == "a_token":
        claims = {"keys": [], "issued_at": NOW.isoformat()}
        kid = jwt.get_unverified_header(attacked.staff.signed())["kid"]
        return attacked.published(
            jwt.encode(claims, Ed25519PrivateKey.from_private_bytes(ROOT_SEED), "EdDSA", {"kid": kid})
        )
    none = base64url_encode(json.dumps({"alg": "none", "typ": DOCUMENT_TYPE}).encode()).decode()
    return attacked.published(f"{none}.{body}.")


FORGERIES = {
    "unsigned": "unsigned",
    "another_root": "unknown_root",
    "another_root_by_our_name": "bad_signature",
    "another_body": "bad_signature",
    "a_token": "malformed",
    "alg_none": "malformed",
}


@pytest.mark.parametrize(("how", "reason"), FORGERIES.items())
async def test_another_document_at_identitys_address_makes_no_key_count(tmp_path: Path, how: str, reason: str) -> None:
    attacked = Attacked(tmp_path)
    attacked.answer = forged(attacked, how)
    before = DOCUMENTS_REFUSED.labels("issuer", reason)._value.get()
    with structlog.testing.capture_logs() as logs:
        assert not await attacked.identity.refresh()
        assert not await attacked.identity.refresh()
    assert [(line["event"], line["reason"]) for line in logs] == [("identity.key_document_refused", reason)]
    assert DOCUMENTS_REFUSED.labels("issuer", reason)._value.get() == before + 2
    assert not attacked.takes(attacked.identity, attacked.thief)
    assert not attacked.cache.exists()

    attacked.answer = attacked.published(attacked.staff.signed())
    assert await attacked.identity.refresh()
    attacked.answer = forged(attacked, how)
    assert not await attacked.identity.refresh()
    assert attacked.takes(attacked.identity, attacked.staff)  # the keys known so far go on
    assert not attacked.takes(attacked.identity, attacked.thief)


@pytest.mark.parametrize(("how", "reason"), FORGERIES.items())
async def test_an_edited_cache_makes_no_key_count(tmp_path: Path, how: str, reason: str) -> None:
    attacked = Attacked(tmp_path)
    assert await attacked.identity.refresh()
    attacked.cache.write_bytes(forged(attacked, how))
    before = DOCUMENTS_REFUSED.labels("cache", reason)._value.get()
    again = attacked.started()
    await again.load_cache()
    assert DOCUMENTS_REFUSED.labels("cache", reason)._value.get() == before + 1
    assert again.check() is not None
    assert not attacked.takes(again, attacked.thief)


async def test_an_earlier_document_does_not_come_back() -> None:
    """Everybody can have them: whoever answers with one would undo a rotation and keep it quiet."""
    answers = [document(NEW), document(OLD, at=NOW - 72 * HOUR)]

    async def fetch(known: str) -> TaggedKeys:
        del known
        return TaggedKeys(ROOT.sign(answers.pop(0)))

    identity = Identity(fetch, ROOTS, ManualClock(NOW), service="notify")
    assert await identity.refresh()
    assert not await identity.refresh()
    assert identity.document is not None
    assert [key.kid for key in identity.document.keys] == [NEW]


async def test_once_the_issuers_clock_was_ahead_and_is_right_its_documents_count_again(tmp_path: Path) -> None:
    clock, ahead, cache = ManualClock(NOW), HOUR / 2, tmp_path / "keys.json"
    answers = [
        document(OLD, at=NOW + ahead, revoked=("one",)),
        document(OLD, at=NOW - HOUR),
        document(OLD, NEW, at=NOW, revoked=("two",)),
    ]

    async def fetch(known: str) -> TaggedKeys:
        del known
        return TaggedKeys(ROOT.sign(answers.pop(0)))

    identity = Identity(fetch, ROOTS, clock, cache, service="notify")
    assert await identity.refresh()
    assert identity.is_behind(), "or the issuer is ahead: nothing tells"
    assert not await identity.refresh(), "an old one that somebody kept"
    assert await identity.refresh()
    assert not identity.is_behind()
    assert (identity.is_revoked("one"), identity.is_revoked("two")) == (True, True)
    assert identity.document is not None
    assert [key.kid for key in identity.document.keys] == [OLD, NEW]


async def test_a_document_of_the_future_in_the_cache_is_not_confirmed_until_then(tmp_path: Path) -> None:
    clock, cache = ManualClock(NOW), tmp_path / "keys.json"
    cache.write_text(SignedDocuments(signed=(ROOT.sign(document(NEW, at=NOW + HOUR)),)).model_dump_json())

    async def fetch(known: str) -> TaggedKeys:
        raise OSError(known)

    identity = Identity(fetch, ROOTS, clock, cache, service="notify")
    assert not await identity.refresh()
    await clock.advance(FRESH_FOR.total_seconds())
    assert not identity.fresh(), "so tokens have their grace while the issuer does not answer"


async def test_what_did_not_change_is_confirmed_without_being_sent_or_written_again(tmp_path: Path) -> None:
    clock, cache = ManualClock(NOW), tmp_path / "keys.json"
    named: list[str] = []

    async def fetch(known: str) -> TaggedKeys | None:
        named.append(known)
        return None if known else TaggedKeys(ROOT.sign(document(NEW, at=clock.now())), "tag")

    identity = Identity(fetch, ROOTS, clock, cache, service="notify")
    assert await identity.refresh()
    written = cache.read_bytes()
    await clock.advance(FRESH_FOR.total_seconds() + 1)
    assert not identity.fresh()
    assert await identity.refresh()
    assert identity.fresh(), "the issuer said that nothing changed"
    assert cache.read_bytes() == written
    await clock.advance(WHOLE_S)
    assert await identity.refresh()
    assert named == ["", "tag", ""], "signed is only the whole document: it is asked for again before long"
    assert cache.read_bytes() != written


@pytest.mark.parametrize("refusal", [OSError("away"), KeysRefusedError("unsigned")])
async def test_how_long_ago_the_issuer_answered_is_in_the_gauge_by_which_somebody_is_called(refusal: Exception) -> None:
    clock, wrong = ManualClock(NOW), list[Exception]()

    async def fetch(known: str) -> TaggedKeys:
        del known
        if wrong:
            raise wrong[0]
        return TaggedKeys(ROOT.sign(document(NEW, at=clock.now())))

    def age() -> float | None:
        return REGISTRY.get_sample_value("ieum_identity_keys_age_seconds")

    identity = Identity(fetch, ROOTS, clock, service="notify")
    assert await identity.refresh()
    assert age() == 0
    wrong.append(refusal)
    for waited in (400, 800):
        await clock.advance(400)
        assert not await identity.refresh()
        assert age() == waited
    wrong.clear()
    assert await identity.refresh()
    assert age() == 0


@pytest.mark.parametrize("whole", [True, False])
async def test_the_same_document_given_again_for_ever_does_not_count_as_the_issuers_answer(whole: bool) -> None:
    """Somebody between the two who kept one, and answers nothing else: what ended since then is in none of theirs."""
    clock, kept = ManualClock(NOW), TaggedKeys(ROOT.sign(document(NEW)), "tag")

    async def fetch(known: str) -> TaggedKeys | None:
        return kept if whole or not known else None

    identity = Identity(fetch, ROOTS, clock, service="notify")
    assert await identity.refresh()
    assert identity.fresh()
    for _ in range(20):
        await clock.advance(FRESH_FOR.total_seconds())
        assert await identity.refresh()
    assert not identity.fresh()
    kept = TaggedKeys(ROOT.sign(document(NEW, at=clock.now())), "tag")
    await clock.advance(WHOLE_S)
    assert await identity.refresh()
    assert identity.fresh()


@pytest.mark.parametrize(("minutes", "fresh"), [(-6, True), (-4, True), (4, True), (6, False)])
async def test_a_clock_may_be_four_minutes_ahead_of_the_issuers(minutes: int, fresh: bool) -> None:
    """From one whole document to the next, between which the issuer only confirms."""
    clock = ManualClock(NOW)
    ahead = timedelta(minutes=minutes)

    async def fetch(known: str) -> TaggedKeys | None:
        return None if known else TaggedKeys(ROOT.sign(document(NEW, at=clock.now() - ahead)), "tag")

    identity = Identity(fetch, ROOTS, clock, service="notify")
    for _ in range(8):
        assert await identity.refresh()
        assert identity.fresh() is fresh
        await clock.advance(WHOLE_S / 4)


@pytest.mark.parametrize("wrong", [TaggedKeys("forged", "bad"), OSError("gone")])
async def test_after_an_answer_that_failed_or_was_refused_no_tag_is_named(wrong: TaggedKeys | OSError) -> None:
    """So the next question is answered at once, and not with what whoever answered in identity's place gave."""
    named: list[str] = []
    good = TaggedKeys(ROOT.sign(document(NEW)), "good")
    answers = [good, wrong, good, None]

    async def fetch(known: str) -> TaggedKeys | None:
        named.append(known)
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    identity = Identity(fetch, ROOTS, ManualClock(NOW), service="notify")
    assert [await identity.refresh() for _ in range(4)] == [True, False, True, True]
    assert named == ["", "good", "", "good"]


async def test_the_cache_keeps_the_documents_that_say_what_ended(tmp_path: Path) -> None:
    attacked = Attacked(tmp_path)
    answers = [
        document(NEW, revoked=("zero",)),
        document(NEW, ended=(OLD,), revoked=("zero", "one")),
        document(OLD, NEW, at=NOW + HOUR / 4),
        document(OLD, NEW, at=NOW + HOUR / 2, revoked=("two",)),
    ]
    for answer in answers:
        attacked.answer = attacked.published(ROOT.sign(answer))
        assert await attacked.identity.refresh()
    assert len(SignedDocuments.model_validate_json(attacked.cache.read_bytes()).signed) == 2
    again = attacked.started()
    await again.load_cache()
    assert all(again.is_revoked(session) for session in ("zero", "one", "two"))
    assert again.document is not None
    assert [key.kid for key in again.document.keys] == [NEW]
    attacked.answer = attacked.published(ROOT.sign(document(NEW, at=NOW + 2 * HOUR)))
    assert await again.refresh()
    assert len(SignedDocuments.model_validate_json(attacked.cache.read_bytes()).signed) == 1


async def test_a_root_key_is_replaced_while_services_know_both(tmp_path: Path) -> None:
    attacked, new = Attacked(tmp_path), RootKey(b"n" * 32)
    both = attacked.started(RootKeys([ROOT.public, new.public]))
    assert await both.refresh()
    attacked.answer = attacked.published(new.sign(attacked.staff.document()))
    assert await both.refresh()
    only_new = attacked.started(RootKeys([new.public]))
    await only_new.load_cache()
    assert attacked.takes(only_new, attacked.staff)
    attacked.answer = attacked.published(attacked.staff.signed())
    assert not await only_new.refresh()


def test_no_service_starts_without_a_root_key() -> None:
    with pytest.raises(SettingsError) as refused:
        over_http(ServiceSettings.model_validate({"IEUM_IDENTITY_ROOT_KEYS": ""}), ManualClock(NOW), "notify")
    assert "IEUM_IDENTITY_ROOT_KEYS" in str(refused.value)
    without = ServiceSettings.model_validate({"IEUM_PUBLIC_URLS": {"intake": "http://127.0.0.1:8001"}})
    with pytest.raises(SettingsError) as homeless:
        over_http(without, ManualClock(NOW), "intake")
    assert "IEUM_PUBLIC_URLS" in str(homeless.value)
    for wrong in ("x", "AAAA", base64.b64encode(bytes(32)).decode()):
        with pytest.raises(ValidationError, match="IEUM_IDENTITY_ROOT_KEYS"):
            ServiceSettings.model_validate({"IEUM_IDENTITY_ROOT_KEYS": wrong})
