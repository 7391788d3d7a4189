"""The pages on which an invitation becomes an account: password, second factor, recovery codes."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import Response

from services.identity.accounts.models import PasskeyMissingError, RefusedError
from services.identity.accounts.rules import LONGEST
from services.identity.audit_recorder import Actor, actor_of
from services.identity.enrolment.service import Enrolment, EnrolmentPage
from services.identity.page_parts import ENROL_WORDS, FIELD, Text, end_the_old, qr_code
from services.identity.passkeys.service import Passkeys
from services.identity.problems import unavailable
from services.identity.sessions.cookies import REGISTER_COOKIE, set_device, set_session, set_short
from services.identity.sessions.service import Sessions
from services.identity.sign_in.service import SignIn
from shared.errors import TransientError
from shared.web.authorization import OPEN
from shared.web.navigation import home_of
from shared.web.pages import Pages


def invitation_router(
    sign_in: SignIn, sessions: Sessions, enrolment: Enrolment, passkeys: Passkeys, pages: Pages
) -> APIRouter:
    """``/invitation``."""
    router = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])
    urls = pages.settings.public_urls

    @router.get("/invitation")
    async def invitation(request: Request) -> Response:
        return pages.render(request, "invitation.html", error="", wait=0)

    @router.post("/invitation")
    async def enrol(
        request: Request,
        invitation: Annotated[str, Form(max_length=60)] = "",
        password: Text = "",
        again: Text = "",
        code: Annotated[str, Form(max_length=40)] = "",
        step: Annotated[str, Form(pattern="^(look|choose)$")] = "look",
        shown: Annotated[str, Form(max_length=60)] = "",
    ) -> Response:
        who = actor_of(request, None)
        try:
            offer = await enrolment.offer(invitation, who, shown)
            if step == "look":
                return choose(request, invitation, offer)
            return await complete(request, invitation, offer, (password, again, code), who)
        except RefusedError as error:
            status = 429 if error.code == "wait" else 403
            return pages.render(
                request,
                "invitation.html",
                status=status,
                error=ENROL_WORDS[error.code],
                wait=error.retry_after or 0,
            )
        except TransientError:
            raise unavailable() from None

    def choose(request: Request, invitation: str, offer: EnrolmentPage, error: str = "") -> Response:
        return pages.render(
            request,
            "enrol.html",
            status=422 if error else 200,
            invitation=invitation,
            offer=offer,
            qr=qr_code(offer.address),
            error=ENROL_WORDS[error] if error else "",
            field=FIELD.get(error, "password"),
            longest=LONGEST,
        )

    def codes_page(request: Request, codes: list[str], onward: str, state: str) -> Response:
        return pages.render(request, "recovery-codes.html", shown_once=True, codes=codes, onward=onward, state=state)

    async def complete(
        request: Request, invitation: str, offer: EnrolmentPage, given: tuple[str, str, str], who: Actor
    ) -> Response:
        password, again, code = given
        if password != again:
            return choose(request, invitation, offer, "not_the_same")
        try:
            account, codes = await enrolment.complete(invitation, offer.shown, password, code, who)
        except RefusedError as error:
            if error.code in {"no_invitation", "wait"}:
                raise
            return choose(request, invitation, offer, error.code)
        await end_the_old(request, sessions, passkeys)
        try:
            issued = await sign_in.begin_first(account, who)
        except PasskeyMissingError:
            page = codes_page(request, codes, "/session/passkey", "passkey")
            set_short(page, REGISTER_COOKIE, passkeys.permission(account), secure=pages.secure(request))
            return page
        except RefusedError:  # too many sessions of theirs began before they were invited anew
            return codes_page(request, codes, "/session", "waiting" if account.waits is not None else "later")
        if issued is None and account.waits is not None:
            return codes_page(request, codes, "/session", "waiting")
        if issued is None:
            raise RefusedError("no_invitation")
        request.state.principal = issued.principal
        page = codes_page(request, codes, home_of(issued.principal, urls), "fresh")
        set_session(page, issued, secure=pages.secure(request))
        device = sign_in.device_cookie(account, pages.clock.now())
        set_device(page, device, secure=pages.secure(request))
        return page

    return router
