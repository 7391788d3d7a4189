"""A word that is first set with the receipt alone, and what is told of it: without store, bus or HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from services.intake.receipts import amendments
from services.intake.receipts import views as receipt_views
from services.intake.receipts import words as receipt_words
from services.intake.receipts.models import Amendment
from services.intake.receipts.status import status_answer
from services.intake.receipts.updates import _still_theirs
from services.intake.reports import waiting_period
from services.intake.reports.lifecycle import NEW, Lifecycle, Special
from services.intake.reports.models import LimitedBecause, StatusAnswer
from services.intake.reports.waiting_period import WAIT
from services.intake.retention import rules as retention_rules
from services.intake.retention.rules import RefusedError
from services.intake.submissions.facts import NotAdmittedError, facts_of
from services.intake.submissions.models import Submission
from services.intake.submissions.urgency import triage
from shared.centers import CENTER_IDS
from shared.events.reports import ReportFacts
from shared.events.vocabulary import Role, Urgency
from tests.unit.intake.retention.test_erasure import NOW, facts, taken_back

JUST_BEFORE = NOW + WAIT - timedelta(milliseconds=1)
TAKEN_OVER = Lifecycle(special=(Special.REPRESENTATIVE,), handed_over_at=NOW)
SET_LATER = waiting_period.with_word({}, "one", NOW)


def answer(life: Lifecycle = NEW, now: datetime = NOW, role: Role = Role.VICTIM, **more: Any) -> StatusAnswer:
    document = {
        "received_at": NOW,
        "facts": facts(role=role).model_dump(mode="json"),
        "life": life.model_dump(),
        **more,
    }
    return status_answer(document, now, lambda _, moment: moment)


def test_a_first_word_counts_a_day_after_it_was_set_and_not_before() -> None:
    assert waiting_period.word_in_force(SET_LATER, JUST_BEFORE) is None
    assert waiting_period.word_in_force(SET_LATER, NOW + WAIT) == "one"
    waiting = waiting_period.waiting_word(SET_LATER, JUST_BEFORE)
    assert waiting is not None
    assert (waiting.asked_at, waiting.counts_from) == (NOW, NOW + WAIT)
    assert waiting_period.waiting_word(SET_LATER, NOW + WAIT) is None


def test_a_word_set_with_the_report_is_replaced_at_once() -> None:
    assert waiting_period.with_word({"word": "old"}, "new", NOW) == {"word": "new"}
    assert waiting_period.word_in_force({"word": "old", **SET_LATER}, NOW + WAIT) == "old"
    assert waiting_period.may_act_at_once({"word": "old"})


def test_a_word_set_later_is_replaced_at_once_and_stays_one_that_a_found_receipt_could_set() -> None:
    replaced = waiting_period.with_word(SET_LATER, "two", NOW + WAIT)
    assert waiting_period.word_in_force(replaced, NOW + WAIT) == "two"
    assert not waiting_period.may_act_at_once(replaced)


def test_a_word_that_comes_into_force_meanwhile_stops_who_was_let_in_without_it() -> None:
    stored = {"receipt_hash": "r", **SET_LATER}
    _still_theirs(stored, {"receipt_hash": "r"}, JUST_BEFORE)
    with pytest.raises(RefusedError, match="word_changed"):
        _still_theirs(stored, {"receipt_hash": "r"}, NOW + WAIT)
    _still_theirs(stored, stored, NOW + WAIT)


def test_the_status_tells_of_a_word_until_it_counts() -> None:
    assert answer(now=JUST_BEFORE, **SET_LATER).word_from == NOW + WAIT
    assert answer(now=NOW + WAIT, **SET_LATER).word_from is None
    assert answer(word_later=None).word_from is None


def test_the_status_tells_of_a_destruction_that_waits() -> None:
    gone = answer(taken_back(at_once=True, receipt_alone=True))
    assert (gone.destroy_asked_at, gone.erase_at, gone.undo_until) == (NOW, NOW + WAIT, NOW + WAIT)
    assert receipt_words.done("destroy", gone) == receipt_words.DESTROY_LATER
    assert answer(taken_back()).destroy_asked_at is None


def test_the_status_tells_when_contact_was_changed_by_the_present_holder() -> None:
    later = NOW + timedelta(hours=1)
    made = [
        {"number": 1, "at": later, "version": 2, "contact": True},
        {"number": 2, "at": later + timedelta(hours=1), "version": 3},
    ]
    assert answer(amendments=made).contact_changed_at == later
    assert answer(amendments=made[1:]).contact_changed_at is None
    handed = NEW.model_copy(update={"handed_over_at": later})
    assert answer(handed, amendments=made).contact_changed_at is None


@pytest.mark.parametrize(
    ("life", "role", "because"),
    [
        (NEW, Role.REPRESENTATIVE, LimitedBecause.NOT_CONFIRMED),
        (NEW, Role.THIRD_PARTY, LimitedBecause.TIP),
        (TAKEN_OVER, Role.VICTIM, LimitedBecause.TAKEN_OVER),
        (NEW, Role.VICTIM, None),
    ],
)
def test_whoever_is_shown_less_is_told_why(life: Lifecycle, role: Role, because: LimitedBecause | None) -> None:
    assert answer(life, role=role).limited_because is because


def test_a_tip_awaits_no_confirmation_in_any_sentence() -> None:
    tip = answer(role=Role.THIRD_PARTY)
    assert tip.expected_by is not None
    assert "Nobody has to confirm" in receipt_views.LIMITED[LimitedBecause.TIP]
    assert set(receipt_views.LIMITED) == set(LimitedBecause)


def test_the_newest_answer_is_told_by_its_time() -> None:
    replies = [{"number": n, "at": NOW + timedelta(hours=n), "by": "s-1"} for n in (1, 2)]
    assert answer(replies=replies).answered_at == NOW + timedelta(hours=2)
    assert answer(taken_back(), replies=replies).answered_at is None
    assert answer().answered_at is None


def test_contact_left_empty_takes_the_place_of_the_number_before() -> None:
    nothing = Amendment.model_validate({"contact": {}})
    assert amendments.touched(nothing) == {"contact"}
    assert amendments.changes_contact(nothing)


def test_an_erased_report_tells_of_no_word_and_no_contact() -> None:
    life = Lifecycle.model_validate(retention_rules.tombstone(taken_back(at_once=True), NOW).model_dump())
    gone = status_answer(
        {"received_at": datetime(2026, 11, 1, tzinfo=UTC), "life": life.model_dump()}, NOW, lambda *_: None
    )
    assert (gone.word_from, gone.contact_changed_at, gone.destroy_asked_at) == (None, None, None)


def test_the_status_needs_the_word_only_where_its_reporter_chose_so_and_once_it_counts() -> None:
    first = {waiting_period.WORD: "one"}
    assert not waiting_period.needed_for_status(first, NOW)
    chosen = first | waiting_period.with_word(first, "two", NOW, for_status=True)
    assert waiting_period.needed_for_status(chosen, NOW)
    assert waiting_period.needed_for_status(chosen | waiting_period.with_word(chosen, "three", NOW), NOW), "as before"
    ended = chosen | waiting_period.with_word(chosen, "three", NOW, for_status=False)
    assert not waiting_period.needed_for_status(ended, NOW)
    assert not waiting_period.needed_for_status({waiting_period.FOR_STATUS: True}, NOW), "there is no word"


def test_a_word_that_was_set_later_guards_the_status_only_when_it_counts() -> None:
    later = waiting_period.with_word({}, "one", NOW, for_status=True)
    assert not waiting_period.needed_for_status(later, JUST_BEFORE)
    assert waiting_period.needed_for_status(later, NOW + WAIT)
    assert waiting_period.needed_for_status(waiting_period.with_word(later, "two", NOW + WAIT), NOW + WAIT)
    ended = waiting_period.with_word(later, "two", NOW + WAIT, for_status=False)
    assert not waiting_period.needed_for_status(ended, NOW + WAIT)
    assert not waiting_period.needed_for_status(SET_LATER, NOW + WAIT)


def test_a_word_that_came_with_the_report_guards_the_status_from_the_start_where_it_was_chosen() -> None:
    guarded = waiting_period.submitted_with("one", for_status=True)
    assert waiting_period.needed_for_status(guarded, NOW)
    assert waiting_period.may_act_at_once(guarded)
    assert not waiting_period.needed_for_status(waiting_period.submitted_with("one", for_status=False), NOW)


@pytest.mark.parametrize(
    ("said", "calmed", "lower"),
    [
        ({"harm_types": ["distribution_threat"], "age_band": "14_18"}, {"age_band": "30s"}, Urgency.HIGH),
        ({"harm_types": ["other"], "threatened": True}, {"threatened": False}, Urgency.NORMAL),
    ],
)
def test_who_found_a_receipt_makes_no_report_less_urgent(
    said: dict[str, Any], calmed: dict[str, Any], lower: Urgency
) -> None:
    report = Submission.model_validate_json(orjson.dumps({"role": "victim", **said}))
    before = facts_of(report, triage(report, NOW), NOW.date())
    amendment = Amendment.model_validate_json(orjson.dumps(calmed))
    opened = {"answers": {name: value for name, value in said.items() if name == "threatened"}}
    now_true = amendments.merged(before, opened, amendment, receipt_alone=True)

    def amended(*, receipt_alone: bool) -> ReportFacts:
        return amendments.amended_facts(before, now_true, amendment, NOW, NOW.date(), receipt_alone=receipt_alone)

    after = amended(receipt_alone=True)
    assert (after.urgency, after.urgency_reasons) == (before.urgency, before.urgency_reasons)
    assert after.age_band == calmed.get("age_band", "unknown"), "what is said now stands"
    assert amended(receipt_alone=False).urgency is lower


def test_who_found_a_receipt_declines_more_centres_and_allows_none_again() -> None:
    before = facts().model_copy(update={"declined_centers": ("jeju",)})
    for said, alone, otherwise in (
        ((), ("jeju",), ()),
        (("busan",), ("jeju", "busan"), ("busan",)),
    ):
        for receipt_alone, declined in ((True, alone), (False, otherwise)):
            amendment = Amendment(declined_centers=said)
            now_true = amendments.merged(before, {"answers": {}}, amendment, receipt_alone=receipt_alone)
            assert now_true.declined_centers == declined


def test_who_found_a_receipt_chooses_no_centre_by_declining_the_others() -> None:
    many = Amendment(declined_centers=CENTER_IDS[:4])
    none_yet, as_many = facts(), facts().model_copy(update={"declined_centers": CENTER_IDS[:4]})
    with pytest.raises(NotAdmittedError) as error:
        amendments.merged(none_yet, {"answers": {}}, many, receipt_alone=True)
    assert (error.value.field, error.value.reason) == ("declined_centers", "too_many_declined")
    for before, receipt_alone in ((none_yet, False), (as_many, True)):
        kept = amendments.merged(before, {"answers": {}}, many, receipt_alone=receipt_alone)
        assert kept.declined_centers == CENTER_IDS[:4], "what was declined with the report or with the word stands"
    three = amendments.merged(none_yet, {"answers": {}}, Amendment(declined_centers=CENTER_IDS[:3]), receipt_alone=True)
    assert three.declined_centers == CENTER_IDS[:3]
