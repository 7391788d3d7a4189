"""Access tokens (10 minutes), and tickets that open the details of one report once (60 seconds).

Compact JWS (RFC 7515). Identity signs access tokens with Ed25519 (RFC 8037), each for one service, which verifies it.
Tickets carry an HMAC under the one key that notify and intake share, so that details open while identity is down.
``typ`` names the kind of a token and ``aud`` its recipient, so none can be used as another. They contain no names of
reporters and nothing about a report's content.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import IeumError
from shared.events.base import CenterId, ReportId, StaffRef
from shared.identity.keys import CLOCKS_APART, KeySet
from shared.identity.principal import Principal
from shared.identity.roles import ORGANISATIONS, StaffRole

ISSUER: Final = "ieum"
ACCESS_TYPE: Final = "ieum-access+jwt"
TICKET_TYPE: Final = "ieum-ticket+jwt"
TICKET_AUDIENCE: Final = "ieum:details"
ACCESS_LASTS: Final = timedelta(minutes=10)
TICKET_LASTS: Final = timedelta(seconds=60)
GRACE: Final = timedelta(minutes=60)
"""How long after its expiry an access token is accepted while the issuer does not answer."""
_ED25519: Final = "EdDSA"
_HMAC: Final = "HS256"
_LONGEST: Final = 4096


class Purpose(StrEnum):
    """Why details are opened; recorded in the audit log."""

    FIRST_CONTACT = "first_contact"
    FOLLOW_UP = "follow_up"
    DELETION_SUPPORT = "deletion_support"
    MESSAGE = "message"
    HANDOVER = "handover"
    ERASURE = "erasure"


class TokenError(IeumError):
    """A refused token. ``code`` is the stable reason; it is logged, never sent to the caller."""

    def __init__(self, code: str) -> None:
        """``code`` is one of ``malformed``, ``wrong_kind``, ``expired``, ``not_yet``, ``revoked``, ``claims``, ….

        The rest are about keys: ``unknown_key``, ``expired_key``, ``bad_signature``.
        """
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Ticket:
    """Permission to open the details of one report once."""

    ticket_id: str
    report_id: str
    ownership: int
    organisation: str
    """The owning centre, of which the person is staff."""
    subject: str
    roles: frozenset[StaffRole]
    session: str
    purpose: Purpose
    expires_at: datetime
    alias: str = ""
    """The name staff use for the case."""
    people: Mapping[str, str] = field(default_factory=dict)
    """Work names of the authors of notes on the case, by subject: intake has no accounts."""


class _Claims(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    sub: StaffRef
    org: str = Field(max_length=40)
    roles: frozenset[StaffRole] = Field(min_length=1)
    sid: str = Field(pattern=r"^[A-Za-z0-9_-]{16,64}$")
    iat: int
    exp: int
    auth_time: int | None = None
    """When a second factor was shown last."""


class _TicketClaims(_Claims):
    org: CenterId
    jti: str = Field(pattern=r"^[A-Za-z0-9_-]{16,64}$")
    rid: ReportId
    own: int = Field(ge=1)
    why: Purpose
    als: str = Field(default="", max_length=40)
    ppl: dict[StaffRef, str] = Field(default_factory=dict, max_length=100)


C = TypeVar("C", bound=_Claims)


class Signer:
    """Signs access tokens with one private key."""

    def __init__(self, kid: str, key: Ed25519PrivateKey) -> None:
        """``kid`` is the public key id."""
        self.kid: Final = kid
        self._key = key

    def access(self, principal: Principal, audience: str) -> str:
        """Sign an access token for one service, valid from ``issued_at`` to ``expires_at`` of the principal."""
        claims = _common(principal.subject, principal.organisation, principal.roles, principal.session)
        claims |= _times(principal.issued_at, principal.expires_at, audience)
        if principal.confirmed_at is not None:
            claims["auth_time"] = int(principal.confirmed_at.timestamp())
        return jwt.encode(claims, self._key, _ED25519, {"kid": self.kid, "typ": ACCESS_TYPE})


class TicketKey:
    """The key that notify signs tickets with and intake verifies them with."""

    def __init__(self, key: bytes) -> None:
        """32 bytes."""
        self._key = key

    def sign(self, ticket: Ticket, now: datetime) -> str:
        """Sign a ticket for intake."""
        claims = _common(ticket.subject, ticket.organisation, ticket.roles, ticket.session)
        claims |= {"jti": ticket.ticket_id, "rid": ticket.report_id, "own": ticket.ownership, "why": ticket.purpose}
        claims |= {"als": ticket.alias, "ppl": dict(ticket.people)}
        claims |= _times(now, ticket.expires_at, TICKET_AUDIENCE)
        return jwt.encode(claims, self._key, _HMAC, {"typ": TICKET_TYPE})

    def verify(self, token: str, revoked: Collection[str], now: datetime) -> Ticket:
        """Verify a ticket. Raises ``TokenError``. The caller must make sure that it is used once."""
        _header_of(token, TICKET_TYPE, _HMAC)
        claims = _decoded(token, self._key, _HMAC, TICKET_AUDIENCE, _TicketClaims)
        expires = datetime.fromtimestamp(claims.exp, UTC)
        if expires <= now or expires - datetime.fromtimestamp(claims.iat, UTC) > TICKET_LASTS:
            raise TokenError("expired")
        _current(claims, revoked, now)
        return Ticket(
            ticket_id=claims.jti,
            report_id=claims.rid,
            ownership=claims.own,
            organisation=claims.org,
            subject=claims.sub,
            roles=claims.roles,
            session=claims.sid,
            purpose=claims.why,
            expires_at=expires,
            alias=claims.als,
            people=claims.ppl,
        )


def verify_access(
    token: str, key_set: KeySet, now: datetime, audience: str, *, late: timedelta | None = None
) -> Principal:
    """Verify an access token for ``audience``, the service that asks. Raises ``TokenError``.

    A token for another service is refused: what one of them is given is no use anywhere else.

    ``late``: how long after its expiry it is accepted although the issuer answers; only where no data is shown.
    """
    key = key_set.keys.get(str(_header_of(token, ACCESS_TYPE, _ED25519).get("kid")))
    if key is None:
        raise TokenError("unknown_key")
    public, valid_until = key
    if valid_until <= now:
        raise TokenError("expired_key")
    claims = _decoded(token, public, _ED25519, audience, _Claims)
    expires = datetime.fromtimestamp(claims.exp, UTC)
    stale = expires <= now
    most = late if key_set.fresh(now) else GRACE
    if stale and (most is None or now - expires > most):
        raise TokenError("expired")
    _current(claims, key_set.revoked, now)
    return Principal(
        subject=claims.sub,
        organisation=claims.org,
        roles=claims.roles,
        session=claims.sid,
        issued_at=datetime.fromtimestamp(claims.iat, UTC),
        expires_at=expires,
        confirmed_at=datetime.fromtimestamp(claims.auth_time, UTC) if claims.auth_time is not None else None,
        stale=stale,
    )


def _common(subject: str, organisation: str, roles: frozenset[StaffRole], session: str) -> dict[str, Any]:
    return {"sub": subject, "org": organisation, "roles": sorted(roles), "sid": session}


def _times(issued: datetime, expires: datetime, audience: str) -> dict[str, Any]:
    return {"iat": int(issued.timestamp()), "exp": int(expires.timestamp()), "iss": ISSUER, "aud": audience}


def _header_of(token: str, kind: str, algorithm: str) -> Mapping[str, Any]:
    if len(token) > _LONGEST:
        raise TokenError("malformed")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise TokenError("malformed") from None
    if header.get("typ") != kind or header.get("alg") != algorithm:
        raise TokenError("wrong_kind")
    return header


def _decoded(token: str, key: Ed25519PublicKey | bytes, algorithm: str, audience: str, shape: type[C]) -> C:
    # Not checked by the library: the clock is injected, and expired tokens count while the issuer is down.
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "require": ["exp", "iat", "sub"]}
    options["strict_aud"] = True  # one recipient, not a list with us in it
    try:
        claims = jwt.decode(token, key, [algorithm], options=options, audience=audience, issuer=ISSUER)
        return shape.model_validate(claims)
    except jwt.InvalidSignatureError:
        raise TokenError("bad_signature") from None
    except (jwt.InvalidAudienceError, jwt.InvalidIssuerError):
        raise TokenError("wrong_kind") from None
    except jwt.InvalidTokenError:
        raise TokenError("malformed") from None
    except ValidationError:
        raise TokenError("claims") from None


def _current(claims: _Claims, revoked: Collection[str], now: datetime) -> None:
    if claims.org not in ORGANISATIONS:
        raise TokenError("claims")
    if datetime.fromtimestamp(claims.iat, UTC) > now + CLOCKS_APART:
        raise TokenError("not_yet")
    if claims.sid in revoked:
        raise TokenError("revoked")
