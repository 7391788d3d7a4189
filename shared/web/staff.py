"""Sign-in for staff, until accounts exist: one shared demo token, a page to give it, and a gate for routes."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shared.clock import Clock, SystemClock
from shared.settings import ServiceSettings
from shared.web import session
from shared.web.pages import Pages
from shared.web.problems import Problem
from shared.web.session import Staff
from shared.web.translations import gettext_noop

__all__ = ["Staff", "StaffGate", "staff_router"]


class StaffGate:
    """A FastAPI dependency that lets only staff through, by bearer token or cookie.

    Others get a 401 problem; on a page that a browser opens they are led to the sign-in page and back. Without a
    token in the settings nobody passes.
    """

    def __init__(self, settings: ServiceSettings, *, page: bool | None = None, clock: Clock | None = None) -> None:
        """``page`` says whether to lead to the sign-in page; None: yes, except under ``/api/``."""
        self._token = settings.demo_token
        self._page = page
        self._clock = clock or SystemClock()

    async def __call__(self, request: Request) -> Staff:
        """Who it is. Raises Problem 401, or a 303 to the sign-in page."""
        staff = session.signed_in(request, self._token, self._clock.now())
        if staff is not None:
            return staff
        page = self._page if self._page is not None else not request.url.path.startswith("/api/")
        if page and request.method in {"GET", "HEAD"}:
            wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            raise HTTPException(303, headers={"Location": f"/session?{urlencode({'next': wanted})}"})
        raise Problem(
            401,
            "not_signed_in",
            gettext_noop("Send the staff token as “Authorization: Bearer …”, or sign in at /session."),
            headers={"WWW-Authenticate": 'Bearer realm="ieum"'},
        )


def staff_router(pages: Pages) -> APIRouter:
    """``GET /session`` (the sign-in page), ``POST /session``, ``POST /session/end``."""
    router = APIRouter(include_in_schema=False)
    attempts = session.Attempts()
    token = session.usable(pages.settings.demo_token)

    def page(request: Request, wanted: str, status: int = 200, error: str = "", wait: int = 0) -> Response:
        return pages.render(
            request,
            "session.html",
            status=status,
            next=local_path(wanted),
            error=error,
            wait=wait,
            unset=token is None,
        )

    @router.get("/session")
    async def show(request: Request, next: str = "/") -> Response:  # noqa: A002  # the parameter's name in the address
        return page(request, next)

    @router.post("/session")
    async def sign_in(
        request: Request,
        token_given: Annotated[str, Form(alias="token", max_length=200)] = "",
        next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002  # as above
    ) -> Response:
        now = pages.clock.now()
        host = request.client.host if request.client else None
        # The right token first: others' failures in the same network must not lock staff out.
        if token is None or not session.same_token(token_given.strip(), token):
            if wait := attempts.wait(host, now):
                response = page(request, next, 429, "wait", wait)
                response.headers["Retry-After"] = str(wait)
                return response
            attempts.failed(host, now)
            return page(request, next, 401, "wrong")
        answer = RedirectResponse(local_path(next), 303)
        session.set_cookie(answer, session.cookie_value(token, now), secure=pages.secure(request))
        return answer

    @router.post("/session/end")
    async def sign_out() -> Response:
        response = RedirectResponse("/session", 303)
        session.clear_cookie(response)
        return response

    return router


def local_path(wanted: str) -> str:
    """The address if it stays on this host, else the start page: a sign-in page must not lead elsewhere."""
    safe = wanted.startswith("/") and not wanted.startswith(("//", "/\\", "/session"))
    return wanted if safe and wanted.isprintable() and "\\" not in wanted else "/"
