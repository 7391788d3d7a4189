"""The key document: the issuer's public keys and the sessions and keys it revoked."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.utils import base64url_decode
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

FRESH_FOR: Final = timedelta(seconds=30)
"""After this long without an answer the issuer counts as unreachable."""


class PublicKey(BaseModel):
    """One Ed25519 key in JWK form (RFC 8037)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kid: str = Field(pattern=r"^[0-9a-f]{16}$")
    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"
    use: Literal["sig"] = "sig"
    alg: Literal["EdDSA"] = "EdDSA"
    x: str = Field(pattern=r"^[A-Za-z0-9_-]{43}$")
    valid_until: AwareDatetime
    """Tokens signed with it are refused afterwards, whatever their own expiry."""


class RevokedSession(BaseModel):
    """A session that was revoked before its tokens expire."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session: str = Field(max_length=64)
    until: AwareDatetime
    """When the last token of the session has expired, renewals included; then the entry is dropped."""


class RevokedKey(BaseModel):
    """A key that was revoked before its time. Kept here because its record in the store could be altered."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kid: str = Field(pattern=r"^[0-9a-f]{16}$")
    until: AwareDatetime
    """When it would have expired; then the entry is dropped."""


class KeyDocument(BaseModel):
    """The document the issuer publishes: a JWK set with revoked keys, revoked sessions and a time."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    keys: tuple[PublicKey, ...]
    ended: tuple[RevokedKey, ...] = ()
    revoked: tuple[RevokedSession, ...] = ()
    issued_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class KeySet:
    """The parsed keys and revocations of a document, and when the issuer last confirmed it."""

    keys: dict[str, tuple[Ed25519PublicKey, datetime]]
    revoked: frozenset[str]
    confirmed_at: datetime

    def fresh(self, now: datetime) -> bool:
        """Whether the issuer answered within ``FRESH_FOR``."""
        return now - self.confirmed_at < FRESH_FOR


def merge_revocations(before: KeyDocument | None, after: KeyDocument) -> KeyDocument:
    """Return the later document with the unexpired revocations of the earlier one: a revocation is never undone.

    An attacker who can write to the issuer's store can delete a revocation there, but not in services that received it.
    """
    earlier = (before,) if before is not None else ()
    ended = {one.kid: one for document in (*earlier, after) for one in document.ended if one.until > after.issued_at}
    revoked = {
        one.session: one for document in (*earlier, after) for one in document.revoked if one.until > after.issued_at
    }
    return KeyDocument(
        keys=tuple(key for key in after.keys if key.kid not in ended),
        ended=tuple(ended[kid] for kid in sorted(ended)),
        revoked=tuple(revoked[session] for session in sorted(revoked)),
        issued_at=after.issued_at,
    )


def key_set(document: KeyDocument, confirmed_at: datetime) -> KeySet:
    """Parse the keys of a document. Raises ``ValueError`` for an invalid key."""
    keys = {
        key.kid: (Ed25519PublicKey.from_public_bytes(base64url_decode(key.x)), key.valid_until) for key in document.keys
    }
    return KeySet(keys, frozenset(entry.session for entry in document.revoked), confirmed_at)
