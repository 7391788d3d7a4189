"""The one thing a case asks of its centre now. Pure."""

from enum import StrEnum

from services.notify.cases.models import Case, CaseState
from services.notify.escalation.rules import contacted
from shared.events.vocabulary import EndReason


class NextStep(StrEnum):
    """What to do next; the page of a case shows it first, and as its only primary button."""

    ACKNOWLEDGE = "acknowledge"
    READ = "read"
    """Open the details for what reached the report since somebody last opened them."""
    OPEN = "open"
    """Open the details: they say how contact is safe."""
    CONTACT = "contact"
    WORK = "work"
    """Note support, or close the case."""


def next_step(case: Case, subject: str) -> NextStep | None:
    """What somebody of the owning centre does next; None where nothing can be done or nothing is left."""
    if case.awaiting is not None or case.ended is EndReason.WITHDRAWN:
        return None
    if case.state is CaseState.WAITING:
        return NextStep.ACKNOWLEDGE
    if case.unread:
        return NextStep.READ
    if case.state is CaseState.ENDED:
        return None
    if contacted(case):
        return NextStep.WORK
    return NextStep.CONTACT if subject in case.rules_known_to else NextStep.OPEN
