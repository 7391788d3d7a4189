"""The HTTP API: work lists, cases, commands, tickets, centers and who is on duty there."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from services.notify.cases.commands import (
    COMMANDS,
    OFFER,
    Command,
    OfferRequest,
    OwnedRequest,
)
from services.notify.cases.models import CaseState
from services.notify.cases.rules import Rejected
from services.notify.cases.service import CaseService, CommandResult
from services.notify.cases.tickets import Tickets
from services.notify.console import lists
from services.notify.console.dependencies import (
    absent,
    check_center,
    checked_center,
    deletion_number,
    demand_agreement,
    guarded,
    home_of,
    no_number,
    problem_of,
    readable,
    require_duty,
    set_duty,
    there,
)
from services.notify.console.lists import count_cases
from services.notify.console.views import (
    CaseList,
    CaseRow,
    CaseView,
    CenterView,
    Offered,
    TicketView,
    TransferList,
    case_view,
    center_view,
    row_of,
)
from services.notify.request_audit import RequestAuditFactory
from shared.events.base import CenterId, ReportId
from shared.events.vocabulary import CenterState
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.identity.tokens import Purpose
from shared.web.app import FieldError
from shared.web.authorization import Authorizer
from shared.web.documented import refuses
from shared.web.pages import Pages
from shared.web.problems import invalid
from shared.web.translations import gettext_noop

_REJECTED: Final = tuple(one.value for one in Rejected)
"""Refusals of every command on a case."""
ReportPath = Annotated[ReportId, Path(examples=["3f0c8e52-6a1d-4c7e-9b55-0d2a6f1e7c41"])]


class DetailsRequest(OwnedRequest):
    """Why the details are opened; part of the audit."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ownership": 1, "purpose": "first_contact"}]})

    purpose: Purpose = Field(examples=["first_contact"])


class DutyRequest(BaseModel):
    """Duty at a centre from now on."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"state": "open", "staff_on_duty": 3, "cases_per_person": 15}]},
    )

    state: CenterState = Field(examples=["open"])
    staff_on_duty: int = Field(ge=0, le=999)
    cases_per_person: int | None = Field(default=None, ge=1, le=999)
    center_version: int | None = Field(
        default=None, ge=0, description="The centre's version as the person saw it; another one by now is a 409."
    )


def case_router(service: CaseService, authorize: Authorizer, audited: RequestAuditFactory) -> APIRouter:
    """``/api/v1/cases`` and ``/api/v1/transfers``, to read."""
    router = APIRouter(prefix="/api/v1", tags=["cases"])

    @router.get("/cases", summary="A work list", openapi_extra=refuses("no_such_center"))
    async def list_cases(
        request: Request,
        principal: Annotated[Principal, Depends(authorize(Action.CASES_LIST))],
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
            raise invalid([wrong])
        chosen = checked_center(center) if center is not None else home_of(principal)
        authorize.require(request, principal, Action.CASES_LIST, chosen)
        found, after = await guarded(lambda: lists.page(service.cases, chosen, state, cursor, limit))
        return CaseList(cases=[row_of(case) for case in found], next=after)

    @router.get("/cases/{report_id}", summary="One case", openapi_extra=refuses("no_such_case"))
    async def get_case(
        request: Request,
        report_id: Annotated[ReportId, Path()],
        principal: Annotated[Principal, Depends(authorize(Action.CASES_READ))],
    ) -> CaseView:
        """One case with its timeline and its open offer; for its centre, and for the one it is offered to."""
        found = await readable(service, authorize, request, principal, report_id)
        if found.center_id != principal.organisation:
            await guarded(lambda: audited(request, principal)(Action.CASES_READ, report_id, None))
        return case_view(found)

    @router.get("/transfers", summary="Open offers", openapi_extra=refuses("no_such_center"))
    async def list_transfers(
        request: Request,
        principal: Annotated[Principal, Depends(authorize(Action.CASES_LIST))],
        center: Annotated[CenterId | None, Query(description="Without it: one's own.", examples=["jeju"])] = None,
    ) -> TransferList:
        """Offers a centre has not answered, and its own that others have not answered."""
        chosen = checked_center(center) if center is not None else home_of(principal)
        authorize.require(request, principal, Action.CASES_LIST, chosen)
        to = await guarded(lambda: service.cases.offers_to(chosen))
        of = await guarded(lambda: service.cases.offers_of(chosen))
        return TransferList(offered_to=[row_of(case) for case in to], offered_by=[row_of(case) for case in of])

    return router


def center_router(service: CaseService, authorize: Authorizer, audited: RequestAuditFactory) -> APIRouter:
    """``/api/v1/centers``."""
    router = APIRouter(prefix="/api/v1", tags=["centers"])

    @router.get("/centers/{center_id}", summary="A centre", openapi_extra=refuses("no_such_center"))
    async def get_center(
        request: Request,
        center_id: Annotated[CenterId, Path(examples=["jeju"])],
        principal: Annotated[Principal, Depends(authorize(Action.CENTERS_COUNTS))],
    ) -> CenterView:
        """A centre: who is on duty, how many cases wait. For its own staff and for `central`.

        How busy the others are, in bands, is at `/api/v1/centers` of routing.
        """
        chosen = checked_center(center_id)
        authorize.require(request, principal, Action.CENTERS_COUNTS, chosen)
        return await _view(service, chosen)

    @router.put(
        "/centers/{center_id}/duty",
        summary="Who is on duty",
        openapi_extra=refuses("no_such_center", "people_on_duty", "duty_changed"),
    )
    async def set_center_duty(
        request: Request,
        center_id: Annotated[CenterId, Path(examples=["jeju"])],
        body: DutyRequest,
        principal: Annotated[Principal, Depends(authorize(Action.CENTERS_DUTY))],
    ) -> CenterView:
        """Say who is on duty. The whole of it, every time; the same again changes nothing.

        Only a lead closes a centre, or central's lead, who may open it again. Routing then moves what nobody there has
        acknowledged.
        With nobody on duty a centre that is not closed is `unstaffed`, whatever was said; `unstaffed` with people on
        duty is refused.
        """
        checked_center(center_id)
        await require_duty(authorize, request, principal, service, center_id, body.state)
        demand_agreement(body.state, body.staff_on_duty)
        audit = audited(request, principal)
        await set_duty(
            service, center_id, body.state, body.staff_on_duty, body.cases_per_person, body.center_version, audit
        )
        return await _view(service, center_id)

    return router


async def _view(service: CaseService, center_id: str) -> CenterView:
    found = await guarded(lambda: service.duty.get(center_id))
    counts = await guarded(lambda: count_cases(service.cases, center_id))
    return center_view(found, counts.waiting, counts.new + counts.working)


def command_router(
    service: CaseService, authorize: Authorizer, pages: Pages, audited: RequestAuditFactory
) -> APIRouter:
    """``POST /api/v1/cases/{report_id}/…``: one route for each command of the registry."""
    router = APIRouter(prefix="/api/v1/cases/{report_id}")
    for command in COMMANDS:
        router.add_api_route(
            command.path,
            _endpoint(command, service, authorize, pages, audited),
            methods=["POST"],
            name=command.operation,
            summary=command.description.partition(". ")[0].partition("\n")[0].rstrip("."),
            description=command.description,
            openapi_extra=refuses(*_REJECTED, "no_such_case", "no_such_center"),
            status_code=command.status,
            tags=[command.tag],
            response_model=Offered if command is OFFER else CaseRow,
        )
    return router


def _endpoint(
    command: Command[Any], service: CaseService, authorize: Authorizer, pages: Pages, audited: RequestAuditFactory
) -> Callable[..., Awaitable[Offered | CaseRow]]:
    may = authorize(command.action)

    async def run(
        request: Request,
        report_id: ReportPath,
        number: Annotated[int | None, Depends(deletion_number if command.numbered else no_number)],
        body: command.body,  # type: ignore[name-defined]  # each command has its own
        who: Annotated[Principal, Depends(may)],
    ) -> Offered | CaseRow:
        check_center(body)
        audit = audited(request, who)
        act = service.run(who, report_id, command, body, number=number, audit=audit)
        done = there(await guarded(lambda: act), who)
        if done.rejected is not None:
            offer_id = body.offer_id if isinstance(body, OfferRequest) else None
            raise problem_of(pages, service.staff, request, done, offer_id)
        if command is not OFFER:
            return row_of(done.case)
        if done.case.offer is None:
            raise RuntimeError("an offer that was made is not there")
        return Offered(offer_id=done.case.offer.offer_id, expires_at=done.case.offer.expires_at)

    return run


def ticket_router(
    service: CaseService,
    tickets: Tickets,
    authorize: Authorizer,
    pages: Pages,
    audited: RequestAuditFactory,
    details_url: str,
) -> APIRouter:
    """``POST /api/v1/cases/{report_id}/details-ticket``."""
    router = APIRouter(prefix="/api/v1/cases/{report_id}", tags=["details"])

    @router.post(
        "/details-ticket",
        summary="A ticket to a report's details",
        openapi_extra=refuses(*_REJECTED, "no_such_case", "step_up_needed"),
    )
    async def get_details_ticket(
        request: Request,
        report_id: ReportPath,
        body: DetailsRequest,
        who: Annotated[Principal, Depends(authorize(Action.DETAILS_OPEN))],
    ) -> TicketView:
        """A ticket to a report's details, for the owning centre's counsellors and leads. 410: it was withdrawn.

        401 `step_up_needed`: the second factor was shown too long ago (RFC 9470); `POST /api/v1/session/confirm` of
        identity takes it, and its token opens this.
        """
        authorize.require_recent(request, who, "", urgent=True)
        audit = audited(request, who)
        issued = await guarded(lambda: tickets.issue(who, report_id, body.ownership, body.purpose, audit=audit))
        if issued is None:
            raise absent(who)
        if isinstance(issued, CommandResult):
            raise problem_of(pages, service.staff, request, issued)
        return TicketView(ticket=issued.ticket, url=details_url, expires_at=issued.expires_at)

    return router
