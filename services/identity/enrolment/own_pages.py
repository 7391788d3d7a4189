"""One's own account: who the system takes you for, where you are signed in, another password, new recovery codes."""

from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.identity.accounts.models import Account, RefusedError, SessionEnding
from services.identity.accounts.repository import AccountStore
from services.identity.accounts.rules import LONGEST
from services.identity.audit_recorder import AuditAction, actor_of, line
from services.identity.enrolment.service import Enrolment
from services.identity.page_parts import ENROL_WORDS, Text
from services.identity.problems import unavailable
from services.identity.sessions.cookies import clear, set_device
from services.identity.sessions.service import Sessions
from services.identity.sign_in.service import SignIn
from shared.audit.store import AuditLog
from shared.errors import TransientError
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.app import Problem
from shared.web.authorization import Authorizer
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

OWN_WORDS: Final = {
    **ENROL_WORDS,
    "wrong_sign_in": gettext_noop("Password and code do not fit. Wait for new digits."),
    "passkey_needed": gettext_noop("Your role confirms with a passkey. Use it, or a recovery code."),
}
DONE: Final = {
    "password": gettext_noop("The password is changed. Every other session of yours has ended."),
    "passkey": gettext_noop("The passkey is registered. Sign in with it next time."),
    "mail": gettext_noop("The address for notices is changed. A notice of that is on its way."),
    "mail_untold": gettext_noop("The address for notices is changed."),
    "passkey_removed": gettext_noop("The passkey is removed."),
}


def keep_known(answer: Response, request: Request, changed: Account, sign_in: SignIn, pages: Pages) -> Response:
    """The answer to who changed their account to this: of all their browsers, this one stays known."""
    device = sign_in.device_cookie(changed, pages.clock.now())
    set_device(answer, device, secure=pages.secure(request))
    return answer


def asked_for(sign_in: SignIn, account: Account | None, principal: Principal, back: str) -> dict[str, Any]:
    """Say to a template which second factor changes an account's ways in; ``back``: the page to come back to."""
    needed = account is not None and sign_in.needs_passkey(account)
    return {
        "passkey_needed": needed,
        "just_confirmed": needed and sign_in.is_just_confirmed(principal.confirmed_at),
        "confirm_at": "/session/confirm?" + urlencode({"again": "1", "next": back}),
    }


def own_router(
    store: AccountStore,
    sessions: Sessions,
    sign_in: SignIn,
    enrolment: Enrolment,
    audit: AuditLog,
    pages: Pages,
    authorize: Authorizer,
    *,
    passkeys: bool,
    mails: bool,
) -> APIRouter:
    """``/account`` and the forms on it; ``passkeys``: browsers make them for this address; ``mails``: some are sent."""
    router = APIRouter(include_in_schema=False)
    own = authorize(Action.OWN_ACCOUNT)

    async def show(
        request: Request, principal: Principal, *, error: str = "", field: str = "", done: str = "", wait: int = 0
    ) -> Response:
        try:
            account = await store.get(principal.subject)
            open_sessions = await sessions.of(principal.subject)
        except TransientError:
            raise unavailable() from None
        return pages.render(
            request,
            "account.html",
            status=(429 if wait else 422) if error else 200,
            account=account,
            sessions=open_sessions,
            passkeys=passkeys,
            mails=mails,
            error=OWN_WORDS[error] if error else "",
            field=field,
            done=DONE.get(done, ""),
            wait=wait,
            longest=LONGEST,
            **asked_for(sign_in, account, principal, "/account"),
        )

    async def mine(principal: Principal) -> Account:
        account = await store.get(principal.subject)
        if account is None or account.external or account.password is None:
            raise Problem(409, "not_here", gettext_noop("Your password is not kept here but where you signed in."))
        return account

    @router.get("/account")
    async def account(request: Request, principal: Annotated[Principal, Depends(own)], done: str = "") -> Response:
        return await show(request, principal, done=done)

    @router.post("/account/password")
    async def password(
        request: Request,
        principal: Annotated[Principal, Depends(own)],
        before: Text = "",
        code: Text = "",
        password: Text = "",
        again: Text = "",
    ) -> Response:
        if password != again:
            return await show(request, principal, error="not_the_same", field="again")
        try:
            account = await mine(principal)
            changed = await enrolment.change_password(
                account,
                before,
                code,
                password,
                actor_of(request, principal),
                principal.session,
                principal.confirmed_at,
            )
        except RefusedError as error:
            field = "before" if error.code in {"wrong_sign_in", "wait", "passkey_needed"} else "password"
            return await show(request, principal, error=error.code, field=field, wait=error.retry_after or 0)
        except TransientError:
            raise unavailable() from None
        return keep_known(RedirectResponse("/account?done=password", 303), request, changed, sign_in, pages)

    @router.post("/account/recovery-codes")
    async def recovery(
        request: Request, principal: Annotated[Principal, Depends(own)], current: Text = "", digits: Text = ""
    ) -> Response:
        try:
            account = await mine(principal)
            changed, codes = await enrolment.new_recovery_codes(
                account, current, digits, actor_of(request, principal), principal.confirmed_at
            )
        except RefusedError as error:
            return await show(request, principal, error=error.code, field="current", wait=error.retry_after or 0)
        except TransientError:
            raise unavailable() from None
        page = pages.render(request, "recovery-codes.html", shown_once=True, codes=codes, onward="/account", state="")
        return keep_known(page, request, changed, sign_in, pages)

    @router.post("/account/end-everywhere")
    async def end_everywhere(request: Request, principal: Annotated[Principal, Depends(own)]) -> Response:
        try:
            await sessions.end_everywhere(principal.subject, SessionEnding.EVERYWHERE)
            await audit.append(line(actor_of(request, principal), AuditAction.SIGN_OUT_EVERYWHERE, pages.clock.now()))
        except TransientError:
            raise unavailable() from None
        answer = RedirectResponse("/session", 303)
        clear(answer)
        return answer

    return router
