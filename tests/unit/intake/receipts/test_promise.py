from datetime import UTC, datetime, timedelta

import pytest

from services.intake.receipts.promise import (
    AT_THE_LATEST,
    ON_DUTY,
    DutyCoverage,
    PartOfDay,
    expected_by,
    outlook,
    part_of_day,
    promised,
)
from services.intake.reports.models import Progress, ReportStatus, State, Stay
from shared.events.vocabulary import Urgency

AT = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
LATER = AT + timedelta(hours=5)


def never(_: str, __: datetime) -> datetime | None:
    return None


def at_once(_: str, moment: datetime) -> datetime | None:
    return moment


def standing(state: State, **more: object) -> ReportStatus:
    assigned_at, center_id = (None, None) if state is State.RECEIVED else (AT, "busan")
    given = {"state": state, "since": AT, "received_at": AT, "assigned_at": assigned_at, "center_id": center_id, **more}
    return ReportStatus.model_validate(given)


def moved(**more: object) -> ReportStatus:
    """Seen at the first centre, and now at the second."""
    stays = (
        Stay(center_id="ulsan", assigned_at=AT, seen_at=AT),
        Stay.model_validate({"center_id": "busan", "assigned_at": LATER, **more}),
    )
    return standing(State.MOVED, seen_at=AT, moved_at=LATER, stays=stays)


@pytest.mark.parametrize("urgency", list(Urgency))
@pytest.mark.parametrize("state", [State.RECEIVED, State.ASSIGNED, State.MOVED])
def test_the_more_urgent_the_sooner_and_moving_it_on_moves_no_time(urgency: Urgency, state: State) -> None:
    assert expected_by(urgency, standing(state), Progress(), never) == AT + AT_THE_LATEST[urgency]
    for spans in (ON_DUTY, AT_THE_LATEST):
        assert list(spans.values()) == sorted(spans.values())
        assert list(spans) == [Urgency.CRITICAL, Urgency.HIGH, Urgency.NORMAL]
    assert ON_DUTY[urgency] <= AT_THE_LATEST[urgency]


def test_who_is_on_duty_brings_it_nearer_and_nothing_moves_it_away() -> None:
    assert expected_by(Urgency.HIGH, standing(State.ASSIGNED), Progress(), at_once) == AT + timedelta(hours=4)
    on_duty_at = AT + timedelta(hours=6)
    assert promised(Urgency.HIGH, AT, on_duty_at) == AT + timedelta(hours=10)
    assert promised(Urgency.HIGH, AT, AT + timedelta(hours=23)) == AT + timedelta(hours=24)
    assert promised(Urgency.CRITICAL, AT, AT) == promised(Urgency.CRITICAL, AT, None) == AT + timedelta(hours=1)


def test_while_nobody_saw_it_the_first_centres_promise_counts_and_the_present_ones_after() -> None:
    asked: list[tuple[str, datetime]] = []

    def noted(center_id: str, moment: datetime) -> datetime | None:
        asked.append((center_id, moment))
        return None

    first = Progress(first_center_id="ulsan")
    expected_by(Urgency.HIGH, standing(State.MOVED, moved_at=LATER), first, noted)
    expected_by(Urgency.HIGH, moved(), first, noted)
    expected_by(Urgency.HIGH, standing(State.ASSIGNED), Progress(), noted)
    expected_by(Urgency.HIGH, standing(State.RECEIVED), Progress(), noted)
    assert asked == [("ulsan", AT), ("busan", LATER), ("busan", AT)]


@pytest.mark.parametrize(
    "state", [state for state in State if state not in {State.RECEIVED, State.ASSIGNED, State.MOVED}]
)
def test_nothing_is_awaited_once_somebody_saw_it_or_it_is_over(state: State) -> None:
    assert expected_by(Urgency.CRITICAL, standing(state), Progress(), at_once) is None


def test_whoever_reported_for_others_is_told_the_time_until_somebody_saw_it() -> None:
    first = Progress(first_center_id="ulsan")
    waiting = standing(State.RECEIVED, limited=True)
    assert expected_by(Urgency.CRITICAL, waiting, first, at_once) == AT + ON_DUTY[Urgency.CRITICAL]
    assert expected_by(Urgency.CRITICAL, standing(State.SEEN, limited=True, seen_at=AT), first, at_once) is None


def test_a_centre_that_takes_it_over_after_it_was_seen_has_its_own_time_until_it_has_seen_it() -> None:
    assert expected_by(Urgency.HIGH, moved(), Progress(), never) == LATER + AT_THE_LATEST[Urgency.HIGH]
    assert expected_by(Urgency.HIGH, moved(seen_at=LATER), Progress(), never) is None


def test_before_anything_is_typed_only_what_every_centre_can_keep_is_promised() -> None:
    assert outlook([True] * 16, AT).by == {urgency: AT + span for urgency, span in ON_DUTY.items()}
    for staffed in ([True] * 15 + [False], [False] * 16, []):
        assert outlook(staffed, AT).by == {urgency: AT + span for urgency, span in AT_THE_LATEST.items()}
    found = [outlook(staffed, AT).duty for staffed in ([True], [True, False], [False], [])]
    assert found == [DutyCoverage.EVERYWHERE, DutyCoverage.SOMEWHERE, DutyCoverage.UNKNOWN, DutyCoverage.UNKNOWN]
    assert (outlook([], AT).clock, outlook([], AT).part) == ("12:00", PartOfDay.AFTERNOON)


def test_the_time_of_day_is_koreas() -> None:
    hours = {hour: part_of_day(datetime(2026, 11, 24, 15, tzinfo=UTC) + timedelta(hours=hour)) for hour in range(24)}
    assert [hour for hour in hours if hours[hour] is PartOfDay.NIGHT] == [0, 1, 2, 3, 4, 5, 22, 23]
    assert [hours[6], hours[11], hours[12], hours[17], hours[18], hours[21]] == [
        PartOfDay.MORNING,
        PartOfDay.MORNING,
        PartOfDay.AFTERNOON,
        PartOfDay.AFTERNOON,
        PartOfDay.EVENING,
        PartOfDay.EVENING,
    ]
