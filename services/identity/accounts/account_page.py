"""One account, for administrators: its roles, letting it in no more, inviting it anew. Each change has a reason."""

import re
from enum import StrEnum
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.identity.accounts.models import DISPLAY_LENGTH, NAME_PATTERN, Account, RefusedError
from services.identity.accounts.repository import AccountStore
from services.identity.accounts.rules import ChangeRefusal
from services.identity.accounts.service import Administration
from services.identity.audit_recorder import Actor, actor_of
from services.identity.page_parts import managed_account
from services.identity.problems import unavailable
from services.identity.sessions.service import Sessions
from shared.errors import TransientError
from shared.identity.principal import Principal
from shared.identity.roles import Action, StaffRole, roles_at
from shared.web.authorization import Authorizer
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

REFUSALS: Final[dict[str, str]] = {
    "name_taken": gettext_noop("Somebody signs in with this name already."),
    "name": gettext_noop("Use 3 to 40 small letters, digits, dots, hyphens or underscores."),
    "display": gettext_noop("Give the name colleagues know them by."),
    "changed_meanwhile": gettext_noop("The account was changed a moment ago. Look again."),
    "disabled": gettext_noop("The account is disabled. Let them in again instead."),
    "reason": gettext_noop("Choose why. It is kept in the audit."),
    ChangeRefusal.NO_ROLE: gettext_noop("Choose at least one role."),
    ChangeRefusal.ROLE_NOT_THERE: gettext_noop("This organisation does not give one of these roles."),
    ChangeRefusal.CONFLICT: gettext_noop("One person must not have these roles together."),
    ChangeRefusal.ONESELF: gettext_noop("Nobody changes their own account here. Ask another administrator."),
    ChangeRefusal.LAST_ADMINISTRATOR: gettext_noop(
        "This is the last administrator of the central centre. Invite another first."
    ),
    ChangeRefusal.SAME_PERSON: gettext_noop(
        "Somebody else releases this account: not who asked for it, nor its owner."
    ),
    ChangeRefusal.NOT_WAITING: gettext_noop("This account does not wait for release, or is not set up yet."),
    ChangeRefusal.AT_PROVIDER: gettext_noop(
        "People sign in at the sign-in provider: give them their role there. Nobody is invited here but by the command"
        " for emergency access."
    ),
    ChangeRefusal.MOST_ACCOUNTS: gettext_noop(
        "This organisation has as many accounts as it may, or made too many today. Disable those that nobody uses, or"
        " ask whoever runs this system."
    ),
    ChangeRefusal.EXTERNAL: gettext_noop("Roles and factors of this account are kept at the sign-in provider."),
}
REASONS: Final = {
    "new_work": gettext_noop("Their work changed"),
    "left": gettext_noop("They left"),
    "lost_device": gettext_noop("They lost their phone or computer"),
    "forgot": gettext_noop("They forgot their password"),
    "suspicion": gettext_noop("Somebody else may be using the account"),
    "mistake": gettext_noop("To correct a mistake"),
}
_TAKEN: Final = 409


class AccountChange(StrEnum):
    """Changes of an account; the last part of the form's address."""

    ROLES = "roles"
    DISABLE = "disable"
    ENABLE = "enable"
    RESET = "reset"


def one_router(
    store: AccountStore, administration: Administration, sessions: Sessions, pages: Pages, authorize: Authorizer
) -> APIRouter:
    """``/accounts/{subject}`` and the forms on it."""
    router = APIRouter(include_in_schema=False)
    manage = authorize(Action.ACCOUNTS_MANAGE, back="/accounts/{subject}")
    found = partial(managed_account, store, authorize)

    @router.get("/accounts/{subject}")
    async def one(request: Request, principal: Annotated[Principal, Depends(manage)], subject: str) -> Response:
        return await details(request, principal, await found(request, principal, subject))

    @router.post("/accounts/{subject}/{change}")
    async def changed(
        request: Request,
        principal: Annotated[Principal, Depends(manage)],
        subject: str,
        change: AccountChange,
        changes: Annotated[int, Form()],
        roles: Annotated[list[StaffRole], Form()] = [],  # noqa: B006  # FastAPI copies it
        reason: Annotated[str, Form(max_length=40)] = "",
    ) -> Response:
        account = await found(request, principal, subject)
        try:
            _asked_well(change, account, changes, reason)
            after, code = await act(change, actor_of(request, principal), account, roles, reason)
        except RefusedError as error:
            return await details(request, principal, await found(request, principal, subject), error.code)
        except TransientError:
            raise unavailable() from None
        return invited(pages, request, after, code) if code else RedirectResponse(f"/accounts/{after.subject}", 303)

    async def act(
        change: AccountChange, who: Actor, account: Account, roles: list[StaffRole], reason: str
    ) -> tuple[Account, str]:
        if change is AccountChange.ROLES:
            return await administration.change_roles(who, account, roles, reason), ""
        if change is AccountChange.DISABLE:
            return await administration.disable(who, account, reason), ""
        if change is AccountChange.ENABLE:
            return await administration.enable(who, account, reason)
        return await administration.reset(who, account, reason)

    async def details(request: Request, principal: Principal, account: Account, error: str = "") -> Response:
        try:
            signed_in = await sessions.of(account.subject)
        except TransientError:
            raise unavailable() from None
        return pages.render(
            request,
            "one.html",
            status=_TAKEN if error else 200,
            account=account,
            signed_in=signed_in,
            own=account.subject == principal.subject,
            possible=possible(account.organisation),
            reasons=REASONS,
            error=REFUSALS[error] if error else "",
        )

    return router


def _asked_well(change: AccountChange, account: Account, changes: int, reason: str) -> None:
    # By the count of changes and not by the revision, which each use of a factor raises: whoever holds one could keep
    # off any change. Shutting somebody out depends on nothing that was seen, since they can change the account too.
    if account.changes != changes and change is not AccountChange.DISABLE:
        raise RefusedError("changed_meanwhile")
    if reason not in REASONS:
        raise RefusedError("reason")


def invited(pages: Pages, request: Request, account: Account, code: str) -> Response:
    """The page that shows an invitation once."""
    address = pages.settings.public_urls.get("identity", "").rstrip("/") + "/invitation"
    return pages.render(request, "invited.html", shown_once=True, account=account, code=code, address=address)


def possible(organisation: str) -> list[StaffRole]:
    """The roles an organisation can give, in the table's order."""
    return [role for role in StaffRole if role in roles_at(organisation)]


def checked(name: str, display: str) -> None:
    """Raises ``RefusedError`` where a name cannot be one."""
    if re.fullmatch(NAME_PATTERN, name) is None:
        raise RefusedError("name")
    if not 1 <= len(display) <= DISPLAY_LENGTH or not display.isprintable():
        raise RefusedError("display")
