"""The HTTP API of whoever holds a receipt: status, message, addition, withdrawal, second thoughts, a word."""

from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from services.intake.dependencies import caller_of, idempotency_key, json_of, key_parameter
from services.intake.examples import ANSWERS, RECEIPT_EXAMPLES, answered
from services.intake.receipts.models import AmendmentAsked, MessageAsked, ReceiptQuestion, WithdrawalAsked, WordAsked
from services.intake.receipts.service import ReceiptService
from services.intake.receipts.status import StatusService
from services.intake.reports.models import AnswersLeft, StatusAnswer, Taken
from services.intake.submissions.schema import inlined

AnyDependency = Callable[..., Any]
"""A dependency of ``shared.web.authorization``."""
TOLD: Final[dict[str, Any]] = {"response_model": StatusAnswer, "response_model_exclude_none": True}
"""Of a route that answers with the status."""

_KEY: Final = (
    "16–128 of A-Z a-z 0-9 . _ : ~ + / = -, random, in quotation marks or without. The same request sent again with it "
    "is answered as the first one and changes nothing."
)


def router(status: StatusService, desk: ReceiptService, *, read: AnyDependency, write: AnyDependency) -> APIRouter:
    """The routes under ``/api/v1/receipts``; ``read`` and ``write`` are the dependencies that authenticate front ends.

    Wrong receipts, mistyped ones and wrong words are answered alike: 404 ``unknown_receipt``, slowly.
    """
    routes = APIRouter(prefix="/api/v1/receipts", tags=["receipts"])

    @routes.post(
        "/status",
        summary="Where a report stands",
        openapi_extra=body(ReceiptQuestion, "status"),
        responses=answered(200, ANSWERS["status"]),
        dependencies=[Depends(read)],
        **TOLD,
    )
    async def ask(request: Request) -> StatusAnswer:
        """Receipts that do not exist and receipts that are mistyped are answered alike. Limited per network."""
        return await status.answer(await json_of(request, ReceiptQuestion), caller_of(request))

    @routes.post(
        "/messages",
        status_code=201,
        response_model=Taken,
        summary="Leave a message for the centre",
        openapi_extra=body(MessageAsked, "messages", keyed=True),
        responses=answered(201, ANSWERS["messages"]),
        dependencies=[Depends(write)],
    )
    async def message(request: Request) -> Taken:
        """Sealed like the report; the centre is told that there is one. Up to 50 with one receipt."""
        return await desk.message(await json_of(request, MessageAsked), caller_of(request), idempotency_key(request))

    @routes.post(
        "/answers",
        response_model=AnswersLeft,
        summary="Read the centre's answers",
        openapi_extra=body(ReceiptQuestion, "answers"),
        responses=answered(200, ANSWERS["answers"]),
        dependencies=[Depends(write)],
    )
    async def answers(request: Request) -> AnswersLeft:
        """Needs the word, if one was set. The centre learns that they were read."""
        return await desk.answers(await json_of(request, ReceiptQuestion), caller_of(request))

    @routes.post(
        "/amend",
        status_code=201,
        response_model=Taken,
        summary="Add to a report or correct it",
        openapi_extra=body(AmendmentAsked, "amend", keyed=True),
        responses=answered(201, ANSWERS["amend"]),
        dependencies=[Depends(write)],
    )
    async def amend(request: Request) -> Taken:
        """Texts are added, answers are replaced, urgency is judged anew. Fields left out stay. Up to 20 times."""
        return await desk.amend(await json_of(request, AmendmentAsked), caller_of(request), idempotency_key(request))

    @routes.post(
        "/withdraw",
        summary="Take a report back",
        openapi_extra=body(WithdrawalAsked, "withdraw"),
        responses=answered(200, ANSWERS["withdraw"]),
        dependencies=[Depends(write)],
        **TOLD,
    )
    async def withdraw(request: Request) -> StatusAnswer:
        """Contact stops and nobody can open it from now on; after 72 hours, or `at_once`, its key is destroyed.

        `at_once` waits 24 hours where only the receipt is shown, so that whoever it belongs to can still save the
        report: the status tells of it (`destroy_asked_at`, `erase_at`) and `/reinstate` cancels it. With a word that
        was set with the report it is done at once.

        Reports about child material, about children under 14, or made by somebody else are sealed as well, and a
        lead of the centre decides what the law lets be destroyed (`erasure` is `decision`). For reports made by
        somebody else `at_once` does not count, their fate is not told, and what the person harmed stands by is
        refused: 409 `not_with_this_receipt`.
        """
        return await desk.withdraw(await json_of(request, WithdrawalAsked), caller_of(request))

    @routes.post(
        "/reinstate",
        summary="Undo a withdrawal",
        openapi_extra=body(ReceiptQuestion, "reinstate"),
        responses=answered(200, ANSWERS["reinstate"]),
        dependencies=[Depends(write)],
        **TOLD,
    )
    async def reinstate(request: Request) -> StatusAnswer:
        """Possible until `undo_until`."""
        return await desk.reinstate(await json_of(request, ReceiptQuestion), caller_of(request))

    @routes.post(
        "/word",
        summary="Set a word of one's own",
        openapi_extra=body(WordAsked, "word"),
        responses=answered(200, ANSWERS["word"]),
        dependencies=[Depends(write)],
        **TOLD,
    )
    async def word(request: Request) -> StatusAnswer:
        """Messages, additions, withdrawals and a new word then need it. It cannot be found again.

        A first word counts 24 hours later, because whoever found the receipt could set one as well: the status tells
        of it (`word_from`), and until then `/word/cancel` makes it void. While it waits no word is taken, whichever it
        is (`word_waits`). Replacing one that counts does so at once. With `for_status` the status needs the word as
        well, once it counts: without it the receipt is answered like one that does not exist. Say so before.
        """
        return await desk.set_word(await json_of(request, WordAsked), caller_of(request))

    @routes.post(
        "/word/cancel",
        summary="Make a word void that does not count yet",
        openapi_extra=body(ReceiptQuestion, "word/cancel"),
        responses=answered(200, ANSWERS["word/cancel"]),
        dependencies=[Depends(write)],
        **TOLD,
    )
    async def cancel_word(request: Request) -> StatusAnswer:
        """For whoever did not set it. Changes nothing where no word waits."""
        return await desk.cancel_word(await json_of(request, ReceiptQuestion), caller_of(request))

    return routes


_JSON: Final = "application/json"


def body(model: type[BaseModel], operation: str, *, keyed: bool = False) -> dict[str, Any]:
    """A body with its schema and examples, as OpenAPI takes it; ``keyed``: with an ``Idempotency-Key`` beside it."""
    content = {"schema": inlined(model.model_json_schema()), "examples": RECEIPT_EXAMPLES[operation]}
    keys = {"parameters": key_parameter(_KEY)} if keyed else {}
    return {**keys, "requestBody": {"required": True, "content": {_JSON: content}}}
