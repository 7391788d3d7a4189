"""Keyed digests: a key of its own for each purpose, with a version, so that what is stored says which made it. Pure.

Version 1 is one key for everything, told apart by a word in the message: what was made with it goes on. Version 2 is a
key per purpose, derived by HKDF (RFC 5869), so that a part of intake has only the keys it needs. Later keys of a
purpose have the id of the key as their version.
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

LEGACY: Final = "1"
"""The version of what was made before purposes had keys of their own."""
DERIVED: Final = "2"
"""The version of the keys derived from ``INTAKE_RECEIPT_KEY``, one for each purpose."""


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

    def __init__(self, secret: bytes, version: str = LEGACY) -> None:
        """``secret``: 32 bytes; what was made with them is recognised only with them."""
        self._keyed = hmac.new(secret, digestmod="sha256")  # copied for each digest: the key is worked in once
        self.version: Final = version

    def mac(self, purpose: str, *parts: str | bytes) -> bytes:
        """HMAC-SHA256 of the parts, 32 bytes, for one purpose; parts cannot run into each other."""
        digest = self._keyed.copy()
        digest.update(f"ieum intake {purpose}".encode())
        for part in parts:
            raw = part.encode() if isinstance(part, str) else part
            digest.update(len(raw).to_bytes(8, "big") + raw)
        return digest.digest()


class PurposeKeys:
    """The keys of one purpose: one makes what is new, all recognise what is there."""

    def __init__(self, keys: Sequence[KeyedDigests]) -> None:
        """``keys``: the current one first, each with a version of its own."""
        self.current: Final = keys[0]
        self.all: Final = tuple(keys)
        self._by_version = {key.version: key for key in keys}
        if len(self._by_version) != len(keys):
            raise ValueError("two keys of one purpose have the same version: is a key listed twice?")

    def of(self, version: str) -> KeyedDigests:
        """The key of a version. Raises ``PermanentError`` (``unknown_key``) where no setting holds it."""
        try:
            return self._by_version[version]
        except KeyError:
            raise PermanentError("unknown_key", f"no key has the version {version[:16]!r}") from None

    def tagged(self, token: str) -> str:
        """A new random token that says with which key things are made of it."""
        return token if self.current.version == LEGACY else f"{self.current.version}.{token}"

    def of_tagged(self, token: str) -> KeyedDigests:
        """The key that a token names, see ``tagged``. Raises ``PermanentError`` (``unknown_key``)."""
        version, _, _ = token.rpartition(".")
        return self.of(version or LEGACY)


class IntakeKeys:
    """All keys that intake makes digests with."""

    def __init__(self, root: bytes, *, later: Sequence[bytes] = (), upgrading: bool = False) -> None:
        """``root``: 32 bytes that never change. ``later``: keys that took its place for receipts, newest first.

        ``upgrading``: a build that knows one key only runs beside this one, so nothing is made with another.
        """
        self.lasting: Final = KeyedDigests(root)
        """For what a repeat or a paper must be recognised by for ever: report ids, content, requests, proofs."""
        self.upgrading: Final = upgrading
        newer = [(key_id(secret), secret) for secret in later]
        self.receipts: Final = self._keys(KeyPurpose.RECEIPTS, [*newer, (DERIVED, root)])
        self.passphrases: Final = self._keys(KeyPurpose.PASSPHRASES, [(DERIVED, root)])
        self.clients: Final = self._keys(KeyPurpose.CLIENTS, [(DERIVED, root)])
        self.drafts: Final = self._keys(KeyPurpose.DRAFTS, [(DERIVED, root)])
        self.calls: Final = self._keys(KeyPurpose.CALLS, [(DERIVED, root)])
        self.reports: Final = derive(root, KeyPurpose.REPORTS)
        """Authenticates what steers a stored report."""
        self.callbacks: Final = KeyedDigests(derive(root, KeyPurpose.CALLBACKS), DERIVED)
        """Secrets of callbacks are derived from it, for as long as a front end has them."""

        self.client_authentication: Final = KeyedDigests(derive(root, KeyPurpose.CLIENT_AUTHENTICATION), DERIVED)
        """Authenticates what a front end may do."""

        # Nothing made with these is kept for longer than hours, so they have one version.
        self.devices: Final = KeyedDigests(derive(root, KeyPurpose.DEVICES), DERIVED)
        self.wrong_receipts: Final = KeyedDigests(derive(root, KeyPurpose.WRONG_RECEIPTS), DERIVED)

    def _keys(self, purpose: KeyPurpose, secrets: Sequence[tuple[str, bytes]]) -> PurposeKeys:
        derived = [KeyedDigests(derive(secret, purpose), version) for version, secret in secrets]
        return PurposeKeys([self.lasting, *derived] if self.upgrading else [*derived, self.lasting])


def keys_of(settings: IntakeSettings) -> IntakeKeys:
    """The keys that the settings name."""
    later = [key_bytes(key) for key in settings.later_receipt_keys]
    return IntakeKeys(key_bytes(settings.receipt_key), later=later, upgrading=settings.upgrading)


def derive(secret: bytes, purpose: KeyPurpose) -> bytes:
    """The key of a purpose: HKDF-SHA256 without salt, for the secret is random already."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"ieum intake {purpose.value}".encode()).derive(secret)
