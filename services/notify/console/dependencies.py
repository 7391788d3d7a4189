"""What the console's JSON routes and its pages share: who may, the audit's line, who is on duty, refusals in words."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeVar

from fastapi import Path, Request
from pydantic import BaseModel

from services.notify.cases.commands import ReferRequest, TransferRequest
from services.notify.cases.models import CENTRAL_DESK, Case
from services.notify.cases.service import CaseService, CommandResult
from services.notify.console.problems import not_theirs, refused, unavailable
from services.notify.request_audit import RequestAudit
from services.notify.team.directory import StaffDirectory
from services.notify.team.models import CenterDuty
from services.notify.team.repository import known
from services.notify.team.rules import agreed, duty_action
from services.notify.team.service import DutyChangedError
from shared.audit.entries import by_staff, where_of
from shared.audit.model import AuditEntry, AuditOutcome
from shared.clock import Clock
from shared.errors import TransientError
from shared.events.vocabulary import CenterState
from shared.identity.principal import Principal
from shared.identity.roles import NOBODY, Action
from shared.web.app import Problem
from shared.web.authorization import Authorizer
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

T = TypeVar("T")

_DUTY_CHANGED: Final = gettext_noop(
    "Who is on duty has changed since this page was loaded. Load it again and see whether what you said is there."
)
Append = Callable[[AuditEntry], Awaitable[None]]


def audit_of_request(append: Append, request: Request, principal: Principal, clock: Clock) -> RequestAudit:
    """Writes the lines of one request. Raises ``TransientError`` where it cannot; then nothing may happen."""

    async def write(
        action: Action, report_id: str | None, why: str | None, purpose: str | None = None, **detail: str
    ) -> None:
        if why is not None and purpose is not None:
            detail["purpose"] = purpose
        outcome = AuditOutcome.DONE if why is None else AuditOutcome.REFUSED
        line = by_staff(
            where_of(request),
            principal,
            action.value,
            at=clock.now(),
            report_id=report_id,
            reason=why or purpose,
            outcome=outcome,
            **detail,
        )
        await append(line)

    return write


def problem_of(
    pages: Pages, staff: StaffDirectory, request: Request, done: CommandResult, offer_id: str | None = None
) -> Problem:
    """The problem of an act that did not count."""
    if done.rejected is None:
        raise RuntimeError("nothing was refused")
    language, now = pages.language(request), pages.clock.now()
    who: Principal = request.state.principal
    former = who.organisation != done.case.center_id and who.organisation in done.case.former
    return refused(done.case, done.rejected, language, staff.name, offer_id, former=former, now=now)


def no_such_case() -> Problem:
    """The 404 of a case."""
    return Problem(404, "no_such_case", gettext_noop("There is no such case, or it has not reached a centre yet."))


def absent(principal: Principal) -> Problem:
    """Return the problem of a missing case: 404 for principals who may read every case, "not yours" for others."""
    return no_such_case() if principal.may(Action.CASES_READ, NOBODY) else not_theirs()


def there(found: T | None, principal: Principal) -> T:
    """Return the case, or raise the problem of a missing one."""
    if found is None:
        raise absent(principal)
    return found


async def readable(
    case_service: CaseService, authorize: Authorizer, request: Request, principal: Principal, report_id: str
) -> Case:
    """The case, for who may read it. Raises 403 for another organisation's and, alike, for one that is not there."""
    found = await guarded(lambda: case_service.case(report_id))
    whose = concerned(found, principal.organisation) if found is not None else NOBODY
    authorize.require(request, principal, Action.CASES_READ, whose)
    return there(found, principal)


def checked_center(center_id: str) -> str:
    """The centre's id; a 404 problem where there is none."""
    if not known(center_id):
        raise Problem(404, "no_such_center", gettext_noop("There is no such centre."))
    return center_id


def concerned(case: Case, organisation: str) -> str:
    """Return the organisation a case is read as: the holder of an offer may read it as its own."""
    return organisation if case.offered_to == organisation else case.center_id


def home_of(principal: Principal) -> str:
    """The list somebody sees first: their centre's, or the central desk's."""
    return principal.organisation if known(principal.organisation) else CENTRAL_DESK


def no_number() -> None:
    """Most commands name nothing besides the case."""


def deletion_number(number: Annotated[int, Path(ge=1, le=999, examples=[1])]) -> int:
    """The request to delete that a path names."""
    return number


def check_center(body: BaseModel) -> None:
    """Raise the 404 of a command that names a center there is not."""
    if isinstance(body, TransferRequest | ReferRequest):
        checked_center(body.to_center_id)


def duty_action_of(principal: Principal, center: CenterDuty, state: CenterState) -> Action:
    """Return what somebody must be allowed to do who says this of a centre: who may close it may open it again."""
    undoes = center.state is CenterState.CLOSED and principal.may(Action.CENTERS_CLOSE, center.center_id)
    return Action.CENTERS_CLOSE if undoes else duty_action(state)


async def require_duty(
    authorize: Authorizer,
    request: Request,
    principal: Principal,
    service: CaseService,
    center_id: str,
    state: CenterState,
) -> None:
    """Raises Problem 403 unless they may say this of the centre."""
    center = await guarded(lambda: service.duty.get(center_id))
    authorize.require(request, principal, duty_action_of(principal, center, state), center_id)


def demand_agreement(state: CenterState, staff_on_duty: int) -> None:
    """Raises Problem 422 where state and number contradict each other: which of the two is meant, only they know."""
    if agreed(state, staff_on_duty) is None:
        raise Problem(
            422,
            "people_on_duty",
            gettext_noop(
                "“Nobody on duty” and a number of people on duty contradict each other. Say 0, or another state."
            ),
        )


async def set_duty(
    service: CaseService,
    center_id: str,
    state: CenterState,
    staff_on_duty: int,
    cases_per_person: int | None,
    seen: int | None,
    audit: RequestAudit,
) -> None:
    """Say who is on duty. Raises Problem 409 where somebody else has said so since the person looked."""
    said = (state, staff_on_duty, cases_per_person)
    try:
        await guarded(lambda: service.duty.set_duty(center_id, *said, seen=seen, audit=audit))
    except DutyChangedError:
        raise Problem(409, "duty_changed", _DUTY_CHANGED) from None


async def guarded(call: Callable[[], Awaitable[T]]) -> T:
    """The call's answer; a 503 problem while the store is away."""
    try:
        return await call()
    except TransientError:
        raise unavailable() from None
