"""The retention table and the clocks that follow from it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.reports.lifecycle import NEW, Category, ErasureDecision, Lifecycle, Reason, Withdrawal
from services.intake.reports.models import Ownership, Progress, Work
from services.intake.retention import rules as retention_rules
from services.intake.retention import schedule
from services.intake.retention.schedule import RetentionStatus, ends, judge
from shared.clock import SEOUL
from shared.events.vocabulary import AgeBand, EndReason, HarmType, Role
from tests.unit.intake.retention.test_erasure import NOW, facts

CLOSED = Progress(
    ownership=Ownership(
        version=2, ownership=1, center_id="busan", assigned_at=NOW, ended=EndReason.CLOSED, ended_at=NOW
    ),
    work=Work(version=2, ownership=1, acknowledged_at=NOW, closed_at=NOW),
    first_seen_at=NOW,
)
WORKING = Progress(
    ownership=Ownership(version=1, ownership=1, center_id="busan", assigned_at=NOW),
    work=Work(version=1, ownership=1, acknowledged_at=NOW),
    first_seen_at=NOW,
)
YEARS = timedelta(days=365.25)


def test_the_table_names_its_sources() -> None:
    assert set(schedule.TABLE) == set(Category)
    for category, rule in schedule.TABLE.items():
        assert rule.category is category
        assert "2-6(4)" in rule.source
    assert {rule.years for rule in schedule.TABLE.values()} == {None, 10, 5, 0}


@pytest.mark.parametrize(
    ("harm", "age", "category"),
    [
        (HarmType.CHILD_MATERIAL, AgeBand.THIRTIES, Category.PERMANENT),
        (HarmType.DISTRIBUTION, AgeBand.FROM_14_TO_18, Category.PERMANENT),
        (HarmType.SYNTHESIS, AgeBand.UNDER_14, Category.PERMANENT),
        (HarmType.CYBER_HARASSMENT, AgeBand.UNDER_14, Category.FIVE_YEARS),
        (HarmType.DISTRIBUTION, AgeBand.FROM_19_TO_24, Category.FIVE_YEARS),
        (HarmType.OTHER, AgeBand.UNKNOWN, Category.FIVE_YEARS),
    ],
)
def test_which_line_a_report_falls_under(harm: HarmType, age: AgeBand, category: Category) -> None:
    assert schedule.category_of((HarmType.OTHER, harm), age) is category


@given(st.timedeltas(timedelta(), timedelta(days=80 * 365)))
def test_time_ends_with_a_day_in_korea_and_never_early(after: timedelta) -> None:
    started = datetime(2000, 1, 1, tzinfo=UTC) + after
    for category, years in ((Category.FIVE_YEARS, 5), (Category.TEN_YEARS, 10)):
        end = ends(category, started)
        assert end is not None
        local, begun = end.astimezone(SEOUL), started.astimezone(SEOUL)
        assert (local.hour, local.minute, local.second) == (0, 0, 0)
        assert end - started >= timedelta(days=365 * years)
        assert end - started <= timedelta(days=366 * years + 1)
        assert local.year in {begun.year + years, begun.year + years + 1}
    assert ends(Category.PERMANENT, started) is None


def test_the_29th_of_february_ends_a_day_later() -> None:
    end = ends(Category.FIVE_YEARS, datetime(2028, 2, 28, 3, tzinfo=UTC))
    assert end is not None
    assert end.astimezone(SEOUL).date().isoformat() == "2033-03-01"


def test_clocks_start_at_the_first_acknowledgement() -> None:
    later = CLOSED.model_copy(
        update={"work": CLOSED.work.model_copy(update={"acknowledged_at": NOW + 3 * YEARS}) if CLOSED.work else None}
    )
    assert judge(facts(), NOW - YEARS, NEW, later, NOW + 4.9 * YEARS).status is RetentionStatus.KEPT
    assert judge(facts(), NOW - YEARS, NEW, later, NOW + 5.01 * YEARS).status is RetentionStatus.DUE


def test_no_time_begins_before_the_report_was_there() -> None:
    """Centres acknowledge by notify's clock, which may once have been years behind."""
    received = NOW + 5 * YEARS
    assert judge(facts(), received, NEW, CLOSED, received + timedelta(days=40)).status is RetentionStatus.KEPT
    assert judge(facts(), received, NEW, CLOSED, received + 5.01 * YEARS).status is RetentionStatus.DUE


def test_what_is_still_worked_on_is_an_alarm() -> None:
    assert judge(facts(), NOW, NEW, WORKING, NOW + 5.01 * YEARS).status is RetentionStatus.UNFINISHED


@given(st.floats(0, 200))
def test_an_unread_report_is_never_due(years: float) -> None:
    unread = Progress(ownership=WORKING.ownership)
    for progress in (Progress(), unread):
        status = judge(facts(), NOW, NEW, progress, NOW + years * YEARS).status
        assert status in {RetentionStatus.KEPT, RetentionStatus.UNREAD}
        assert (status is RetentionStatus.UNREAD) == (years * YEARS >= 5 * YEARS - timedelta(days=30)) or abs(
            years - 5
        ) < 0.1


@given(st.floats(0, 500))
def test_what_is_kept_for_ever_is_never_due(years: float) -> None:
    child = facts(harm_types=(HarmType.CHILD_MATERIAL,))
    assert judge(child, NOW, NEW, CLOSED, NOW + years * YEARS).status is RetentionStatus.KEPT


def kept_by_a_lead(category: Category, *, at: datetime = NOW, keep_until: datetime | None = None) -> ErasureDecision:
    return ErasureDecision(
        at=at,
        by="s-1",
        organisation="busan",
        destroy=False,
        reason=Reason.INVESTIGATION,
        category=category,
        keep_until=keep_until,
    )


@pytest.mark.parametrize(("years", "status"), [(1.9, RetentionStatus.KEPT), (2.1, RetentionStatus.DUE)])
def test_a_withdrawn_report_is_kept_until_the_day_a_lead_named(years: float, status: RetentionStatus) -> None:
    kept = kept_by_a_lead(Category.TEN_YEARS, keep_until=NOW + 2 * YEARS)
    gone = Withdrawal(at=NOW, undo_until=NOW)
    life = Lifecycle(withdrawal=gone, decisions=(kept,))
    assert judge(facts(), NOW, life, CLOSED, NOW + years * YEARS).status is status
    for_ever = Lifecycle(withdrawal=gone, decisions=(kept.model_copy(update={"keep_until": None}),))
    assert judge(facts(), NOW, for_ever, CLOSED, NOW + 900 * YEARS).status is RetentionStatus.KEPT
    assert judge(facts(), NOW, Lifecycle(withdrawal=gone), CLOSED, NOW + 900 * YEARS).status is RetentionStatus.KEPT


def test_a_kept_report_outlives_second_thoughts_and_decisions_about_other_withdrawals() -> None:
    long_ago = NOW - 6 * YEARS
    kept = kept_by_a_lead(Category.FIVE_YEARS, keep_until=ends(Category.FIVE_YEARS, long_ago))
    undo_until = NOW + retention_rules.UNDO_FOR
    life = Lifecycle(withdrawal=Withdrawal(at=NOW, undo_until=undo_until), decisions=(kept,))
    assert judge(facts(), long_ago, life, CLOSED, undo_until - timedelta(seconds=1)).status is RetentionStatus.KEPT
    assert judge(facts(), long_ago, life, CLOSED, undo_until).status is RetentionStatus.DUE
    later = NOW + timedelta(hours=1)
    again = life.model_copy(update={"withdrawal": Withdrawal(at=later, undo_until=later), "decide_since": later})
    assert judge(facts(), long_ago, again, CLOSED, NOW + YEARS).status is RetentionStatus.KEPT


@pytest.mark.parametrize("apart", [timedelta(minutes=-5), timedelta(minutes=5)])
def test_which_withdrawal_was_decided_about_does_not_rest_on_two_clocks(apart: timedelta) -> None:
    """``apart``: how far ahead the clock of the process that takes decisions is of the one that takes withdrawals."""

    def withdrawn(life: Lifecycle, now: datetime) -> Lifecycle:
        tip = facts(role=Role.THIRD_PARTY)
        return retention_rules.withdrawn(life, tip, at_once=False, understood=False, receipt_alone=True, now=now)

    def kept(life: Lifecycle, now: datetime) -> Lifecycle:
        made = kept_by_a_lead(Category.FIVE_YEARS, at=now)
        return retention_rules.decided(life, made, category=Category.FIVE_YEARS, started=None, now=now)

    minute = timedelta(minutes=1)
    decided = kept(withdrawn(Lifecycle(), NOW), NOW + minute + apart)
    assert decided.standing_decision is not None
    again = withdrawn(retention_rules.undone(decided, NOW + 2 * minute), NOW + 3 * minute)
    assert again.standing_decision is None, "the lead has not seen this withdrawal"
    assert kept(again, NOW + 4 * minute + apart).standing_decision is not None


def test_an_amendment_does_not_shorten_how_long_a_report_is_kept() -> None:
    before, after = facts(harm_types=(HarmType.CHILD_MATERIAL,)), facts()
    life = retention_rules.amended(NEW, before, after)
    assert life.strictest is Category.PERMANENT
    assert schedule.category_in(after, life) is Category.PERMANENT
    again = retention_rules.amended(life, after, after)
    verdict = judge(after, NOW, Lifecycle.model_validate(again.model_dump()), CLOSED, NOW + 90 * YEARS)
    assert (verdict.status, verdict.category) == (RetentionStatus.KEPT, Category.PERMANENT)
    assert (
        judge(after, NOW, retention_rules.amended(NEW, after, after), CLOSED, NOW + 90 * YEARS).status
        is RetentionStatus.DUE
    )
    longer = retention_rules.amended(NEW, after, before)
    assert schedule.category_in(after, longer) is Category.PERMANENT


def test_a_drill_that_was_brought_back_lasts_anew() -> None:
    def over(life: Lifecycle, after: timedelta) -> bool:
        return schedule.drill_over(facts(synthetic=True), NOW, life, Progress(), NOW + after)

    last = schedule.DRILL_LASTS
    assert [over(NEW, last - timedelta(seconds=1)), over(NEW, last)] == [False, True]
    back = retention_rules.reinstated(retention_rules.drill_withdrawn(NEW, NOW + last), NOW + last + timedelta(days=1))
    assert not over(back, last + timedelta(days=2)), "the next day's job would withdraw it again"
    assert over(back, 2 * last + timedelta(days=1))
