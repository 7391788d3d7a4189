"""Support that was given, as codes; and requests to delete, with how far each is."""

from datetime import datetime
from typing import Any

from services.notify.cases.casework import NEXT_OF, Deletion, DeletionState
from services.notify.cases.models import Case, EntryKind
from services.notify.cases.rules.common import Answer, Refusal, Who, carried, changed, line, not_workable
from shared.events.cases import CaseSupported
from shared.events.vocabulary import PlatformKind, SupportKind


def support(case: Case, who: Who, ownership: int, given: SupportKind, now: datetime) -> Answer | Refusal:
    """Note support that was given."""
    why = not_workable(case, who, ownership)
    return why if why is not None else _given(case, who, given, now, {})


def request_deletion(
    case: Case, who: Who, ownership: int, platform: PlatformKind, addresses: int, now: datetime
) -> Answer | Refusal:
    """Note that a platform was asked to delete; that is deletion support, and counted as such."""
    why = not_workable(case, who, ownership)
    if why is not None:
        return why
    made = Deletion(
        number=len(case.deletions) + 1, platform=platform, addresses=addresses, state=DeletionState.REQUESTED, at=now
    )
    return _given(case, who, SupportKind.DELETION, now, {"deletions": (*case.deletions, made)})


def move_deletion(
    case: Case, who: Who, ownership: int, number: int, state: DeletionState, now: datetime
) -> Answer | Refusal:
    """Note what became of a request. The same again is no news."""
    why = not_workable(case, who, ownership)
    if why is not None:
        return why
    known = next((one for one in case.deletions if one.number == number), None)
    if known is None:
        return Refusal.NO_SUCH_DELETION
    if known.state is state:
        return Answer(case, None)
    if state not in NEXT_OF[known.state]:
        return Refusal.WRONG_STEP
    moved = known.model_copy(update={"state": state, "at": now})
    after = tuple(moved if one.number == number else one for one in case.deletions)
    entry = line(case, who, EntryKind.DELETION, now, state).model_copy(update={"step": number})
    return Answer(changed(case, entry, {"deletions": after}), None)


def _given(case: Case, who: Who, given: SupportKind, now: datetime, update: dict[str, Any]) -> Answer:
    entry = line(case, who, EntryKind.SUPPORTED, now, given)
    return carried(case, CaseSupported, entry, update, now, {"support": given})
