"""Where a report begins, is sent, and is left. The pages work without script, and no address ever holds a receipt.

Sending takes everything from the form itself, not from the draft: whoever lingers on the last page until the draft is
gone still sends all of it. The answer leads to the page of the receipt (``receipt_page``).
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import RedirectResponse

from services.intake import problems as refusals
from services.intake.dependencies import caller_of, clear_device_cookie
from services.intake.rate_limits.submissions import SubmissionPermit, SubmissionRateLimiter
from services.intake.submissions import idempotency
from services.intake.submissions.api import FORM_FRONT_END
from services.intake.submissions.facts import NotAdmittedError
from services.intake.submissions.models import Submission
from services.intake.submissions.rules import ConflictError
from services.intake.submissions.service import SubmissionOrigin, SubmissionResult, SubmissionService
from services.intake.webform import drafts, form, proof_of_work_page, receipt_page, steps
from services.intake.webform.drafts import Drafts
from services.intake.webform.form import FieldProblem
from services.intake.webform.renderer import WITHOUT_COOKIE, FormRenderer
from services.intake.webform.returning import Returning
from services.intake.webform.steps import CHECK
from shared.audit.entries import where_of
from shared.clock import Clock
from shared.errors import TransientError
from shared.rate_limit import RateLimit, RateLimiter
from shared.web.app import Problem
from shared.web.authorization import OPEN
from shared.web.form_body import Typed, form_body
from shared.web.language import COOKIE as LANGUAGE_COOKIE
from shared.web.middleware import only_head
from shared.web.pages import QUICK_EXIT_URL
from shared.web.translations import gettext_noop as n

WORDS_PER_MINUTE: Final = 10
"""Reports with a word of their own that one network may lodge by the form, at once and again within each minute."""
LEAVING_S: Final = 0.5
"""How long leaving waits for the store at most; the browser loses the draft's key with the answer, and a slow store
forgets the draft after it."""
_ELSEWHERE: Final = ("cross-site", "same-site")
"""What a browser says of a request that a page of another host made."""
_MISSING: Final = frozenset({"required", "needs_phone", "needs_email", "needs_word"})
"""Reasons that ask for what was not typed."""

_GONE: Final = n(
    "What you answered is no longer here: answers are kept for 30 minutes, or until you send them. If you sent your "
    "report, its receipt number shows where it stands."
)
_NEEDS_COOKIE: Final = n(
    "This form goes from page to page with a cookie of this visit. If your browser takes no cookies, use “All "
    "questions on one page” below: it needs none."
)
_TOO_MANY_WORDS: Final = n(
    "Your report was not received yet. What you wrote is still here. Too many reports with a word came from your "
    "network. Press the button again in a moment, or leave the word empty: you can set it later with your receipt."
)
_SENT_BEFORE: Final = n(
    "This form was sent before, and that report is safe. If you changed something and want to send it as a second "
    "report, press the button again."
)
_RECEIVED: Final = n("Your report was received already. What you send here is a second report.")
_AWAY: Final = n(
    "Your report was not received. What you wrote is still here. Please press the button again in a moment, or call "
    "1366 (24 hours). In danger, call 112."
)


def router(
    view: FormRenderer,
    submission_service: SubmissionService,
    kept: Drafts,
    rate_limiter: SubmissionRateLimiter,
    returning: Returning,
    clock: Clock,
) -> APIRouter:
    """The routes of the pages."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])
    sending = _Sending(view, submission_service, kept, rate_limiter, returning, clock)

    @routes.get("/")
    async def start(request: Request) -> Response:
        token = view.draft_of(request)
        try:
            going_on = await kept.load(token) is not None
        except TransientError:
            return view.start(request, going_on=False)
        if going_on or token is None:
            without = token is None and WITHOUT_COOKIE in request.query_params
            return view.start(request, going_on=going_on, notice=_NEEDS_COOKIE if without else "")
        page = view.start(request, going_on=False, notice=_GONE)
        if not only_head(request):
            # Said once: whoever comes to this device later reads nothing of answers, as after quick exit.
            drafts.take_token(page, secure=view.pages.secure(request))
        return page

    @routes.get("/all")
    async def whole(request: Request) -> Response:
        sent = await receipt_page.sent_before(view, kept, request)
        page = view.whole(request, Typed(), key=idempotency.new_key(), notice=_RECEIVED if sent is not None else "")
        if not request.cookies and not only_head(request):
            # Where it comes back the browser takes cookies, and the receipt has a page of its own.
            view.pages.keep_language(request, page)
        return page

    @routes.post("/")
    async def sent(request: Request) -> Response:
        return await sending.send(request, await form_body(request))

    # An address of its own: nothing is sent here.
    @routes.post("/form/check")
    async def changing(request: Request) -> Response:
        return await sending.lead(request, await form_body(request))

    @routes.get("/leave")
    @routes.post("/leave")
    async def leave(request: Request) -> Response:
        return await _left(request, view, kept)

    return routes


class _Sending:
    """Turns a form into a report, or says what keeps it from being one."""

    def __init__(
        self,
        view: FormRenderer,
        submission_service: SubmissionService,
        kept: Drafts,
        rate_limiter: SubmissionRateLimiter,
        returning: Returning,
        clock: Clock,
    ) -> None:
        self._returning = returning
        self._view = view
        self._submission_service = submission_service
        self._kept = kept
        self._rate_limiter = rate_limiter
        self._words_set = RateLimiter(RateLimit(capacity=WORDS_PER_MINUTE, per_second=WORDS_PER_MINUTE / 60), clock)

    async def send(self, request: Request, typed: Typed) -> Response:
        key = idempotency.key_of(typed) or idempotency.new_key()
        if typed.one("go"):  # the button that sends has no such name: whatever another means, it sends nothing
            if challenge := typed.one("challenge"):
                return proof_of_work_page.shown(self._view.pages, request, typed, key=key, challenge=challenge)
            return await self._again(request, typed, key, status=200)
        submission, problems = self._read(request, typed)
        if submission is None or problems:
            return await self._again(request, typed, key, problems=problems, status=422)
        return await self._submit(request, typed, key, submission)

    async def lead(self, request: Request, typed: Typed) -> Response:
        """Lead from the last page or the form on one page to a step, named by ``go``; else show the page again."""
        key = idempotency.key_of(typed) or idempotency.new_key()
        slug, _, control = typed.one("go").partition("#")
        if (one := steps.step(slug)) is None:
            return await self._again(request, typed, key, status=200)
        if typed.one("page") != CHECK:
            if not any(map(typed.all, (*steps.CONTROLS, *steps.LAST))):
                return RedirectResponse(f"/form/{one.slug}", 303)  # a draft of before stays
            if problems := self._wrong_of_typed(request, typed):
                return await self._again(request, typed, key, problems=problems, status=422)
        try:
            token = self._draft_of_page(request, key)
            if token is None and await self._submission_service.was_submitted(FORM_FRONT_END, key):
                # Sent from another tab, say, which took the cookie: what is changed now would be a second report.
                return await self._again(request, typed, idempotency.new_key(), notice=_SENT_BEFORE, status=409)
            token = await self._keep_page(token, typed)
        except TransientError:
            return self._view.not_kept(request, typed, key=key)
        fragment = f"#{control}" if control in one.controls else ""
        response = RedirectResponse(f"/form/{one.slug}{fragment}", 303)
        drafts.leave_token(response, token, secure=self._view.pages.secure(request))
        return response

    def _draft_of_page(self, request: Request, key: str) -> str | None:
        """The token of the draft that a page was made of; None where the browser has it no more.

        The token says which draft that is, not the page: so a draft whose time is over, or whose report was sent and
        the answer lost, still becomes that one report, and no other site can plant the key of somebody's report.
        """
        token = self._view.draft_of(request)
        return token if token is not None and key == self._kept.key_of_report(token) else None

    async def _keep_page(self, token: str | None, typed: Typed) -> str:
        """Keep the page in the draft it was made of, in a new one where the browser has another; return its token."""
        # The form on one page has every answer, also newer ones than the draft that could not be kept.
        known = await self._kept.load(token) if typed.one("page") == CHECK else None
        token = token or self._kept.new_token()
        answers = _of_steps(typed) if known is None else known.values
        last = {name: typed.all(name) for name in steps.KEPT_OF_LAST}
        if typed.one("word"):
            last[steps.WORD_AGAIN] = ("yes",)
        await self._kept.save(token, Typed({**answers, **last}))
        return token

    def _read(self, request: Request, typed: Typed) -> tuple[Submission | None, list[FieldProblem]]:
        raw, problems = form.submission_of(typed, self._view.pages.language(request))
        problems += form.way_left_out(typed)
        try:
            return refusals.parsed(raw, Submission), problems
        except Problem as error:
            refused = refusals.counted(error)
            return None, problems + form.problems_of(((e.field, e.reason) for e in refused.errors), typed)

    def _wrong_of_typed(self, request: Request, typed: Typed) -> list[FieldProblem]:
        """What is wrong with what was typed, and so kept in no draft; what is missing the steps ask for."""
        raw, problems = form.submission_of(typed, self._view.pages.language(request))
        try:
            refusals.parsed(raw, Submission)
        except Problem as refused:  # not counted: nobody sent it
            wrong = ((e.field, e.reason) for e in refused.errors if e.reason not in _MISSING)
            problems += form.problems_of(wrong, typed)
        return problems

    async def _submit(self, request: Request, typed: Typed, key: str, submission: Submission) -> Response:
        challenge = typed.one("challenge")
        try:
            if submission.word is not None:
                self._not_too_many(request)
        except Problem as refused:
            return await self._refused(request, typed, key, refused, _TOO_MANY_WORDS)
        passed = self._rate_limiter.ask(where_of(request), challenge, typed.one("challenge_answer"))
        if passed.challenge is not None:
            return proof_of_work_page.shown(self._view.pages, request, typed, key=key, challenge=passed.challenge)
        return await self._accept(request, typed, key, submission, passed)

    async def _accept(
        self, request: Request, typed: Typed, key: str, submission: Submission, passed: SubmissionPermit
    ) -> Response:
        new = False
        try:
            earlier = await self._returning.known(caller_of(request), typed)
            if earlier.problem is not None and not earlier.later:
                return await self._again(request, typed, key, problems=[earlier.problem], status=422)
            # Where the earlier one could not be asked for, this report is not kept waiting for it.
            known = (earlier.report_id,) if earlier.report_id else ()
            origin = SubmissionOrigin(FORM_FRONT_END, key, passed.suspicion, known=known)
            result = await self._submission_service.submit(submission, origin)
            new = not result.repeated
        except NotAdmittedError as error:
            refusals.counted(error)
            problems = form.problems_of([(error.field, error.reason)])
            return await self._again(request, typed, key, problems=problems, status=422)
        except ConflictError as error:
            refusals.counted(error)
            return await self._again(request, typed, idempotency.new_key(), notice=_SENT_BEFORE, status=409)
        except (Problem, TransientError) as error:
            notice = _TOO_MANY_WORDS if isinstance(error, Problem) else _AWAY
            return await self._refused(request, typed, key, error, notice)
        finally:
            if not new:
                self._rate_limiter.give_back(where_of(request), passed)
        return await self._receipt(request, result, submission, typed)

    async def _refused(
        self, request: Request, typed: Typed, key: str, error: Problem | TransientError, notice: str
    ) -> Response:
        refused = refusals.counted(error)
        page = await self._again(request, typed, key, notice=notice, status=refused.status_code)
        page.headers.update(refused.headers or {})
        return page

    async def _again(
        self,
        request: Request,
        typed: Typed,
        key: str,
        *,
        problems: Sequence[FieldProblem] = (),
        notice: str = "",
        status: int,
    ) -> Response:
        if typed.one("page") != CHECK:
            return self._view.whole(request, typed, key=key, problems=problems, notice=notice, status=status)
        return self._view.check(request, typed, key=key, problems=problems, notice=notice, status=status)

    async def _receipt(
        self, request: Request, result: SubmissionResult, submission: Submission, typed: Typed
    ) -> Response:
        await self._kept.drop(self._view.draft_of(request))
        page = await receipt_page.lead_to(
            self._view, self._kept, request, receipt_page.page_of(result, submission, typed)
        )
        drafts.take_token(page, secure=self._view.pages.secure(request))
        return page

    def _not_too_many(self, request: Request) -> None:
        network = where_of(request)
        wait = self._words_set.wait(network)
        if wait:
            raise Problem(429, "too_many_requests", _TOO_MANY_WORDS, retry_after=wait)
        self._words_set.consume(network, 1.0)


def _of_steps(typed: Typed) -> dict[str, tuple[str, ...]]:
    """The answers to the steps' questions, and the path they were given on."""
    return {k: v for k, v in typed.values.items() if k == steps.PATH or steps.place_of(k) != CHECK}


async def _left(request: Request, view: FormRenderer, kept: Drafts) -> Response:
    response = RedirectResponse(QUICK_EXIT_URL, 303) if request.method == "GET" else Response(status_code=204)
    if only_head(request) or request.headers.get("sec-fetch-site") in _ELSEWHERE:
        return response  # a link checker, a preview or a page of somebody else takes nothing away
    secure = view.pages.secure(request)
    left = (view.draft_of(request), view.receipt_of(request))
    await asyncio.gather(*(kept.drop_within(token, LEAVING_S) for token in left))
    for cookie in (drafts.COOKIE, drafts.RECEIPT_COOKIE):
        drafts.take_token(response, secure=secure, cookie=cookie)
    clear_device_cookie(response, secure=secure)
    response.delete_cookie(LANGUAGE_COOKIE, path="/", samesite="lax", httponly=True, secure=secure)
    if request.method == "POST":
        # Style sheets and the like that the browser kept; heeded over https. Not on the way out itself: emptying a
        # cache takes some browsers seconds, and the script sends this after it has left.
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response
