"""The secrets of accounts: passwords, second factors, one-time codes, the cookie of a device."""

import asyncio
import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Final

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from services.identity.accounts.models import Account, Sealed
from services.identity.accounts.rules import DEVICE_LASTS
from services.identity.keyed_digests import AccountDigests, derived
from shared.encryption import Keyring, WrappedKey
from shared.errors import TransientError

AT_ONCE: Final = 2
"""Passwords hashed at the same time: each takes 64 MiB and a tenth of a second of up to four cores."""
WAITING: Final = 40
"""Where so many wait, further strangers are turned away: they would wait longer than a browser does."""
KNOWN_WAITING: Final = 2 * WAITING
"""Others are only where so many wait: browsers that an account signed in in, and whoever is signed in or invited. So
strangers of many networks, who try a password each, keep nobody out."""
ISSUER: Final = "Ieum"
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without letters that are read as others; 31 signs, so 16 of them are 79 bits."""
_CODE_SIGNS: Final = 16
_GROUP: Final = 4
_SUBJECT_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


class Passwords:
    """Argon2id with the second recommended parameters of RFC 9106, section 4 (t=3, 64 MiB, p=4).

    That is above the least OWASP asks for (19 MiB, t=2, p=1).
    """

    def __init__(self) -> None:
        self._hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._nobody: str | None = None

    async def hashed(self, password: str) -> str:
        """A new hash. Raises ``TransientError`` when too many wait."""
        return await self._in_turn(password, None)

    async def right(self, stored: str | None, password: str, *, stranger: bool = False) -> bool:
        """Return whether it is the password. Without a stored hash the same work is done and the answer is False.

        Raises ``TransientError`` when too many wait.
        """
        if stored is None:
            if self._nobody is None:
                self._nobody = await self.hashed(secrets.token_urlsafe())
            await self._in_turn(password, self._nobody, stranger=stranger)
            return False
        return await self._in_turn(password, stored, stranger=stranger) == stored

    def outdated(self, stored: str) -> bool:
        """Return whether a hash was made with other parameters."""
        return self._hasher.check_needs_rehash(stored)

    async def _in_turn(self, password: str, stored: str | None, *, stranger: bool = False) -> str:
        if self._waiting >= (WAITING if stranger else KNOWN_WAITING):
            raise TransientError("too many passwords wait to be hashed")
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(self._work, password, stored)
        finally:
            self._waiting -= 1

    def _work(self, password: str, stored: str | None) -> str:
        if stored is None:
            return self._hasher.hash(password)
        try:
            self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return ""
        return stored


class Vault:
    """Seals second factors and signing keys under the master key; cookies and marks are made with the account key."""

    def __init__(self, master_keys: list[bytes], account_key: bytes) -> None:
        """The master key in use first."""
        self._keyring = Keyring(master_keys)
        self.marks = AccountDigests(account_key)
        self._device = derived(account_key, b"ieum device cookie")
        self._names = derived(account_key, b"ieum sign-in names")
        self.login_state_key = derived(account_key, b"ieum oidc passage")
        """Key of the cookie that accompanies somebody to the OpenID provider and back."""

    def encrypt(self, owner: str, field: str, content: bytes) -> Sealed:
        """Something secret, bound to its owner and its place."""
        key, wrapped = self._keyring.new_key(owner)
        return Sealed(key_id=wrapped.key_id, key=wrapped.blob, blob=key.encrypt(field, content))

    def decrypt(self, owner: str, field: str, sealed: Sealed) -> bytes:
        """Decrypt a sealed value. Raises ``PermanentError``."""
        return self._keyring.unwrap_key(owner, WrappedKey(sealed.key_id, sealed.key)).decrypt(field, sealed.blob)

    def rewrap(self, owner: str, sealed: Sealed) -> Sealed | None:
        """The same under the master key in use; None where it is already."""
        if sealed.key_id == self._keyring.current:
            return None
        wrapped = self._keyring.rewrap(owner, WrappedKey(sealed.key_id, sealed.key))
        return Sealed(key_id=wrapped.key_id, key=wrapped.blob, blob=sealed.blob)

    def name_reference(self, name: str) -> str:
        """Digest a name, to keep delays under: people type passwords where names belong, so names are not kept."""
        return hmac.new(self._names, name.encode(), hashlib.sha256).hexdigest()[:32]

    def device_cookie(self, account: Account, now: datetime) -> str:
        """Proof that an account, as it is, has signed in in this browser by now."""
        return self._device_cookie(secrets.token_urlsafe(12), account, now)

    def renewed_device(self, cookie: str, before: Account, after: Account, now: datetime) -> str:
        """The proof of a known browser for the account as it is after a change; empty if it was not known before.

        Under the same name, so that its count goes on: no session alone makes a browser known, or one that is new.
        """
        nonce = self.device_of(cookie, before, now)
        return self._device_cookie(nonce, after, now) if nonce else ""

    def device_of(self, cookie: str, account: Account, now: datetime) -> str | None:
        """The device's name if the cookie is ours, this account's since its last change, and not over.

        Whoever knew the former password or factor and signed in with it is a stranger again.
        """
        nonce, _, rest = cookie.partition(".")
        until, _, proof = rest.partition(".")
        if not (until.isascii() and until.isdigit() and len(until) <= 12 and int(until) > int(now.timestamp())):  # noqa: PLR2004  # digits of a second until the year 33658
            return None
        ours = self._device_proof(account, nonce, int(until))
        return nonce if hmac.compare_digest(proof.encode(), ours.encode()) else None

    def _device_cookie(self, nonce: str, account: Account, now: datetime) -> str:
        until = int((now + DEVICE_LASTS).timestamp())
        return f"{nonce}.{until}.{self._device_proof(account, nonce, until)}"

    def _device_proof(self, account: Account, nonce: str, until: int) -> str:
        # By the count of changes, not by their times: it is in the account's seal and needs no right clock.
        content = f"{account.subject} {account.changes} {nonce} {until}"
        return hmac.new(self._device, content.encode(), hashlib.sha256).hexdigest()


def new_secret() -> str:
    """An opaque secret of 256 bits."""
    return secrets.token_urlsafe(32)


def new_session_name() -> str:
    """Make a session's public name."""
    return secrets.token_urlsafe(18)


def new_subject() -> str:
    """An opaque reference to a person: letters only, so that no search for personal numbers ever meets one."""
    return "s-" + "".join(secrets.choice(_SUBJECT_LETTERS) for _ in range(8))


def new_code() -> str:
    """A one-time code a person can type: four groups of four."""
    signs = "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_SIGNS))
    return "-".join(signs[i : i + _GROUP] for i in range(0, _CODE_SIGNS, _GROUP))


def plain_code(given: str) -> str:
    """A code as typed, without spaces, hyphens and capitals."""
    return "".join(sign for sign in given.casefold() if sign.isalnum())


def is_long_code(given: str) -> bool:
    """Return whether it is a recovery code rather than the six digits of an authenticator."""
    return len(plain_code(given)) == _CODE_SIGNS


def new_totp() -> str:
    """The secret of an authenticator: 160 bits in base 32 (RFC 4226, section 4)."""
    return pyotp.random_base32(32)


def totp_address(secret: str, name: str) -> str:
    """Return the content of the QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)


def right_step(secret: str, given: str, steps: list[int]) -> int | None:
    """The step whose code was given, if it is one of these. Each is compared, however early one fits."""
    totp = pyotp.TOTP(secret)
    typed = "".join(sign for sign in given if sign.isascii() and sign.isdigit())
    found = None
    for step in steps:
        if hmac.compare_digest(totp.generate_otp(step), typed):
            found = step
    return found
