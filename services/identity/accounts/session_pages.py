"""Where somebody is signed in: seen and ended by themselves, and by an administrator of their organisation."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.identity.accounts.models import Account, SessionEnding
from services.identity.accounts.repository import AccountStore
from services.identity.accounts.service import Administration
from services.identity.audit_recorder import AuditAction, actor_of, line
from services.identity.page_parts import managed_account
from services.identity.problems import unavailable
from services.identity.sessions.cookies import clear, device_of, set_device
from services.identity.sessions.service import Sessions
from shared.audit.store import AuditLog
from shared.errors import TransientError
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.authorization import Authorizer
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

OWN: Final = "/account/sessions"
SERVICES: Final = {
    "notify": gettext_noop("Cases"),
    "intake": gettext_noop("Details and calls"),
    "routing": gettext_noop("Decisions"),
    "analytics": gettext_noop("Statistics"),
    "identity": gettext_noop("Accounts"),
}


def own_sessions_router(
    sessions: Sessions,
    renewed_device: Callable[[str, Account, Account, datetime], str],
    audit: AuditLog,
    pages: Pages,
    authorize: Authorizer,
) -> APIRouter:
    """``/account/sessions``, for everybody. ``renewed_device`` keeps a browser known to an account that changed."""
    router = APIRouter(prefix=OWN, include_in_schema=False)
    own = authorize(Action.OWN_ACCOUNT, back=OWN)

    async def note(request: Request, principal: Principal, ended: int) -> None:
        said = {"account": principal.subject, "ended": str(ended)}
        await audit.append(line(actor_of(request, principal), AuditAction.SESSIONS_END, pages.clock.now(), **said))

    @router.get("")
    async def show(request: Request, principal: Annotated[Principal, Depends(own)]) -> Response:
        return await _page(pages, request, sessions, principal)

    @router.post("/end")
    async def end_others(request: Request, principal: Annotated[Principal, Depends(own)]) -> Response:
        try:
            done = await sessions.end_everywhere(principal.subject, SessionEnding.EVERYWHERE, but=principal.session)
            await note(request, principal, done.ended)
        except TransientError:
            raise unavailable() from None
        answer = RedirectResponse(OWN, 303)
        if done.changed is not None:  # of all their browsers, this one stays known
            device = renewed_device(device_of(request), *done.changed, pages.clock.now())
            if device:
                set_device(answer, device, secure=pages.secure(request))
        return answer

    @router.post("/{session}/end")
    async def end_one(request: Request, principal: Annotated[Principal, Depends(own)], session: str) -> Response:
        try:
            ended = await sessions.end(principal.subject, SessionEnding.SIGNED_OUT, only=session)
            await note(request, principal, ended)
        except TransientError:
            raise unavailable() from None
        if session != principal.session:
            return RedirectResponse(OWN, 303)
        answer = RedirectResponse("/session", 303)
        clear(answer)
        return answer

    return router


def sessions_router(
    store: AccountStore, administration: Administration, sessions: Sessions, pages: Pages, authorize: Authorizer
) -> APIRouter:
    """``/accounts/{subject}/sessions``, for administrators."""
    router = APIRouter(prefix="/accounts/{subject}/sessions", include_in_schema=False)
    manage = authorize(Action.ACCOUNTS_MANAGE, back="/accounts/{subject}/sessions")
    found = partial(managed_account, store, authorize)

    async def end(request: Request, principal: Principal, subject: str, only: str) -> Response:
        account = await found(request, principal, subject)
        try:
            await administration.end_sessions(actor_of(request, principal), account, only)
        except TransientError:
            raise unavailable() from None
        return RedirectResponse(f"/accounts/{account.subject}/sessions", 303)

    @router.get("")
    async def show(request: Request, principal: Annotated[Principal, Depends(manage)], subject: str) -> Response:
        return await _page(pages, request, sessions, principal, await found(request, principal, subject))

    @router.post("/end")
    async def end_all(request: Request, principal: Annotated[Principal, Depends(manage)], subject: str) -> Response:
        return await end(request, principal, subject, "")

    @router.post("/{session}/end")
    async def end_one(
        request: Request, principal: Annotated[Principal, Depends(manage)], subject: str, session: str
    ) -> Response:
        return await end(request, principal, subject, session)

    return router


async def _page(
    pages: Pages, request: Request, sessions: Sessions, principal: Principal, account: Account | None = None
) -> Response:
    """``account``: somebody's, for an administrator; None: one's own."""
    try:
        kept = await sessions.of(account.subject if account is not None else principal.subject)
    except TransientError:
        raise unavailable() from None
    return pages.render(
        request,
        "sessions.html",
        account=account,
        sessions=kept,
        present=principal.session,
        base=f"/accounts/{account.subject}/sessions" if account is not None else OWN,
        services=SERVICES,
    )
