"""The HTTP API of changing hands: a code for the person a report is about, and taking over with it."""

from fastapi import APIRouter, Depends, Request

from services.intake.dependencies import caller_of, idempotency_key, json_of
from services.intake.examples import ANSWERS, answered
from services.intake.handover.service import HandoverService
from services.intake.receipts.api import TOLD, AnyDependency, body
from services.intake.receipts.models import ReceiptQuestion, TakeOverAsked
from services.intake.reports.models import HandOver, StatusAnswer, TakenOver


def router(handing: HandoverService, *, write: AnyDependency) -> APIRouter:
    """The routes; ``write`` is the dependency that authenticates front ends."""
    routes = APIRouter(prefix="/api/v1/receipts", tags=["receipts"], dependencies=[Depends(write)])

    @routes.post(
        "/hand-over",
        status_code=201,
        response_model=HandOver,
        summary="Make a code for handing a report over to the person it is about",
        openapi_extra=body(ReceiptQuestion, "hand-over"),
        responses=answered(201, ANSWERS["hand-over"]),
    )
    async def offer(request: Request) -> HandOver:
        """Of a representative's report only: 409 `nobody_to_hand_over_to`. A new code takes the place of the last."""
        return await handing.offer(await json_of(request, ReceiptQuestion), caller_of(request))

    @routes.post(
        "/hand-over/cancel",
        summary="Make that code void",
        openapi_extra=body(ReceiptQuestion, "hand-over/cancel"),
        responses=answered(200, ANSWERS["hand-over/cancel"]),
        **TOLD,
    )
    async def cancel(request: Request) -> StatusAnswer:
        """Possible until it is used: then 409 `handed_over`."""
        return await handing.cancel(await json_of(request, ReceiptQuestion), caller_of(request))

    @routes.post(
        "/take-over",
        status_code=201,
        response_model=TakenOver,
        summary="Take a report over with a code",
        openapi_extra=body(TakeOverAsked, "take-over", keyed=True),
        responses=answered(201, ANSWERS["take-over"]),
    )
    async def take(request: Request) -> TakenOver:
        """The person gets a receipt of their own; the former one from then on says `handed_over` and nothing else.

        Codes that do not exist are answered 404 `unknown_code`, slowly; used, void and expired ones 409.
        """
        return await handing.take(await json_of(request, TakeOverAsked), caller_of(request), idempotency_key(request))

    return routes
