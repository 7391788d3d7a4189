"""How much each person has, and what is open when a shift ends. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.notify.cases.attention import is_open
from services.notify.cases.casework import DeletionState
from services.notify.cases.models import Case, CaseState
from services.notify.cases.rules.severity import is_severe
from shared.severity import SEVERE_PER_PERSON


@dataclass(frozen=True, slots=True)
class Load:
    """What one person has open."""

    subject: str
    cases: int
    severe: int
    unread: int
    uncontacted: int

    @property
    def full(self) -> bool:
        """Whether another severe case needs a lead's word."""
        return self.severe >= SEVERE_PER_PERSON


def loads(cases: Iterable[Case], colleagues: Mapping[str, str]) -> list[Load]:
    """What everybody at a centre has, those without a case too; the fullest first. Drills are not counted."""
    open_cases = [case for case in cases if is_open(case) and not case.synthetic]
    people = {*colleagues, *(case.assignee for case in open_cases if case.assignee is not None)}
    found = [_load(subject, [case for case in open_cases if case.assignee == subject]) for subject in people]
    return sorted(found, key=lambda load: (-load.severe, -load.cases, colleagues.get(load.subject, load.subject)))


def to_hand_over(cases: Iterable[Case]) -> dict[str, list[Case]]:
    """What whoever comes next must know of, each case once, under the first heading that fits."""
    found: dict[str, list[Case]] = {"waiting": [], "new": [], "uncontacted": [], "offered": [], "deletion": []}
    for case in cases:
        heading = _heading(case)
        if heading is not None:
            found[heading].append(case)
    return found


def _load(subject: str, cases: list[Case]) -> Load:
    return Load(
        subject=subject,
        cases=len(cases),
        severe=sum(is_severe(case) for case in cases),
        unread=sum(case.unread for case in cases),
        uncontacted=sum(case.contacted_at is None for case in cases),
    )


def _heading(case: Case) -> str | None:
    if not is_open(case):
        return None
    if case.state is CaseState.WAITING:
        return "waiting"
    if case.unread:
        return "new"
    if case.contacted_at is None:
        return "uncontacted"
    if case.offered_to is not None:
        return "offered"
    open_requests = any(one.state is not DeletionState.REMOVED for one in case.deletions)
    return "deletion" if open_requests else None
