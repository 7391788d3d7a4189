"""Decide whose attention a case needs, its next step, and which cases a list shows. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from services.notify.cases.models import CENTRAL_DESK, Case, CaseState, EscalationCause
from services.notify.escalation.rules import contacted
from shared.events.vocabulary import EndReason, HarmType, Urgency


def overdue(case: Case) -> bool:
    """Acknowledged, and since then nobody has reached the reporter until others had to be told."""
    climbed = (
        case.escalation is not None and case.escalation.cause is EscalationCause.CONTACT and case.escalation.step > 1
    )
    return climbed and case.state is CaseState.ACKNOWLEDGED and not contacted(case)


def is_open(case: Case) -> bool:
    """Return whether a case is on its centre's list: not ended, or with something left to read."""
    return case.sort_key < "3"


def on_list(case: Case, center_id: str) -> bool:
    """Return whether a case is on a console's list now. ``central`` sees unanswered and late ones, and its copies."""
    if center_id != CENTRAL_DESK:
        return case.center_id == center_id and is_open(case)
    own = case.center_id == CENTRAL_DESK or case.copy_central
    # By the key, as a page is loaded: a drill of a front end that is being tried out waits for nobody, unless alerts
    # of it climbed (``NOTIFY_ALERT_SANDBOX``).
    climbed = case.sandbox and case.escalation is not None and case.escalation.step > 1
    return (is_open(case) and (own or climbed)) or case.sort_key < "2" or overdue(case)


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """A search of a list; empty: all of it. Codes only, so that it may stand in an address."""

    state: str = ""
    """``waiting``, ``new``, ``working``, ``held`` or ``overdue``."""
    urgency: Urgency | None = None
    harm: HarmType | None = None
    mine: bool = False

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return self == CaseFilter()


STATES = ("waiting", "new", "working", "held", "overdue")


def states_of(case: Case) -> tuple[str, ...]:
    """Under which of ``STATES`` a case is found; a held one waits as well."""
    first = "waiting" if case.state is CaseState.WAITING else "new" if case.unread else "working"
    held = ("held",) if case.escalation is not None and case.escalation.held else ()
    return (first, *held, *(("overdue",) if overdue(case) else ()))


def wants(wanted: CaseFilter, case: Case, subject: str) -> bool:
    """Return whether a case matches the search."""
    return (
        (not wanted.state or wanted.state in states_of(case))
        and wanted.urgency in (None, case.urgency)
        and (wanted.harm is None or wanted.harm in case.harm_types)
        and (not wanted.mine or case.assignee == subject)
    )


class NextStep(StrEnum):
    """The next step; the page of a case shows it first, and as its only primary button."""

    ACKNOWLEDGE = "acknowledge"
    READ = "read"
    """Open the details for what reached the report since somebody last opened them."""
    OPEN = "open"
    """Open the details: they say how contact is safe."""
    CONTACT = "contact"
    WORK = "work"
    """Note support, or close the case."""


def next_step(case: Case, subject: str) -> NextStep | None:
    """Return the owning centre's next step; None if nothing can be done or nothing is left."""
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
