"""Dependencies of the console's routes: the principal, the audit's line, and refusals in the reader's language."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import Request

from services.notify.cases.models import CENTRAL_DESK, Case
from services.notify.cases.service import CaseService, CommandResult
from services.notify.console.problems import not_theirs, refused, unavailable
from services.notify.request_audit import RequestAudit
from services.notify.team.directory import StaffDirectory
from services.notify.team.repository import known
from shared.audit.entries import by_staff, where_of
from shared.audit.model import AuditEntry, AuditOutcome
from shared.clock import Clock
from shared.errors import TransientError
from shared.identity.principal import Principal
from shared.identity.roles import NOBODY, Action
from shared.web.app import Problem
from shared.web.authorization import Authorizer
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

T = TypeVar("T")

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
    return refused(done.case, done.rejected, pages.language(request), staff.name, offer_id)


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


async def guarded(call: Callable[[], Awaitable[T]]) -> T:
    """The call's answer; a 503 problem while the store is away."""
    try:
        return await call()
    except TransientError:
        raise unavailable() from None
