"""The HTTP API: why a report is where it is, and how busy the centres are. All of it for staff."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Path

from services.routing.model import Board
from services.routing.store import DecisionStore, Entry
from services.routing.views import CenterRows, History, center_row, history_of
from shared.errors import TransientError
from shared.events.base import ReportId
from shared.web.app import Problem
from shared.web.staff import StaffGate
from shared.web.translations import gettext_noop


async def entries_of(store: DecisionStore, report_id: str) -> list[Entry]:
    """What the store holds of a report. Raises the 404 or 503 problem that says why there is nothing."""
    try:
        entries = await store.history(report_id)
    except TransientError as error:
        raise Problem(
            503,
            "store_away",
            gettext_noop("The store does not answer. Reports are routed all the same."),
            retry_after=5,
        ) from error
    if not entries:
        raise Problem(404, "no_such_decision", gettext_noop("No decision about this report is known yet."))
    return entries


def api_router(store: DecisionStore, board: Callable[[], Board], gate: StaffGate) -> APIRouter:
    """``/api/v1/decisions/{report_id}`` and ``/api/v1/centers``."""
    router = APIRouter(prefix="/api/v1", dependencies=[Depends(gate)])

    @router.get("/decisions/{report_id}", summary="Everything routing did about a report")
    async def decisions(report_id: Annotated[ReportId, Path()]) -> History:
        """Each record with its decision, all candidates, and whether deciding again gives the same answer."""
        return history_of(report_id, await entries_of(store, report_id))

    @router.get("/centers", summary="How busy the centres are")
    async def centers() -> CenterRows:
        """State, staff on duty and band of each of the 16 centres, as this worker sees them now."""
        return CenterRows(centers=[center_row(seat) for seat in board().values()])

    return router
