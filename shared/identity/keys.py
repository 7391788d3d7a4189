"""The key document: the issuer's public keys and the sessions and keys it revoked, signed by the root key.

The root's public half is given to every service at deployment. So neither the issuer's store, nor its address, nor the
file a service keeps the document in can make another key count.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt.utils import base64url_decode
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from shared.errors import IeumError

FRESH_FOR: Final = timedelta(seconds=30)
"""After this long without an answer the issuer counts as unreachable."""
CLOCKS_APART: Final = timedelta(minutes=5)
"""So far identity's clock and another service's may differ."""
DOCUMENT_TYPE: Final = "ieum-keys+jwt"
_ED25519: Final = "EdDSA"
_LONGEST: Final = 4 * 1024 * 1024


class KeysRefusedError(IeumError):
    """A document that the root key did not sign, or one from before the newest.

    ``code`` is ``unsigned``, ``malformed``, ``unknown_root``, ``bad_signature`` or ``older``.
    """

    def __init__(self, code: str) -> None:
        """``code`` goes to the log and the metric."""
        super().__init__(code)
        self.code = code


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


class SignedDocuments(BaseModel):
    """Published and cached: documents as the root key signed them (compact JWS), the current one first.

    The members of ``KeyDocument`` that the published one also has are for builds that know no root key.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    signed: tuple[str, ...] = ()


class RootKey:
    """Signs key documents; identity alone has it."""

    def __init__(self, seed: bytes) -> None:
        """32 bytes."""
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public: Final = self._private.public_key().public_bytes_raw()

    def sign(self, document: KeyDocument) -> str:
        """The document as a compact JWS."""
        header = {"typ": DOCUMENT_TYPE, "kid": _thumbprint(self.public)}
        return jwt.PyJWS().encode(document.model_dump_json().encode(), self._private, _ED25519, header)


class RootKeys:
    """The public root keys of a service; a document under any of them counts."""

    def __init__(self, public: Iterable[bytes]) -> None:
        """Each 32 bytes."""
        self._keys = {_thumbprint(key): Ed25519PublicKey.from_public_bytes(key) for key in public}

    def opened(self, signed: str) -> KeyDocument:
        """The document, if a root key signed it. Raises ``KeysRefusedError``."""
        if len(signed) > _LONGEST:
            raise KeysRefusedError("malformed")
        try:
            header = jwt.get_unverified_header(signed)
            if header.get("typ") != DOCUMENT_TYPE or header.get("alg") != _ED25519:
                raise KeysRefusedError("malformed")
            root = self._keys.get(str(header.get("kid")))
            if root is None:
                raise KeysRefusedError("unknown_root")
            return KeyDocument.model_validate_json(jwt.PyJWS().decode(signed, root, [_ED25519]))
        except jwt.InvalidSignatureError:
            raise KeysRefusedError("bad_signature") from None
        except (jwt.InvalidTokenError, ValidationError):
            raise KeysRefusedError("malformed") from None


def public_root_of(seed: bytes) -> str:
    """The public half of a root key, as the setting of the services has it."""
    return base64.b64encode(RootKey(seed).public).decode()


def _thumbprint(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class KeySet:
    """The parsed keys and revocations of a document, and when the issuer last confirmed it."""

    keys: dict[str, tuple[Ed25519PublicKey, datetime]]
    revoked: frozenset[str]
    confirmed_at: datetime

    def fresh(self, now: datetime) -> bool:
        """Return whether the issuer answered within ``FRESH_FOR``."""
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
