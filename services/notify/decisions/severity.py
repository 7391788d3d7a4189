"""Which cases weigh so much that one person may have only so many of them at a time (staff wellbeing)."""

from collections.abc import Iterable
from typing import Final

from services.notify.model import Case, CaseState
from shared.events.vocabulary import HarmType, Urgency

PER_PERSON: Final = 4
"""As many as routing reckons with for each person on duty (its second rule)."""
_HARMS: Final = frozenset({HarmType.CHILD_MATERIAL, HarmType.ONLINE_GROOMING})


def is_severe(case: Case) -> bool:
    """Critical, or of a kind that is severe whatever its urgency. A drill weighs nothing."""
    return not case.synthetic and (case.urgency is Urgency.CRITICAL or bool(_HARMS.intersection(case.harm_types)))


def severe_of(cases: Iterable[Case], subject: str) -> int:
    """How many open severe cases somebody has."""
    return sum(is_severe(case) for case in cases if case.assignee == subject and case.state is not CaseState.ENDED)
