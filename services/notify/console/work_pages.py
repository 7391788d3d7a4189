"""The forms of a case's page for what its centre notes about the work on it. They work without script."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Request
from fastapi.responses import Response

from services.notify.cases.models import ContactWay, DeletionState
from services.notify.cases.rules import Rejected
from services.notify.cases.service import CaseWorkService
from services.notify.console.case_pages import CasePages, Ownership, Tried
from services.notify.console.dependencies import checked_center
from shared.events.base import CenterId, ReportId
from shared.events.vocabulary import PlatformKind, SupportKind
from shared.identity.principal import Principal
from shared.identity.roles import Action


def work_pages_router(parts: CasePages) -> APIRouter:
    """``/cases/{report_id}/…``: contact, support, deletions, referral, joining."""
    router = APIRouter(prefix="/cases/{report_id}", include_in_schema=False)
    work, gate, audited = CaseWorkService(parts.case_service), parts.gate, parts.audited

    @router.post("/contact")
    async def contact(
        request: Request,
        report_id: ReportId,
        who: Annotated[Principal, Depends(gate(Action.CASES_RECORD))],
        ownership: Ownership,
        reached: Annotated[bool, Form()],
        way: Annotated[ContactWay, Form()],
    ) -> Response:
        act = work.contact(who, report_id, ownership, way=way, reached=reached, audit=audited(request, who))
        about = {Rejected.WAY_NOT_AGREED: "way", Rejected.RULES_NOT_READ: "way"}
        return await parts.after(request, who, act, tried=Tried({"way": way.value}, about))

    @router.post("/support")
    async def support(
        request: Request,
        report_id: ReportId,
        who: Annotated[Principal, Depends(gate(Action.CASES_RECORD))],
        ownership: Ownership,
        support: Annotated[SupportKind, Form()],
    ) -> Response:
        act = work.support(who, report_id, ownership, support, audit=audited(request, who))
        return await parts.after(request, who, act)

    @router.post("/deletions")
    async def deletion(
        request: Request,
        report_id: ReportId,
        who: Annotated[Principal, Depends(gate(Action.CASES_RECORD))],
        ownership: Ownership,
        platform: Annotated[PlatformKind, Form()],
        addresses: Annotated[int, Form(ge=1, le=999)],
    ) -> Response:
        act = work.request_deletion(who, report_id, ownership, platform, addresses, audit=audited(request, who))
        return await parts.after(request, who, act)

    @router.post("/deletions/{number}")
    async def deletion_step(
        request: Request,
        report_id: ReportId,
        number: Annotated[int, Path(ge=1, le=999)],
        who: Annotated[Principal, Depends(gate(Action.CASES_RECORD))],
        ownership: Ownership,
        state: Annotated[DeletionState, Form()],
    ) -> Response:
        act = work.move_deletion(who, report_id, ownership, number, state, audit=audited(request, who))
        return await parts.after(request, who, act)

    @router.post("/refer")
    async def refer(
        request: Request,
        report_id: ReportId,
        who: Annotated[Principal, Depends(gate(Action.CASES_RECORD))],
        ownership: Ownership,
        to_center_id: Annotated[CenterId, Form()],
    ) -> Response:
        to = checked_center(to_center_id)
        act = work.refer(who, report_id, ownership, to, audit=audited(request, who))
        about = {Rejected.SAME_CENTER: "to_center_id-refer", Rejected.CENTER_DECLINED: "to_center_id-refer"}
        return await parts.after(request, who, act, tried=Tried({"to_center_id-refer": to}, about))

    @router.post("/join")
    async def join(
        request: Request,
        report_id: ReportId,
        who: Annotated[Principal, Depends(gate(Action.CASES_ASSIGN))],
        ownership: Ownership,
        other_id: Annotated[ReportId, Form()],
        agreed: Annotated[bool, Form()] = False,  # an unticked box sends nothing
    ) -> Response:
        act = work.join(who, report_id, ownership, other_id, agreed=agreed, audit=audited(request, who))
        return await parts.after(request, who, act)

    @router.post("/part")
    async def part(
        request: Request,
        report_id: ReportId,
        who: Annotated[Principal, Depends(gate(Action.CASES_ASSIGN))],
        ownership: Ownership,
        other_id: Annotated[ReportId, Form()],
    ) -> Response:
        act = work.part(who, report_id, ownership, other_id, audit=audited(request, who))
        return await parts.after(request, who, act)

    return router
