"""The HTTP API: work lists, acknowledging, who is on duty."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeVar

from fastapi import APIRouter, Depends, Path, Query

from services.notify import lists
from services.notify.decisions import Refusal
from services.notify.desk import Desk
from services.notify.model import Case, CaseState
from services.notify.store.centers import known
from services.notify.views import (
    AcknowledgeRequest,
    CaseList,
    CaseRow,
    CenterView,
    DutyRequest,
    center_view,
    row_of,
)
from shared.errors import TransientError
from shared.events.base import CenterId, ReportId
from shared.web.app import FieldError, Problem
from shared.web.formats import exact
from shared.web.staff import StaffGate
from shared.web.translations import gettext_noop

T = TypeVar("T")

REFUSALS: Final = {
    Refusal.OWNER_CHANGED: gettext_noop("The case belongs to %(center)s since %(at)s. It can be acknowledged there."),
    Refusal.ALREADY_ACKNOWLEDGED: gettext_noop("%(by)s acknowledged the case at %(at)s."),
    Refusal.ENDED: gettext_noop("The case has ended; there is nothing to acknowledge."),
}


def refused(case: Case, why: Refusal) -> Problem:
    """The 409 that says why, since when and who was faster."""
    at = case.acknowledged_at if why is Refusal.ALREADY_ACKNOWLEDGED else case.decided_at
    values = {"center": case.center_id, "by": case.acknowledged_by, "at": exact(at or case.decided_at, "en")}
    return Problem(409, why.value, REFUSALS[why], values=values)


def no_such_case() -> Problem:
    """The 404 of a case."""
    return Problem(404, "no_such_case", gettext_noop("There is no such case, or it has not reached a centre yet."))


def checked_center(center_id: str) -> str:
    """The centre's id; a 404 problem where there is none."""
    if not known(center_id):
        raise Problem(404, "no_such_center", gettext_noop("There is no such centre."))
    return center_id


def case_router(desk: Desk, gate: StaffGate) -> APIRouter:
    """``/api/v1/cases`` and ``/api/v1/centers``; all of it for staff."""
    router = APIRouter(prefix="/api/v1", dependencies=[Depends(gate)])

    @router.get("/cases", tags=["cases"])
    async def cases(
        center: Annotated[CenterId | None, Query(description="A centre; `central`: unanswered ones of all.")] = None,
        state: Annotated[CaseState | None, Query(description="Without it: every open case.")] = None,
        cursor: Annotated[str | None, Query(max_length=100, description="`next` of the page before.")] = None,
        limit: Annotated[int, Query(ge=1, le=lists.PAGE)] = lists.PAGE,
    ) -> CaseList:
        """Cases in the order in which somebody should look at them: unanswered first, most urgent, longest waiting."""
        if cursor is not None and not lists.is_cursor(cursor):
            wrong = FieldError(field="cursor", reason="invalid", detail=gettext_noop("Not a cursor of this list."))
            raise Problem(
                422, "invalid", gettext_noop("Correct the fields named under “errors” and send again."), errors=[wrong]
            )
        if center is not None:
            checked_center(center)
        found, after = await guarded(lambda: lists.page(desk.cases, center, state, cursor, limit))
        return CaseList(cases=[row_of(case) for case in found], next=after)

    @router.get("/cases/{report_id}", tags=["cases"])
    async def case(report_id: Annotated[ReportId, Path()]) -> CaseRow:
        """One case."""
        found = await guarded(lambda: desk.case(report_id))
        if found is None:
            raise no_such_case()
        return row_of(found)

    @router.post("/cases/{report_id}/acknowledge", tags=["cases"])
    async def acknowledge(report_id: Annotated[ReportId, Path()], body: AcknowledgeRequest) -> CaseRow:
        """Take a case for its centre. Saying it again is fine; 409 says who was faster or where the case is now."""
        done = await guarded(lambda: desk.acknowledge(report_id, body.center_id, body.by))
        if done is None:
            raise no_such_case()
        found, why = done
        if why is not None:
            raise refused(found, why)
        return row_of(found)

    @router.get("/centers/{center_id}", tags=["centers"])
    async def center(center_id: Annotated[CenterId, Path()]) -> CenterView:
        """A centre: who is on duty, how many cases wait."""
        return await view(checked_center(center_id))

    @router.put("/centers/{center_id}/duty", tags=["centers"])
    async def duty(center_id: Annotated[CenterId, Path()], body: DutyRequest) -> CenterView:
        """Say who is on duty. The whole of it, every time; the same again changes nothing."""
        checked_center(center_id)
        await guarded(lambda: desk.set_duty(center_id, body.state, body.staff_on_duty, body.cases_per_person))
        return await view(center_id)

    async def view(center_id: str) -> CenterView:
        found = await guarded(lambda: desk.centers.get(center_id))
        return center_view(found, await guarded(lambda: desk.cases.counts(center_id)))

    return router


async def guarded(call: Callable[[], Awaitable[T]]) -> T:
    """The call's answer; a 503 problem while the store is away."""
    try:
        return await call()
    except TransientError:
        raise Problem(
            503, "unavailable", gettext_noop("The store does not answer. Please try again."), retry_after=2
        ) from None
