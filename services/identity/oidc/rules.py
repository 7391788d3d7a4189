"""Decide which sign-ins and sign-outs at the provider count, read its claims, and check its addresses. Pure."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from services.identity.accounts.models import DISPLAY_LENGTH

_SEVERAL: Final = "mfa"
_POSSESSION: Final = frozenset({"otp", "hwk", "swk", "sc"})
"""Of the methods of RFC 8176: a one-time code, a key in hardware or software, a smart card."""
_KNOWN_OR_BORN: Final = frozenset({"pwd", "pin", "fpt", "face", "iris", "retina", "vbm"})
"""And a password, a PIN, a finger, a face, an eye, a voice."""
LEEWAY_S: Final = 60
"""The provider's clock may be so far off."""
LOGOUT_LASTS_S: Final = 300
"""A logout token counts so long after it was made."""
_LOGOUT: Final = "http://schemas.openid.net/event/backchannel-logout"
_LOGOUT_TYPES: Final = frozenset({"jwt", "logout+jwt"})
_LONGEST: Final = 256
_NEVER: Final = 1 << 60
_HERE: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def code_challenge(verifier: str) -> str:
    """What the provider is told of the verifier that comes with the code (RFC 7636, S256)."""
    return _base64url(hashlib.sha256(verifier.encode()).digest())


def id_token_counts(
    header: Mapping[str, object],
    claims: Mapping[str, object],
    *,
    issuer: str,
    client: str,
    nonce: str,
    access_token: str,
    now: int,
) -> bool:
    """Whether an ID token, its signature being right, answers this sign-in (OpenID Connect Core 1.0, 3.1.3.7)."""
    audiences, party, subject = values_of(claims, "aud"), claims.get("azp"), claims.get("sub")
    said = claims.get("nonce")
    return (
        claims.get("iss") == issuer
        and client in audiences
        # One for several names for whom it was made.
        and (party == client or (party is None and audiences == (client,)))
        and isinstance(subject, str)
        and subject != ""
        and _lies_between(now, claims.get("exp"), _NEVER)
        and _lies_between(0, claims.get("iat"), now)
        and _lies_between(0, claims.get("nbf", 0), now)
        and isinstance(said, str)
        and hmac.compare_digest(said.encode(), nonce.encode())
        and (not access_token or _belongs(claims.get("at_hash"), access_token, header.get("alg")))
    )


def _belongs(at_hash: object, access_token: str, algorithm: object) -> bool:
    """Whether the access token is the one this ID token came with, where it says so: half of a digest (3.1.3.6)."""
    if at_hash is None:
        return True
    digest = hashlib.sha512 if algorithm == "EdDSA" else hashlib.sha256
    whole = digest(access_token.encode()).digest()
    half = _base64url(whole[: len(whole) // 2])
    return isinstance(at_hash, str) and hmac.compare_digest(half.encode(), at_hash.encode())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def has_second_factor(acr: object, amr: object, wanted_acr: str) -> bool:
    """Return whether an ID token attests a second factor.

    With ``wanted_acr``, the context must be that one. Without, the methods must say that there were several, or name
    one that the person has and one that they know or are: one method alone is one factor.
    """
    if wanted_acr:
        return acr == wanted_acr
    methods = {method for method in amr if isinstance(method, str)} if isinstance(amr, list) else set[str]()
    return _SEVERAL in methods or bool(methods & _POSSESSION and methods & _KNOWN_OR_BORN)


def shown_at(auth_time: object, since: int, now: int) -> int | None:
    """Return when the provider asked for the factors (``auth_time``), in seconds since 1970.

    None where it does not say, or where that was before ``since`` or is still to come.
    """
    return min(int(auth_time), now) if _lies_between(since, auth_time, now) else None  # type: ignore[call-overload]  # asked there


def account_name(issuer: str, subject: str) -> str:
    """Return the name by which an account is found: a digest, since a provider's subject may be a personal number."""
    return "oidc-" + hashlib.sha256(f"{issuer}\0{subject}".encode()).hexdigest()[:40]


def shown_name(name: object) -> str:
    """Return a name at work as the account pages would take it: no sign that turns or hides what stands beside it."""
    spaced = " ".join(name.split()) if isinstance(name, str) else ""
    return "".join(filter(str.isprintable, spaced))[:DISPLAY_LENGTH]


def values_of(claims: Mapping[str, object], name: str) -> tuple[str, ...]:
    """The texts of a claim, which is one or a list; dots lead into others (Keycloak: ``realm_access.roles``)."""
    found: object = claims.get(name)
    if found is None:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    listed = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return tuple(value for value in listed if isinstance(value, str))


class Logout(NamedTuple):
    """Whom the provider signed out: a session there (``sid``), or all of somebody's."""

    name: str
    """The account's; empty where only the session is named."""
    sid: str
    jti: str
    at: int
    """When it was made (``iat``), in seconds since 1970."""


def logout_of(
    header: Mapping[str, object], claims: Mapping[str, object], issuer: str, client: str, now: int
) -> Logout | None:
    """Whom a logout token signs out, its signature being right; None where it is none that counts now.

    OpenID Connect Back-Channel Logout 1.0, section 2.6. A nonce is what makes an ID token, so there must be none.
    """
    audiences, events = values_of(claims, "aud"), claims.get("events")
    made, over = claims.get("iat"), claims.get("exp", now)
    named = {name: claims.get(name, "") for name in ("jti", "sid", "sub")}
    if (
        str(header.get("typ", "JWT")).lower() not in _LOGOUT_TYPES
        or claims.get("iss") != issuer
        or client not in audiences
        or "nonce" in claims
        or not isinstance(events, Mapping)
        or not isinstance(events.get(_LOGOUT), Mapping)
        or not _lies_between(now - LOGOUT_LASTS_S, made, now)
        or not _lies_between(now, over, now + LOGOUT_LASTS_S * 100)
        or not all(isinstance(text, str) and len(text) <= _LONGEST for text in named.values())
    ):
        return None
    jti, sid, subject = (str(text) for text in named.values())
    if not jti or not (sid or subject):
        return None
    return Logout(account_name(issuer, subject) if subject else "", sid, jti, int(made))  # type: ignore[call-overload]  # a number, asked above


def _lies_between(first: int, value: object, last: int) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and first - LEEWAY_S <= value <= last + LEEWAY_S  # type: ignore[operator]  # asked before


def is_confidential(address: str, *, plain_http_here: bool) -> bool:
    """Return whether traffic to an address is encrypted; ``plain_http_here``: or stays on this machine, for tests."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (plain_http_here and parts.scheme == "http" and parts.hostname in _HERE)
