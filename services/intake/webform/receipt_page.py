"""The page of a receipt: sending a report leads to it, and back, reload and a restart find it during the visit.

It is kept as a draft is: for half an hour after it was looked at last, readable only together with this browser's
cookie. No address holds the receipt.
"""

from datetime import datetime
from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import RedirectResponse

from services.intake.reports.waiting_period import WordChosen
from services.intake.submissions.models import Submission
from services.intake.submissions.service import SubmissionResult
from services.intake.webform import advice, drafts
from services.intake.webform.drafts import Drafts
from services.intake.webform.renderer import FormRenderer
from shared.errors import TransientError
from shared.events.vocabulary import ContactChannel, Role, Urgency
from shared.web.authorization import OPEN
from shared.web.form_body import Typed

PATH: Final = "/receipt"
AGAIN: Final = "again"
"""In the address, where somebody came back to a form whose report was sent."""


def router(view: FormRenderer, kept: Drafts) -> APIRouter:
    """``/receipt``."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])

    @routes.get(PATH)
    async def shown(request: Request) -> Response:
        page = await kept.load(view.receipt_of(request))
        return RedirectResponse("/status", 303) if page is None else render(view, request, page)

    return routes


async def lead_to(view: FormRenderer, kept: Drafts, request: Request, page: Typed) -> Response:
    """Keep the page and lead to it; where it cannot be kept, answer with it: nothing may hide a receipt.

    A browser that sends no cookie may take none, and would come to the page without its receipt.
    """
    if not request.cookies:
        return render(view, request, page, shown_once=True)
    token = kept.new_token()
    try:
        await kept.save(token, page)
        await kept.drop(view.receipt_of(request))  # of a report before, or of this one sent again
    except TransientError:
        return render(view, request, page, shown_once=True)
    chosen = f"?lang={view.pages.language(request)}" if "lang" in request.query_params else ""
    answer = RedirectResponse(f"{PATH}{chosen}", 303)
    drafts.leave_token(answer, token, secure=view.pages.secure(request), cookie=drafts.RECEIPT_COOKIE)
    return answer


async def sent_before(view: FormRenderer, kept: Drafts, request: Request) -> Response | None:
    """Lead whoever comes back to a form that was sent to the receipt; None where no receipt is kept for them."""
    try:
        found = await kept.load(view.receipt_of(request))
    except TransientError:
        return None
    return None if found is None else RedirectResponse(f"{PATH}?{AGAIN}", 303)


def page_of(result: SubmissionResult, submission: Submission, typed: Typed) -> Typed:
    """Everything the page shows, as texts."""
    channels = submission.contact.channels
    said = {
        "receipt": result.receipt,
        "received_at": result.received_at.isoformat(),
        "proof": result.proof,
        "urgency": result.urgency.value,
        "reachable": "yes" if channels else "",
        "by_other": "yes" if submission.role is not Role.VICTIM else "",
        "only_here": "yes" if channels == (ContactChannel.MESSAGE_HERE,) else "",
        "in_force": "yes" if result.word.in_force else "",
        "for_status": "yes" if result.word.for_status else "",
        "repeated": "yes" if result.repeated else "",
        "word_typed": "yes" if submission.word is not None else "",
    }
    links = tuple(slug for slug, _ in advice.fitting(typed))
    return Typed({**{name: (value,) for name, value in said.items()}, "links": links})


def render(view: FormRenderer, request: Request, page: Typed, *, shown_once: bool = False) -> Response:
    """The page of a receipt. ``shown_once``: nothing on it leads to the other language, for it has no address."""
    received_at = datetime.fromisoformat(page.one("received_at"))
    return view.pages.render(
        request,
        "receipt.html",
        public=True,
        again=AGAIN in request.query_params,
        receipt=page.one("receipt"),
        received_at=received_at,
        proof=page.one("proof"),
        by=view.promised(Urgency(page.one("urgency")), received_at),
        reachable=bool(page.one("reachable")),
        by_other=bool(page.one("by_other")),
        only_here=bool(page.one("only_here")),
        word=WordChosen(in_force=bool(page.one("in_force")), for_status=bool(page.one("for_status"))),
        repeated=bool(page.one("repeated")),
        word_typed=bool(page.one("word_typed")),
        links=[(slug, advice.NOTES[slug].title) for slug in page.all("links") if slug in advice.NOTES],
        **({"shown_once": True} if shown_once else {}),
    )
