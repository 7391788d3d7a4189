"""The story of one case, and a form for everything that may be done with it. Works without script."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ValidationError

from services.notify.cases.attention import next_step
from services.notify.cases.commands import COMMANDS, Command, OfferRequest
from services.notify.cases.models import CENTRAL_DESK, NEXT_OF, Case, TransferReason
from services.notify.cases.rules import Rejected, under_one_person, ways
from services.notify.cases.service import CaseService, CommandResult
from services.notify.cases.tickets import Tickets
from services.notify.console.dependencies import (
    absent,
    check_center,
    concerned,
    deletion_number,
    guarded,
    no_number,
    problem_of,
    readable,
    there,
)
from services.notify.console.rows import center_names
from services.notify.escalation.rules import contacted
from services.notify.request_audit import RequestAuditFactory
from services.notify.settings import NotifySettings
from shared.events.base import ReportId
from shared.events.vocabulary import CenterState, Outcome, PlatformKind, SupportKind
from shared.identity.principal import Principal
from shared.identity.roles import NOBODY, Action
from shared.identity.tokens import Purpose
from shared.web.authorization import Authorizer
from shared.web.pages import Pages

_CONFIRMED_S: Final = 1.5
"""How long a page waits for routing, so that it shows what became of the act; it mostly takes a tenth of that."""
_LOOK_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Tried:
    """The values of a refused form, shown again with the message beside its field."""

    values: Mapping[str, str]
    """By the id of the control, as ``reason-transfer``."""
    controls: Mapping[Rejected, str] = field(default_factory=dict)
    """The control each refusal is about."""


_NOTHING_TRIED: Final = Tried({})

Ownership = Annotated[int, Form(ge=1)]


class CasePages:
    """Collaborators of the pages about a case."""

    def __init__(
        self,
        case_service: CaseService,
        pages: Pages,
        settings: NotifySettings,
        authorize: Authorizer,
        tickets: Tickets,
        audited: RequestAuditFactory,
    ) -> None:
        """``audited`` gives the audit of a request."""
        self.case_service = case_service
        self.pages = pages
        self.settings = settings
        self.authorize = authorize
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
        own = principal.organisation == case.center_id
        assigns = own and principal.may(Action.CASES_ASSIGN)
        colleagues = self.case_service.staff.colleagues(case.center_id) if assigns else {}
        every = await guarded(self.case_service.duty.all)
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
            names=center_names(self.pages.language(request)),
            who=self.case_service.staff.name,
            colleagues=colleagues,
            empty={i for i, center in every.items() if center.nobody},
            receivers=[i for i, center in every.items() if _may_receive(case, i, center.state)],
            helpers=[i for i in every if i != case.center_id and i not in case.declined_centers],
            ways=ways(case),
            rules_known=principal.subject in case.rules_known_to,
            linked_here=sorted(here, key=lambda one: one.sort_key),
            joined_here={one.report_id for one in here if under_one_person(case, one)},
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
            reached=contacted(case),
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
        """Redirect after a command: back to the case (or ``back``), or to its result in words."""
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
        """Render why a command was refused: on the case's page for those who may see it, alone for others."""
        problem = problem_of(self.pages, self.case_service.staff, request, done, offer_id)
        words = self.pages.gettext(request)(str(problem.detail)) % problem.values
        if principal.may(Action.CASES_READ, concerned(done.case, principal.organisation)):
            control = tried.controls.get(done.rejected, "") if done.rejected is not None else ""
            return await self.story(request, principal, done.case, words, problem.status_code, tried, control)
        missing = problem.status_code in {403, 404}  # they learn no more than of a case that is not there
        return self.pages.render(request, "said.html", status=problem.status_code, missing=missing, said=words)

    def absent(self, request: Request, principal: Principal) -> Response:
        """The page of a case that is not there: to who may read their own only, that of another organisation's."""
        problem = absent(principal)
        words = self.pages.gettext(request)(str(problem.detail))
        return self.pages.render(request, "said.html", status=problem.status_code, missing=True, said=words)

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
    case_service, authorize, audited = parts.case_service, parts.authorize, parts.audited

    @router.get("")
    async def case(
        request: Request, report_id: ReportId, who: Annotated[Principal, Depends(authorize(Action.CASES_READ))]
    ) -> Response:
        found = await readable(case_service, authorize, request, who, report_id)
        if found.center_id != who.organisation:
            await guarded(lambda: audited(request, who)(Action.CASES_READ, report_id, None))
        return await parts.story(request, who, found)

    for command in COMMANDS:
        router.add_api_route(command.path, _form(parts, command), methods=["POST"], name=command.name)
    return router


def details_router(parts: CasePages) -> APIRouter:
    """The way to the details."""
    router = APIRouter(prefix="/cases/{report_id}", include_in_schema=False)
    case_service, authorize, audited = parts.case_service, parts.authorize, parts.audited

    @router.get("/details")
    async def go_on(
        request: Request,
        report_id: ReportId,
        who: Annotated[Principal, Depends(authorize(Action.DETAILS_OPEN))],
        ownership: Annotated[int | None, Query(ge=1)] = None,
        purpose: Purpose | None = None,
    ) -> Response:
        """Let a person go on who was asked for a second factor first; who comes from signing in chooses again."""
        found = await guarded(lambda: case_service.case(report_id))
        authorize.require(request, who, Action.DETAILS_OPEN, found.center_id if found is not None else NOBODY)
        found = there(found, who)
        if ownership is None or purpose is None:
            return RedirectResponse(f"/cases/{report_id}", 303)
        return parts.pages.render(request, "details-go-on.html", case=found, ownership=ownership, purpose=purpose)

    @router.post("/details")
    async def details(
        request: Request,
        report_id: ReportId,
        who: Annotated[Principal, Depends(authorize(Action.DETAILS_OPEN))],
        ownership: Ownership,
        purpose: Annotated[Purpose, Form()],
    ) -> Response:
        back = urlencode({"ownership": ownership, "purpose": purpose.value})
        authorize.require_recent(request, who, f"/cases/{report_id}/details?{back}", urgent=True)
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


def _form(parts: CasePages, command: Command[Any]) -> Callable[..., Awaitable[Response]]:
    """The form route of a command. It works without script."""
    may = parts.authorize(command.action)
    read = _form_body(command.form or command.body)

    async def run(
        request: Request,
        report_id: ReportId,
        # First: who may not is refused before their form is read, and a form's refusal shows who is signed in.
        who: Annotated[Principal, Depends(may)],
        number: Annotated[int | None, Depends(deletion_number if command.numbered else no_number)],
        body: Annotated[BaseModel, Depends(read)],
        back: Annotated[str, Form(pattern=r"^(list|case)$")] = command.back,
    ) -> Response:
        check_center(body)
        audit = parts.audited(request, who)
        act = parts.case_service.run(who, report_id, command, body, number=number, audit=audit)
        offer_id = body.offer_id if isinstance(body, OfferRequest) else None
        to = f"/#case-{report_id}" if back == "list" else ""
        return await parts.after(request, who, act, back=to, offer_id=offer_id, tried=_tried(command, body))

    return run


def _form_body(model: type[BaseModel]) -> Callable[[Request], Awaitable[BaseModel]]:
    """Reads a form as the body of a command: an empty field is one that was not sent, and unknown ones do not count."""

    async def read(request: Request) -> BaseModel:
        sent = await request.form()
        given = {name: value for name in model.model_fields if (value := sent.get(name)) not in (None, "")}
        try:
            return model.model_validate(given)
        except ValidationError as error:
            raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()]) from None

    return read


def _tried(command: Command[Any], body: BaseModel) -> Tried:
    """Return the submitted values, by the ids of the form's controls."""
    sent = body.model_dump(mode="json", exclude={"ownership", "offer_id"}, exclude_none=True)
    at = {name: f"{name}{command.suffix}" for name in sent}
    values = {at[name]: "true" if value is True else str(value) for name, value in sent.items() if value}
    return Tried(values, {why: at[name] for why, name in command.controls.items() if name in at})
