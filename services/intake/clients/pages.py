"""``/clients``: the administrator's page of front ends. A secret is shown once, in the answer that made it."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final, NamedTuple

from fastapi import APIRouter, Depends, Form, Path, Request, Response
from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse

from services.intake.clients.models import CLIENT_ID, MOST_PER_MINUTE, PER_MINUTE
from services.intake.clients.repository import ClientError
from services.intake.clients.service import RESERVED, ClientService
from services.intake.problems import RETRY_SECONDS
from shared.audit.entries import by_staff, where_of
from shared.audit.model import AuditOutcome
from shared.audit.store import AuditLog
from shared.centers import CENTRAL
from shared.errors import TransientError
from shared.identity.principal import Principal
from shared.identity.roles import Action, Scope
from shared.jobs import Skipped
from shared.web.authorization import Authorizer
from shared.web.pages import Pages
from shared.web.problems import Problem
from shared.web.translations import gettext_noop as n

SCOPES: Final[dict[str, str]] = {
    Scope.REPORTS_SUBMIT: n("Lodge reports"),
    Scope.RECEIPTS_READ: n("Ask for the status with a receipt"),
    Scope.RECEIPTS_WRITE: n("Leave messages, add and withdraw with a receipt"),
    Scope.REPORTS_DRILL: n("Only try it out: nothing but drills of its own"),
}
_SAID: Final[dict[str, str]] = {
    "exists": n("There is a front end with this id already."),
    "unknown_client": n("There is no such front end."),
    "changed_meanwhile": n("Somebody else changed it a moment ago. Please look again."),
    "old_secret": n("Two secrets of it are in use. End the old one first, once every machine of it has the new one."),
    "not_authentic": n("It was changed in the store, not by us, so it is refused. Ask whoever runs the system."),
    "bad_id": n("An id has lower-case letters, digits and hyphens, begins with a letter, and is no form of our own."),
    "drill_stands_alone": n("A front end for trying it out may do nothing else. Make another one for real reports."),
    "no_scope": n("Choose at least one thing it may do."),
}
_AT_FAULT: Final = {"exists": "client_id", "bad_id": "client_id", "no_scope": "scopes", "drill_stands_alone": "scopes"}
"""The field of a new front end that each of these is about."""
FORM_LABELS: Final = {"per_minute": n("Requests a minute, at most")}
"""The field that a browser without the checks of the form may send wrongly: ``create_app``."""
_AWAY: Final = n("Nothing was changed, since the store or the audit does not answer. Please try again in a moment.")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
ClientId = Annotated[str, Path(max_length=40, pattern=CLIENT_ID.pattern)]


class _Typed(NamedTuple):
    """What was typed of a new front end."""

    client_id: str = ""
    name: str = ""
    scopes: tuple[Scope, ...] = ()
    per_minute: int = PER_MINUTE


def router(pages: Pages, client_service: ClientService, authorize: Authorizer, audit: AuditLog) -> APIRouter:
    """The routes of front ends, for administrators of ``central`` and the ministry."""
    # With a recent second factor: whoever holds a front end's secret reads and withdraws what it submitted.
    administrator = Depends(authorize(Action.CLIENTS_MANAGE, back="/clients"))

    async def admitted(request: Request, principal: Principal, act: str, client_id: str = "") -> None:
        # Front ends belong to the whole system: an administrator of one centre has no say in them.
        authorize.require(request, principal, Action.CLIENTS_MANAGE, CENTRAL)
        detail = {"client": client_id} if client_id else {}
        at = audit.clock.now()
        await audit.append(
            by_staff(
                where_of(request),
                principal,
                Action.CLIENTS_MANAGE,
                at=at,
                reason=act,
                outcome=AuditOutcome.DONE,
                **detail,
            )
        )

    async def page(
        request: Request, *, credential: str = "", error: str = "", status: int = 200, typed: _Typed | None = None
    ) -> Response:
        skipped = Skipped("clients-page")
        return pages.render(
            request,
            "clients.html",
            status=status,
            clients=await client_service.clients.all(skipped),
            refused=sorted(skipped.references),
            why_refused=_SAID["not_authentic"],
            credential=credential,
            error=_SAID.get(error, ""),
            scopes=SCOPES,
            scope_options=[(scope, pages.gettext(request)(text)) for scope, text in SCOPES.items()],
            typed=typed or _Typed(),
            at_fault=_AT_FAULT.get(error, ""),
            **({"shown_once": True} if credential else {}),
        )

    class Route(APIRoute):
        """Says what is not possible on the page of front ends, and 503 where the store or the audit is away."""

        def get_route_handler(self) -> Handler:
            handle = super().get_route_handler()

            async def handled(request: Request) -> Response:
                try:
                    try:
                        return await handle(request)
                    except ClientError as error:
                        return await page(request, error=error.code, status=409)
                except TransientError:
                    raise Problem(503, "unavailable", _AWAY, retry_after=RETRY_SECONDS) from None

            return handled

    routes = APIRouter(include_in_schema=False, route_class=Route)

    @routes.get("/clients")
    async def listed(request: Request, principal: Annotated[Principal, administrator]) -> Response:
        await admitted(request, principal, "list")
        return await page(request)

    @routes.post("/clients")
    async def add(
        request: Request,
        principal: Annotated[Principal, administrator],
        client_id: Annotated[str, Form(max_length=100)] = "",
        name: Annotated[str, Form(max_length=100)] = "",
        scopes: Annotated[list[Scope] | None, Form()] = None,
        per_minute: Annotated[int, Form(ge=1, le=MOST_PER_MINUTE)] = PER_MINUTE,
    ) -> Response:
        # Before anything is said: the page that names a mistake also lists the front ends.
        authorize.require(request, principal, Action.CLIENTS_MANAGE, CENTRAL)
        typed = _Typed(client_id, name, tuple(scopes or ()), per_minute)
        if not CLIENT_ID.fullmatch(client_id) or client_id in RESERVED:
            return await page(request, error="bad_id", status=422, typed=typed)
        if not scopes:
            return await page(request, error="no_scope", status=422, typed=typed)
        await admitted(request, principal, "add", client_id)
        try:
            credential = await client_service.add(client_id, name.strip() or client_id, sorted(set(scopes)), per_minute)
        except ClientError as error:
            return await page(request, error=error.code, status=409, typed=typed)
        return await page(request, credential=credential)

    @routes.post("/clients/{client_id}/rotate")
    async def rotate(
        request: Request,
        principal: Annotated[Principal, administrator],
        client_id: ClientId,
        only: Annotated[bool, Form()] = False,
        version: Annotated[int, Form()] = 0,
    ) -> Response:
        await admitted(request, principal, "rotate", client_id)
        return await page(request, credential=await client_service.rotate(client_id, only=only, version=version))

    @routes.post("/clients/{client_id}/end-old")
    async def end_old(
        request: Request,
        principal: Annotated[Principal, administrator],
        client_id: ClientId,
        version: Annotated[int, Form()] = 0,
    ) -> Response:
        await admitted(request, principal, "end-old", client_id)
        await client_service.clients.end_old(client_id, version=version)
        return RedirectResponse("/clients", 303)

    @routes.post("/clients/{client_id}/door")
    async def close(
        request: Request,
        principal: Annotated[Principal, administrator],
        client_id: ClientId,
        disabled: Annotated[bool, Form()],
    ) -> Response:
        await admitted(request, principal, "disable" if disabled else "enable", client_id)
        await client_service.clients.disable(client_id, disabled=disabled)
        return RedirectResponse("/clients", 303)

    return routes
