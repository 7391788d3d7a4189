"""How many cases somebody has that weigh so much that one person may have only so many (staff wellbeing)."""

from collections.abc import Iterable

from services.notify.cases.models import Case, CaseState
from shared import severity


def is_severe(case: Case) -> bool:
    """Critical, or of a kind that is severe whatever its urgency. A drill weighs nothing."""
    return severity.is_severe(case.urgency, case.harm_types, synthetic=case.synthetic)


def severe_of(cases: Iterable[Case], subject: str) -> int:
    """How many open severe cases somebody has."""
    return sum(is_severe(case) for case in cases if case.assignee == subject and case.state is not CaseState.ENDED)
