"""Who is on duty at a centre, as its staff say."""

from datetime import datetime

from services.notify.model import Center
from shared.events.centers import CenterChanged
from shared.events.vocabulary import CenterState


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
