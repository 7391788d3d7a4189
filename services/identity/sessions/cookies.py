"""The cookies of a sign-in, the authorizer that renews them, and where somebody may be sent afterwards."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from services.identity.sessions.service import Issued, Sessions
from shared.errors import TransientError
from shared.identity.principal import Principal
from shared.identity.source import TOKEN_COOKIE, Identity, bearer_of
from shared.settings import ServiceSettings
from shared.web.authorization import Authorizer, OnDenied
from shared.web.middleware import COOKIES
from shared.web.same_origin import SID_COOKIE

DEVICE_COOKIE: Final = "ieum_device"
_DEVICE_S: Final = 180 * 24 * 3600
_LONGEST: Final = 2000


class RenewingAuthorizer(Authorizer):
    """Renews an expired token on the spot where the session's cookie is good; other services send people here."""

    def __init__(
        self,
        identity: Identity,
        settings: ServiceSettings,
        sessions: Sessions,
        *,
        on_denied: OnDenied | None = None,
        service: str = "notify",
    ) -> None:
        """``sessions`` renew; the rest as for any ``Authorizer``."""
        super().__init__(identity, settings, on_denied=on_denied)
        self._sessions = sessions
        self._https = settings.served_by_https(service)

    async def authenticate(self, request: Request) -> Principal | None:
        """Who it is, by token, else by session."""
        principal = self.identity.principal_of(request)
        secret = request.cookies.get(SID_COOKIE)
        if (principal is not None and not principal.stale) or not secret or bearer_of(request) is not None:
            return principal
        try:
            issued = await self._sessions.renew(secret)
        except TransientError:
            return principal
        if issued is None:
            return None
        carrier = Response()
        set_token(carrier, issued, secure=self._https or request.url.scheme == "https")
        setattr(request.state, COOKIES, [value for name, value in carrier.raw_headers if name == b"set-cookie"])
        return issued.principal


def set_token(response: Response, issued: Issued, *, secure: bool) -> None:
    """Give the token's cookie. It has no end of its own: a token past its time still counts while notify is away."""
    response.set_cookie(TOKEN_COOKIE, issued.token, path="/", httponly=True, samesite="strict", secure=secure)


def set_session(response: Response, issued: Issued, *, secure: bool) -> None:
    """Give both cookies of a sign-in; they go when the browser is closed."""
    set_token(response, issued, secure=secure)
    response.set_cookie(SID_COOKIE, issued.secret, path="/", httponly=True, samesite="strict", secure=secure)


def set_device(response: Response, value: str, *, secure: bool) -> None:
    """Make this browser known; signs nobody in."""
    response.set_cookie(
        DEVICE_COOKIE, value, max_age=_DEVICE_S, path="/", httponly=True, samesite="strict", secure=secure
    )


def clear(response: Response) -> None:
    """Take both cookies back."""
    for name in (TOKEN_COOKIE, SID_COOKIE):
        response.delete_cookie(name, path="/", httponly=True, samesite="strict")


def onward(wanted: str, urls: Mapping[str, str]) -> str:
    """Where to go after signing in: an address of one of our services, else the console. Never anywhere else."""
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


def _leads_on(path: str) -> bool:
    # Back to the sign-in page, or to a page that begins with a form, would go in circles.
    return not any(path.startswith(start) for start in _CIRCLES)


_CIRCLES: Final = ("/session", "/invitation", "/oidc/", "/api/")


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme.lower())
    return parts.scheme.lower(), (parts.hostname or "").lower(), port
