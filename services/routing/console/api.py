"""The HTTP API: why a report is where it is, and how busy the centres are. All of it for staff."""

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request

from services.routing.assignment.models import CenterLoads
from services.routing.console.live import LiveCenters, live_centers
from services.routing.console.views import CenterRows, History, center_row, history_of, involved, until_it_left
from services.routing.models import LiveLoads
from services.routing.read_model import DecisionStore, RoutingEntry
from shared.centers import CENTRAL, PACKAGED, Tables
from shared.errors import TransientError
from shared.events.base import ReportId
from shared.identity.principal import Principal
from shared.identity.roles import NOBODY, Action
from shared.web.app import Problem
from shared.web.authorization import Authorizer
from shared.web.documented import refuses
from shared.web.translations import gettext_noop


async def entries_for(
    authorize: Authorizer, request: Request, principal: Principal, store: DecisionStore, report_id: str
) -> list[RoutingEntry]:
    """Load the stored entries of a report, for a principal who may see it.

    A centre sees the decisions of reports it owns or owned, and of those it would have got by their place unless the
    reporter declined it; of those it owned, what was decided until they left it, not where they went. Raises the 503
    problem while the store is away, and 403 for what is not theirs, be it there or not: only who may see every
    organisation's is told 404.
    """
    entries = await _entries(store, report_id)
    if not entries:
        authorize.require(request, principal, Action.DECISIONS_READ, NOBODY)
        raise Problem(404, "no_such_decision", gettext_noop("No decision about this report is known yet."))
    own = principal.organisation
    authorize.require(
        request, principal, Action.DECISIONS_READ, own if own in involved(entries) else entries[-1].center_id
    )
    return entries if principal.may(Action.DECISIONS_READ, entries[-1].center_id) else until_it_left(entries, own)


async def _entries(store: DecisionStore, report_id: str) -> list[RoutingEntry]:
    try:
        return await store.history(report_id)
    except TransientError as error:
        raise Problem(
            503,
            "store_away",
            gettext_noop("The store does not answer. Reports are routed all the same."),
            retry_after=5,
        ) from error


def api_router(
    store: DecisionStore,
    center_loads: Callable[[], CenterLoads],
    live_loads: Callable[[], LiveLoads],
    authorize: Authorizer,
    known: Mapping[str, Tables] = PACKAGED.known,
) -> APIRouter:
    """``/api/v1/decisions/{report_id}``, ``/api/v1/centers`` in bands and ``/api/v1/centers/live`` in numbers."""
    router = APIRouter(prefix="/api/v1")

    @router.get(
        "/decisions/{report_id}",
        tags=["decisions"],
        summary="Everything routing did about a report",
        openapi_extra=refuses("no_such_decision", "store_away"),
    )
    async def get_decisions(
        request: Request,
        report_id: Annotated[ReportId, Path()],
        principal: Annotated[Principal, Depends(authorize(Action.DECISIONS_READ))],
    ) -> History:
        """Each record with its decision, all candidates, and whether deciding again gives the same answer.

        For the centre that owns the report, those that owned it (up to where it left them) and the one at home in its
        place unless the reporter declined it, for `central` and for auditors.
        """
        return history_of(report_id, await entries_for(authorize, request, principal, store, report_id), known)

    @router.get(
        "/centers",
        tags=["centers"],
        summary="How busy the centres are",
        dependencies=[Depends(authorize(Action.CENTERS_READ))],
    )
    async def list_centers() -> CenterRows:
        """State, staff on duty and band of each of the 16 centres, as this worker sees them now."""
        return CenterRows(centers=[center_row(center_load) for center_load in center_loads().values()])

    @router.get("/centers/live", tags=["centers"], summary="The centres now, in exact numbers")
    async def get_live_centers(
        request: Request, principal: Annotated[Principal, Depends(authorize(Action.CENTERS_LIVE))]
    ) -> LiveCenters:
        """Load, state, overflow, severe cases, who is unanswered and since when, of each of the 16 centres.

        Who waits longest comes first. For leads, and for leads and counsellors of `central`.
        """
        authorize.require(request, principal, Action.CENTERS_LIVE, CENTRAL)
        return live_centers(live_loads())

    return router
