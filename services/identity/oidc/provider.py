"""Signing in at an OpenID provider: code flow with PKCE, state and nonce (OpenID Connect Core 1.0, RFC 7636).

The provider proves who somebody is and with which factors; its role claim, through the table in the settings, says
what they may do here, anew at each sign-in. An account is tied to issuer and subject, never to a name or an address.
"""

import asyncio
import base64
import hmac
import os
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlencode

import httpx
import jwt
import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.identity.accounts.models import RefusedError
from services.identity.accounts.rules import SESSION_LASTS
from services.identity.oidc.rules import (
    Logout,
    account_name,
    code_challenge,
    has_second_factor,
    id_token_counts,
    is_confidential,
    logout_of,
    shown_at,
    shown_name,
    values_of,
)
from services.identity.settings import IdentitySettings
from shared import log
from shared.clock import Clock
from shared.errors import TransientError

_log = log.get(__name__)

T = TypeVar("T")

LOGIN_STATE_S: Final = 600
"""How long somebody may take at the provider."""
_ALGORITHMS: Final = frozenset({"RS256", "PS256", "ES256", "EdDSA"})
"""Asymmetric ones only: a client secret must not be able to sign in anybody."""
_KEY_TYPES: Final = frozenset({"RSA", "EC", "OKP"})
_SIGNATURE_ALONE: Final[Any] = {f"verify_{name}": False for name in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}
"""The rest is asked by our clock, and of logout tokens too."""
_TIMEOUT_S: Final = 10.0
_KEPT_S: Final = 3600.0
_JUST_ASKED_S: Final = 10.0
"""A person is sent only to a provider that answered at most so long ago."""
_OLDEST_S: Final = int(SESSION_LASTS.total_seconds())
"""Factors given there longer ago have to be given again."""
_AGAIN_S: Final = 30.0
"""Keys are fetched anew for an unknown ``kid`` at most so often."""
_SILENT_S: Final = 5.0
"""So long after it did not answer a question that one is not asked again: whoever comes meanwhile is told at once."""
_CLIENT_REFUSED: Final = ("invalid_client", "unauthorized_client")
"""Errors of a token endpoint that no person who signs in can do anything about (RFC 6749, section 5.2)."""
_ENDPOINTS: Final = frozenset({"authorization_endpoint", "token_endpoint", "jwks_uri"})
_NONCE_BYTES: Final = 12
_LONGEST_DEVICE: Final = 200
"""Ours are half as long; the cookie that carries it along must not grow beyond what browsers keep."""
_PLACE: Final = b"ieum oidc passage"


@dataclass(frozen=True, slots=True)
class LoginState:
    """State of a sign-in at the provider, sealed in a cookie."""

    state: str
    nonce: str
    verifier: str
    onward: str
    until: int
    since: int
    """The factors must have been asked for since then, in seconds since 1970."""
    again: bool
    """Whether a signed-in person shows a second factor again."""
    device: str = ""
    """What made this browser known when it left; on its way back from another site it withholds that cookie."""
    before: str = ""
    """The secret of the session it had then, which it withholds as well."""
    permission: str = ""
    """To register a first passkey, which ends with this sign-in; withheld as well."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the provider vouches for."""

    issuer: str
    subject: str
    display: str
    values: tuple[str, ...]
    """Of the role claim."""
    shown_at: datetime
    """When the provider asked for the factors."""
    sid: str = ""
    """The provider's session, which it may end."""

    @property
    def name(self) -> str:
        """The name by which the account is found."""
        return account_name(self.issuer, self.subject)


class _Kept(Generic[T]):
    """What the provider answered last to a question that anybody can cause: one request at a time asks it again."""

    def __init__(self, ask: Callable[[], Awaitable[T]], clock: Clock) -> None:
        """``ask`` raises ``RefusedError`` where there is no answer."""
        self._ask = ask
        self._clock = clock
        self._answer: tuple[float, T] | None = None
        self._asking = asyncio.Lock()
        self._silent_until = 0.0

    async def get(self, kept_s: float) -> T:
        """Return an answer that is at most so many seconds old. Raises ``RefusedError``."""
        if (known := self._known(kept_s)) is not None:
            return known
        async with self._asking:
            if (known := self._known(kept_s)) is not None:
                return known
            asked_at = self._clock.monotonic()
            if asked_at < self._silent_until:
                raise RefusedError("provider_unavailable")
            try:
                answer = await self._ask()
            except RefusedError:
                self._silent_until = self._clock.monotonic() + _SILENT_S
                raise
            self._answer = asked_at, answer
            return answer

    def _known(self, kept_s: float) -> T | None:
        if self._answer is None or self._clock.monotonic() - self._answer[0] >= kept_s:
            return None
        return self._answer[1]


class Provider:
    """Speaks to the OpenID provider."""

    def __init__(self, settings: IdentitySettings, key: bytes, clock: Clock, http: httpx.AsyncClient) -> None:
        """``key`` seals the cookie; ``http`` is closed by who made it."""
        self.issuer: Final = settings.oidc_issuer
        self._settings = settings
        self._cipher = AESGCM(key)
        self._clock = clock
        self._http = http
        self._redirect = settings.public_urls.get("identity", "").rstrip("/") + "/oidc/callback"
        self._discovered = _Kept(self._discover, clock)
        self._keys = _Kept(self._fetch_keys, clock)

    async def look(self) -> None:
        """Ask whether it answers, as somebody who is sent there would find out. Raises ``TransientError``."""
        try:
            await self._discovered.get(0.0)
        except RefusedError:
            raise TransientError("the sign-in provider does not answer, or not as the settings say") from None

    async def begin(
        self, onward: str, *, again: bool = False, device: str = "", before: str = "", permission: str = ""
    ) -> tuple[str, str]:
        """The provider's address to go to, and the cookie to take along. Raises ``RefusedError``.

        ``again``: it must ask for the factors anew, although somebody is signed in there. ``device`` is the cookie of a
        known browser, ``before`` that of a session, ``permission`` that of a first passkey.
        """
        found = await self._discovered.get(_JUST_ASKED_S)
        now = int(self._clock.now().timestamp())
        login_state = LoginState(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            onward=onward,
            until=now + LOGIN_STATE_S,
            since=now if again else now - _OLDEST_S,
            again=again,
            device=device[:_LONGEST_DEVICE],
            before=before[:_LONGEST_DEVICE],
            permission=permission[:_LONGEST_DEVICE],
        )
        asked = {
            "response_type": "code",
            "client_id": self._settings.oidc_client_id,
            "redirect_uri": self._redirect,
            "scope": "openid profile",
            "state": login_state.state,
            "nonce": login_state.nonce,
            "code_challenge": code_challenge(login_state.verifier),
            "code_challenge_method": "S256",
        }
        if self._settings.oidc_acr:
            asked["acr_values"] = self._settings.oidc_acr
        # With a greatest age the provider must say when it asked for the factors (OpenID Connect Core, section 2).
        asked |= {"prompt": "login", "max_age": "0"} if again else {"max_age": str(_OLDEST_S)}
        address = str(found["authorization_endpoint"])
        return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}", self._sealed(login_state)

    def login_state(self, cookie: str, state: str) -> LoginState:
        """Open the cookie, if it belongs to this answer. Raises ``RefusedError`` ``wrong_state``."""
        try:
            blob = base64.urlsafe_b64decode(cookie)
            login_state = LoginState(
                **orjson.loads(self._cipher.decrypt(blob[:_NONCE_BYTES], blob[_NONCE_BYTES:], _PLACE))
            )
        except (ValueError, TypeError, InvalidTag):
            raise RefusedError("wrong_state") from None
        late = login_state.until <= self._clock.now().timestamp()
        if late or not hmac.compare_digest(login_state.state.encode(), state.encode()):
            raise RefusedError("wrong_state")
        return login_state

    async def person(self, login_state: LoginState, code: str) -> Person:
        """Whom a code stands for.

        Raises ``RefusedError``: ``wrong_token``, ``no_second_factor``, ``not_asked_again`` or ``provider_unavailable``.
        """
        found = await self._discovered.get(_KEPT_S)
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "code_verifier": login_state.verifier,
        }
        secret = self._settings.oidc_client_secret.get_secret_value()
        answer = await self._asked("POST", str(found["token_endpoint"]), asked, (self._settings.oidc_client_id, secret))
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise RefusedError("wrong_token")
        return await self.verified(token, login_state.nonce, login_state.since, str(answer.get("access_token", "")))

    async def verified(self, token: str, nonce: str, since: int, access_token: str = "") -> Person:
        """Whom an ID token speaks for: signature, issuer, audience, times, nonce, factors. Raises ``RefusedError``.

        ``since``: the factors must have been asked for since then.
        """
        header, claims = await self._opened(token)
        issuer, client = self._settings.oidc_issuer, self._settings.oidc_client_id
        now = int(self._clock.now().timestamp())
        if not id_token_counts(
            header, claims, issuer=issuer, client=client, nonce=nonce, access_token=access_token, now=now
        ):
            _log.info("oidc.token_refused", error="claims")
            raise RefusedError("wrong_token")
        if not has_second_factor(claims.get("acr"), claims.get("amr"), self._settings.oidc_acr):
            raise RefusedError("no_second_factor")
        shown = shown_at(claims.get("auth_time"), since, now)
        if shown is None:
            raise RefusedError("not_asked_again")
        return Person(
            issuer=issuer,
            subject=str(claims["sub"]),
            display=shown_name(claims.get("name")),
            values=values_of(claims, self._settings.oidc_role_claim),
            shown_at=datetime.fromtimestamp(shown, UTC),
            sid=str(claims.get("sid") or ""),
        )

    async def logout(self, token: str) -> Logout:
        """Whom a logout token signs out. Raises ``RefusedError``: ``wrong_token``, ``provider_unavailable``."""
        header, claims = await self._opened(token)
        now = int(self._clock.now().timestamp())
        found = logout_of(header, claims, self._settings.oidc_issuer, self._settings.oidc_client_id, now)
        if found is None:
            _log.info("oidc.logout_refused")
            raise RefusedError("wrong_token")
        return found

    async def _opened(self, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        found = await self._discovered.get(_KEPT_S)
        offered = set(found.get("id_token_signing_alg_values_supported") or ["RS256"])
        allowed = sorted(_ALGORITHMS & offered)
        if not allowed:  # the library would take its own defaults, a client secret's signature among them
            _log.error("oidc.no_algorithm", hint=f"the provider signs with none of {', '.join(sorted(_ALGORITHMS))}")
            raise RefusedError("provider_unavailable")
        for kept_s in (_KEPT_S, _AGAIN_S):
            keys = await self._keys.get(kept_s)
            try:
                named = jwt.get_unverified_header(token).get("kid")
                # Only where there is one key a token may leave its name out.
                (key,) = (one.key for one in keys if named in (None, one.key_id))
                opened = jwt.decode_complete(token, key, allowed, options=_SIGNATURE_ALONE)
            except Exception as error:
                # The library raises several kinds. Once more with new keys: the provider may sign with another by now.
                _log.info("oidc.token_refused", error=type(error).__name__)
            else:
                return opened["header"], opened["payload"]
        raise RefusedError("wrong_token")

    async def _fetch_keys(self) -> list[jwt.PyJWK]:
        found = await self._discovered.get(_KEPT_S)
        try:
            published = await self._asked("GET", str(found["jwks_uri"]))
            asymmetric = [one for one in published["keys"] if one.get("kty") in _KEY_TYPES and one.get("use") != "enc"]
            return list(jwt.PyJWKSet(asymmetric))
        except (jwt.PyJWTError, ValueError, KeyError, TypeError, AttributeError):
            raise RefusedError("provider_unavailable") from None

    async def _discover(self) -> dict[str, Any]:
        found = await self._asked("GET", f"{self._settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration")
        complete = found.keys() >= _ENDPOINTS
        if not complete or found.get("issuer") != self._settings.oidc_issuer:
            _log.error("oidc.wrong_issuer", hint="IDENTITY_OIDC_ISSUER is not what its discovery document says")
            raise RefusedError("provider_unavailable")
        plain = self._settings.oidc_plain_http
        if not all(is_confidential(str(found[name]), plain_http_here=plain) for name in _ENDPOINTS):
            _log.error("oidc.plain_endpoint", hint="the discovery document names an address by plain http")
            raise RefusedError("provider_unavailable")
        return found

    async def _asked(
        self, method: str, address: str, form: Mapping[str, str] | None = None, auth: tuple[str, str] | None = None
    ) -> dict[str, Any]:
        try:
            answer = await self._http.request(method, address, data=form, auth=auth, timeout=_TIMEOUT_S)
            body = orjson.loads(answer.content)
        except (httpx.HTTPError, ValueError) as error:
            _log.warning("oidc.no_answer", error=type(error).__name__)
            raise RefusedError("provider_unavailable") from None
        if answer.is_client_error and method == "POST":
            if isinstance(body, dict) and body.get("error") in _CLIENT_REFUSED:
                _log.error("oidc.client_refused", hint="IDENTITY_OIDC_CLIENT_ID or _SECRET is not what it has for us")
                raise RefusedError("provider_unavailable")
            # A code that was used, or is somebody else's.
            raise RefusedError("wrong_token")
        if not answer.is_success or not isinstance(body, dict):
            raise RefusedError("provider_unavailable")
        return body

    def _sealed(self, login_state: LoginState) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        content = {name: getattr(login_state, name) for name in LoginState.__slots__}
        # In hexadecimal digits it would be larger than the 4 KB that browsers keep, where ``onward`` is long.
        return base64.urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, orjson.dumps(content), _PLACE)).decode()
