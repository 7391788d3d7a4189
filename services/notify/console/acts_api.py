"""The HTTP API for acting on cases. Everything names the ownership it was seen under; a stale one is a 409 in words."""

from collections.abc import Awaitable
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from services.notify.cases.models import Case
from services.notify.cases.service import CaseService, CommandResult
from services.notify.cases.tickets import Tickets
from services.notify.console.api import Audited
from services.notify.console.dependencies import absent, checked_center, guarded, refusal, there
from services.notify.console.requests import (
    AcknowledgeRequest,
    AssignRequest,
    CloseRequest,
    DetailsRequest,
    OfferRequest,
    OwnedRequest,
    TransferRequest,
)
from services.notify.console.views import CaseRow, Offered, TicketView, row_of
from shared.events.base import ReportId
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.gate import Gate
from shared.web.pages import Pages

ReportPath = Annotated[ReportId, Path(examples=["3f0c8e52-6a1d-4c7e-9b55-0d2a6f1e7c41"])]


class Acts:
    """What every act does with its outcome."""

    def __init__(self, case_service: CaseService, pages: Pages) -> None:
        self._case_service = case_service
        self._pages = pages

    async def case(
        self, request: Request, who: Principal, act: Awaitable[CommandResult | None], offer_id: str | None = None
    ) -> Case:
        """The case after an act. Raises the problem that says why it did not count."""
        done = there(await guarded(lambda: act), who)
        if done.rejected is not None:
            raise await refusal(self._pages, self._case_service.people, request, done, offer_id)
        return done.case

    async def row(
        self, request: Request, who: Principal, act: Awaitable[CommandResult | None], offer_id: str | None = None
    ) -> CaseRow:
        """The same, as a row."""
        return row_of(await self.case(request, who, act, offer_id))


def act_router(case_service: CaseService, gate: Gate, pages: Pages, audited: Audited) -> APIRouter:
    """``/api/v1/cases/{report_id}/…`` for the owning centre."""
    router = APIRouter(prefix="/api/v1/cases/{report_id}", tags=["acts"])
    acts = Acts(case_service, pages)

    @router.post("/acknowledge")
    async def acknowledge(
        request: Request,
        report_id: ReportPath,
        body: AcknowledgeRequest,
        who: Annotated[Principal, Depends(gate(Action.CASES_ACKNOWLEDGE))],
    ) -> CaseRow:
        """Take a case for its centre, or read what is new in it. Saying it again is fine; 409 says who was faster."""
        audit = audited(request, who)
        return await acts.row(request, who, case_service.acknowledge(who, report_id, body.ownership, audit=audit))

    @router.post("/assign")
    async def assign(
        request: Request,
        report_id: ReportPath,
        body: AssignRequest,
        who: Annotated[Principal, Depends(gate(Action.CASES_ASSIGN))],
    ) -> CaseRow:
        """Take a case over, or give it to a colleague of the same centre."""
        act = case_service.assign(
            who, report_id, body.ownership, body.assignee, over_cap=body.over_cap, audit=audited(request, who)
        )
        return await acts.row(request, who, act)

    @router.post("/close")
    async def close(
        request: Request,
        report_id: ReportPath,
        body: CloseRequest,
        who: Annotated[Principal, Depends(gate(Action.CASES_CLOSE))],
    ) -> CaseRow:
        """Say that a case is done. It is `closing` until routing has ended it."""
        act = case_service.close(who, report_id, body.ownership, body.outcome, audit=audited(request, who))
        return await acts.row(request, who, act)

    @router.post("/reopen")
    async def reopen(
        request: Request,
        report_id: ReportPath,
        body: OwnedRequest,
        who: Annotated[Principal, Depends(gate(Action.CASES_REOPEN))],
    ) -> CaseRow:
        """Work on a closed case again; for leads. A withdrawn one is its reporter's to bring back."""
        return await acts.row(
            request, who, case_service.reopen(who, report_id, body.ownership, audit=audited(request, who))
        )

    return router


def transfer_router(case_service: CaseService, gate: Gate, pages: Pages, audited: Audited) -> APIRouter:
    """``/api/v1/cases/{report_id}/transfer…``."""
    router = APIRouter(prefix="/api/v1/cases/{report_id}/transfer", tags=["transfers"])
    acts = Acts(case_service, pages)

    @router.post("", status_code=202)
    async def offer(
        request: Request,
        report_id: ReportPath,
        body: TransferRequest,
        who: Annotated[Principal, Depends(gate(Action.TRANSFERS_OFFER))],
    ) -> Offered:
        """Offer a case to another of the 16 centres. It stays where it is until they accept."""
        to = checked_center(body.to_center_id)
        audit = audited(request, who)
        act = case_service.offer(who, report_id, body.ownership, to, body.reason, agreed=body.agreed, audit=audit)
        case = await acts.case(request, who, act)
        if case.offer is None:
            raise RuntimeError("an offer that was made is not there")
        return Offered(offer_id=case.offer.offer_id, expires_at=case.offer.expires_at)

    @router.post("/accept", status_code=202)
    async def accept(
        request: Request,
        report_id: ReportPath,
        body: OfferRequest,
        who: Annotated[Principal, Depends(gate(Action.TRANSFERS_ANSWER))],
    ) -> CaseRow:
        """Take a case that was offered. It is `moving` until routing has moved it."""
        act = case_service.accept(who, report_id, body.offer_id, audit=audited(request, who))
        return await acts.row(request, who, act, body.offer_id)

    @router.post("/decline")
    async def decline(
        request: Request,
        report_id: ReportPath,
        body: OfferRequest,
        who: Annotated[Principal, Depends(gate(Action.TRANSFERS_ANSWER))],
    ) -> CaseRow:
        """Leave a case that was offered where it is."""
        act = case_service.decline(who, report_id, body.offer_id, audit=audited(request, who))
        return await acts.row(request, who, act, body.offer_id)

    @router.post("/recall")
    async def recall(
        request: Request,
        report_id: ReportPath,
        body: OfferRequest,
        who: Annotated[Principal, Depends(gate(Action.TRANSFERS_OFFER))],
    ) -> CaseRow:
        """Take an offer back before it is answered."""
        act = case_service.recall(who, report_id, body.offer_id, audit=audited(request, who))
        return await acts.row(request, who, act, body.offer_id)

    return router


def ticket_router(
    case_service: CaseService, tickets: Tickets, gate: Gate, pages: Pages, audited: Audited, details_url: str
) -> APIRouter:
    """``POST /api/v1/cases/{report_id}/details-ticket``."""
    router = APIRouter(prefix="/api/v1/cases/{report_id}", tags=["details"])

    @router.post("/details-ticket")
    async def details_ticket(
        request: Request,
        report_id: ReportPath,
        body: DetailsRequest,
        who: Annotated[Principal, Depends(gate(Action.DETAILS_OPEN))],
    ) -> TicketView:
        """A ticket to a report's details, for the owning centre's counsellors and leads. 410: it was withdrawn."""
        audit = audited(request, who)
        issued = await guarded(lambda: tickets.issue(who, report_id, body.ownership, body.purpose, audit=audit))
        if issued is None:
            raise absent(who)
        if isinstance(issued, CommandResult):
            raise await refusal(pages, case_service.people, request, issued)
        return TicketView(ticket=issued.ticket, url=details_url, expires_at=issued.expires_at)

    return router
