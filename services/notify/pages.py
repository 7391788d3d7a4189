"""The console: a work list that is live where scripts run and works where they do not."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from services.notify import lists
from services.notify.alarms import AlarmView
from services.notify.api import Audited, demand_agreement, demand_duty
from services.notify.desk import Desk
from services.notify.doors import checked_center, guarded, home_of
from services.notify.explaining import center_name
from services.notify.model import CENTRAL_DESK, Case, CaseState
from services.notify.settings import NotifySettings
from services.notify.store.centers import DeadStore
from shared import centers
from shared.events.base import CenterId
from shared.events.vocabulary import CenterState
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web import people
from shared.web.gate import Gate
from shared.web.pages import Pages


def center_names(pages: Pages, request: Request) -> dict[str, str]:
    """Every centre's short name in the reader's language."""
    language = pages.language(request)
    return {i: center_name(i, language) for i in (*centers.CENTER_IDS, CENTRAL_DESK)}


def row_html(pages: Pages, desk: Desk, request: Request, principal: Principal, case: Case, center_id: str) -> str:
    """One row of a work list, or of the offers above it. Names are as far as they were learnt."""
    return pages.fragment(
        request,
        "row.html",
        case=case,
        names=center_names(pages, request),
        view=center_id,
        who=desk.people.name,
        may=principal.may,
    )


def page_router(
    desk: Desk,
    dead: DeadStore,
    alarms: AlarmView,
    pages: Pages,
    settings: NotifySettings,
    gate: Gate,
    audited: Audited,
) -> APIRouter:
    """``/``, and the forms on it that are not about a case."""
    router = APIRouter(include_in_schema=False)

    async def console(request: Request, principal: Principal, center_id: str) -> Response:
        cases, more = await guarded(lambda: lists.whole(desk.cases, center_id))
        offers = await guarded(lambda: lists.offers(desk.cases, center_id))
        await guarded(lambda: desk.people.learn_rows([*offers, *cases]))
        wide = None if center_id == CENTRAL_DESK else center_id
        counts = await guarded(lambda: desk.cases.counts(wide))
        every = await guarded(desk.centers.all)
        sees_dead = principal.may(Action.DEAD_READ, CENTRAL_DESK)
        return pages.render(
            request,
            "console.html",
            center_id=center_id,
            alarms=await guarded(lambda: alarms.of(center_id)),
            center=every[center_id],
            names=center_names(pages, request),
            others=[i for i in (*centers.CENTER_IDS, CENTRAL_DESK) if principal.may(Action.CASES_LIST, i)],
            cases=cases,
            offers=offers,
            more=more,
            waiting=counts[CaseState.WAITING],
            acknowledged=counts[CaseState.ACKNOWLEDGED],
            held=sum(1 for case in cases if case.ladder is not None and case.ladder.held),
            nobody=sorted(i for i, c in every.items() if c.nobody and (center_id in (CENTRAL_DESK, i))),
            dead=await guarded(dead.unread) if sees_dead else [],
            view=center_id,
            who=desk.people.name,
            may=principal.may,
            states=[
                state
                for state in (CenterState.OPEN, CenterState.SHORT_STAFFED, CenterState.CLOSED)
                if state in (every[center_id].state, CenterState.OPEN, CenterState.SHORT_STAFFED)
                or principal.may(Action.CENTERS_CLOSE, center_id)
            ],
            mail_view_url=settings.mail_view_url,
        )

    @router.get("/")
    async def home(
        request: Request,
        principal: Annotated[Principal, Depends(gate(Action.OWN_ACCOUNT))],
        center: Annotated[str | None, Query(max_length=40)] = None,
    ) -> Response:
        if not principal.may(Action.CASES_LIST) and center is None:
            return RedirectResponse(people.home_of(principal, settings.public_urls), 303)
        chosen = checked_center(center) if center is not None else home_of(principal)
        gate.demand(request, principal, Action.CASES_LIST, chosen)
        return await console(request, principal, chosen)

    @router.post("/centers/{center_id}/duty")
    async def duty(
        request: Request,
        center_id: CenterId,
        principal: Annotated[Principal, Depends(gate(Action.CENTERS_DUTY))],
        state: Annotated[CenterState, Form()],
        staff_on_duty: Annotated[int, Form(ge=0, le=999)],
        cases_per_person: Annotated[int | None, Form(ge=1, le=999)] = None,
    ) -> Response:
        checked_center(center_id)
        demand_duty(gate, request, principal, center_id, state)
        demand_agreement(state, staff_on_duty)
        audit, said = audited(request, principal), (state, staff_on_duty, cases_per_person)
        await guarded(lambda: desk.set_duty(center_id, *said, audit=audit))
        return RedirectResponse(f"/?center={center_id}", 303)

    @router.post("/dead/read")
    async def read(
        request: Request,
        principal: Annotated[Principal, Depends(gate(Action.DEAD_READ))],
        origin: Annotated[str, Form(max_length=120)],
    ) -> Response:
        gate.demand(request, principal, Action.DEAD_READ, CENTRAL_DESK)
        if await guarded(lambda: dead.waits(origin)):
            # Only of a record that is there: what else stands in the form is anybody's text.
            await guarded(lambda: audited(request, principal)(Action.DEAD_READ, None, None, origin=origin))
            await guarded(lambda: dead.read(origin, pages.clock.now()))
        return RedirectResponse("/", 303)

    return router
