from datetime import UTC, datetime, timedelta

import pytest

from services.intake.model.report import Progress, Standing, State
from services.intake.policy.promise import SEEN_WITHIN, expected_by
from shared.events.vocabulary import Urgency

AT = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
LATER = AT + timedelta(hours=5)


def standing(state: State, *, limited: bool | None = None) -> Standing:
    assigned_at = None if state is State.RECEIVED else LATER
    return Standing(state=state, since=AT, received_at=AT, assigned_at=assigned_at, limited=limited)


@pytest.mark.parametrize("urgency", list(Urgency))
@pytest.mark.parametrize("state", [State.RECEIVED, State.ASSIGNED])
def test_the_more_urgent_the_sooner_and_moving_it_on_moves_no_time(urgency: Urgency, state: State) -> None:
    assert expected_by(urgency, standing(state), Progress()) == AT + SEEN_WITHIN[urgency]
    assert list(SEEN_WITHIN.values()) == sorted(SEEN_WITHIN.values())
    assert list(SEEN_WITHIN) == [Urgency.CRITICAL, Urgency.HIGH, Urgency.NORMAL]


@pytest.mark.parametrize("state", [state for state in State if state not in {State.RECEIVED, State.ASSIGNED}])
def test_nothing_is_awaited_once_somebody_saw_it_or_it_is_over(state: State) -> None:
    assert expected_by(Urgency.CRITICAL, standing(state), Progress()) is None


def test_whoever_may_know_only_that_it_arrived_is_told_no_time() -> None:
    assert expected_by(Urgency.CRITICAL, standing(State.RECEIVED, limited=True), Progress()) is None


def test_a_centre_that_takes_it_over_after_it_was_seen_has_its_own_time() -> None:
    seen = Progress(first_seen_at=AT)
    assert expected_by(Urgency.HIGH, standing(State.ASSIGNED), seen) == LATER + SEEN_WITHIN[Urgency.HIGH]
