"""``/sandbox``: what arrived of the drills that were sent with a credential for drills."""

from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import RedirectResponse

from services.intake.clients.dependencies import ClientAuthenticator
from services.intake.encryption.keys import KeyedDigests
from services.intake.sandbox import rules
from services.intake.sandbox.service import SandboxService
from shared.clock import Clock
from shared.identity.roles import Scope
from shared.web.authorization import OPEN
from shared.web.form_body import form_body
from shared.web.pages import Pages
from shared.web.problems import Problem
from shared.web.translations import gettext_noop

_COOKIE: Final = "sandbox"
_SECURE_COOKIE: Final = "__Host-sandbox"
_CREDENTIAL_CHARS: Final = 200
_NOT_ONE: Final = gettext_noop("This credential does not count here. It must have the scope reports:drill.")


def router(
    pages: Pages,
    sandbox: SandboxService,
    clients: ClientAuthenticator,
    keys: KeyedDigests,
    clock: Clock,
    *,
    secure: bool,
) -> APIRouter:
    """The routes of the page; ``secure``: pages come by https."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])
    name = _SECURE_COOKIE if secure else _COOKIE

    def asked_for(request: Request, *, error: str = "", status: int = 200) -> Response:
        return pages.render(request, "sandbox.html", status=status, client=None, drills=[], error=error)

    @routes.get("/sandbox")
    async def shown(request: Request) -> Response:
        cookie = request.cookies.get(name, "")
        client = rules.visitor(keys, await clients.known(), cookie, clock.now()) if cookie else None
        if client is None:
            return asked_for(request)
        drills = await sandbox.drills(client.client_id)
        return pages.render(request, "sandbox.html", client=client, drills=drills, error="")

    @routes.post("/sandbox")
    async def begun(request: Request) -> Response:
        credential = (await form_body(request)).one("credential").strip()[:_CREDENTIAL_CHARS]
        try:
            client = await clients.authenticate(request, Scope.REPORTS_DRILL, credential=credential)
        except Problem as problem:
            if problem.status_code not in (401, 403):
                raise
            return asked_for(request, error=_NOT_ONE, status=422)
        answer = RedirectResponse("/sandbox", 303)
        visit = rules.visit_of(keys, client, clock.now())
        answer.set_cookie(name, visit, path="/", samesite="strict", httponly=True, secure=secure)
        return answer

    @routes.post("/sandbox/leave")
    async def left(_: Request) -> Response:
        answer = RedirectResponse("/sandbox", 303)
        answer.delete_cookie(name, path="/", samesite="strict", httponly=True, secure=secure)
        return answer

    return routes
