"""Keyed digests: a key of its own for each purpose, derived by HKDF (RFC 5869) from one setting. Pure.

So a part of intake has only the keys it needs. Keys of receipts can be replaced: each has a version, and what is stored
names the one that made it.
"""

import hmac
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.intake.settings import IntakeSettings
from shared.encryption import KEY_BYTES, key_id
from shared.errors import PermanentError
from shared.key_setting import key_bytes

FIRST: Final = "1"
"""The version of the key of receipts that is derived from ``INTAKE_RECEIPT_KEY``; later ones have the key's id."""


class KeyPurpose(StrEnum):
    """Purposes of keys. The values go into the derivation: never change one."""

    RECEIPTS = "receipts"
    PASSPHRASES = "passphrases"
    CLIENTS = "clients"
    DRAFTS = "drafts"
    CALLS = "calls"
    DEVICES = "devices"
    WRONG_RECEIPTS = "wrong receipts"
    REPORTS = "report authentication"
    CALLBACKS = "callbacks"
    CLIENT_AUTHENTICATION = "front end authentication"


class KeyedDigests:
    """HMACs under one secret, separated by purpose."""

    def __init__(self, secret: bytes) -> None:
        """``secret``: 32 bytes; what was made with them is recognised only with them."""
        self._keyed = hmac.new(secret, digestmod="sha256")  # copied for each digest: the key is worked in once

    def mac(self, purpose: str, *parts: str | bytes) -> bytes:
        """HMAC-SHA256 of the parts, 32 bytes, for one purpose; parts cannot run into each other."""
        digest = self._keyed.copy()
        digest.update(f"ieum intake {purpose}".encode())
        for part in parts:
            raw = part.encode() if isinstance(part, str) else part
            digest.update(len(raw).to_bytes(8, "big") + raw)
        return digest.digest()


class ReceiptKeys:
    """The keys of receipts: one makes what is new, all recognise what is there."""

    def __init__(self, keys: Sequence[tuple[str, KeyedDigests]]) -> None:
        """``keys``: versions and keys, the current one first."""
        self.version, self.current = keys[0]
        self.all: Final = tuple(key for _, key in keys)
        self._by_version = dict(keys)
        if len(self._by_version) != len(keys):
            raise ValueError("two keys of receipts have the same version: is a key listed twice?")

    def of(self, version: str) -> KeyedDigests:
        """The key of a version. Raises ``PermanentError`` (``unknown_key``) where no setting holds it."""
        try:
            return self._by_version[version]
        except KeyError:
            raise PermanentError("unknown_key", f"no key has the version {version[:16]!r}") from None


class IntakeKeys:
    """All keys that intake makes digests with."""

    def __init__(self, root: bytes, *, later: Sequence[bytes] = ()) -> None:
        """``root``: 32 bytes that never change. ``later``: keys that took its place for receipts, newest first."""
        self.lasting: Final = KeyedDigests(root)
        """For what a repeat or a paper must be recognised by for ever: report ids, content, requests, proofs."""
        versions = [*((key_id(secret), secret) for secret in later), (FIRST, root)]
        self.receipts: Final = ReceiptKeys([(name, _keyed(secret, KeyPurpose.RECEIPTS)) for name, secret in versions])
        self.passphrases: Final = _keyed(root, KeyPurpose.PASSPHRASES)
        self.clients: Final = _keyed(root, KeyPurpose.CLIENTS)
        self.drafts: Final = _keyed(root, KeyPurpose.DRAFTS)
        self.calls: Final = _keyed(root, KeyPurpose.CALLS)
        self.reports: Final = derive(root, KeyPurpose.REPORTS)
        """Authenticates what steers a stored report."""
        self.callbacks: Final = _keyed(root, KeyPurpose.CALLBACKS)
        """Secrets of callbacks are derived from it, for as long as a front end has them."""
        self.client_authentication: Final = _keyed(root, KeyPurpose.CLIENT_AUTHENTICATION)
        """Authenticates what a front end may do."""
        self.devices: Final = _keyed(root, KeyPurpose.DEVICES)
        self.wrong_receipts: Final = _keyed(root, KeyPurpose.WRONG_RECEIPTS)


def keys_of(settings: IntakeSettings) -> IntakeKeys:
    """The keys that the settings name."""
    return IntakeKeys(key_bytes(settings.receipt_key), later=[key_bytes(key) for key in settings.later_receipt_keys])


def derive(secret: bytes, purpose: KeyPurpose) -> bytes:
    """The key of a purpose: HKDF-SHA256 without salt, for the secret is random already."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"ieum intake {purpose.value}".encode()).derive(secret)


def _keyed(secret: bytes, purpose: KeyPurpose) -> KeyedDigests:
    return KeyedDigests(derive(secret, purpose))
