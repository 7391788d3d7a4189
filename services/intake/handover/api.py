"""The HTTP API of changing hands: a code for the person a report is about, and taking over with it."""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.intake.dependencies import ApiCaller
from services.intake.examples import ANSWERS, answered
from services.intake.handover.service import HandoverService
from services.intake.receipts.api import CHANGED, TOLD, AnyDependency, Key, body_of
from services.intake.receipts.models import ReceiptQuestion, TakeOverAsked
from services.intake.reports.models import HandOver, StatusAnswer, TakenOver
from shared.web.documented import refuses


def router(handing: HandoverService, *, write: AnyDependency) -> APIRouter:
    """The routes; ``write`` is the dependency that authenticates front ends."""
    routes = APIRouter(prefix="/api/v1/receipts", tags=["receipts"], dependencies=[Depends(write)])

    @routes.post(
        "/hand-over",
        status_code=201,
        response_model=HandOver,
        summary="Make a code for handing a report over to the person it is about",
        openapi_extra=refuses(*CHANGED, "nobody_to_hand_over_to", "withdrawn", "erased"),
        responses=answered(201, ANSWERS["hand-over"]),
    )
    async def offer_hand_over(
        asked: Annotated[ReceiptQuestion, body_of(ReceiptQuestion, "hand-over")], caller: ApiCaller
    ) -> HandOver:
        """Of a representative's report only: 409 `nobody_to_hand_over_to`. A new code takes the place of the last."""
        return await handing.offer(asked, caller)

    @routes.post(
        "/hand-over/cancel",
        summary="Make that code void",
        openapi_extra=refuses(*CHANGED),
        responses=answered(200, ANSWERS["hand-over/cancel"]),
        **TOLD,
    )
    async def cancel_hand_over(
        asked: Annotated[ReceiptQuestion, body_of(ReceiptQuestion, "hand-over/cancel")], caller: ApiCaller
    ) -> StatusAnswer:
        """Possible until it is used: then 409 `handed_over`."""
        return await handing.cancel(asked, caller)

    @routes.post(
        "/take-over",
        status_code=201,
        response_model=TakenOver,
        summary="Take a report over with a code",
        openapi_extra=refuses(
            "unknown_code",
            "code_used",
            "code_void",
            "code_expired",
            "not_the_person",
            "withdrawn",
            "erased",
            "report_not_authentic",
        ),
        responses=answered(201, ANSWERS["take-over"]),
    )
    async def take_over_report(
        asked: Annotated[TakeOverAsked, body_of(TakeOverAsked, "take-over")], caller: ApiCaller, key: Key
    ) -> TakenOver:
        """The person gets a receipt of their own; the former one from then on says `handed_over` and nothing else.

        Codes that do not exist are answered 404 `unknown_code`, slowly; used, void and expired ones 409.
        """
        answer, _ = await handing.take(asked, caller, key)
        return answer

    return routes
