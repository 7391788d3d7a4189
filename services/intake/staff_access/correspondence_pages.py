"""Forms on the page of details: an answer to the reporter, a note. And a case looked up by somebody's receipt."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import TypeAdapter, ValidationError
from starlette.responses import RedirectResponse

from services.intake.dependencies import require_of
from services.intake.receipts.models import MESSAGE_CHARS, MessageText
from services.intake.retention.pages import checked_id
from services.intake.staff_access import words as staff_words
from services.intake.staff_access.correspondence import Correspondence, TextKind
from services.intake.staff_access.correspondence_rules import READER, WriteRefusal
from services.intake.staff_access.lookup import StaffLookup
from services.intake.submissions import idempotency
from services.intake.submissions.models import typed_chars
from shared.audit.entries import where_of
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.authorization import Authorizer
from shared.web.form_body import Typed, form_body
from shared.web.pages import Pages
from shared.web.problems import Problem, wants_page
from shared.web.translations import gettext_noop

_NOTHING: Final = gettext_noop(
    "Write something, up to 2,000 characters, without resident registration numbers. Nothing was kept."
)
_TEXT: Final[TypeAdapter[str]] = TypeAdapter(MessageText)
"""Texts of staff follow the rules of texts of reporters."""
_MAY_AGAIN: Final = frozenset({422, 503})
"""Refusals after which the same form may be sent again, beside that of one that was sent before."""


def router(pages: Pages, authorize: Authorizer, correspondence: Correspondence, finder: StaffLookup) -> APIRouter:
    """``POST /details/{report_id}/answer``, ``POST /details/{report_id}/note``, ``POST /find``."""
    routes = APIRouter(include_in_schema=False)

    async def write(request: Request, principal: Principal, report_id: str, kind: TextKind) -> Response:
        typed = await form_body(request)
        report_id, leave, answered = checked_id(report_id), typed.one("leave"), kind is TextKind.ANSWER
        reader, require = typed.one(READER), require_of(authorize, request, principal)
        try:
            text = _checked(typed.one("text"))
            key = idempotency.key_of(typed)
            await correspondence.write(
                where_of(request),
                principal,
                require,
                report_id,
                kind,
                leave,
                text,
                key,
                reader=reader,
                marked=typed.one("marked") == "yes",
            )
        except Problem as problem:
            if problem.code == "not_allowed" or not wants_page(request):
                raise
            return not_written(
                request, problem, report_id=report_id, leave=leave, answered=answered, typed=typed, reader=reader
            )
        to = staff_words.ANSWER_TO.get(reader) if answered else None
        return pages.render(request, "written.html", report_id=report_id, answered=answered, to=to)

    def not_written(request: Request, problem: Problem, *, typed: Typed, **shown: object) -> Response:
        """Show what was written to whoever wrote it: it is in no store, and nowhere else without the page's script."""
        sent_before = problem.code == WriteRefusal.SENT_BEFORE
        key = None if sent_before else idempotency.key_of(typed)
        page = pages.render(
            request,
            "writing-refused.html",
            status=problem.status_code,
            shown_once=True,
            said=problem.detail,
            unknown=problem.code == "unavailable",
            idempotency_key=key or idempotency.new_key(),
            may_again=problem.status_code in _MAY_AGAIN or sent_before,
            text=typed.one("text"),
            marked=typed.one("marked") == "yes",
            unmarked=problem.code == WriteRefusal.NOT_MARKED,
            words=staff_words,
            chars=typed_chars(MESSAGE_CHARS),
            **shown,
        )
        page.headers.update(problem.headers or {})
        return page

    @routes.post("/details/{report_id}/answer")
    async def answer(
        request: Request, report_id: str, principal: Annotated[Principal, Depends(authorize(Action.DETAILS_WRITE))]
    ) -> Response:
        return await write(request, principal, report_id, TextKind.ANSWER)

    @routes.post("/details/{report_id}/note")
    async def note(
        request: Request, report_id: str, principal: Annotated[Principal, Depends(authorize(Action.DETAILS_WRITE))]
    ) -> Response:
        return await write(request, principal, report_id, TextKind.NOTE)

    @routes.post("/find")
    async def find(
        request: Request, principal: Annotated[Principal, Depends(authorize(Action.CASES_READ))]
    ) -> Response:
        typed = await form_body(request)
        report_id = await finder.find(where_of(request), principal, typed.one("receipt")[:60])
        notify = pages.settings.public_urls.get("notify", "").rstrip("/")
        return RedirectResponse(f"{notify}/cases/{report_id}", 303)

    return routes


def _checked(text: str) -> str:
    try:
        return _TEXT.validate_python(text)
    except ValidationError:
        raise Problem(422, "invalid", _NOTHING) from None
