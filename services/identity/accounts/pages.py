"""Accounts, for administrators: of their own organisation; for those of ``central`` and the ministry, everybody's."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from services.identity.accounts.account_page import REFUSALS, checked, invited, possible
from services.identity.accounts.models import RefusedError
from services.identity.accounts.repository import PAGE, AccountStore
from services.identity.accounts.service import Administration
from services.identity.audit_recorder import actor_of
from services.identity.problems import unavailable
from shared.errors import TransientError
from shared.identity.principal import Principal
from shared.identity.roles import ORGANISATIONS, Action, StaffRole
from shared.web.app import Problem
from shared.web.authorization import Authorizer
from shared.web.pages import Pages
from shared.web.translations import gettext_noop


def admin_router(store: AccountStore, administration: Administration, pages: Pages, authorize: Authorizer) -> APIRouter:
    """``/accounts`` and ``/accounts/new``."""
    router = APIRouter(include_in_schema=False)
    manage, change = authorize(Action.ACCOUNTS_MANAGE), authorize(Action.ACCOUNTS_MANAGE, back="/accounts/new")

    def reach(principal: Principal) -> list[str]:
        return [each for each in ORGANISATIONS if principal.may(Action.ACCOUNTS_MANAGE, each)]

    @router.get("/accounts")
    async def every(
        request: Request,
        principal: Annotated[Principal, Depends(manage)],
        organisation: Annotated[str, Query(max_length=40)] = "",
        after: Annotated[str, Query(max_length=100)] = "",
    ) -> Response:
        within = reach(principal)
        if organisation and organisation not in ORGANISATIONS:
            raise Problem(404, "no_such_organisation", gettext_noop("There is no such organisation."))
        one = organisation or (principal.organisation if len(within) == 1 else "")
        if one:
            authorize.require(request, principal, Action.ACCOUNTS_MANAGE, one)
        try:
            listed = await store.of(one or None, after)
        except TransientError:
            raise unavailable() from None
        more = listed[-1].name if len(listed) == PAGE else ""
        return pages.render(request, "accounts.html", accounts=listed, organisation=one, within=within, more=more)

    @router.get("/accounts/new")
    async def new(request: Request, principal: Annotated[Principal, Depends(change)]) -> Response:
        return creation(request, principal, "", "", principal.organisation, [])

    @router.post("/accounts/new")
    async def create(
        request: Request,
        principal: Annotated[Principal, Depends(change)],
        organisation: Annotated[str, Form(max_length=40)],
        name: Annotated[str, Form(max_length=80)] = "",
        display: Annotated[str, Form(max_length=80)] = "",
        roles: Annotated[list[StaffRole], Form()] = [],  # noqa: B006  # FastAPI copies it
    ) -> Response:
        if organisation not in ORGANISATIONS:
            raise Problem(404, "no_such_organisation", gettext_noop("There is no such organisation."))
        authorize.require(request, principal, Action.ACCOUNTS_MANAGE, organisation)
        name, display = name.strip().casefold(), " ".join(display.split())
        try:
            checked(name, display)
            account, code = await administration.create(
                actor_of(request, principal), name, display, organisation, roles
            )
        except RefusedError as error:
            return creation(request, principal, name, display, organisation, roles, error.code)
        except TransientError:
            raise unavailable() from None
        return invited(pages, request, account, code)

    def creation(
        request: Request,
        principal: Principal,
        name: str,
        display: str,
        organisation: str,
        roles: list[StaffRole],
        error: str = "",
    ) -> Response:
        return pages.render(
            request,
            "new.html",
            status=422 if error else 200,
            name=name,
            display=display,
            organisation=organisation,
            within=reach(principal),
            possible=list(StaffRole) if len(reach(principal)) > 1 else possible(organisation),
            chosen=roles,
            error=REFUSALS[error] if error else "",
            field={"name": "name", "name_taken": "name", "display": "display"}.get(error, "roles"),
        )

    return router
