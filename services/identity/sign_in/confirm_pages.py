"""Showing a second factor again before details, erasures and others' accounts, and back to where it was asked for."""

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from services.identity.accounts.models import Account, RefusedError, Session
from services.identity.audit_recorder import Actor
from services.identity.page_parts import Text
from services.identity.passkeys.service import LONGEST, Passkeys, Use
from services.identity.problems import unavailable
from services.identity.sessions.cookies import onward
from services.identity.sessions.service import Sessions
from services.identity.sign_in.service import SignIn
from services.identity.sign_in.words import STATUS, WORDS
from shared.audit.entries import where_of
from shared.errors import TransientError
from shared.identity.cookies import session_secret
from shared.web.authorization import OPEN
from shared.web.pages import Pages
from shared.web.problems import Problem
from shared.web.translations import gettext_noop

_WORDS: Final = {
    **WORDS,
    "wrong_sign_in": gettext_noop("The code does not fit. Wait for new digits."),
    "passkey_needed": gettext_noop("Your role confirms with a passkey. Use it, or a recovery code."),
}
_WRONG_WITH_PASSKEY: Final = gettext_noop(
    "That did not fit. Use your passkey, or a recovery code that you have not used yet."
)

Next = Annotated[str, Form(max_length=2000)]


def confirm_router(sign_in: SignIn, sessions: Sessions, passkeys: Passkeys, pages: Pages) -> APIRouter:
    """``/session/confirm``."""
    router = APIRouter(prefix="/session/confirm", include_in_schema=False, dependencies=[Depends(OPEN)])
    urls = pages.settings.public_urls

    async def present(request: Request) -> tuple[Session, Account] | None:
        secret = session_secret(request)
        try:
            return await sessions.present(secret) if secret else None
        except TransientError:
            raise unavailable() from None

    def form(request: Request, account: Account, wanted: str, error: str = "", wait: int = 0) -> Response:
        needed = sign_in.needs_passkey(account)
        return pages.render(
            request,
            "confirm.html",
            status=STATUS[error] if error else 200,
            next=onward(wanted, urls),
            minutes=pages.settings.step_up_minutes,
            error=_WRONG_WITH_PASSKEY if needed and error == "wrong_sign_in" else _WORDS.get(error, ""),
            wait=wait,
            passkeys=passkeys.party is not None and bool(account.passkeys),
            passkey_needed=needed,
        )

    @router.get("")
    async def show(request: Request, next: str = "", again: str = "") -> Response:  # noqa: A002  # the parameter's name in the address
        """``again``: also of whom a second factor was asked lately."""
        found = await present(request)
        onwards = "/session?" + urlencode({"next": onward(next, urls)})
        if found is None or (_recent(found[0]) and not again):
            # Signing in counts; and another service may hold an older token than the session deserves.
            return RedirectResponse(onwards, 303)
        if found[1].external:
            return RedirectResponse("/oidc/start?" + urlencode({"next": onward(next, urls), "again": "1"}), 303)
        return form(request, found[1], next)

    @router.post("/options")
    async def options(request: Request) -> Response:
        found = await present(request)
        if found is None or passkeys.party is None:
            raise Problem(404, "passkey_nowhere", gettext_noop("There are no passkeys at this address."))
        return JSONResponse(passkeys.options(Use.CONFIRM, found[0].session, found[1]))

    @router.post("")
    async def confirmed(
        request: Request,
        code: Text = "",
        passkey: Annotated[str, Form(max_length=LONGEST)] = "",
        next: Next = "",  # noqa: A002  # as above
    ) -> Response:
        found = await present(request)
        again = "/session?" + urlencode({"next": onward(next, urls)})
        if found is None:
            return RedirectResponse(again, 303)
        session, account = found
        who = Actor(account.subject, account.organisation, tuple(sorted(account.roles)), where_of(request))
        try:
            await sign_in.step_up(account, session, code, passkey, who)
        except RefusedError as error:
            page = form(request, account, next, error.code, error.retry_after or 0)
            if error.retry_after:
                page.headers["Retry-After"] = str(error.retry_after)
            return page
        except TransientError:
            raise unavailable() from None
        return RedirectResponse(again, 303)

    def _recent(session: Session) -> bool:
        age = pages.clock.now() - sessions.confirmed_at(session)
        # A minute less than elsewhere, so that nobody is sent to and fro at the end of the window.
        return age.total_seconds() < (pages.settings.step_up_minutes - 1) * 60

    return router
