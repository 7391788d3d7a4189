"""The cookie of a browser that gave a receipt: signed, for that receipt alone, and for half a day."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.encryption.keys import KeyedDigests
from services.intake.receipts import devices
from services.intake.receipts.devices import NOTHING
from services.intake.reports import receipt_numbers
from tests.unit.intake.retention.test_erasure import NOW

KEYS = KeyedDigests(b"r" * 32)
WORD = "hash of the word"
MINE, ANOTHER = receipt_numbers.from_number(572), receipt_numbers.from_number(573)


def test_it_counts_for_its_receipt_until_it_ends() -> None:
    cookie = devices.proof_for(KEYS, MINE, NOW, word=None)
    last = NOW + devices.LASTS - timedelta(seconds=1)
    assert devices.proven(KEYS, cookie, MINE, last) == (True, "", False)
    assert devices.proven(KEYS, cookie, MINE, last + timedelta(seconds=1)) == NOTHING
    assert devices.proven(KEYS, cookie, ANOTHER, NOW) == NOTHING
    assert devices.proven(KeyedDigests(b"x" * 32), cookie, MINE, NOW) == NOTHING


def test_only_who_gave_the_word_has_tries_of_their_own() -> None:
    with_word = devices.proven(KEYS, devices.proof_for(KEYS, MINE, NOW, word=WORD), MINE, NOW, WORD)
    assert with_word.receipt
    assert with_word.word
    ends, receipt = devices.proof_for(KEYS, MINE, NOW, word=None).split(".")
    assert devices.proven(KEYS, f"{ends}.{receipt}.{receipt}", MINE, NOW, WORD).word == ""


@pytest.mark.parametrize("in_force", ["hash of another", None])
def test_who_gave_a_word_that_was_replaced_is_a_stranger_to_the_new_one(in_force: str | None) -> None:
    cookie = devices.proof_for(KEYS, MINE, NOW, word=WORD)
    assert devices.proven(KEYS, cookie, MINE, NOW, in_force) == (True, "", False)


def test_the_word_is_fresh_for_half_an_hour() -> None:
    cookie = devices.proof_for(KEYS, MINE, NOW, word=WORD)
    assert devices.proven(KEYS, cookie, MINE, NOW + devices.FRESH - timedelta(seconds=1), WORD).fresh
    assert not devices.proven(KEYS, cookie, MINE, NOW + devices.FRESH, WORD).fresh
    assert not devices.proven(KEYS, devices.proof_for(KEYS, MINE, NOW, word=None), MINE, NOW, WORD).fresh


def test_it_names_no_report_and_nobody() -> None:
    cookie = devices.proof_for(KEYS, MINE, NOW, word=WORD)
    assert MINE not in cookie
    assert MINE[:6] not in cookie
    assert len(cookie) < 120


@given(st.text(max_size=200) | st.from_regex(r"[0-9]{1,12}\.[0-9a-f]{0,60}(\.[0-9a-f]{0,60})?", fullmatch=True))
def test_what_nobody_signed_proves_nothing(cookie: str) -> None:
    assert devices.proven(KEYS, cookie, MINE, NOW, WORD) == NOTHING


@pytest.mark.parametrize("later", [1, 3600, 10**9])
def test_nobody_makes_it_last_longer(later: int) -> None:
    ends, rest = devices.proof_for(KEYS, MINE, NOW, word=WORD).split(".", 1)
    assert devices.proven(KEYS, f"{int(ends) + later}.{rest}", MINE, NOW, WORD) == NOTHING
