"""Keys by purpose and version, and receipts made with them."""

import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.encryption.keys import FIRST, IntakeKeys, KeyPurpose, derive
from services.intake.encryption.receipt_issuer import ReceiptIssuer, ReceiptSource
from services.intake.handover import rules as handover_rules
from services.intake.reports import receipt_numbers
from services.intake.reports.repository import FORMER_RECEIPT
from shared.encryption import Keyring
from shared.errors import PermanentError
from tests.support.keys import KEYS

ROOT, LATER, NEWEST = b"r" * 32, b"y" * 32, b"z" * 32
ROTATED = IntakeKeys(ROOT, later=(NEWEST, LATER))
REPORT = "6f1c3a52-9a0f-8c4e-9d0b-2f5a1e7c8b90"
KEYRING = Keyring([b"m" * 32])


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
    keys = (KEYS.receipts.current, KEYS.passphrases, KEYS.clients, KEYS.drafts, KEYS.calls, KEYS.lasting)
    assert len({key.mac("x", "y") for key in keys}) == len(keys)
    assert len({derive(ROOT, purpose) for purpose in KeyPurpose}) == len(KeyPurpose)


def test_derived_keys_never_change() -> None:
    """HKDF-SHA256 (RFC 5869) by hand: extract with 32 zeros, expand once."""
    for purpose in KeyPurpose:
        extracted = hmac.digest(bytes(32), ROOT, "sha256")
        expanded = hmac.digest(extracted, f"ieum intake {purpose.value}".encode() + b"\x01", "sha256")
        assert derive(ROOT, purpose) == expanded


def test_a_receipt_cannot_be_made_from_the_report_id_and_the_key() -> None:
    issuer = ReceiptIssuer(KEYS.receipts, KEYRING)
    made = {issuer.receipt(REPORT, issuer.new_source(), 0) for _ in range(20)}
    assert len(made) == 20
    without_nonce = ReceiptSource(FIRST, b"")
    assert not made & {issuer.receipt(REPORT, without_nonce, counter) for counter in (0, 1)}


@given(st.uuids().map(str), st.binary(min_size=16, max_size=16), st.integers(0, 7))
def test_receipts_follow_from_their_source_and_are_valid(report_id: str, nonce: bytes, counter: int) -> None:
    issuer, source = ReceiptIssuer(KEYS.receipts, KEYRING), ReceiptSource(FIRST, nonce)
    receipt = issuer.receipt(report_id, source, counter)
    assert receipt_numbers.read(receipt) == receipt == issuer.receipt(report_id, source, counter)
    assert receipt != issuer.receipt(report_id, source, counter + 1)
    assert receipt != issuer.receipt(report_id, source._replace(nonce=nonce + b"n"), counter)


def test_a_repeat_gets_the_same_receipt_whichever_key_made_it_and_after_a_change_of_hands() -> None:
    now = ReceiptIssuer(ROTATED.receipts, KEYRING)
    for made_by in (KEYS, IntakeKeys(ROOT, later=(LATER,)), ROTATED):
        receipt, document = stored(ReceiptIssuer(made_by.receipts, KEYRING))
        assert now.again(document) == receipt
        assert document["receipt_hash"] in now.hashes(receipt)
        assert now.again({**document, "receipt_hash": "other", FORMER_RECEIPT: document["receipt_hash"]}) == receipt


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


def test_codes_of_a_hand_over_are_recognised_with_every_key_and_kept_under_the_current_one() -> None:
    newest, *_, oldest = handover_rules.code_hashes(ROTATED.receipts, "000000000076")
    assert handover_rules.code_hashes(KEYS.receipts, "000000000076") == (oldest,)
    assert newest == handover_rules.code_hashes(IntakeKeys(ROOT, later=(NEWEST,)).receipts, "000000000076")[0]
