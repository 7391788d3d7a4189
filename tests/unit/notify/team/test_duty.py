"""State and number of people on duty agree, whoever says them, or are refused."""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.console.dependencies import demand_agreement
from services.notify.team.models import CenterDuty
from services.notify.team.repository import nominal
from services.notify.team.rules import agreed, set_duty
from services.notify.team.service import DutyChangedError, DutyService
from shared.clock import Clock
from shared.events.centers import CenterChanged
from shared.events.vocabulary import CenterState
from shared.web.app import Problem
from tests.unit.notify.memory_service import At, Offered
from tests.unit.notify.samples import NOW

OPEN, SHORT, CLOSED, UNSTAFFED = (
    CenterState.OPEN,
    CenterState.SHORT_STAFFED,
    CenterState.CLOSED,
    CenterState.UNSTAFFED,
)


def said(state: CenterState, staff: int, center: CenterDuty | None = None) -> tuple[CenterDuty, CenterChanged | None]:
    return set_duty(center or nominal("jeju"), state, staff, None, NOW)


@pytest.mark.parametrize(
    ("state", "staff", "becomes"),
    [
        (OPEN, 0, UNSTAFFED),
        (SHORT, 0, UNSTAFFED),
        (UNSTAFFED, 0, UNSTAFFED),
        (CLOSED, 0, CLOSED),
        (CLOSED, 2, CLOSED),
        (OPEN, 1, OPEN),
        (SHORT, 1, SHORT),
    ],
)
def test_nobody_on_duty_is_a_state_of_its_own(state: CenterState, staff: int, becomes: CenterState) -> None:
    after, event = said(state, staff)
    assert event is not None
    assert (after.state, event.state, event.staff_on_duty) == (becomes, becomes, staff)


def test_nobody_on_duty_with_people_on_duty_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="unstaffed with 1 on duty"):
        said(UNSTAFFED, 1)
    with pytest.raises(Problem) as refused:
        demand_agreement(UNSTAFFED, 1)
    assert (refused.value.status_code, refused.value.code) == (422, "people_on_duty")
    demand_agreement(UNSTAFFED, 0)
    demand_agreement(OPEN, 0)


def test_the_same_said_twice_is_one_event_also_where_the_state_followed_from_the_number() -> None:
    after, _ = said(OPEN, 0)
    assert said(OPEN, 0, after) == (after, None)
    assert said(UNSTAFFED, 0, after) == (after, None)
    back, event = said(OPEN, 2, after)
    assert event is not None
    assert (back.state, event.center_version) == (OPEN, 2)


def test_a_centre_that_said_open_and_nobody_before_this_state_existed_is_told_anew() -> None:
    old: Any = {"rev": 1, "center_version": 1, "staff_on_duty": 0}
    after, event = said(OPEN, 0, nominal("jeju").model_copy(update=old))
    assert event is not None
    assert (after.state, event.center_version) == (UNSTAFFED, 2)


@given(st.sampled_from(CenterState), st.integers(0, 999))
def test_what_is_published_never_contradicts_itself(state: CenterState, staff: int) -> None:
    fits = agreed(state, staff)
    assert fits is None or fits is CLOSED or (fits is UNSTAFFED) == (staff == 0)


class Centers:
    """One center in memory."""

    def __init__(self) -> None:
        self.kept = nominal("jeju")

    async def get(self, center_id: str) -> CenterDuty:
        assert center_id == self.kept.center_id
        return self.kept

    async def save(self, center: CenterDuty, was: int, events: tuple[object, ...], now: object) -> bool:
        del events, now
        assert was == self.kept.rev
        self.kept = center
        return True


async def test_a_page_from_before_a_centre_was_closed_does_not_open_it_again() -> None:
    centers = Centers()
    duty = DutyService(cast("Any", centers), cast("Any", Offered()), lambda: None, cast("Clock", At(NOW)))
    seen = centers.kept.center_version
    await duty.set_duty("jeju", CLOSED, 0, None, seen=seen)
    with pytest.raises(DutyChangedError):
        await duty.set_duty("jeju", OPEN, 2, None, seen=seen)
    assert centers.kept.state is CLOSED
    # The same form sent twice is no conflict, and the page of now may open the center.
    await duty.set_duty("jeju", CLOSED, 0, None, seen=seen)
    await duty.set_duty("jeju", OPEN, 2, None, seen=centers.kept.center_version)
    assert centers.kept.state is OPEN
