"""The way to the OpenID provider and back."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.identity.accounts.models import RefusedError
from services.identity.audit_recorder import actor_of
from services.identity.oidc.provider import LOGIN_STATE_S, LoginState, Person, Provider
from services.identity.oidc.service import External
from services.identity.passkeys.service import Passkeys
from services.identity.problems import unavailable
from services.identity.sessions.cookies import REGISTER_COOKIE, device_of, onward, set_device, set_session, short_of
from services.identity.sessions.service import Sessions
from services.identity.sign_in.words import WORDS as ACCOUNT_WORDS
from shared.errors import TransientError
from shared.identity.cookies import named, session_secret
from shared.rate_limit import RateLimit, RateLimiter
from shared.web.app import Problem
from shared.web.authorization import OPEN
from shared.web.middleware import only_head
from shared.web.navigation import home_of
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

_COOKIE: Final = "ieum_oidc"
_LONGEST_TOKEN: Final = 20_000
WRONG_CODES: Final = RateLimit(capacity=60, per_second=0.2)
"""Codes of one network that may wait for the provider's answer, or that it said no to: else anybody could have us ask
it without end. More people than arrive at a centre in the same second."""
WORDS: Final = {
    "wrong_state": (
        403,
        gettext_noop("This sign-in was not begun in this browser, or took too long. Please begin again."),
    ),
    "wrong_token": (403, gettext_noop("The sign-in provider's answer could not be verified. Please begin again.")),
    "wrong_logout_token": (
        400,
        gettext_noop("This is no logout token of the sign-in provider that counts, or it was used before."),
    ),
    "no_second_factor": (
        403,
        gettext_noop("The sign-in provider did not ask you for a second factor. Set one up there, then begin again."),
    ),
    "not_asked_again": (
        403,
        gettext_noop(
            "The sign-in provider does not say that it asked you for password and second factor just now. Please begin"
            " again; if that does not help, tell whoever runs this system."
        ),
    ),
    "provider_error": (403, gettext_noop("The sign-in provider did not let you in.")),
    "provider_unavailable": (503, gettext_noop("The sign-in provider does not answer. Please try again.")),
    "step_up_unavailable": (
        503,
        gettext_noop(
            "The sign-in provider does not answer, so it cannot ask for your second factor again. Details, erasures and"
            " accounts stay closed to you until it does; lists and acknowledging go on. A colleague who showed theirs"
            " lately can open what is urgent."
        ),
    ),
    "wait": (429, gettext_noop("Too many attempts. Please wait a moment, then begin again.")),
    "too_many_sessions": (429, ACCOUNT_WORDS["too_many_sessions"]),
    "no_mapped_role": (403, gettext_noop("You have no role here. Ask whoever manages accounts at your organisation.")),
    "waits_for_release": (403, ACCOUNT_WORDS["waits_for_release"]),
    "wrong_sign_in": (403, gettext_noop("Your account is disabled here. Ask whoever manages accounts.")),
}


def oidc_router(
    provider: Provider, external: External, sessions: Sessions, passkeys: Passkeys, pages: Pages
) -> APIRouter:
    """``/oidc/start`` and ``/oidc/callback``."""
    router = APIRouter(prefix="/oidc", include_in_schema=False, dependencies=[Depends(OPEN)])
    urls, codes = pages.settings.public_urls, RateLimiter(WRONG_CODES, pages.clock)

    @router.get("/start")
    async def start(
        request: Request,
        next: Annotated[str, Query(max_length=2000)] = "",  # noqa: A002  # the parameter's name in the address
        again: str = "",
    ) -> Response:
        try:
            address, cookie = await provider.begin(
                onward(next, urls) if next else "",
                again=bool(again),
                device=device_of(request),
                before=session_secret(request) or "",
                permission=short_of(request, REGISTER_COOKIE),
            )
        except RefusedError as error:
            raise problem(error, again=bool(again)) from None
        answer = RedirectResponse(address, 303)
        # Lax: the provider sends the browser back from another site, and a strict cookie would stay away.
        answer.set_cookie(
            named(_COOKIE, secure=pages.secure(request)),
            cookie,
            max_age=LOGIN_STATE_S,
            path="/",
            httponly=True,
            samesite="lax",
            secure=pages.secure(request),
        )
        return answer

    @router.get("/callback")
    async def callback(
        request: Request,
        state: Annotated[str, Query(max_length=200)] = "",
        code: Annotated[str, Query(max_length=2000)] = "",
        error: Annotated[str, Query(max_length=200)] = "",
    ) -> Response:
        if only_head(request):
            # A code counts once: a preview of the address must not spend it.
            raise HTTPException(405, headers={"Allow": "GET"})
        who = actor_of(request, None)
        login_state: LoginState | None = None
        try:
            login_state = provider.login_state(
                request.cookies.get(named(_COOKIE, secure=pages.secure(request)), ""), state
            )
            person = await vouched_for(login_state, _code(code, error), who.where)
            entered = await external.enter(person, who, login_state.device)
        except RefusedError as refusal:
            if refusal.code not in {
                "no_mapped_role",
                "wrong_sign_in",
                "waits_for_release",
                "wait",
                "too_many_sessions",
            }:
                await noted(request, refusal.code)
            raise problem(refusal, again=login_state is not None and login_state.again) from None
        except TransientError:
            raise unavailable() from None
        await _end_before(login_state, sessions, passkeys)
        target = login_state.onward or home_of(entered.issued.principal, urls)
        # A page and not a redirect: after one the browser would still count this as coming from another site.
        answer = pages.render(request, "onward.html", target=target)
        secure = pages.secure(request)
        set_session(answer, entered.issued, secure=secure)
        set_device(answer, entered.device, secure=secure)
        answer.delete_cookie(named(_COOKIE, secure=secure), path="/", httponly=True, samesite="lax", secure=secure)
        return answer

    async def vouched_for(login_state: LoginState, code: str, where: str) -> Person:
        """Ask the provider, for one network only while few of its codes were wrong: counted before it is asked."""
        if not codes.try_acquire(where):
            raise RefusedError("wait", retry_after=codes.wait(where))
        try:
            person = await provider.person(login_state, code)
        except RefusedError as error:
            if error.code != "wrong_token":
                codes.consume(where, -1.0)
            raise
        codes.consume(where, -1.0)
        return person

    async def noted(request: Request, code: str) -> None:
        try:
            await external.refused(actor_of(request, None), code)
        except TransientError:
            raise unavailable() from None

    return router


def logout_router(provider: Provider, external: External) -> APIRouter:
    """``/oidc/backchannel-logout``."""
    router = APIRouter(prefix="/oidc", include_in_schema=False, dependencies=[Depends(OPEN)])

    @router.post("/backchannel-logout")
    async def logged_out(
        request: Request, logout_token: Annotated[str, Form(max_length=_LONGEST_TOKEN)] = ""
    ) -> Response:
        """The provider itself says here that somebody signed out there, or was signed out."""
        who = actor_of(request, None)
        try:
            await external.log_out(await provider.logout(logout_token), provider.issuer, who)
        except RefusedError as refusal:
            code = "wrong_logout_token" if refusal.code == "wrong_token" else refusal.code
            try:
                await external.logout_refused(who, code)
            except TransientError:
                raise unavailable() from None
            raise problem(RefusedError(code)) from None
        except TransientError:
            raise unavailable() from None
        return Response(headers={"Cache-Control": "no-store"})

    return router


async def _end_before(login_state: LoginState, sessions: Sessions, passkeys: Passkeys) -> None:
    """End what the browser had when it left."""
    if login_state.before:
        await sessions.end_by_secret(login_state.before)
    await passkeys.end_permission(login_state.permission)


def _code(code: str, error: str) -> str:
    if error or not code:
        raise RefusedError("provider_error")
    return code


def problem(error: RefusedError, *, again: bool = False) -> Problem:
    """A refusal in words; ``again``: to somebody who is signed in and shows a second factor again."""
    code = "step_up_unavailable" if again and error.code == "provider_unavailable" else error.code
    status, words = WORDS[code]
    return Problem(status, code, words, retry_after=error.retry_after)
