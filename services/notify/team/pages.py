"""The page of a centre's team: who is on duty now and by the rota, what each person has, and handing over."""

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from services.notify.cases.models import CENTRAL_DESK, Case, CaseState
from services.notify.cases.service import CaseService
from services.notify.console import lists
from services.notify.console.dependencies import checked_center, guarded
from services.notify.console.lists import CaseCounts, count_cases
from services.notify.console.rows import center_names
from services.notify.request_audit import RequestAuditFactory
from services.notify.team import rules
from services.notify.team.models import Rota, Shift
from services.notify.team.repository import RotaStore
from services.notify.team.rules import holiday, loads, to_hand_over
from shared import centers
from shared.clock import seoul_date
from shared.events.base import CenterId, StaffRef
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.severity import SEVERE_PER_PERSON
from shared.web.app import Problem
from shared.web.authorization import Authorizer
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

DAYS: Final = 7
_CHANGED: Final = gettext_noop(
    "The rota has changed since this page was loaded. Load it again and see whether your change is there."
)
_NOT_A_SHIFT: Final = gettext_noop("Choose a colleague, at least one day, and times. Nothing was changed.")


class TeamPages:
    """Collaborators of the pages of a team."""

    def __init__(
        self,
        case_service: CaseService,
        rota_store: RotaStore,
        pages: Pages,
        authorize: Authorizer,
        audited: RequestAuditFactory,
    ) -> None:
        """``audited`` gives the audit of a request."""
        self.case_service = case_service
        self.rotas = rota_store
        self.pages = pages
        self.authorize = authorize
        self.audited = audited

    async def open_cases(self, center_id: str) -> tuple[list[Case], bool]:
        """A centre's open cases in the order of need, and whether there are more.

        However many wait in a surge, they leave out none that somebody has: numbers and lists of people rest on those.
        """
        most = lists.SHOWN
        waiting, taken = [
            await self._first(center_id, state, most + 1) for state in (CaseState.WAITING, CaseState.ACKNOWLEDGED)
        ]
        return [*waiting[:most], *taken[:most]], max(len(waiting), len(taken)) > most

    async def _first(self, center_id: str, state: CaseState, limit: int) -> list[Case]:
        return await guarded(lambda: self.case_service.cases.page(center_id, lists.BOUNDS[state], limit))

    async def overview(self, request: Request, principal: Principal, center_id: str) -> Response:
        """The page of a team."""
        now = self.pages.clock.now()
        language = self.pages.language(request)
        rota = await guarded(lambda: self.rotas.get(center_id))
        colleagues = self.case_service.staff.colleagues(center_id)
        cases, more = await self.open_cases(center_id)
        waiting = await guarded(lambda: self.case_service.cases.waiting(center_id))
        found = loads(cases, colleagues)
        today = seoul_date(now)
        week = [today + timedelta(days=ahead) for ahead in range(DAYS)]
        every = await guarded(self.case_service.duty.all)
        across = principal.organisation == CENTRAL_DESK and center_id == CENTRAL_DESK
        return self.pages.render(
            request,
            "team/team.html",
            center_id=center_id,
            center=every[center_id],
            names=center_names(self.pages.language(request)),
            now_on=rules.on_duty(rota, now, holiday),
            next_on=rules.next_up(rota, now, holiday),
            week=[(day, holiday(day, language), rules.turns(rota, day, holiday)) for day in week],
            rota=rota,
            colleagues=colleagues,
            loads=found,
            unassigned=waiting + sum(_left(case) for case in cases),
            more=more,
            most=lists.SHOWN,
            cap=SEVERE_PER_PERSON,
            who=self.case_service.staff.name,
            may=principal.may,
            across=await self._across() if across else {},
            every=every,
        )

    async def _across(self) -> dict[str, CaseCounts]:
        return {i: await guarded(lambda i=i: count_cases(self.case_service.cases, i)) for i in centers.CENTER_IDS}  # type: ignore[misc]  # mypy cannot see through a default argument

    async def hand_over(self, request: Request, principal: Principal, center_id: str) -> Response:
        """The page for the end of a shift."""
        now = self.pages.clock.now()
        rota = await guarded(lambda: self.rotas.get(center_id))
        cases, more = await self.open_cases(center_id)
        return self.pages.render(
            request,
            "team/hand-over.html",
            center_id=center_id,
            names=center_names(self.pages.language(request)),
            now_on=rules.on_duty(rota, now, holiday),
            next_on=rules.next_up(rota, now, holiday),
            rota=rota,
            found=to_hand_over(cases),
            more=more,
            most=lists.SHOWN,
            who=self.case_service.staff.name,
            may=principal.may,
        )

    async def numbers(self, request: Request, center_id: str) -> Response:
        """The page of a centre's own counts."""
        now = self.pages.clock.now()
        since = rules.first_month(now)
        months = rules.by_month(await guarded(lambda: self.case_service.cases.counted(center_id, since, now)), now)
        return self.pages.render(
            request,
            "team/numbers.html",
            center_id=center_id,
            names=center_names(self.pages.language(request)),
            months=months,
            kinds=rules.kinds(months),
        )

    async def change(self, request: Request, principal: Principal, before: Rota, after: Rota, said: str) -> Response:
        """Write a rota, or say that it has changed meanwhile."""
        center_id = before.center_id
        audit = self.audited(request, principal)
        await guarded(lambda: audit(Action.CENTERS_ROTA, None, None, of=center_id, said=said))
        if not await guarded(lambda: self.rotas.save(after, before.rev)):
            raise Problem(409, "rota_changed", _CHANGED)
        return RedirectResponse(f"/team/{center_id}", 303)


def _left(case: Case) -> bool:
    """Return whether nobody has a case that was acknowledged; those that wait are counted by themselves."""
    return case.assignee is None and case.state is not CaseState.WAITING and not case.synthetic


def team_router(parts: TeamPages) -> APIRouter:
    """``/team/{center_id}``."""
    router = APIRouter(prefix="/team/{center_id}", include_in_schema=False)
    authorize = parts.authorize

    @router.get("")
    async def team(
        request: Request, center_id: CenterId, who: Annotated[Principal, Depends(authorize(Action.CENTERS_TEAM))]
    ) -> Response:
        authorize.require(request, who, Action.CENTERS_TEAM, checked_center(center_id))
        return await parts.overview(request, who, center_id)

    @router.get("/hand-over")
    async def hand_over(
        request: Request, center_id: CenterId, who: Annotated[Principal, Depends(authorize(Action.CENTERS_TEAM))]
    ) -> Response:
        authorize.require(request, who, Action.CENTERS_TEAM, checked_center(center_id))
        return await parts.hand_over(request, who, center_id)

    @router.get("/numbers")
    async def own_numbers(
        request: Request, center_id: CenterId, who: Annotated[Principal, Depends(authorize(Action.CENTERS_TEAM))]
    ) -> Response:
        authorize.require(request, who, Action.CENTERS_TEAM, checked_center(center_id))
        return await parts.numbers(request, center_id)

    @router.post("/shifts")
    async def add(
        request: Request,
        center_id: CenterId,
        who: Annotated[Principal, Depends(authorize(Action.CENTERS_ROTA))],
        rev: Annotated[int, Form(ge=0)],
        subject: Annotated[StaffRef, Form()],
        start: Annotated[str, Form(max_length=5)],
        end: Annotated[str, Form(max_length=5)],
        day: Annotated[list[int] | None, Form(max_length=7)] = None,
        holidays: Annotated[bool, Form()] = False,
    ) -> Response:
        authorize.require(request, who, Action.CENTERS_ROTA, checked_center(center_id))
        before = await _as_seen(parts, center_id, rev)
        colleagues = parts.case_service.staff.colleagues(center_id)
        if subject not in colleagues:
            raise Problem(422, "invalid", _NOT_A_SHIFT)
        days = tuple(sorted({one for one in day or () if 0 <= one < DAYS}))
        try:
            after = rules.added(before, Shift(subject=subject, days=days, holidays=holidays, start=start, end=end))
        except (ValueError, ValidationError):
            raise Problem(422, "invalid", _NOT_A_SHIFT) from None
        return await parts.change(request, who, before, after, "added")

    @router.post("/shifts/{index}/remove")
    async def remove(
        request: Request,
        center_id: CenterId,
        index: int,
        who: Annotated[Principal, Depends(authorize(Action.CENTERS_ROTA))],
        rev: Annotated[int, Form(ge=0)],
    ) -> Response:
        authorize.require(request, who, Action.CENTERS_ROTA, checked_center(center_id))
        before = await _as_seen(parts, center_id, rev)
        try:
            after = rules.removed(before, index)
        except IndexError:
            raise Problem(409, "rota_changed", _CHANGED) from None
        return await parts.change(request, who, before, after, "removed")

    return router


async def _as_seen(parts: TeamPages, center_id: str, rev: int) -> Rota:
    before = await guarded(lambda: parts.rotas.get(center_id))
    if before.rev != rev:
        raise Problem(409, "rota_changed", _CHANGED)
    return before
