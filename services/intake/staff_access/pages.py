"""``POST /details``: what a counsellor reads before calling.

The ticket in the form is the proof. No session is needed, since identity may be away; one of somebody else refuses it.
"""

from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import TypeAdapter, ValidationError
from starlette.responses import RedirectResponse

from services.intake.problems import RETRY_SECONDS
from services.intake.receipts.models import MESSAGE_CHARS
from services.intake.reports import documents
from services.intake.retention import words as erasure_words
from services.intake.staff_access import correspondence_rules
from services.intake.staff_access import words as staff_words
from services.intake.staff_access.correspondence import Correspondence
from services.intake.staff_access.service import DetailsClosedError, DetailsService
from services.intake.staff_access.views import details_of
from services.intake.submissions import idempotency
from services.intake.submissions.models import typed_chars
from services.intake.webform import words as form_words
from shared.audit.entries import where_of
from shared.centers import TABLES, center
from shared.errors import TransientError
from shared.events.base import ReportId
from shared.web.authorization import OPEN, Authorizer
from shared.web.form_body import form_body
from shared.web.pages import Pages
from shared.web.problems import Problem, wants_page

_BEHIND_S: Final = 2
_REPORT_ID: Final[TypeAdapter[str]] = TypeAdapter(ReportId)


def router(
    pages: Pages, authorize: Authorizer, details_service: DetailsService, correspondence: Correspondence
) -> APIRouter:
    """The route of the details."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])

    @routes.post("/details")
    async def details(request: Request) -> Response:
        typed = await form_body(request)
        token, report_id = typed.one("ticket"), _case_of(typed.one("report_id"))
        try:
            opened = await details_service.open(token, where_of(request), await authorize.authenticate(request))
        except DetailsClosedError as error:
            status, said = staff_words.REFUSALS[error.refusal]
            wait = _BEHIND_S if status == 503 else None  # noqa: PLR2004  # HTTP's "try again later"
            return _closed(pages, request, Problem(status, error.refusal.value, said, retry_after=wait), report_id)
        except TransientError:
            problem = Problem(503, "unavailable", staff_words.AWAY, retry_after=RETRY_SECONDS)
            return _closed(pages, request, problem, report_id)
        ticket = opened.ticket
        details = details_of(opened.document, opened.parts)
        return pages.render(
            request,
            "details.html",
            shown_once=True,
            report_id=opened.ticket.report_id,
            alias=opened.ticket.alias,
            people=opened.ticket.people,
            subject=opened.ticket.subject,
            owner=center(opened.ticket.organisation),
            purpose=opened.ticket.purpose,
            stale=opened.stale,
            details=details,
            may_answer=correspondence_rules.may_answer(
                details.contact, len(documents.of_holder(opened.document, "messages"))
            ),
            to_holder={reply["number"] for reply in correspondence_rules.shown_to_holder(opened.document)},
            reader=correspondence_rules.reader_of(opened.document) or "",
            leave=correspondence.leave(ticket.report_id, ticket.ownership, ticket.subject, ticket.session),
            idempotency_key=idempotency.new_key(),
            chars=typed_chars(MESSAGE_CHARS),
            place=_places(pages, request),
            words=staff_words,
            ways=erasure_words.WAYS,
            tongues=dict(form_words.TONGUES),
        )

    @routes.get("/details")
    async def again(request: Request) -> Response:
        # Where the language links and "back" lead to: a ticket is never in an address.
        return _closed(pages, request, Problem(405, "method_not_allowed", staff_words.AGAIN, headers={"Allow": "POST"}))

    @routes.get("/details/{report_id}")
    @routes.get("/details/{report_id}/{form}")
    async def reloaded(report_id: str) -> Response:
        # The page of details gives itself this address: loading it again leads to the case and wastes no ticket.
        # Its forms are sent to addresses below it, and signing in leads back to those.
        notify = pages.settings.public_urls.get("notify", "").rstrip("/")
        case = _case_of(report_id)
        return RedirectResponse(f"{notify}/cases/{case}" if case else f"{notify}/", 303)

    return routes


def _case_of(typed: str) -> str | None:
    """The report a ticket's page says it is for: where a closed page leads back to. Nothing else rests on it."""
    try:
        return _REPORT_ID.validate_python(typed)
    except ValidationError:
        return None


def _closed(pages: Pages, request: Request, problem: Problem, report_id: str | None = None) -> Response:
    if not wants_page(request):
        raise problem
    page = pages.render(
        request, "details-closed.html", status=problem.status_code, said=problem.detail, report_id=report_id
    )
    page.headers.update(problem.headers or {})
    return page


def _places(pages: Pages, request: Request) -> dict[str, str]:
    language = pages.language(request)
    return {slug: one.name(language) for slug, one in {**TABLES.divisions, **TABLES.elsewhere}.items()}
