"""Linked cases under one contact person: only within a centre, and only as both reporters agreed."""

from datetime import datetime
from typing import Any

from services.notify.cases.models import Case, CaseState, EntryKind
from services.notify.cases.rules.common import Answer, Refusal, Who, carried, changed, line, not_workable
from shared.events.cases import CaseAssigned


def join(
    case: Case, other: Case | None, who: Who, ownership: int, person: str, *, agreed: bool, now: datetime
) -> Answer | Refusal:
    """Put a case beside a linked one: ``person`` looks after it as well.

    Whoever calls does the same with the other case; doing either again changes nothing.
    """
    why = not_workable(case, who, ownership) or _unjoinable(case, other, agreed=agreed)
    if why is not None or other is None:
        return why or Refusal.NOT_LINKED
    if other.report_id in case.joined and case.assignee == person:
        return Answer(case, None)
    entry = line(case, who, EntryKind.JOINED, now, other.alias).model_copy(update={"assignee": person})
    update: dict[str, Any] = {"joined": tuple(sorted({*case.joined, other.report_id})), "assignee": person}
    if case.assignee == person:
        return Answer(changed(case, entry, update), None)
    return carried(case, CaseAssigned, entry, update, now, {"assignee": person})


def part(case: Case, other_id: str, other_alias: str, who: Who, ownership: int, now: datetime) -> Answer | Refusal:
    """End it: a reporter thought again. Who has the case stays."""
    why = not_workable(case, who, ownership)
    if why is not None:
        return why
    if other_id not in case.joined:
        return Answer(case, None)
    left = tuple(one for one in case.joined if one != other_id)
    return Answer(changed(case, line(case, who, EntryKind.PARTED, now, other_alias), {"joined": left}), None)


def _unjoinable(case: Case, other: Case | None, *, agreed: bool) -> Refusal | None:
    if other is None or not (other.report_id in case.linked or case.report_id in other.linked):
        return Refusal.NOT_LINKED
    if other.center_id != case.center_id or other.state is not CaseState.ACKNOWLEDGED or other.awaiting is not None:
        return Refusal.OTHER_CENTER
    return None if agreed else Refusal.AGREEMENT_MISSING
