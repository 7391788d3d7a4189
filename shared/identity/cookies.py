"""Names of the cookies of signing in.

Each service has a token of its own, for it alone. Where browsers come by https the names begin with ``__Host-``: the
browser then takes them only from this very host, by https (RFC 6265bis, section 4.1.3.2); over plain http on this
machine it would take none of that name, so the plain names stay there and count for nobody who comes by https.
"""

from typing import Final

from starlette.requests import HTTPConnection

from shared.settings import PORTS

SERVICES: Final = tuple(PORTS)
"""The audiences of access tokens."""
_HOST: Final = "__Host-"
_SESSION: Final = "ieum_sid"
"""The session itself: identity answers to it, and notify has it renew its token."""


def over_https(connection: HTTPConnection) -> bool:
    """Return whether browsers reach this service by https, also behind a proxy that terminates it."""
    state = getattr(connection.scope.get("app"), "state", None)
    return connection.scope.get("scheme") in {"https", "wss"} or bool(getattr(state, "https", False))


def named(name: str, *, secure: bool) -> str:
    """The name of a cookie of ours that belongs to one host."""
    return f"{_HOST}{name}" if secure else name


def token_cookie(service: str, *, secure: bool = False) -> str:
    """The cookie with the access token of one service."""
    return named(f"ieum_{service}", secure=secure)


def session_cookie(*, secure: bool = False) -> str:
    """The cookie with the secret of the session."""
    return named(_SESSION, secure=secure)


def session_secret(connection: HTTPConnection) -> str | None:
    """The secret of the session that a browser carries."""
    return connection.cookies.get(session_cookie(secure=over_https(connection)))


OURS: Final = frozenset(
    name.encode()
    for secure in (False, True)
    for name in (session_cookie(secure=secure), *(token_cookie(service, secure=secure) for service in SERVICES))
)
"""Every cookie name that can carry a sign-in."""
