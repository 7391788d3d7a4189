"""The staff directory for notify, which shows names at work; not for staff, and not on the bus."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header
from starlette.requests import Request
from starlette.responses import Response

from services.identity.accounts.repository import AccountStore
from services.identity.accounts.rules import usable
from services.identity.problems import unavailable
from shared.clock import Clock
from shared.errors import TransientError
from shared.identity.directory import PATH, Colleague, Directory
from shared.identity.roles import Action
from shared.identity.source import bearer_of
from shared.web.authorization import ActionDependency
from shared.web.problems import Problem
from shared.web.translations import gettext_noop

FRESH_S: Final = 30.0
"""So long the directory is not read again unless an account changed: seals of accounts count anew then."""
_HEADERS: Final = {"WWW-Authenticate": 'Bearer realm="ieum-directory"'}


class ServiceAccess(ActionDependency):
    """The dependency of a route for another service, which shows the key they share."""

    def __init__(self, key: str) -> None:
        """The key as both have it in their settings."""
        super().__init__(Action.SERVICE)
        self._key = key.encode()

    async def __call__(self, request: Request) -> None:
        """Raise Problem 401 unless the key is right."""
        given = bearer_of(request)
        if given is None:
            raise Problem(401, "no_credential", gettext_noop("This is for another service."), headers=_HEADERS)
        if not hmac.compare_digest(given.encode(), self._key):
            raise Problem(401, "wrong_credential", gettext_noop("This is for another service."), headers=_HEADERS)


@dataclass(frozen=True, slots=True)
class _Read:
    """The directory as last read: when, and how the accounts stood before."""

    content: bytes
    tag: str
    at: float
    state: tuple[int, int]


def directory_router(store: AccountStore, key: str, clock: Clock) -> APIRouter:
    """``/api/v1/identity/staff``; 304 while nothing changed."""
    router = APIRouter(include_in_schema=False, dependencies=[Depends(ServiceAccess(key))])
    known: _Read | None = None

    @router.get(PATH)
    async def staff(if_none_match: Annotated[str, Header(max_length=100)] = "") -> Response:
        nonlocal known
        at = clock.monotonic()
        try:
            state = await store.state()
            if known is None or known.state != state or at - known.at >= FRESH_S:
                content = (await everybody(store)).model_dump_json().encode()
                known = _Read(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"', at, state)
        except TransientError:
            raise unavailable() from None
        content, tag = known.content, known.tag
        if tag == if_none_match:
            return Response(status_code=304, headers={"ETag": tag})
        return Response(content, media_type="application/json", headers={"ETag": tag})

    return router


async def everybody(store: AccountStore) -> Directory:
    """Every account that is as identity wrote it. Raises ``TransientError``."""
    found: list[Colleague] = []
    after = ""
    while page := await store.of(None, after):
        after = page[-1].name
        found += [
            Colleague(
                subject=account.subject,
                display=account.display,
                organisation=account.organisation,
                roles=account.roles,
                active=usable(account),
            )
            for account in page
            if not account.altered
        ]
    return Directory(staff=tuple(found))
