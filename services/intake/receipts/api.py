"""The HTTP API of whoever holds a receipt: status, message, addition, withdrawal, second thoughts, a word."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends

from services.intake.dependencies import ApiCaller, IdempotencyKey, json_body_of
from services.intake.examples import ANSWERS, RECEIPT_EXAMPLES, answered
from services.intake.receipts.models import AmendmentAsked, MessageAsked, ReceiptQuestion, WithdrawalAsked, WordAsked
from services.intake.receipts.service import ReceiptService
from services.intake.receipts.status import StatusService
from services.intake.reports.models import AnswersLeft, StatusAnswer, Taken
from services.intake.submissions.models import SubmissionPart
from shared.web.documented import refuses

AnyDependency = Callable[..., Any]
"""A dependency of ``shared.web.authorization``."""
TOLD: Final[dict[str, Any]] = {"response_model": StatusAnswer, "response_model_exclude_none": True}
"""Of a route that answers with the status."""

KEY: Final = IdempotencyKey(
    "16–128 of A-Z a-z 0-9 . _ : ~ + / = -, random, in quotation marks or without. The same request sent again with it "
    "is answered as the first one and changes nothing."
)
Key = Annotated[str | None, Depends(KEY)]
READ: Final = ("unknown_receipt", "report_not_authentic")
CHANGED: Final = (*READ, "handed_over", "word_changed")
"""Refusals of every change made with a receipt."""


def body_of(model: type[SubmissionPart], operation: str) -> Any:  # noqa: ANN401  # what FastAPI calls a dependency
    """The dependency that reads the body of an operation, documented by its examples."""
    return Depends(json_body_of(model, RECEIPT_EXAMPLES[operation]))


def router(
    status: StatusService, receipt_service: ReceiptService, *, read: AnyDependency, write: AnyDependency
) -> APIRouter:
    """The routes under ``/api/v1/receipts``; ``read`` and ``write`` are the dependencies that authenticate front ends.

    Wrong receipts, mistyped ones and wrong words are answered alike: 404 ``unknown_receipt``, slowly.
    """
    routes = APIRouter(prefix="/api/v1/receipts", tags=["receipts"])

    @routes.post(
        "/status",
        summary="Where a report stands",
        openapi_extra=refuses(*READ),
        responses=answered(200, ANSWERS["status"]),
        dependencies=[Depends(read)],
        **TOLD,
    )
    async def get_report_status(
        asked: Annotated[ReceiptQuestion, body_of(ReceiptQuestion, "status")], caller: ApiCaller
    ) -> StatusAnswer:
        """Receipts that do not exist and receipts that are mistyped are answered alike. Limited per network."""
        return await status.answer(asked, caller)

    @routes.post(
        "/messages",
        status_code=201,
        response_model=Taken,
        summary="Leave a message for the centre",
        openapi_extra=refuses(*CHANGED, "withdrawn", "erased", "too_many_messages"),
        responses=answered(201, ANSWERS["messages"]),
        dependencies=[Depends(write)],
    )
    async def leave_message(
        asked: Annotated[MessageAsked, body_of(MessageAsked, "messages")], caller: ApiCaller, key: Key
    ) -> Taken:
        """Sealed like the report; the centre is told that there is one. Up to 50 with one receipt."""
        return await receipt_service.message(asked, caller, key)

    @routes.post(
        "/answers",
        response_model=AnswersLeft,
        summary="Read the centre's answers",
        openapi_extra=refuses(*CHANGED, "withdrawn", "erased"),
        responses=answered(200, ANSWERS["answers"]),
        dependencies=[Depends(write)],
    )
    async def read_answers(
        asked: Annotated[ReceiptQuestion, body_of(ReceiptQuestion, "answers")], caller: ApiCaller
    ) -> AnswersLeft:
        """Needs the word, if one was set. The centre learns that they were read."""
        return await receipt_service.answers(asked, caller)

    @routes.post(
        "/amend",
        status_code=201,
        response_model=Taken,
        summary="Add to a report or correct it",
        openapi_extra=refuses(*CHANGED, "withdrawn", "erased", "empty", "too_many_amendments", "not_with_this_receipt"),
        responses=answered(201, ANSWERS["amend"]),
        dependencies=[Depends(write)],
    )
    async def amend_report(
        asked: Annotated[AmendmentAsked, body_of(AmendmentAsked, "amend")], caller: ApiCaller, key: Key
    ) -> Taken:
        """Texts are added, answers are replaced, urgency is judged anew. Fields left out stay. Up to 20 times.

        Without a word that was set with the report it becomes no less urgent, a declined centre stays declined, and
        at most three are, none once such an addition changed the place: somebody else may have found the receipt.
        """
        return await receipt_service.amend(asked, caller, key)

    @routes.post(
        "/withdraw",
        summary="Withdraw a report",
        openapi_extra=refuses(*CHANGED, "not_understood", "not_with_this_receipt", "erased"),
        responses=answered(200, ANSWERS["withdraw"]),
        dependencies=[Depends(write)],
        **TOLD,
    )
    async def withdraw_report(
        asked: Annotated[WithdrawalAsked, body_of(WithdrawalAsked, "withdraw")], caller: ApiCaller
    ) -> StatusAnswer:
        """Contact stops and nobody can open it from now on; after 72 hours, or `at_once`, its key is destroyed.

        `at_once` waits 24 hours where only the receipt is shown, so that whoever it belongs to can still save the
        report: the status tells of it (`destroy_asked_at`, `erase_at`) and `/reinstate` cancels it. With a word that
        was set with the report it is done at once.

        Reports about child material, about children under 14, or made by somebody else are sealed as well, and a
        lead of the centre decides what the law lets be destroyed (`erasure` is `decision`). For reports made by
        somebody else `at_once` does not count, their fate is not told, and what the person harmed stands by is
        refused: 409 `not_with_this_receipt`.
        """
        return await receipt_service.withdraw(asked, caller)

    @routes.post(
        "/reinstate",
        summary="Undo a withdrawal",
        openapi_extra=refuses(*CHANGED, "too_late", "erased"),
        responses=answered(200, ANSWERS["reinstate"]),
        dependencies=[Depends(write)],
        **TOLD,
    )
    async def reinstate_report(
        asked: Annotated[ReceiptQuestion, body_of(ReceiptQuestion, "reinstate")], caller: ApiCaller
    ) -> StatusAnswer:
        """Possible until `undo_until`."""
        return await receipt_service.reinstate(asked, caller)

    @routes.post(
        "/word",
        summary="Set a word of one's own",
        openapi_extra=refuses(*CHANGED, "word_waits", "withdrawn", "erased"),
        responses=answered(200, ANSWERS["word"]),
        dependencies=[Depends(write)],
        **TOLD,
    )
    async def set_word(asked: Annotated[WordAsked, body_of(WordAsked, "word")], caller: ApiCaller) -> StatusAnswer:
        """Messages, additions, withdrawals and a new word then need it. It cannot be found again.

        A first word counts 24 hours later, because whoever found the receipt could set one as well: the status tells
        of it (`word_from`), and until then `/word/cancel` makes it void. While it waits no word is taken, whichever it
        is (`word_waits`). Replacing one that counts does so at once. With `for_status` the status needs the word as
        well, once it counts: without it the receipt is answered like one that does not exist. Say so before.
        """
        return await receipt_service.set_word(asked, caller)

    @routes.post(
        "/word/cancel",
        summary="Make a word void that does not count yet",
        openapi_extra=refuses(*CHANGED),
        responses=answered(200, ANSWERS["word/cancel"]),
        dependencies=[Depends(write)],
        **TOLD,
    )
    async def cancel_word(
        asked: Annotated[ReceiptQuestion, body_of(ReceiptQuestion, "word/cancel")], caller: ApiCaller
    ) -> StatusAnswer:
        """For whoever did not set it. Changes nothing where no word waits."""
        return await receipt_service.cancel_word(asked, caller)

    return routes
