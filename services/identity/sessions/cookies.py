"""The cookies of a sign-in, and where somebody may be sent afterwards."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

from services.identity.sessions.service import IDENTITY, Issued
from shared.identity.cookies import OURS, SERVICES, named, over_https, session_cookie
from shared.web.session_renewal import set_token

PASSKEY_COOKIE: Final = "ieum_passkey"
"""Binds a passkey's challenge to the browser that asked for it, before there is a session."""
REGISTER_COOKIE: Final = "ieum_register"
"""Lets whoever gave both factors register a missing passkey."""
_SHORT_S: Final = 15 * 60
_DEVICE: Final = "ieum_device"
_DEVICE_S: Final = 180 * 24 * 3600
_LONGEST: Final = 2000


def set_session(response: Response, issued: Issued, *, secure: bool) -> None:
    """Give both cookies of a sign-in; they go when the browser is closed. What its attempt needed goes now."""
    drop_all_short(response, secure=secure)
    set_token(response, IDENTITY, issued.token, secure=secure)
    response.set_cookie(
        session_cookie(secure=secure), issued.secret, path="/", httponly=True, samesite="strict", secure=secure
    )


def set_device(response: Response, value: str, *, secure: bool) -> None:
    """Make this browser known; signs nobody in."""
    response.set_cookie(
        named(_DEVICE, secure=secure),
        value,
        max_age=_DEVICE_S,
        path="/",
        httponly=True,
        samesite="strict",
        secure=secure,
    )


def set_short(response: Response, name: str, value: str, *, secure: bool) -> None:
    """Give a cookie for the next minutes of a sign-in."""
    name = named(name, secure=secure)
    response.set_cookie(name, value, max_age=_SHORT_S, path="/", httponly=True, samesite="strict", secure=secure)


def short_of(request: HTTPConnection, name: str) -> str:
    """Read such a cookie; empty if there is none."""
    return request.cookies.get(named(name, secure=over_https(request)), "")


def drop_short(response: Response, name: str, *, secure: bool) -> None:
    """Take such a cookie back."""
    name = named(name, secure=secure)
    response.delete_cookie(name, path="/", httponly=True, samesite="strict", secure=secure)


def drop_all_short(response: Response, *, secure: bool) -> None:
    """Take back every cookie of a sign-in that was not finished."""
    for name in (PASSKEY_COOKIE, REGISTER_COOKIE):
        drop_short(response, name, secure=secure)


def device_of(request: HTTPConnection) -> str:
    """Read the cookie that makes this browser known; empty if there is none."""
    return request.cookies.get(named(_DEVICE, secure=over_https(request)), "")


def clear(response: Response) -> None:
    """Take back the session and the tokens of every service that this host shares cookies with."""
    for secure in (False, True):
        drop_all_short(response, secure=secure)
    for name in sorted(OURS):
        # Browsers take nothing back under a name with __Host- that is not marked so.
        response.delete_cookie(
            name.decode(), path="/", httponly=True, samesite="strict", secure=name.startswith(b"__Host-")
        )


def onward(wanted: str, urls: Mapping[str, str]) -> str:
    """Return where to go after signing in: an address of one of our services, else the console. Never anywhere else."""
    home = urls.get("notify", "").rstrip("/") + "/"
    if len(wanted) > _LONGEST or not wanted.isprintable() or "\\" in wanted or wanted != wanted.strip():
        return home
    if wanted.startswith("/") and not wanted.startswith("//"):
        return wanted if _leads_on(wanted) else home
    try:
        parts = urlsplit(wanted)
        ours = _origin(wanted) in {_origin(url) for url in urls.values()}
    except ValueError:
        return home
    if parts.scheme not in {"http", "https"} or parts.username is not None or not ours:
        return home
    return wanted if _leads_on(parts.path or "/") else home


def service_at(address: str, urls: Mapping[str, str]) -> str:
    """The service that an address of ours belongs to; identity's own pages where it is none of another."""
    found = [
        name
        for name, url in urls.items()
        if name in SERVICES
        and _origin(url) == _origin(address)
        and (urlsplit(address).path or "/").startswith(urlsplit(url).path)
    ]
    return max(found, key=lambda name: len(urlsplit(urls[name]).path), default=IDENTITY)


def _leads_on(path: str) -> bool:
    # Back to the sign-in page, or to a page that begins with a form, would go in circles.
    return not any(path.startswith(start) for start in _CIRCLES)


_CIRCLES: Final = ("/session", "/invitation", "/oidc/", "/api/")


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme.lower())
    return parts.scheme.lower(), (parts.hostname or "").lower(), port
