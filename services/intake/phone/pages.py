"""The pages of operators: calls, and additions to earlier reports.

They work without script; with it each field is kept as soon as it is left.
"""

import contextlib
from collections.abc import Iterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import RedirectResponse

from services.intake.dependencies import caller_of
from services.intake.phone import words as call_words
from services.intake.phone.additions import CallAdditions
from services.intake.phone.call_page import CallPage
from services.intake.phone.dependencies import CallDependency
from services.intake.phone.drafts import NotPossibleError
from services.intake.phone.renderer import CallRenderer
from services.intake.phone.service import CallService
from services.intake.problems import RETRY_SECONDS
from services.intake.receipts import words as receipt_words
from services.intake.submissions import idempotency
from services.intake.webform import form
from services.intake.webform.form import FieldProblem
from shared.audit.entries import where_of
from shared.errors import TransientError
from shared.identity.principal import Principal
from shared.web.authorization import Authorizer
from shared.web.form_body import Typed, form_body
from shared.web.problems import Problem

HOME: Final = "/calls"


def router(
    authorize: Authorizer, view: CallRenderer, call_service: CallService, one: CallPage, appending: CallAdditions
) -> APIRouter:
    """The routes under ``/calls``."""
    routes = APIRouter(prefix=HOME, include_in_schema=False)
    Operator = Annotated[Principal, Depends(CallDependency(authorize))]  # noqa: N806  # a type
    MaybeExpired = Annotated[Principal, Depends(CallDependency(authorize, admits_expired=True))]  # noqa: N806  # a type

    @routes.get("")
    async def lists(request: Request, operator: Operator) -> Response:
        with refusing():
            return view.lists(request, await call_service.lists(operator))

    @routes.post("")
    async def begin(request: Request, operator: Operator) -> Response:
        with refusing():
            call_id = await one.begin(where_of(request), operator)
        return _to(call_id)

    @routes.get("/addition")
    async def addition(request: Request, operator: Operator) -> Response:
        return view.addition(request, Typed(), key=idempotency.new_key())

    @routes.post("/addition")
    async def add(request: Request, operator: Operator) -> Response:
        typed = await form_body(request)
        key = idempotency.key_of(typed) or idempotency.new_key()
        try:
            await appending.add(typed, caller_of(request), key)
        except Problem as problem:
            if problem.code == "idempotency_conflict":
                key = idempotency.new_key()  # what stands there now is sent as well when the button is pressed again
            page = view.addition(
                request, typed, key=key, problems=_problems(problem, typed), status=problem.status_code
            )
            page.headers.update(problem.headers or {})
            return page
        return view.added(request, key=idempotency.new_key())

    @routes.get("/{call_id}")
    async def shown(request: Request, call_id: str, operator: Operator) -> Response:
        with refusing():
            return await one.show(request, call_id, operator)

    @routes.post("/{call_id}")
    async def sent(request: Request, call_id: str, operator: MaybeExpired) -> Response:
        with refusing():
            return await one.receive(request, call_id, operator, await form_body(request))

    @routes.post("/{call_id}/recall")
    async def recall(request: Request, call_id: str, operator: Operator) -> Response:
        with refusing():
            await call_service.recall(where_of(request), call_id, operator)
        return _to(call_id)

    @routes.post("/{call_id}/take")
    async def take(request: Request, call_id: str, operator: Operator) -> Response:
        with refusing():
            await call_service.take(where_of(request), call_id, operator)
        return _to(call_id)

    @routes.post("/{call_id}/end")
    async def end(request: Request, call_id: str, operator: Operator) -> Response:
        with refusing():
            await call_service.end(where_of(request), call_id, operator)
        return RedirectResponse(HOME, 303)

    return routes


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """Turn a refusal into a problem that people can read."""
    try:
        yield
    except NotPossibleError as error:
        status, said = call_words.REFUSALS[error.refusal]
        raise Problem(status, error.refusal.value, said) from None
    except TransientError:
        raise Problem(503, "unavailable", call_words.AWAY, retry_after=RETRY_SECONDS) from None


def _to(call_id: str) -> Response:
    return RedirectResponse(f"{HOME}/{call_id}", 303)


def _problems(problem: Problem, typed: Typed) -> list[FieldProblem]:
    if problem.errors:
        found = form.problems_of(((e.field, e.reason) for e in problem.errors), typed)
        missing = {e.field for e in problem.errors if e.reason == "required"}
        said = call_words.MISSING
        return [FieldProblem(p.control, said[p.control]) if p.control in missing & said.keys() else p for p in found]
    if problem.code == "idempotency_conflict":
        return [FieldProblem("narrative", receipt_words.SENT_BEFORE)]
    return [FieldProblem(receipt_words.PLACES.get(problem.code, "receipt"), str(problem.detail))]
