"""When a centre had people on duty, as its staff said: all that intake needs of `centers`. Pure."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from shared.events.centers import CenterChanged
from shared.events.vocabulary import CenterState

KEPT_FOR: Final = timedelta(days=8)
"""Longer than any promise that may still be open, a report that is moved on included."""


class DutyChange(NamedTuple):
    """From when on somebody was on duty, or nobody."""

    version: int
    at: datetime
    staffed: bool


Shifts = tuple[DutyChange, ...]
"""Of one centre, oldest first."""


def shifts_after(known: Shifts, event: CenterChanged) -> Shifts:
    """Apply an event; of each version the first record counts. Shifts long past are forgotten."""
    if known and event.center_version <= known[-1].version:
        return known
    staffed = event.staff_on_duty > 0 and event.state not in {CenterState.CLOSED, CenterState.UNSTAFFED}
    if known and known[-1].staffed == staffed:
        return (*known[:-1], known[-1]._replace(version=event.center_version))
    shifts = (*known, DutyChange(event.center_version, event.changed_at, staffed))
    oldest = event.changed_at - KEPT_FOR
    return tuple(
        one for one, after in zip(shifts, (*shifts[1:], None), strict=True) if after is None or after.at > oldest
    )


def first_on_duty(known: Shifts, moment: datetime) -> datetime | None:
    """The first time from ``moment`` on at which somebody is known to have been on duty; None if not yet."""
    staffed_then = False
    for shift in known:
        if shift.at > moment:
            break
        staffed_then = shift.staffed
    if staffed_then:
        return moment
    return next((shift.at for shift in known if shift.at > moment and shift.staffed), None)
