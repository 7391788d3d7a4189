"""Who may have a ticket to a report's details. The ticket itself is made and signed elsewhere."""

from services.notify.cases.models import Case
from services.notify.cases.rules.common import Refusal, Who, not_owned
from shared.events.vocabulary import EndReason


def may_open(case: Case, who: Who, ownership: int) -> Refusal | None:
    """Why somebody may not open the details of a case as they saw it; None where they may.

    Their role is asked for elsewhere. A closed case stays readable for its owner, a withdrawn one for nobody.
    """
    why = not_owned(case, who, ownership)
    if why is not None:
        return why
    return Refusal.WITHDRAWN if case.ended is EndReason.WITHDRAWN else None
