"""Renewing a session whose access token has ended: on the spot, not by way of the sign-in page.

A console's stream and a form that was open for a while must not end in a refusal because ten minutes are over.
"""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, Protocol

import httpx
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import TransientError
from shared.identity.cookies import over_https, session_secret, token_cookie
from shared.identity.principal import Principal
from shared.identity.source import Identity, bearer_of
from shared.settings import ServiceSettings
from shared.tls import trusted_authorities
from shared.web.authorization import Authorizer, OnDenied
from shared.web.middleware import COOKIES

PATH: Final = "/api/v1/session/renew"
_TIMEOUT_S: Final = 2.0
"""Short: a person waits for the answer."""


class Renewed(Protocol):
    """Result of a renewal."""

    @property
    def token(self) -> str:
        """The new access token."""

    @property
    def principal(self) -> Principal:
        """Whom it speaks for."""


Renew = Callable[[str], Awaitable[Renewed | None]]
"""A new token for the secret of a session; None where it is over. Raises ``TransientError``."""


class RenewingAuthorizer(Authorizer):
    """Renews an expired token where the session's cookie is good; other services send people to the sign-in page."""

    def __init__(
        self,
        identity: Identity,
        settings: ServiceSettings,
        renew: Renew,
        *,
        service: str,
        on_denied: OnDenied | None = None,
    ) -> None:
        """``service`` is the one whose pages the cookie is for; the rest as for any authorizer."""
        super().__init__(identity, settings, on_denied=on_denied)
        self._renew = renew
        self._service = service

    async def authenticate(self, request: Request) -> Principal | None:
        """Authenticate by token, else by session."""
        principal = self.identity.principal_of(request)
        secret = session_secret(request)
        if (principal is not None and not principal.stale) or not secret or bearer_of(request) is not None:
            return principal
        try:
            renewed = await self._renew(secret)
        except TransientError:
            return principal
        if renewed is None:
            return None
        carrier = Response()
        set_token(carrier, self._service, renewed.token, secure=over_https(request))
        setattr(request.state, COOKIES, [value for name, value in carrier.raw_headers if name == b"set-cookie"])
        return renewed.principal


def set_token(response: Response, service: str, token: str, *, secure: bool) -> None:
    """Set the cookie of a token for one service.

    It has no end of its own: a token past its time still counts while identity is away.
    """
    name = token_cookie(service, secure=secure)
    response.set_cookie(name, token, path="/", httponly=True, samesite="strict", secure=secure)


class _ByIdentity(NamedTuple):
    """A renewal that identity gave."""

    token: str
    principal: Principal


def over_http(
    base_url: str, identity: Identity, service: str, transport: httpx.AsyncBaseTransport | None = None
) -> Renew:
    """Fetch tokens for ``service`` at identity's address. While identity does not answer, no request waits for one.

    ``transport`` is for tests.
    """
    client = httpx.AsyncClient(
        base_url=base_url.rstrip("/"), timeout=_TIMEOUT_S, transport=transport, verify=trusted_authorities()
    )

    async def renew(secret: str) -> Renewed | None:
        if not identity.fresh():
            raise TransientError("identity does not answer")
        try:
            answer = await client.post(PATH, json={"session": secret, "audience": service})
        except httpx.HTTPError:
            raise TransientError("identity does not answer") from None
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            return None
        token = _token_of(answer) if answer.is_success else ""
        principal = identity.verify(token)
        if principal is None:
            raise TransientError("identity gave no token that counts")
        return _ByIdentity(token, principal)

    return renew


def _token_of(answer: httpx.Response) -> str:
    """The token of an answer; empty where it is no answer of identity's, such as a proxy's page."""
    try:
        return str(answer.json()["token"])
    except (ValueError, KeyError, TypeError):
        return ""
