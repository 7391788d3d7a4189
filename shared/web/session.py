"""The sign-in cookie until accounts exist: when it was given and a proof that the shared token was known.

No state: every service that knows the token accepts the cookie, and the token itself is never in a browser.
"""

import hashlib
import hmac
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr
from starlette.requests import HTTPConnection
from starlette.responses import Response

from shared.web.networks import network_of
from shared.web.same_origin import SESSION_COOKIE
from shared.web.translations import gettext_noop

LASTS: Final = timedelta(hours=10)
"""One shift with some room; then the person signs in again."""

_CLOCK_SKEW: Final = timedelta(minutes=5)
_MAX_FAILURES: Final = 10
_FAILURE_WINDOW: Final = timedelta(minutes=5)
_MAX_CALLERS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Staff:
    """Who is signed in. Until accounts exist everybody is the one demo member of staff."""

    subject: str
    name: str


DEMO: Final = Staff(subject="demo", name=gettext_noop("Demo staff"))


def usable(token: SecretStr | None) -> SecretStr | None:
    """The token, or None where it is unset or empty: an empty token must open nothing."""
    return token if token is not None and token.get_secret_value().strip() else None


def same_token(given: str, token: SecretStr) -> bool:
    """Whether a given token is the right one, in a time that does not depend on how nearly."""
    return hmac.compare_digest(_digest(given), _digest(token.get_secret_value()))


def cookie_value(token: SecretStr, now: datetime) -> str:
    """A fresh cookie: seconds since 1970, and a keyed hash of them."""
    issued = str(int(now.timestamp()))
    return f"{issued}.{_proof(token, issued)}"


def valid_cookie(value: str, token: SecretStr, now: datetime) -> bool:
    """Whether the cookie is ours and not too old."""
    issued, _, proof = value.partition(".")
    if not (issued.isascii() and issued.isdigit() and len(issued) <= 12):  # noqa: PLR2004  # digits of a second until the year 33658
        return False
    if not hmac.compare_digest(proof.encode(), _proof(token, issued).encode()):
        return False
    age = now.timestamp() - int(issued)
    return -_CLOCK_SKEW.total_seconds() <= age <= LASTS.total_seconds()


def signed_in(request: HTTPConnection, token: SecretStr | None, now: datetime) -> Staff | None:
    """Who sends this request, by bearer token or cookie; None where neither is good or no token is set."""
    token = usable(token)
    if token is None:
        return None
    bearer = bearer_of(request)
    if bearer is not None and same_token(bearer, token):
        return DEMO
    cookie = request.cookies.get(SESSION_COOKIE)
    return DEMO if cookie and valid_cookie(cookie, token, now) else None


def bearer_of(request: HTTPConnection) -> str | None:
    """The token of an ``Authorization: Bearer`` header."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else None


def set_cookie(response: Response, value: str, *, secure: bool) -> None:
    """Gives the cookie: not readable by scripts, never sent from other sites."""
    response.set_cookie(
        SESSION_COOKIE,
        value,
        max_age=int(LASTS.total_seconds()),
        path="/",
        httponly=True,
        samesite="strict",
        secure=secure,
    )


def clear_cookie(response: Response) -> None:
    """Takes the cookie back."""
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="strict")


class Attempts:
    """Counts failed sign-ins per network, in memory: 10 within 5 minutes, then wait.

    Against load, not against guessing: tokens are too long to guess, and a right one passes without asking here.
    """

    def __init__(self) -> None:
        self._failures: OrderedDict[str, list[datetime]] = OrderedDict()

    def wait(self, host: str | None, now: datetime) -> int:
        """Seconds until the caller's network may try again; 0 when it may now."""
        caller = network_of(host)
        recent = [at for at in self._failures.get(caller, ()) if now - at < _FAILURE_WINDOW]
        if len(recent) < _MAX_FAILURES:
            return 0
        return max(1, int((recent[-_MAX_FAILURES] + _FAILURE_WINDOW - now).total_seconds()) + 1)

    def failed(self, host: str | None, now: datetime) -> None:
        """One more failure. The oldest callers are forgotten when there are too many."""
        caller = network_of(host)
        recent = [at for at in self._failures.pop(caller, ()) if now - at < _FAILURE_WINDOW]
        self._failures[caller] = [*recent[-_MAX_FAILURES:], now]
        while len(self._failures) > _MAX_CALLERS:
            self._failures.popitem(last=False)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _proof(token: SecretStr, issued: str) -> str:
    return hmac.new(token.get_secret_value().encode(), f"ieum session {issued}".encode(), hashlib.sha256).hexdigest()
