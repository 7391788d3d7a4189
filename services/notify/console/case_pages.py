"""The story of one case, and a form for everything that may be done with it. Works without script."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from services.notify.cases.attention import next_step
from services.notify.cases.models import CENTRAL_DESK, NEXT_OF, Case, TransferReason
from services.notify.cases.rules import Rejected, ways
from services.notify.cases.service import CaseService, CommandResult
from services.notify.cases.tickets import Tickets
from services.notify.console.api import Audited
from services.notify.console.dependencies import absent, checked_center, concerned, guarded, readable, refusal, there
from services.notify.console.rows import center_names
from services.notify.settings import NotifySettings
from shared.events.base import CenterId, ReportId, StaffRef
from shared.events.vocabulary import CenterState, Outcome, PlatformKind, SupportKind
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.identity.tokens import Purpose
from shared.web.gate import Gate
from shared.web.pages import Pages

_CONFIRMED_S: Final = 1.5
"""How long a page waits for routing, so that it shows what became of the act; it mostly takes a tenth of that."""
_LOOK_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Tried:
    """What somebody sent with a form that was refused, to be shown again with the message beside its field."""

    values: Mapping[str, str]
    """By the id of the control, as ``reason-transfer``."""
    controls: Mapping[Rejected, str] = field(default_factory=dict)
    """The control each refusal is about."""


_NOTHING_TRIED: Final = Tried({})
_ABOUT_THE_CENTER: Final = (
    Rejected.SAME_CENTER,
    Rejected.CENTRAL_OWNS_LAST,
    Rejected.CENTER_CLOSED,
    Rejected.CENTER_DECLINED,
)

Ownership = Annotated[int, Form(ge=1)]
OfferId = Annotated[str, Form(max_length=64)]


class CasePages:
    """What the pages about a case share."""

    def __init__(
        self,
        case_service: CaseService,
        pages: Pages,
        settings: NotifySettings,
        gate: Gate,
        tickets: Tickets,
        audited: Audited,
    ) -> None:
        """``audited`` gives the audit of a request."""
        self.case_service = case_service
        self.pages = pages
        self.settings = settings
        self.gate = gate
        self.tickets = tickets
        self.audited = audited

    async def story(
        self,
        request: Request,
        principal: Principal,
        case: Case,
        problem: str = "",
        status: int = 200,
        tried: Tried = _NOTHING_TRIED,
        control: str = "",
    ) -> Response:
        """The page of a case; with ``problem`` beside the ``control`` of what was ``tried``."""
        routing = self.settings.public_urls.get("routing", "").rstrip("/")
        await guarded(lambda: self.case_service.people.learn_story(case))
        own = principal.organisation == case.center_id
        assigns = own and principal.may(Action.CASES_ASSIGN)
        colleagues = await guarded(lambda: self.case_service.people.colleagues(case.center_id)) if assigns else {}
        every = await guarded(self.case_service.centers.all)
        linked = await guarded(lambda: self.case_service.cases.load([*case.linked, *case.joined]))
        # Of a linked report at another centre nobody here learns more than that there is one.
        here = [one for one in linked.values() if own and one.center_id == case.center_id]
        decides = principal.may(Action.DECISIONS_READ, case.center_id) and bool(routing)
        return self.pages.render(
            request,
            "case.html",
            status=status,
            case=case,
            me=principal,
            may=principal.may,
            own=own,
            names=center_names(self.pages, request),
            who=self.case_service.people.name,
            colleagues=colleagues,
            empty={i for i, center in every.items() if center.nobody},
            receivers=[i for i, center in every.items() if _may_receive(case, i, center.state)],
            helpers=[i for i in every if i != case.center_id and i not in case.declined_centers],
            ways=ways(case),
            rules_known=principal.subject in case.rules_known_to,
            linked_here=sorted(here, key=lambda one: one.sort_key),
            linked_elsewhere=len(set(case.linked) - {one.report_id for one in here}),
            platforms=list(PlatformKind),
            next_of=NEXT_OF,
            supports=[kind for kind in SupportKind if kind is not SupportKind.DELETION],
            outcomes=list(Outcome),
            reasons=list(TransferReason),
            purposes=list(Purpose),
            decision_url=f"{routing}/decisions/{case.report_id}" if decides else "",
            problem=problem,
            tried={"typed": tried.values, "field": control},
            step=next_step(case, principal.subject) if own else None,
        )

    async def after(
        self,
        request: Request,
        principal: Principal,
        act: Awaitable[CommandResult | None],
        *,
        back: str = "",
        offer_id: str | None = None,
        tried: Tried = _NOTHING_TRIED,
    ) -> Response:
        """Where an act leads: back to the case (or ``back``), or to what became of it in words."""
        done = await guarded(lambda: act)
        if done is None:
            return self.absent(request, principal)
        if done.rejected is not None:
            return await self.refused(request, principal, done, offer_id, tried)
        await guarded(lambda: self._confirmed(done.case))
        return RedirectResponse(back or f"/cases/{done.case.report_id}", 303)

    async def refused(
        self,
        request: Request,
        principal: Principal,
        done: CommandResult,
        offer_id: str | None = None,
        tried: Tried = _NOTHING_TRIED,
    ) -> Response:
        """Why an act did not count: on the case's page for whoever may see it, alone for others."""
        problem = await refusal(self.pages, self.case_service.people, request, done, offer_id)
        words = self.pages.gettext(request)(str(problem.detail)) % problem.values
        if principal.may(Action.CASES_READ, concerned(done.case, principal.organisation)):
            control = tried.controls.get(done.rejected, "") if done.rejected is not None else ""
            return await self.story(request, principal, done.case, words, problem.status_code, tried, control)
        return self.pages.render(request, "said.html", status=problem.status_code, said=words)

    def absent(self, request: Request, principal: Principal) -> Response:
        """The page of a case that is not there: to who may read their own only, that of another organisation's."""
        problem = absent(principal)
        words = self.pages.gettext(request)(str(problem.detail))
        return self.pages.render(request, "said.html", status=problem.status_code, said=words)

    async def _confirmed(self, case: Case) -> None:
        """Wait a moment for routing to make true what was decided."""
        found: Case | None = case
        until = asyncio.get_running_loop().time() + _CONFIRMED_S
        while found is not None and found.awaiting is not None and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(_LOOK_S)
            found = await self.case_service.case(case.report_id)


def _may_receive(case: Case, center_id: str, state: CenterState) -> bool:
    fits = center_id not in (case.center_id, CENTRAL_DESK) and state is not CenterState.CLOSED
    return fits and center_id not in case.declined_centers


def story_router(parts: CasePages) -> APIRouter:
    """``/cases/{report_id}`` and what its owner does there."""
    router = APIRouter(prefix="/cases/{report_id}", include_in_schema=False)
    case_service, gate, audited = parts.case_service, parts.gate, parts.audited

    @router.get("")
    async def case(
        request: Request, report_id: ReportId, who: Annotated[Principal, Depends(gate(Action.CASES_READ))]
    ) -> Response:
        found = await readable(case_service, gate, request, who, report_id)
        if found.center_id != who.organisation:
            await guarded(lambda: audited(request, who)(Action.CASES_READ, report_id, None))
        return await parts.story(request, who, found)

    @router.post("/acknowledge")
    async def acknowledge(
        request: Request,
        report_id: ReportId,
        who: Annotated[Principal, Depends(gate(Action.CASES_ACKNOWLEDGE))],
        ownership: Ownership,
        back: Annotated[str, Form(pattern=r"^(list|case)$")] = "list",
    ) -> Response:
        act = case_service.acknowledge(who, report_id, ownership, audit=audited(request, who))
        return await parts.after(request, who, act, back="/" if back == "list" else "")

    @router.post("/assign")
    async def assign(
        request: Request,
        report_id: ReportId,
        who: Annotated[Principal, Depends(gate(Action.CASES_ASSIGN))],
        ownership: Ownership,
        assignee: Annotated[StaffRef | None, Form()] = None,
        over_cap: Annotated[bool, Form()] = False,  # a form's field
    ) -> Response:
        audit = audited(request, who)
        act = case_service.assign(who, report_id, ownership, assignee, over_cap=over_cap, audit=audit)
        about = {Rejected.SEVERE_CAP: "assignee", Rejected.UNKNOWN_COLLEAGUE: "assignee"} if assignee else {}
        return await parts.after(request, who, act, tried=Tried({"assignee": assignee or ""}, about))

    @router.post("/close")
    async def close(
        request: Request,
        report_id: ReportId,
        who: Annotated[Principal, Depends(gate(Action.CASES_CLOSE))],
        ownership: Ownership,
        outcome: Annotated[Outcome, Form()],
    ) -> Response:
        act = case_service.close(who, report_id, ownership, outcome, audit=audited(request, who))
        tried = Tried({"outcome": outcome.value}, {Rejected.UNREAD: "outcome"})
        return await parts.after(request, who, act, tried=tried)

    @router.post("/reopen")
    async def reopen(
        request: Request,
        report_id: ReportId,
        who: Annotated[Principal, Depends(gate(Action.CASES_REOPEN))],
        ownership: Ownership,
    ) -> Response:
        return await parts.after(
            request, who, case_service.reopen(who, report_id, ownership, audit=audited(request, who))
        )

    return router


def moving_router(parts: CasePages) -> APIRouter:
    """The forms of a transfer, and the way to the details."""
    router = APIRouter(prefix="/cases/{report_id}", include_in_schema=False)
    case_service, gate, audited = parts.case_service, parts.gate, parts.audited

    @router.post("/transfer")
    async def offer(
        request: Request,
        report_id: ReportId,
        who: Annotated[Principal, Depends(gate(Action.TRANSFERS_OFFER))],
        ownership: Ownership,
        to_center_id: Annotated[CenterId, Form()],
        reason: Annotated[TransferReason, Form()],
        agreed: Annotated[bool, Form()] = False,
    ) -> Response:
        to = checked_center(to_center_id)
        act = case_service.offer(who, report_id, ownership, to, reason, agreed=agreed, audit=audited(request, who))
        typed = {"to_center_id-transfer": to, "reason-transfer": reason.value}
        if agreed:
            typed["agreed-transfer"] = "true"
        about = dict.fromkeys(_ABOUT_THE_CENTER, "to_center_id-transfer") | {Rejected.NOT_AGREED: "agreed-transfer"}
        return await parts.after(request, who, act, tried=Tried(typed, about))

    @router.post("/transfer/accept")
    async def accept(
        request: Request,
        report_id: ReportId,
        who: Annotated[Principal, Depends(gate(Action.TRANSFERS_ANSWER))],
        offer_id: OfferId,
    ) -> Response:
        act = case_service.accept(who, report_id, offer_id, audit=audited(request, who))
        return await parts.after(request, who, act, offer_id=offer_id)

    @router.post("/transfer/decline")
    async def decline(
        request: Request,
        report_id: ReportId,
        who: Annotated[Principal, Depends(gate(Action.TRANSFERS_ANSWER))],
        offer_id: OfferId,
    ) -> Response:
        # A declined case is none of theirs any more: back to the list.
        act = case_service.decline(who, report_id, offer_id, audit=audited(request, who))
        return await parts.after(request, who, act, back="/", offer_id=offer_id)

    @router.post("/transfer/recall")
    async def recall(
        request: Request,
        report_id: ReportId,
        who: Annotated[Principal, Depends(gate(Action.TRANSFERS_OFFER))],
        offer_id: OfferId,
    ) -> Response:
        act = case_service.recall(who, report_id, offer_id, audit=audited(request, who))
        return await parts.after(request, who, act, offer_id=offer_id)

    @router.post("/details")
    async def details(
        request: Request,
        report_id: ReportId,
        who: Annotated[Principal, Depends(gate(Action.DETAILS_OPEN))],
        ownership: Ownership,
        purpose: Annotated[Purpose, Form()],
    ) -> Response:
        audit = audited(request, who)
        issued = await guarded(lambda: parts.tickets.issue(who, report_id, ownership, purpose, audit=audit))
        if issued is None:
            return parts.absent(request, who)
        if isinstance(issued, CommandResult):
            return await parts.refused(request, who, issued)
        found = there(await guarded(lambda: case_service.case(report_id)), who)
        page = parts.pages.render(
            request,
            "ticket.html",
            case=found,
            ticket=issued.ticket,
            expires_at=issued.expires_at,
            details_url=f"{parts.settings.public_urls['intake'].rstrip('/')}/details",
            purpose=purpose,
        )
        # Without this the form's Origin would be "null", and intake could not tell it from a foreign page's.
        page.headers["Referrer-Policy"] = "strict-origin"
        return page

    return router
