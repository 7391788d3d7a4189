"""The page on which a person takes over the report that somebody made for them. Works without script."""

from fastapi import APIRouter, Depends, Request, Response

from services.intake import problems
from services.intake.dependencies import caller_of
from services.intake.handover.service import HandoverService
from services.intake.receipts import forms as receipt_forms
from services.intake.receipts.models import TakeOverAsked
from services.intake.reports.waiting_period import WordChosen
from services.intake.submissions import idempotency
from services.intake.webform import form
from services.intake.webform.renderer import FormRenderer
from shared.web.app import Problem
from shared.web.authorization import OPEN
from shared.web.form_body import Typed, form_body
from shared.web.problems import invalid


def router(view: FormRenderer, handing: HandoverService) -> APIRouter:
    """The routes of the page."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])

    def page(request: Request, typed: Typed, *, problem: Problem | None = None) -> Response:
        # A wrong word or box keeps the key, so that a lost answer can be asked for again.
        key = idempotency.key_of(typed) or idempotency.new_key()
        shown = view.pages.render(
            request,
            "take-over.html",
            status=problem.status_code if problem else 200,
            public=True,
            idempotency_key=key,
            form_of_step="take",
            again_at=receipt_forms.again_at(problem, view.pages.clock.now()),
            **view.fields(request, typed, receipt_forms.errors(problem, typed, otherwise="code")),
        )
        shown.headers.update((problem.headers if problem else None) or {})
        return shown

    @routes.get("/take-over")
    async def asked(request: Request) -> Response:
        return page(request, Typed())

    @routes.post("/take-over")
    async def taken(request: Request) -> Response:
        typed = await form_body(request)
        if typed.one("go") == "stay":
            return page(request, typed)
        raw = {
            "code": typed.one("code")[: receipt_forms.RECEIPT_CHARS],
            "i_am_the_person": typed.one("i_am_the_person") == "yes",
            "word": typed.one("word"),
            "word_for_status": typed.one("word_for_status") == "yes",
            "consents": form.consents_of(typed),
        }
        try:
            if not typed.one("code").strip():
                raise invalid([problems.required("code")])
            asked = problems.parsed(raw, TakeOverAsked)
            answer, repeated = await handing.take(asked, caller_of(request), idempotency.key_of(typed))
        except Problem as problem:
            return page(request, typed, problem=problem)
        return view.pages.render(
            request,
            "taken-over.html",
            public=True,
            shown_once=True,
            receipt=answer.receipt,
            taken_over_at=answer.taken_over_at,
            word=WordChosen(bool(answer.word_set), bool(answer.word_for_status)),
            repeated=repeated,
            word_typed=asked.word is not None,
        )

    return routes
