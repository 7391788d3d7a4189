"""The HTTP API for looking: work lists, one case, open offers, centres; and for saying who is on duty."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from services.notify.cases.models import CaseState
from services.notify.cases.service import Auditing, CaseService
from services.notify.console import lists
from services.notify.console.dependencies import checked_center, guarded, home_of, readable
from services.notify.console.requests import DutyRequest
from services.notify.console.views import CaseList, CaseView, CenterView, TransferList, case_view, center_view, row_of
from services.notify.team.rules import agreed
from shared.events.base import CenterId, ReportId
from shared.events.vocabulary import CenterState
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.app import FieldError, Problem
from shared.web.gate import Gate
from shared.web.translations import gettext_noop

Audited = Callable[[Request, Principal], Auditing]
"""The audit of one request."""


def case_router(case_service: CaseService, gate: Gate, audited: Audited) -> APIRouter:
    """``/api/v1/cases`` and ``/api/v1/transfers``, to read."""
    router = APIRouter(prefix="/api/v1", tags=["cases"])

    @router.get("/cases")
    async def cases(
        request: Request,
        principal: Annotated[Principal, Depends(gate(Action.CASES_LIST))],
        center: Annotated[
            CenterId | None,
            Query(description="A centre; `central`: unanswered ones of all. Without it: one's own.", examples=["jeju"]),
        ] = None,
        state: Annotated[
            CaseState | None, Query(description="Without it: every open case.", examples=["waiting"])
        ] = None,
        cursor: Annotated[str | None, Query(max_length=100, description="`next` of the page before.")] = None,
        limit: Annotated[int, Query(ge=1, le=lists.PAGE, examples=[50])] = lists.PAGE,
    ) -> CaseList:
        """Cases in the order in which somebody should look at them: unanswered first, most urgent, longest waiting."""
        if cursor is not None and not lists.is_cursor(cursor):
            wrong = FieldError(field="cursor", reason="invalid", detail=gettext_noop("Not a cursor of this list."))
            raise Problem(
                422, "invalid", gettext_noop("Correct the fields named under “errors” and send again."), errors=[wrong]
            )
        chosen = checked_center(center) if center is not None else home_of(principal)
        gate.demand(request, principal, Action.CASES_LIST, chosen)
        found, after = await guarded(lambda: lists.page(case_service.cases, chosen, state, cursor, limit))
        return CaseList(cases=[row_of(case) for case in found], next=after)

    @router.get("/cases/{report_id}")
    async def case(
        request: Request,
        report_id: Annotated[ReportId, Path()],
        principal: Annotated[Principal, Depends(gate(Action.CASES_READ))],
    ) -> CaseView:
        """One case with its timeline and its open offer; for its centre, and for the one it is offered to."""
        found = await readable(case_service, gate, request, principal, report_id)
        if found.center_id != principal.organisation:
            await guarded(lambda: audited(request, principal)(Action.CASES_READ, report_id, None))
        return case_view(found)

    @router.get("/transfers")
    async def transfers(
        request: Request,
        principal: Annotated[Principal, Depends(gate(Action.CASES_LIST))],
        center: Annotated[CenterId | None, Query(description="Without it: one's own.", examples=["jeju"])] = None,
    ) -> TransferList:
        """Offers a centre has not answered, and its own that others have not answered."""
        chosen = checked_center(center) if center is not None else home_of(principal)
        gate.demand(request, principal, Action.CASES_LIST, chosen)
        to = await guarded(lambda: case_service.cases.offers_to(chosen))
        of = await guarded(lambda: case_service.cases.offers_of(chosen))
        return TransferList(offered_to=[row_of(case) for case in to], offered_by=[row_of(case) for case in of])

    return router


def center_router(case_service: CaseService, gate: Gate, audited: Audited) -> APIRouter:
    """``/api/v1/centers``."""
    router = APIRouter(prefix="/api/v1", tags=["centers"])

    @router.get("/centers/{center_id}")
    async def center(
        request: Request,
        center_id: Annotated[CenterId, Path(examples=["jeju"])],
        principal: Annotated[Principal, Depends(gate(Action.CENTERS_COUNTS))],
    ) -> CenterView:
        """A centre: who is on duty, how many cases wait. For its own staff and for `central`.

        How busy the others are, in bands, is at `/api/v1/centers` of routing.
        """
        chosen = checked_center(center_id)
        gate.demand(request, principal, Action.CENTERS_COUNTS, chosen)
        return await _view(case_service, chosen)

    @router.put("/centers/{center_id}/duty")
    async def duty(
        request: Request,
        center_id: Annotated[CenterId, Path(examples=["jeju"])],
        body: DutyRequest,
        principal: Annotated[Principal, Depends(gate(Action.CENTERS_DUTY))],
    ) -> CenterView:
        """Say who is on duty. The whole of it, every time; the same again changes nothing.

        Only a lead closes a centre, or central's lead. Routing then moves what nobody there has acknowledged.
        With nobody on duty a centre that is not closed is `unstaffed`, whatever was said; `unstaffed` with people on
        duty is refused.
        """
        checked_center(center_id)
        demand_duty(gate, request, principal, center_id, body.state)
        demand_agreement(body.state, body.staff_on_duty)
        audit, said = audited(request, principal), (body.state, body.staff_on_duty, body.cases_per_person)
        await guarded(lambda: case_service.set_duty(center_id, *said, audit=audit))
        return await _view(case_service, center_id)

    return router


def demand_duty(gate: Gate, request: Request, principal: Principal, center_id: str, state: CenterState) -> None:
    """Raises Problem 403 unless they may say this of the centre."""
    action = Action.CENTERS_CLOSE if state is CenterState.CLOSED else Action.CENTERS_DUTY
    gate.demand(request, principal, action, center_id)


def demand_agreement(state: CenterState, staff_on_duty: int) -> None:
    """Raises Problem 422 where state and number contradict each other: which of the two is meant, only they know."""
    if agreed(state, staff_on_duty) is None:
        raise Problem(
            422,
            "people_on_duty",
            gettext_noop(
                "“Nobody on duty” and a number of people on duty contradict each other. Say 0, or another state."
            ),
        )


async def _view(case_service: CaseService, center_id: str) -> CenterView:
    found = await guarded(lambda: case_service.centers.get(center_id))
    return center_view(found, await guarded(lambda: case_service.cases.counts(center_id)))
