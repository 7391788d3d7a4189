"""Signing in and out in a browser, renewing on the way from another service. Works without script."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from services.identity.accounts.models import PasskeyMissingError, RefusedError
from services.identity.audit_recorder import actor_of
from services.identity.credentials import new_secret
from services.identity.page_parts import Text, end_the_old, guarded_renewal
from services.identity.passkeys.service import LONGEST, Passkeys, Use
from services.identity.problems import unavailable
from services.identity.sessions.cookies import (
    PASSKEY_COOKIE,
    REGISTER_COOKIE,
    clear,
    device_of,
    onward,
    service_at,
    set_device,
    set_session,
    set_short,
    short_of,
)
from services.identity.sessions.service import IDENTITY, Issued, Sessions
from services.identity.sign_in.service import SignIn, SignInAttempt
from services.identity.sign_in.words import STATUS, WORDS
from shared.audit.entries import where_of
from shared.audit.store import AuditLog
from shared.errors import TransientError
from shared.identity.cookies import session_secret
from shared.web.authorization import OPEN
from shared.web.navigation import home_of
from shared.web.pages import Pages
from shared.web.problems import Problem
from shared.web.session_renewal import set_token
from shared.web.translations import gettext_noop


def sign_in_router(
    sign_in: SignIn, sessions: Sessions, passkeys: Passkeys, audit: AuditLog, pages: Pages, *, openid: bool
) -> APIRouter:
    """``/session`` and ``/session/end``; ``openid``: the page leads to the provider first."""
    router = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])
    urls = pages.settings.public_urls

    def form(
        request: Request, wanted: str, status: int = 200, error: str = "", wait: int = 0, account: str = ""
    ) -> Response:
        return pages.render(
            request,
            "sign-in.html",
            status=status,
            next=wanted and onward(wanted, urls),
            error=error,
            said=WORDS.get(error, ""),
            wait=wait,
            account=account,
            openid=openid,
            passkeys=passkeys.party is not None,
        )

    @router.get("/session")
    async def show(request: Request, next: str = "", again: str = "") -> Response:  # noqa: A002  # the parameter's name in the address
        secret = session_secret(request)
        if secret is None and not again and request.headers.get("sec-fetch-site") == "cross-site":
            # Somebody followed a link in a mail: the browser withholds strict cookies once. Ask again from here.
            return pages.render(request, "onward.html", target=_again(next))
        issued = await guarded_renewal(sessions, secret)
        if issued is None:
            return form(request, next)
        answer = await _leading(sessions, pages, request, issued, next)
        set_token(answer, IDENTITY, issued.token, secure=pages.secure(request))
        return answer

    @router.post("/session")
    async def enter(
        request: Request,
        account: Text = "",
        password: Text = "",
        code: Text = "",
        passkey: Annotated[str, Form(max_length=LONGEST)] = "",
        next: Annotated[str, Form(max_length=2000)] = "",  # noqa: A002  # as above
    ) -> Response:
        given = device_of(request), passkey, short_of(request, PASSKEY_COOKIE)
        attempt = SignInAttempt(account, password, code, where_of(request), *given)
        try:
            entered = await sign_in.enter(attempt, actor_of(request, None))
        except PasskeyMissingError as error:
            wanted = onward(next, urls) if next else ""
            answer = RedirectResponse("/session/passkey?" + urlencode({"next": wanted}), 303)
            await passkeys.end_permission(short_of(request, REGISTER_COOKIE))
            set_short(answer, REGISTER_COOKIE, passkeys.permission(error.account), secure=pages.secure(request))
            return answer
        except RefusedError as error:
            status = STATUS[error.code]
            page = form(request, next, status, error.code, error.retry_after or 0, account)
            if error.retry_after:
                page.headers["Retry-After"] = str(error.retry_after)
            return page
        except TransientError:
            raise unavailable() from None
        await end_the_old(request, sessions, passkeys)
        page = await _leading(sessions, pages, request, entered.issued, next)
        set_session(page, entered.issued, secure=pages.secure(request))
        set_device(page, entered.device, secure=pages.secure(request))
        return page

    @router.post("/session/passkey/options")
    async def options(request: Request) -> Response:
        if passkeys.party is None:
            raise Problem(404, "passkey_nowhere", gettext_noop("There are no passkeys at this address."))
        browser = new_secret()
        answer = JSONResponse(passkeys.options(Use.SIGN_IN, browser))
        set_short(answer, PASSKEY_COOKIE, browser, secure=pages.secure(request))
        return answer

    @router.get("/session/end")
    async def ask(request: Request, next: str = "") -> Response:  # noqa: A002  # as above
        return pages.render(request, "sign-out.html", next=next and onward(next, urls))

    @router.post("/session/end")
    async def sign_out(
        request: Request,
        next: Annotated[str, Form(max_length=2000)] = "",  # noqa: A002  # as above
    ) -> Response:
        try:
            await end_the_old(request, sessions, passkeys, audit, pages)
        except TransientError:
            raise unavailable() from None
        answer = RedirectResponse("/session" + (f"?{urlencode({'next': next})}" if next else ""), 303)
        clear(answer)
        return answer

    return router


async def _leading(sessions: Sessions, pages: Pages, request: Request, issued: Issued, wanted: str) -> Response:
    """On to where somebody wants to go, with a token for the service that is there."""
    urls = pages.settings.public_urls
    target = onward(wanted, urls) if wanted else home_of(issued.principal, urls)
    answer, service = RedirectResponse(target, 303), service_at(target, urls)
    if service != IDENTITY:
        try:
            token = await sessions.token_for(issued, service)
        except TransientError:
            raise unavailable() from None
        set_token(answer, service, token, secure=pages.secure(request))
    return answer


def _again(wanted: str) -> str:
    return "/session?" + urlencode({"next": wanted, "again": "1"})
