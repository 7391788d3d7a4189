"""Accounts that wait for a second person: leads see their own organisation's, administrators those they manage."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.identity.accounts.account_page import REFUSALS
from services.identity.accounts.models import RefusedError
from services.identity.accounts.repository import AccountStore
from services.identity.accounts.service import Administration
from services.identity.audit_recorder import actor_of
from services.identity.problems import unavailable
from shared.errors import TransientError
from shared.identity.principal import Principal
from shared.identity.roles import ORGANISATIONS, Action
from shared.web.app import Problem
from shared.web.authorization import Authorizer
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

_TAKEN: Final = 409


def release_router(
    store: AccountStore, administration: Administration, pages: Pages, authorize: Authorizer
) -> APIRouter:
    """``/releases`` and the forms on it."""
    router = APIRouter(prefix="/releases", include_in_schema=False)
    release = authorize(Action.ACCOUNTS_RELEASE, back="/releases")

    async def show(request: Request, principal: Principal, error: str = "") -> Response:
        within = [each for each in ORGANISATIONS if principal.may(Action.ACCOUNTS_RELEASE, each)]
        try:
            waiting = await store.waiting(within)
            asked = sorted({subject for one in waiting if one.waits for subject in one.waits.by})
            displays = await store.displays(asked)
        except TransientError:
            raise unavailable() from None
        return pages.render(
            request,
            "releases.html",
            status=_TAKEN if error else 200,
            waiting=waiting,
            displays=displays,
            present=principal.subject,
            error=REFUSALS[error] if error else "",
        )

    @router.get("")
    async def every(request: Request, principal: Annotated[Principal, Depends(release)]) -> Response:
        return await show(request, principal)

    @router.post("/{subject}")
    async def released(
        request: Request,
        principal: Annotated[Principal, Depends(release)],
        subject: str,
        changes: Annotated[int, Form()],
    ) -> Response:
        try:
            account = await store.get(subject[:40])
            if account is None:
                raise Problem(404, "no_such_account", gettext_noop("There is no such account."))
            authorize.require(request, principal, Action.ACCOUNTS_RELEASE, account.organisation)
            await administration.release(actor_of(request, principal), account, changes)
        except RefusedError as error:
            return await show(request, principal, error.code)
        except TransientError:
            raise unavailable() from None
        return RedirectResponse("/releases", 303)

    return router
