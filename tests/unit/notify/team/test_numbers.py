"""A centre's own numbers: months of Korea's calendar, times, kinds of harm."""

from datetime import UTC, datetime, timedelta

from services.notify.team.models import Counted
from services.notify.team.rules import MONTHS, by_month, first_month, kinds
from shared.events.vocabulary import EndReason, HarmType

NOW = datetime(2027, 1, 31, 16, 0, tzinfo=UTC)
"""1 February, one o'clock in the morning in Seoul."""


def case(
    received_at: datetime,
    *harms: HarmType,
    answered_after: float | None = None,
    reached: bool = False,
    ended: EndReason | None = None,
) -> Counted:
    answered = received_at + timedelta(seconds=answered_after) if answered_after is not None else None
    return Counted(received_at, harms or (HarmType.OTHER,), answered, answered if reached else None, ended)


def test_the_months_are_those_of_korea_the_running_one_first_and_none_is_missing() -> None:
    assert first_month(NOW).astimezone(UTC) == datetime(2026, 2, 28, 15, 0, tzinfo=UTC)
    months = by_month([], NOW)
    assert [month.name for month in months] == ["2027-02", "2027-01", *(f"2026-{n:02}" for n in range(12, 2, -1))]
    assert len(months) == MONTHS
    assert {month.reports for month in months} == {0}
    assert months[0].half_answered_within is None


def test_a_report_is_in_the_month_of_its_korean_day_and_older_ones_in_none() -> None:
    late = datetime(2027, 1, 31, 15, 30, tzinfo=UTC)
    before = datetime(2027, 1, 31, 14, 59, tzinfo=UTC)
    old = first_month(NOW) - timedelta(seconds=1)
    found = {month.name: month.reports for month in by_month([case(late), case(before), case(old)], NOW)}
    assert (found["2027-02"], found["2027-01"], sum(found.values())) == (1, 1, 2)


def test_what_became_of_them_and_the_middle_of_the_times() -> None:
    cases = [
        case(NOW, answered_after=60, reached=True, ended=EndReason.CLOSED),
        case(NOW, answered_after=600),
        case(NOW, answered_after=-5),
        case(NOW, ended=EndReason.WITHDRAWN),
    ]
    month = by_month(cases, NOW)[0]
    assert (month.reports, month.answered, month.reached, month.closed, month.withdrawn) == (4, 3, 1, 1, 1)
    assert month.half_answered_within == 60
    assert min(month.waits) == 0, "clocks apart are no negative time"


def test_a_report_counts_once_in_each_of_its_kinds() -> None:
    cases = [case(NOW, HarmType.DISTRIBUTION, HarmType.SYNTHESIS), case(NOW, HarmType.SYNTHESIS)]
    assert kinds(by_month(cases, NOW)) == [(HarmType.SYNTHESIS, 2), (HarmType.DISTRIBUTION, 1)]
