"""Keys by purpose and version, and receipts made with them."""

import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.clients.rules import digest_of
from services.intake.encryption.keys import DERIVED, LEGACY, IntakeKeys, KeyPurpose, derive
from services.intake.encryption.passphrases import PassphraseHasher
from services.intake.encryption.receipt_issuer import ReceiptIssuer, ReceiptSource
from services.intake.handover import rules as handover_rules
from services.intake.reports import receipt_numbers
from services.intake.reports.repository import FORMER_RECEIPT
from services.intake.webform.drafts import Drafts
from shared.encryption import Keyring
from shared.errors import PermanentError
from tests.support.clock import ManualClock
from tests.support.keys import KEYS
from tests.unit.intake.retention.test_erasure import NOW

ROOT, LATER, NEWEST = b"r" * 32, b"y" * 32, b"z" * 32
EARLIER = IntakeKeys(ROOT, upgrading=True)
"""As release 0.2.0 made everything."""
ROTATED = IntakeKeys(ROOT, later=(NEWEST, LATER))
REPORT = "6f1c3a52-9a0f-8c4e-9d0b-2f5a1e7c8b90"
KEYRING = Keyring([b"m" * 32])


def as_release_0_2_0(purpose: str, *parts: str) -> bytes:
    """The one derivation of that release, written out: what it made must be recognised for ever."""
    digest = hmac.new(ROOT, f"ieum intake {purpose}".encode(), hashlib.sha256)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part.encode())
    return digest.digest()


def stored(issuer: ReceiptIssuer, report_id: str = REPORT) -> tuple[str, dict[str, Any]]:
    """A receipt, and the parts of its report's document that are about it."""
    key, wrapped = KEYRING.new_key(report_id)
    source = issuer.new_source()
    receipt = issuer.receipt(report_id, source, 0)
    sealed = {"key_id": wrapped.key_id, "key": wrapped.blob, "fields": {}, **issuer.sealed(source, key)}
    return receipt, {
        "_id": report_id,
        "receipt_hash": issuer.hash_of(receipt),
        "receipt_counter": 0,
        "sealed": sealed,
    }


def test_no_two_purposes_have_the_same_key() -> None:
    rings = (KEYS.receipts, KEYS.passphrases, KEYS.clients, KEYS.drafts, KEYS.calls)
    made = {ring.current.mac("x", "y") for ring in rings}
    assert len(made | {KEYS.lasting.mac("x", "y"), derive(ROOT, KeyPurpose.REPORTS)}) == len(rings) + 2
    assert len({derive(ROOT, purpose) for purpose in KeyPurpose}) == len(KeyPurpose)


def test_the_keys_of_version_2_are_what_they_were() -> None:
    """HKDF-SHA256 (RFC 5869) by hand: extract with 32 zeros, expand once."""
    for purpose in KeyPurpose:
        extracted = hmac.digest(bytes(32), ROOT, "sha256")
        expanded = hmac.digest(extracted, f"ieum intake {purpose.value}".encode() + b"\x01", "sha256")
        assert derive(ROOT, purpose) == expanded


def test_a_receipt_cannot_be_made_from_the_report_id_and_the_key() -> None:
    issuer = ReceiptIssuer(KEYS.receipts, KEYRING)
    made = {issuer.receipt(REPORT, issuer.new_source(), 0) for _ in range(20)}
    assert len(made) == 20
    without_nonce = [ReceiptSource(version, b"") for version in (LEGACY, DERIVED)]
    assert not made & {issuer.receipt(REPORT, source, counter) for source in without_nonce for counter in (0, 1)}


@given(st.uuids().map(str), st.binary(min_size=16, max_size=16), st.integers(0, 7))
def test_receipts_follow_from_their_source_and_are_valid(report_id: str, nonce: bytes, counter: int) -> None:
    issuer, source = ReceiptIssuer(KEYS.receipts, KEYRING), ReceiptSource(DERIVED, nonce)
    receipt = issuer.receipt(report_id, source, counter)
    assert receipt_numbers.read(receipt) == receipt == issuer.receipt(report_id, source, counter)
    assert receipt != issuer.receipt(report_id, source, counter + 1)
    assert receipt != issuer.receipt(report_id, source._replace(nonce=nonce + b"n"), counter)


def test_a_repeat_gets_the_same_receipt_whichever_key_made_it_and_after_a_change_of_hands() -> None:
    now = ReceiptIssuer(ROTATED.receipts, KEYRING)
    for made_by in (EARLIER, KEYS, IntakeKeys(ROOT, later=(LATER,)), ROTATED):
        receipt, document = stored(ReceiptIssuer(made_by.receipts, KEYRING))
        assert now.again(document) == receipt
        assert document["receipt_hash"] in now.hashes(receipt)
        assert now.again({**document, "receipt_hash": "other", FORMER_RECEIPT: document["receipt_hash"]}) == receipt


def test_receipts_of_release_0_2_0_are_recognised() -> None:
    number = int.from_bytes(as_release_0_2_0("receipt", REPORT, "0"), "big") % receipt_numbers.SPACE
    receipt = receipt_numbers.from_number(number)
    document = {
        "_id": REPORT,
        "receipt_hash": as_release_0_2_0("receipt hash", receipt).hex(),
        "receipt_counter": 0,
        "sealed": {},
    }
    issuer = ReceiptIssuer(KEYS.receipts, KEYRING)
    assert document["receipt_hash"] in issuer.hashes(receipt)
    assert issuer.again(document) == receipt
    assert ReceiptIssuer(EARLIER.receipts, KEYRING).hash_of(receipt) == document["receipt_hash"]


def test_a_new_key_makes_new_receipts_and_the_former_key_none_of_them() -> None:
    receipt, document = stored(ReceiptIssuer(ROTATED.receipts, KEYRING))
    assert ReceiptIssuer(ROTATED.receipts, KEYRING).hash_of(receipt) == document["receipt_hash"]
    with_the_former_keys = ReceiptIssuer(IntakeKeys(ROOT, later=(LATER,)).receipts, KEYRING)
    assert document["receipt_hash"] not in with_the_former_keys.hashes(receipt)
    with pytest.raises(PermanentError, match="unknown_key"):
        with_the_former_keys.again(document)


def test_a_source_moved_to_another_report_or_a_changed_hash_gives_no_receipt() -> None:
    issuer = ReceiptIssuer(KEYS.receipts, KEYRING)
    receipt, document = stored(issuer)
    _, other = stored(issuer, "6f1c3a52-9a0f-8c4e-9d0b-000000000000")
    moved = {**document["sealed"], "receipt": other["sealed"]["receipt"]}
    for changed in (
        {**document, "receipt_counter": 1},
        {**document, "receipt_hash": other["receipt_hash"]},
        {**document, "sealed": moved},
        {**document, "sealed": {name: document["sealed"][name] for name in ("key_id", "key")}},
    ):
        with pytest.raises(PermanentError):
            issuer.again(changed)
    assert issuer.again(document) == receipt


def test_the_same_key_listed_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="same version"):
        IntakeKeys(ROOT, later=(LATER, LATER))


async def test_passphrases_of_release_0_2_0_fit_and_each_says_its_version() -> None:
    old, new = PassphraseHasher(EARLIER.passphrases), PassphraseHasher(KEYS.passphrases)
    before, now = await old.hashed(REPORT, "umbrella"), await new.hashed(REPORT, "umbrella")
    assert before.startswith("$argon2id$")
    assert now.startswith(f"{DERIVED}:$argon2id$")
    assert await new.fits(REPORT, before, "Umbrella")
    assert await new.fits(REPORT, now, "Umbrella")
    assert not await new.fits(REPORT, before, "other")
    assert not await new.fits(REPORT, now.partition(":")[2], "umbrella"), "the key of another version"


def test_front_ends_digests_have_a_key_of_their_own_and_earlier_ones_count() -> None:
    secret = "a" * 43
    before, now = digest_of(EARLIER.clients.current, "kiosk", secret), digest_of(KEYS.clients.current, "kiosk", secret)
    assert before == as_release_0_2_0("client secret", "kiosk", secret).hex()
    assert before != now
    assert digest_of(KEYS.clients.of(LEGACY), "kiosk", secret) == before


def test_a_draft_or_call_begun_before_an_upgrade_becomes_the_same_report_after_it() -> None:
    nothing: Any = None
    before, now = (Drafts(nothing, keys.drafts, ManualClock(NOW)) for keys in (EARLIER, KEYS))
    token = before.new_token()
    assert now.key_of_report(token) == before.key_of_report(token)
    assert now.new_token().startswith(f"{DERIVED}.")
    assert KEYS.calls.of_tagged("t" * 22) is KEYS.lasting
    assert KEYS.calls.of_tagged(KEYS.calls.tagged("t" * 22)) is KEYS.calls.current


def test_codes_of_release_0_2_0_are_recognised_and_new_ones_are_kept_under_the_key_of_receipts() -> None:
    newest, *_, oldest = handover_rules.code_hashes(ROTATED.receipts, "000000000076")
    assert oldest == as_release_0_2_0("hand-over code", "000000000076").hex()
    assert newest == handover_rules.code_hashes(IntakeKeys(ROOT, later=(NEWEST,)).receipts, "000000000076")[0]
