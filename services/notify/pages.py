"""The console: a work list that is live where scripts run and works where they do not, and the story of one case."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from services.notify import lists
from services.notify.api import checked_center, guarded, no_such_case, refused
from services.notify.decisions import Refusal
from services.notify.desk import Desk
from services.notify.model import CENTRAL_DESK, Case, CaseState
from services.notify.policy import LADDER
from services.notify.settings import NotifySettings
from services.notify.store.centers import DeadStore, known
from shared import centers
from shared.events.base import CenterId, ReportId, StaffRef
from shared.events.vocabulary import CenterState
from shared.web.pages import Pages
from shared.web.staff import Staff, StaffGate
from shared.web.translations import gettext_noop

_CHOICE: Final = "notify_center"
_LATE: Final = {urgency: times.escalate for urgency, times in LADDER.items()}


def center_names(pages: Pages, request: Request) -> dict[str, str]:
    """Every centre's short name in the reader's language."""
    korean = pages.language(request) == "ko"
    found = {i: centers.center(i) for i in (*centers.CENTER_IDS, CENTRAL_DESK)}
    return {i: center.short_ko if korean else center.short_en for i, center in found.items()}


def row_html(pages: Pages, request: Request, case: Case) -> str:
    """One row of the work list."""
    view = request.query_params.get("center") or request.cookies.get(_CHOICE, "")
    return pages.fragment(request, "row.html", case=case, names=center_names(pages, request), view=view, late=_LATE)


def page_router(desk: Desk, dead: DeadStore, pages: Pages, settings: NotifySettings, gate: StaffGate) -> APIRouter:
    """``/``, ``/cases/{report_id}`` and the forms on them."""
    router = APIRouter(include_in_schema=False)

    async def console(request: Request, center_id: str, problem: str = "", status: int = 200) -> Response:
        cases, more = await guarded(lambda: lists.whole(desk.cases, center_id))
        wide = None if center_id == CENTRAL_DESK else center_id
        counts = await guarded(lambda: desk.cases.counts(wide))
        every = await guarded(desk.centers.all)
        return pages.render(
            request,
            "console.html",
            status=status,
            center_id=center_id,
            center=every[center_id],
            names=center_names(pages, request),
            cases=cases,
            more=more,
            waiting=counts[CaseState.WAITING],
            acknowledged=counts[CaseState.ACKNOWLEDGED],
            held=sum(1 for case in cases if case.ladder is not None and case.ladder.held),
            nobody=sorted(i for i, c in every.items() if c.nobody and (center_id in (CENTRAL_DESK, i))),
            dead=await guarded(dead.unread),
            view=center_id,
            late=_LATE,
            problem=problem,
            states=list(CenterState),
            mail_view_url=settings.mail_view_url,
        )

    @router.get("/")
    async def home(
        request: Request,
        staff: Annotated[Staff, Depends(gate)],
        center: Annotated[str | None, Query(max_length=40)] = None,
    ) -> Response:
        del staff
        chosen = center or request.cookies.get(_CHOICE, CENTRAL_DESK)
        answer = await console(request, chosen if known(chosen) else CENTRAL_DESK)
        if center is not None and known(center):
            answer.set_cookie(_CHOICE, center, httponly=True, samesite="strict", secure=pages.secure(request))
        return answer

    @router.get("/cases/{report_id}")
    async def case(request: Request, report_id: ReportId, staff: Annotated[Staff, Depends(gate)]) -> Response:
        del staff
        found = await guarded(lambda: desk.case(report_id))
        if found is None:
            raise no_such_case()
        return _story(request, found)

    @router.post("/cases/{report_id}/acknowledge")
    async def acknowledge(
        request: Request,
        report_id: ReportId,
        staff: Annotated[Staff, Depends(gate)],
        center_id: Annotated[CenterId, Form()],
        back: Annotated[str, Form(pattern=r"^(list|case)$")] = "list",
    ) -> Response:
        done = await guarded(lambda: desk.acknowledge(report_id, center_id, _by(staff)))
        if done is None:
            raise no_such_case()
        found, why = done
        if why is not None:
            return _refused(request, found, why)
        view = request.cookies.get(_CHOICE, CENTRAL_DESK)
        where = f"/cases/{report_id}" if back == "case" else f"/?center={view if known(view) else CENTRAL_DESK}"
        return RedirectResponse(where, 303)

    @router.post("/centers/{center_id}/duty")
    async def duty(
        center_id: CenterId,
        staff: Annotated[Staff, Depends(gate)],
        state: Annotated[CenterState, Form()],
        staff_on_duty: Annotated[int, Form(ge=0, le=999)],
        cases_per_person: Annotated[int | None, Form(ge=1, le=999)] = None,
    ) -> Response:
        del staff
        checked_center(center_id)
        await guarded(lambda: desk.set_duty(center_id, state, staff_on_duty, cases_per_person))
        return RedirectResponse(f"/?center={center_id}", 303)

    @router.post("/dead/read")
    async def read(staff: Annotated[Staff, Depends(gate)], origin: Annotated[str, Form(max_length=120)]) -> Response:
        del staff
        await guarded(lambda: dead.read(origin, pages.clock.now()))
        return RedirectResponse(f"/?center={CENTRAL_DESK}", 303)

    def _story(request: Request, case: Case, problem: str = "", status: int = 200) -> Response:
        routing = settings.public_urls.get("routing", "").rstrip("/")
        return pages.render(
            request,
            "case.html",
            status=status,
            case=case,
            names=center_names(pages, request),
            decision_url=f"{routing}/decisions/{case.report_id}" if routing else "",
            late=_LATE,
            problem=problem,
        )

    def _refused(request: Request, case: Case, why: Refusal) -> Response:
        problem = refused(case, why)
        values = {**problem.values, "center": center_names(pages, request).get(case.center_id, case.center_id)}
        return _story(request, case, pages.gettext(request)(str(problem.detail)) % values, 409)

    return router


def _by(staff: Staff) -> StaffRef:
    return staff.subject


NOTICES: Final = (gettext_noop("Acknowledged."), gettext_noop("The connection is lost. The list may be out of date."))
"""Said by the page's script; kept here so that they are translated with the rest."""
