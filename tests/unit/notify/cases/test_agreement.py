"""Another centre is told of a case only with the person's agreement, given in the report or when asked."""

from services.notify.cases import rules as decisions
from services.notify.cases.models import Case, TransferReason
from services.notify.cases.rules import Accepted, Actor, Rejected
from services.notify.escalation.rules import Rules
from shared.events.cases import CaseTransferOffered
from tests.unit.notify.cases.test_projection import folded, taken
from tests.unit.notify.escalation.test_rules import STAFFED
from tests.unit.notify.samples import NOW, event

RECEIVER = STAFFED.model_copy(update={"center_id": "jeju"})


def case_of(*, other_centers: bool) -> Case:
    first = event("report.routed", center="busan")
    facts = first.facts.model_copy(update={"other_centers": other_centers})  # type: ignore[union-attr]  # the first has facts
    return taken(folded([first.model_copy(update={"facts": facts})]))


def offered(case: Case, *, agreed: bool) -> Accepted | Rejected:
    who = Actor("kim", case.center_id)
    return decisions.offer(case, who, case.ownership, RECEIVER, TransferReason.PLACE, Rules(), NOW, agreed=agreed)


def test_without_any_agreement_no_other_centre_is_told() -> None:
    assert offered(case_of(other_centers=False), agreed=False) is Rejected.NOT_AGREED


def test_what_was_agreed_in_the_report_or_said_when_asked_is_enough() -> None:
    for case, agreed in ((case_of(other_centers=True), False), (case_of(other_centers=False), True)):
        answer = offered(case, agreed=agreed)
        assert isinstance(answer, Accepted)
        assert isinstance(answer.event, CaseTransferOffered)
