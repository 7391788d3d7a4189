"""Who is on duty at a centre, as its staff say."""

from datetime import datetime

from services.notify.cases.models import Center
from shared.events.centers import CenterChanged
from shared.events.vocabulary import CenterState


def agreed(state: CenterState, staff_on_duty: int) -> CenterState | None:
    """What a centre is once both are said: nobody on duty is a state of its own. None where they contradict each other.

    A closed centre is closed however many people are in the house.
    """
    if state is CenterState.CLOSED:
        return state
    if staff_on_duty == 0:
        return CenterState.UNSTAFFED
    return None if state is CenterState.UNSTAFFED else state


def set_duty(
    center: Center, state: CenterState, staff_on_duty: int, cases_per_person: int | None, now: datetime
) -> tuple[Center, CenterChanged | None]:
    """The centre as its staff now say it is, and the event; none where that is known already.

    Raises ``ValueError`` where state and number contradict each other (``agreed``): whoever asks is told before.
    """
    fits = agreed(state, staff_on_duty)
    if fits is None:
        raise ValueError(f"{state} with {staff_on_duty} on duty")
    carried = cases_per_person if cases_per_person is not None else center.cases_per_person
    said = {"state": fits, "staff_on_duty": staff_on_duty, "cases_per_person": carried}
    if center.rev and said == center.model_dump(include=set(said)):
        return center, None
    version = center.center_version + 1
    after = center.model_copy(update={**said, "center_version": version, "rev": center.rev + 1, "changed_at": now})
    event = CenterChanged(
        center_id=center.center_id,
        center_version=version,
        state=fits,
        staff_on_duty=staff_on_duty,
        cases_per_person=carried,
        changed_at=now,
    )
    return after, event
