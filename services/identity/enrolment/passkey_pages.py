"""One's own passkeys: registered and removed by who is signed in, or registered on the way in by who must have one."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from services.identity.accounts.models import Account, Factor, Passkey, RefusedError
from services.identity.accounts.repository import AccountStore
from services.identity.audit_recorder import Actor, actor_of
from services.identity.enrolment.own_pages import asked_for, keep_known
from services.identity.page_parts import ENROL_WORDS, Text, end_the_old
from services.identity.passkeys.rules import must_have_one
from services.identity.passkeys.service import LONGEST, Passkeys
from services.identity.problems import unavailable
from services.identity.sessions.cookies import (
    REGISTER_COOKIE,
    device_of,
    drop_short,
    onward,
    set_session,
    short_of,
)
from services.identity.sessions.service import Sessions
from services.identity.sign_in.service import SignIn
from services.identity.sign_in.words import STATUS, WORDS
from shared.audit.entries import where_of
from shared.errors import TransientError
from shared.identity.principal import Principal
from shared.identity.roles import Action, StaffRole
from shared.web.app import Problem
from shared.web.authorization import OPEN, Authorizer
from shared.web.navigation import home_of
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

PASSKEY_WORDS: Final = {
    **ENROL_WORDS,
    "wrong_sign_in": gettext_noop("Password and code do not fit. Wait for new digits."),
    "passkey_needed": gettext_noop("Your role confirms with a passkey. Use it, or a recovery code."),
    "passkey_name": gettext_noop("Give the passkey a name of at most 40 characters."),
    "passkey_refused": gettext_noop("What your browser sent does not count, or took too long. Please try again."),
    "passkey_most": gettext_noop("You have ten passkeys. Remove one first."),
    "passkey_last": gettext_noop(
        "Your role signs in with a passkey, and this is the last one. Register another first."
    ),
    "passkey_unknown": gettext_noop("There is no such passkey."),
    "passkey_nowhere": gettext_noop("Passkeys need an https address with a host name. Ask whoever runs this system."),
}
PATH: Final = "/account/passkeys"
_OF_NAME: Final = {"passkey_name", "passkey_refused", "passkey_most", "passkey_nowhere"}

Answer = Annotated[str, Form(max_length=LONGEST)]


def passkey_router(
    store: AccountStore,
    sign_in: SignIn,
    passkeys: Passkeys,
    pages: Pages,
    authorize: Authorizer,
    roles_with_passkey: Collection[StaffRole],
) -> APIRouter:
    """``/account/passkeys/…``."""
    router = APIRouter(include_in_schema=False, prefix=PATH)
    own = authorize(Action.OWN_ACCOUNT, back="/account")

    async def mine(principal: Principal) -> Account:
        try:
            account = await store.get(principal.subject)
        except TransientError:
            raise unavailable() from None
        if account is None or account.external or account.password is None:
            raise Problem(409, "not_here", gettext_noop("Your password is not kept here but where you signed in."))
        return account

    async def still_mine(principal: Principal, confirmed: Account) -> Account:
        found = await mine(principal)
        if found.changes != confirmed.changes:
            # Since the factors were shown, perhaps to keep out whoever showed them.
            raise RefusedError("wrong_sign_in")
        return found

    async def one(principal: Principal, key: str) -> tuple[Account, Passkey]:
        account = await mine(principal)
        found = next((each for each in account.passkeys if each.id.hex() == key), None)
        if found is None:
            raise Problem(404, "passkey_unknown", PASSKEY_WORDS["passkey_unknown"])
        return account, found

    @router.get("/new")
    async def new(request: Request, principal: Annotated[Principal, Depends(own)]) -> Response:
        return form(pages, request, factor=asked_for(sign_in, await mine(principal), principal, f"{PATH}/new"))

    @router.post("/new")
    async def options(principal: Annotated[Principal, Depends(own)]) -> Response:
        account = await mine(principal)
        return JSONResponse(_or_problem(passkeys, principal.session, account))

    @router.post("")
    async def add(
        request: Request,
        principal: Annotated[Principal, Depends(own)],
        name: Text = "",
        passkey: Answer = "",
        current: Text = "",
        digits: Text = "",
    ) -> Response:
        account = await mine(principal)
        who = actor_of(request, principal)
        try:
            await sign_in.confirm(account, current, digits, who, principal.confirmed_at)
            changed = await passkeys.add(await still_mine(principal, account), principal.session, name, passkey, who)
        except RefusedError as error:
            return form(pages, request, error, name=name, factor=asked_for(sign_in, account, principal, f"{PATH}/new"))
        except TransientError:
            raise unavailable() from None
        return keep_known(RedirectResponse("/account?done=passkey", 303), request, changed, sign_in, pages)

    @router.get("/{key}/remove")
    async def ask(request: Request, principal: Annotated[Principal, Depends(own)], key: str) -> Response:
        account, found = await one(principal, key)
        factor = asked_for(sign_in, account, principal, f"{PATH}/{key}/remove")
        return pages.render(request, "passkey-remove.html", passkey=found, error="", wait=0, **factor)

    @router.post("/{key}/remove")
    async def remove(
        request: Request,
        principal: Annotated[Principal, Depends(own)],
        key: str,
        current: Text = "",
        digits: Text = "",
    ) -> Response:
        account, found = await one(principal, key)
        who = actor_of(request, principal)
        required = must_have_one(account, roles_with_passkey)
        try:
            await sign_in.confirm(account, current, digits, who, principal.confirmed_at)
            changed = await passkeys.remove(await still_mine(principal, account), key, who, required=required)
        except RefusedError as error:
            words, wait = PASSKEY_WORDS[error.code], error.retry_after or 0
            factor = asked_for(sign_in, account, principal, f"{PATH}/{key}/remove")
            status = 429 if wait else 422
            return pages.render(
                request, "passkey-remove.html", status=status, passkey=found, error=words, wait=wait, **factor
            )
        except TransientError:
            raise unavailable() from None
        return keep_known(RedirectResponse("/account?done=passkey_removed", 303), request, changed, sign_in, pages)

    return router


def registration_router(sign_in: SignIn, sessions: Sessions, passkeys: Passkeys, pages: Pages) -> APIRouter:
    """``/session/passkey``: between the password and the session, for who must have a passkey and has none."""
    router = APIRouter(include_in_schema=False, prefix="/session/passkey", dependencies=[Depends(OPEN)])
    urls = pages.settings.public_urls

    async def permitted(request: Request) -> tuple[Account, str]:
        cookie = short_of(request, REGISTER_COOKIE)
        try:
            account = await passkeys.permitted(cookie)
        except TransientError:
            raise unavailable() from None
        if account is None:
            raise Problem(403, "registration_over", gettext_noop("This took too long. Please sign in again."))
        return account, cookie

    def registered_only(request: Request, changed: Account, refused: RefusedError, onwards: str) -> Response:
        """The passkey is there, the session is not: the form would only say that the time for it is over."""
        page = pages.render(
            request,
            "passkey-registered.html",
            status=STATUS[refused.code],
            next=onwards,
            said=WORDS[refused.code] if refused.code == "too_many_sessions" else "",
            wait=refused.retry_after or 0,
        )
        if refused.retry_after:
            page.headers["Retry-After"] = str(refused.retry_after)
        keep_known(page, request, changed, sign_in, pages)
        drop_short(page, REGISTER_COOKIE, secure=pages.secure(request))
        return page

    @router.get("")
    async def show(request: Request, next: str = "") -> Response:  # noqa: A002  # the parameter's name in the address
        await permitted(request)
        return form(pages, request, next=next and onward(next, urls), first=True)

    @router.post("/new")
    async def options(request: Request) -> Response:
        account, cookie = await permitted(request)
        return JSONResponse(_or_problem(passkeys, cookie, account))

    @router.post("")
    async def add(
        request: Request,
        name: Text = "",
        passkey: Answer = "",
        next: Annotated[str, Form(max_length=2000)] = "",  # noqa: A002  # as above
    ) -> Response:
        account, cookie = await permitted(request)
        nobody = actor_of(request, None)
        who = Actor(account.subject, account.organisation, tuple(sorted(account.roles)), where_of(request))
        onwards = next and onward(next, urls)
        try:
            changed = await passkeys.add(account, cookie, name, passkey, who)
            await passkeys.end_permission(cookie)
        except RefusedError as error:
            return form(pages, request, error, name=name, next=onwards, first=True)
        except TransientError:
            raise unavailable() from None
        try:
            # Known as it was before: the passkey registered here makes this browser no stranger.
            entered = await sign_in.begin(changed, Factor.PASSKEY, nobody, device_of(request), before=account)
        except RefusedError as error:
            return registered_only(request, changed, error, onwards)
        except TransientError:
            raise unavailable() from None
        await end_the_old(request, sessions, passkeys)
        answer = RedirectResponse(onwards or home_of(entered.issued.principal, urls), 303)
        set_session(answer, entered.issued, secure=pages.secure(request))
        keep_known(answer, request, changed, sign_in, pages)
        return answer

    return router


def form(
    pages: Pages,
    request: Request,
    refused: RefusedError | None = None,
    *,
    first: bool = False,
    name: str = "",
    next: str = "",  # noqa: A002  # the parameter's name in the address
    factor: Mapping[str, Any] = MappingProxyType({}),
) -> Response:
    """The page on which a passkey is made; ``first``: on the way in, before there is a session.

    ``factor``: which second factor is asked for, as ``asked_for`` says.
    """
    wait = (refused.retry_after or 0) if refused is not None else 0
    code = refused.code if refused is not None else ""
    return pages.render(
        request,
        "passkey-new.html",
        status=(429 if wait else 422) if refused is not None else 200,
        first=first,
        name=name,
        next=next,
        error=PASSKEY_WORDS[code] if code else "",
        field="name" if code in _OF_NAME else "current" if code else "",
        wait=wait,
        **factor,
    )


def _or_problem(passkeys: Passkeys, bound: str, account: Account) -> dict[str, object]:
    try:
        return passkeys.new_options(bound, account)
    except RefusedError as error:
        raise Problem(409, error.code, PASSKEY_WORDS[error.code]) from None
