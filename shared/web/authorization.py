"""Authorization of HTTP routes: each route names one action, and one table says which roles may do it.

``Depends(OPEN)`` makes a route public, ``Depends(authorize(Action.…))`` is for staff. The application does not
start with a route that names no action or several. For what belongs to an organisation the handler also calls
``authorize.require``.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from structlog.stdlib import BoundLogger

from shared import log
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.identity.source import REFUSED, Identity
from shared.settings import ServiceSettings
from shared.web.documented import Documented
from shared.web.problems import Problem, wants_page
from shared.web.translations import gettext_noop

RECORDED_PER_MINUTE: Final = 60
"""Most forged tokens one service writes to the audit log: a flood of them must not bury the rest."""
_FORGED: Final = frozenset({"bad_signature", "unknown_key", "wrong_kind", "claims"})
"""Not among them: expired tokens, and values that are no token."""

_NOT_TAKEN: Final = gettext_noop("You are not signed in. What you just sent was not taken: sign in and do it again.")
_NOT_VERIFIED: Final = gettext_noop("Sign-ins cannot be verified yet. Please try again.")
_log = log.get(__name__)

OnDenied = Callable[[Request, Principal | None, Action, str | None], None]
"""Called for each denied request, for the audit: request, principal (if known), action, organisation."""


class ActionDependency(Documented):
    """A FastAPI dependency that names the action of a route."""

    def __init__(self, action: Action) -> None:
        """``action`` is looked up in the table of permissions."""
        self.action: Final = action


class PublicAccess(ActionDependency):
    """The dependency of a public route."""

    async def __call__(self) -> None:
        """Allow every request."""

    def describe(self, operation: dict[str, Any], components: dict[str, Any]) -> None:
        """No credential is needed."""
        del components
        operation["security"] = []


OPEN: Final = PublicAccess(Action.OPEN)
FOR_STAFF: Final = "for_staff"
"""In ``request.state``: True once a route for staff was asked, so that a refusal stands in their layout."""


class Authorizer:
    """Makes the authorization dependencies of one service."""

    def __init__(self, identity: Identity, settings: ServiceSettings, *, on_denied: OnDenied | None = None) -> None:
        """``settings`` hold the address of the sign-in page; ``on_denied`` is called for each denied request."""
        self.identity: Final = identity
        self._urls = settings.public_urls
        self._sign_in = settings.public_urls.get("identity", "").rstrip("/")
        self._on_denied = on_denied
        self._recorded = (0, 0)
        self._step_up = timedelta(minutes=settings.step_up_minutes)

    def __call__(self, action: Action, *, back: str | None = None) -> "StaffDependency":
        """The dependency for one action; it gives the ``Principal``.

        ``back``: only with a recent second factor. Who has none is led to where it is shown, and from there to this
        path, whose holes are filled from the route's.
        """
        return StaffDependency(self, action, back)

    async def check(self, request: Request, action: Action) -> Principal:
        """Return the principal. Raises Problem 401 or 403; on a page, a 303 to the sign-in page."""
        setattr(request.state, FOR_STAFF, True)
        principal = await self.authenticate(request)
        if principal is None:
            self._record_forged(request, action)
            raise self._unauthenticated(request)
        # Before the check, so that the page that denies access shows who is signed in.
        request.state.principal = principal
        self.require(request, principal, action)
        return principal

    async def authenticate(self, request: Request) -> Principal | None:
        """Return the principal of the request's token; ``RenewingAuthorizer`` also renews an ended one here."""
        return self.identity.principal_of(request)

    def require(self, request: Request, principal: Principal, action: Action, organisation: str | None = None) -> None:
        """Raise Problem 403 ``not_allowed`` unless the principal may do this to what belongs to the organisation."""
        if principal.may(action, organisation):
            return
        if self._on_denied is not None:
            self._on_denied(request, principal, action, organisation)
        raise Problem(403, "not_allowed", gettext_noop("Your role at your organisation does not allow this."))

    def require_recent(self, request: Request, principal: Principal, back: str, *, urgent: bool = False) -> None:
        """Raise unless the principal showed a second factor lately: Problem 401 ``step_up_needed`` (RFC 9470).

        On a page: a 303 to where it is shown, which leads on to ``back``. ``urgent``: not asked while identity does not
        answer: no one could show one then, and a reporter waits for help.
        """
        if self.identity.confirmed_within(principal, self._step_up):
            return
        if urgent and not self.identity.fresh():
            _log.warning("identity.step_up_waived", subject=principal.subject)
            return
        if not request.url.path.startswith("/api/") and self._sign_in:
            base = self._urls.get(getattr(request.app.state, "service", ""), "").rstrip("/")
            query = urlencode({"next": f"{base}{back}"})
            raise HTTPException(303, headers={"Location": f"{self._sign_in}/session/confirm?{query}"})
        challenge = f'Bearer error="insufficient_user_authentication", max_age="{int(self._step_up.total_seconds())}"'
        raise Problem(
            401,
            "step_up_needed",
            gettext_noop(
                "Show your second factor again: POST session and code to /api/v1/session/confirm of identity, then"
                " repeat this with the token from there."
            ),
            headers={"WWW-Authenticate": challenge},
        )

    def _record_forged(self, request: Request, action: Action) -> None:
        """Record a forged token; a request without a token is not recorded."""
        if self._on_denied is None or getattr(request.state, REFUSED, None) not in _FORGED:
            return
        minute = int(time.monotonic() // 60)
        recorded = self._recorded[1] if self._recorded[0] == minute else 0
        if recorded < RECORDED_PER_MINUTE:
            self._recorded = (minute, recorded + 1)
            self._on_denied(request, None, action, None)

    def _unauthenticated(self, request: Request) -> Exception:
        if self.identity.check() is not None:
            # Not 401: without keys no token can be verified yet.
            return Problem(503, "unavailable", _NOT_VERIFIED, retry_after=2)
        page = not request.url.path.startswith("/api/") or wants_page(request)
        asks = request.method in {"GET", "HEAD"}
        if page and asks and self.identity.is_behind():
            # A new token would not count here either: signing in would lead back in a circle.
            return Problem(503, "unavailable", _NOT_VERIFIED, retry_after=2)
        if page and asks and self._sign_in:
            return HTTPException(
                303, headers={"Location": f"{self._sign_in}/session?{urlencode({'next': self._public_url(request)})}"}
            )
        return Problem(
            401,
            "not_signed_in",
            _NOT_TAKEN
            if page and not asks
            else gettext_noop("Sign in, or send an access token as “Authorization: Bearer …”."),
            headers={"WWW-Authenticate": 'Bearer realm="ieum"'},
        )

    def _public_url(self, request: Request) -> str:
        # The configured address where there is one: the caller chooses the Host header.
        base = self._urls.get(getattr(request.app.state, "service", ""), "").rstrip("/")
        query = f"?{request.url.query}" if request.url.query else ""
        return f"{base}{request.url.path}{query}" if base else str(request.url)


class StaffDependency(ActionDependency):
    """The dependency of a route for staff."""

    problems = ("not_signed_in", "not_allowed")

    def __init__(self, authorizer: Authorizer, action: Action, back: str | None = None) -> None:
        """Made by ``Authorizer.__call__``."""
        super().__init__(action)
        self._authorizer = authorizer
        self._back = back

    async def __call__(self, request: Request) -> Principal:
        """Return the principal if their roles allow the action."""
        principal = await self._authorizer.check(request, self.action)
        if self._back is not None:
            holes = {name: quote(str(value), safe="") for name, value in request.path_params.items()}
            self._authorizer.require_recent(request, principal, self._back.format_map(holes))
        return principal

    def describe(self, operation: dict[str, Any], components: dict[str, Any]) -> None:
        """Describe the token or session of a principal who may do this."""
        del components
        operation["security"] = [{"staffToken": [self.action.value]}, {"staffSession": [self.action.value]}]


def log_denied(logger: BoundLogger, service: str) -> OnDenied:
    """An ``OnDenied`` for services without an audit log, which show and change nothing personal."""

    def on_denied(request: Request, principal: Principal | None, action: Action, organisation: str | None) -> None:
        del request  # its URL may contain a report id
        subject = principal.subject if principal is not None else None
        logger.warning(f"{service}.access_denied", subject=subject, action=action.value, organisation=organisation)

    return on_denied


class RouteActions(NamedTuple):
    """The actions that one route of an application names."""

    methods: tuple[str, ...]
    path: str
    actions: tuple[Action, ...]
    """There should be exactly one."""
    in_schema: bool


def route_actions(app: FastAPI) -> list[RouteActions]:
    """Every route of an application, infrastructure included, with the actions it names."""
    found = []
    for route in iter_route_contexts(app.routes):
        actions = tuple(sorted({one.action for one in _dependencies(getattr(route, "dependant", None))}))
        methods = tuple(sorted((route.methods or set()) - {"HEAD"})) or ("MOUNT",)
        found.append(RouteActions(methods, route.path or "", actions, bool(getattr(route, "include_in_schema", False))))
    return found


def routes_without_one_action(app: FastAPI) -> list[str]:
    """Routes that name no action or several: ``METHOD path``. For a test, and for the start."""
    return sorted(f"{'/'.join(entry.methods)} {entry.path}" for entry in route_actions(app) if len(entry.actions) != 1)


def _dependencies(dependant: Dependant | None) -> list[ActionDependency]:
    found: list[ActionDependency] = []
    waiting = [dependant] if dependant is not None else []
    while waiting:
        one = waiting.pop()
        call: object = one.call
        if isinstance(call, ActionDependency):
            found.append(call)
        waiting += one.dependencies
    return found
