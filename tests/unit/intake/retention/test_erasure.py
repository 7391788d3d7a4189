"""The steps of a report's life, one by one and in any order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.intake.reports.lifecycle import (
    NEW,
    Access,
    Category,
    ErasureCause,
    ErasureDecision,
    ErasureStatus,
    Lifecycle,
    Reason,
    Special,
)
from services.intake.reports.models import Progress, Work
from services.intake.reports.waiting_period import WAIT
from services.intake.retention import rules as retention_rules
from services.intake.retention import schedule
from services.intake.retention.rules import UNDO_FOR, RefusedError
from services.intake.retention.schedule import ANNOUNCED_FOR, RetentionStatus, RetentionVerdict
from shared.events.reports import ReportFacts
from shared.events.vocabulary import AgeBand, Channel, HarmType, Role, Urgency, UrgencyReason

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEPT = RetentionVerdict(RetentionStatus.KEPT, Category.FIVE_YEARS)
DUE = RetentionVerdict(RetentionStatus.DUE, Category.FIVE_YEARS)


def facts(**more: Any) -> ReportFacts:
    values: dict[str, Any] = {
        "role": Role.VICTIM,
        "harm_types": (HarmType.OTHER,),
        "urgency": Urgency.NORMAL,
        "urgency_reasons": (UrgencyReason.NONE_OF_THESE,),
        "division": "busan",
        "channel": Channel.WEB,
        "language": "ko",
        "triage_version": 1,
        **more,
    }
    return ReportFacts.model_validate(values)


def taken_back(
    life: Lifecycle = NEW, *, at_once: bool = False, receipt_alone: bool = False, now: datetime = NOW, **about: Any
) -> Lifecycle:
    return retention_rules.withdrawn(
        life, facts(**about), at_once=at_once, understood=at_once, receipt_alone=receipt_alone, now=now
    )


def decision(*, destroy: bool, reason: Reason, category: Category | None = None) -> ErasureDecision:
    return ErasureDecision(at=NOW, by="s-1", organisation="busan", destroy=destroy, reason=reason, category=category)


def decide(life: Lifecycle, made: ErasureDecision, now: datetime = NOW) -> Lifecycle:
    return retention_rules.decided(life, made, category=Category.FIVE_YEARS, started=None, now=now)


def test_a_withdrawal_is_planned_for_after_the_time_for_second_thoughts() -> None:
    life = taken_back()
    assert retention_rules.access_of(life) is Access.SEALED
    assert retention_rules.erasure_status_of(life) is ErasureStatus.PLANNED
    assert life.plan is not None
    assert (life.plan.cause, life.plan.at) == (ErasureCause.WITHDRAWN, NOW + UNDO_FOR)
    just_before = NOW + UNDO_FOR - timedelta(milliseconds=1)
    assert retention_rules.due_erasure(life, KEPT, just_before) is None
    assert retention_rules.due_erasure(life, KEPT, NOW + UNDO_FOR) is ErasureCause.WITHDRAWN
    assert taken_back(life, now=NOW + timedelta(hours=1)) == life


def test_what_is_undone_by_a_clock_that_is_behind_was_undone_after_it_was_withdrawn() -> None:
    life = taken_back()
    behind, over = NOW - timedelta(days=4), NOW + UNDO_FOR
    assert retention_rules.undone(life, behind).reinstated_at == NOW
    assert retention_rules.undone(life, NOW + timedelta(hours=1)).reinstated_at == NOW + timedelta(hours=1)
    assert retention_rules.reinstated(life, over, earliest=behind).reinstated_at == over, "it is over by one alone"
    for earliest in (None, over):
        with pytest.raises(RefusedError, match="too_late"):
            retention_rules.reinstated(life, over, earliest=earliest)


def test_where_clocks_are_apart_the_time_for_second_thoughts_begins_by_the_later_one() -> None:
    ahead = timedelta(days=4)
    for at_once, receipt_alone, undo_until in (
        (False, True, NOW + ahead + UNDO_FOR),
        (True, True, NOW + ahead + WAIT),
        (True, False, NOW),
    ):
        life = retention_rules.withdrawn(
            NEW,
            facts(),
            at_once=at_once,
            understood=True,
            receipt_alone=receipt_alone,
            now=NOW,
            latest=NOW + ahead,
        )
        assert life.withdrawal is not None
        assert (life.withdrawal.at, life.withdrawal.undo_until) == (NOW, undo_until)
        assert life.plan is not None
        assert life.plan.at == undo_until


@pytest.mark.parametrize("special", [{}, {"age_band": AgeBand.UNDER_14}])
def test_what_can_be_undone_for_too_long_is_undone_by_then_and_destroyed_then(special: dict[str, Any]) -> None:
    last, ahead = NOW + UNDO_FOR, NOW + timedelta(days=400)
    life = retention_rules.withdrawn(
        NEW, facts(**special), at_once=False, understood=False, receipt_alone=True, now=NOW, latest=ahead
    )
    if special:
        life = decide(life, decision(destroy=True, reason=Reason.REQUESTER_ASKS))
    sooner = retention_rules.undone_by(life, last)
    assert sooner.withdrawal is not None
    assert sooner.withdrawal.undo_until == last
    assert retention_rules.due_erasure(sooner, KEPT, last - timedelta(milliseconds=1)) is None
    assert retention_rules.due_erasure(sooner, KEPT, last) is not None
    assert retention_rules.undone_by(sooner, last) == sooner
    assert retention_rules.undone_by(NEW, last) == NEW


def test_at_once_is_at_once_also_when_it_comes_later() -> None:
    assert retention_rules.due_erasure(taken_back(at_once=True), KEPT, NOW) is ErasureCause.AT_ONCE
    later = NOW + timedelta(hours=5)
    life = taken_back(taken_back(), at_once=True, now=later)
    assert life.withdrawal is not None
    assert (life.withdrawal.at, life.withdrawal.undo_until) == (NOW, later)
    assert retention_rules.due_erasure(life, KEPT, later) is ErasureCause.AT_ONCE
    with pytest.raises(RefusedError, match="not_understood"):
        retention_rules.withdrawn(NEW, facts(), at_once=True, understood=False, receipt_alone=False, now=NOW)


def test_with_a_receipt_alone_at_once_is_a_day_later_and_undone_until_then() -> None:
    life = taken_back(at_once=True, receipt_alone=True)
    day_later = NOW + WAIT
    assert retention_rules.destroy_asked_at(life) == NOW
    assert retention_rules.due_erasure(life, KEPT, day_later - timedelta(milliseconds=1)) is None
    assert retention_rules.due_erasure(life, KEPT, day_later) is ErasureCause.AT_ONCE
    undone = retention_rules.reinstated(life, day_later - timedelta(milliseconds=1))
    assert (undone.withdrawal, undone.plan, retention_rules.destroy_asked_at(undone)) == (None, None, None)
    assert taken_back(life, at_once=True, receipt_alone=True, now=NOW + timedelta(hours=5)) == life


def test_asking_for_destruction_never_makes_it_later_than_it_was_planned() -> None:
    before = taken_back()
    late = NOW + UNDO_FOR - timedelta(hours=3)
    assert taken_back(before, at_once=True, receipt_alone=True, now=late) == before
    assert retention_rules.destroy_asked_at(before) is None
    sooner = taken_back(before, at_once=True, receipt_alone=True, now=NOW + timedelta(hours=1))
    assert sooner.withdrawal is not None
    assert (sooner.withdrawal.at, sooner.withdrawal.undo_until) == (NOW, NOW + timedelta(hours=1) + WAIT)


def test_a_lead_waits_for_that_day_as_well() -> None:
    waiting = taken_back(at_once=True, receipt_alone=True, age_band=AgeBand.UNDER_14)
    gone = decide(waiting, decision(destroy=True, reason=Reason.REQUESTER_ASKS))
    assert gone.plan is not None
    assert (gone.plan.at, retention_rules.destroy_asked_at(waiting)) == (NOW + WAIT, None)


@pytest.mark.parametrize(("receipt_alone", "wait"), [(True, WAIT), (False, timedelta())])
def test_a_leads_decision_to_destroy_stands_when_the_person_asks_for_it_sooner(
    *, receipt_alone: bool, wait: timedelta
) -> None:
    decided = decide(taken_back(age_band=AgeBand.UNDER_14), decision(destroy=True, reason=Reason.REQUESTER_ASKS))
    asked_at = NOW + timedelta(hours=1)
    sooner = taken_back(decided, at_once=True, receipt_alone=receipt_alone, now=asked_at, age_band=AgeBand.UNDER_14)
    assert sooner.plan is not None
    assert (sooner.plan.cause, sooner.plan.at) == (ErasureCause.DECIDED, asked_at + wait)
    just_before = asked_at + wait - timedelta(milliseconds=1)
    assert retention_rules.unplanned(sooner, just_before) == sooner, "nobody has to decide again"
    assert retention_rules.due_erasure(sooner, KEPT, asked_at + wait) is ErasureCause.DECIDED


@pytest.mark.parametrize(
    ("about", "special"),
    [
        ({"harm_types": (HarmType.OTHER, HarmType.CHILD_MATERIAL)}, Special.CHILD_MATERIAL),
        ({"age_band": AgeBand.UNDER_14}, Special.UNDER_14),
        ({"role": Role.REPRESENTATIVE}, Special.REPRESENTATIVE),
        ({"role": Role.THIRD_PARTY}, Special.THIRD_PARTY),
    ],
)
@pytest.mark.parametrize("at_once", [False, True])
def test_special_reports_never_die_by_themselves(about: dict[str, Any], special: Special, *, at_once: bool) -> None:
    life = taken_back(at_once=at_once, **about)
    assert life.special == (special,)
    assert (life.plan, life.decide_since) == (None, NOW)
    assert retention_rules.erasure_status_of(life) is ErasureStatus.DECISION
    assert retention_rules.access_of(life) is Access.SEALED
    assert retention_rules.due_erasure(life, KEPT, NOW + timedelta(days=40_000)) is None


def test_a_special_report_does_not_die_even_if_something_planned_it() -> None:
    plan = taken_back().plan
    assert plan is not None
    wrong = taken_back(age_band=AgeBand.UNDER_14).model_copy(update={"plan": plan})
    assert retention_rules.due_erasure(wrong, KEPT, plan.at) is None
    mended = retention_rules.unplanned(wrong, plan.at)
    assert (mended.plan, retention_rules.erasure_status_of(mended)) == (None, ErasureStatus.DECISION)


def test_other_ages_and_harms_are_not_special() -> None:
    assert retention_rules.specials(facts(age_band=AgeBand.FROM_14_TO_18, harm_types=(HarmType.DISTRIBUTION,))) == ()
    assert retention_rules.specials(facts(), (Special.UNDER_14,)) == (Special.UNDER_14,)


def test_a_lead_may_destroy_keep_and_think_again() -> None:
    waiting = taken_back(age_band=AgeBand.UNDER_14)
    gone = decide(waiting, decision(destroy=True, reason=Reason.REQUESTER_ASKS))
    assert gone.plan is not None
    assert (gone.plan.cause, gone.plan.at) == (ErasureCause.DECIDED, NOW + UNDO_FOR)
    assert retention_rules.due_erasure(gone, KEPT, NOW + UNDO_FOR) is ErasureCause.DECIDED
    made = decision(destroy=False, reason=Reason.INVESTIGATION, category=Category.TEN_YEARS)
    kept = decide(gone, made, now=NOW + timedelta(hours=1))
    assert (kept.plan, retention_rules.erasure_status_of(kept), len(kept.decisions)) == (None, ErasureStatus.KEPT, 2)
    assert kept.decisions[-1].keep_until is not None
    assert kept.decisions[-1].keep_until.year == 2036
    assert retention_rules.due_erasure(kept, KEPT, NOW + timedelta(days=4000)) is None
    again = decide(kept, decision(destroy=True, reason=Reason.VICTIM_AGREES), now=NOW + timedelta(days=9))
    assert retention_rules.due_erasure(again, KEPT, NOW + timedelta(days=9)) is ErasureCause.DECIDED


def test_who_decided_is_told_what_they_decided_while_it_stands() -> None:
    waiting = taken_back(age_band=AgeBand.UNDER_14)
    gone = decide(waiting, decision(destroy=True, reason=Reason.REQUESTER_ASKS))
    kept = decide(gone, decision(destroy=False, reason=Reason.INVESTIGATION, category=Category.TEN_YEARS))
    again = decide(kept, decision(destroy=False, reason=Reason.VICTIM_OBJECTS))
    undone = retention_rules.reinstated(gone, NOW)
    withdrawn_again = taken_back(again, now=NOW + timedelta(days=1))
    stone = retention_rules.tombstone(gone, NOW)
    lives = (NEW, waiting, gone, kept, again, undone, withdrawn_again, stone)
    said = [None, None, "destroy", "keep", "again", None, None, None]
    assert [retention_rules.last_decision_of(life, "s-1") for life in lives] == said
    assert {retention_rules.last_decision_of(life, "s-2") for life in lives} == {None}, "another lead did not decide"


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (decision(destroy=True, reason=Reason.INVESTIGATION), "wrong_reason"),
        (decision(destroy=False, reason=Reason.REQUESTER_ASKS, category=Category.FIVE_YEARS), "wrong_reason"),
        (decision(destroy=False, reason=Reason.INVESTIGATION, category=Category.AT_ONCE), "wrong_category"),
        (decision(destroy=False, reason=Reason.INVESTIGATION, category=Category.PERMANENT), "wrong_category"),
        (decision(destroy=False, reason=Reason.INVESTIGATION), "wrong_category"),
    ],
)
def test_decisions_that_do_not_fit(made: ErasureDecision, code: str) -> None:
    with pytest.raises(RefusedError, match=code):
        decide(taken_back(age_band=AgeBand.UNDER_14), made)
    with pytest.raises(RefusedError, match="no_open_decision"):
        decide(taken_back(), made)


def test_whoever_reports_for_others_is_told_little_until_the_person_confirms() -> None:
    about = facts(role=Role.REPRESENTATIVE)
    assert retention_rules.limited(NEW, Role.REPRESENTATIVE)
    assert not retention_rules.limited(NEW, Role.VICTIM)
    life = retention_rules.confirmed(NEW, about, "s-1", NOW)
    assert not retention_rules.limited(life, Role.REPRESENTATIVE)
    assert retention_rules.confirmed(life, about, "s-2", NOW + timedelta(1)) == life
    with pytest.raises(RefusedError, match="nothing_to_confirm"):
        retention_rules.confirmed(NEW, facts(), "s-1", NOW)
    with pytest.raises(RefusedError, match="withdrawn"):
        retention_rules.confirmed(taken_back(role=Role.REPRESENTATIVE), about, "s-1", NOW)


def test_only_what_was_announced_for_a_day_and_is_still_due_dies_of_age() -> None:
    life = retention_rules.announced(NEW, DUE, NOW)
    assert retention_rules.announced(life, DUE, NOW + timedelta(hours=1)) == life
    assert retention_rules.due_erasure(life, DUE, NOW + ANNOUNCED_FOR - timedelta(seconds=1)) is None
    assert retention_rules.due_erasure(life, DUE, NOW + ANNOUNCED_FOR) is ErasureCause.RETENTION
    assert retention_rules.due_erasure(life, KEPT, NOW + ANNOUNCED_FOR) is None
    assert retention_rules.due_erasure(NEW, DUE, NOW + ANNOUNCED_FOR) is None
    assert retention_rules.announced(life, KEPT, NOW).plan is None
    assert retention_rules.unplanned(life, NOW + ANNOUNCED_FOR).plan is None
    withdrawn = taken_back(life)
    assert withdrawn.plan is not None
    assert withdrawn.plan.cause is ErasureCause.WITHDRAWN


def test_a_tombstone_has_dates_and_nothing_else() -> None:
    life = decide(taken_back(age_band=AgeBand.UNDER_14), decision(destroy=True, reason=Reason.VICTIM_AGREES))
    stone = retention_rules.tombstone(life, NOW + UNDO_FOR)
    left = {name: value for name, value in stone.model_dump(exclude_none=True).items() if value}
    assert left == {"withdrawal": {"at": NOW, "undo_until": NOW}, "erased_at": NOW + UNDO_FOR}
    with pytest.raises(RefusedError, match="erased"):
        taken_back(stone)
    with pytest.raises(RefusedError, match="erased"):
        retention_rules.reinstated(stone, NOW)
    with pytest.raises(RefusedError, match="erased"):
        decide(stone, decision(destroy=True, reason=Reason.VICTIM_AGREES))
    with pytest.raises(RefusedError, match="erased"):
        retention_rules.confirmed(stone, facts(), "s-1", NOW)


@given(st.sampled_from(HarmType), st.sampled_from(AgeBand))
def test_every_report_has_a_line_and_its_choices(harm: HarmType, age: AgeBand) -> None:
    category = schedule.category_of((harm,), age)
    assert category in {Category.PERMANENT, Category.FIVE_YEARS}
    choices = schedule.choices_for(category)
    assert category in choices
    assert Category.AT_ONCE not in choices


class Lives(RuleBasedStateMachine):
    """Any order of withdrawing, undoing, deciding, announcing and time: what must never happen does not."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.life = NEW
        self.about = facts()
        self.asked_at: datetime | None = None

    @initialize(special=st.booleans())
    def begin(self, *, special: bool) -> None:
        self.about = facts(age_band=AgeBand.UNDER_14) if special else facts()

    @property
    def verdict(self) -> RetentionVerdict:
        seen = Progress(work=Work(version=1, ownership=1, acknowledged_at=NOW))
        return schedule.judge(self.about, NOW, self.life, seen, self.now)

    def alive(self) -> bool:
        return self.life.erased_at is None

    @rule(hours=st.floats(0.1, 200))
    def time_passes(self, hours: float) -> None:
        self.now += timedelta(hours=hours)

    @precondition(alive)
    @rule(at_once=st.booleans(), receipt_alone=st.booleans())
    def withdraw(self, *, at_once: bool, receipt_alone: bool) -> None:
        before = self.life
        self.life = retention_rules.withdrawn(
            self.life, self.about, at_once=at_once, understood=True, receipt_alone=receipt_alone, now=self.now
        )
        if before.withdrawal is None:
            self.asked_at = self.now

    @precondition(alive)
    @rule()
    def undo(self) -> None:
        before = self.life
        try:
            self.life = retention_rules.reinstated(self.life, self.now)
        except RefusedError:
            assert before.withdrawal is not None
            assert self.now >= before.withdrawal.undo_until
        else:
            assert self.life.plan is None or self.life.plan.cause is ErasureCause.RETENTION

    @precondition(alive)
    @rule(destroy=st.booleans())
    def a_lead_decides(self, *, destroy: bool) -> None:
        reason = Reason.VICTIM_AGREES if destroy else Reason.INVESTIGATION
        made = decision(destroy=destroy, reason=reason, category=None if destroy else Category.FIVE_YEARS)
        try:
            self.life = decide(self.life, made, self.now)
        except RefusedError:
            assert self.life.withdrawal is None or not self.life.special

    @precondition(alive)
    @rule()
    def the_daily_job(self) -> None:
        self.life = retention_rules.announced(self.life, self.verdict, self.now)

    @precondition(alive)
    @rule()
    def the_minute(self) -> None:
        cause = retention_rules.due_erasure(self.life, self.verdict, self.now)
        if cause is None:
            self.life = retention_rules.unplanned(self.life, self.now)
            return
        life = self.life
        if cause is not ErasureCause.RETENTION:
            assert life.withdrawal is not None
            assert life.withdrawal.undo_until <= self.now
            assert (cause is ErasureCause.DECIDED) == bool(life.special)
            if life.special:
                assert life.decisions[-1].destroy
        else:
            assert life.plan is not None
            assert life.plan.announced_at + ANNOUNCED_FOR <= self.now
            assert life.withdrawal is None or not life.decisions[-1].destroy
        self.life = retention_rules.tombstone(life, self.now)

    @invariant()
    def a_withdrawn_report_is_sealed_and_its_fate_is_known(self) -> None:
        life = self.life
        if life.erased_at is not None:
            assert retention_rules.access_of(life) is Access.ERASED
        elif life.withdrawal is not None:
            assert retention_rules.access_of(life) is Access.SEALED
            marks = [life.plan is not None, life.decide_since is not None]
            kept = bool(life.decisions) and not life.decisions[-1].destroy
            assert sum(marks) == 1 or (kept and sum(marks) == 0)
        else:
            assert retention_rules.access_of(life) is Access.OPEN
            assert life.decide_since is None


TestLives = Lives.TestCase
