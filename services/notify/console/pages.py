"""The console: a work list that is live where scripts run and works where they do not."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from services.notify.cases.attention import STATES, CaseFilter, states_of, wants
from services.notify.cases.models import CENTRAL_DESK
from services.notify.cases.service import CaseService
from services.notify.console import lists
from services.notify.console.banners import Banners
from services.notify.console.dependencies import (
    checked_center,
    concerned,
    demand_agreement,
    duty_action_of,
    guarded,
    home_of,
    require_duty,
    set_duty,
)
from services.notify.console.lists import count_cases, wanted_of
from services.notify.console.rows import center_names
from services.notify.dead_letters.repository import DeadLetterStore
from services.notify.request_audit import RequestAuditFactory
from services.notify.settings import NotifySettings
from shared import centers
from shared.events.base import LARGEST, CenterId
from shared.events.vocabulary import CenterState, HarmType, Urgency
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web import navigation
from shared.web.authorization import Authorizer
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

_RECEIPT_DIGITS: Final = 12
_RECEIPT_HERE: Final = gettext_noop("That looks like a receipt number. It has a field of its own; nothing was kept.")
_NO_SUCH_ALIAS: Final = gettext_noop("There is no case of that name that you may read.")


def page_router(
    case_service: CaseService,
    dead: DeadLetterStore,
    banners: Banners,
    pages: Pages,
    settings: NotifySettings,
    authorize: Authorizer,
    audited: RequestAuditFactory,
) -> APIRouter:
    """``/``, and the forms on it that are not about a case."""
    router = APIRouter(include_in_schema=False)

    async def console(request: Request, principal: Principal, center_id: str, wanted: CaseFilter) -> Response:
        cases, more = await guarded(lambda: lists.whole(case_service.cases, center_id))
        offers = await guarded(lambda: lists.offers(case_service.cases, center_id))
        every = await guarded(case_service.duty.all)
        page = pages.render(
            request,
            "console.html",
            center_id=center_id,
            **await guarded(lambda: banners.of(principal, center_id)),
            center=every[center_id],
            names=center_names(pages.language(request)),
            others=[i for i in (*centers.CENTER_IDS, CENTRAL_DESK) if principal.may(Action.CASES_LIST, i)],
            cases=cases,
            groups=lists.by_center(cases),
            shown={case.report_id for case in cases if wants(wanted, case, principal.subject)},
            wanted=wanted,
            states=STATES,
            urgencies=list(Urgency),
            harms=list(HarmType),
            offers=offers,
            more=more,
            counts=await guarded(lambda: count_cases(case_service.cases, center_id)),
            view=center_id,
            me=principal.subject,
            who=case_service.staff.name,
            may=principal.may,
            states_of=states_of,
            duty_states=[
                state
                for state in (CenterState.OPEN, CenterState.SHORT_STAFFED, CenterState.CLOSED)
                if principal.may(duty_action_of(principal, every[center_id], state), center_id)
            ],
            may_repeat=principal.may(duty_action_of(principal, every[center_id], every[center_id].state), center_id),
            intake_url=settings.public_urls.get("intake", "").rstrip("/"),
            mail_view_url=settings.mail_view_url,
        )
        # The form with a receipt goes to intake, which must see that it came from one of our own pages.
        page.headers["Referrer-Policy"] = "strict-origin"
        return page

    @router.get("/")
    async def home(
        request: Request,
        principal: Annotated[Principal, Depends(authorize(Action.OWN_ACCOUNT))],
        center: Annotated[str | None, Query(max_length=40)] = None,
        state: Annotated[str, Query(max_length=20)] = "",
        urgency: Annotated[str, Query(max_length=20)] = "",
        harm: Annotated[str, Query(max_length=40)] = "",
        mine: Annotated[str, Query(max_length=3)] = "",
    ) -> Response:
        if not principal.may(Action.CASES_LIST) and center is None:
            return RedirectResponse(navigation.home_of(principal, settings.public_urls), 303)
        chosen = checked_center(center) if center is not None else home_of(principal)
        authorize.require(request, principal, Action.CASES_LIST, chosen)
        return await console(request, principal, chosen, wanted_of(state, urgency, harm, mine))

    @router.post("/search")
    async def search(
        request: Request,
        principal: Annotated[Principal, Depends(authorize(Action.CASES_LIST))],
        alias: Annotated[str, Form(max_length=40)] = "",
    ) -> Response:
        # Posted, so that whatever somebody types by mistake stands in no address and no log.
        found = await guarded(lambda: case_service.cases.by_alias(alias.strip()))
        if found is not None and principal.may(Action.CASES_READ, concerned(found, principal.organisation)):
            return RedirectResponse(f"/cases/{found.report_id}", 303)
        receipt = sum(c.isdigit() for c in alias) >= _RECEIPT_DIGITS
        said = _RECEIPT_HERE if receipt else _NO_SUCH_ALIAS
        return pages.render(request, "said.html", status=404, missing=True, said=pages.gettext(request)(said))

    @router.post("/centers/{center_id}/duty")
    async def duty(
        request: Request,
        center_id: CenterId,
        principal: Annotated[Principal, Depends(authorize(Action.CENTERS_DUTY))],
        state: Annotated[CenterState, Form()],
        staff_on_duty: Annotated[int, Form(ge=0, le=999)],
        cases_per_person: Annotated[int | None, Form(ge=1, le=999)] = None,
        center_version: Annotated[int | None, Form(ge=0)] = None,
    ) -> Response:
        checked_center(center_id)
        await require_duty(authorize, request, principal, case_service, center_id, state)
        demand_agreement(state, staff_on_duty)
        audit, said = audited(request, principal), (state, staff_on_duty, cases_per_person)
        await set_duty(case_service, center_id, *said, center_version, audit)
        return RedirectResponse(f"/?center={center_id}#duty-title", 303)

    @router.post("/dead/read")
    async def read(
        request: Request,
        principal: Annotated[Principal, Depends(authorize(Action.DEAD_READ))],
        origin: Annotated[str, Form(max_length=120)],
        letter: Annotated[int, Form(ge=-1, le=LARGEST)],
    ) -> Response:
        authorize.require(request, principal, Action.DEAD_READ, CENTRAL_DESK)
        if await guarded(lambda: dead.waits(origin, letter)):
            # Only of a record that is there: what else stands in the form is anybody's text.
            await guarded(lambda: audited(request, principal)(Action.DEAD_READ, None, None, origin=origin))
            await guarded(lambda: dead.read(origin, letter, pages.clock.now()))
        return RedirectResponse("/", 303)

    return router
