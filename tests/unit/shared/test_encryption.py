from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.encryption import DataKey, Keyring, WrappedKey, key_id
from shared.errors import PermanentError

MASTER = b"m" * 32
OTHER = b"o" * 32


@given(st.binary(max_size=5000), st.text(min_size=1, max_size=20))
def test_what_is_sealed_opens_again(plaintext: bytes, field: str) -> None:
    key, wrapped = Keyring([MASTER]).new_key("r1")
    assert Keyring([MASTER]).unwrap_key("r1", wrapped).decrypt(field, key.encrypt(field, plaintext)) == plaintext


def test_the_same_text_gives_another_blob_and_never_shows() -> None:
    key, _ = Keyring([MASTER]).new_key("r1")
    first, second = key.encrypt("narrative", b"canary"), key.encrypt("narrative", b"canary")
    assert first != second
    assert b"canary" not in first


def test_a_blob_opens_only_in_its_own_report_and_field() -> None:
    ring = Keyring([MASTER])
    key, wrapped = ring.new_key("r1")
    blob = key.encrypt("narrative", b"x")
    with pytest.raises(PermanentError, match="not_opened"):
        key.decrypt("contact", blob)
    with pytest.raises(PermanentError, match="not_opened"):
        ring.unwrap_key("r2", wrapped)
    other, _ = ring.new_key("r2")
    with pytest.raises(PermanentError, match="not_opened"):
        other.decrypt("narrative", blob)


def test_a_message_opens_only_under_its_own_number_and_owner() -> None:
    ring = Keyring([MASTER])
    key, _ = ring.new_key("r1")
    blob = key.encrypt("message:1", b"x")
    for place in ("message:2", "message:11", "message", "narrative"):
        with pytest.raises(PermanentError, match="not_opened"):
            key.decrypt(place, blob)
    # The very same key under another owner's id: the binding is to the id too, not to the key alone.
    raw = b"k" * 32
    with pytest.raises(PermanentError, match="not_opened"):
        DataKey("r2", raw).decrypt("narrative", DataKey("r1", raw).encrypt("narrative", b"x"))


@given(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8), st.text(max_size=8))
@example("r1 a", "b", "r1", "a b")
def test_no_pair_of_owner_and_field_can_be_taken_for_another(a: str, b: str, c: str, d: str) -> None:
    raw = b"k" * 32
    blob = DataKey(a, raw).encrypt(b, b"x")
    if (a, b) == (c, d):
        assert DataKey(c, raw).decrypt(d, blob) == b"x"
    else:
        with pytest.raises(PermanentError, match="not_opened"):
            DataKey(c, raw).decrypt(d, blob)


@pytest.mark.parametrize(
    "damage",
    [
        lambda blob: blob[:-1] + bytes([blob[-1] ^ 1]),
        lambda blob: b"\x02" + blob[1:],
        lambda blob: blob[:5],
        lambda blob: b"",
    ],
)
def test_a_changed_blob_does_not_open(damage: Callable[[bytes], bytes]) -> None:
    key, _ = Keyring([MASTER]).new_key("r1")
    with pytest.raises(PermanentError, match="not_opened"):
        key.decrypt("narrative", damage(key.encrypt("narrative", b"x")))


def test_a_master_key_can_be_replaced_without_touching_what_was_sealed() -> None:
    key, old = Keyring([MASTER]).new_key("r1")
    blob = key.encrypt("narrative", b"x")
    both = Keyring([OTHER, MASTER])
    new = both.rewrap("r1", old)
    assert (old.key_id, new.key_id) == (key_id(MASTER), key_id(OTHER))
    assert Keyring([OTHER]).unwrap_key("r1", new).decrypt("narrative", blob) == b"x"
    assert both.unwrap_key("r1", old).decrypt("narrative", blob) == b"x"
    with pytest.raises(PermanentError, match="unknown_key"):
        Keyring([OTHER]).unwrap_key("r1", old)


def test_a_wrapped_key_claiming_another_master_key_does_not_open() -> None:
    ring = Keyring([OTHER, MASTER])
    _, wrapped = ring.new_key("r1")
    with pytest.raises(PermanentError, match="not_opened"):
        ring.unwrap_key("r1", WrappedKey(key_id(MASTER), wrapped.blob))


@pytest.mark.parametrize("keys", [[], [b"short"], [MASTER, b"short"]])
def test_wrong_master_keys_are_refused(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Keyring(keys)
