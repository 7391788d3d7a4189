"""The form in short steps. Each page is sent, kept as a draft, and leads on; going back never loses anything.

``go`` says what the pressed button means: ``next``, ``back``, ``check`` (to the last page), ``stay`` (the same page in
another language), ``who`` (from a short path to the long one) or ``notes/`` with the name of a page of advice.
"""

from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import RedirectResponse

from services.intake import problems as refusals
from services.intake.dependencies import caller_of
from services.intake.submissions.facts import NotAdmittedError, examine
from services.intake.submissions.models import Submission
from services.intake.webform import drafts, form, receipt_page, returning, steps
from services.intake.webform.advice import NOTES
from services.intake.webform.advice_pages import BACK
from services.intake.webform.drafts import Drafts
from services.intake.webform.form import FieldProblem
from services.intake.webform.renderer import BEGIN_AGAIN, WITHOUT_COOKIE, FormRenderer
from services.intake.webform.returning import Returning
from services.intake.webform.steps import CHECK, FormStep
from shared.clock import Clock
from shared.errors import TransientError
from shared.web.app import Problem
from shared.web.authorization import OPEN
from shared.web.form_body import Typed, form_body
from shared.web.translations import gettext_noop as n

_GONE: Final = n(
    "What you had answered before is gone: answers are kept for 30 minutes, or until you send them. If you sent your "
    "report, its receipt number shows where it stands. What you just sent is here."
)
_LATER: Final = n(
    "What you just answered could not be kept. It is still on this page. Please press the button again in a moment, or "
    "call 1366 (24 hours). In danger, call 112."
)
_NOT_REACHED: Final = n(
    "What you answered before cannot be shown just now. It is still kept. Please load this page again in a moment, or "
    "call 1366 (24 hours). In danger, call 112."
)
_NOTHING_HERE: Final = n("There is nothing at this address.")
_LONG: Final = steps.first("").slug
"""The button that leads from a short path to the long one."""


def router(view: FormRenderer, kept: Drafts, returning: Returning, clock: Clock) -> APIRouter:
    """The routes of the steps and of leaving them."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])
    pages = _Steps(view, kept, returning, clock)

    @routes.get("/form/{slug}")
    async def shown(request: Request, slug: str) -> Response:
        return await pages.show(request, slug)

    @routes.post("/form/{slug}")
    async def sent(request: Request, slug: str) -> Response:
        return await pages.take(request, _known(slug), await form_body(request))

    return routes


class _Steps:
    def __init__(self, view: FormRenderer, kept: Drafts, returning: Returning, clock: Clock) -> None:
        self._returning = returning
        self._view = view
        self._kept = kept
        self._clock = clock

    async def show(self, request: Request, slug: str) -> Response:
        one = None if slug == CHECK else _known(slug)
        token = self._view.draft_of(request)
        try:
            typed = await self._kept.load(token)
        except TransientError:
            raise Problem(503, "unavailable", _NOT_REACHED, retry_after=refusals.RETRY_SECONDS) from None
        if typed is None or token is None:
            if one is None or one is not steps.first(one.path):
                # Sending takes the token away: where there is one, it is another form's, and its time is over.
                sent = None if token else await receipt_page.sent_before(self._view, self._kept, request)
                return sent or RedirectResponse("/" if token else f"/?{WITHOUT_COOKIE}", 303)
            return self._view.step(request, one, steps.entered(Typed(), one))
        if one is None:
            return self._view.check(request, typed, key=self._kept.key_of_report(token))
        typed = steps.entered(typed, one)
        if one.path and typed.one(steps.PATH) != one.path:
            return RedirectResponse("/form/who", 303)  # their own answer, to go on with or to change
        if not one.applies(typed):
            return RedirectResponse(f"/form/{steps.after(one.slug, typed)}", 303)
        return self._view.step(request, one, typed, notice=_GONE if BEGIN_AGAIN in request.query_params else "")

    async def take(self, request: Request, one: FormStep, sent: Typed) -> Response:
        token, go = self._view.draft_of(request), sent.one("go")
        try:
            before = await self._kept.load(token)
        except TransientError:
            return self._later(request, one, steps.taken(Typed(), one.slug, sent))
        typed = steps.taken(before or Typed(), one.slug, sent)
        begins = before is None and one is steps.first(one.path)
        leaves = go in ("stay", "back") or _aside(go, one)
        if begins and leaves and not any(map(sent.all, one.controls)):
            return self._lead(request, one, typed, go, fresh=True)  # nothing was answered: nothing is kept
        problems = self._problems(request, one, typed)
        if returning.CONTROL in one.controls and go not in ("stay", "back"):
            earlier = await self._returning.known(caller_of(request), typed)
            # Where it cannot be asked for just now, nobody is kept on this page for it.
            problems += [earlier.problem] if earlier.problem and not earlier.later else []
        if problems:
            return await self._with_problems(request, one, sent, typed, before, problems)
        if go == _LONG:
            typed = steps.taken(before or Typed(), one.slug, sent, leaving=True)
        if token is None or begins:
            # A page in the middle was made of this browser's draft: whatever became of that, it is one report. Who
            # begins may be another person, and learns of no report that was sent from here.
            token = self._kept.new_token()
        try:
            await self._kept.save(token, typed)
        except TransientError:
            return self._view.not_kept(request, typed, key=self._kept.key_of_report(token))
        response = self._lead(request, one, typed, go, fresh=before is None)
        drafts.leave_token(response, token, secure=self._view.pages.secure(request))
        return response

    async def _with_problems(
        self,
        request: Request,
        one: FormStep,
        sent: Typed,
        typed: Typed,
        before: Typed | None,
        problems: list[FieldProblem],
    ) -> Response:
        go = sent.one("go")
        if go == "stay":
            return self._view.step(request, one, typed)
        if go == "back" and (before is not None or one is steps.first(one.path)):
            # What is wrong here stays behind, and nothing else: nobody is kept on a page they want to leave.
            token = self._view.draft_of(request)
            if before is not None and token is not None:
                try:
                    await self._kept.save(token, self._right(request, one, typed, before, problems))
                except TransientError:
                    return self._later(request, one, typed)
            return RedirectResponse(_page_before(one, before or typed), 303)
        if (aside := _aside(go, one)) and not any(map(sent.all, one.controls)):
            return RedirectResponse(aside, 303)  # nothing is here that could be lost
        return self._view.step(request, one, typed, problems=problems, status=422)

    def _right(
        self, request: Request, one: FormStep, typed: Typed, before: Typed, problems: list[FieldProblem]
    ) -> Typed:
        """Return the answers, where those of this page that are wrong are as they were before it was sent."""
        wrong = {problem.control for problem in problems} & typed.values.keys()  # emptied is no wrong answer
        kept = {name: values for name, values in typed.values.items() if name not in wrong}
        right = Typed(kept | {name: values for name, values in before.values.items() if name in wrong})
        still = {problem.control for problem in self._problems(request, one, right)}
        return before if still & right.values.keys() else right  # what is only missing is asked for at the end

    def _lead(self, request: Request, one: FormStep, typed: Typed, go: str, *, fresh: bool) -> Response:
        if go == "stay":
            # Not as the answer to the form: whoever went back to it later would see a browser's error.
            return RedirectResponse(f"/form/{one.slug}?lang={self._view.pages.language(request)}", 303)
        if fresh and one is not (beginning := steps.first(one.path)):
            return RedirectResponse(f"/form/{beginning.slug}?{BEGIN_AGAIN}", 303)
        if go == "back":
            return RedirectResponse(_page_before(one, typed), 303)
        if aside := _aside(go, one):
            return RedirectResponse(aside, 303)
        return RedirectResponse(f"/form/{CHECK if go == 'check' else steps.after(one.slug, typed)}", 303)

    def _later(self, request: Request, one: FormStep, typed: Typed) -> Response:
        page = self._view.step(request, one, typed, notice=_LATER, status=503)
        page.headers["Retry-After"] = str(refusals.RETRY_SECONDS)
        return page

    def _problems(self, request: Request, one: FormStep, typed: Typed) -> list[FieldProblem]:
        """Return the messages about this page's own fields; other pages ask for what they lack."""
        raw, problems = form.submission_of(steps.counting(typed), self._view.pages.language(request))
        try:
            submission = refusals.parsed(raw, Submission)
        except Problem as refused:
            problems += form.problems_of(((e.field, e.reason) for e in refused.errors), typed)
        else:
            try:
                examine(submission, self._clock.now())
            except NotAdmittedError as error:
                problems += form.problems_of([(error.field, error.reason)])
        if "phone" in one.controls:
            problems += form.way_left_out(typed)
        return [problem for problem in problems if problem.control in one.controls]


def _page_before(one: FormStep, typed: Typed) -> str:
    slug = steps.before(one.slug, typed)
    return f"/form/{slug}" if slug else steps.entrance(one)


def _aside(go: str, one: FormStep) -> str:
    """Where a button leads that leaves the path; empty for the others."""
    place, _, slug = go.partition("/")
    if place == "notes" and slug in NOTES:
        return f"/{go}?{BACK}={one.slug}"
    return f"/form/{_LONG}" if go == _LONG else ""


def _known(slug: str) -> FormStep:
    found = steps.step(slug)
    if found is None:
        raise Problem(404, "not_found", _NOTHING_HERE)
    return found
