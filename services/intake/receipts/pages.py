"""Pages for whoever holds a receipt. One thing per page, without script; no address ever holds a receipt.

The receipt travels in the body of each form. A button on the status page asks for the page of one action (``step`` is
``ask``), that page's own button does it (``do``). The other language is a button that sends the page's form with ``go``
``stay``: to the address of the page, which for the status page (``status``) may be that of the action it answered.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import RedirectResponse

from services.intake import problems
from services.intake.caller import Caller
from services.intake.dependencies import caller_of, set_device_cookie
from services.intake.handover.service import HandoverService
from services.intake.receipts import forms as receipt_forms
from services.intake.receipts import views as receipt_views
from services.intake.receipts import words as receipt_words
from services.intake.receipts.models import (
    MESSAGE_CHARS,
    AmendmentAsked,
    MessageAsked,
    ReceiptQuestion,
    WithdrawalAsked,
    WordAsked,
)
from services.intake.receipts.service import ReceiptService
from services.intake.receipts.status import StatusService
from services.intake.reports.lifecycle import ErasureStatus
from services.intake.reports.models import State, StatusAnswer
from services.intake.submissions import idempotency
from services.intake.submissions.models import typed_chars
from services.intake.webform import form
from services.intake.webform.form import FieldProblem
from services.intake.webform.renderer import FormRenderer
from shared.web.app import Problem
from shared.web.authorization import OPEN
from shared.web.form_body import Typed, form_body
from shared.web.problems import invalid

ACTIONS: Final = (
    "answers",
    "message",
    "add",
    "contact",
    "word",
    "void-word",
    "withdraw",
    "undo",
    "destroy",
    "hand-over",
    "keep",
)


def router(
    view: FormRenderer, status: StatusService, receipt_service: ReceiptService, handing: HandoverService
) -> APIRouter:
    """The routes of the pages."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])
    doing = _Actions(view, status, receipt_service, handing)

    @routes.get("/status")
    async def ask(request: Request) -> Response:
        return doing.entry(request)

    @routes.post("/status")
    async def told(request: Request) -> Response:
        return await doing.status(request, caller_of(request), await form_body(request))

    @routes.get("/status/{action}")
    async def reloaded(action: str) -> Response:
        # Somebody came back to the address of a form: the receipt is in no address, so it begins anew.
        return RedirectResponse("/status", 303)

    @routes.post("/status/{action}")
    async def act(request: Request, action: str) -> Response:
        if action not in ACTIONS:
            raise Problem(404, "not_found", receipt_words.NO_SUCH_PAGE)
        typed = await form_body(request)
        if typed.one("step") == "status":
            return await doing.status(request, caller_of(request), typed)
        if typed.one("step") != "do" or typed.one("go") == "stay":
            return doing.page(request, action, typed)
        return await doing.do(request, action, typed)

    return routes


class _Actions:
    def __init__(
        self, view: FormRenderer, status: StatusService, receipt_service: ReceiptService, handing: HandoverService
    ) -> None:
        self._view = view
        self._pages = view.pages
        self._status = status
        self._receipt_service = receipt_service
        self._handing = handing
        self._do: dict[str, Callable[[Caller, Typed], Awaitable[StatusAnswer | None]]] = {
            "message": self._message,
            "add": self._add,
            "contact": self._contact,
            "word": self._word,
            "void-word": self._void_word,
            "withdraw": self._withdraw,
            "undo": self._undo,
            "destroy": self._destroy,
            "keep": self._keep,
        }

    def entry(self, request: Request, *, typed: str = "", problem: Problem | None = None, said: str = "") -> Response:
        page = self._pages.render(
            request,
            "status.html",
            status=problem.status_code if problem else 200,
            public=True,
            typed=typed,
            said=said,
            error=self._pages.gettext(request)(str(problem.detail)) if problem else "",
            again_at=receipt_forms.again_at(problem, self._pages.clock.now()),
        )
        page.headers.update((problem.headers if problem else None) or {})
        return page

    async def status(self, request: Request, caller: Caller, typed: Typed, *, said: str = "") -> Response:
        receipt = typed.one("receipt")[: receipt_forms.RECEIPT_CHARS]
        if not receipt.strip():
            return self.entry(request, problem=Problem(422, "invalid", receipt_words.NO_NUMBER), said=said)
        try:
            answer = await self._status.answer(receipt_forms.asked(ReceiptQuestion, typed), caller)
        except Problem as problem:
            # What was done before this was asked stays done.
            return self.entry(request, typed=receipt, problem=problem, said=said)
        page = self.status_page(request, receipt, answer, said=said)
        return self._with_place(request, page, caller, typed)

    def status_page(self, request: Request, receipt: str, answer: StatusAnswer, *, said: str = "") -> Response:
        return self._pages.render(
            request,
            "report-status.html",
            public=True,
            form_of_step="again",
            receipt=receipt,
            answer=answer,
            said=said,
            title=receipt_views.TITLES[answer.state],
            next_step=receipt_views.next_of(answer),
            limits=receipt_views.limits_of(answer),
            unnamed=receipt_views.unnamed_of(answer),
            steps=receipt_views.steps_of(answer),
            can_add=answer.state not in {State.WITHDRAWN, State.ERASED, State.HANDED_OVER},
            can_undo=answer.undo_until is not None and answer.undo_until > self._pages.clock.now(),
            can_destroy=answer.erasure is ErasureStatus.PLANNED
            and answer.erase_at == answer.undo_until
            and answer.destroy_asked_at is None,
        )

    def page(
        self,
        request: Request,
        action: str,
        typed: Typed,
        *,
        problem: Problem | None = None,
        problems: Sequence[FieldProblem] = (),
        status: int = 200,
    ) -> Response:
        page = self._pages.render(
            request,
            "receipt-action.html",
            status=problem.status_code if problem else status,
            public=True,
            form_of_step="act" if action in receipt_words.TYPED else "ask",
            action=action,
            words=receipt_words.PAGES[action],
            again_at=receipt_forms.again_at(problem, self._pages.clock.now()),
            idempotency_key=idempotency.key_of(typed) or idempotency.new_key(),
            message_chars=typed_chars(MESSAGE_CHARS),
            **self._view.fields(request, typed, [*problems, *receipt_forms.errors(problem, typed)]),
        )
        page.headers.update((problem.headers if problem else None) or {})
        return page

    async def do(self, request: Request, action: str, typed: Typed) -> Response:
        caller = caller_of(request)
        if action == "contact" and (left_out := form.way_left_out(typed)):
            return self.page(request, action, typed, problems=left_out, status=422)
        try:
            page = await self._done(request, caller, action, typed)
        except Problem as problem:
            if problem.code == "idempotency_conflict":
                return self._sent_before(request, action, typed)
            return self.page(request, action, typed, problem=problem)
        return self._with_place(request, page, caller, typed)

    def _sent_before(self, request: Request, action: str, typed: Typed) -> Response:
        """The page once more with a key of its own: what was changed since is then taken as well."""
        anew = Typed({name: values for name, values in typed.values.items() if name != "idempotency_key"})
        problem = FieldProblem(receipt_words.FIRST[action], receipt_words.SENT_BEFORE)
        return self.page(request, action, anew, problems=[problem], status=409)

    async def _done(self, request: Request, caller: Caller, action: str, typed: Typed) -> Response:
        if action == "hand-over":
            return await self._hand_over(request, caller, typed)
        if action == "answers":
            return await self._answers(request, caller, typed)
        answer = await self._do[action](caller, typed)
        said = receipt_words.done(action, answer)
        if answer is None:
            return await self.status(request, caller, typed, said=said)
        return self.status_page(request, typed.one("receipt")[: receipt_forms.RECEIPT_CHARS], answer, said=said)

    def _with_place(self, request: Request, page: Response, caller: Caller, typed: Typed) -> Response:
        """Let the browser keep its place for this visit: what it sent was right."""
        proof = self._status.device_proof(caller, typed.one("receipt"))
        if proof is not None:
            set_device_cookie(page, proof, secure=self._pages.secure(request))
        return page

    async def _answers(self, request: Request, caller: Caller, typed: Typed) -> Response:
        found = await self._receipt_service.answers(receipt_forms.asked(ReceiptQuestion, typed), caller)
        receipt = typed.one("receipt")[: receipt_forms.RECEIPT_CHARS]
        return self._pages.render(
            request, "answers.html", public=True, form_of_step="again", answers=found.answers, receipt=receipt
        )

    async def _message(self, caller: Caller, typed: Typed) -> None:
        asked = receipt_forms.asked(MessageAsked, typed, text=typed.one("text"))
        await self._receipt_service.message(asked, caller, idempotency.key_of(typed))

    async def _add(self, caller: Caller, typed: Typed) -> None:
        asked = receipt_forms.asked(AmendmentAsked, typed, **form.addition_of(typed))
        await self._receipt_service.amend(asked, caller, idempotency.key_of(typed))

    async def _contact(self, caller: Caller, typed: Typed) -> None:
        asked = receipt_forms.asked(AmendmentAsked, typed, contact=form.contact_of(typed))
        await self._receipt_service.amend(asked, caller, idempotency.key_of(typed))

    async def _word(self, caller: Caller, typed: Typed) -> StatusAnswer:
        asked = receipt_forms.asked(
            WordAsked, typed, new_word=typed.one("new_word"), for_status=typed.one("for_status") == "yes"
        )
        if asked.new_word is None:
            raise invalid([problems.required("new_word")])
        return await self._receipt_service.set_word(asked, caller)

    async def _void_word(self, caller: Caller, typed: Typed) -> StatusAnswer:
        return await self._receipt_service.cancel_word(receipt_forms.asked(ReceiptQuestion, typed), caller)

    async def _withdraw(self, caller: Caller, typed: Typed) -> StatusAnswer:
        return await self._receipt_service.withdraw(receipt_forms.asked(WithdrawalAsked, typed), caller)

    async def _undo(self, caller: Caller, typed: Typed) -> StatusAnswer:
        return await self._receipt_service.reinstate(receipt_forms.asked(ReceiptQuestion, typed), caller)

    async def _hand_over(self, request: Request, caller: Caller, typed: Typed) -> Response:
        offer = await self._handing.offer(receipt_forms.asked(ReceiptQuestion, typed), caller)
        receipt = typed.one("receipt")[: receipt_forms.RECEIPT_CHARS]
        return self._pages.render(
            request, "handed.html", public=True, shown_once=True, code=offer.code, until=offer.until, receipt=receipt
        )

    async def _keep(self, caller: Caller, typed: Typed) -> StatusAnswer:
        return await self._handing.cancel(receipt_forms.asked(ReceiptQuestion, typed), caller)

    async def _destroy(self, caller: Caller, typed: Typed) -> StatusAnswer:
        understood = typed.one("understood") == "yes"
        return await self._receipt_service.withdraw(
            receipt_forms.asked(WithdrawalAsked, typed, at_once=True, understood=understood), caller
        )
