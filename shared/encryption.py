"""Envelope encryption of personal data: one data key per report, wrapped by a master key that can be rotated.

AES-256-GCM throughout (NIST SP 800-38D) with random 96-bit nonces. Associated data binds every ciphertext to its owner
and field, so a blob copied into another report or field does not decrypt. Destroying an owner's wrapped key makes
everything encrypted under it unreadable for ever.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.errors import PermanentError

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_FORMAT: Final = b"\x01"
"""First byte of every blob: the version of this layout (format, nonce, ciphertext with tag)."""


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """An owner's data key as it is stored: useless without the master key that ``key_id`` names."""

    key_id: str
    blob: bytes


class DataKey:
    """The unwrapped key of one owner (a report). In memory only while fields are encrypted or decrypted."""

    def __init__(self, owner: str, key: bytes) -> None:
        """``owner`` is the id every ciphertext is bound to; ``key`` has 32 bytes."""
        self._owner = owner
        self._cipher = AESGCM(key)

    def encrypt(self, field: str, plaintext: bytes) -> bytes:
        """Encrypt one field. The same plaintext gives a new blob each time."""
        return _encrypt(self._cipher, plaintext, _associated_data(self._owner, field))

    def decrypt(self, field: str, blob: bytes) -> bytes:
        """Decrypt one field. Raises ``PermanentError`` (``not_opened``) if anything was changed or moved."""
        return _decrypt(self._cipher, blob, _associated_data(self._owner, field))


class Keyring:
    """The master keys: the first wraps new data keys, all of them unwrap old ones."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """``keys``: current first, retired ones after it, 32 bytes each. Raises ``ValueError`` otherwise."""
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"master keys have {KEY_BYTES} bytes each and there is at least one")
        self.current: Final = key_id(keys[0])
        self._ciphers: Final[Mapping[str, AESGCM]] = {key_id(key): AESGCM(key) for key in keys}

    def knows(self, key_id: str) -> bool:
        """Return whether one of the keys has this id."""
        return key_id in self._ciphers

    def new_key(self, owner: str) -> tuple[DataKey, WrappedKey]:
        """Make a random data key for an owner: unwrapped for use, and wrapped for storage."""
        key = os.urandom(KEY_BYTES)
        return DataKey(owner, key), self._wrap(owner, key)

    def unwrap_key(self, owner: str, wrapped: WrappedKey) -> DataKey:
        """Return the owner's data key. Raises ``PermanentError``: ``unknown_key`` or ``not_opened``."""
        return DataKey(owner, self._unwrap(owner, wrapped))

    def rewrap(self, owner: str, wrapped: WrappedKey) -> WrappedKey:
        """Wrap the owner's data key with the current master key; its ciphertexts stay as they are."""
        return self._wrap(owner, self._unwrap(owner, wrapped))

    def _wrap(self, owner: str, key: bytes) -> WrappedKey:
        blob = _encrypt(self._ciphers[self.current], key, _associated_data(owner, "key " + self.current))
        return WrappedKey(self.current, blob)

    def _unwrap(self, owner: str, wrapped: WrappedKey) -> bytes:
        cipher = self._ciphers.get(wrapped.key_id)
        if cipher is None:
            raise PermanentError("unknown_key", f"no master key has the id {wrapped.key_id[:16]!r}")
        return _decrypt(cipher, wrapped.blob, _associated_data(owner, "key " + wrapped.key_id))


def key_id(key: bytes) -> str:
    """Public name of a master key: 16 hex digits of a digest, so that no setting has to name it."""
    return hashlib.sha256(b"ieum key id\x00" + key).hexdigest()[:16]


def _associated_data(owner: str, field: str) -> bytes:
    # Length first: no pair of owner and field can be read as another pair.
    return f"ieum sealed {len(owner)} {owner} {field}".encode()


def _encrypt(cipher: AESGCM, plaintext: bytes, associated_data: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return _FORMAT + nonce + cipher.encrypt(nonce, plaintext, associated_data)


def _decrypt(cipher: AESGCM, blob: bytes, associated_data: bytes) -> bytes:
    if not blob.startswith(_FORMAT):
        raise PermanentError("not_opened", "the blob has an unknown format")
    body = blob[len(_FORMAT) :]
    try:
        return cipher.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], associated_data)
    except (InvalidTag, ValueError) as error:
        raise PermanentError("not_opened", "wrong key, wrong owner or field, or changed content") from error
