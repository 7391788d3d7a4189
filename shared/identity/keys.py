"""What tokens are verified with: notify's public keys and the sessions that ended early, as one small document."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.utils import base64url_decode
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

FRESH: Final = timedelta(seconds=30)
"""A document so old means that notify does not answer."""


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
    """Nothing signed with it counts afterwards, however it is dated."""


class Revoked(BaseModel):
    """A session that ended before its tokens do."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session: str = Field(max_length=64)
    until: AwareDatetime
    """When no token of the session could count any more, whoever renewed it; then the entry goes."""


class EndedKey(BaseModel):
    """A key that ended before its time, which its document in the store might be made to deny."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kid: str = Field(pattern=r"^[0-9a-f]{16}$")
    until: AwareDatetime
    """When it would have ended by itself; then the entry goes."""


class KeyDocument(BaseModel):
    """What notify publishes for everybody who verifies: a JWK set with three more members."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    keys: tuple[PublicKey, ...]
    ended: tuple[EndedKey, ...] = ()
    revoked: tuple[Revoked, ...] = ()
    issued_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Known:
    """A document ready for use, and when it was last confirmed."""

    keys: dict[str, tuple[Ed25519PublicKey, datetime]]
    revoked: frozenset[str]
    confirmed_at: datetime

    def fresh(self, now: datetime) -> bool:
        """Whether notify answered lately."""
        return now - self.confirmed_at < FRESH


def keep_endings(before: KeyDocument | None, after: KeyDocument) -> KeyDocument:
    """The later document with every ending that the earlier one tells and that is not over: what ended stays ended.

    Somebody who can write to notify's store can take an ending away there, but not from whoever has heard of it.
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


def known(document: KeyDocument, confirmed_at: datetime) -> Known:
    """The document, made ready. Raises ``ValueError`` for a key that is none."""
    keys = {
        key.kid: (Ed25519PublicKey.from_public_bytes(base64url_decode(key.x)), key.valid_until) for key in document.keys
    }
    return Known(keys, frozenset(entry.session for entry in document.revoked), confirmed_at)
