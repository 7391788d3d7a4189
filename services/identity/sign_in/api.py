"""Signing in over HTTP, for programs, and the keys every service verifies with."""

import re
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Final, Literal, NoReturn

import orjson
from fastapi import APIRouter, Depends, Header
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from services.identity.accounts.models import RefusedError, SessionEnding
from services.identity.audit_recorder import Actor, AuditAction, actor_of, line
from services.identity.keys.service import Signing
from services.identity.problems import unavailable
from services.identity.sessions.cookies import clear, device_of
from services.identity.sessions.service import Issued, Sessions
from services.identity.sign_in.service import SignIn, SignInAttempt
from services.identity.sign_in.words import STATUS, WORDS
from shared.audit.entries import where_of
from shared.audit.store import AuditLog
from shared.clock import Clock
from shared.errors import TransientError
from shared.identity.cookies import SERVICES
from shared.identity.keys import KeyDocument
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.identity.source import WAIT_S
from shared.web.app import Problem
from shared.web.authorization import OPEN, Authorizer
from shared.web.documented import refuses
from shared.web.middleware import HELD
from shared.web.translations import gettext_noop

Audience = Annotated[
    Literal[SERVICES],  # type: ignore[valid-type]  # mypy wants the names themselves
    Field(description="The service that the token is for; no other takes it.", examples=["notify"]),
]


class SignInRequest(BaseModel):
    """A request to sign in."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    account: str = Field(max_length=80, description="What they sign in as.", examples=["jeju-counsellor"])
    password: str = Field(max_length=256, description="Their password.", examples=["(a long sentence)"])
    code: str = Field(
        max_length=40, description="Six digits of the authenticator, or a recovery code.", examples=["492039"]
    )
    audience: Audience = "identity"


class SessionRequest(BaseModel):
    """A session's secret, and for which service a token is wanted."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    session: str = Field(max_length=100, description="As `sign-in` gave it.", examples=["(43 characters)"])
    audience: Audience = "identity"


class ConfirmRequest(BaseModel):
    """A session's secret, and a second factor."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    session: str = Field(max_length=100, description="As `sign-in` gave it.", examples=["(43 characters)"])
    code: str = Field(
        max_length=40, description="Six digits of the authenticator, or a recovery code.", examples=["492039"]
    )
    audience: Audience = "identity"


class SignedIn(BaseModel):
    """A token to send as `Authorization: Bearer …`, and the secret that renews it."""

    token: str
    expires_at: datetime
    session: str


class Ended(BaseModel):
    """How many sessions ended."""

    ended: int


_WAIT: Final = re.compile(r"\bwait=(\d{1,3})\b")


class PublishedKeys(KeyDocument):
    """The public keys, what ended early, and all of it once more as the root key signed it."""

    signed: list[str]


def account_router(
    sign_in: SignIn, sessions: Sessions, signing: Signing, audit: AuditLog, authorize: Authorizer, clock: Clock
) -> APIRouter:
    """``/api/v1/sign-in``, ``/api/v1/session/…`` and ``/api/v1/identity/keys``."""
    router = APIRouter(prefix="/api/v1", tags=["sign-in"])
    own = authorize(Action.OWN_ACCOUNT)

    @router.get(
        "/identity/keys",
        response_model=PublishedKeys,
        summary="The public keys that verify tokens",
        dependencies=[Depends(OPEN)],
        responses={304: {"description": "Not changed since the given ETag"}},
    )
    async def get_keys(
        request: Request,
        if_none_match: Annotated[
            str, Header(max_length=100, description="The `ETag` of what is known.", examples=['"(32 digits)"'])
        ] = "",
        prefer: Annotated[
            str,
            Header(
                max_length=100,
                description=f"`wait=N`: while nothing changed, answer after N seconds ({WAIT_S} at most; RFC 7240).",
                examples=["wait=10"],
            ),
        ] = "",
    ) -> Response:
        """The public keys, and the keys and sessions that ended early (JWK set with four more members).

        `signed` has the same as the root key signed it (compact JWS): services read that alone.
        """
        asked = _WAIT.search(prefer)
        setattr(request.state, HELD, asked is not None)
        try:
            published = await signing.published_after(if_none_match, min(int(asked[1]), WAIT_S) if asked else 0)
            if published is None:
                return Response(status_code=304, headers={"ETag": if_none_match})
            document = await signing.document()
        except TransientError:
            raise unavailable() from None
        body = {**document.model_dump(mode="json"), "signed": [published.signed]}
        return Response(orjson.dumps(body), media_type="application/json", headers={"ETag": published.tag})

    @router.post(
        "/sign-in",
        name="sign_in",
        summary="Sign in",
        dependencies=[Depends(OPEN)],
        openapi_extra=refuses(
            "wrong_sign_in", "waits_for_release", "passkey_needed", "passkey_missing", "wait", "too_many_sessions"
        ),
    )
    async def open_session(request: Request, body: SignInRequest) -> SignedIn:
        """Sign in. 401 `wrong_sign_in` for every reason there is; 429 `wait` after several failures.

        403, to who gave both factors: `waits_for_release` (an administrator made or changed the account),
        `passkey_needed` or `passkey_missing` (their role signs in with a passkey, on the sign-in page). 429
        `too_many_sessions`, to them as well, after a hundred sessions in eleven hours: one in ten minutes from then on.
        """
        attempt = SignInAttempt(body.account, body.password, body.code, where_of(request), device_of(request))
        try:
            entered = await sign_in.enter(attempt, actor_of(request, None))
            token = await sessions.token_for(entered.issued, body.audience)
        except RefusedError as error:
            raise_problem(error)
        except TransientError:
            raise unavailable() from None
        return _signed_in(replace(entered.issued, token=token))

    @router.post(
        "/session/renew",
        summary="A fresh token",
        dependencies=[Depends(OPEN)],
        openapi_extra=refuses("session_over"),
    )
    async def renew_session(body: SessionRequest) -> SignedIn:
        """A fresh token for a session, for the service that is named.

        401 `session_over` when it ended or nobody used it for two hours.
        """
        try:
            issued = await sessions.renew(body.session, body.audience)
        except TransientError:
            raise unavailable() from None
        if issued is None:
            raise Problem(401, "session_over", gettext_noop("This session is over. Please sign in again."))
        return _signed_in(issued)

    @router.post("/session/end", summary="Sign out")
    async def end_session(request: Request, response: Response, principal: Annotated[Principal, Depends(own)]) -> Ended:
        """Sign out: this session."""
        return await _ended(request, response, principal, everywhere=False)

    @router.post("/session/end-everywhere", summary="Sign out everywhere")
    async def end_all_sessions(
        request: Request, response: Response, principal: Annotated[Principal, Depends(own)]
    ) -> Ended:
        """Sign out everywhere: all sessions of this account. Effective in every service within seconds.

        No browser is known any more: the next sign-in from any is told of by mail.
        """
        return await _ended(request, response, principal, everywhere=True)

    async def _ended(request: Request, response: Response, principal: Principal, *, everywhere: bool) -> Ended:
        what = AuditAction.SIGN_OUT_EVERYWHERE if everywhere else AuditAction.SIGN_OUT
        try:
            if everywhere:
                count = (await sessions.end_everywhere(principal.subject, SessionEnding.EVERYWHERE)).ended
            else:
                count = await sessions.end(principal.subject, SessionEnding.SIGNED_OUT, only=principal.session)
            await audit.append(line(actor_of(request, principal), what, clock.now()))
        except TransientError:
            raise unavailable() from None
        clear(response)
        return Ended(ended=count)

    return router


def confirm_api(sign_in: SignIn, sessions: Sessions) -> APIRouter:
    """``/api/v1/session/confirm``."""
    router = APIRouter(prefix="/api/v1", tags=["sign-in"])

    @router.post(
        "/session/confirm",
        summary="Show a second factor again",
        dependencies=[Depends(OPEN)],
        openapi_extra=refuses("wrong_sign_in", "session_over", "passkey_needed", "wait"),
    )
    async def confirm_session(request: Request, body: ConfirmRequest) -> SignedIn:
        """Show a second factor again, which other services ask for with `step_up_needed`; a token that says so.

        401 `session_over`, or `wrong_sign_in` where the code does not fit; 429 `wait`; 403 `passkey_needed`, to who
        signs in with a passkey: they confirm on the page, or with a recovery code.
        """
        try:
            found = await sessions.present(body.session)
            if found is not None:
                session, account = found
                who = Actor(account.subject, account.organisation, tuple(sorted(account.roles)), where_of(request))
                await sign_in.step_up(account, session, body.code, "", who)
            issued = await sessions.renew(body.session, body.audience) if found is not None else None
        except RefusedError as error:
            raise_problem(error)
        except TransientError:
            raise unavailable() from None
        if issued is None:
            raise Problem(401, "session_over", gettext_noop("This session is over. Please sign in again."))
        return _signed_in(issued)

    return router


def raise_problem(error: RefusedError) -> NoReturn:
    """A refused sign-in as a problem."""
    headers = {"WWW-Authenticate": 'Bearer realm="ieum"'} if error.code == "wrong_sign_in" else None
    raise Problem(
        STATUS[error.code], error.code, WORDS[error.code], retry_after=error.retry_after, headers=headers
    ) from None


def _signed_in(issued: Issued) -> SignedIn:
    return SignedIn(token=issued.token, expires_at=issued.principal.expires_at, session=issued.secret)
