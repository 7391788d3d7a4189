"""Problems that only notify answers with, shown at ``/problems``."""

from typing import Final

from services.notify.cases.rules import Rejected
from services.notify.console.problems import STATUS
from shared.web.problem_catalog import Again, DocumentedProblem
from shared.web.translations import gettext_noop as n

_REJECTED: Final[dict[Rejected, tuple[str, Again]]] = {
    Rejected.NOT_ALLOWED: (n("There is no such case at the organisation, or the role does not allow this."), Again.NO),
    Rejected.OWNER_CHANGED: (
        n("Another centre owns the case by now, or this one anew: “ownership” is an old one."),
        Again.FRESH,
    ),
    Rejected.ENDED: (n("The case is closed. A lead can reopen it."), Again.NO),
    Rejected.WITHDRAWN: (n("The reporter withdrew the report. All contact has stopped."), Again.NO),
    Rejected.NOT_ENDED: (n("The case is open."), Again.NO),
    Rejected.MOVING: (n("The case is moving to another centre. That takes a moment."), Again.FRESH),
    Rejected.CLOSING: (n("The case is being closed. That takes a moment."), Again.FRESH),
    Rejected.REOPENING: (n("The case is being reopened. That takes a moment."), Again.FRESH),
    Rejected.NOT_ACKNOWLEDGED: (n("Nobody has acknowledged the case yet."), Again.NO),
    Rejected.ALREADY_ACKNOWLEDGED: (n("Somebody else acknowledged the case before."), Again.NO),
    Rejected.UNREAD: (n("Something new reached the report: open the details before the case is closed."), Again.NO),
    Rejected.UNKNOWN_COLLEAGUE: (n("Only a counsellor or lead of the same centre can have the case."), Again.NO),
    Rejected.SAME_CENTER: (n("The case is at this centre already."), Again.NO),
    Rejected.CENTRAL_OWNS_LAST: (n("The central centre takes a case only while every centre is closed."), Again.NO),
    Rejected.CENTER_CLOSED: (n("That centre is closed now."), Again.NO),
    Rejected.CENTER_DECLINED: (n("The reporter does not want that centre."), Again.NO),
    Rejected.NOT_AGREED: (
        n("The person has not agreed that another centre is told. Ask first, then send “agreed”."),
        Again.NO,
    ),
    Rejected.OFFER_OPEN: (n("The case is offered to another centre. Recall that offer first."), Again.NO),
    Rejected.OFFER_OVER: (n("The offer is no longer open."), Again.NO),
    Rejected.WAY_NOT_AGREED: (n("The reporter did not agree to be reached that way."), Again.NO),
    Rejected.RULES_NOT_READ: (
        n("The details say how contact is safe, and were not opened since they changed."),
        Again.NO,
    ),
    Rejected.SEVERE_CAP: (n("This person has as many severe cases as one person may have."), Again.NO),
    Rejected.NO_SUCH_DELETION: (n("There is no such request to delete in this case."), Again.NO),
    Rejected.WRONG_STEP: (n("That cannot follow in this request to delete."), Again.FRESH),
    Rejected.NOT_LINKED: (n("These two cases are not linked."), Again.NO),
    Rejected.OTHER_CENTER: (n("The linked case is not at this centre, not acknowledged, or on its way."), Again.NO),
    Rejected.AGREEMENT_MISSING: (n("Both reporters have to agree before one person looks after both cases."), Again.NO),
}
PROBLEMS: Final = (
    *(DocumentedProblem(one.value, STATUS.get(one, 409), *_REJECTED[one]) for one in Rejected),
    DocumentedProblem(
        "no_such_case", 404, n("There is no such case, or it has not reached a centre yet."), Again.LATER
    ),
    DocumentedProblem("no_such_center", 404, n("There is no such centre.")),
    DocumentedProblem("duty_changed", 409, n("Somebody else said who is on duty since it was looked at."), Again.FRESH),
    DocumentedProblem("people_on_duty", 422, n("“Nobody on duty” and a number of people contradict each other.")),
    DocumentedProblem("too_many_streams", 429, n("One sign-in has as many live streams open as it may."), Again.AFTER),
    DocumentedProblem(
        "too_many_streams", 503, n("This process has as many live streams open as it takes."), Again.AFTER
    ),
)
ON_PAGES: Final = (
    DocumentedProblem("rota_changed", 409, n("Somebody else changed the rota since it was looked at."), Again.FRESH),
    DocumentedProblem("no_drill_credential", 409, n("Drills need a front end's credential, and none is set.")),
)
"""Of pages alone."""
