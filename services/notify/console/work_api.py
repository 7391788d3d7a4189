"""The HTTP API for what the owning centre notes about its work on a case."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from services.notify.cases.service import CaseService, CaseWorkService
from services.notify.console.acts_api import Acts, ReportPath
from services.notify.console.api import Audited
from services.notify.console.dependencies import checked_center
from services.notify.console.requests import (
    ContactRequest,
    DeletionRequest,
    DeletionStep,
    JoinRequest,
    PartRequest,
    ReferRequest,
    SupportRequest,
)
from services.notify.console.views import CaseRow
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.gate import Gate
from shared.web.pages import Pages


def work_router(case_service: CaseService, gate: Gate, pages: Pages, audited: Audited) -> APIRouter:
    """``/api/v1/cases/{report_id}/…``: contact, support, deletions, referral, joining."""
    router = APIRouter(prefix="/api/v1/cases/{report_id}", tags=["acts"])
    acts, work = Acts(case_service, pages), CaseWorkService(case_service)

    @router.post("/contact")
    async def contact(
        request: Request,
        report_id: ReportPath,
        body: ContactRequest,
        who: Annotated[Principal, Depends(gate(Action.CASES_RECORD))],
    ) -> CaseRow:
        """Note that the reporter was reached, or that somebody tried in vain.

        `way_not_agreed`: the reporter did not agree to that way. `rules_not_read`: open the details first, which say
        how contact is safe; after an addition to the report, again.
        """
        audit = audited(request, who)
        act = work.contact(who, report_id, body.ownership, way=body.way, reached=body.reached, audit=audit)
        return await acts.row(request, who, act)

    @router.post("/support")
    async def support(
        request: Request,
        report_id: ReportPath,
        body: SupportRequest,
        who: Annotated[Principal, Depends(gate(Action.CASES_RECORD))],
    ) -> CaseRow:
        """Note support that was issued."""
        act = work.support(who, report_id, body.ownership, body.support, audit=audited(request, who))
        return await acts.row(request, who, act)

    @router.post("/deletions")
    async def deletion(
        request: Request,
        report_id: ReportPath,
        body: DeletionRequest,
        who: Annotated[Principal, Depends(gate(Action.CASES_RECORD))],
    ) -> CaseRow:
        """Note that a platform was asked to delete; counted as deletion support."""
        audit, asked = audited(request, who), (body.platform, body.addresses)
        return await acts.row(request, who, work.request_deletion(who, report_id, body.ownership, *asked, audit=audit))

    @router.post("/deletions/{number}")
    async def deletion_step(
        request: Request,
        report_id: ReportPath,
        number: Annotated[int, Path(ge=1, le=999, examples=[1])],
        body: DeletionStep,
        who: Annotated[Principal, Depends(gate(Action.CASES_RECORD))],
    ) -> CaseRow:
        """Note what became of a request to delete. 409 `wrong_step` where that cannot follow."""
        act = work.move_deletion(who, report_id, body.ownership, number, body.state, audit=audited(request, who))
        return await acts.row(request, who, act)

    @router.post("/refer")
    async def refer(
        request: Request,
        report_id: ReportPath,
        body: ReferRequest,
        who: Annotated[Principal, Depends(gate(Action.CASES_RECORD))],
    ) -> CaseRow:
        """Note that another organisation helps. The owner stays."""
        to = checked_center(body.to_center_id)
        return await acts.row(request, who, work.refer(who, report_id, body.ownership, to, audit=audited(request, who)))

    @router.post("/join")
    async def join(
        request: Request,
        report_id: ReportPath,
        body: JoinRequest,
        who: Annotated[Principal, Depends(gate(Action.CASES_ASSIGN))],
    ) -> CaseRow:
        """Put a linked case of the same centre under the person who has this one, if both reporters agreed."""
        audit = audited(request, who)
        act = work.join(who, report_id, body.ownership, body.other_id, agreed=body.agreed, audit=audit)
        return await acts.row(request, who, act)

    @router.post("/part")
    async def part(
        request: Request,
        report_id: ReportPath,
        body: PartRequest,
        who: Annotated[Principal, Depends(gate(Action.CASES_ASSIGN))],
    ) -> CaseRow:
        """End that two cases are under one person: a reporter thought again."""
        act = work.part(who, report_id, body.ownership, body.other_id, audit=audited(request, who))
        return await acts.row(request, who, act)

    return router
