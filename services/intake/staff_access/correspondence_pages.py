"""Forms on the page of details: an answer to the reporter, a note. And a case looked up by somebody's receipt."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import TypeAdapter, ValidationError
from starlette.responses import RedirectResponse

from services.intake.dependencies import require_of
from services.intake.receipts.models import MessageText
from services.intake.retention.pages import checked_id
from services.intake.staff_access.correspondence import Correspondence, TextKind
from services.intake.staff_access.lookup import StaffLookup
from shared.audit.entries import where_of
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.app import Problem
from shared.web.authorization import Authorizer
from shared.web.form_body import form_body
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

_NOTHING: Final = gettext_noop(
    "Write something, up to 2,000 characters, without resident registration numbers. Nothing was kept."
)
_TEXT: Final[TypeAdapter[str]] = TypeAdapter(MessageText)
"""Texts of staff follow the rules of texts of reporters."""


def router(pages: Pages, authorize: Authorizer, correspondence: Correspondence, finder: StaffLookup) -> APIRouter:
    """``POST /details/answer``, ``POST /details/note``, ``POST /find``."""
    routes = APIRouter(include_in_schema=False)

    async def write(request: Request, principal: Principal, kind: TextKind) -> Response:
        typed = await form_body(request)
        report_id = checked_id(typed.one("report_id"))
        try:
            text = _TEXT.validate_python(typed.one("text"))
        except ValidationError:
            raise Problem(422, "invalid", _NOTHING) from None
        require = require_of(authorize, request, principal)
        leave = typed.one("leave")
        await correspondence.write(where_of(request), principal, require, report_id, kind, leave, text)
        return pages.render(request, "written.html", report_id=report_id, answered=kind is TextKind.ANSWER)

    @routes.post("/details/answer")
    async def answer(
        request: Request, principal: Annotated[Principal, Depends(authorize(Action.DETAILS_WRITE))]
    ) -> Response:
        return await write(request, principal, TextKind.ANSWER)

    @routes.post("/details/note")
    async def note(
        request: Request, principal: Annotated[Principal, Depends(authorize(Action.DETAILS_WRITE))]
    ) -> Response:
        return await write(request, principal, TextKind.NOTE)

    @routes.post("/find")
    async def find(
        request: Request, principal: Annotated[Principal, Depends(authorize(Action.CASES_READ))]
    ) -> Response:
        typed = await form_body(request)
        report_id = await finder.find(where_of(request), principal, typed.one("receipt")[:60])
        notify = pages.settings.public_urls.get("notify", "").rstrip("/")
        return RedirectResponse(f"{notify}/cases/{report_id}", 303)

    return routes
