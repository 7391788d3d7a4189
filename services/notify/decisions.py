"""What may happen when staff acknowledge a case or say who is on duty. Pure; ``now`` is an argument."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.notify import policy
from services.notify.model import Case, CaseState, Center, Entry, EntryKind
from services.notify.projection import noted, sort_key
from shared.events.cases import CaseAcknowledged
from shared.events.centers import CenterChanged
from shared.events.vocabulary import CenterState


class Refusal(StrEnum):
    """Why an acknowledgement does not count."""

    OWNER_CHANGED = "owner_changed"
    ALREADY_ACKNOWLEDGED = "already_acknowledged"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Answer:
    """The case after an acknowledgement, and the event if the bus must know. The same case: nothing to do."""

    case: Case
    event: CaseAcknowledged | None


def acknowledge(case: Case, center_id: str, by: str, now: datetime) -> Answer | Refusal:
    """Take a case for a centre, or read what is new in one that was taken.

    The same person saying it again is told yes again. Somebody else is told who was faster.
    """
    if case.center_id != center_id:
        return Refusal.OWNER_CHANGED
    if case.state is CaseState.WAITING:
        return _taken(case, by, now)
    if case.unread:
        read = _changed(case, Entry(at=now, kind=EntryKind.READ, center_id=center_id, by=by), {"unread": False})
        return Answer(read, None)
    if case.state is CaseState.ENDED:
        return Refusal.ENDED
    return Answer(case, None) if case.acknowledged_by == by else Refusal.ALREADY_ACKNOWLEDGED


def _taken(case: Case, by: str, now: datetime) -> Answer:
    version = case.case_version + 1
    entry = Entry(at=now, kind=EntryKind.ACKNOWLEDGED, center_id=case.center_id, by=by)
    taken = {
        "state": CaseState.ACKNOWLEDGED,
        "unread": False,
        "acknowledged_at": now,
        "acknowledged_by": by,
        "case_version": version,
    }
    event = CaseAcknowledged(
        report_id=case.report_id,
        case_version=version,
        ownership=case.ownership,
        center_id=case.center_id,
        at=now,
        by=by,
    )
    return Answer(_changed(case, entry, taken), event)


def _changed(case: Case, entry: Entry, update: dict[str, object]) -> Case:
    after = policy.stop(noted(case.model_copy(update={**update, "rev": case.rev + 1}), entry))
    return after.model_copy(update={"sort_key": sort_key(after)})


def set_duty(
    center: Center, state: CenterState, staff_on_duty: int, cases_per_person: int | None, now: datetime
) -> tuple[Center, CenterChanged | None]:
    """The centre as its staff now say it is, and the event; none where that is known already."""
    carried = cases_per_person if cases_per_person is not None else center.cases_per_person
    said = {"state": state, "staff_on_duty": staff_on_duty, "cases_per_person": carried}
    if center.rev and said == center.model_dump(include=set(said)):
        return center, None
    version = center.center_version + 1
    after = center.model_copy(update={**said, "center_version": version, "rev": center.rev + 1, "changed_at": now})
    event = CenterChanged(
        center_id=center.center_id,
        center_version=version,
        state=state,
        staff_on_duty=staff_on_duty,
        cases_per_person=carried,
        changed_at=now,
    )
    return after, event
