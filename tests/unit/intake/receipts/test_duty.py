"""When a centre had somebody on duty, from what its staff said."""

from datetime import UTC, datetime, timedelta

from services.intake.receipts import duty
from shared.events.centers import CenterChanged
from shared.events.vocabulary import CenterState

AT = datetime(2026, 11, 25, 0, 0, tzinfo=UTC)


def said(version: int, hours: float, staff: int, state: CenterState = CenterState.OPEN) -> CenterChanged:
    return CenterChanged(
        center_id="busan",
        center_version=version,
        state=CenterState.UNSTAFFED if staff == 0 and state is CenterState.OPEN else state,
        staff_on_duty=staff,
        cases_per_person=20,
        changed_at=AT + timedelta(hours=hours),
    )


def known(*events: CenterChanged) -> duty.Shifts:
    shifts: duty.Shifts = ()
    for event in events:
        shifts = duty.shifts_after(shifts, event)
    return shifts


def hour(shifts: duty.Shifts, hours: float) -> float | None:
    found = duty.first_on_duty(shifts, AT + timedelta(hours=hours))
    return None if found is None else (found - AT) / timedelta(hours=1)


def test_somebody_is_on_duty_at_once_or_from_the_next_shift_on() -> None:
    shifts = known(said(1, 0, 3), said(2, 9, 0), said(3, 24, 2))
    assert [hour(shifts, when) for when in (-1, 0, 8, 9, 12, 24, 100)] == [0, 0, 8, 24, 24, 24, 100]
    assert hour(known(said(1, 0, 3), said(2, 9, 0)), 10) is None
    assert hour((), 0) is None


def test_closed_is_closed_however_many_are_in_the_house() -> None:
    assert hour(known(said(1, 0, 3, CenterState.CLOSED)), 1) is None
    assert hour(known(said(1, 0, 1, CenterState.SHORT_STAFFED)), 1) == 1


def test_of_each_version_the_first_record_counts_and_more_staff_begin_no_new_shift() -> None:
    shifts = known(said(1, 0, 3), said(1, 5, 0), said(2, 6, 4))
    assert [(one.version, one.staffed) for one in shifts] == [(2, True)]
    assert hour(shifts, 2) == 2


def test_what_is_long_past_is_forgotten_but_not_what_still_holds() -> None:
    day = 24
    shifts = known(said(1, 0, 3), said(2, 1, 0), said(3, 20 * day, 1), said(4, 21 * day, 0))
    assert [one.version for one in shifts] == [2, 3, 4]
    assert hour(shifts, 15 * day) == 20 * day
