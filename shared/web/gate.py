"""The doors of HTTP routes: every route says which action it is, and who may do that is looked up in one table.

``Depends(OPEN)`` for what anybody may do, ``Depends(gate(Action.…))`` for staff. A route without a door is refused at
start (``unnamed``). Where the thing belongs to an organisation, the handler asks again with ``gate.demand``.
"""

import time
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import urlencode

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from structlog.stdlib import BoundLogger

from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.identity.source import REFUSED, Identity
from shared.settings import ServiceSettings
from shared.web.problems import Problem
from shared.web.translations import gettext_noop

NOTED_PER_MINUTE: Final = 60
"""Forged tokens that the audit hears of, of one service: a flood of them must not bury the rest."""
_FORGED: Final = frozenset({"bad_signature", "unknown_key", "wrong_kind", "claims"})
"""Not among them: what time alone makes of a good token, and what is no token at all."""

Refused = Callable[[Request, Principal | None, Action, str | None], None]
"""Told of everybody who was turned away: request, who (if known), what, of which organisation. For the audit."""


class Door:
    """A FastAPI dependency that names what a route does."""

    def __init__(self, action: Action) -> None:
        """``action`` is what the permission table is asked for."""
        self.action: Final = action


class OpenDoor(Door):
    """For what anybody may do."""

    async def __call__(self) -> None:
        """Lets everybody in."""


OPEN: Final = OpenDoor(Action.OPEN)


class Gate:
    """Makes the doors of one service."""

    def __init__(self, identity: Identity, settings: ServiceSettings, *, refused: Refused | None = None) -> None:
        """``settings`` say where people sign in; ``refused`` hears of everybody turned away."""
        self.identity: Final = identity
        self._urls = settings.public_urls
        self._sign_in = settings.public_urls.get("notify", "").rstrip("/")
        self._refused = refused
        self._noted = (0, 0)

    def __call__(self, action: Action) -> "StaffDoor":
        """The door of one action, as a dependency that gives the ``Principal``."""
        return StaffDoor(self, action)

    async def admit(self, request: Request, action: Action) -> Principal:
        """Who it is. Raises Problem 401 or 403; on a page, a 303 to the sign-in page."""
        principal = await self.known(request)
        if principal is None:
            self._forged(request, action)
            raise self._unknown(request)
        # Before the question, so that the page that says no shows who is signed in.
        request.state.principal = principal
        self.demand(request, principal, action)
        return principal

    async def known(self, request: Request) -> Principal | None:
        """Who sends the request, as far as tokens say; notify's own gate renews here."""
        return self.identity.principal_of(request)

    def demand(self, request: Request, principal: Principal, action: Action, organisation: str | None = None) -> None:
        """Raises Problem 403 ``not_allowed`` unless they may do this to what belongs to the organisation."""
        if principal.may(action, organisation):
            return
        if self._refused is not None:
            self._refused(request, principal, action, organisation)
        raise Problem(403, "not_allowed", gettext_noop("Your role at your organisation does not allow this."))

    def _forged(self, request: Request, action: Action) -> None:
        """Whoever comes with a token that nobody ever signed tries to reach something; who brings none asks."""
        if self._refused is None or getattr(request.state, REFUSED, None) not in _FORGED:
            return
        minute = int(time.monotonic() // 60)
        noted = self._noted[1] if self._noted[0] == minute else 0
        if noted < NOTED_PER_MINUTE:
            self._noted = (minute, noted + 1)
            self._refused(request, None, action, None)

    def _unknown(self, request: Request) -> Exception:
        if self.identity.check() is not None:
            # Saying that they are not signed in would be untrue: nobody here can know yet.
            return Problem(
                503, "unavailable", gettext_noop("Sign-ins cannot be verified yet. Please try again."), retry_after=2
            )
        page = not request.url.path.startswith("/api/") and request.method in {"GET", "HEAD"}
        if page and self._sign_in:
            return HTTPException(
                303, headers={"Location": f"{self._sign_in}/session?{urlencode({'next': self._here(request)})}"}
            )
        return Problem(
            401,
            "not_signed_in",
            gettext_noop("Sign in, or send an access token as “Authorization: Bearer …”."),
            headers={"WWW-Authenticate": 'Bearer realm="ieum"'},
        )

    def _here(self, request: Request) -> str:
        # By the configured address where there is one: the Host header is the caller's to choose.
        base = self._urls.get(getattr(request.app.state, "service", ""), "").rstrip("/")
        query = f"?{request.url.query}" if request.url.query else ""
        return f"{base}{request.url.path}{query}" if base else str(request.url)


class StaffDoor(Door):
    """For one action of staff."""

    def __init__(self, gate: Gate, action: Action) -> None:
        """Made by ``Gate``."""
        super().__init__(action)
        self._gate = gate

    async def __call__(self, request: Request) -> Principal:
        """Who it is, if they may."""
        return await self._gate.admit(request, self.action)


def logged(logger: BoundLogger, service: str) -> Refused:
    """A ``refused`` for services that keep no audit: the log is enough where nothing personal is shown or changed."""

    def refused(request: Request, principal: Principal | None, action: Action, organisation: str | None) -> None:
        del request  # its address may hold a report's number
        subject = principal.subject if principal is not None else None
        logger.warning(f"{service}.not_allowed", subject=subject, action=action.value, organisation=organisation)

    return refused


class Entry(NamedTuple):
    """One route of an application as a permission test sees it."""

    methods: tuple[str, ...]
    path: str
    actions: tuple[Action, ...]
    """What its doors name; there should be exactly one."""
    in_schema: bool


def entries(app: FastAPI) -> list[Entry]:
    """Every route of an application, infrastructure included, with the actions it names."""
    found = []
    for route in iter_route_contexts(app.routes):
        actions = tuple(sorted({door.action for door in _doors(getattr(route, "dependant", None))}))
        methods = tuple(sorted((route.methods or set()) - {"HEAD"})) or ("MOUNT",)
        found.append(Entry(methods, route.path or "", actions, bool(getattr(route, "include_in_schema", False))))
    return found


def unnamed(app: FastAPI) -> list[str]:
    """Routes that name no action or several: ``METHOD path``. For a test, and for the start."""
    return sorted(f"{'/'.join(entry.methods)} {entry.path}" for entry in entries(app) if len(entry.actions) != 1)


def _doors(dependant: Dependant | None) -> list[Door]:
    found: list[Door] = []
    waiting = [dependant] if dependant is not None else []
    while waiting:
        one = waiting.pop()
        call: object = one.call
        if isinstance(call, Door):
            found.append(call)
        waiting += one.dependencies
    return found
