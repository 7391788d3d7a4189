"""Pages for whoever holds a receipt. One thing per page, without script; no address ever holds a receipt.

The receipt travels in the body of each form. A button on the status page asks for the page of one action (``step`` is
``ask``), that page's own button does it (``do``).
"""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import orjson
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ValidationError
from starlette.responses import RedirectResponse

from services.intake import refusals
from services.intake.form_view import FormView
from services.intake.forms import typed_of
from services.intake.model.asking import (
    MESSAGE_CHARS,
    AmendmentAsked,
    MessageAsked,
    ReceiptQuestion,
    WithdrawalAsked,
    WordAsked,
)
from services.intake.model.life import Fate
from services.intake.model.report import State, StatusAnswer
from services.intake.receipts_desk import ReceiptDesk
from services.intake.rendering import form, receipt_words, standing
from services.intake.rendering.form import FieldProblem, Typed
from services.intake.status import StatusDesk
from shared.web.app import Problem
from shared.web.gate import OPEN

M = TypeVar("M", bound=BaseModel)

ACTIONS: Final = ("answers", "message", "add", "contact", "word", "withdraw", "undo", "destroy")
_RECEIPT_CHARS: Final = 60
_WORD_CHARS: Final = 200
_KEY_LENGTH: Final = 32


def router(view: FormView, status: StatusDesk, desk: ReceiptDesk) -> APIRouter:
    """The routes of the pages."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])
    doing = _Actions(view, status, desk)

    @routes.get("/status")
    async def ask(request: Request) -> Response:
        return doing.entry(request)

    @routes.post("/status")
    async def told(request: Request) -> Response:
        return await doing.status(request, await typed_of(request))

    @routes.get("/status/{action}")
    async def reloaded(action: str) -> Response:
        # Somebody came back to the address of a form: the receipt is in no address, so it begins anew.
        return RedirectResponse("/status", 303)

    @routes.post("/status/{action}")
    async def act(request: Request, action: str) -> Response:
        if action not in ACTIONS:
            raise Problem(404, "not_found", receipt_words.NO_SUCH_PAGE)
        typed = await typed_of(request)
        if typed.one("step") != "do":
            return doing.page(request, action, typed)
        return await doing.do(request, action, typed)

    return routes


class _Actions:
    def __init__(self, view: FormView, status: StatusDesk, desk: ReceiptDesk) -> None:
        self._view = view
        self._pages = view.pages
        self._status = status
        self._desk = desk
        self._do: dict[str, Callable[[Request, Typed], Awaitable[StatusAnswer | None]]] = {
            "message": self._message,
            "add": self._add,
            "contact": self._contact,
            "word": self._word,
            "withdraw": self._withdraw,
            "undo": self._undo,
            "destroy": self._destroy,
        }

    def entry(self, request: Request, *, typed: str = "", problem: Problem | None = None) -> Response:
        page = self._pages.render(
            request,
            "status.html",
            status=problem.status_code if problem else 200,
            public=True,
            typed=typed,
            error=self._pages.gettext(request)(str(problem.detail)) if problem else "",
        )
        page.headers.update((problem.headers if problem else None) or {})
        return page

    async def status(self, request: Request, typed: Typed, *, said: str = "") -> Response:
        receipt = typed.one("receipt")[:_RECEIPT_CHARS]
        try:
            answer = await self._status.answer(ReceiptQuestion(receipt=receipt), request)
        except Problem as problem:
            return self.entry(request, typed=receipt, problem=problem)
        return self.standing(request, receipt, answer, said=said)

    def standing(self, request: Request, receipt: str, answer: StatusAnswer, *, said: str = "") -> Response:
        return self._pages.render(
            request,
            "standing.html",
            public=True,
            receipt=receipt,
            answer=answer,
            said=said,
            title=standing.TITLES[answer.state],
            next_step=standing.LIMITED if answer.limited and answer.state is State.RECEIVED else _next(answer),
            steps=standing.steps_of(answer),
            can_add=answer.state not in {State.WITHDRAWN, State.ERASED},
            can_undo=answer.undo_until is not None and answer.undo_until > self._pages.clock.now(),
            can_destroy=answer.erasure is Fate.PLANNED and answer.erase_at == answer.undo_until,
        )

    def page(self, request: Request, action: str, typed: Typed, *, problem: Problem | None = None) -> Response:
        key = typed.one("idempotency_key")
        page = self._pages.render(
            request,
            "receipt-action.html",
            status=problem.status_code if problem else 200,
            public=True,
            action=action,
            words=receipt_words.PAGES[action],
            idempotency_key=key if len(key) == _KEY_LENGTH else secrets.token_urlsafe(24),
            message_chars=MESSAGE_CHARS,
            **self._view.fields(request, typed, _errors(problem)),
        )
        page.headers.update((problem.headers if problem else None) or {})
        return page

    async def do(self, request: Request, action: str, typed: Typed) -> Response:
        try:
            if action == "answers":
                return await self._answers(request, typed)
            answer = await self._do[action](request, typed)
        except Problem as problem:
            return self.page(request, action, typed, problem=problem)
        said = receipt_words.DONE[action]
        if answer is None:
            return await self.status(request, typed, said=said)
        return self.standing(request, typed.one("receipt")[:_RECEIPT_CHARS], answer, said=said)

    async def _answers(self, request: Request, typed: Typed) -> Response:
        found = await self._desk.answers(_asked(ReceiptQuestion, typed), request)
        receipt = typed.one("receipt")[:_RECEIPT_CHARS]
        return self._pages.render(request, "answers.html", public=True, answers=found.answers, receipt=receipt)

    async def _message(self, request: Request, typed: Typed) -> None:
        asked = _asked(MessageAsked, typed, text=typed.one("text"))
        await self._desk.message(asked, request, _key(typed))

    async def _add(self, request: Request, typed: Typed) -> None:
        urls = [line.strip() for line in typed.one("urls").splitlines() if line.strip()]
        asked = _asked(AmendmentAsked, typed, narrative=typed.one("narrative"), urls=urls)
        await self._desk.amend(asked, request, _key(typed))

    async def _contact(self, request: Request, typed: Typed) -> None:
        asked = _asked(AmendmentAsked, typed, contact=form.contact_of(typed))
        await self._desk.amend(asked, request, _key(typed))

    async def _word(self, request: Request, typed: Typed) -> StatusAnswer:
        asked = _asked(WordAsked, typed, new_word=typed.one("new_word"))
        if asked.new_word is None:
            raise refusals.invalid([refusals.required("new_word")])
        return await self._desk.set_word(asked, request)

    async def _withdraw(self, request: Request, typed: Typed) -> StatusAnswer:
        return await self._desk.withdraw(_asked(WithdrawalAsked, typed), request)

    async def _undo(self, request: Request, typed: Typed) -> StatusAnswer:
        return await self._desk.reinstate(_asked(ReceiptQuestion, typed), request)

    async def _destroy(self, request: Request, typed: Typed) -> StatusAnswer:
        understood = typed.one("understood") == "yes"
        return await self._desk.withdraw(_asked(WithdrawalAsked, typed, at_once=True, understood=understood), request)


def _next(answer: StatusAnswer) -> str:
    if answer.state is State.WITHDRAWN and answer.erasure is not None:
        return standing.FATES[answer.erasure]
    return standing.NEXT[answer.state]


def _asked(model: type[M], typed: Typed, **more: object) -> M:
    raw: dict[str, Any] = {
        "receipt": typed.one("receipt")[:_RECEIPT_CHARS],
        "word": typed.one("word")[:_WORD_CHARS],
        **more,
    }
    try:
        return model.model_validate_json(orjson.dumps(raw))
    except ValidationError as error:
        raise refusals.from_errors(error) from None


def _key(typed: Typed) -> str | None:
    key = typed.one("idempotency_key")
    return key if len(key) == _KEY_LENGTH else None


def _errors(problem: Problem | None) -> list[FieldProblem]:
    if problem is None:
        return []
    if problem.errors:
        return form.problems_of((e.field, e.reason) for e in problem.errors)
    return [FieldProblem(receipt_words.PLACES.get(problem.code, "receipt"), str(problem.detail))]
